//! SQL that is built at run time from text and bound values, for either engine.

use super::error::DbError;
use super::types::{Id, Uid};
use crate::domain::filter::Value;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Double, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;
use std::borrow::Cow;
use std::marker::PhantomData;
use uuid::Uuid;

/// A part of a statement, such as a condition or an ORDER BY list, or a whole statement.
#[derive(Clone, Debug, Default)]
pub struct Fragment {
    parts: Vec<Part>,
    /// Whether to bypass the cache of prepared statements.
    unprepared: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Sql(Cow<'static, str>),
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Id(Uid),
    Ids(Set<Uid>),
    Texts(Set<String>),
}

/// A set as a single bound value, so that the text of a statement does not depend on its size.
#[derive(Clone, Debug)]
struct Set<T> {
    array: Vec<T>,
    /// The set as a JSON array of strings, for SQLite. Ids are hexadecimal.
    json: String,
}

impl Fragment {
    /// A condition that is always true.
    #[must_use]
    pub fn truth() -> Self {
        Self::of("TRUE")
    }

    /// A fragment that consists of text.
    #[must_use]
    pub fn of(sql: &'static str) -> Self {
        let mut fragment = Self::default();
        fragment.sql(sql);
        fragment
    }

    /// Appends text.
    pub fn sql(&mut self, sql: impl Into<Cow<'static, str>>) -> &mut Self {
        self.parts.push(Part::Sql(sql.into()));
        self
    }

    /// Appends a bound value.
    pub fn value(&mut self, value: Value) -> &mut Self {
        self.parts.push(match value {
            Value::Text(text) => Part::Text(text),
            Value::Integer(number) => Part::Integer(number),
            Value::Boolean(truth) => Part::Boolean(truth),
            Value::Id(id) => Part::Id(Uid(id)),
        });
        self
    }

    /// Appends a bound 64-bit floating-point number.
    pub fn float(&mut self, number: f64) -> &mut Self {
        self.parts.push(Part::Float(number));
        self
    }

    /// Appends a comparison of the preceding column with a set of ids.
    pub fn is_one_of(&mut self, ids: &[Uuid]) -> &mut Self {
        let hexadecimal = ids.iter().map(|id| id.simple().to_string());
        let json = serde_json::Value::from_iter(hexadecimal).to_string();
        self.parts.push(Part::Ids(Set { array: ids.iter().copied().map(Uid).collect(), json }));
        self
    }

    /// Appends a comparison of the preceding column with a set of texts.
    pub fn is_one_of_texts(&mut self, texts: impl IntoIterator<Item = String>) -> &mut Self {
        let array: Vec<_> = texts.into_iter().collect();
        let json = serde_json::Value::from_iter(array.iter().map(String::as_str)).to_string();
        self.parts.push(Part::Texts(Set { array, json }));
        self
    }

    /// Appends rows of a PostgreSQL table as a table expression. They are a single bound value, so that the text of the
    /// statement does not depend on their number and the statement stays prepared.
    ///
    /// # Errors
    /// [`DbError::Internal`] if a row cannot be serialized as JSON.
    pub fn rows(&mut self, table: &'static str, rows: &[impl Serialize]) -> Result<&mut Self, DbError> {
        let json = serde_json::to_string(rows).map_err(|error| DbError::Internal(error.to_string()))?;
        self.sql("json_populate_recordset(NULL::").sql(table).sql(", ");
        self.value(Value::Text(json)).sql("::json)");
        Ok(self)
    }

    /// Appends another fragment.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.parts.extend(other.parts.iter().cloned());
        self.unprepared |= other.unprepared;
        self
    }

    /// Appends ` AND ` and another condition.
    pub fn and_condition(&mut self, other: &Self) -> &mut Self {
        self.sql(" AND ").append(other)
    }

    /// Bypasses the cache of prepared statements, because the text varies too much to be worth caching.
    pub fn unprepared(&mut self) -> &mut Self {
        self.unprepared = true;
        self
    }
}

/// Implements `QueryFragment` for one engine, because Diesel ties each bound value to an engine. Only sets differ
/// between the engines.
macro_rules! fragment_on {
    ($engine:ty, $out:ident, ids($ids:ident) $write_ids:block, texts($texts:ident) $write_texts:block) => {
        impl QueryFragment<$engine> for Fragment {
            fn walk_ast<'b>(&'b self, mut $out: AstPass<'_, 'b, $engine>) -> QueryResult<()> {
                if self.unprepared {
                    $out.unsafe_to_cache_prepared();
                }
                for part in &self.parts {
                    match part {
                        Part::Sql(sql) => $out.push_sql(sql),
                        Part::Text(text) => $out.push_bind_param::<Text, _>(text)?,
                        Part::Integer(number) => $out.push_bind_param::<BigInt, _>(number)?,
                        Part::Float(number) => $out.push_bind_param::<Double, _>(number)?,
                        Part::Boolean(truth) => $out.push_bind_param::<Bool, _>(truth)?,
                        Part::Id(id) => $out.push_bind_param::<Id, _>(id)?,
                        Part::Ids($ids) => $write_ids,
                        Part::Texts($texts) => $write_texts,
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

/// A whole statement, which returns rows of `ST`. It is cached as a prepared statement by its text.
#[derive(Debug)]
pub struct Statement<ST> {
    fragment: Fragment,
    rows: PhantomData<ST>,
}

impl<ST: 'static> Statement<ST> {
    /// Turns a fragment into a statement.
    #[must_use]
    pub fn of(fragment: Fragment) -> Self {
        Self { fragment, rows: PhantomData }
    }

    /// Appends a bound LIMIT.
    #[must_use]
    pub fn limited(mut self, limit: usize) -> Self {
        let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
        self.fragment.sql(" LIMIT ").value(limit);
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
