//! SCIM's part: its operations (RFC 7644), the same for both types of resources, and what they are asked for.

pub(super) mod examples;
mod schemas;

use crate::domain::schema::{GROUPS, USERS};
use crate::domain::scim::schema::{COMMON, Definition, Returned, Schema};
use crate::domain::scim::{ResourceType, schema};
use crate::domain::sort::Sort;
use crate::http::api::SCIM_JSON;
use crate::http::openapi::parameters::{listed, named, path, query};
use crate::http::openapi::{Components, OperationDocs, reference};
use serde_json::{Map, Value, json};

pub(super) const BODIES: &[&str] = &[SCIM_JSON, "application/json"];
/// What a body may be refused with besides. What is 422 of the native API is 400 here.
pub(super) const BODY: [u16; 3] = [408, 413, 415];

/// JSON of SCIM's with an example.
pub(super) fn json_of(schema: &str, example: &Value) -> Option<Value> {
    let mut example = example.clone();
    drop_refs(&mut example);
    Some(json!({ SCIM_JSON: { "schema": reference(schema), "example": example } }))
}

/// Takes every `$ref` out: in an example, too, readers of OpenAPI take it for a place in a document.
fn drop_refs(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("$ref");
            map.values_mut().for_each(drop_refs);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_refs),
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
        .describe("Nothing of it can be filtered: `filter` is 403.")
        .response(200, "The same for everybody.", &[], json_of(schema, example))
        .errors(&[400, 403, 500])
}

pub(super) fn keyed(id: &str, summary: &str, parameters: &[&str]) -> OperationDocs {
    OperationDocs::keyed(id, "SCIM", summary, parameters).scim()
}

/// `Scim` and the type, with which the name of a shape begins.
pub(super) fn shape(kind: ResourceType) -> String {
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

/// The parameters that say what of a resource an answer shows.
pub(super) fn projection(kind: ResourceType) -> [String; 2] {
    ["Attributes", "ExcludedAttributes"].map(|name| format!("scim{}{name}", kind.name()))
}

/// An operation about one resource: what it does, and what it takes.
pub(super) fn about(kind: ResourceType, verb: &str, parameters: &[&str]) -> OperationDocs {
    let name = kind.name();
    let summary = format!("{verb} a {}", name.to_lowercase());
    keyed(&format!("{}Scim{name}", verb.to_lowercase()), &summary, parameters)
}

/// One that shows the resource.
pub(super) fn showing(kind: ResourceType, verb: &str, parameters: &[&str]) -> OperationDocs {
    let [only, without] = projection(kind);
    about(kind, verb, &[parameters, &[only.as_str(), without.as_str()]].concat())
}

/// One that finds resources.
pub(super) fn finding(kind: ResourceType, verb: &str, parameters: &[&str]) -> OperationDocs {
    let name = kind.name();
    let example = examples::list(vec![example_of(kind)]);
    keyed(&format!("{verb}Scim{name}s"), &format!("Find {}s", name.to_lowercase()), parameters).response(
        200,
        "A page.",
        &[],
        json_of(&format!("{}s", shape(kind)), &example),
    )
}

/// The components of SCIM.
pub(in crate::http) fn components() -> Components {
    Components { schemas: schemas::all(), parameters: parameters(), problems: examples::problems() }
}

/// The parameters by their names.
fn parameters() -> Map<String, Value> {
    let resource_types = ResourceType::ALL.map(ResourceType::name);
    let schemas = schema::all().map(|schema| schema.id);
    let asked = |(name, schema, text): (&str, Value, &str)| query(name, schema, text);
    let mut all = Map::from_iter([
        named("scimResourceType", path("id", json!({ "type": "string", "enum": resource_types }), "")),
        named("scimSchema", path("id", json!({ "type": "string", "enum": schemas }), "")),
        asked(sort_order()),
        asked(start_index()),
        asked(count()),
        named("scimCursor", asked(cursor())),
    ]);
    for kind in ResourceType::ALL {
        let name = kind.name();
        let [only, without] = projection(kind);
        all.extend([
            named(&format!("scim{name}Filter"), asked(filter(Some(kind)))),
            named(&format!("scim{name}SortBy"), asked(sort_by(kind))),
            named(&only, listed("attributes", some_of(names(kind)), ONLY)),
            named(&without, listed("excludedAttributes", some_of(names(kind)), WITHOUT)),
        ]);
    }
    all
}

/// What a list is asked for: name, shape and meaning, in a query or a SearchRequest.
type Asked = (&'static str, Value, &'static str);

const ONLY: &str = "Only these, and what always comes. Not with `excludedAttributes`.";
const WITHOUT: &str = "All but these.";

/// Of a type's attributes, or of those that both have.
fn filter(kind: Option<ResourceType>) -> Asked {
    let (format, example) = match kind {
        Some(ResourceType::User) => ("scim-user-filter", "userName sw \"a\" and active eq true"),
        Some(ResourceType::Group) => ("scim-group-filter", "displayName sw \"eng\""),
        None => ("scim-filter", "meta.created gt \"2026-01-01T00:00:00Z\""),
    };
    let schema = json!({ "type": "string", "maxLength": 4096, "format": format, "examples": [example] });
    ("filter", schema, "RFC 7644, section 3.4.2.2.")
}

fn sort_by(kind: ResourceType) -> Asked {
    let schema = match kind {
        ResourceType::User => &USERS,
        ResourceType::Group => &GROUPS,
    };
    let mut names = names(kind);
    names.retain(|name| Sort::by_scim(schema, name, false).is_some());
    ("sortBy", json!({ "type": "string", "enum": names }), "An attribute with one value.")
}

fn sort_order() -> Asked {
    let schema = json!({ "type": "string", "enum": ["ascending", "descending"], "default": "ascending" });
    ("sortOrder", schema, "Resources without the attribute come last; when descending, first.")
}

fn start_index() -> Asked {
    let schema = json!({ "type": "integer", "format": "int64", "default": 1 });
    ("startIndex", schema, "The number of the first resource; below 1 is 1.")
}

fn count() -> Asked {
    let schema = json!({ "type": "integer", "format": "int64", "default": 100 });
    ("count", schema, "More than 500 is 500. With 0 or less only the total comes; with `cursor` it is 400.")
}

fn cursor() -> Asked {
    let schema = json!({ "type": "string", "format": "cursor" });
    ("cursor", schema, "RFC 9865. A cursor wins over `startIndex`.")
}

/// The attributes of a type, with the common ones before its own.
fn attributes(kind: ResourceType) -> impl Iterator<Item = &'static Definition> {
    COMMON.iter().chain(&kind.schema().attributes)
}

/// The extensions of a type with their URNs.
fn extensions(kind: ResourceType) -> impl Iterator<Item = &'static Schema> {
    kind.extensions().iter().filter_map(move |urn| kind.extension(urn))
}

/// The names of attributes, of those of extensions behind their URNs, and of their parts behind a dot.
fn names(kind: ResourceType) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |above: &str, definition: &Definition| {
        let name = format!("{above}{}", definition.name);
        names.extend(definition.sub_attributes.iter().map(|part| format!("{name}.{}", part.name)));
        names.push(name);
    };
    attributes(kind).filter(|one| one.returned != Returned::Never).for_each(|one| add("", one));
    for extension in extensions(kind) {
        extension.attributes.iter().for_each(|one| add(&format!("{}:", extension.id), one));
    }
    names.extend(extensions(kind).map(|extension| extension.id.to_owned()));
    names
}

/// A list of some of these names, or of extensions that Roster does not know.
fn some_of(mut names: Vec<String>) -> Value {
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
