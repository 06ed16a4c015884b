//! What of a resource a client wants to see (RFC 7644, section 3.9).

use super::attribute::{Attribute, Kind, Vocabulary};
use derive_more::{Display, Error};
use serde_json::{Map, Value};

/// What of a resource is shown. Its `id` always is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Projection {
    /// All of it.
    #[default]
    Whole,
    /// Only these.
    Only(Parts),
    /// All but these.
    Without(Parts),
}

/// A set of attributes and parts of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts(Vec<Vec<String>>);

/// Why a text names no set of attributes.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
pub enum InvalidParts {
    /// A name that no attribute has.
    #[display("'{name}' is not an attribute of users")]
    Unknown {
        /// The name, or its beginning.
        name: String,
    },
    /// More names than anyone needs.
    #[display("at most {NAME_LIMIT} attributes can be named")]
    TooMany,
}

/// The most names.
const NAME_LIMIT: usize = 100;

impl Parts {
    /// Reads names with commas between them.
    ///
    /// # Errors
    /// The first name that means nothing; too many names.
    pub fn of_users(names: &str, vocabulary: Vocabulary) -> Result<Self, InvalidParts> {
        if names.split(',').count() > NAME_LIMIT {
            return Err(InvalidParts::TooMany);
        }
        let path = |name: &str| {
            let unknown = || InvalidParts::Unknown { name: name.chars().take(100).collect() };
            path(name, vocabulary).ok_or_else(unknown)
        };
        names.split(',').map(str::trim).map(path).collect::<Result<_, _>>().map(Self)
    }
}

/// The keys that lead to what a name means. Inside the caller's own JSON they are the caller's.
fn path(name: &str, vocabulary: Vocabulary) -> Option<Vec<String>> {
    let path =
        |chain: &[&Attribute]| chain.iter().map(|attribute| attribute.name.to_owned()).collect::<Vec<_>>();
    if let Some(chain) = vocabulary.user(name) {
        return Some(path(&chain));
    }
    let (top, inside) = name.split_once('.')?;
    let chain = vocabulary.user(top)?;
    let own = chain.last().is_some_and(|attribute| matches!(attribute.kind, Kind::Opaque));
    // A URN has dots of its own, and an externalId's source is one key.
    let keys = if top.eq_ignore_ascii_case("custom") { inside.split('.').collect() } else { vec![inside] };
    own.then(|| path(&chain).into_iter().chain(keys.into_iter().map(str::to_owned)).collect())
}

impl Projection {
    /// What is left to show of a resource.
    #[must_use]
    pub fn apply(&self, resource: Map<String, Value>) -> Map<String, Value> {
        let id = resource.get("id").cloned();
        let mut shown = match self {
            Self::Whole => return resource,
            Self::Only(Parts(paths)) => only(resource, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            Self::Without(Parts(paths)) => {
                without(resource, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>())
            }
        };
        shown.extend(id.map(|id| ("id".to_owned(), id)));
        shown
    }
}

/// What stands behind `key` in each path that begins with it.
fn behind<'p>(paths: &[&'p [String]], key: &str) -> Vec<&'p [String]> {
    let behind =
        |path: &&'p [String]| path.split_first().filter(|(first, _)| *first == key).map(|(_, rest)| rest);
    paths.iter().filter_map(behind).collect()
}

fn only(map: Map<String, Value>, paths: &[&[String]]) -> Map<String, Value> {
    let keep = |(key, value): (String, Value)| {
        let inner = behind(paths, &key);
        match inner.as_slice() {
            [] => None,
            inner if inner.iter().any(|rest| rest.is_empty()) => Some((key, value)),
            inner => Some((key, inside(value, inner, only))),
        }
    };
    map.into_iter().filter_map(keep).collect()
}

fn without(map: Map<String, Value>, paths: &[&[String]]) -> Map<String, Value> {
    let keep = |(key, value): (String, Value)| {
        let inner = behind(paths, &key);
        let whole = inner.iter().any(|rest| rest.is_empty());
        (!whole).then(|| (key, inside(value, &inner, without)))
    };
    map.into_iter().filter_map(keep).collect()
}

/// Shows a part of an object, or of each object in a list.
fn inside(
    value: Value,
    paths: &[&[String]],
    show: fn(Map<String, Value>, &[&[String]]) -> Map<String, Value>,
) -> Value {
    match value {
        Value::Object(map) => show(map, paths).into(),
        Value::Array(items) => items.into_iter().map(|item| inside(item, paths, show)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(projection: fn(Parts) -> Projection, names: &str) -> Value {
        let user = json!({
            "id": "i", "userName": "ada", "name": {"givenName": "Ada", "familyName": null},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": null}],
            "custom": {"a": {"b": 1, "c": 2}, "a.b": 3}, "externalIds": {"native": "n"},
            "extensions": {"urn:x:1.0:User": {"y": 1}}, "enterprise": {"manager": null},
        });
        let parts = Parts::of_users(names, Vocabulary::Native).unwrap();
        projection(parts).apply(user.as_object().cloned().unwrap()).into()
    }

    #[test]
    fn shows_only_what_is_named() {
        let only = |names| shown(Projection::Only, names);
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
        assert_eq!(only("custom.a.b"), json!({"id": "i", "custom": {"a": {"b": 1}}}));
        assert_eq!(only("custom.A"), json!({"id": "i", "custom": {}}));
        assert_eq!(only("enterprise.manager.value"), json!({"id": "i", "enterprise": {"manager": null}}));
        assert_eq!(
            only("extensions.urn:x:1.0:User"),
            json!({"id": "i", "extensions": {"urn:x:1.0:User": {"y": 1}}})
        );
    }

    #[test]
    fn leaves_out_what_is_named() {
        let without = |names| shown(Projection::Without, names);
        let all = without("id");
        assert_eq!(all["id"], "i");
        let mut expected = all.clone();
        expected["emails"] = json!([{"type": "work"}, {"type": null}]);
        expected["custom"] = json!({"a": {"c": 2}, "a.b": 3});
        expected["externalIds"] = json!({});
        assert_eq!(without("emails.value,custom.a.b,externalIds.native"), expected);
    }

    #[test]
    fn names_must_mean_something() {
        for name in ["", "title,", "x", "name.x", "title.x", "customs", "emails.value.x", ".custom"] {
            assert!(Parts::of_users(name, Vocabulary::Native).is_err(), "{name}");
        }
    }
}
