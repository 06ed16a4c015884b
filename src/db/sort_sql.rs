//! Orders and places in them as SQL, such that an index gives them.

use super::sql::Fragment;
use crate::domain::filter::Value;
use crate::domain::sort::{Position, SortBy, Stretch};

/// The condition that a row of `users` belongs to the stretch.
#[must_use]
pub fn condition(stretch: &Stretch) -> Fragment {
    let mut out = Fragment::default();
    let descending = stretch.sort.descending;
    out.sql(match (stretch.sort.by, stretch.missing) {
        (SortBy::DisplayName, true) => "users.display_name_key IS NULL",
        (SortBy::DisplayName, false) => "users.display_name_key IS NOT NULL",
        _ => "TRUE",
    });
    if let Some(after) = &stretch.after {
        compare(&mut out, stretch, if descending { " < " } else { " > " }, after);
    }
    if let Some(upto) = &stretch.upto {
        compare(&mut out, stretch, if descending { " >= " } else { " <= " }, upto);
    }
    out
}

/// A row compared with a place. As a row value (SQL-92), of which both engines read an index in one stretch.
fn compare(out: &mut Fragment, stretch: &Stretch, operator: &'static str, place: &Position) {
    let id = Value::Id(place.id);
    match (column(stretch), &place.key) {
        (Some(UNIQUE), Some(key)) => {
            out.sql(" AND ").sql(UNIQUE).sql(operator).value(key.clone());
        }
        (Some(column), Some(key)) => {
            out.sql(" AND (").sql(column).sql(", users.id)").sql(operator);
            out.sql("(").value(key.clone()).sql(", ").value(id).sql(")");
        }
        _ => {
            out.sql(" AND users.id").sql(operator).value(id);
        }
    }
}

/// What stands behind ORDER BY.
#[must_use]
pub fn order(stretch: &Stretch) -> Fragment {
    let mut out = Fragment::default();
    let direction = if stretch.sort.descending { " DESC" } else { "" };
    match column(stretch) {
        Some(UNIQUE) => out.sql(UNIQUE).sql(direction),
        Some(column) => out.sql(column).sql(direction).sql(", users.id").sql(direction),
        None => out.sql("users.id").sql(direction),
    };
    out
}

/// No two users have the same, so the id has nothing to decide, and is not in the index.
const UNIQUE: &str = "users.user_name_key";

/// The column that decides before the id does.
fn column(stretch: &Stretch) -> Option<&'static str> {
    match stretch.sort.by {
        SortBy::Id => None,
        SortBy::UserName => Some(UNIQUE),
        SortBy::DisplayName => Some("users.display_name_key"),
        SortBy::CreatedAt => Some("users.created_at"),
        SortBy::UpdatedAt => Some("users.updated_at"),
    }
}
