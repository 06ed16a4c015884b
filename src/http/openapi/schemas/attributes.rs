//! The schemas of users and groups, derived from the tables of attributes.

use super::builders::{array, described, id, integer, nullable_text, object, text, time, version};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::schema::Schema;
use serde_json::{Map, Value, json};

/// The values of `attributes` and `excludedAttributes`: the names of attributes, and of sub-attributes after a dot.
pub(in crate::http::openapi) fn attribute_names(schema: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    add_names("", schema.attributes, &mut names);
    names
}

fn add_names(prefix: &str, attributes: &[Attribute], names: &mut Vec<String>) {
    for attribute in attributes {
        let name = format!("{prefix}{}", attribute.name);
        names.push(name.clone());
        add_names(&format!("{name}."), attribute.parts(), names);
    }
}

/// An object in a response, which always has all of its fields.
fn complete(attributes: &[Attribute]) -> Value {
    let required: Vec<_> = attributes.iter().map(|attribute| attribute.name).collect();
    json!({ "type": "object", "properties": response_properties(attributes), "required": required })
}

/// A resource in a response.
pub(super) fn resource(schema: &Schema) -> Value {
    let mut resource = complete(schema.attributes);
    if let Some(Value::Object(properties)) = resource.get_mut("properties") {
        properties.extend(included(schema));
    }
    resource
}

/// The properties that `include` adds.
fn included(schema: &Schema) -> Map<String, Value> {
    let about_sources = "The names of the connections in `externalIds`, by the same keys. Present only with \
                         `include=externalIdSources`.";
    let sources = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let groups = array(object([("id", id()), ("displayName", text())]));
    let groups = described(groups, "The groups of the user. Present only with `include=groups`.");
    let mut properties =
        Map::from_iter([("externalIdSources".to_owned(), described(sources, about_sources))]);
    if schema.plural == "users" {
        properties.insert("groups".to_owned(), groups);
    }
    properties
}

/// A resource after a projection, which can remove sub-attributes at any depth.
pub(super) fn projected(schema: &Schema) -> Value {
    let mut properties = response_properties(schema.attributes);
    properties.values_mut().for_each(require_nothing);
    properties.extend(included(schema));
    json!({
        "description": "The attributes selected by `attributes` or `excludedAttributes`, and `id`.",
        "type": "object",
        "properties": properties,
        "required": ["id"],
    })
}

/// Removes `required` at every depth.
fn require_nothing(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove("required");
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(require_nothing);
    schema.get_mut("items").into_iter().for_each(require_nothing);
}

fn response_properties(attributes: &[Attribute]) -> Map<String, Value> {
    attributes.iter().map(|attribute| (attribute.name.to_owned(), response_property(attribute))).collect()
}

fn response_property(attribute: &Attribute) -> Value {
    match (attribute.name, &attribute.kind) {
        ("userName", _) => text(),
        ("version", _) => version(),
        ("manager", Kind::Object(_)) => json!({
            "type": ["object", "null"],
            "properties": { "value": text(), "displayName": nullable_text() },
            "required": ["value", "displayName"],
        }),
        ("externalIds", _) => json!({
            "description": "The externalIds of all sources. A source is `native` or the id of a connection.",
            "type": "object",
            "additionalProperties": { "type": "string" },
        }),
        ("extensions", _) => json!({
            "description": "The SCIM extensions that Roster has no schema for, by URN.",
            "type": "object",
            "additionalProperties": { "type": "object" },
        }),
        ("custom", _) => json!({ "description": "A free-form JSON object.", "type": "object" }),
        (_, Kind::Text | Kind::Exact | Kind::Binary | Kind::Constant(_) | Kind::Urns | Kind::Opaque) => {
            nullable_text()
        }
        (_, Kind::Boolean) => json!({ "type": "boolean" }),
        (_, Kind::Integer) => integer(),
        (_, Kind::Time) => time(),
        (_, Kind::Id) => id(),
        (_, Kind::Object(parts)) => complete(parts),
        (_, Kind::List(parts)) => array(complete(parts)),
    }
}

/// The purpose of a body.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::http) enum Write {
    New,
    Replacement,
    Patch,
}

fn required(schema: &Schema) -> &'static str {
    if schema.plural == "users" { "userName" } else { "displayName" }
}

pub(super) fn request_body(schema: &Schema, write: Write) -> Value {
    let required = required(schema);
    let property = |attribute: &Attribute| match attribute.name {
        "displayName" if required == "displayName" => key_text(
            false,
            "The name of the group. Unique, ignoring case, if the tenant requires unique group names.",
        ),
        _ => request_property(attribute, write),
    };
    let properties =
        schema.attributes.iter().map(|attribute| (attribute.name.to_owned(), property(attribute)));
    let read_only = included(schema).into_iter().map(|(name, _)| (name, ignored_value()));
    let properties: Map<String, Value> = properties.chain(read_only).collect();
    let required = if write == Write::Patch { json!([]) } else { json!([required]) };
    let meaning = match write {
        Write::New => "A null value means that the attribute is absent.",
        Write::Replacement if schema.plural == "users" => {
            "Absent and null attributes are cleared, except `active`, which keeps its value."
        }
        Write::Replacement => "Absent and null attributes are cleared. The members do not change.",
        Write::Patch => {
            "A JSON Merge Patch (RFC 7396): absent attributes do not change, null removes an attribute, and a list is \
             replaced as a whole."
        }
    };
    json!({
        "description": format!("{meaning} At most 64 KiB."),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The schema of an attribute in a request body.
pub(in crate::http) fn request_property(attribute: &Attribute, write: Write) -> Value {
    match (attribute.name, &attribute.kind) {
        ("id", _) if write != Write::New => {
            let id = json!({ "type": ["string", "null"], "format": "uuid" });
            described(id, "Must equal the id in the path.")
        }
        ("userName", _) => key_text(false, "Unique within the tenant, ignoring case."),
        ("externalId", _) => key_text(
            true,
            "The caller's own identifier. Unique among the native externalIds of the tenant and resource type.",
        ),
        ("displayName", _) => key_text(true, "The name to display."),
        ("active", _) => match write {
            Write::New => json!({ "type": ["boolean", "null"], "default": true }),
            Write::Replacement => json!({ "type": ["boolean", "null"] }),
            Write::Patch => json!({ "type": "boolean" }),
        },
        ("id" | "version" | "createdAt" | "updatedAt" | "externalIds" | "memberCount", _) => ignored_value(),
        ("custom", _) => {
            let custom = json!({ "type": ["object", "null"], "propertyNames": storable_name() });
            described(custom, "A free-form JSON object of at most 16 KiB, nested at most 8 levels deep.")
        }
        ("extensions", _) => json!({
            "description": "SCIM extensions by URN, each nested at most 8 levels deep.",
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[uU][rR][nN]:[^\\u0000]{3,}$" },
            "additionalProperties": { "type": "object", "propertyNames": storable_name() },
        }),
        ("emails", Kind::List(parts)) => {
            let mut emails = list(parts);
            if let Some(value) = emails.pointer_mut("/items/properties/value") {
                *value = json!({
                    "type": ["string", "null"],
                    "minLength": 3,
                    "maxLength": 254,
                    "pattern": "^[^@\\u0000-\\u001f\\u007f-\\u009f]+@[^@\\u0000-\\u001f\\u007f-\\u009f]+$",
                });
            }
            emails
        }
        _ => request_sub_property(attribute),
    }
}

fn request_sub_property(attribute: &Attribute) -> Value {
    match &attribute.kind {
        Kind::Opaque => json!({ "description": "Computed by the server; ignored in requests." }),
        Kind::Boolean => json!({ "type": ["boolean", "null"] }),
        Kind::Object(parts) => request_object(json!(["object", "null"]), parts),
        Kind::List(parts) => list(parts),
        _ => json!({ "type": ["string", "null"], "pattern": "^[^\\u0000]*$" }),
    }
}

fn request_object(kind: Value, parts: &[Attribute]) -> Value {
    let field = |part: &Attribute| (part.name.to_owned(), request_sub_property(part));
    let properties: Map<String, Value> = parts.iter().map(field).collect();
    json!({ "type": kind, "properties": properties, "additionalProperties": false })
}

fn list(parts: &[Attribute]) -> Value {
    json!({
        "type": ["array", "null"],
        "maxItems": 100,
        "items": request_object(json!("object"), parts),
        "contains": { "properties": { "primary": { "const": true } }, "required": ["primary"] },
        "minContains": 0,
        "maxContains": 1,
    })
}

/// A string that resources are looked up by.
pub(in crate::http) fn key_text(nullable: bool, description: &str) -> Value {
    let kind = if nullable { json!(["string", "null"]) } else { json!("string") };
    json!({
        "description": description,
        "type": kind,
        "minLength": 1,
        "maxLength": 256,
        "pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$",
    })
}

/// A name that can be stored: any name without U+0000.
pub(in crate::http) fn storable_name() -> Value {
    json!({ "pattern": "^[^\\u0000]*$" })
}

pub(in crate::http) fn ignored_value() -> Value {
    json!({ "description": "Read-only; ignored in requests." })
}
