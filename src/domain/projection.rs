//! What of a resource a client wants to see (RFC 7644, section 3.9).

use super::attribute::{Attribute, Kind, Schema, Vocabulary};
use derive_more::{Display, Error};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

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

/// A set of attributes and parts of them, each by its keys with dots between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts(BTreeSet<String>);

/// Why a text names no set of attributes.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
pub enum InvalidParts {
    /// A name that no attribute has.
    #[display("'{name}' is not an attribute of {of}")]
    Unknown {
        /// The name, or its beginning.
        name: String,
        /// Of which resources.
        of: &'static str,
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
    pub fn parse(names: &str, schema: &Schema, vocabulary: Vocabulary) -> Result<Self, InvalidParts> {
        if names.split(',').count() > NAME_LIMIT {
            return Err(InvalidParts::TooMany);
        }
        let path = |name: &str| {
            let unknown =
                || InvalidParts::Unknown { name: name.chars().take(100).collect(), of: schema.plural };
            path(name, schema, vocabulary).ok_or_else(unknown)
        };
        names.split(',').map(str::trim).map(path).collect::<Result<_, _>>().map(Self)
    }
}

/// The keys that lead to what a name means. Inside the caller's own JSON they are the caller's.
fn path(name: &str, schema: &Schema, vocabulary: Vocabulary) -> Option<String> {
    let keys =
        |chain: Vec<&Attribute>| chain.iter().map(|attribute| attribute.name).collect::<Vec<_>>().join(".");
    if let Some(chain) = vocabulary.find(schema, name) {
        return Some(keys(chain));
    }
    name.match_indices('.').find_map(|(dot, _)| {
        let (top, inside) = name.split_at(dot);
        let chain = vocabulary.find(schema, top)?;
        let own = chain.last().is_some_and(|attribute| matches!(attribute.kind, Kind::Opaque));
        own.then(|| format!("{}{inside}", keys(chain)))
    })
}

impl Projection {
    /// What is left to show of a resource.
    #[must_use]
    pub fn apply(&self, resource: Map<String, Value>) -> Map<String, Value> {
        let (Self::Only(Parts(paths)) | Self::Without(Parts(paths))) = self else { return resource };
        let id = resource.get("id").cloned();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let mut shown = select(resource, &paths, matches!(self, Self::Only(_)));
        shown.extend(id.map(|id| ("id".to_owned(), id)));
        shown
    }
}

/// Keeps of an object what is named, or what is not.
fn select(map: Map<String, Value>, paths: &[&str], named: bool) -> Map<String, Value> {
    let select = |(key, value): (String, Value)| {
        let whole = paths.contains(&key.as_str());
        // A key may have dots of its own: a URN has.
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

/// The same of each object in a list.
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
    use crate::domain::attribute::USERS;
    use serde_json::json;

    fn shown(projection: fn(Parts) -> Projection, names: &str) -> Value {
        let user = json!({
            "id": "i", "userName": "ada", "name": {"givenName": "Ada", "familyName": null},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": null}],
            "custom": {"a": {"b": 1, "c": 2}, "a.b": 3}, "externalIds": {"native": "n"},
            "extensions": {"urn:x:1.0:User": {"y": 1}}, "enterprise": {"manager": null},
        });
        let parts = Parts::parse(names, &USERS, Vocabulary::Native).unwrap();
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
    fn leaves_out_what_is_named() {
        let without = |names| shown(Projection::Without, names);
        let all = without("id");
        assert_eq!(all["id"], "i");
        let mut expected = all.clone();
        expected["emails"] = json!([{"type": "work"}, {"type": null}]);
        expected["custom"] = json!({"a": {"c": 2}});
        expected["externalIds"] = json!({});
        assert_eq!(without("emails.value,custom.a.b,externalIds.native"), expected);
    }

    #[test]
    fn names_must_mean_something() {
        for name in ["", "title,", "x", "name.x", "title.x", "customs", "emails.value.x", ".custom"] {
            assert!(Parts::parse(name, &USERS, Vocabulary::Native).is_err(), "{name}");
        }
    }
}
