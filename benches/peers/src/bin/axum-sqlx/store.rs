//! The database of the peer, on either engine.

use crate::rows::Rows;
use anyhow::Result;
use peers::{User, server, sql};
use sqlx::pool::PoolOptions;
use sqlx::postgres::Postgres;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::types::Json;
use sqlx::{Database, Pool, Row};
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// The tenant that always exists.
const TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

const USER: &str = "INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, display_name_key, active, \
                    document, folded, version, created_at, updated_at) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const POSTGRES_EMAILS: &str = "INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
                               SELECT $1, $2, position - 1, value \
                               FROM jsonb_array_elements_text($3) WITH ORDINALITY AS e (value, position)";
const SQLITE_EMAILS: &str = "INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
                             SELECT $1, $2, key, value FROM json_each($3)";
const EXTERNAL_ID: &str = "INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
                           VALUES ($1, 'native', $2, $3)";
const HEAD: &str =
    "UPDATE heads SET revision = revision + 1, users = users + 1 WHERE tenant_id = $1 RETURNING revision";
const CHANGE: &str = "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, \
                      resource_id, member_id, version, before, after, erased) \
                      VALUES ($1, $2, $3, 'admin', 'admin', $4, 'user.created', 'user', $5, NULL, 1, NULL, $6, false)";

pub(crate) struct Store<E: Database> {
    readers: Pool<E>,
    writer: Pool<E>,
    full_schema: bool,
}

/// Readers and writers share one pool.
pub(crate) async fn postgres(url: &str, connections: u32, full_schema: bool) -> Result<Store<Postgres>> {
    let pool = pool(connections).connect(url).await?;
    Ok(Store { readers: pool.clone(), writer: pool, full_schema })
}

/// Commits are as durable as those of Roster. There is one writer, because waiting writers would poll the lock.
pub(crate) async fn sqlite(url: &str, connections: u32, full_schema: bool) -> Result<Store<Sqlite>> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let writer = pool(1).connect_with(options.clone()).await?;
    let readers = pool(connections).connect_with(options.read_only(true)).await?;
    Ok(Store { readers, writer, full_schema })
}

fn pool<E: Database>(connections: u32) -> PoolOptions<E> {
    PoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
}

/// Implements the store for an engine. A generic function would need a bound for every type that it binds and decodes.
macro_rules! store {
    ($engine:ty, $begin:literal, $emails:ident) => {
        impl server::Store for Store<$engine> {
            async fn read(&self, id: Uuid) -> Result<Option<User>> {
                let row = sqlx::query(sql::READ).bind(id).fetch_optional(&self.readers).await?;
                row.map(|row| peers::user!(row, Json)).transpose()
            }

            async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
                let rows = sqlx::query(sql::PAGE).bind(after).bind(limit).fetch_all(&self.readers).await?;
                rows.iter().map(|row| peers::user!(row, Json)).collect()
            }

            async fn create(&self, user: &User) -> Result<()> {
                if self.full_schema {
                    return self.create_rows(user, &Rows::of(user)?).await;
                }
                let insert = sqlx::query(sql::CREATE).bind(user.id).bind(&user.external_id);
                let insert = insert.bind(&user.user_name).bind(&user.name.given_name);
                let insert = insert.bind(&user.name.family_name).bind(&user.display_name).bind(&user.title);
                let insert = insert.bind(user.active).bind(Json(&user.emails)).bind(user.version);
                insert.bind(user.created_at).bind(user.updated_at).execute(&self.writer).await?;
                Ok(())
            }
        }

        impl Store<$engine> {
            /// The head is updated late, so that its lock is held briefly. The change needs its revision.
            async fn create_rows(&self, user: &User, rows: &Rows) -> Result<()> {
                let mut transaction = self.writer.begin_with($begin).await?;
                let insert = sqlx::query(USER).bind(TENANT).bind(user.id).bind(&user.user_name);
                let insert = insert.bind(&rows.user_name_key).bind(&user.display_name);
                let insert = insert.bind(&rows.display_name_key).bind(user.active).bind(&rows.document);
                let insert = insert.bind(&rows.folded).bind(user.version).bind(user.created_at);
                insert.bind(user.updated_at).execute(&mut *transaction).await?;
                let emails = sqlx::query($emails).bind(TENANT).bind(user.id).bind(Json(&rows.emails));
                emails.execute(&mut *transaction).await?;
                let external_id = sqlx::query(EXTERNAL_ID).bind(TENANT).bind(&user.external_id).bind(user.id);
                external_id.execute(&mut *transaction).await?;
                let head = sqlx::query_scalar(HEAD).bind(TENANT);
                let revision: i64 = head.fetch_one(&mut *transaction).await?;
                let change = sqlx::query(CHANGE).bind(TENANT).bind(revision).bind(user.created_at);
                let change = change.bind(Uuid::now_v7().to_string()).bind(user.id).bind(&rows.after);
                change.execute(&mut *transaction).await?;
                Ok(transaction.commit().await?)
            }
        }
    };
}

store!(Postgres, "BEGIN", POSTGRES_EMAILS);
store!(Sqlite, "BEGIN IMMEDIATE", SQLITE_EMAILS);
