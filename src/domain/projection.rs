//! Projections: the attributes that a client requests in responses (RFC 7644, section 3.9).

use super::attribute::{Attribute, Kind};
use super::excerpt;
use super::schema::{Schema, Vocabulary};
use derive_more::{Display, Error};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The attributes of a resource in a response. The `id` is always included.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Projection {
    /// All attributes.
    #[default]
    All,
    /// Only these attributes.
    Include(AttributeSet),
    /// All attributes except these.
    Exclude(AttributeSet),
}

/// A set of attributes and sub-attributes, as dotted paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeSet(BTreeSet<String>);

/// The error for an invalid list of attributes.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
pub enum InvalidAttributeSet {
    /// An unknown attribute.
    #[display("'{name}' is not an attribute of {of}")]
    Unknown {
        /// The first 100 characters of the name.
        name: String,
        /// The type of the resources, in the plural.
        of: &'static str,
    },
    /// More than 100 names.
    #[display("a list of attributes must have at most {NAME_LIMIT} names")]
    TooMany,
}

/// The maximum number of names.
const NAME_LIMIT: usize = 100;

impl AttributeSet {
    /// Parses comma-separated names.
    ///
    /// # Errors
    /// The first unknown name, or too many names.
    pub fn parse(names: &str, schema: &Schema, vocabulary: Vocabulary) -> Result<Self, InvalidAttributeSet> {
        if names.split(',').count() > NAME_LIMIT {
            return Err(InvalidAttributeSet::TooMany);
        }
        let path = |name: &str| {
            let unknown = || InvalidAttributeSet::Unknown { name: excerpt(name), of: schema.plural };
            path(name, schema, vocabulary).ok_or_else(unknown)
        };
        names.split(',').map(str::trim).map(path).collect::<Result<_, _>>().map(Self)
    }

    /// Adds an attribute to the set.
    #[must_use]
    pub fn with(mut self, name: &str) -> Self {
        self.0.insert(name.to_owned());
        self
    }
}

/// The dotted path of the attribute with this name. Names inside free-form JSON are taken as they are.
fn path(name: &str, schema: &Schema, vocabulary: Vocabulary) -> Option<String> {
    let keys =
        |chain: Vec<&Attribute>| chain.iter().map(|attribute| attribute.name).collect::<Vec<_>>().join(".");
    if let Some(chain) = vocabulary.find(schema, name) {
        return Some(keys(chain));
    }
    name.match_indices('.').find_map(|(dot, _)| {
        let (top, inside) = name.split_at(dot);
        let chain = vocabulary.find(schema, top)?;
        let is_free_form = chain.last().is_some_and(|attribute| matches!(attribute.kind, Kind::Opaque));
        is_free_form.then(|| format!("{}{inside}", keys(chain)))
    })
}

impl Projection {
    /// The resource with only the projected attributes.
    #[must_use]
    pub fn apply(&self, resource: Map<String, Value>) -> Map<String, Value> {
        let (Self::Include(AttributeSet(paths)) | Self::Exclude(AttributeSet(paths))) = self else {
            return resource;
        };
        let id = resource.get("id").cloned();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let mut shown = select(resource, &paths, matches!(self, Self::Include(_)));
        shown.extend(id.map(|id| ("id".to_owned(), id)));
        shown
    }
}

/// The fields of an object that the paths name, or those that they do not name.
fn select(map: Map<String, Value>, paths: &[&str], named: bool) -> Map<String, Value> {
    let select = |(key, value): (String, Value)| {
        let whole = paths.contains(&key.as_str());
        // A key can contain dots, as a URN does.
        let inside: Vec<&str> =
            paths.iter().filter_map(|path| path.strip_prefix(key.as_str())?.strip_prefix('.')).collect();
        let value = match (whole, named) {
            (true, true) => value,
            (true, false) => return None,
            (false, true) if inside.is_empty() => return None,
            (false, _) => select_inside(value, &inside, named),
        };
        Some((key, value))
    };
    map.into_iter().filter_map(select).collect()
}

/// Like [`select`], for an object or each object in a list.
fn select_inside(value: Value, paths: &[&str], named: bool) -> Value {
    match value {
        Value::Object(map) => select(map, paths, named).into(),
        Value::Array(items) => items.into_iter().map(|item| select_inside(item, paths, named)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::USERS;
    use serde_json::json;

    fn shown(projection: fn(AttributeSet) -> Projection, names: &str) -> Value {
        let user = json!({
            "id": "i", "userName": "ada", "name": {"givenName": "Ada", "familyName": null},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": null}],
            "custom": {"a": {"b": 1, "c": 2}, "a.b": 3}, "externalIds": {"native": "n"},
            "extensions": {"urn:x:1.0:User": {"y": 1}}, "enterprise": {"manager": null},
        });
        let parts = AttributeSet::parse(names, &USERS, Vocabulary::Native).unwrap();
        projection(parts).apply(user.as_object().cloned().unwrap()).into()
    }

    #[test]
    fn only_named_attributes_are_included() {
        let only = |names| shown(Projection::Include, names);
        assert_eq!(only("USERNAME"), json!({"id": "i", "userName": "ada"}));
        assert_eq!(
            only(" name.givenName , name.givenName"),
            json!({"id": "i", "name": {"givenName": "Ada"}})
        );
        assert_eq!(
            only("name.givenName,name"),
            json!({"id": "i", "name": {"givenName": "Ada", "familyName": null}})
        );
        assert_eq!(only("emails.value"), json!({"id": "i", "emails": [{"value": "a@x"}, {"value": "b@x"}]}));
        assert_eq!(only("custom.a.b"), json!({"id": "i", "custom": {"a": {"b": 1}, "a.b": 3}}));
        assert_eq!(only("extensions.urn:x:1.0:User.y"), only("extensions.urn:x:1.0:User"));
        assert_eq!(
            only("extensions.urn:x:1.0:User.z"),
            json!({"id": "i", "extensions": {"urn:x:1.0:User": {}}})
        );
        assert_eq!(only("custom.A"), json!({"id": "i", "custom": {}}));
        assert_eq!(only("enterprise.manager.value"), json!({"id": "i", "enterprise": {"manager": null}}));
        assert_eq!(
            only("extensions.urn:x:1.0:User"),
            json!({"id": "i", "extensions": {"urn:x:1.0:User": {"y": 1}}})
        );
    }

    #[test]
    fn named_attributes_are_excluded() {
        let without = |names| shown(Projection::Exclude, names);
        let all = without("id");
        assert_eq!(all["id"], "i");
        let mut expected = all.clone();
        expected["emails"] = json!([{"type": "work"}, {"type": null}]);
        expected["custom"] = json!({"a": {"c": 2}});
        expected["externalIds"] = json!({});
        assert_eq!(without("emails.value,custom.a.b,externalIds.native"), expected);
    }

    #[test]
    fn unknown_names_are_rejected() {
        for name in ["", "title,", "x", "name.x", "title.x", "customs", "emails.value.x", ".custom"] {
            assert!(AttributeSet::parse(name, &USERS, Vocabulary::Native).is_err(), "{name}");
        }
    }
}
