//! Translates sort orders and positions to SQL that an index can serve.

use super::conn::Dialect;
use super::filter_sql;
use super::sql::Fragment;
use super::table::Table;
use crate::domain::filter::Value;
use crate::domain::schema::SortBy;
use crate::domain::sort::{Position, Segment};

/// The condition that a row belongs to the segment.
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

/// Compares a row with a position. Both engines evaluate a comparison of row values (SQL-92) as one index range.
fn compare(
    out: &mut Fragment,
    segment: &Segment,
    table: &Table,
    operator: &'static str,
    position: &Position,
) {
    let id = Value::Id(position.id);
    match (column(segment.sort.by, table), &position.key) {
        // The values are unique, so no comparison of ids is needed, and the index does not contain them.
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

/// The ORDER BY list.
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

/// The columns of a position: the id, a text and a number. A sort order uses at most one of the last two.
#[must_use]
pub fn position(by: SortBy, table: &Table, dialect: Dialect, source: &str) -> Fragment {
    let text = match by {
        SortBy::Other(path) => filter_sql::text(path, table, dialect, source),
        SortBy::Element(path) => element_text(path, table, dialect),
        SortBy::UserName => column_or_id(by, table),
        _ => column_or_id(SortBy::DisplayName, table),
    };
    let number = if by == SortBy::UpdatedAt { "updatedAt" } else { "createdAt" };
    let mut out = Fragment::of(table.id);
    out.sql(", ").append(&text).sql(", ").sql(table.column(number).unwrap_or(table.id));
    out
}

/// The text of a sub-attribute in the primary element of a list, otherwise in the first. (The names in a path are
/// constants, never values from a request.) On SQLite, `->` yields Booleans as text, like `->>` on PostgreSQL.
fn element_text(path: &[&str], table: &Table, dialect: Dialect) -> Fragment {
    let [list, part] = path else { return Fragment::of("NULL") };
    let folded = table.folded;
    let mut out = Fragment::default();
    out.sql(match dialect {
        Dialect::Postgres => format!(
            "(SELECT element.value ->> '{part}' FROM jsonb_array_elements({folded} -> '{list}') \
             WITH ORDINALITY AS element (value, position) \
             ORDER BY (element.value ->> 'primary')::boolean DESC NULLS LAST, element.position LIMIT 1)"
        ),
        Dialect::Sqlite => {
            let arrow = if *part == "primary" { "->" } else { "->>" };
            format!(
                "(SELECT element.value {arrow} '{part}' FROM json_each({folded}, '$.{list}') AS element \
                 ORDER BY element.value ->> 'primary' DESC, element.key LIMIT 1)"
            )
        }
    });
    out
}

fn column_or_id(by: SortBy, table: &Table) -> Fragment {
    Fragment::of(column(by, table).unwrap_or(table.id))
}

/// The column by which rows are sorted before the id. Rows in the order of their creation are sorted by id alone.
fn column(by: SortBy, table: &Table) -> Option<&'static str> {
    match by.path() {
        [name] if !matches!(by, SortBy::Id | SortBy::CreatedAt) => table.column(name),
        _ => None,
    }
}
