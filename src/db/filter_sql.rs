//! Filters as SQL: what a row must fulfil, and by which indexes the rows are found that may fulfil it.
//!
//! NULL passes no test, and `not` is `IS NOT TRUE`: so inside `and` and `or`, which are all that stands around a test,
//! NULL and false are the same.

use super::sql::{Dialect, Fragment};
use crate::domain::filter::{Filter, Path, Test, Value};
use std::ops::Bound::{self, Excluded, Included, Unbounded};

/// The condition that a row of `users` fulfils the filter, asked by a caller of `source`.
#[must_use]
pub fn matches(filter: &Filter, dialect: Dialect, source: &str) -> Fragment {
    let mut writer = Writer { out: Fragment::default(), dialect, source };
    writer.filter(filter, Row::User);
    if !filter.is_single() {
        writer.out.unprepared();
    }
    writer.out
}

/// What a path starts at.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    User,
    Element,
}

struct Writer<'w> {
    out: Fragment,
    dialect: Dialect,
    source: &'w str,
}

impl Writer<'_> {
    fn filter(&mut self, filter: &Filter, row: Row) {
        match filter {
            Filter::All(parts) => self.join(parts, row, " AND ", "TRUE"),
            Filter::Any(parts) => self.join(parts, row, " OR ", "FALSE"),
            Filter::Not(inner) => {
                self.out.sql("(");
                self.filter(inner, row);
                self.out.sql(") IS NOT TRUE");
            }
            Filter::Element { list, test } => {
                let elements = match self.dialect {
                    Dialect::Postgres => {
                        format!("jsonb_array_elements(users.folded -> '{list}') AS element (value)")
                    }
                    Dialect::Sqlite => format!("json_each(users.folded, '$.{list}') AS element"),
                };
                self.out.sql("EXISTS (SELECT 1 FROM ").sql(elements).sql(" WHERE ");
                self.filter(test, Row::Element);
                self.out.sql(")");
            }
            Filter::Is(path, test) => self.test(path, test, row),
        }
    }

    fn join(&mut self, parts: &[Filter], row: Row, operator: &'static str, of_none: &'static str) {
        if parts.is_empty() {
            self.out.sql(of_none);
            return;
        }
        for (index, part) in parts.iter().enumerate() {
            self.out.sql(if index == 0 { "(" } else { operator });
            self.filter(part, row);
        }
        self.out.sql(")");
    }

    fn test(&mut self, path: &Path, test: &Test, row: Row) {
        match test {
            Test::Never => {
                self.out.sql("FALSE");
            }
            Test::Present => {
                self.text(path, row);
                self.out.sql(" <> ''");
            }
            Test::Equal(value) => self.compare(path, row, " = ", value),
            Test::Within(from, to) => {
                self.out.sql("(");
                for (index, (operator, value)) in ends(from, to).enumerate() {
                    self.out.sql(if index == 0 { "" } else { " AND " });
                    self.compare(path, row, operator, value);
                }
                self.out.sql(")");
            }
            Test::Contains(text) => {
                self.out.sql(if self.dialect == Dialect::Postgres { "strpos(" } else { "instr(" });
                self.text(path, row);
                self.out.sql(", ").value(Value::Text(text.clone())).sql(") > 0");
            }
            Test::EndsWith(text) => {
                let text = Value::Text(text.clone());
                self.out.sql(if self.dialect == Dialect::Postgres { "right(" } else { "substr(" });
                self.text(path, row);
                self.out.sql(if self.dialect == Dialect::Postgres { ", length(" } else { ", -length(" });
                self.out.value(text.clone()).sql(")) = ").value(text);
            }
        }
    }

    fn compare(&mut self, path: &Path, row: Row, operator: &'static str, value: &Value) {
        self.kept(path, row, value);
        self.out.sql(operator).value(value.clone());
    }

    /// What a path leads to, in the type of a value that it is compared with.
    fn kept(&mut self, path: &Path, row: Row, value: &Value) {
        match value {
            Value::Text(_) => self.text(path, row),
            _ => match (column(path, row), self.dialect) {
                (Some(column), _) => {
                    self.out.sql(column);
                }
                (None, Dialect::Postgres) => {
                    self.out.sql("(");
                    self.json(path, row);
                    self.out.sql(")::boolean");
                }
                (None, Dialect::Sqlite) => self.json(path, row),
            },
        }
    }

    /// What a path leads to as a string whose order is that of code points.
    fn text(&mut self, path: &Path, row: Row) {
        match (column(path, row), self.dialect) {
            (Some(ID), Dialect::Postgres) => {
                self.out.sql("users.id::text");
            }
            (Some(ID), Dialect::Sqlite) => {
                self.out.sql(ID_AS_TEXT);
            }
            (Some(column), _) => {
                self.out.sql(column);
            }
            (None, Dialect::Postgres) => {
                self.out.sql("(");
                self.json(path, row);
                self.out.sql(") COLLATE \"C\"");
            }
            (None, Dialect::Sqlite) => self.json(path, row),
        }
    }

    /// What stands in a document; the names in a path are Roster's own, never the caller's.
    fn json(&mut self, path: &Path, row: Row) {
        if row == Row::User && path.as_slice() == ["externalId"] {
            self.out.sql("users.document -> 'externalIds' ->> ").value(Value::Text(self.source.to_owned()));
            return;
        }
        self.out.sql(if row == Row::User { "users.folded" } else { "element.value" });
        for (index, name) in path.iter().enumerate() {
            let arrow = if index + 1 == path.len() { "->>" } else { "->" };
            self.out.sql(format!(" {arrow} '{name}'"));
        }
    }
}

/// The ends of a range, as operators that what lies in it fulfils.
fn ends<'v>(from: &'v Bound<Value>, to: &'v Bound<Value>) -> impl Iterator<Item = (&'static str, &'v Value)> {
    let from = match from {
        Included(value) => Some((" >= ", value)),
        Excluded(value) => Some((" > ", value)),
        Unbounded => None,
    };
    let to = match to {
        Included(value) => Some((" <= ", value)),
        Excluded(value) => Some((" < ", value)),
        Unbounded => None,
    };
    from.into_iter().chain(to)
}

const ID: &str = "users.id";

/// The same as PostgreSQL writes a `uuid`.
const ID_AS_TEXT: &str = "lower(substr(hex(users.id), 1, 8) || '-' || substr(hex(users.id), 9, 4) || '-' || \
    substr(hex(users.id), 13, 4) || '-' || substr(hex(users.id), 17, 4) || '-' || substr(hex(users.id), 21))";

/// The column of a path that has one.
fn column(path: &Path, row: Row) -> Option<&'static str> {
    match (row, path.as_slice()) {
        (Row::User, ["id"]) => Some(ID),
        (Row::User, ["userName"]) => Some("users.user_name_key"),
        (Row::User, ["displayName"]) => Some("users.display_name_key"),
        (Row::User, ["active"]) => Some("users.active"),
        (Row::User, ["version"]) => Some("users.version"),
        (Row::User, ["createdAt"]) => Some("users.created_at"),
        (Row::User, ["updatedAt"]) => Some("users.updated_at"),
        _ => None,
    }
}

/// A stretch of an index, which holds the ids of users.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The table.
    pub table: Table,
    /// The stretch of its index.
    pub condition: Fragment,
    key: &'static str,
    rank: Rank,
}

/// Lookups that find, together, all users that may fulfil a filter.
pub type Way = Vec<Lookup>;

/// A table with an index of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `users`
    Users,
    /// `user_emails`
    Emails,
    /// `user_external_ids`
    ExternalIds,
}

/// How few users a lookup is likely to find, the fewest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    One,
    Few,
    Range,
    Half,
}

impl Lookup {
    /// The index's order: to be asked for, so that no plan but the index can give it.
    #[must_use]
    pub fn order(&self) -> Fragment {
        let mut order = Fragment::default();
        order.sql(self.key);
        order
    }
}

/// The ways to find by indexes all users that may fulfil the filter, the most promising first.
#[must_use]
pub fn ways(filter: &Filter, source: &str) -> Vec<Way> {
    ways_in(filter, None, source)
}

/// The same, of a filter of users or of the elements of a list.
fn ways_in(filter: &Filter, list: Option<&str>, source: &str) -> Vec<Way> {
    let of_parts = filter.conjuncts().iter().filter_map(|part| way(part, list, source));
    let mut ways: Vec<_> = of_parts.collect();
    ways.sort_by_key(|way| way.iter().map(|lookup| lookup.rank).max());
    ways
}

fn way(filter: &Filter, list: Option<&str>, source: &str) -> Option<Way> {
    match filter {
        Filter::All(parts) if !parts.is_empty() => ways_in(filter, list, source).into_iter().next(),
        Filter::Any(parts) => {
            let of_parts: Option<Vec<_>> = parts.iter().map(|part| way(part, list, source)).collect();
            Some(of_parts?.into_iter().flatten().collect())
        }
        Filter::Element { list, test } => way(test, Some(list), source),
        Filter::Is(path, test) => lookup(path, test, list, source),
        _ => None,
    }
}

/// The stretch of an index in which a test holds; none when there is no index, or the test is not about its order.
fn lookup(path: &Path, test: &Test, list: Option<&str>, source: &str) -> Option<Way> {
    let (table, key, rank) = match (list, path.as_slice()) {
        (Some("emails"), ["value"]) => (Table::Emails, "user_emails.value_key", Rank::Few),
        (None, ["externalId"]) => (Table::ExternalIds, "user_external_ids.external_id", Rank::One),
        (None, ["id" | "userName"]) => (Table::Users, column(path, Row::User)?, Rank::One),
        (None, ["displayName" | "createdAt" | "updatedAt"]) => {
            (Table::Users, column(path, Row::User)?, Rank::Few)
        }
        (None, ["active"]) => (Table::Users, column(path, Row::User)?, Rank::Half),
        _ => return None,
    };
    let mut condition = Fragment::default();
    let rank = match test {
        Test::Never => return Some(Vec::new()),
        Test::Equal(value) => {
            condition.sql(key).sql(" = ").value(value.clone());
            rank
        }
        Test::Within(from, to) => {
            for (index, (operator, value)) in ends(from, to).enumerate() {
                condition.sql(if index == 0 { "" } else { " AND " });
                condition.sql(key).sql(operator).value(value.clone());
            }
            Rank::Range
        }
        _ => return None,
    };
    if table == Table::ExternalIds {
        condition.sql(" AND user_external_ids.source = ").value(Value::Text(source.to_owned()));
    }
    Some(vec![Lookup { table, condition, key, rank }])
}
