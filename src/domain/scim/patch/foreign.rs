//! Operations on extensions that Roster does not know: their values are kept as they are sent.

use super::attribute::is_unassigned;
use super::{ScimError, ScimType, Verb, needed};
use crate::domain::scim::path::ForeignPath;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Writes an extension, or what is in it. Names have no case; one that is there keeps its spelling.
pub(super) fn write(
    resource: &mut Map<String, Value>,
    path: &ForeignPath,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let value = match verb {
        Verb::Remove => &Value::Null,
        _ => needed(value, &path.urn)?,
    };
    match path.names.as_slice() {
        [] if !value.is_object() && !is_unassigned(value) => {
            Err(ScimType::InvalidValue.error(format!("{} must be an object", path.urn)))
        }
        names => {
            put(resource, &path.urn, names, verb, value);
            Ok(())
        }
    }
}

/// Writes what `name` leads to, or what the names behind it lead to there.
fn put(map: &mut Map<String, Value>, name: &str, names: &[String], verb: Verb, value: &Value) {
    let held = map.keys().find(|held| held.eq_ignore_ascii_case(name));
    let key = held.cloned().unwrap_or_else(|| name.to_owned());
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
        (Some(Value::Array(mut items)), []) if verb == Verb::Add && value.is_array() => {
            let known: HashSet<String> = items.iter().map(Value::to_string).collect();
            let more = value.as_array().into_iter().flatten();
            items.extend(more.filter(|item| !known.contains(&item.to_string())).cloned());
            Some(items.into())
        }
        (_, []) => Some(value.clone()),
    };
    if let Some(after) = after.filter(|after| after.as_object().is_none_or(|inner| !inner.is_empty())) {
        map.insert(key, after);
    }
}
