//! PostgreSQL: one pool.

use crate::same_rows::{Documents, TENANT};
use crate::statements::{CHANGE, EXTERNAL_ID, HEAD, USER, statements};
use anyhow::Result;
use peer_user::User;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::types::Json;
use sqlx::{Row, Transaction};
use std::time::Duration;
use uuid::Uuid;

const EMAILS: &str = "INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
                      SELECT $1, $2, place - 1, value FROM unnest($3::text[]) WITH ORDINALITY AS e (value, place)";

/// The pool.
pub(crate) struct Postgres(PgPool);

impl Postgres {
    /// Connects. The pool does not ping a connection before each use.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        let options = PgPoolOptions::new()
            .min_connections(connections)
            .max_connections(connections)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(30));
        Ok(Self(options.connect(url).await?))
    }

    pub(crate) async fn read(&self, id: Uuid) -> Result<Option<User>> {
        read(&self.0, id).await
    }

    pub(crate) async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        page(&self.0, after, limit).await
    }

    /// Inserts a user in its own transaction.
    pub(crate) async fn create(&self, user: &User) -> Result<()> {
        create(&self.0, user).await
    }

    /// Inserts the rows that Roster inserts.
    pub(crate) async fn create_same(&self, documents: &Documents, user: &User) -> Result<()> {
        let mut transaction = self.0.begin().await?;
        insert_user(&mut transaction, documents, user).await?;
        let insert = sqlx::query(EMAILS).bind(TENANT).bind(user.id).bind(&documents.emails);
        insert.execute(&mut *transaction).await?;
        record_change(&mut transaction, documents, user).await?;
        Ok(transaction.commit().await?)
    }
}

statements!(sqlx::Postgres);
