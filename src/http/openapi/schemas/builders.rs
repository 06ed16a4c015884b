//! Builders of JSON Schemas.

use serde_json::{Map, Value, json};

pub(in crate::http) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A schema of this name, or null.
pub(super) fn nullable(name: &str) -> Value {
    json!({ "anyOf": [reference(name), { "type": "null" }] })
}

pub(super) fn page(item: Value) -> Value {
    let next_cursor = described(text(), "The cursor of the next page. Absent on the last page.");
    let total = described(integer(), "The number of items in the whole list. Present with `include=total`.");
    json!({
        "type": "object",
        "properties": { "items": array(item), "nextCursor": next_cursor, "total": total },
        "required": ["items"],
    })
}

/// An object in a response, which always has all of these properties.
pub(super) fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    let required = properties.each_ref().map(|(name, _)| *name).to_vec();
    let properties: Map<_, _> =
        properties.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

pub(super) fn described(mut schema: Value, description: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

pub(super) fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn nullable_text() -> Value {
    json!({ "type": ["string", "null"] })
}

pub(super) fn integer() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

pub(super) fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

pub(in crate::http) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn nullable_time() -> Value {
    json!({ "type": ["string", "null"], "format": "date-time" })
}

pub(super) fn uri(description: &str) -> Value {
    json!({ "type": "string", "format": "uri", "description": description })
}

pub(super) fn version() -> Value {
    let description = "The version of the resource, which is also its ETag: 1 at first, incremented by each write that \
                       changes the resource.";
    json!({ "type": "integer", "format": "int64", "minimum": 1, "description": description })
}
