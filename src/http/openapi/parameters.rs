//! The parameters of requests and the headers of answers, which operations share by their names.

use super::{DOCS_FILES, schemas};
use crate::domain::attribute::{GROUPS, Schema, USERS};
use crate::domain::change::{ChangeKind, ResourceKind};
use actix_web::http::header::HeaderName;
use serde_json::{Map, Value, json};

/// The parameters by their names.
pub(super) fn all() -> Map<String, Value> {
    let tags = json!({ "type": "string", "pattern": "^(\\*|(W/)?\"[!#-~]*\"(, *(W/)?\"[!#-~]*\")*)$" });
    let names = |schema| {
        json!({
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": { "anyOf": [
                { "type": "string", "enum": schemas::attribute_names(schema) },
                { "type": "string", "pattern": "^custom\\.[A-Za-z]+$" },
            ] },
        })
    };
    let kinds = ChangeKind::ALL.map(ChangeKind::name);
    let types = json!({ "type": "array", "minItems": 1, "items": { "type": "string", "enum": kinds } });
    let resource = json!({ "anyOf": [
        { "type": "string", "enum": ResourceKind::ALL.map(ResourceKind::name) },
        { "type": "string", "format": "uuid" },
    ] });
    let sort = |schema: &Schema| {
        let sorts: Vec<_> = schema.sorts.iter().flat_map(|by| [by.to_string(), format!("-{by}")]).collect();
        let schema = json!({ "type": "string", "enum": sorts, "default": "id" });
        query("sort", schema, "`-` is descending; ids are in the order of creation.")
    };
    let filter = |example: &str, of: &str| {
        let schema = json!({ "type": "string", "maxLength": 4096, "format": format!("{of}-filter"), "examples": [example] });
        let text = format!("The filter language of RFC 7644, section 3.4.2.2, over the names of a {of}.");
        query("filter", schema, &text)
    };
    let only = |schema| {
        let text = "Only these, and the id; with dots for parts. Not with `excludedAttributes`.";
        listed("attributes", names(schema), text)
    };
    let without = |schema| listed("excludedAttributes", names(schema), "All but these.");
    let all = [
        path("id", json!({ "type": "string", "format": "uuid" }), "What is no UUID names nothing: 404."),
        path("file", json!({ "type": "string", "enum": DOCS_FILES }), ""),
        path("userId", json!({ "type": "string", "format": "uuid" }), ""),
        path("tokenId", json!({ "type": "string", "format": "uuid" }), ""),
        filter("emails.value ew \"@example.com\" and active eq true", "user"),
        sort(&USERS),
        query("limit", json!({ "type": "integer", "minimum": 1, "default": 50 }), "More than 500 is 500."),
        query(
            "cursor",
            json!({ "type": "string", "format": "cursor" }),
            "`nextCursor` of the page before, with the same filter and order.",
        ),
        query("include", json!({ "type": "string", "enum": ["total"] }), "Counts what the list has, too."),
        only(&USERS),
        without(&USERS),
        query(
            "erase",
            json!({ "type": "string", "enum": ["true"] }),
            "Takes the user's values out of all changes, too: for admins.",
        ),
        query(
            "after",
            json!({ "type": "integer", "format": "int64", "minimum": 0, "default": 0 }),
            "The last revision that was seen.",
        ),
        listed("type", types, "Only these types."),
        query("resource", resource, "Only this kind of resource, or the one with this id."),
        header("If-Match", tags.clone(), "412 when no tag is the version."),
        header("If-None-Match", tags, "On GET 304, on a write 412, when a tag is the version."),
        header(
            "Prefer",
            json!({ "type": "string", "examples": ["return=minimal"] }),
            "RFC 7240: `return=minimal` leaves the body out.",
        ),
        header(
            "Idempotency-Key",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
            "A repeat within 24 hours gets the first answer again.",
        ),
        header(
            "Roster-Tenant",
            json!({ "type": "string" }),
            "Another tenant to act in, by its name: for operators.",
        ),
        header(
            "X-Request-Id",
            json!({ "type": "string" }),
            "1 to 128 visible ASCII characters, or another is made.",
        ),
        header("traceparent", json!({ "type": "string" }), "Goes into the log (W3C Trace Context)."),
    ];
    let mut parameters: Map<_, _> = all.into_iter().collect();
    // What is called as it is for users, and means other attributes.
    parameters.extend([
        named("groupFilter", filter("displayName sw \"eng\" and memberCount gt 0", "group")),
        named("groupSort", sort(&GROUPS)),
        named("groupAttributes", only(&GROUPS)),
        named("groupExcludedAttributes", without(&GROUPS)),
    ]);
    parameters
}

/// A parameter under a name of its own among the components.
pub(in crate::http) fn named(name: &str, (_, parameter): (String, Value)) -> (String, Value) {
    (name.to_owned(), parameter)
}

/// A parameter by its name.
fn parameter(place: &str, name: &str, schema: Value, description: &str) -> (String, Value) {
    let required = place == "path";
    let parameter = json!({ "name": name, "in": place, "required": required, "schema": schema, "description": description });
    (name.to_owned(), parameter)
}

pub(in crate::http) fn path(name: &str, schema: Value, description: &str) -> (String, Value) {
    parameter("path", name, schema, description)
}

pub(in crate::http) fn query(name: &str, schema: Value, description: &str) -> (String, Value) {
    parameter("query", name, schema, description)
}

/// One with commas between its values.
pub(in crate::http) fn listed(name: &str, schema: Value, description: &str) -> (String, Value) {
    let parameter = json!({
        "name": name, "in": "query", "required": false, "schema": schema, "description": description,
        "style": "form", "explode": false,
    });
    (name.to_owned(), parameter)
}

fn header(name: &str, schema: Value, description: &str) -> (String, Value) {
    parameter("header", name, schema, description)
}

const HEADERS: [(&str, &str); 13] = [
    ("X-Request-Id", "The id of the request, in its log line and its changes too."),
    ("ETag", "The version: `\"1\"`, in SCIM `W/\"1\"`."),
    ("Location", "Where the new resource is: its path, in SCIM its URI."),
    ("Link", "The next page, `rel=\"next\"` (RFC 8288)."),
    ("Preference-Applied", "RFC 7240."),
    ("Idempotency-Replayed", "`true` when the answer was given before."),
    ("Retry-After", "Seconds."),
    ("WWW-Authenticate", "`Bearer`."),
    ("Allow", "The methods that there are."),
    ("Accept-Post", "The media types of bodies."),
    ("Accept-Patch", "The media types of bodies."),
    ("Accept", "The media types of bodies."),
    ("Accept-Encoding", "The encodings of bodies."),
];

/// The headers of answers by their names.
pub(super) fn headers() -> Value {
    let header = |(name, description): (&str, &str)| {
        (name.to_owned(), json!({ "description": description, "schema": { "type": "string" } }))
    };
    HEADERS.into_iter().map(header).collect::<Map<_, _>>().into()
}

/// The name of a header as it is usually written.
pub(super) fn header_name(header: &HeaderName) -> &'static str {
    HEADERS
        .iter()
        .map(|(name, _)| *name)
        .find(|name| name.eq_ignore_ascii_case(header.as_str()))
        .unwrap_or_default()
}
