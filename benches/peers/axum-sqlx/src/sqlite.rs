//! SQLite: a pool of readers, and one writer, so that no two writers wait for each other by sleeping.

use crate::same_rows::{Documents, TENANT};
use anyhow::Result;
use peer_user::User;
use serde_json::value::RawValue;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::types::Json;
use sqlx::{Row, Sqlite as Engine, Transaction};
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

const READ: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                    version, created_at, updated_at FROM peer_users WHERE id = $1";
const PAGE: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                    version, created_at, updated_at FROM peer_users WHERE id > $1 ORDER BY id LIMIT $2";
const CREATE: &str = "INSERT INTO peer_users (id, external_id, user_name, given_name, family_name, display_name, title, \
                      active, emails, version, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const USER: &str = "INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, display_name_key, active, \
                    document, folded, version, created_at, updated_at) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const EMAIL: &str =
    "INSERT INTO user_emails (tenant_id, user_id, position, value_key) VALUES ($1, $2, $3, $4)";
const EXTERNAL_ID: &str = "INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
                           VALUES ($1, 'native', $2, $3)";
const HEAD: &str =
    "UPDATE heads SET revision = revision + 1, users = users + 1 WHERE tenant_id = $1 RETURNING revision";
const CHANGE: &str = "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, \
                      resource_id, member_id, version, before, after, erased) \
                      VALUES ($1, $2, $3, 'admin', 'admin', $4, 'user.created', 'user', $5, NULL, 1, NULL, $6, false)";

/// How long a statement waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pools.
pub(crate) struct Sqlite {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Sqlite {
    /// Opens the file, as safe as Roster: WAL, and a sync for each commit.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await?;
        let readers = pool(connections).connect_with(options.read_only(true)).await?;
        Ok(Self { readers, writer })
    }

    /// One user.
    pub(crate) async fn read(&self, id: Uuid) -> Result<Option<User>> {
        let row = sqlx::query(READ).bind(id).fetch_optional(&self.readers).await?;
        row.as_ref().map(user).transpose()
    }

    /// The users after an id.
    pub(crate) async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        let rows = sqlx::query(PAGE).bind(after).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(user).collect()
    }

    /// Inserts a user: a transaction of its own.
    pub(crate) async fn create(&self, user: &User) -> Result<()> {
        let insert = sqlx::query(CREATE).bind(user.id).bind(&user.external_id).bind(&user.user_name);
        let insert = insert.bind(&user.given_name).bind(&user.family_name).bind(&user.display_name);
        let insert = insert.bind(&user.title).bind(user.active).bind(Json(&user.emails)).bind(user.version);
        insert.bind(user.created_at).bind(user.updated_at).execute(&self.writer).await?;
        Ok(())
    }

    /// Inserts what Roster inserts.
    pub(crate) async fn create_same(&self, documents: &Documents, user: &User) -> Result<()> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        insert_user(&mut transaction, documents, user).await?;
        for (position, email) in (0_i64..).zip(&documents.emails) {
            let insert = sqlx::query(EMAIL).bind(TENANT).bind(user.id).bind(position).bind(email);
            insert.execute(&mut *transaction).await?;
        }
        if let Some(id) = &user.external_id {
            sqlx::query(EXTERNAL_ID).bind(TENANT).bind(id).bind(user.id).execute(&mut *transaction).await?;
        }
        let revision: i64 = sqlx::query_scalar(HEAD).bind(TENANT).fetch_one(&mut *transaction).await?;
        let change = sqlx::query(CHANGE).bind(TENANT).bind(revision).bind(user.created_at);
        let change = change.bind(&documents.request_id).bind(user.id).bind(&documents.after);
        change.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
}

async fn insert_user(
    transaction: &mut Transaction<'_, Engine>,
    documents: &Documents,
    user: &User,
) -> Result<()> {
    let insert =
        sqlx::query(USER).bind(TENANT).bind(user.id).bind(&user.user_name).bind(&documents.user_name_key);
    let insert = insert.bind(&user.display_name).bind(&documents.display_name_key).bind(user.active);
    let insert = insert.bind(&documents.document).bind(&documents.folded).bind(user.version);
    insert.bind(user.created_at).bind(user.updated_at).execute(&mut **transaction).await?;
    Ok(())
}

fn user(row: &SqliteRow) -> Result<User> {
    let emails: Json<Box<RawValue>> = row.try_get(8)?;
    Ok(User {
        id: row.try_get(0)?,
        external_id: row.try_get(1)?,
        user_name: row.try_get(2)?,
        given_name: row.try_get(3)?,
        family_name: row.try_get(4)?,
        display_name: row.try_get(5)?,
        title: row.try_get(6)?,
        active: row.try_get(7)?,
        emails: emails.0,
        version: row.try_get(9)?,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
    })
}
