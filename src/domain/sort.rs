//! The orders in which resources are listed, and places in them.

use super::attribute::{Attribute, GROUPS, Kind, Schema, USERS, Vocabulary};
use super::filter::{Path, Value};
use derive_more::{Display, Error};
use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;
use uuid::Uuid;

/// An order of resources. Ids decide among equals, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub by: SortBy,
    /// Whether the last comes first.
    pub descending: bool,
    /// Whether a resource may be without what is compared.
    pub optional: bool,
}

/// What resources are sorted by.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq)]
#[display("{}", self.path().join("."))]
pub enum SortBy {
    /// The order of creation.
    #[default]
    Id,
    /// Folded.
    UserName,
    /// Folded; what has none comes last.
    DisplayName,
    /// The time of creation.
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
    /// Another attribute that has one value, folded unless it is exact. No index has its order.
    Other(&'static Path),
}

impl SortBy {
    /// Where the attribute stands, in the native vocabulary.
    #[must_use]
    pub fn path(&self) -> &[&'static str] {
        match self {
            Self::Id => &["id"],
            Self::UserName => &["userName"],
            Self::DisplayName => &["displayName"],
            Self::CreatedAt => &["createdAt"],
            Self::UpdatedAt => &["updatedAt"],
            Self::Other(path) => path,
        }
    }

    /// Whether an index has the order.
    #[must_use]
    pub fn is_indexed(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

/// Every attribute of users and groups that has one value that can be compared as a text.
static SIMPLE: LazyLock<Vec<Path>> = LazyLock::new(|| {
    let mut paths = Vec::new();
    [&USERS, &GROUPS].iter().for_each(|schema| simple(schema.attributes, &[], &mut paths));
    paths
});

fn simple(attributes: &[Attribute], above: &[&'static str], paths: &mut Vec<Path>) {
    for attribute in attributes {
        let path = [above, &[attribute.name]].concat();
        match attribute.kind {
            Kind::Text | Kind::Exact | Kind::Boolean => paths.push(path),
            Kind::Object(parts) => simple(parts, &path, paths),
            _ => {}
        }
    }
}

/// A text that names no order of these.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub struct UnknownSort(#[error(not(source))] &'static [SortBy]);

impl fmt::Display for UnknownSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "sort must be one of {}, or one of them behind '-'", names.join(", "))
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by)
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

/// What has a place in every order of its schema.
pub trait Sorted {
    /// Its id.
    fn id(&self) -> Uuid;
    /// What is compared of it in an order that an index has; ids always are.
    fn key(&self, by: SortBy) -> Option<Value>;
}

impl Sort {
    /// Reads a name, which has no case, behind `-` for the other direction.
    ///
    /// # Errors
    /// [`UnknownSort`] when such resources are not sorted by it.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, UnknownSort> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = schema.sorts.iter().copied().find(|by| by.to_string().eq_ignore_ascii_case(name));
        let by = by.ok_or(UnknownSort(schema.sorts))?;
        Ok(Self { by, descending, optional: schema.optional_sorts.contains(&by) })
    }

    /// The order by the attribute that a name of SCIM's means; none for what has no single value that can be compared.
    #[must_use]
    pub fn by_scim(schema: &'static Schema, name: &str, descending: bool) -> Option<Self> {
        let chain = Vocabulary::Scim.find(schema, name)?;
        let path: Vec<_> = chain.iter().map(|attribute| attribute.name).collect();
        Self::by_attribute(schema, &path, descending)
    }

    /// The order by an attribute; none for what has no single value that can be compared.
    #[must_use]
    pub fn by_attribute(schema: &Schema, path: &[&str], descending: bool) -> Option<Self> {
        let indexed = schema.sorts.iter().copied().find(|by| by.path() == path);
        let other = || SIMPLE.iter().find(|simple| *simple == path).map(SortBy::Other);
        let by = indexed.or_else(other)?;
        let optional = !by.is_indexed() || schema.optional_sorts.contains(&by);
        Some(Self { by, descending, optional })
    }

    /// The place of a resource.
    #[must_use]
    pub fn position(self, resource: &impl Sorted) -> Position {
        Position { key: resource.key(self.by), id: resource.id() }
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
            _ if key.is_none() => self.optional,
            SortBy::UserName | SortBy::DisplayName | SortBy::Other(_) => matches!(key, Some(Value::Text(_))),
            SortBy::CreatedAt | SortBy::UpdatedAt => matches!(key, Some(Value::Integer(_))),
        }
    }

    /// The parts of the list behind a place, each in the order of an index: resources that have what is sorted by, and
    /// those that don't, which come last, descending first.
    #[must_use]
    pub fn stretches(self, after: Option<Position>) -> Vec<Stretch> {
        let whole = |missing| Stretch { sort: self, missing, after: None, upto: None };
        let mut stretches = match (self.optional, self.descending) {
            (false, _) => vec![whole(false)],
            (true, false) => vec![whole(false), whole(true)],
            (true, true) => vec![whole(true), whole(false)],
        };
        if let Some(after) = after {
            let missing = self.optional && after.key.is_none();
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
    /// Whether it is what is without what is sorted by.
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
        let sort = |by, descending, optional| Ok(Sort { by, descending, optional });
        assert_eq!(Sort::parse("id", &USERS), sort(SortBy::Id, false, false));
        assert_eq!(Sort::parse("-USERNAME", &USERS), sort(SortBy::UserName, true, false));
        assert_eq!(Sort::parse("displayName", &USERS), sort(SortBy::DisplayName, false, true));
        for bad in ["", "-", "--id", "+id", " id", "title", "id,userName", "emails.value"] {
            assert_eq!(Sort::parse(bad, &USERS), Err(UnknownSort(USERS.sorts)), "{bad}");
        }
    }

    #[test]
    fn attributes_with_one_value_have_an_order() {
        let by = |path: &[&str]| {
            Sort::by_attribute(&USERS, path, false).map(|sort| (sort.by.is_indexed(), sort.optional))
        };
        assert_eq!(by(&["userName"]), Some((true, false)));
        assert_eq!(by(&["displayName"]), Some((true, true)));
        for path in [
            &["title"][..],
            &["active"],
            &["externalId"],
            &["name", "familyName"],
            &["enterprise", "manager", "value"],
        ] {
            assert_eq!(by(path), Some((false, true)), "{path:?}");
        }
        for path in [
            &["name"][..],
            &["emails"],
            &["emails", "value"],
            &["custom"],
            &["enterprise", "manager", "displayName"],
        ] {
            assert_eq!(by(path), None, "{path:?}");
        }
    }

    #[test]
    fn what_has_no_value_is_a_stretch_of_its_own() {
        let missing = |text: &str, after: Option<Position>| {
            let stretches = Sort::parse(text, &USERS).unwrap().stretches(after);
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
