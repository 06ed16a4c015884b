//! A database of either engine, and a way to make a write wait.

use crate::support::sql::Sql;
use crate::support::{postgres, sqlite};
use std::path::PathBuf;
use std::time::Duration;

/// A fresh database.
pub(crate) enum Database {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

/// Makes a test for each engine of functions that take a [`Database`].
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&crate::process::database::Database::sqlite());
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&crate::process::database::Database::postgres());
            })*
        }
    };
}
pub(crate) use on_both_engines;

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(sqlite::Database::create())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(postgres::Database::create())
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(database) => database.url(),
            Self::Postgres(database) => database.url(),
        }
    }

    pub(crate) fn sql(&self) -> Sql {
        Sql::open(&self.url())
    }

    /// SQLite's file.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(database) => database.url().strip_prefix("sqlite://").map(PathBuf::from),
            Self::Postgres(_) => None,
        }
    }

    /// Makes a write of this user wait until the lock is released.
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

/// A lock that is held until this is dropped.
pub(crate) struct Lock {
    holder: Sql,
    watcher: Option<Sql>,
}

impl Lock {
    /// Waits until somebody waits for it. SQLite does not tell, so there this returns at once.
    pub(crate) fn wait_for_a_waiter(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            let holder = self.holder.number("SELECT CAST(pg_backend_pid() AS bigint) AS number");
            let waiters = format!(
                "SELECT count(*) AS number FROM pg_stat_activity WHERE {holder} = ANY (pg_blocking_pids(pid))"
            );
            watcher.wait_for_number(&waiters, 1, Duration::from_secs(10));
        }
    }

    /// Lets the waiters go on.
    pub(crate) fn release(mut self) {
        self.holder.execute("ROLLBACK");
    }
}
