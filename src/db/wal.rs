//! SQLite's write-ahead log.

use super::Connection;
use diesel::sql_types::Integer;
use diesel::{QueryResult, QueryableByName, sql_query};

/// The maximum time, in milliseconds, to wait for readers before truncating the log. Short reads finish within this
/// time; longer ones must not delay the writer.
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
    /// Copies SQLite's write-ahead log to the database file and truncates the log. Must not be called in a transaction.
    /// Returns `false` if a reader still uses the log. On PostgreSQL, does nothing and returns `true`.
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
