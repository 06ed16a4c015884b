//! Operations on extensions that Roster does not know: their values are kept as they are sent.

use super::{ScimError, ScimType, Verb, needed};
use crate::domain::scim::normal::is_unassigned;
use crate::domain::scim::path::ForeignPath;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::slice;

/// Writes an extension, or what is in it. Names have no case; one that is there keeps its spelling.
pub(super) fn write(
    resource: &mut Map<String, Value>,
    path: &ForeignPath,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    if verb == Verb::Remove {
        remove(resource, &path.urn, &path.names, value);
        return Ok(());
    }
    let value = needed(value, &path.urn)?;
    if path.names.is_empty() && !value.is_object() && !is_unassigned(value) {
        return Err(ScimType::InvalidValue.error(format!("{} must be an object", path.urn)));
    }
    put(resource, &path.urn, &path.names, verb, value);
    Ok(())
}

/// Writes what `name` leads to, or what the names behind it lead to there.
fn put(map: &mut Map<String, Value>, name: &str, names: &[String], verb: Verb, value: &Value) {
    let key = key_of(map, name).unwrap_or_else(|| name.to_owned());
    let before = map.remove(&key);
    let after = match (before, names) {
        (Some(Value::Object(mut inner)), [next, rest @ ..]) => {
            put(&mut inner, next, rest, verb, value);
            Some(inner.into())
        }
        // Nothing is inside what is no object, so there is nothing to remove.
        (before, [_, ..]) if is_unassigned(value) => before,
        (_, [next, rest @ ..]) => {
            let mut inner = Map::new();
            put(&mut inner, next, rest, verb, value);
            Some(inner.into())
        }
        (Some(Value::Array(mut items)), []) if verb == Verb::Add => {
            let mut known: HashSet<String> = items.iter().map(Value::to_string).collect();
            let more = listed(value).iter().filter(|item| known.insert(item.to_string()));
            items.extend(more.cloned());
            Some(items.into())
        }
        (before, []) if value.is_array() && is_unassigned(value) && verb == Verb::Add => before,
        (_, []) if is_unassigned(value) => None,
        (before, []) if value.is_object() => {
            let mut inner = match before {
                Some(Value::Object(inner)) => inner,
                _ => Map::new(),
            };
            for (name, value) in value.as_object().into_iter().flatten() {
                put(&mut inner, name, &[], verb, value);
            }
            Some(inner.into())
        }
        (_, []) => Some(value.clone()),
    };
    put_back(map, key, after);
}

/// Removes what `name`, and the names behind it, lead to: all of it, or what of it a value says.
fn remove(map: &mut Map<String, Value>, name: &str, names: &[String], value: Option<&Value>) {
    let Some(key) = key_of(map, name) else { return };
    let left = match (map.remove(&key), names, value.filter(|value| !value.is_null())) {
        (Some(Value::Object(mut inner)), [next, rest @ ..], value) => {
            remove(&mut inner, next, rest, value);
            Some(inner.into())
        }
        (before, [_, ..], _) => before,
        (_, [], None) => None,
        (before, [], Some(value)) => before.and_then(|before| without(before, value)),
    };
    put_back(map, key, left);
}

/// What is left of a value.
fn without(held: Value, value: &Value) -> Option<Value> {
    match (held, value) {
        (Value::Array(mut items), value) => {
            let gone: HashSet<String> = listed(value).iter().map(Value::to_string).collect();
            items.retain(|item| !gone.contains(&item.to_string()));
            (!items.is_empty()).then(|| items.into())
        }
        (Value::Object(mut inner), Value::Object(parts)) => {
            parts.iter().for_each(|(name, value)| remove(&mut inner, name, &[], Some(value)));
            Some(inner.into())
        }
        (held, value) => (held != *value).then_some(held),
    }
}

/// The values of a list; what is sent without one is meant to be in one, and null is no value.
fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        one => slice::from_ref(one),
    }
}

/// The key of a name.
fn key_of(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.keys().find(|held| held.eq_ignore_ascii_case(name)).cloned()
}

/// An object is there only while there is something in it.
fn put_back(map: &mut Map<String, Value>, key: String, value: Option<Value>) {
    if let Some(value) = value.filter(|value| value.as_object().is_none_or(|inner| !inner.is_empty())) {
        map.insert(key, value);
    }
}
