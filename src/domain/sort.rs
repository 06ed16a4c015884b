//! The orders in which users are listed, and places in them.

use super::filter::Value;
use super::fold::fold;
use super::user::User;
use derive_more::{Display, Error};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// An order of users. Ids decide among equals, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub by: SortBy,
    /// Whether the last comes first.
    pub descending: bool,
}

/// What users are sorted by.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq)]
pub enum SortBy {
    /// The order of creation.
    #[default]
    #[display("id")]
    Id,
    /// Folded.
    #[display("userName")]
    UserName,
    /// Folded; users without one come last.
    #[display("displayName")]
    DisplayName,
    /// The time of creation.
    #[display("createdAt")]
    CreatedAt,
    /// The time of the last change.
    #[display("updatedAt")]
    UpdatedAt,
}

const SORTS: [SortBy; 5] =
    [SortBy::Id, SortBy::UserName, SortBy::DisplayName, SortBy::CreatedAt, SortBy::UpdatedAt];

/// A text that names no order.
#[derive(Clone, Copy, Debug, Display, Error, PartialEq, Eq)]
#[display("sort must be id, userName, displayName, createdAt or updatedAt, or one of them behind '-'")]
pub struct UnknownSort;

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by)
    }
}

impl FromStr for Sort {
    type Err = UnknownSort;

    /// Reads a name, which has no case, behind `-` for the other direction.
    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = SORTS.into_iter().find(|by| by.to_string().eq_ignore_ascii_case(name));
        by.map(|by| Self { by, descending }).ok_or(UnknownSort)
    }
}

/// A place in an order: the row of this key and id, or where it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What is sorted by: none where it is missing, and in the order of ids.
    pub key: Option<Value>,
    /// The id.
    pub id: Uuid,
}

impl Sort {
    /// The place of a user.
    #[must_use]
    pub fn position(self, user: &User) -> Position {
        let key = match self.by {
            SortBy::Id => None,
            SortBy::UserName => Some(Value::Text(fold(&user.attributes.user_name))),
            SortBy::DisplayName => {
                user.attributes.display_name.as_deref().map(|name| Value::Text(fold(name)))
            }
            SortBy::CreatedAt => Some(Value::Integer(user.created_at.into())),
            SortBy::UpdatedAt => Some(Value::Integer(user.updated_at.into())),
        };
        Position { key, id: user.id }
    }

    /// Which of two places comes first.
    #[must_use]
    pub fn compare(self, one: &Position, other: &Position) -> Ordering {
        let by_key = match (&one.key, &other.key) {
            (Some(key), Some(other)) => key.cmp(other),
            // What is missing comes last.
            (key, other) => other.is_some().cmp(&key.is_some()),
        };
        let ordering = by_key.then_with(|| one.id.cmp(&other.id));
        if self.descending { ordering.reverse() } else { ordering }
    }

    /// Whether a place with such a key can be in this order.
    #[must_use]
    pub fn admits(self, key: Option<&Value>) -> bool {
        match self.by {
            SortBy::Id => key.is_none(),
            SortBy::UserName => matches!(key, Some(Value::Text(_))),
            SortBy::DisplayName => matches!(key, None | Some(Value::Text(_))),
            SortBy::CreatedAt | SortBy::UpdatedAt => matches!(key, Some(Value::Integer(_))),
        }
    }

    /// The parts of the list behind a place, each in the order of an index: users that have what is sorted by, and
    /// users that don't, who come last, descending first.
    #[must_use]
    pub fn stretches(self, after: Option<Position>) -> Vec<Stretch> {
        let whole = |missing| Stretch { sort: self, missing, after: None, upto: None };
        let mut stretches = match (self.by, self.descending) {
            (SortBy::DisplayName, false) => vec![whole(false), whole(true)],
            (SortBy::DisplayName, true) => vec![whole(true), whole(false)],
            _ => vec![whole(false)],
        };
        if let Some(after) = after {
            let missing = self.by == SortBy::DisplayName && after.key.is_none();
            let begun = stretches.iter().position(|stretch| stretch.missing == missing).unwrap_or(0);
            stretches.drain(..begun);
            if let Some(first) = stretches.first_mut() {
                first.after = Some(after);
            }
        }
        stretches
    }
}

/// A part of a list that an index holds in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The list's order.
    pub sort: Sort,
    /// Whether it is the users without what is sorted by.
    pub missing: bool,
    /// It begins behind this place.
    pub after: Option<Position>,
    /// It ends with this place.
    pub upto: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_their_direction() {
        let sort = |by, descending| Ok(Sort { by, descending });
        assert_eq!("id".parse::<Sort>(), sort(SortBy::Id, false));
        assert_eq!("-USERNAME".parse::<Sort>(), sort(SortBy::UserName, true));
        for bad in ["", "-", "--id", "+id", " id", "title", "id,userName", "emails.value"] {
            assert_eq!(bad.parse::<Sort>(), Err(UnknownSort), "{bad}");
        }
    }

    #[test]
    fn users_without_a_value_are_a_stretch_of_their_own() {
        let missing = |text: &str, after: Option<Position>| {
            let stretches = text.parse::<Sort>().unwrap().stretches(after);
            stretches.iter().map(|stretch| (stretch.missing, stretch.after.is_some())).collect::<Vec<_>>()
        };
        let at = |key: Option<&str>| {
            Some(Position { key: key.map(|text| Value::Text(text.to_owned())), id: Uuid::nil() })
        };
        assert_eq!(missing("userName", None), [(false, false)]);
        assert_eq!(missing("id", at(None)), [(false, true)]);
        assert_eq!(missing("displayName", None), [(false, false), (true, false)]);
        assert_eq!(missing("displayName", at(Some("a"))), [(false, true), (true, false)]);
        assert_eq!(missing("displayName", at(None)), [(true, true)]);
        assert_eq!(missing("-displayName", None), [(true, false), (false, false)]);
        assert_eq!(missing("-displayName", at(None)), [(true, true), (false, false)]);
        assert_eq!(missing("-displayName", at(Some("a"))), [(false, true)]);
    }
}
