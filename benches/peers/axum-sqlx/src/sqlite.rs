//! SQLite: a pool of readers and one writer, because waiting writers would poll the lock.

use crate::same_rows::{Documents, TENANT};
use crate::statements::{CHANGE, EXTERNAL_ID, HEAD, USER, statements};
use anyhow::Result;
use peer_user::User;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::types::Json;
use sqlx::{Row, Transaction};
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

const EMAIL: &str =
    "INSERT INTO user_emails (tenant_id, user_id, position, value_key) VALUES ($1, $2, $3, $4)";

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pools.
pub(crate) struct Sqlite {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Sqlite {
    /// Opens the file with the durability of Roster: WAL and a sync for each commit.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = pool(1).connect_with(options.clone()).await?;
        let readers = pool(connections).connect_with(options.read_only(true)).await?;
        Ok(Self { readers, writer })
    }

    pub(crate) async fn read(&self, id: Uuid) -> Result<Option<User>> {
        read(&self.readers, id).await
    }

    pub(crate) async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        page(&self.readers, after, limit).await
    }

    /// Inserts a user in its own transaction.
    pub(crate) async fn create(&self, user: &User) -> Result<()> {
        create(&self.writer, user).await
    }

    /// Inserts the rows that Roster inserts.
    pub(crate) async fn create_same(&self, documents: &Documents, user: &User) -> Result<()> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        insert_user(&mut transaction, documents, user).await?;
        for (position, email) in (0_i64..).zip(&documents.emails) {
            let insert = sqlx::query(EMAIL).bind(TENANT).bind(user.id).bind(position).bind(email);
            insert.execute(&mut *transaction).await?;
        }
        record_change(&mut transaction, documents, user).await?;
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

statements!(sqlx::Sqlite);
