//! The JSON Schemas of SCIM's messages: lists, searches, PATCH, bulk requests and errors.

use super::{EXCEPT, ONLY, Parameter, count, cursor, list_of_names, sort_order, start_index};
use crate::domain::scim::error::SCIM_TYPES;
use crate::domain::scim::urn;
use crate::http::openapi::reference;
use crate::http::scim::limits::MAX_OPERATIONS;
use serde_json::{Map, Value, json};

/// The `schemas` of a request, which must contain this URN.
pub(super) fn schemas_with(urn: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "contains": { "const": urn } })
}

/// The `schemas` of a response, which contains this URN only.
fn schemas_of(urn: &str) -> Value {
    json!({ "type": "array", "items": { "const": urn }, "minItems": 1, "maxItems": 1 })
}

/// A ListResponse (RFC 7644, section 3.4.2; RFC 9865, section 2).
pub(super) fn list_of(item: Value) -> Value {
    let total =
        "The number of matching resources. With a cursor, present only if it is known without counting.";
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas_of(urn::LIST),
            "totalResults": { "type": "integer", "format": "int64", "description": total },
            "itemsPerPage": { "type": "integer", "description": "The number of resources on this page." },
            "startIndex": { "type": "integer", "format": "int64", "description": "Absent with a cursor." },
            "nextCursor": { "type": "string", "description": "Present only with a cursor; absent on the last page." },
            "Resources": { "type": "array", "items": item },
        },
        "required": ["schemas", "itemsPerPage", "Resources"],
    })
}

/// A SearchRequest (RFC 7644, section 3.4.3) that can select the attributes with these names.
pub(super) fn search(names: Vec<String>, filter: Parameter, sort_by: Option<Parameter>) -> Value {
    let names = list_of_names(names);
    let selection = [("attributes", names.clone(), ONLY), ("excludedAttributes", names, EXCEPT), filter];
    let order = sort_by.into_iter().chain([sort_order()]);
    let parameters = selection.into_iter().chain(order).chain([start_index(), count(), cursor()]);
    let mut properties: Map<_, _> = parameters
        .map(|(name, mut schema, text)| {
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), text.into());
            }
            (name.to_owned(), schema)
        })
        .collect();
    properties.insert("schemas".to_owned(), schemas_with(urn::SEARCH));
    json!({ "type": "object", "properties": properties, "required": ["schemas"] })
}

/// A PatchOp (RFC 7644, section 3.5.2).
pub(super) fn patch() -> Value {
    let value = "The value to add or to set. Without `path`, an object of attributes.";
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
        "description": "The operations are applied in order, either all or none. \
                        The operations on attributes are limited to 64 KiB in total.",
        "type": "object",
        "properties": {
            "schemas": schemas_with(urn::PATCH),
            "Operations": { "type": "array", "minItems": 1, "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

/// A BulkRequest (RFC 7644, section 3.7).
pub(super) fn bulk_request() -> Value {
    let bulk_id = "A name that is unique within the request. Required with POST.";
    let operation = json!({
        "type": "object",
        "properties": {
            "method": { "type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"] },
            "path": { "type": "string", "examples": ["/Users"] },
            "bulkId": { "type": "string", "minLength": 1, "description": bulk_id },
            "version": { "type": "string", "description": "The ETag that the resource must have." },
            "data": { "type": ["object", "null"], "description": "The body of a POST, PUT or PATCH." },
        },
        "required": ["method", "path"],
        "if": { "properties": { "method": { "const": "POST" } } },
        "then": { "required": ["bulkId"] },
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas_with(urn::BULK_REQUEST),
            "failOnErrors": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "The number of errors after which the remaining operations do not run. 0 counts as 1; in \
                                the profile `lenient`, it counts as absent, so all operations run.",
            },
            "Operations": { "type": "array", "maxItems": MAX_OPERATIONS, "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

/// A BulkResponse (RFC 7644, section 3.7).
pub(super) fn bulk_response() -> Value {
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
        "description": "Operations that did not run because of `failOnErrors` are absent. \
                        Only failed operations have a `response`.",
        "type": "object",
        "properties": {
            "schemas": schemas_of(urn::BULK_RESPONSE),
            "Operations": { "type": "array", "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

/// An error (RFC 7644, section 3.12).
pub(super) fn error() -> Value {
    let types = SCIM_TYPES.map(|scim_type| scim_type.to_string());
    let scim_type = "Distinguishes errors with the same status.";
    json!({
        "description": "RFC 7644, section 3.12.",
        "type": "object",
        "properties": {
            "schemas": schemas_of(urn::ERROR),
            "status": { "type": "string" },
            "scimType": { "type": "string", "description": scim_type, "examples": types },
            "detail": { "type": "string", "description": "A human-readable explanation." },
        },
        "required": ["schemas", "status", "detail"],
    })
}
