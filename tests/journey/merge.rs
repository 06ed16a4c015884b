//! Puts JSON objects together.

use serde_json::{Value, json};

/// What a null in a patch does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Nulls {
    /// It is set, as any value: two bodies are put together.
    Keep,
    /// It removes the member, as the standard says.
    Remove,
}

/// JSON Merge Patch (RFC 7396), written here so that the server is not compared with its own library.
pub(crate) fn merge(target: &mut Value, patch: &Value, nulls: Nulls) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(map) = target.as_object_mut() else { return };
    for (name, value) in changes {
        if value.is_null() && nulls == Nulls::Remove {
            map.remove(name);
        } else {
            merge(map.entry(name.as_str()).or_insert(Value::Null), value, nulls);
        }
    }
}
