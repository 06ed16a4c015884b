//! The description of SCIM's endpoints in the OpenAPI document: the common parts of the operations for users and groups, and
//! the parameters and schemas that they refer to.

pub(super) mod examples;
mod messages;
mod schemas;

use crate::domain::schema::{GROUPS, USERS};
use crate::domain::scim::schema::{COMMON, Definition, Returned, Schema};
use crate::domain::scim::{ResourceType, schema};
use crate::domain::sort::Sort;
use crate::http::api::SCIM_JSON;
use crate::http::openapi::parameters::{listed, named, path, query};
use crate::http::openapi::{Components, OperationDocs, reference};
use serde_json::{Map, Value, json};

/// The media types of request bodies.
pub(super) const MEDIA_TYPES: &[&str] = &[SCIM_JSON, "application/json"];
/// The errors of requests with a body, besides 400. Where the native API returns 422, SCIM returns 400.
pub(super) const BODY_ERRORS: [u16; 3] = [408, 413, 415];

/// The content of a SCIM response, with an example.
pub(super) fn content(schema: &str, example: &Value) -> Option<Value> {
    let mut example = example.clone();
    remove_references(&mut example);
    Some(json!({ SCIM_JSON: { "schema": reference(schema), "example": example } }))
}

/// Removes every `$ref` from an example, because OpenAPI tools interpret it as a reference within the document.
fn remove_references(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("$ref");
            map.values_mut().for_each(remove_references);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_references),
        _ => {}
    }
}

/// A discovery endpoint (RFC 7644, section 4).
pub(super) fn discovery(
    id: &str,
    summary: &str,
    parameters: &[&str],
    schema: &str,
    example: &Value,
) -> OperationDocs {
    OperationDocs::public(id, "SCIM", summary, parameters)
        .scim()
        .describe("A request with `filter` returns 403.")
        .response(200, "The resource, which is the same for every caller.", &[], content(schema, example))
        .errors(&[400, 403, 500])
}

/// An endpoint that requires a key or a token.
pub(super) fn authenticated(id: &str, summary: &str, parameters: &[&str]) -> OperationDocs {
    OperationDocs::keyed(id, "SCIM", summary, parameters).scim()
}

/// The name of a resource type's schema in the document.
pub(super) fn schema_name(kind: ResourceType) -> String {
    format!("Scim{}", kind.name())
}

pub(super) fn example_of(kind: ResourceType) -> Value {
    match kind {
        ResourceType::User => examples::user(),
        ResourceType::Group => examples::group(),
    }
}

pub(super) fn new_example_of(kind: ResourceType) -> Value {
    match kind {
        ResourceType::User => examples::new_user(),
        ResourceType::Group => examples::new_group(),
    }
}

/// The names of the parameters that select the attributes of a response.
pub(super) fn projection(kind: ResourceType) -> [String; 2] {
    ["Attributes", "ExcludedAttributes"].map(|name| format!("scim{}{name}", kind.name()))
}

/// An operation on one resource.
pub(super) fn about(kind: ResourceType, verb: &str, parameters: &[&str]) -> OperationDocs {
    let name = kind.name();
    let summary = format!("{verb} a {}", name.to_lowercase());
    authenticated(&format!("{}Scim{name}", verb.to_lowercase()), &summary, parameters)
}

/// An operation whose response contains the resource.
pub(super) fn showing(kind: ResourceType, verb: &str, parameters: &[&str]) -> OperationDocs {
    let [only, except] = projection(kind);
    about(kind, verb, &[parameters, &[only.as_str(), except.as_str()]].concat())
}

/// An operation that finds resources.
pub(super) fn finding(kind: ResourceType, verb: &str, parameters: &[&str]) -> OperationDocs {
    let plural = format!("{}s", kind.name());
    let (id, summary) =
        (format!("{}Scim{plural}", verb.to_lowercase()), format!("{verb} {}", plural.to_lowercase()));
    let example = examples::list(vec![example_of(kind)]);
    let content = content(&format!("{}s", schema_name(kind)), &example);
    authenticated(&id, &summary, parameters).response(200, "A page of resources.", &[], content)
}

pub(in crate::http) fn components() -> Components {
    Components { schemas: schemas::all(), parameters: parameters(), problems: examples::problems() }
}

fn parameters() -> Map<String, Value> {
    let resource_types = ResourceType::ALL.map(ResourceType::name);
    let schemas = schema::all().map(|schema| schema.id);
    let all_names = ResourceType::ALL.map(names).concat();
    let in_query = |(name, schema, text): Parameter| query(name, schema, text);
    let mut all = Map::from_iter([
        named(
            "scimResourceType",
            path("id", json!({ "type": "string", "enum": resource_types }), "The name of the resource type."),
        ),
        named(
            "scimSchema",
            path("id", json!({ "type": "string", "enum": schemas }), "The URN of the schema."),
        ),
        in_query(sort_order()),
        in_query(start_index()),
        in_query(count()),
        named("scimCursor", in_query(cursor())),
        named("scimFilter", in_query(filter(None))),
        named("scimAttributes", listed("attributes", list_of_names(all_names.clone()), ONLY)),
        named("scimExcludedAttributes", listed("excludedAttributes", list_of_names(all_names), EXCEPT)),
    ]);
    for kind in ResourceType::ALL {
        let name = kind.name();
        let [only, except] = projection(kind);
        all.extend([
            named(&format!("scim{name}Filter"), in_query(filter(Some(kind)))),
            named(&format!("scim{name}SortBy"), in_query(sort_by(kind))),
            named(&only, listed("attributes", list_of_names(names(kind)), ONLY)),
            named(&except, listed("excludedAttributes", list_of_names(names(kind)), EXCEPT)),
        ]);
    }
    all
}

/// A list parameter, in a query or in a SearchRequest: its name, schema and description.
type Parameter = (&'static str, Value, &'static str);

const ONLY: &str = "The attributes to return, besides those that are always returned. \
                    Cannot be combined with `excludedAttributes`.";
const EXCEPT: &str = "The attributes to exclude.";

/// The filter for one resource type, or for all.
fn filter(kind: Option<ResourceType>) -> Parameter {
    let (format, example) = match kind {
        Some(ResourceType::User) => ("scim-user-filter", "userName sw \"a\" and active eq true"),
        Some(ResourceType::Group) => ("scim-group-filter", "displayName sw \"eng\""),
        None => ("scim-filter", "meta.created gt \"2026-01-01T00:00:00Z\""),
    };
    let schema = json!({ "type": "string", "maxLength": 4096, "format": format, "examples": [example] });
    ("filter", schema, "A filter (RFC 7644, section 3.4.2.2).")
}

fn sort_by(kind: ResourceType) -> Parameter {
    let schema = match kind {
        ResourceType::User => &USERS,
        ResourceType::Group => &GROUPS,
    };
    let mut names = names(kind);
    names.retain(|name| Sort::by_scim(schema, name, false).is_some());
    (
        "sortBy",
        json!({ "type": "string", "enum": names }),
        "The attribute to sort by. A list is sorted by its primary element, otherwise by its first.",
    )
}

fn sort_order() -> Parameter {
    let schema = json!({ "type": "string", "enum": ["ascending", "descending"], "default": "ascending" });
    let text = "The sort order. Resources without the attribute come last in ascending order, first in descending order.";
    ("sortOrder", schema, text)
}

fn start_index() -> Parameter {
    let schema = json!({ "type": "integer", "format": "int64", "default": 1 });
    ("startIndex", schema, "The 1-based index of the first resource. Values below 1 count as 1.")
}

fn count() -> Parameter {
    let schema = json!({ "type": "integer", "format": "int64", "default": 100 });
    let text = "The number of resources on a page. Values above 500 count as 500. With 0 or less, only the total is \
                returned; combined with `cursor`, such a value returns 400.";
    ("count", schema, text)
}

fn cursor() -> Parameter {
    let schema = json!({ "type": "string", "format": "cursor" });
    let text = "A cursor (RFC 9865), empty for the first page. Takes precedence over `startIndex`.";
    ("cursor", schema, text)
}

/// The attributes of a resource type: the common ones, then those of its core schema.
fn attributes(kind: ResourceType) -> impl Iterator<Item = &'static Definition> {
    COMMON.iter().chain(&kind.schema().attributes)
}

fn extensions(kind: ResourceType) -> impl Iterator<Item = &'static Schema> {
    kind.extensions().iter().filter_map(move |urn| kind.extension(urn))
}

/// The names that can be selected: attributes, sub-attributes after a dot, extensions, and their attributes after the URN.
fn names(kind: ResourceType) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |prefix: &str, definition: &Definition| {
        let name = format!("{prefix}{}", definition.name);
        names.extend(definition.sub_attributes.iter().map(|inner| format!("{name}.{}", inner.name)));
        names.push(name);
    };
    let visible = attributes(kind).filter(|definition| definition.returned != Returned::Never);
    visible.for_each(|definition| add("", definition));
    for extension in extensions(kind) {
        let prefix = format!("{}:", extension.id);
        extension.attributes.iter().for_each(|definition| add(&prefix, definition));
    }
    names.extend(extensions(kind).map(|extension| extension.id.to_owned()));
    names
}

/// The schema of a list of these names, or of URNs of extensions without a schema in Roster.
fn list_of_names(mut names: Vec<String>) -> Value {
    names.sort_unstable();
    names.dedup();
    json!({
        "type": "array",
        "maxItems": 100,
        "items": { "anyOf": [
            { "type": "string", "enum": names },
            { "type": "string", "pattern": "^urn:[a-z]+(:[A-Za-z]+){1,3}$" },
        ] },
    })
}
