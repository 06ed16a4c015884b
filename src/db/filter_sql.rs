//! Translates filters to SQL conditions, and finds the indexes that can serve them.
//!
//! No test matches NULL, and `not` is translated to `IS NOT TRUE`. Inside `and` and `or`, NULL and false are therefore
//! the same.

use super::conn::Dialect;
use super::custom_sql;
use super::sql::Fragment;
use super::table::{ExternalIds, Index, IndexedColumn, Selectivity, Serves, Table};
use crate::domain::filter::{Filter, Path, Test, Value, ids_created};
use crate::domain::schema::SortBy;
use std::ops::Bound::{self, Excluded, Included, Unbounded};

/// The condition that a row matches the filter. The `source` is that of the caller's externalIds.
#[must_use]
pub fn matches(filter: &Filter, table: &Table, dialect: Dialect, source: &str) -> Fragment {
    let mut writer = Writer { out: Fragment::default(), table, dialect, source };
    writer.filter(filter, Row::Resource);
    if !filter.is_single() {
        writer.out.unprepared();
    }
    writer.out
}

/// A condition of all rows that match a part of a filter, if it is a range of the sort key.
#[must_use]
pub fn bounds(part: &Filter, by: SortBy, table: &Table, dialect: Dialect, source: &str) -> Option<Fragment> {
    let Filter::Is(path, test @ (Test::Equal(_) | Test::Within(..))) = part else { return None };
    let by_id = matches!(by, SortBy::Id | SortBy::CreatedAt);
    match path.as_slice() {
        ["createdAt"] if by_id => {
            let ids = Filter::Is(vec!["id"], ids_created(test)?);
            Some(matches(&ids, table, dialect, source))
        }
        ["id"] if by_id => Some(matches(part, table, dialect, source)),
        path if path == by.path() => Some(matches(part, table, dialect, source)),
        _ => None,
    }
}

/// The value at a path, as text that sorts by code points. For Booleans, false sorts before true.
#[must_use]
pub fn text(path: &Path, table: &Table, dialect: Dialect, source: &str) -> Fragment {
    let mut writer = Writer { out: Fragment::default(), table, dialect, source };
    if path.as_slice() == ["active"] {
        writer.out.sql("CASE WHEN ");
        writer.value(path, Row::Resource, &Value::Boolean(true));
        writer.out.sql(" THEN 'true' ELSE 'false' END");
    } else {
        writer.text(path, Row::Resource);
    }
    writer.out
}

/// The row to which a path is relative.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    Resource,
    /// An element of a list.
    Element,
    /// A row of the join table.
    Joined,
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
            Filter::Element { list, test } if *list == self.table.join.list => {
                let Table { tenant, id, join, .. } = self.table;
                self.out.sql("EXISTS (SELECT 1 FROM members WHERE members.tenant_id = ").sql(*tenant);
                self.out.sql(" AND ").sql(join.own).sql(" = ").sql(*id).sql(" AND ");
                self.filter(test, Row::Joined);
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
            Filter::Custom { path, test } => {
                let (document, dialect) = (self.table.document, self.dialect);
                self.out.append(&custom_sql::matches(path, test, document, dialect));
            }
        }
    }

    fn join(&mut self, parts: &[Filter], row: Row, operator: &'static str, empty: &'static str) {
        if parts.is_empty() {
            self.out.sql(empty);
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
        self.value(path, row, value);
        self.out.sql(operator).value(value.clone());
    }

    /// The value at a path, in the type of the value that it is compared with.
    fn value(&mut self, path: &Path, row: Row, value: &Value) {
        match value {
            Value::Text(_) => self.text(path, row),
            _ => self.expression(path, row, "::boolean"),
        }
    }

    /// The value at a path, as text that sorts by code points.
    fn text(&mut self, path: &Path, row: Row) {
        match self.column(path, row) {
            Some(column) if [self.table.id, self.table.join.other].contains(&column) => {
                self.out.sql(id_as_text(column, self.dialect));
            }
            _ => self.expression(path, row, " COLLATE \"C\""),
        }
    }

    /// The column of a path, or its value in a document, which PostgreSQL must `convert`.
    fn expression(&mut self, path: &Path, row: Row, convert: &'static str) {
        match (self.column(path, row), self.dialect) {
            (Some(column), _) => {
                self.out.sql(column);
            }
            (None, Dialect::Postgres) => {
                self.out.sql("(");
                self.json(path, row);
                self.out.sql(")").sql(convert);
            }
            (None, Dialect::Sqlite) => self.json(path, row),
        }
    }

    /// The value at a path of a document. The names in a path are Roster's own, never the caller's.
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

    /// The column of a path, if it has one.
    fn column(&self, path: &Path, row: Row) -> Option<&'static str> {
        match (row, path.as_slice()) {
            (Row::Resource, [name]) => self.table.column(name),
            (Row::Joined, ["value"]) => Some(self.table.join.other),
            _ => None,
        }
    }
}

/// An id in the text form of PostgreSQL's `uuid`.
fn id_as_text(column: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Postgres {
        return format!("{column}::text");
    }
    let part = |begin: usize, length: usize| format!("substr(hex({column}), {begin}, {length})");
    let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)];
    format!("lower({})", parts.join(" || '-' || "))
}

/// The bounds of a range, as comparison operators with values.
pub(super) fn ends<'v>(
    from: &'v Bound<Value>,
    to: &'v Bound<Value>,
) -> impl Iterator<Item = (&'static str, &'v Value)> {
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

/// A range of an index that contains the ids of resources.
#[derive(Clone, Debug)]
pub struct IndexRange {
    /// The indexed column.
    pub column: IndexedColumn,
    /// The condition on the indexed column.
    pub condition: Fragment,
    selectivity: Selectivity,
}

/// Index ranges that together contain all resources that can match a filter.
pub type AccessPath = Vec<IndexRange>;

/// The access paths of a filter, the most selective first.
#[must_use]
pub fn access_paths(filter: &Filter, table: &Table, source: &str) -> Vec<AccessPath> {
    Planner { table, source }.access_paths(filter, None)
}

struct Planner<'f> {
    table: &'f Table,
    source: &'f str,
}

impl Planner<'_> {
    /// The access paths of a filter on resources, or on the elements of a list.
    fn access_paths(&self, filter: &Filter, list: Option<&str>) -> Vec<AccessPath> {
        let parts = filter.conjuncts().iter();
        let mut paths: Vec<_> = parts.filter_map(|part| self.access_path(part, list)).collect();
        paths.sort_by_key(|path| path.iter().map(|range| range.selectivity).max());
        paths
    }

    fn access_path(&self, filter: &Filter, list: Option<&str>) -> Option<AccessPath> {
        match filter {
            Filter::All(parts) if !parts.is_empty() => self.access_paths(filter, list).into_iter().next(),
            Filter::Any(parts) => {
                let paths: Option<Vec<_>> = parts.iter().map(|part| self.access_path(part, list)).collect();
                Some(paths?.into_iter().flatten().collect())
            }
            Filter::Element { list, test } => self.access_path(test, Some(list)),
            Filter::Is(path, test) => self.index_range(path, test, list),
            _ => None,
        }
    }

    /// The index range of a test. `None` if the attribute has no index, or an index cannot serve the test.
    fn index_range(&self, path: &Path, test: &Test, list: Option<&str>) -> Option<AccessPath> {
        let [attribute] = path.as_slice() else { return None };
        let matches = |index: &&Index| index.list == list && index.attribute == *attribute;
        let Index { column, selectivity, serves, .. } = self.table.indexes.iter().find(matches)?;
        let mut condition = Fragment::default();
        let of_id;
        let test = match serves {
            Serves::Values => test,
            Serves::CreationTimes => {
                of_id = ids_created(test)?;
                &of_id
            }
            Serves::False(boolean) => {
                let is_false = *test == Test::Equal(Value::Boolean(false));
                // The index is used only if the condition is a constant.
                condition.sql("NOT ").sql(*boolean);
                let range = || vec![IndexRange { column: *column, condition, selectivity: *selectivity }];
                return is_false.then(range);
            }
        };
        let selectivity = match test {
            Test::Never => return Some(Vec::new()),
            Test::Equal(value) => {
                condition.sql(column.key).sql(" = ").value(value.clone());
                *selectivity
            }
            Test::Within(from, to) => {
                for (index, (operator, value)) in ends(from, to).enumerate() {
                    condition.sql(if index == 0 { "" } else { " AND " });
                    condition.sql(column.key).sql(operator).value(value.clone());
                }
                Selectivity::Range
            }
            _ => return None,
        };
        let ExternalIds { column: external_ids, source } = &self.table.external_ids;
        if column.table == external_ids.table {
            condition.sql(" AND ").sql(*source).sql(" = ").value(Value::Text(self.source.to_owned()));
        }
        Some(vec![IndexRange { column: *column, condition, selectivity }])
    }
}
