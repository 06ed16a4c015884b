//! The JSON Schemas of SCIM's resources, derived from the SCIM schemas (RFC 7643, section 7).

use super::messages::{self, list_of, schemas_with};
use super::{attributes, extensions, filter, names, schema_name, sort_by};
use crate::domain::scim::schema::{COMMON, Definition, Mutability, Returned, Schema, Type};
use crate::domain::scim::{ResourceType, schema};
use crate::http::openapi::reference;
use crate::http::openapi::schemas::{Write, ignored_value, key_text, request_property, storable_name, time};
use serde_json::{Map, Value, json};

pub(super) fn all() -> Map<String, Value> {
    let any = json!({ "anyOf": [reference("ScimUser"), reference("ScimGroup")] });
    let all_names = ResourceType::ALL.map(names).concat();
    let all = [
        ("ScimResources", list_of(any)),
        ("ScimSearch", messages::search(all_names, filter(None), None)),
        ("ScimPatch", messages::patch()),
        ("ScimBulkRequest", messages::bulk_request()),
        ("ScimBulkResponse", messages::bulk_response()),
        ("ScimError", messages::error()),
        ("ScimResourceTypes", list_of(reference("ScimResourceType"))),
        ("ScimSchemas", list_of(reference("ScimSchema"))),
        ("ScimServiceProviderConfig", discovery_resource(&schema::SERVICE_PROVIDER_CONFIG)),
        ("ScimResourceType", discovery_resource(&schema::RESOURCE_TYPE)),
        ("ScimSchema", discovery_resource(&schema::SCHEMA)),
    ];
    let mut all: Map<_, _> = all.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect();
    for kind in ResourceType::ALL {
        let name = schema_name(kind);
        let search = messages::search(names(kind), filter(Some(kind)), Some(sort_by(kind)));
        all.extend([
            (format!("{name}s"), list_of(reference(&name))),
            (format!("{name}Search"), search),
            (format!("New{name}"), written(kind, Write::New)),
            (format!("{name}Replacement"), written(kind, Write::Replacement)),
            (name, response(kind)),
        ]);
    }
    all
}

/// A resource in a response. Unassigned attributes and those outside the projection are absent.
fn response(kind: ResourceType) -> Value {
    let visible = attributes(kind).filter(|definition| definition.returned != Returned::Never);
    let mut properties = properties(visible, false);
    let extension = |schema: &Schema| (schema.id.to_owned(), object(&schema.attributes, false));
    properties.extend(extensions(kind).map(extension));
    let always = attributes(kind).filter(|definition| definition.returned == Returned::Always);
    json!({
        "description": "Attributes without a value are absent. \
                        Extensions without a schema in Roster are properties named by their URNs.",
        "type": "object",
        "properties": properties,
        "required": always.map(|definition| definition.name).collect::<Vec<_>>(),
    })
}

/// A discovery resource, which always has all its required attributes.
fn discovery_resource(schema: &Schema) -> Value {
    let common = COMMON.iter().filter(|definition| ["schemas", "meta"].contains(&definition.name));
    let required = schema.attributes.iter().filter(|definition| definition.required);
    let required = ["schemas", "meta"].into_iter().chain(required.map(|definition| definition.name));
    json!({
        "description": schema.description,
        "type": "object",
        "properties": properties(common.chain(&schema.attributes), true),
        "required": required.collect::<Vec<_>>(),
    })
}

/// An object with these sub-attributes. `complete` objects have all required ones.
fn object(definitions: &[Definition], complete: bool) -> Value {
    let required = definitions.iter().filter(|definition| complete && definition.required);
    let required: Vec<_> = required.map(|definition| definition.name).collect();
    json!({ "type": "object", "properties": properties(definitions, complete), "required": required })
}

fn properties<'d>(
    definitions: impl IntoIterator<Item = &'d Definition>,
    complete: bool,
) -> Map<String, Value> {
    let property = |definition: &Definition| (definition.name.to_owned(), value_of(definition, complete));
    definitions.into_iter().map(property).collect()
}

fn value_of(definition: &Definition, complete: bool) -> Value {
    let mut value = match definition.kind {
        Type::String | Type::Reference => json!({ "type": "string" }),
        Type::Binary => json!({ "type": "string", "contentEncoding": "base64" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer => json!({ "type": "integer", "format": "int64" }),
        Type::DateTime => time(),
        Type::Complex => object(&definition.sub_attributes, complete),
    };
    if definition.multi_valued {
        value = json!({ "type": "array", "items": value });
    }
    if let Some(value) = value.as_object_mut().filter(|_| !definition.description.is_empty()) {
        value.insert("description".to_owned(), definition.description.into());
    }
    value
}

/// The body of a POST or PUT.
fn written(kind: ResourceType, write: Write) -> Value {
    let property = |definition: &Definition| (definition.name.to_owned(), input(kind, definition, write));
    let mut properties: Map<_, _> = attributes(kind).map(property).collect();
    properties.extend(extensions(kind).map(|extension| {
        let inner: Map<_, _> = extension.attributes.iter().map(property).collect();
        let schema =
            json!({ "type": ["object", "null"], "properties": inner, "additionalProperties": false });
        (extension.id.to_owned(), schema)
    }));
    let required = kind.schema().attributes.iter().filter(|definition| definition.required);
    let required = ["schemas"].into_iter().chain(required.map(|definition| definition.name));
    let absent = match (write, kind) {
        (Write::Replacement, ResourceType::User) => {
            "Absent attributes are cleared, except `active`, which keeps its value."
        }
        (Write::Replacement, ResourceType::Group) => "Absent attributes are cleared, including `members`.",
        _ => "null means absent.",
    };
    let not_counted = match kind {
        ResourceType::User => "",
        ResourceType::Group => ", not counting members",
    };
    let unknown_extension = json!({ "type": ["object", "null"], "propertyNames": storable_name() });
    json!({
        "description": format!(
            "Attribute names are case-insensitive. {absent} Extensions without a schema in Roster are properties named \
             by their URNs, each at most 8 levels deep. At most 64 KiB{not_counted}."
        ),
        "type": "object",
        "properties": properties,
        "required": required.collect::<Vec<_>>(),
        "patternProperties": { "^urn:[^\\u0000]{3,}$": unknown_extension },
        "additionalProperties": false,
    })
}

/// An attribute in a body.
fn input(kind: ResourceType, definition: &Definition, write: Write) -> Value {
    match (definition.name, definition.attribute) {
        ("schemas", _) => schemas_with(kind.schema().id),
        ("externalId", _) => key_text(
            true,
            "Unique among the externalIds of the connection and resource type. Keys share those of the native API.",
        ),
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
    let others = definition.sub_attributes.iter().filter(|inner| inner.name != "value");
    let mut properties: Map<_, _> =
        others.map(|inner| (inner.name.to_owned(), value_of(inner, false))).collect();
    properties.insert("value".to_owned(), value);
    json!({
        "description": definition.description,
        "type": ["array", "null"],
        "items": { "type": "object", "properties": properties, "required": ["value"] },
    })
}

/// Adds the read-only sub-attributes to the native schema of an object: a body may contain them, and they are ignored.
fn with_read_only(mut schema: Value, sub_attributes: &[Definition]) -> Value {
    let properties = match schema.get_mut("items") {
        Some(items) => items.get_mut("properties"),
        None => schema.get_mut("properties"),
    };
    if let Some(Value::Object(properties)) = properties {
        let read_only = sub_attributes.iter().filter(|inner| inner.mutability == Mutability::ReadOnly);
        properties.extend(read_only.map(|inner| (inner.name.to_owned(), ignored_value())));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients read a resource, change it and send it back with PUT.
    #[test]
    fn a_replacement_may_contain_every_attribute_of_a_response() {
        let all = all();
        for (response, body) in [("ScimUser", "ScimUserReplacement"), ("ScimGroup", "ScimGroupReplacement")] {
            let count = assert_accepts(&all[response], &all[body], response);
            assert!(count > 5, "{response} has no properties");
        }
    }

    /// Asserts that the schema of a body has every property of the schema of a response, and counts the properties.
    fn assert_accepts(response: &Value, body: &Value, path: &str) -> usize {
        let (response, body) = (response.get("items").unwrap_or(response), body.get("items").unwrap_or(body));
        let Some(properties) = response.get("properties").and_then(Value::as_object) else { return 0 };
        // An ignored value has no properties.
        let Some(accepted) = body.get("properties") else { return 0 };
        let count = |(name, inner): (&String, &Value)| {
            let path = format!("{path}.{name}");
            let other = accepted.get(name).unwrap_or_else(|| panic!("{path} cannot be sent back"));
            1 + assert_accepts(inner, other, &path)
        };
        properties.iter().map(count).sum()
    }
}
