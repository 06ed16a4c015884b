//! Filters as SQL: what a row must fulfil, and by which indexes the rows are found that may fulfil it.
//!
//! NULL passes no test, and `not` is `IS NOT TRUE`: so inside `and` and `or`, which are all that stands around a test,
//! NULL and false are the same.

use super::conn::Dialect;
use super::sql::Fragment;
use super::table::{ExternalIds, Index, IndexedColumn, Rank, Table};
use crate::domain::filter::{Filter, Path, Test, Value};
use std::ops::Bound::{self, Excluded, Included, Unbounded};

/// The condition that a row of a table fulfils the filter, asked by a caller of `source`.
#[must_use]
pub fn matches(filter: &Filter, table: &Table, dialect: Dialect, source: &str) -> Fragment {
    let mut writer = Writer { out: Fragment::default(), table, dialect, source };
    writer.filter(filter, Row::Resource);
    if !filter.is_single() {
        writer.out.unprepared();
    }
    writer.out
}

/// What a resource has at a path as a text that is compared by its code points; true comes after false.
#[must_use]
pub fn text(path: &Path, table: &Table, dialect: Dialect, source: &str) -> Fragment {
    let mut writer = Writer { out: Fragment::default(), table, dialect, source };
    if path.as_slice() == ["active"] {
        writer.out.sql("CASE WHEN ");
        writer.kept(path, Row::Resource, &Value::Boolean(true));
        writer.out.sql(" THEN 'true' ELSE 'false' END");
    } else {
        writer.text(path, Row::Resource);
    }
    writer.out
}

/// What a path starts at.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    Resource,
    Element,
    /// One of what it is joined with.
    Other,
}

struct Writer<'w> {
    out: Fragment,
    table: &'w Table,
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
            Filter::Element { list, test } if *list == self.table.joined.list => {
                let Table { tenant, id, joined, .. } = self.table;
                self.out.sql("EXISTS (SELECT 1 FROM members WHERE members.tenant_id = ").sql(*tenant);
                self.out.sql(" AND ").sql(joined.own).sql(" = ").sql(*id).sql(" AND ");
                self.filter(test, Row::Other);
                self.out.sql(")");
            }
            Filter::Element { list, test } => {
                let folded = self.table.folded;
                let elements = match self.dialect {
                    Dialect::Postgres => {
                        format!("jsonb_array_elements({folded} -> '{list}') AS element (value)")
                    }
                    Dialect::Sqlite => format!("json_each({folded}, '$.{list}') AS element"),
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
            _ => match (self.column(path, row), self.dialect) {
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
        match (self.column(path, row), self.dialect) {
            (Some(column), dialect) if [self.table.id, self.table.joined.other].contains(&column) => {
                self.out.sql(id_as_text(column, dialect));
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
        if row == Row::Resource && path.as_slice() == ["externalId"] {
            self.out.sql(self.table.document).sql(" -> 'externalIds' ->> ");
            self.out.value(Value::Text(self.source.to_owned()));
            return;
        }
        self.out.sql(if row == Row::Resource { self.table.folded } else { "element.value" });
        for (index, name) in path.iter().enumerate() {
            let arrow = if index + 1 == path.len() { "->>" } else { "->" };
            self.out.sql(format!(" {arrow} '{name}'"));
        }
    }

    /// The column of a path that has one.
    fn column(&self, path: &Path, row: Row) -> Option<&'static str> {
        match (row, path.as_slice()) {
            (Row::Resource, [name]) => self.table.column(name),
            (Row::Other, ["value"]) => Some(self.table.joined.other),
            _ => None,
        }
    }
}

/// An id as PostgreSQL writes a `uuid`.
fn id_as_text(column: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Postgres {
        return format!("{column}::text");
    }
    let part = |begin: usize, length: usize| format!("substr(hex({column}), {begin}, {length})");
    let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)];
    format!("lower({})", parts.join(" || '-' || "))
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

/// A stretch of an index, which holds the ids of resources.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The index.
    pub at: IndexedColumn,
    /// The stretch.
    pub condition: Fragment,
    rank: Rank,
}

/// Lookups that find, together, all resources that may fulfil a filter.
pub type Way = Vec<Lookup>;

/// The ways to find by indexes all resources of a table that may fulfil the filter, the most promising first.
#[must_use]
pub fn ways(filter: &Filter, table: &Table, source: &str) -> Vec<Way> {
    Finder { table, source }.ways(filter, None)
}

struct Finder<'f> {
    table: &'f Table,
    source: &'f str,
}

impl Finder<'_> {
    /// The ways of a filter of resources, or of the elements of a list.
    fn ways(&self, filter: &Filter, list: Option<&str>) -> Vec<Way> {
        let of_parts = filter.conjuncts().iter().filter_map(|part| self.way(part, list));
        let mut ways: Vec<_> = of_parts.collect();
        ways.sort_by_key(|way| way.iter().map(|lookup| lookup.rank).max());
        ways
    }

    fn way(&self, filter: &Filter, list: Option<&str>) -> Option<Way> {
        match filter {
            Filter::All(parts) if !parts.is_empty() => self.ways(filter, list).into_iter().next(),
            Filter::Any(parts) => {
                let of_parts: Option<Vec<_>> = parts.iter().map(|part| self.way(part, list)).collect();
                Some(of_parts?.into_iter().flatten().collect())
            }
            Filter::Element { list, test } => self.way(test, Some(list)),
            Filter::Is(path, test) => self.lookup(path, test, list),
            _ => None,
        }
    }

    /// The stretch of an index in which a test holds; none when there is no index, or the test is not about its order.
    fn lookup(&self, path: &Path, test: &Test, list: Option<&str>) -> Option<Way> {
        let [attribute] = path.as_slice() else { return None };
        let is_it = |index: &&Index| index.list == list && index.attribute == *attribute;
        let Index { at, rank, .. } = self.table.indexes.iter().find(is_it)?;
        let mut condition = Fragment::default();
        let rank = match test {
            Test::Never => return Some(Vec::new()),
            Test::Equal(value) => {
                condition.sql(at.key).sql(" = ").value(value.clone());
                *rank
            }
            Test::Within(from, to) => {
                for (index, (operator, value)) in ends(from, to).enumerate() {
                    condition.sql(if index == 0 { "" } else { " AND " });
                    condition.sql(at.key).sql(operator).value(value.clone());
                }
                Rank::Range
            }
            _ => return None,
        };
        let ExternalIds { at: external_ids, source } = &self.table.external_ids;
        if at.table == external_ids.table {
            condition.sql(" AND ").sql(*source).sql(" = ").value(Value::Text(self.source.to_owned()));
        }
        Some(vec![Lookup { at: *at, condition, rank }])
    }
}
