//! Orders and places in them as SQL, such that an index gives them.

use super::conn::Dialect;
use super::filter_sql;
use super::sql::Fragment;
use super::table::Table;
use crate::domain::filter::Value;
use crate::domain::schema::SortBy;
use crate::domain::sort::{Position, Segment};

/// The condition that a row of a table belongs to the segment.
#[must_use]
pub fn condition(segment: &Segment, table: &Table) -> Fragment {
    let mut out = Fragment::default();
    let descending = segment.sort.descending;
    match (column(segment.sort.by, table), segment.sort.optional) {
        (Some(column), true) => {
            out.sql(column).sql(if segment.missing { " IS NULL" } else { " IS NOT NULL" });
        }
        _ => {
            out.sql("TRUE");
        }
    }
    if let Some(after) = &segment.after {
        compare(&mut out, segment, table, if descending { " < " } else { " > " }, after);
    }
    if let Some(through) = &segment.through {
        compare(&mut out, segment, table, if descending { " >= " } else { " <= " }, through);
    }
    out
}

/// A row compared with a place. As a row value (SQL-92), of which both engines read an index in one segment.
fn compare(out: &mut Fragment, segment: &Segment, table: &Table, operator: &'static str, place: &Position) {
    let id = Value::Id(place.id);
    match (column(segment.sort.by, table), &place.key) {
        // No two have the same, so the id has nothing to decide, and is not in the index.
        (Some(column), Some(key)) if table.unique == Some(column) => {
            out.sql(" AND ").sql(column).sql(operator).value(key.clone());
        }
        (Some(column), Some(key)) => {
            out.sql(" AND (").sql(column).sql(", ").sql(table.id).sql(")").sql(operator);
            out.sql("(").value(key.clone()).sql(", ").value(id).sql(")");
        }
        _ => {
            out.sql(" AND ").sql(table.id).sql(operator).value(id);
        }
    }
}

/// What stands behind ORDER BY.
#[must_use]
pub fn order(segment: &Segment, table: &Table) -> Fragment {
    let mut out = Fragment::default();
    let direction = if segment.sort.descending { " DESC" } else { "" };
    if let Some(column) = column(segment.sort.by, table) {
        out.sql(column).sql(direction);
        if table.unique == Some(column) {
            return out;
        }
        out.sql(", ");
    }
    out.sql(table.id).sql(direction);
    out
}

/// The columns of which a place is made: the id, a text and a number, of which the order has a use for one at most.
#[must_use]
pub fn place(by: SortBy, table: &Table, dialect: Dialect, source: &str) -> Fragment {
    let text = match by {
        SortBy::Other(path) => filter_sql::text(path, table, dialect, source),
        SortBy::UserName => of_column(by, table),
        _ => of_column(SortBy::DisplayName, table),
    };
    let number = if by == SortBy::UpdatedAt { by } else { SortBy::CreatedAt };
    let mut out = Fragment::of(table.id);
    out.sql(", ").append(&text).sql(", ").append(&of_column(number, table));
    out
}

fn of_column(by: SortBy, table: &Table) -> Fragment {
    Fragment::of(column(by, table).unwrap_or(table.id))
}

/// The column that decides before the id does.
fn column(by: SortBy, table: &Table) -> Option<&'static str> {
    match by.path() {
        [name] if by != SortBy::Id => table.column(name),
        _ => None,
    }
}
