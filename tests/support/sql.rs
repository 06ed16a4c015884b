//! SQL beside the server, on either engine.

use diesel::{QueryableByName, sql_query};
use roster::db::{Connection, DatabaseUrl};
use std::thread;
use std::time::{Duration, Instant};

/// A connection of the test's own.
pub(crate) struct Sql(Connection);

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}

impl Sql {
    /// Opens what `DATABASE_URL` names.
    pub(crate) fn open(url: &str) -> Self {
        let sign = if url.contains('?') { '&' } else { '?' };
        // So that it is not taken for one of the server's connections.
        let url = match url.starts_with("postgres") {
            true => format!("{url}{sign}application_name=test"),
            false => url.to_owned(),
        };
        let parsed: DatabaseUrl = url.parse().expect("a database URL");
        Self(Connection::open(&parsed).unwrap_or_else(|error| panic!("cannot open {parsed}: {error}")))
    }

    /// Runs statements whose rows do not matter.
    pub(crate) fn execute(&mut self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs statements that may fail.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn try_execute(&mut self, sql: &str) -> diesel::QueryResult<()> {
        self.0.batch_execute(sql)
    }

    /// The rows of a query of one column, which is text and named `line`.
    pub(crate) fn lines(&mut self, sql: &str) -> Vec<String> {
        let rows = self.0.load::<Line>(sql_query(sql));
        rows.unwrap_or_else(|error| panic!("{sql}: {error}")).into_iter().map(|row| row.line).collect()
    }

    /// The one row of a query of one column, which is a 64-bit integer and named `number`.
    pub(crate) fn number(&mut self, sql: &str) -> i64 {
        let row = self.0.get::<Number>(sql_query(sql));
        row.unwrap_or_else(|error| panic!("{sql}: {error}")).number
    }

    /// Waits until [`Self::number`] gives what is wanted.
    #[track_caller]
    pub(crate) fn wait_for_number(&mut self, sql: &str, wanted: i64, limit: Duration) {
        wait_until(limit, sql, || self.number(sql) == wanted);
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// When it does not within `limit`, with `what` was waited for.
#[track_caller]
pub(crate) fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
