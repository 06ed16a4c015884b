//! Runs Diesel queries on a connection to either engine.

use super::conn::{Connection, on_engine};
use super::lock::{ForUpdate, Lock, Locking};
use super::sql::Statement;
use super::types::Uid;
use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgConnection;
use diesel::query_builder::AsQuery;
use diesel::query_dsl::LoadQuery;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::sqlite::SqliteConnection;
use diesel::{OptionalExtension, QueryResult, RunQueryDsl};

/// A query that runs on both engines and whose rows load as `U`.
pub trait Select<'q, U>: LoadQuery<'q, PgConnection, U> + LoadQuery<'q, SqliteConnection, U> {}

impl<'q, U, Q> Select<'q, U> for Q where Q: LoadQuery<'q, PgConnection, U> + LoadQuery<'q, SqliteConnection, U>
{}

/// A query whose rows can be locked for writing until the transaction ends.
pub trait Lockable<'q, U>: Select<'q, U> {
    /// The query that also locks.
    type Locked: Select<'q, U>;

    /// Locks the rows that the query returns (`FOR UPDATE`).
    fn locked(self) -> Self::Locked;
}

impl<'q, U, Q> Lockable<'q, U> for Q
where
    Q: Select<'q, U> + AsQuery,
    Locking<Q::Query, ForUpdate>: Select<'q, U>,
{
    type Locked = Locking<Q::Query, ForUpdate>;

    fn locked(self) -> Self::Locked {
        ForUpdate::on(self)
    }
}

/// A statement that runs on both engines and returns no rows.
pub trait Execute:
    RunQueryDsl<PgConnection>
    + RunQueryDsl<SqliteConnection>
    + ExecuteDsl<PgConnection>
    + ExecuteDsl<SqliteConnection>
{
}

impl<S> Execute for S where
    S: RunQueryDsl<PgConnection>
        + RunQueryDsl<SqliteConnection>
        + ExecuteDsl<PgConnection>
        + ExecuteDsl<SqliteConnection>
{
}

impl Connection {
    /// Loads all rows of a query.
    ///
    /// # Errors
    /// The engine's error.
    pub fn load<'q, U>(&mut self, query: impl Select<'q, U>) -> QueryResult<Vec<U>> {
        on_engine!(self, c => query.load(c))
    }

    /// Loads the first row of a query.
    ///
    /// # Errors
    /// [`diesel::NotFound`] if the query returns no row, or the engine's error.
    pub fn get<'q, U>(&mut self, query: impl Select<'q, U>) -> QueryResult<U> {
        on_engine!(self, c => query.get_result(c))
    }

    /// Loads the first row of a query, if it returns one.
    ///
    /// # Errors
    /// The engine's error.
    pub fn optional<'q, U>(&mut self, query: impl Select<'q, U>) -> QueryResult<Option<U>> {
        self.get(query).optional()
    }

    /// Executes a statement and returns the number of affected rows.
    ///
    /// # Errors
    /// The engine's error.
    pub fn execute(&mut self, statement: impl Execute) -> QueryResult<usize> {
        on_engine!(self, c => statement.execute(c))
    }

    /// Loads the first row of a query and locks it for writing until the transaction ends (`FOR UPDATE`).
    ///
    /// # Errors
    /// [`diesel::NotFound`] if the query returns no row, or the engine's error.
    pub fn lock<'q, U>(&mut self, query: impl Lockable<'q, U>) -> QueryResult<U> {
        self.get(query.locked())
    }

    /// Loads the first rows of a statement without a LIMIT. SQLite would prepare a statement with a bound LIMIT again
    /// at each execution, so on SQLite, reading stops at the limit instead.
    ///
    /// # Errors
    /// The engine's error.
    pub fn load_first<ST: 'static, U: 'static>(
        &mut self,
        statement: Statement<ST>,
        limit: usize,
    ) -> QueryResult<Vec<U>>
    where
        Statement<ST>: Select<'static, U>,
    {
        match self {
            Self::Postgres(c) => statement.limited(limit).load(c),
            Self::Sqlite(c) => statement.load_iter::<U, DefaultLoadingMode>(c)?.take(limit).collect(),
        }
    }

    /// Loads the rows of several ids: on PostgreSQL with one statement, to save round trips, and on SQLite with one
    /// statement per id, because a list would need a prepared statement for each length.
    ///
    /// # Errors
    /// The engine's error.
    pub fn load_ids<'q, U, P, S>(
        &mut self,
        ids: impl IntoIterator<Item = Uid>,
        all: impl FnOnce(Vec<Uid>) -> P,
        one: impl Fn(Uid) -> S,
    ) -> QueryResult<Vec<U>>
    where
        P: LoadQuery<'q, PgConnection, U>,
        S: LoadQuery<'q, SqliteConnection, U>,
    {
        let ids = ids.into_iter();
        match self {
            Self::Postgres(c) => all(ids.collect()).load(c),
            Self::Sqlite(c) => ids.filter_map(|id| one(id).get_result(c).optional().transpose()).collect(),
        }
    }
}
