//! The orders in which resources are listed, and positions in them.

use super::attribute::{Attribute, Kind, Path};
use super::filter::Value;
use super::schema::{GROUPS, Schema, SortBy, USERS, Vocabulary};
use derive_more::Error;
use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;
use uuid::Uuid;

/// An order of resources. Equal keys are ordered by id, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// The sort key.
    pub by: SortBy,
    /// Whether the order is descending.
    pub descending: bool,
    /// Whether resources may lack the sort key.
    pub optional: bool,
}

/// The attributes of users and groups that can be compared as text.
static COMPARABLE: LazyLock<Comparable> = LazyLock::new(|| {
    let mut comparable = Comparable::default();
    [&USERS, &GROUPS].iter().for_each(|schema| comparable.collect(schema.attributes, &[], false));
    comparable
});

/// Paths of attributes. [`SortBy`] refers to them.
#[derive(Default)]
struct Comparable {
    /// Single-valued attributes.
    single: Vec<Path>,
    /// Sub-attributes of lists.
    in_lists: Vec<Path>,
}

impl Comparable {
    fn collect(&mut self, attributes: &[Attribute], above: &[&'static str], in_list: bool) {
        for attribute in attributes {
            let path = [above, &[attribute.name]].concat();
            match attribute.kind {
                Kind::Text | Kind::Exact | Kind::Binary | Kind::Boolean if in_list => {
                    self.in_lists.push(path)
                }
                Kind::Text | Kind::Exact | Kind::Binary | Kind::Boolean => self.single.push(path),
                Kind::Object(parts) => self.collect(parts, &path, in_list),
                Kind::List(parts) => self.collect(parts, &path, true),
                _ => {}
            }
        }
    }
}

/// The error for a `sort` parameter that the resources do not support.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub struct UnknownSort(#[error(not(source))] &'static [SortBy]);

impl fmt::Display for UnknownSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "`sort` must be one of {}, optionally prefixed with '-'", names.join(", "))
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by)
    }
}

/// A position in an order: that of the resource with this key and id, whether or not it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The sort key: `None` when the order is by id, or when the resource lacks the key.
    pub key: Option<Value>,
    /// The id.
    pub id: Uuid,
}

/// A resource that can be sorted.
pub trait Sorted {
    /// The id.
    fn id(&self) -> Uuid;

    /// The key of an indexed order; `None` for [`SortBy::Id`], which compares ids alone.
    fn key(&self, by: SortBy) -> Option<Value>;
}

impl Sort {
    /// Parses a case-insensitive attribute name, prefixed with `-` for descending order.
    ///
    /// # Errors
    /// [`UnknownSort`] when the schema does not support the order.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, UnknownSort> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = schema.sorts.iter().copied().find(|by| by.to_string().eq_ignore_ascii_case(name));
        let by = by.ok_or(UnknownSort(schema.sorts))?;
        Ok(Self { by, descending, optional: schema.optional_sorts.contains(&by) })
    }

    /// The order by the attribute with this SCIM name; `None` unless the attribute is comparable. As in filters, the
    /// name of a list or an object means its sub-attribute `value`.
    pub fn by_scim(schema: &'static Schema, name: &str, descending: bool) -> Option<Self> {
        let chain = Vocabulary::Scim.find(schema, name)?;
        let value = chain.last().and_then(|attribute| attribute.part("value"));
        let path: Vec<_> = chain.iter().copied().chain(value).map(|attribute| attribute.name).collect();
        Self::by_attribute(schema, &path, descending)
    }

    /// The order by the attribute at this path; `None` unless the attribute is comparable.
    pub fn by_attribute(schema: &Schema, path: &[&str], descending: bool) -> Option<Self> {
        let indexed = schema.sorts.iter().copied().find(|by| by.path() == path);
        let other = || COMPARABLE.single.iter().find(|single| *single == path).map(SortBy::Other);
        let element = || COMPARABLE.in_lists.iter().find(|part| *part == path).map(SortBy::Element);
        let by = indexed.or_else(other).or_else(element)?;
        let optional = !by.is_indexed() || schema.optional_sorts.contains(&by);
        Some(Self { by, descending, optional })
    }

    /// The position of a resource.
    pub fn position(self, resource: &impl Sorted) -> Position {
        Position { key: resource.key(self.by), id: resource.id() }
    }

    /// Compares two positions.
    pub fn compare(self, one: &Position, other: &Position) -> Ordering {
        let by_key = match (&one.key, &other.key) {
            // The order of ids is the order of creation.
            _ if self.by == SortBy::CreatedAt => Ordering::Equal,
            (Some(key), Some(other)) => key.cmp(other),
            // An absent key comes last.
            (key, other) => other.is_some().cmp(&key.is_some()),
        };
        let ordering = by_key.then_with(|| one.id.cmp(&other.id));
        if self.descending { ordering.reverse() } else { ordering }
    }

    /// Whether a position in this order can have this key.
    pub fn accepts_key(self, key: Option<&Value>) -> bool {
        match self.by {
            SortBy::Id => key.is_none(),
            _ if key.is_none() => self.optional,
            SortBy::CreatedAt | SortBy::UpdatedAt => matches!(key, Some(Value::Integer(_))),
            _ => matches!(key, Some(Value::Text(_))),
        }
    }

    /// The segments of the list after a position, in order: the resources with a sort key and those without one.
    /// Those without one come last in ascending order and first in descending order.
    pub fn segments(self, after: Option<Position>) -> Vec<Segment> {
        let whole = |missing| Segment { sort: self, missing, after: None, through: None };
        let mut segments = match (self.optional, self.descending) {
            (false, _) => vec![whole(false)],
            (true, false) => vec![whole(false), whole(true)],
            (true, true) => vec![whole(true), whole(false)],
        };
        if let Some(after) = after {
            let missing = self.optional && after.key.is_none();
            let current = segments.iter().position(|segment| segment.missing == missing).unwrap_or(0);
            segments.drain(..current);
            if let Some(first) = segments.first_mut() {
                first.after = Some(after);
            }
        }
        segments
    }
}

/// A part of a list that one index scan can read in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The order of the list.
    pub sort: Sort,
    /// Whether the segment consists of the resources that lack the sort key, rather than of those that have it.
    pub missing: bool,
    /// The position after which the segment starts; `None` for the start of the list.
    pub after: Option<Position>,
    /// The last position of the segment; `None` for the end of the list.
    pub through: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_with_a_direction() {
        let sort = |by, descending, optional| Ok(Sort { by, descending, optional });
        assert_eq!(Sort::parse("id", &USERS), sort(SortBy::Id, false, false));
        assert_eq!(Sort::parse("-USERNAME", &USERS), sort(SortBy::UserName, true, false));
        assert_eq!(Sort::parse("displayName", &USERS), sort(SortBy::DisplayName, false, true));
        for bad in ["", "-", "--id", "+id", " id", "title", "id,userName", "emails.value"] {
            assert_eq!(Sort::parse(bad, &USERS), Err(UnknownSort(USERS.sorts)), "{bad}");
        }
    }

    #[test]
    fn comparable_attributes_have_an_order() {
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
            &["emails", "value"],
            &["addresses", "locality"],
            &["x509Certificates", "primary"],
        ] {
            assert_eq!(by(path), Some((false, true)), "{path:?}");
        }
        for path in [&["name"][..], &["emails"], &["custom"], &["enterprise", "manager", "displayName"]] {
            assert_eq!(by(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_scim_list_or_object_is_sorted_by_its_value() {
        let by = |name: &str| Sort::by_scim(&USERS, name, true).map(|sort| sort.to_string());
        for (name, expected) in [
            ("emails", Some("-emails.value")),
            ("EMAILS.Type", Some("-emails.type")),
            ("addresses.locality", Some("-addresses.locality")),
            ("manager", Some("-enterprise.manager.value")),
            ("addresses", None),
            ("name", None),
            ("groups", None),
        ] {
            assert_eq!(by(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn resources_without_a_sort_key_are_in_a_segment_of_their_own() {
        let missing = |text: &str, after: Option<Position>| {
            let segments = Sort::parse(text, &USERS).unwrap().segments(after);
            segments.iter().map(|segment| (segment.missing, segment.after.is_some())).collect::<Vec<_>>()
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
