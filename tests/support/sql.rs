//! SQL statements of the tests themselves, on either engine.

use diesel::{QueryableByName, sql_query};
use roster::db::{Connection, DatabaseUrl};
use std::thread;
use std::time::{Duration, Instant};

/// A connection to the database that does not go through the server.
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
    /// Connects to the database of this `DATABASE_URL`.
    pub(crate) fn open(url: &str) -> Self {
        let separator = if url.contains('?') { '&' } else { '?' };
        // Distinguishes the connection from those of the server.
        let url = match url.starts_with("postgres") {
            true => format!("{url}{separator}application_name=test"),
            false => url.to_owned(),
        };
        let parsed: DatabaseUrl = url.parse().expect("the URL is a database URL");
        roster::db::create(&parsed).expect("the file exists or is created");
        Self(Connection::open(&parsed).unwrap_or_else(|error| panic!("cannot open {parsed}: {error}")))
    }

    /// Runs statements and ignores their rows.
    pub(crate) fn execute(&mut self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs statements that may fail.
    ///
    /// # Errors
    /// The error of the database engine.
    pub(crate) fn try_execute(&mut self, sql: &str) -> diesel::QueryResult<()> {
        self.0.batch_execute(sql)
    }

    /// The rows of a query with a single text column named `line`.
    pub(crate) fn lines(&mut self, sql: &str) -> Vec<String> {
        let rows = self.0.load::<Line>(sql_query(sql));
        rows.unwrap_or_else(|error| panic!("{sql}: {error}")).into_iter().map(|row| row.line).collect()
    }

    /// The value of a query that returns one row with a 64-bit integer named `number`.
    pub(crate) fn number(&mut self, sql: &str) -> i64 {
        let row = self.0.get::<Number>(sql_query(sql));
        row.unwrap_or_else(|error| panic!("{sql}: {error}")).number
    }

    /// Waits until [`Self::number`] returns `expected`.
    #[track_caller]
    pub(crate) fn wait_for_number(&mut self, sql: &str, expected: i64, limit: Duration) {
        wait_until(limit, sql, || self.number(sql) == expected);
    }

    /// Terminates the PostgreSQL sessions that match a condition on `pg_stat_activity`, once there are any, and waits until
    /// they have ended. New sessions that replace them are not waited for: a server can reconnect at any time.
    #[track_caller]
    pub(crate) fn terminate_sessions(&mut self, condition: &str) {
        let limit = Duration::from_secs(20);
        let matching = format!("SELECT pid::text AS line FROM pg_stat_activity WHERE {condition}");
        let mut pids = String::new();
        wait_until(limit, &matching, || {
            pids = self.lines(&matching).join(",");
            !pids.is_empty()
        });
        // Waits for up to 20 seconds. The view cannot tell when the sessions have ended: it does not change in a transaction.
        self.execute(&format!("SELECT pg_terminate_backend(pid, 20000) FROM unnest(ARRAY[{pids}]) AS pid"));
    }

    /// Waits until this many sessions of the PostgreSQL database wait for a lock.
    #[track_caller]
    pub(crate) fn wait_for_lock_waiters(&mut self, count: i64) {
        let waiters = "SELECT count(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        self.wait_for_number(waiters, count, Duration::from_secs(10));
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// If it does not hold within `limit`. The message contains `condition`, its description.
#[track_caller]
pub(crate) fn wait_until(limit: Duration, condition: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < limit, "still false after {limit:?}: {condition}");
        thread::sleep(Duration::from_millis(5));
    }
}
