//! SQL that is put together at run time: text and bound values, for either engine.

use super::error::DbError;
use super::types::{Id, Uid};
use crate::domain::filter::Value;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;
use std::borrow::Cow;
use std::marker::PhantomData;
use uuid::Uuid;

/// The SQL that the two engines spell differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL's.
    Postgres,
    /// SQLite's.
    Sqlite,
}

/// A condition, or what stands behind ORDER BY.
#[derive(Clone, Debug, Default)]
pub struct Fragment {
    pieces: Vec<Piece>,
    /// Whether its text is one of so many that a connection would not be able to keep them all prepared.
    one_of_many: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Sql(Cow<'static, str>),
    Text(String),
    Integer(i64),
    Boolean(bool),
    Id(Uid),
    Ids(Ids),
}

/// A set of ids in one bound value, so that the text of a query does not depend on how many they are.
#[derive(Clone, Debug)]
struct Ids {
    array: Vec<Uid>,
    /// A JSON list of hexadecimal strings, which is how SQLite takes a set.
    json: String,
}

impl Fragment {
    /// The condition that always holds.
    #[must_use]
    pub fn truth() -> Self {
        let mut truth = Self::default();
        truth.sql("TRUE");
        truth
    }

    /// Adds text.
    pub fn sql(&mut self, sql: impl Into<Cow<'static, str>>) -> &mut Self {
        self.pieces.push(Piece::Sql(sql.into()));
        self
    }

    /// Adds a bound value.
    pub fn value(&mut self, value: Value) -> &mut Self {
        self.pieces.push(match value {
            Value::Text(text) => Piece::Text(text),
            Value::Integer(number) => Piece::Integer(number),
            Value::Boolean(truth) => Piece::Boolean(truth),
            Value::Id(id) => Piece::Id(Uid(id)),
        });
        self
    }

    /// Adds the condition that what stands before it is one of these ids.
    pub fn is_one_of(&mut self, ids: &[Uuid]) -> &mut Self {
        let hexadecimal = ids.iter().map(|id| id.simple().to_string());
        let json = serde_json::Value::from_iter(hexadecimal).to_string();
        self.pieces.push(Piece::Ids(Ids { array: ids.iter().copied().map(Uid).collect(), json }));
        self
    }

    /// Adds rows of a PostgreSQL table in one bound value, as a table to select from: the text of the statement does not
    /// depend on how many they are, so that it stays prepared.
    ///
    /// # Errors
    /// When a row is not to be written as JSON.
    pub fn rows(&mut self, table: &'static str, rows: &[impl Serialize]) -> Result<&mut Self, DbError> {
        let json = serde_json::to_string(rows).map_err(|error| DbError::Internal(error.to_string()))?;
        self.sql("json_populate_recordset(NULL::").sql(table).sql(", ");
        self.value(Value::Text(json)).sql("::json)");
        Ok(self)
    }

    /// Adds another condition, which must hold too.
    pub fn also(&mut self, other: &Self) -> &mut Self {
        self.sql(" AND ");
        self.pieces.extend(other.pieces.iter().cloned());
        self.one_of_many |= other.one_of_many;
        self
    }

    /// Has it prepared anew each time: there are too many texts like this one to keep them all.
    pub fn unprepared(&mut self) -> &mut Self {
        self.one_of_many = true;
        self
    }
}

/// The trait's one function has the same body for both engines but for the set of ids, and Diesel ties every bound
/// value to an engine.
macro_rules! fragment_on {
    ($engine:ty, |$out:ident, $ids:ident| $write_ids:expr) => {
        impl QueryFragment<$engine> for Fragment {
            fn walk_ast<'b>(&'b self, mut $out: AstPass<'_, 'b, $engine>) -> QueryResult<()> {
                if self.one_of_many {
                    $out.unsafe_to_cache_prepared();
                }
                for piece in &self.pieces {
                    match piece {
                        Piece::Sql(sql) => $out.push_sql(sql),
                        Piece::Text(text) => $out.push_bind_param::<Text, _>(text)?,
                        Piece::Integer(number) => $out.push_bind_param::<BigInt, _>(number)?,
                        Piece::Boolean(truth) => $out.push_bind_param::<Bool, _>(truth)?,
                        Piece::Id(id) => $out.push_bind_param::<Id, _>(id)?,
                        Piece::Ids($ids) => $write_ids,
                    }
                }
                Ok(())
            }
        }
    };
}

fragment_on!(Pg, |out, ids| {
    out.push_sql(" = ANY(");
    out.push_bind_param::<Array<Id>, _>(&ids.array)?;
    out.push_sql(")");
});

fragment_on!(Sqlite, |out, ids| {
    out.push_sql(" IN (SELECT unhex(value) FROM json_each(");
    out.push_bind_param::<Text, _>(&ids.json)?;
    out.push_sql("))");
});

/// A fragment that is a whole statement of PostgreSQL, giving rows of `ST`.
#[derive(Debug)]
pub struct Statement<ST> {
    fragment: Fragment,
    rows: PhantomData<ST>,
}

impl<ST> Statement<ST> {
    /// The statement.
    #[must_use]
    pub fn of(fragment: Fragment) -> Self {
        Self { fragment, rows: PhantomData }
    }
}

impl<ST> QueryFragment<Pg> for Statement<ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.fragment.walk_ast(out)
    }
}

impl<ST> Query for Statement<ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<PgConnection> for Statement<ST> {}

impl<ST> QueryId for Statement<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for Fragment {
    type SqlType = Bool;
}

impl<T> AppearsOnTable<T> for Fragment {}

impl ValidGrouping<()> for Fragment {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for Fragment {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
