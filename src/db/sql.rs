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

/// A condition, what stands behind ORDER BY, or a whole statement.
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
    Ids(Set<Uid>),
    Texts(Set<String>),
}

/// A set in one bound value, so that the text of a query does not depend on how many they are.
#[derive(Clone, Debug)]
struct Set<T> {
    array: Vec<T>,
    /// A JSON list of strings, which is how SQLite takes a set; ids are hexadecimal.
    json: String,
}

impl Fragment {
    /// The condition that always holds.
    #[must_use]
    pub fn truth() -> Self {
        Self::of("TRUE")
    }

    /// The fragment of a text.
    #[must_use]
    pub fn of(sql: &'static str) -> Self {
        let mut fragment = Self::default();
        fragment.sql(sql);
        fragment
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
        self.pieces.push(Piece::Ids(Set { array: ids.iter().copied().map(Uid).collect(), json }));
        self
    }

    /// The same of texts.
    pub fn is_one_of_texts(&mut self, texts: impl IntoIterator<Item = String>) -> &mut Self {
        let array: Vec<_> = texts.into_iter().collect();
        let json = serde_json::Value::from_iter(array.iter().map(String::as_str)).to_string();
        self.pieces.push(Piece::Texts(Set { array, json }));
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

    /// Adds another fragment.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.pieces.extend(other.pieces.iter().cloned());
        self.one_of_many |= other.one_of_many;
        self
    }

    /// Adds another condition, which must hold too.
    pub fn also(&mut self, other: &Self) -> &mut Self {
        self.sql(" AND ").append(other)
    }

    /// Has it prepared anew each time: there are too many texts like this one to keep them all.
    pub fn unprepared(&mut self) -> &mut Self {
        self.one_of_many = true;
        self
    }
}

/// The trait's one function has the same body for both engines but for sets, and Diesel ties every bound value to an
/// engine.
macro_rules! fragment_on {
    ($engine:ty, $out:ident, ids($ids:ident) $write_ids:block, texts($texts:ident) $write_texts:block) => {
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
                        Piece::Texts($texts) => $write_texts,
                    }
                }
                Ok(())
            }
        }

        impl<ST> QueryFragment<$engine> for Statement<ST> {
            fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, $engine>) -> QueryResult<()> {
                self.fragment.walk_ast(out)
            }
        }
    };
}

fragment_on!(
    Pg,
    out,
    ids(ids) {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<Id>, _>(&ids.array)?;
        out.push_sql(")");
    },
    texts(texts) {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<Text>, _>(&texts.array)?;
        out.push_sql(")");
    }
);

fragment_on!(
    Sqlite,
    out,
    ids(ids) {
        out.push_sql(" IN (SELECT unhex(value) FROM json_each(");
        out.push_bind_param::<Text, _>(&ids.json)?;
        out.push_sql("))");
    },
    texts(texts) {
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, _>(&texts.json)?;
        out.push_sql("))");
    }
);

/// A fragment that is a whole statement, giving rows of `ST`. Like any query it is kept prepared, by its text.
#[derive(Debug)]
pub struct Statement<ST> {
    fragment: Fragment,
    rows: PhantomData<ST>,
}

impl<ST: 'static> Statement<ST> {
    /// The statement of a fragment.
    #[must_use]
    pub fn of(fragment: Fragment) -> Self {
        Self { fragment, rows: PhantomData }
    }

    /// The statement with at most `most` rows, as a bound LIMIT.
    #[must_use]
    pub(super) fn limited(mut self, most: usize) -> Self {
        let most = Value::Integer(i64::try_from(most).unwrap_or(i64::MAX));
        self.fragment.sql(" LIMIT ").value(most);
        self
    }
}

impl<ST> Query for Statement<ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<PgConnection> for Statement<ST> {}

impl<ST> RunQueryDsl<SqliteConnection> for Statement<ST> {}

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
