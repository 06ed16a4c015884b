//! Operations on extensions without a schema in Roster. Their values are stored as sent.

use super::{Op, Reading, ScimError, ScimType, require_value};
use crate::domain::scim::intent;
use crate::domain::scim::normalize::is_unassigned;
use crate::domain::scim::path::UnknownExtensionPath;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::slice;

/// Applies an operation to an extension or to an attribute of one. Names are case-insensitive; an existing name keeps its
/// case.
pub(super) fn apply(
    resource: &mut Map<String, Value>,
    path: &UnknownExtensionPath,
    op: Op,
    value: Option<&Value>,
    reading: &Reading,
) -> Result<(), ScimError> {
    if op == Op::Remove {
        remove(resource, &path.urn, &path.names, value);
        return Ok(());
    }
    let value = require_value(value, &path.urn)?;
    let value = &match path.names.as_slice() {
        [] => intent::object(value.clone(), reading, &path.urn),
        _ => value.clone(),
    };
    if path.names.is_empty() && !value.is_object() && !is_unassigned(value) {
        return Err(ScimType::InvalidValue.error(format!("{} must be an object.", path.urn)));
    }
    write(resource, &path.urn, &path.names, op, value);
    Ok(())
}

/// Writes the value at `name`, or at the nested path `names` inside it.
fn write(map: &mut Map<String, Value>, name: &str, names: &[String], op: Op, value: &Value) {
    let key = existing_key(map, name).unwrap_or_else(|| name.to_owned());
    let before = map.remove(&key);
    let after = match (before, names) {
        (Some(Value::Object(mut inner)), [next, rest @ ..]) => {
            write(&mut inner, next, rest, op, value);
            Some(inner.into())
        }
        // A value that is not an object has no members to unassign.
        (before, [_, ..]) if is_unassigned(value) => before,
        (_, [next, rest @ ..]) => {
            let mut inner = Map::new();
            write(&mut inner, next, rest, op, value);
            Some(inner.into())
        }
        (Some(Value::Array(mut items)), []) if op == Op::Add => {
            let mut known: HashSet<String> = items.iter().map(Value::to_string).collect();
            let new = as_list(value).iter().filter(|item| known.insert(item.to_string()));
            items.extend(new.cloned());
            Some(items.into())
        }
        (before, []) if value.is_array() && is_unassigned(value) && op == Op::Add => before,
        (_, []) if is_unassigned(value) => None,
        (before, []) if value.is_object() => {
            let mut inner = match before {
                Some(Value::Object(inner)) => inner,
                _ => Map::new(),
            };
            for (name, value) in value.as_object().into_iter().flatten() {
                write(&mut inner, name, &[], op, value);
            }
            Some(inner.into())
        }
        (_, []) => Some(value.clone()),
    };
    insert_unless_empty(map, key, after);
}

/// Removes the value at `name`, or at the nested path `names` inside it; with `value`, only the parts that it names.
fn remove(map: &mut Map<String, Value>, name: &str, names: &[String], value: Option<&Value>) {
    let Some(key) = existing_key(map, name) else { return };
    let rest = match (map.remove(&key), names, value.filter(|value| !value.is_null())) {
        (Some(Value::Object(mut inner)), [next, rest @ ..], value) => {
            remove(&mut inner, next, rest, value);
            Some(inner.into())
        }
        (before, [_, ..], _) => before,
        (_, [], None) => None,
        (before, [], Some(value)) => before.and_then(|before| without(before, value)),
    };
    insert_unless_empty(map, key, rest);
}

/// Removes the elements or members that `value` names from a stored value; `None` when nothing is left.
fn without(stored: Value, value: &Value) -> Option<Value> {
    match (stored, value) {
        (Value::Array(mut items), value) => {
            let removed: HashSet<String> = as_list(value).iter().map(Value::to_string).collect();
            items.retain(|item| !removed.contains(&item.to_string()));
            (!items.is_empty()).then(|| items.into())
        }
        (Value::Object(mut inner), Value::Object(members)) => {
            members.iter().for_each(|(name, value)| remove(&mut inner, name, &[], Some(value)));
            Some(inner.into())
        }
        (stored, value) => (stored != *value).then_some(stored),
    }
}

/// The elements of a list. A single value counts as a list of one, and null as an empty list.
fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        single => slice::from_ref(single),
    }
}

/// The key that equals `name`, ignoring case.
fn existing_key(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

fn insert_unless_empty(map: &mut Map<String, Value>, key: String, value: Option<Value>) {
    if let Some(value) = value.filter(|value| value.as_object().is_none_or(|inner| !inner.is_empty())) {
        map.insert(key, value);
    }
}
