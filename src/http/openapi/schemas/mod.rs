//! The JSON Schemas of bodies.

mod attributes;
mod records;

pub(super) use attributes::attribute_names;
pub(in crate::http) use attributes::{Write, ignored_value, key_text, request_property, storable_name};

use crate::domain::schema::{GROUPS, USERS};
use attributes::{complete, projected, request_body};
use serde_json::{Map, Value, json};

/// The schemas of the native API, by name. `codes` are the codes of problems.
pub(super) fn all(codes: &[&str]) -> Map<String, Value> {
    let projectable =
        |name: &str| json!({ "anyOf": [reference(name), reference(&format!("Projected{name}"))] });
    let all = [
        ("User", complete(USERS.attributes)),
        ("ProjectedUser", projected(&USERS)),
        ("NewUser", request_body(&USERS, Write::New)),
        ("UserReplacement", request_body(&USERS, Write::Replacement)),
        ("UserPatch", request_body(&USERS, Write::Patch)),
        ("UserPage", page(projectable("User"))),
        ("Group", complete(GROUPS.attributes)),
        ("ProjectedGroup", projected(&GROUPS)),
        ("NewGroup", request_body(&GROUPS, Write::New)),
        ("GroupReplacement", request_body(&GROUPS, Write::Replacement)),
        ("GroupPatch", request_body(&GROUPS, Write::Patch)),
        ("GroupPage", page(projectable("Group"))),
    ];
    all.into_iter().chain(records::all(codes)).map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A reference to a schema.
pub(in crate::http) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A page of items.
fn page(item: Value) -> Value {
    let next_cursor = described(text(), "The cursor of the next page. Absent on the last page.");
    let total = described(integer(), "The number of items in the whole list. Present with `include=total`.");
    json!({
        "type": "object",
        "properties": { "items": array(item), "nextCursor": next_cursor, "total": total },
        "required": ["items"],
    })
}

/// An object in a response, which always has all of these properties.
fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    let required = properties.each_ref().map(|(name, _)| *name).to_vec();
    let properties: Map<_, _> =
        properties.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// A schema with a description.
fn described(mut schema: Value, description: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn nullable_text() -> Value {
    json!({ "type": ["string", "null"] })
}

fn integer() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

pub(in crate::http) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn nullable_time() -> Value {
    json!({ "type": ["string", "null"], "format": "date-time" })
}

fn uri(description: &str) -> Value {
    json!({ "type": "string", "format": "uri", "description": description })
}

fn version() -> Value {
    let description = "The number of changes to the resource, which is also its ETag.";
    json!({ "type": "integer", "format": "int64", "minimum": 1, "description": description })
}
