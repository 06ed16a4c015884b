//! Merges JSON objects.

use serde_json::{Value, json};

/// The effect of a null in a patch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Nulls {
    /// Null is set like any other value, to combine two bodies.
    Keep,
    /// Null removes the member, as in RFC 7396.
    Remove,
}

/// JSON Merge Patch (RFC 7396), implemented here so that the test does not depend on the server's implementation.
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
