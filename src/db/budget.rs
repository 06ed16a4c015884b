//! Limits the total size of the documents that a query reads, so that a page of large documents does not exhaust
//! memory.

use super::conn::Connection;
use super::query::Select;
use super::types::Measured;
use diesel::QueryResult;
use diesel::connection::DefaultLoadingMode;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::query_dsl::LoadQuery;
use std::fmt::Debug;

/// The maximum number of documents, each of about 64 KiB at most, that PostgreSQL may send at once. Longer results are
/// read row by row.
const ROWS_AT_ONCE: usize = 128;

/// The total size of the documents that may be read, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    limit: usize,
    spent: usize,
}

/// A row whose stored size is known.
pub trait StoredSize {
    /// The size of the documents in the row, in bytes.
    fn stored_size(&self) -> usize;
}

impl<T: Debug> StoredSize for Measured<T> {
    fn stored_size(&self) -> usize {
        self.bytes
    }
}

impl Budget {
    /// A budget of this many bytes.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        Self { limit, spent: 0 }
    }

    /// A budget without a limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::of(usize::MAX)
    }

    /// The total size, in bytes, of the documents that have been read.
    #[must_use]
    pub fn spent(self) -> usize {
        self.spent
    }

    /// Whether the limit has been reached. The row that reaches the limit is part of the result.
    #[must_use]
    pub fn is_spent(self) -> bool {
        self.spent >= self.limit
    }

    /// Adds this many bytes to the size of the documents that have been read.
    pub fn spend(&mut self, bytes: usize) {
        self.spent = self.spent.saturating_add(bytes);
    }

    fn collect<U: StoredSize>(
        &mut self,
        rows: impl Iterator<Item = QueryResult<U>>,
        limit: usize,
    ) -> QueryResult<Vec<U>> {
        let mut collected = Vec::new();
        for row in rows.take(limit) {
            let row = row?;
            self.spend(row.stored_size());
            collected.push(row);
            if self.is_spent() {
                break;
            }
        }
        Ok(collected)
    }
}

impl Connection {
    /// Loads the first rows of a query, at most `limit`, until the budget is spent. On PostgreSQL, the query itself must
    /// contain the limit.
    ///
    /// # Errors
    /// The engine's error.
    pub fn load_within<U, Q>(&mut self, query: Q, limit: usize, budget: &mut Budget) -> QueryResult<Vec<U>>
    where
        U: StoredSize + 'static,
        Q: Select<'static, U> + LoadQuery<'static, PgConnection, U, PgRowByRowLoadingMode> + 'static,
    {
        match self {
            Self::Postgres(c) if limit <= ROWS_AT_ONCE || budget.limit == usize::MAX => {
                budget.collect(query.load_iter::<U, DefaultLoadingMode>(c)?, limit)
            }
            Self::Postgres(c) => budget.collect(query.load_iter::<U, PgRowByRowLoadingMode>(c)?, limit),
            Self::Sqlite(c) => budget.collect(query.load_iter::<U, DefaultLoadingMode>(c)?, limit),
        }
    }
}
