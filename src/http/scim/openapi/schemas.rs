//! The shapes of SCIM's bodies, from its schemas (RFC 7643, section 7).

use super::{
    Asked, ONLY, WITHOUT, attributes, count, cursor, extensions, filter, names, shape, some_of, sort_by,
    sort_order, start_index,
};
use crate::domain::scim::error::SCIM_TYPES;
use crate::domain::scim::schema::{COMMON, Definition, Mutability, Returned, Schema, Type};
use crate::domain::scim::{ResourceType, schema, urn};
use crate::http::openapi::schemas::{
    Write, ignored_value, key_text, reference, request_property, storable_name, time,
};
use crate::http::scim::limits::MAX_OPERATIONS;
use serde_json::{Map, Value, json};

/// The shapes by their names.
pub(super) fn all() -> Map<String, Value> {
    let any = json!({ "anyOf": [reference("ScimUser"), reference("ScimGroup")] });
    let all_names = ResourceType::ALL.map(names).concat();
    let all = [
        ("ScimResources", list_of(any)),
        ("ScimSearch", searched(all_names, filter(None), None)),
        ("ScimPatch", patched()),
        ("ScimBulkRequest", bulk_request()),
        ("ScimBulkResponse", bulk_response()),
        ("ScimError", error()),
        ("ScimResourceTypes", list_of(reference("ScimResourceType"))),
        ("ScimSchemas", list_of(reference("ScimSchema"))),
        ("ScimServiceProviderConfig", described(&schema::SERVICE_PROVIDER_CONFIG)),
        ("ScimResourceType", described(&schema::RESOURCE_TYPE)),
        ("ScimSchema", described(&schema::SCHEMA)),
    ];
    let mut all: Map<_, _> = all.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect();
    for kind in ResourceType::ALL {
        let name = shape(kind);
        all.extend([
            (format!("{name}s"), list_of(reference(&name))),
            (format!("{name}Search"), searched(names(kind), filter(Some(kind)), Some(sort_by(kind)))),
            (format!("New{name}"), written(kind, Write::New)),
            (format!("{name}Replacement"), written(kind, Write::Replacement)),
            (name, shown(kind)),
        ]);
    }
    all
}

/// A resource as answers show it: what has no value is not there, nor what a projection leaves out.
fn shown(kind: ResourceType) -> Value {
    let mut properties = properties(attributes(kind).filter(|one| one.returned != Returned::Never), false);
    properties.extend(extensions(kind).map(|one| (one.id.to_owned(), object(&one.attributes, false))));
    let always = attributes(kind).filter(|one| one.returned == Returned::Always).map(|one| one.name);
    json!({
        "description": "What has no value is not there. Extensions that Roster does not know stand under their URNs.",
        "type": "object",
        "properties": properties,
        "required": always.collect::<Vec<_>>(),
    })
}

/// What the service says of itself, which nothing is left out of.
fn described(schema: &Schema) -> Value {
    let common = COMMON.iter().filter(|one| ["schemas", "meta"].contains(&one.name));
    let required = schema.attributes.iter().filter(|one| one.required).map(|one| one.name);
    let required: Vec<_> = ["schemas", "meta"].into_iter().chain(required).collect();
    json!({
        "description": schema.description,
        "type": "object",
        "properties": properties(common.chain(&schema.attributes), true),
        "required": required,
    })
}

/// An object of these parts, all of those that are required when it comes `whole`.
fn object(definitions: &[Definition], whole: bool) -> Value {
    let required = definitions.iter().filter(|one| whole && one.required).map(|one| one.name);
    let required: Vec<_> = required.collect();
    json!({ "type": "object", "properties": properties(definitions, whole), "required": required })
}

fn properties<'d>(definitions: impl IntoIterator<Item = &'d Definition>, whole: bool) -> Map<String, Value> {
    definitions.into_iter().map(|one| (one.name.to_owned(), value_of(one, whole))).collect()
}

fn value_of(definition: &Definition, whole: bool) -> Value {
    let mut value = match definition.kind {
        Type::String | Type::Reference => json!({ "type": "string" }),
        Type::Binary => json!({ "type": "string", "contentEncoding": "base64" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer => json!({ "type": "integer", "format": "int64" }),
        Type::DateTime => time(),
        Type::Complex => object(&definition.sub_attributes, whole),
    };
    if definition.multi_valued {
        value = json!({ "type": "array", "items": value });
    }
    if let Some(value) = value.as_object_mut().filter(|_| !definition.description.is_empty()) {
        value.insert("description".to_owned(), definition.description.into());
    }
    value
}

/// A body of POST or PUT.
fn written(kind: ResourceType, write: Write) -> Value {
    let sent_as = |one: &Definition| (one.name.to_owned(), sent(kind, one, write));
    let mut properties: Map<_, _> = attributes(kind).map(sent_as).collect();
    properties.extend(extensions(kind).map(|extension| {
        let own: Map<_, _> = extension.attributes.iter().map(sent_as).collect();
        let shape = json!({ "type": ["object", "null"], "properties": own, "additionalProperties": false });
        (extension.id.to_owned(), shape)
    }));
    let required = kind.schema().attributes.iter().filter(|one| one.required).map(|one| one.name);
    let required: Vec<_> = ["schemas"].into_iter().chain(required).collect();
    let absent = match (write, kind) {
        (Write::Replacement, ResourceType::User) => "what is absent is cleared, but `active` stays as it was",
        (Write::Replacement, ResourceType::Group) => "what is absent is cleared, members too",
        _ => "null means absent",
    };
    let others = json!({ "type": ["object", "null"], "propertyNames": storable_name() });
    json!({
        "description": format!(
            "Names have no case; {absent}. Other extensions stand under their URNs, each at most 8 levels. At most 64 KiB, \
             without members."
        ),
        "type": "object",
        "properties": properties,
        "required": required,
        "patternProperties": { "^urn:[^\\u0000]{3,}$": others },
        "additionalProperties": false,
    })
}

fn sent(kind: ResourceType, definition: &Definition, write: Write) -> Value {
    match (definition.name, definition.attribute) {
        ("schemas", _) => one_of_urns(kind.schema().id),
        ("externalId", _) => {
            key_text(true, "Unique in its tenant among those of the connection; keys share the native API's.")
        }
        ("displayName", _) if definition.required => key_text(false, definition.description),
        ("members", _) => members(definition),
        _ if definition.mutability == Mutability::ReadOnly => ignored_value(),
        (_, Some(attribute)) => {
            with_read_only(request_property(attribute, write), &definition.sub_attributes)
        }
        (_, None) => json!({ "description": definition.description, "type": ["string", "null"] }),
    }
}

fn members(definition: &Definition) -> Value {
    let value = json!({ "type": "string", "format": "uuid", "description": "The id of a user." });
    let others = definition.sub_attributes.iter().filter(|part| part.name != "value");
    let mut parts: Map<_, _> = others.map(|part| (part.name.to_owned(), value_of(part, false))).collect();
    parts.insert("value".to_owned(), value);
    json!({
        "description": definition.description,
        "type": ["array", "null"],
        "items": { "type": "object", "properties": parts, "required": ["value"] },
    })
}

/// The native shape of an object, with the parts that an answer has and a body may give back.
fn with_read_only(mut shape: Value, parts: &[Definition]) -> Value {
    let properties = match shape.get_mut("items") {
        Some(items) => items.get_mut("properties"),
        None => shape.get_mut("properties"),
    };
    if let Some(Value::Object(properties)) = properties {
        let read_only = parts.iter().filter(|part| part.mutability == Mutability::ReadOnly);
        properties.extend(read_only.map(|part| (part.name.to_owned(), ignored_value())));
    }
    shape
}

/// `schemas` with this URN in it.
fn one_of_urns(urn: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "contains": { "const": urn } })
}

/// `schemas` of an answer of one kind.
fn this_urn(urn: &str) -> Value {
    json!({ "type": "array", "items": { "const": urn }, "minItems": 1, "maxItems": 1 })
}

/// A ListResponse (RFC 7644, section 3.4.2; RFC 9865, section 2).
fn list_of(item: Value) -> Value {
    let total = "How many there are; behind a cursor only when it is known without counting.";
    json!({
        "type": "object",
        "properties": {
            "schemas": this_urn(urn::LIST),
            "totalResults": { "type": "integer", "format": "int64", "description": total },
            "itemsPerPage": { "type": "integer", "description": "How many came." },
            "startIndex": { "type": "integer", "format": "int64", "description": "Not with a cursor." },
            "nextCursor": { "type": "string", "description": "With a cursor; absent on the last page." },
            "Resources": { "type": "array", "items": item },
        },
        "required": ["schemas", "itemsPerPage", "Resources"],
    })
}

/// A SearchRequest (RFC 7644, section 3.4.3).
fn searched(names: Vec<String>, filter: Asked, sort_by: Option<Asked>) -> Value {
    let names = some_of(names);
    let asked = [("attributes", names.clone(), ONLY), ("excludedAttributes", names, WITHOUT), filter];
    let places = [sort_order(), start_index(), count(), cursor()];
    let asked = asked.into_iter().chain(sort_by).chain(places);
    let mut properties: Map<_, _> = asked
        .map(|(name, mut schema, text)| {
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), text.into());
            }
            (name.to_owned(), schema)
        })
        .collect();
    properties.insert("schemas".to_owned(), one_of_urns(urn::SEARCH));
    json!({ "type": "object", "properties": properties, "required": ["schemas"] })
}

/// A PatchOp (RFC 7644, section 3.5.2).
fn patched() -> Value {
    let value = "What is added, or put in place; without `path` an object of attributes.";
    let operation = json!({
        "type": "object",
        "properties": {
            "op": { "type": "string", "enum": ["add", "remove", "replace"] },
            "path": { "type": "string", "examples": ["emails[type eq \"work\"].value"] },
            "value": { "description": value },
        },
        "required": ["op"],
        "if": { "properties": { "op": { "const": "remove" } } },
        "then": { "required": ["path"] },
        "else": { "required": ["value"] },
        "additionalProperties": false,
    });
    json!({
        "description": "All is done, in this order, or nothing. Operations on attributes have at most 64 KiB together.",
        "type": "object",
        "properties": {
            "schemas": one_of_urns(urn::PATCH),
            "Operations": { "type": "array", "minItems": 1, "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

fn bulk_request() -> Value {
    let operation = json!({
        "type": "object",
        "properties": {
            "method": { "type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"] },
            "path": { "type": "string", "examples": ["/Users"] },
            "bulkId": { "type": "string", "minLength": 1, "description": "Unique in the request; needed with POST." },
            "version": { "type": "string", "description": "An ETag that the resource must have." },
            "data": { "type": ["object", "null"], "description": "The body of POST, PUT or PATCH." },
        },
        "required": ["method", "path"],
        "if": { "properties": { "method": { "const": "POST" } } },
        "then": { "required": ["bulkId"] },
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": one_of_urns(urn::BULK_REQUEST),
            "failOnErrors": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "After so many errors the rest is not done.",
            },
            "Operations": { "type": "array", "maxItems": MAX_OPERATIONS, "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

fn bulk_response() -> Value {
    let text = || json!({ "type": "string" });
    let operation = json!({
        "type": "object",
        "properties": {
            "method": text(),
            "bulkId": text(),
            "version": text(),
            "location": text(),
            "status": text(),
            "response": reference("ScimError"),
        },
        "required": ["method", "status"],
    });
    json!({
        "description": "What `failOnErrors` left undone is not in it; `response` is there for errors only.",
        "type": "object",
        "properties": {
            "schemas": this_urn(urn::BULK_RESPONSE),
            "Operations": { "type": "array", "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

fn error() -> Value {
    let words = SCIM_TYPES.map(|word| word.to_string());
    json!({
        "description": "RFC 7644, section 3.12.",
        "type": "object",
        "properties": {
            "schemas": this_urn(urn::ERROR),
            "status": { "type": "string" },
            "scimType": { "type": "string", "description": "Tells errors of one status apart.", "examples": words },
            "detail": { "type": "string", "description": "For people." },
        },
        "required": ["schemas", "status", "detail"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients read a resource, change it and send it back by PUT.
    #[test]
    fn a_body_may_carry_what_an_answer_gave() {
        let all = all();
        for (shown, sent) in [("ScimUser", "ScimUserReplacement"), ("ScimGroup", "ScimGroupReplacement")] {
            assert!(is_taken(&all[shown], &all[sent], shown) > 5, "{shown} has no properties");
        }
    }

    /// Asserts that each property stands in the other shape too, and counts them.
    fn is_taken(shown: &Value, sent: &Value, at: &str) -> usize {
        let (shown, sent) = (shown.get("items").unwrap_or(shown), sent.get("items").unwrap_or(sent));
        let Some(properties) = shown.get("properties").and_then(Value::as_object) else { return 0 };
        // What is ignored has no shape.
        let Some(taken) = sent.get("properties") else { return 0 };
        let of = |(name, inner): (&String, &Value)| {
            let at = format!("{at}.{name}");
            let other = taken.get(name).unwrap_or_else(|| panic!("{at} cannot be sent back"));
            1 + is_taken(inner, other, &at)
        };
        properties.iter().map(of).sum()
    }
}
