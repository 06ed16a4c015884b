//! A new database on either engine, and locks that make writes wait.

use crate::support::sql::Sql;
use crate::support::{postgres, sqlite};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A new database, which is deleted when this is dropped.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

/// Turns each function that takes a reference to a fixture into one test per engine. The fixture is a type in scope
/// with the constructors `sqlite` and `postgres`.
macro_rules! on_both_engines {
    ($fixture:ident: $($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&super::$fixture::sqlite());
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&super::$fixture::postgres());
            })*
        }
    };
}
pub(crate) use on_both_engines;

impl Database {
    pub(crate) fn create(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::sqlite(),
            Engine::Postgres => Self::postgres(),
        }
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(sqlite::Database::create())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(postgres::Database::create())
    }

    /// A new database to which all migrations have been applied.
    pub(crate) fn migrated(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite(sqlite::Database::migrated()),
            Engine::Postgres => Self::Postgres(postgres::Database::migrated()),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(database) => database.url(),
            Self::Postgres(database) => database.url(),
        }
    }

    /// A connection for SQL statements of the test itself.
    pub(crate) fn sql(&self) -> Sql {
        Sql::open(&self.url())
    }

    /// The database file of SQLite.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(database) => database.url().strip_prefix("sqlite://").map(PathBuf::from),
            Self::Postgres(_) => None,
        }
    }

    /// Creates the empty file of SQLite, which a server that may not migrate does not create.
    pub(crate) fn create_file(&self) {
        if let Some(file) = self.file() {
            fs::write(file, "").expect("the file is created");
        }
    }

    /// Takes a lock that makes writes of this user wait. SQLite locks the whole database.
    pub(crate) fn lock(&self, user: &str) -> Lock {
        let (mut holder, watcher) = (self.sql(), self.sql());
        match self {
            Self::Sqlite(_) => holder.execute("BEGIN IMMEDIATE"),
            Self::Postgres(_) => {
                holder.execute(&format!("BEGIN; SELECT id FROM users WHERE id = '{user}' FOR UPDATE"));
            }
        }
        Lock { holder, watcher: matches!(self, Self::Postgres(_)).then_some(watcher) }
    }
}

/// Applies all migrations to an empty database.
pub(crate) fn migrate(url: &str) {
    roster::db::migrate::run(&url.parse().expect("the URL is a database URL"))
        .expect("the migrations are applied");
}

/// A lock that is held until it is released or dropped.
pub(crate) struct Lock {
    holder: Sql,
    watcher: Option<Sql>,
}

impl Lock {
    /// Waits until another session waits for the lock. SQLite does not report this, so there it returns at once.
    pub(crate) fn wait_for_waiter(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            let holder = self.holder.number("SELECT CAST(pg_backend_pid() AS bigint) AS number");
            let waiters = format!(
                "SELECT count(*) AS number FROM pg_stat_activity WHERE {holder} = ANY (pg_blocking_pids(pid))"
            );
            watcher.wait_for_number(&waiters, 1, Duration::from_secs(10));
        }
    }

    /// Releases the lock.
    pub(crate) fn release(mut self) {
        self.holder.execute("ROLLBACK");
    }
}
