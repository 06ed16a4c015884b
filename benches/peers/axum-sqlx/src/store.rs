//! The database of the peer, on either engine.

use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::{Rows, same_rows};
use anyhow::Result;
use peer_user::{User, server};
use uuid::Uuid;

/// A database and the rows that a create writes.
pub(crate) struct Store {
    engine: Engine,
    rows: Rows,
}

enum Engine {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

impl Store {
    /// Opens the database that the URL names.
    pub(crate) async fn open(url: &str, pool: u32, rows: Rows) -> Result<Self> {
        let engine = match url.starts_with("postgres") {
            true => Engine::Postgres(Postgres::open(url, pool).await?),
            false => Engine::Sqlite(Sqlite::open(url, pool).await?),
        };
        Ok(Self { engine, rows })
    }
}

impl server::Store for Store {
    async fn read(&self, id: Uuid) -> Result<Option<User>> {
        match &self.engine {
            Engine::Postgres(database) => database.read(id).await,
            Engine::Sqlite(database) => database.read(id).await,
        }
    }

    async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        match &self.engine {
            Engine::Postgres(database) => database.page(after, limit).await,
            Engine::Sqlite(database) => database.page(after, limit).await,
        }
    }

    async fn create(&self, user: &User) -> Result<()> {
        match (&self.engine, self.rows) {
            (Engine::Postgres(database), Rows::One) => database.create(user).await,
            (Engine::Sqlite(database), Rows::One) => database.create(user).await,
            (Engine::Postgres(database), Rows::Same) => {
                database.create_same(&same_rows::Documents::of(user)?, user).await
            }
            (Engine::Sqlite(database), Rows::Same) => {
                database.create_same(&same_rows::Documents::of(user)?, user).await
            }
        }
    }
}
