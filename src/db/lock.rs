//! Row locks of PostgreSQL. SQLite has a single writer and needs none.

use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{QueryResult, RunQueryDsl};
use std::marker::PhantomData;

/// A row lock mode.
pub trait Lock: Sized {
    /// The locking clause.
    const CLAUSE: &'static str;

    /// Locks the rows of a query until the transaction ends.
    fn on<Q: AsQuery>(query: Q) -> Locking<Q::Query, Self> {
        Locking { query: query.as_query(), lock: PhantomData }
    }
}

/// The lock for rows that the transaction writes. It conflicts with every other lock.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct ForUpdate;

impl Lock for ForUpdate {
    const CLAUSE: &'static str = " FOR UPDATE";
}

/// The lock for rows that must continue to exist. It conflicts only with deletion and with changes of the primary key.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct ForKeyShare;

impl Lock for ForKeyShare {
    const CLAUSE: &'static str = " FOR KEY SHARE";
}

/// A query that locks its rows. Diesel's own locking clauses do not compile for SQLite.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct Locking<Q, L> {
    query: Q,
    lock: PhantomData<L>,
}

impl<Q: QueryFragment<Pg>, L: Lock> QueryFragment<Pg> for Locking<Q, L> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(L::CLAUSE);
        Ok(())
    }
}

impl<Q: QueryFragment<Sqlite>, L> QueryFragment<Sqlite> for Locking<Q, L> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }
}

impl<Q: Query, L> Query for Locking<Q, L> {
    type SqlType = Q::SqlType;
}

impl<Q, L> RunQueryDsl<PgConnection> for Locking<Q, L> {}

impl<Q, L> RunQueryDsl<SqliteConnection> for Locking<Q, L> {}
