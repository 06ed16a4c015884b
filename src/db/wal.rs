//! SQLite's write-ahead log.

use super::Connection;
use diesel::sql_types::Integer;
use diesel::{QueryResult, QueryableByName, sql_query};

/// The maximum time, in milliseconds, that truncating the log waits for readers. It lets short reads end. A reader that
/// keeps the log open longer must not keep the writer waiting.
const MAX_WAIT: i32 = 20;

#[derive(QueryableByName)]
struct BusyTimeout {
    #[diesel(sql_type = Integer)]
    timeout: i32,
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

impl Connection {
    /// Copies SQLite's write-ahead log to the database file and truncates it, which must not happen in a transaction.
    /// Returns whether this succeeded: it does not while a reader uses the log. PostgreSQL has no such log.
    ///
    /// # Errors
    /// The engine's error.
    pub fn truncate_log(&mut self) -> QueryResult<bool> {
        let Self::Sqlite(_) = self else { return Ok(true) };
        let BusyTimeout { timeout } = self.get(sql_query("PRAGMA busy_timeout"))?;
        self.batch_execute(&format!("PRAGMA busy_timeout = {MAX_WAIT}"))?;
        let checkpoint: QueryResult<Checkpoint> = self.get(sql_query("PRAGMA wal_checkpoint(TRUNCATE)"));
        self.batch_execute(&format!("PRAGMA busy_timeout = {timeout}"))?;
        Ok(checkpoint?.busy == 0)
    }
}
