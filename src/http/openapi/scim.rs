//! SCIM's part: its operations (RFC 7644), the same for both types of resources, and shapes from its schemas (RFC 7643).

use super::examples;
use super::operation::Operation;
use super::parameters::{listed, path, query};
use super::paths::{ANY, KEYED, WRITE};
use super::schemas::{self, key_text, plain, reference, time};
use crate::domain::scim::schema::{COMMON, Definition, Mutability, Returned, Schema, Type};
use crate::domain::scim::{ResourceType, schema, urn};
use crate::http::scim::{MAX_OPERATIONS, MEDIA_TYPE};
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
fn discovery(id: &str, summary: &str, parameters: &[&str], schema: &str, example: &Value) -> Value {
    let parameters = [parameters, &["X-Request-Id"]].concat();
    Operation::new(id, "SCIM", summary)
        .of_scim()
        .public()
        .takes(&parameters)
        .answers(200, "The same for everybody.", &[], json_of(schema, example))
        .refuses(&[400, 403, 404, 406, 500])
        .build()
}

fn config() -> Value {
    let example = examples::scim_config();
    discovery("getScimConfig", "What SCIM can do here", &[], "ScimServiceProviderConfig", &example)
}

fn resource_types() -> Value {
    let example = examples::scim_list(ResourceType::ALL.map(examples::scim_resource_type).into());
    discovery("listScimResourceTypes", "List the types of resources", &[], "ScimResourceTypes", &example)
}

fn resource_type() -> Value {
    let example = examples::scim_resource_type(ResourceType::Group);
    let parameters = ["scimResourceType"];
    discovery("getScimResourceType", "Read a type of resources", &parameters, "ScimResourceType", &example)
}

fn all_schemas() -> Value {
    let example = examples::scim_list(vec![examples::scim_schema(&schema::GROUP)]);
    discovery("listScimSchemas", "List the schemas", &[], "ScimSchemas", &example)
}

fn one_schema() -> Value {
    let example = examples::scim_schema(&schema::GROUP);
    discovery("getScimSchema", "Read a schema", &["scimSchema"], "ScimSchema", &example)
}

fn keyed(id: &str, summary: &str, parameters: &[&str]) -> Operation {
    let parameters = [parameters, &KEYED].concat();
    Operation::new(id, "SCIM", summary).of_scim().takes(&parameters).refuses(&ANY)
}

/// `Scim` and the type, behind which a shape's name goes on.
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

/// An operation about resources of a type.
fn typed(kind: ResourceType, verb: &str, what: &str, parameters: &[&str]) -> Operation {
    let [only, without] = projection(kind);
    let parameters = [parameters, &[only.as_str(), without.as_str()]].concat();
    let name = kind.name();
    keyed(&format!("{verb}Scim{name}"), &what.replace("{}", &name.to_lowercase()), &parameters)
}

fn list(kind: ResourceType) -> Value {
    let sort = format!("scim{}SortBy", kind.name());
    let parameters = ["scimFilter", &sort, "sortOrder", "startIndex", "count", "scimCursor"];
    typed(kind, "list", "Find {}s", &parameters)
        .describe("RFC 7644, section 3.4.2; by `cursor` RFC 9865: send it empty for the first page.")
        .answers(200, "A page.", &[], json_of(&format!("{}s", shape(kind)), &list_example(kind)))
        .build()
}

fn list_example(kind: ResourceType) -> Value {
    examples::scim_list(vec![example_of(kind)])
}

fn search(kind: ResourceType) -> Value {
    let name = shape(kind);
    keyed(&format!("search{name}"), &format!("Find {}s", kind.name().to_lowercase()), &[])
        .describe("As GET, with the parameters in the body (RFC 7644, section 3.4.3).")
        .reads(BODIES, &format!("{name}Search"), &examples::scim_search())
        .answers(200, "A page.", &[], json_of(&format!("{name}s"), &list_example(kind)))
        .refuses(&BODY)
        .build()
}

fn search_all() -> Value {
    let found = examples::scim_list(ResourceType::ALL.map(example_of).into());
    keyed("searchScim", "Find users, and behind them groups", &[])
        .describe("A type without an attribute of the filter has nothing that fulfils it. No `sortBy`.")
        .reads(BODIES, "ScimSearch", &examples::scim_search())
        .answers(200, "A page.", &[], json_of("ScimResources", &found))
        .refuses(&BODY)
        .build()
}

const CREATED: [&str; 3] = ["Location", "ETag", "Idempotency-Replayed"];

fn create(kind: ResourceType) -> Value {
    let name = shape(kind);
    let next = ["get", "replace", "patch", "delete"].map(|verb| format!("{verb}{name}"));
    typed(kind, "create", "Create a {}", &["Idempotency-Key"])
        .reads(BODIES, &format!("New{name}"), &new_example_of(kind))
        .answers(201, "It is there.", &CREATED, json_of(&name, &example_of(kind)))
        .leads_to(201, &next.each_ref().map(String::as_str))
        .refuses(&BODY)
        .refuses(&[409, 422, 504])
        .build()
}

const CONDITIONS: [&str; 3] = ["id", "If-Match", "If-None-Match"];

fn find(kind: ResourceType) -> Value {
    typed(kind, "get", "Read a {}", &CONDITIONS)
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
        .refuses(&WRITE)
}

fn replace(kind: ResourceType) -> Value {
    let operation = typed(kind, "replace", "Replace a {}", &CONDITIONS).reads(
        BODIES,
        &format!("New{}", shape(kind)),
        &new_example_of(kind),
    );
    changed(kind, operation).build()
}

fn patch(kind: ResourceType) -> Value {
    let operation = typed(kind, "patch", "Change a {}", &CONDITIONS).reads(
        BODIES,
        "ScimPatch",
        &examples::scim_patch(kind),
    );
    let operation = changed(kind, operation);
    match kind {
        ResourceType::User => operation.build(),
        ResourceType::Group => operation
            .answers(204, "The same, unless `attributes` asks for something.", &["ETag"], None)
            .build(),
    }
}

fn delete(kind: ResourceType) -> Value {
    keyed(&format!("delete{}", shape(kind)), &format!("Delete a {}", kind.name().to_lowercase()), &CONDITIONS)
        .answers(204, "It is gone.", &[], None)
        .refuses(&WRITE)
        .build()
}

fn bulk() -> Value {
    keyed("bulkScim", "Carry many requests out", &[])
        .describe("RFC 7644, section 3.7. They are carried out one by one; `bulkId:` refers to what another creates.")
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
    let mut all = Map::from_iter([
        named("scimResourceType", path("id", json!({ "type": "string", "enum": resource_types }), "")),
        named("scimSchema", path("id", json!({ "type": "string", "enum": schemas }), "")),
        named("scimFilter", query("filter", filter(), "RFC 7644, section 3.4.2.2.")),
        query("sortOrder", sort_order(), "What is missing comes last, descending first."),
        query("startIndex", start_index(), "The number of the first resource; below 1 is 1."),
        query("count", count(), "More than 500 is 500; below 0 is 0, with which only the total comes."),
        named("scimCursor", query("cursor", cursor(), "RFC 9865. A cursor wins over `startIndex`.")),
    ]);
    for kind in ResourceType::ALL {
        let name = kind.name();
        let names = json!({ "type": "array", "items": { "type": "string", "enum": names(kind) } });
        let [only, without] = projection(kind);
        let sort = query("sortBy", sort_by(kind), "An attribute with one value.");
        let text = "Only these, and what always comes. Not with `excludedAttributes`.";
        all.extend([
            named(&format!("scim{name}SortBy"), sort),
            named(&only, listed("attributes", names.clone(), text)),
            named(&without, listed("excludedAttributes", names, "All but these.")),
        ]);
    }
    all
}

/// A parameter under a name of its own among the components.
fn named(name: &str, (_, parameter): (String, Value)) -> (String, Value) {
    (name.to_owned(), parameter)
}

fn filter() -> Value {
    let example = "displayName sw \"a\" and meta.created gt \"2026-01-01T00:00:00Z\"";
    json!({ "type": "string", "maxLength": 4096, "format": "scim-filter", "examples": [example] })
}

fn sort_order() -> Value {
    json!({ "type": "string", "enum": ["ascending", "descending"], "default": "ascending" })
}

fn start_index() -> Value {
    json!({ "type": "integer", "format": "int64", "maximum": i64::MAX, "default": 1 })
}

fn count() -> Value {
    json!({ "type": "integer", "format": "int64", "maximum": i64::MAX, "default": 100 })
}

fn cursor() -> Value {
    json!({ "type": "string", "format": "cursor" })
}

/// The attributes of a type, with the common ones before its own.
fn attributes(kind: ResourceType) -> impl Iterator<Item = &'static Definition> {
    COMMON.iter().chain(&kind.schema().attributes)
}

/// The names of attributes, and of their parts behind a dot.
fn names(kind: ResourceType) -> Vec<String> {
    let parts = |of: &Definition| {
        let parts = of.parts.iter().map(|part| format!("{}.{}", of.name, part.name)).collect::<Vec<_>>();
        [vec![of.name.to_owned()], parts].concat()
    };
    attributes(kind).filter(|one| one.returned != Returned::Never).flat_map(parts).collect()
}

fn sort_by(kind: ResourceType) -> Value {
    let single =
        |one: &&Definition| one.attribute.is_some() && !one.multi_valued && one.kind != Type::Complex;
    let own = kind.schema().attributes.iter().filter(single).map(|one| one.name);
    let names = own.chain(["id", "externalId", "meta.created", "meta.lastModified"]).collect::<Vec<_>>();
    json!({ "type": "string", "enum": names })
}

/// The shapes by their names.
pub(super) fn schemas() -> Map<String, Value> {
    let mut all = Map::from_iter([
        shape_of(
            "ScimResources",
            list_of(json!({ "anyOf": [reference("ScimUser"), reference("ScimGroup")] })),
        ),
        shape_of("ScimSearch", searched(&ResourceType::ALL.map(names).concat(), None)),
        shape_of("ScimPatch", patched()),
        shape_of("ScimBulkRequest", bulk_request()),
        shape_of("ScimBulkResponse", bulk_response()),
        shape_of("ScimError", error()),
        shape_of("ScimResourceTypes", list_of(reference("ScimResourceType"))),
        shape_of("ScimSchemas", list_of(reference("ScimSchema"))),
        shape_of("ScimServiceProviderConfig", described(&schema::SERVICE_PROVIDER_CONFIG)),
        shape_of("ScimResourceType", described(&schema::RESOURCE_TYPE)),
        shape_of("ScimSchema", described(&schema::SCHEMA)),
    ]);
    for kind in ResourceType::ALL {
        let name = shape(kind);
        all.extend([
            shape_of(&format!("{name}s"), list_of(reference(&name))),
            shape_of(&format!("{name}Search"), searched(&names(kind), Some(kind))),
            shape_of(&format!("New{name}"), written(kind)),
            shape_of(&name, shown(kind)),
        ]);
    }
    all
}

fn shape_of(name: &str, schema: Value) -> (String, Value) {
    (name.to_owned(), schema)
}

/// A resource as answers show it: what has no value is not there, nor what a projection leaves out.
fn shown(kind: ResourceType) -> Value {
    let extension = |urn: &&str| kind.extension(urn).map(|one| ((*urn).to_owned(), object(&one.attributes)));
    let mut properties = properties(attributes(kind).filter(|one| one.returned != Returned::Never));
    properties.extend(kind.extensions().iter().filter_map(extension));
    let always = attributes(kind).filter(|one| one.returned == Returned::Always).map(|one| one.name);
    json!({
        "description": "What has no value is not there. Extensions that Roster does not know stand under their URNs.",
        "type": "object",
        "properties": properties,
        "required": always.collect::<Vec<_>>(),
    })
}

/// What the service says of itself.
fn described(schema: &Schema) -> Value {
    let common = COMMON.iter().filter(|one| ["schemas", "meta"].contains(&one.name));
    json!({
        "description": schema.description,
        "type": "object",
        "properties": properties(common.chain(&schema.attributes)),
        "required": ["schemas", "meta"],
    })
}

fn object(definitions: &[Definition]) -> Value {
    json!({ "type": "object", "properties": properties(definitions) })
}

fn properties<'d>(definitions: impl IntoIterator<Item = &'d Definition>) -> Map<String, Value> {
    definitions.into_iter().map(|one| (one.name.to_owned(), value_of(one))).collect()
}

fn value_of(definition: &Definition) -> Value {
    let mut value = match definition.kind {
        Type::String | Type::Reference => json!({ "type": "string" }),
        Type::Binary => json!({ "type": "string", "contentEncoding": "base64" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer => json!({ "type": "integer", "format": "int64" }),
        Type::DateTime => time(),
        Type::Complex => object(&definition.parts),
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
fn written(kind: ResourceType) -> Value {
    let mut properties: Map<_, _> =
        attributes(kind).map(|one| (one.name.to_owned(), sent(kind, one))).collect();
    for urn in kind.extensions() {
        let parts = kind.extension(urn).map(|one| one.attributes.as_slice()).unwrap_or_default();
        let part = |one: &Definition| (one.name.to_owned(), sent(kind, one));
        let parts = parts.iter().map(part).collect::<Map<_, _>>();
        let extension =
            json!({ "type": ["object", "null"], "properties": parts, "additionalProperties": false });
        properties.insert((*urn).to_owned(), extension);
    }
    let required = kind.schema().attributes.iter().filter(|one| one.required).map(|one| one.name);
    let required: Vec<_> = ["schemas"].into_iter().chain(required).collect();
    json!({
        "description": "null means absent. Names have no case. Other extensions stand under their URNs. At most 64 KiB.",
        "type": "object",
        "properties": properties,
        "required": required,
        "patternProperties": { "^urn:[^\\u0000]{3,}$": { "type": "object", "propertyNames": plain() } },
        "additionalProperties": false,
    })
}

fn sent(kind: ResourceType, definition: &Definition) -> Value {
    match (definition.name, definition.attribute) {
        ("schemas", _) => one_of_urns(kind.schema().id),
        ("externalId", _) => key_text(true, "Unique in its tenant among those of the connection."),
        ("displayName", _) if definition.required => key_text(false, definition.description),
        ("members", _) => json!({
            "description": definition.description,
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": { "value": { "type": "string", "format": "uuid", "description": "The id of a user." } },
                "required": ["value"],
            },
        }),
        (_, _) if definition.mutability == Mutability::ReadOnly => {
            json!({ "description": "Ignored: a body may carry what an answer gave." })
        }
        (_, Some(attribute)) => schemas::written_in_scim(attribute),
        (_, None) => json!({ "description": definition.description, "type": ["string", "null"] }),
    }
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
            "nextCursor": { "type": "string", "description": "Absent on the last page." },
            "Resources": { "type": "array", "items": item },
        },
        "required": ["schemas", "itemsPerPage", "Resources"],
    })
}

/// A SearchRequest (RFC 7644, section 3.4.3).
fn searched(names: &[String], sorted: Option<ResourceType>) -> Value {
    let names = json!({ "type": "array", "items": { "type": "string", "enum": names } });
    let mut request = json!({
        "type": "object",
        "properties": {
            "schemas": one_of_urns(urn::SEARCH),
            "attributes": names,
            "excludedAttributes": names,
            "filter": filter(),
            "startIndex": start_index(),
            "count": count(),
            "cursor": cursor(),
        },
        "required": ["schemas"],
    });
    if let (Some(kind), Some(Value::Object(properties))) = (sorted, request.get_mut("properties")) {
        properties.insert("sortBy".to_owned(), sort_by(kind));
        properties.insert("sortOrder".to_owned(), sort_order());
    }
    request
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
        "additionalProperties": false,
    });
    json!({
        "description": "All is done, in this order, or nothing.",
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
            "bulkId": { "type": "string", "description": "With POST." },
            "version": { "type": "string", "description": "An ETag that the resource must have." },
            "data": { "type": ["object", "null"] },
        },
        "required": ["method", "path"],
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
        "type": "object",
        "properties": {
            "schemas": this_urn(urn::BULK_RESPONSE),
            "Operations": { "type": "array", "items": operation },
        },
        "required": ["schemas", "Operations"],
    })
}

fn error() -> Value {
    json!({
        "description": "RFC 7644, section 3.12.",
        "type": "object",
        "properties": {
            "schemas": this_urn(urn::ERROR),
            "status": { "type": "string" },
            "scimType": { "type": "string", "description": "Tells errors of one status apart." },
            "detail": { "type": "string", "description": "For people." },
        },
        "required": ["schemas", "status", "detail"],
    })
}
