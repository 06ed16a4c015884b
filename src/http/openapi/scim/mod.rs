//! SCIM's part: its operations (RFC 7644), the same for both types of resources, and what they are asked for.

mod schemas;

pub(super) use schemas::all as schemas;

use super::examples;
use super::operation::Operation;
use super::parameters::{listed, named, path, query};
use super::schemas::reference;
use crate::domain::attribute::{GROUPS, USERS};
use crate::domain::scim::schema::{COMMON, Definition, Returned, Schema};
use crate::domain::scim::{ResourceType, schema};
use crate::domain::sort::Sort;
use crate::http::scim::MEDIA_TYPE;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

const BODIES: &[&str] = &[MEDIA_TYPE, "application/json"];
/// What a body may be refused with besides. What is 422 of the native API is 400 here.
const BODY: [u16; 3] = [408, 413, 415];

/// The operations by their paths.
pub(super) fn paths() -> Map<String, Value> {
    let mut all = Map::from_iter([
        below("/ServiceProviderConfig", json!({ "get": config() })),
        below("/ResourceTypes", json!({ "get": resource_types() })),
        below("/ResourceTypes/{id}", json!({ "get": resource_type() })),
        below("/Schemas", json!({ "get": all_schemas() })),
        below("/Schemas/{id}", json!({ "get": one_schema() })),
        below("/.search", json!({ "post": search_all() })),
        below("/Bulk", json!({ "post": bulk() })),
        below("/Me", me()),
    ]);
    for kind in ResourceType::ALL {
        let endpoint = kind.endpoint();
        all.extend([
            below(endpoint, json!({ "get": list(kind), "post": create(kind) })),
            below(&format!("{endpoint}/.search"), json!({ "post": search(kind) })),
            below(
                &format!("{endpoint}/{{id}}"),
                json!({ "get": find(kind), "put": replace(kind), "patch": patch(kind), "delete": delete(kind) }),
            ),
        ]);
    }
    all
}

fn below(path: &str, operations: Value) -> (String, Value) {
    (format!("/scim/v2{path}"), operations)
}

/// JSON of SCIM's with an example.
fn json_of(schema: &str, example: &Value) -> Option<Value> {
    let mut example = example.clone();
    drop_refs(&mut example);
    Some(json!({ MEDIA_TYPE: { "schema": reference(schema), "example": example } }))
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

/// What the service says of itself (RFC 7644, section 4).
fn discovery(id: &str, summary: &str, parameters: &[&str], schema: &str, example: &Value) -> Operation {
    let parameters = [parameters, &["X-Request-Id"]].concat();
    Operation::new(id, "SCIM", summary)
        .of_scim()
        .public()
        .describe("Nothing of it can be filtered: `filter` is 403.")
        .takes(&parameters)
        .answers(200, "The same for everybody.", &[], json_of(schema, example))
        .refuses(&[400, 403, 500])
}

fn config() -> Value {
    let example = examples::scim_config();
    discovery("getScimConfig", "What SCIM can do here", &[], "ScimServiceProviderConfig", &example).build()
}

fn resource_types() -> Value {
    let example = examples::scim_list(ResourceType::ALL.map(examples::scim_resource_type).into());
    discovery("listScimResourceTypes", "List the types of resources", &[], "ScimResourceTypes", &example)
        .build()
}

fn resource_type() -> Value {
    let example = examples::scim_resource_type(ResourceType::Group);
    let parameters = ["scimResourceType"];
    discovery("getScimResourceType", "Read a type of resources", &parameters, "ScimResourceType", &example)
        .refuses(&[404])
        .build()
}

fn all_schemas() -> Value {
    let example = examples::scim_list(vec![examples::scim_schema(&schema::GROUP)]);
    discovery("listScimSchemas", "List the schemas", &[], "ScimSchemas", &example).refuses(&[406]).build()
}

fn one_schema() -> Value {
    let example = examples::scim_schema(&schema::GROUP);
    discovery("getScimSchema", "Read a schema", &["scimSchema"], "ScimSchema", &example)
        .refuses(&[404])
        .build()
}

fn keyed(id: &str, summary: &str, parameters: &[&str]) -> Operation {
    super::paths::keyed(id, "SCIM", summary, parameters).of_scim()
}

/// `Scim` and the type, with which the name of a shape begins.
fn shape(kind: ResourceType) -> String {
    format!("Scim{}", kind.name())
}

fn example_of(kind: ResourceType) -> Value {
    match kind {
        ResourceType::User => examples::scim_user(),
        ResourceType::Group => examples::scim_group(),
    }
}

fn new_example_of(kind: ResourceType) -> Value {
    match kind {
        ResourceType::User => examples::new_scim_user(),
        ResourceType::Group => examples::new_scim_group(),
    }
}

/// The parameters that say what of a resource an answer shows.
fn projection(kind: ResourceType) -> [String; 2] {
    ["Attributes", "ExcludedAttributes"].map(|name| format!("scim{}{name}", kind.name()))
}

/// An operation about one resource: what it does, and what it takes.
fn about(kind: ResourceType, verb: &str, parameters: &[&str]) -> Operation {
    let name = kind.name();
    let summary = format!("{verb} a {}", name.to_lowercase());
    keyed(&format!("{}Scim{name}", verb.to_lowercase()), &summary, parameters)
}

/// One that shows the resource.
fn showing(kind: ResourceType, verb: &str, parameters: &[&str]) -> Operation {
    let [only, without] = projection(kind);
    about(kind, verb, &[parameters, &[only.as_str(), without.as_str()]].concat())
}

/// One that finds resources.
fn finding(kind: ResourceType, verb: &str, parameters: &[&str]) -> Operation {
    let name = kind.name();
    let example = examples::scim_list(vec![example_of(kind)]);
    keyed(&format!("{verb}Scim{name}s"), &format!("Find {}s", name.to_lowercase()), parameters).answers(
        200,
        "A page.",
        &[],
        json_of(&format!("{}s", shape(kind)), &example),
    )
}

fn list(kind: ResourceType) -> Value {
    let own = |name: &str| format!("scim{}{name}", kind.name());
    let (filter, sort, [only, without]) = (own("Filter"), own("SortBy"), projection(kind));
    let parameters = [&filter, &sort, "sortOrder", "startIndex", "count", "scimCursor", &only, &without];
    finding(kind, "list", &parameters)
        .describe("RFC 7644, section 3.4.2; by `cursor` RFC 9865: send it empty for the first page.")
        .build()
}

fn search(kind: ResourceType) -> Value {
    finding(kind, "search", &[])
        .describe("As GET, with the parameters in the body (RFC 7644, section 3.4.3).")
        .reads(BODIES, &format!("{}Search", shape(kind)), &examples::scim_search())
        .refuses(&BODY)
        .build()
}

fn search_all() -> Value {
    let found = examples::scim_list(ResourceType::ALL.map(example_of).into());
    keyed("searchScim", "Find users, and behind them groups", &[])
        .describe("A type that lacks an attribute of the filter finds nothing. `sortBy` is 400.")
        .reads(BODIES, "ScimSearch", &examples::scim_search())
        .answers(200, "A page.", &[], json_of("ScimResources", &found))
        .refuses(&BODY)
        .build()
}

fn create(kind: ResourceType) -> Value {
    let name = shape(kind);
    let next = ["get", "replace", "patch", "delete"].map(|verb| format!("{verb}{name}"));
    let headers = ["Location", "ETag", "Idempotency-Replayed"];
    showing(kind, "Create", &["Idempotency-Key"])
        .reads(BODIES, &format!("New{name}"), &new_example_of(kind))
        .answers(201, "It is there.", &headers, json_of(&name, &example_of(kind)))
        .leads_to(201, &next.each_ref().map(String::as_str))
        .refuses(&BODY)
        .refuses(&[409, 422, 504])
        .build()
}

const CONDITIONS: [&str; 3] = ["id", "If-Match", "If-None-Match"];

fn find(kind: ResourceType) -> Value {
    showing(kind, "Get", &CONDITIONS)
        .describe(
            "What shows what others are called (groups, the names of members, a manager) is 304 to `*` only: those \
             move no version.",
        )
        .answers(200, "As much of it as is asked for.", &["ETag"], json_of(&shape(kind), &example_of(kind)))
        .answers(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .refuses(&[412])
        .build()
}

/// What every answer to a change is.
fn changed(kind: ResourceType, operation: Operation) -> Operation {
    operation
        .answers(200, "The resource as it is now.", &["ETag"], json_of(&shape(kind), &example_of(kind)))
        .refuses(&BODY)
        .refuses(&[409, 412, 504])
}

fn replace(kind: ResourceType) -> Value {
    let shape = format!("{}Replacement", shape(kind));
    let operation = showing(kind, "Replace", &CONDITIONS).reads(BODIES, &shape, &new_example_of(kind));
    changed(kind, operation).build()
}

fn patch(kind: ResourceType) -> Value {
    let operation =
        showing(kind, "Patch", &CONDITIONS).reads(BODIES, "ScimPatch", &examples::scim_patch(kind));
    let operation = changed(kind, operation);
    match kind {
        ResourceType::User => operation.build(),
        ResourceType::Group => operation
            .describe("200 with `attributes`, else 204.")
            .answers(204, "It is changed.", &["ETag"], None)
            .build(),
    }
}

fn delete(kind: ResourceType) -> Value {
    about(kind, "Delete", &CONDITIONS).answers(204, "It is gone.", &[], None).refuses(&[412, 504]).build()
}

fn bulk() -> Value {
    keyed("bulkScim", "Carry many requests out", &[])
        .describe(
            "RFC 7644, section 3.7. They are carried out one by one; `bulkId:` and the name of another refers to what \
             that one creates.",
        )
        .reads(BODIES, "ScimBulkRequest", &examples::scim_bulk_request())
        .answers(200, "What came of each.", &[], json_of("ScimBulkResponse", &examples::scim_bulk_response()))
        .refuses(&BODY)
        .build()
}

fn me() -> Value {
    let methods = ["get", "post", "put", "patch", "delete"].map(|method| {
        let id = format!("{method}ScimMe");
        let body = json_of("ScimError", &examples::scim_nobody());
        let operation = keyed(&id, "What the caller is: callers are not users here", &[]);
        let no = StatusCode::NOT_IMPLEMENTED.as_u16();
        (method.to_owned(), operation.answers(no, "Always (RFC 7644, section 3.11).", &[], body).build())
    });
    Map::from_iter(methods).into()
}

/// The parameters by their names.
pub(super) fn parameters() -> Map<String, Value> {
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
