//! PostgreSQL: one pool.

use crate::same_rows::{Documents, TENANT};
use anyhow::Result;
use peer_user::User;
use serde_json::value::RawValue;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::types::Json;
use sqlx::{Postgres as Engine, Row, Transaction};
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
const EMAILS: &str = "INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
                      SELECT $1, $2, place - 1, value FROM unnest($3::text[]) WITH ORDINALITY AS e (value, place)";
const EXTERNAL_ID: &str = "INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
                           VALUES ($1, 'native', $2, $3)";
const HEAD: &str =
    "UPDATE heads SET revision = revision + 1, users = users + 1 WHERE tenant_id = $1 RETURNING revision";
const CHANGE: &str = "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, \
                      resource_id, member_id, version, before, after, erased) \
                      VALUES ($1, $2, $3, 'admin', 'admin', $4, 'user.created', 'user', $5, NULL, 1, NULL, $6, false)";

/// The pool.
pub(crate) struct Postgres(PgPool);

impl Postgres {
    /// Connects. A connection is not asked whether it lives before each use.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        let options = PgPoolOptions::new()
            .min_connections(connections)
            .max_connections(connections)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(30));
        Ok(Self(options.connect(url).await?))
    }

    /// One user.
    pub(crate) async fn read(&self, id: Uuid) -> Result<Option<User>> {
        let row = sqlx::query(READ).bind(id).fetch_optional(&self.0).await?;
        row.as_ref().map(user).transpose()
    }

    /// The users after an id.
    pub(crate) async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        let rows = sqlx::query(PAGE).bind(after).bind(limit).fetch_all(&self.0).await?;
        rows.iter().map(user).collect()
    }

    /// Inserts a user: a transaction of its own.
    pub(crate) async fn create(&self, user: &User) -> Result<()> {
        let insert = sqlx::query(CREATE).bind(user.id).bind(&user.external_id).bind(&user.user_name);
        let insert = insert.bind(&user.given_name).bind(&user.family_name).bind(&user.display_name);
        let insert = insert.bind(&user.title).bind(user.active).bind(Json(&user.emails)).bind(user.version);
        insert.bind(user.created_at).bind(user.updated_at).execute(&self.0).await?;
        Ok(())
    }

    /// Inserts what Roster inserts. The head comes late, so that its lock is held shortly.
    pub(crate) async fn create_same(&self, documents: &Documents, user: &User) -> Result<()> {
        let mut transaction = self.0.begin().await?;
        insert_user(&mut transaction, documents, user).await?;
        sqlx::query(EMAILS)
            .bind(TENANT)
            .bind(user.id)
            .bind(&documents.emails)
            .execute(&mut *transaction)
            .await?;
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

fn user(row: &PgRow) -> Result<User> {
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
