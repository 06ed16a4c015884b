//! The shapes of bodies: users and groups from the tables of attributes, so that no name is written twice.

use crate::domain::attribute::{Attribute, GROUPS, Kind, Schema, USERS};
use crate::domain::change::ChangeKind;
use crate::domain::key::Role;
use serde_json::{Map, Value, json};

/// Every shape, by its name.
pub(super) fn all(codes: &[&str]) -> Map<String, Value> {
    let page = |item: Value| {
        json!({
            "type": "object",
            "properties": {
                "items": { "type": "array", "items": item },
                "nextCursor": { "type": "string", "description": "Absent on the last page." },
                "total": { "type": "integer", "format": "int64", "description": "With `include=total`." },
            },
            "required": ["items"],
        })
    };
    let all = [
        ("User", answer(USERS.attributes)),
        ("ProjectedUser", projected(&USERS)),
        ("NewUser", written(&USERS, Write::New)),
        ("UserReplacement", written(&USERS, Write::Replacement)),
        ("UserPatch", written(&USERS, Write::Patch)),
        ("UserPage", page(json!({ "anyOf": [reference("User"), reference("ProjectedUser")] }))),
        ("Group", answer(GROUPS.attributes)),
        ("ProjectedGroup", projected(&GROUPS)),
        ("NewGroup", written(&GROUPS, Write::New)),
        ("GroupReplacement", written(&GROUPS, Write::Replacement)),
        ("GroupPatch", written(&GROUPS, Write::Patch)),
        ("GroupPage", page(json!({ "anyOf": [reference("Group"), reference("ProjectedGroup")] }))),
        ("Member", member()),
        ("UserIds", user_ids()),
        ("MemberPage", page(reference("Member"))),
        ("Key", key()),
        ("KeyWithSecret", key_with_secret()),
        ("NewKey", key_written(&["role"])),
        ("KeyPatch", key_written(&[])),
        ("KeyPage", page(reference("Key"))),
        ("Role", json!({ "type": "string", "enum": roles() })),
        ("Connection", connection()),
        ("NewConnection", connection_written(&["name"])),
        ("ConnectionPatch", connection_written(&[])),
        ("ConnectionPage", page(reference("Connection"))),
        ("Profile", profile()),
        ("Token", token()),
        ("TokenWithSecret", token_with_secret()),
        ("NewToken", token_written()),
        ("Tokens", tokens()),
        ("Tenant", tenant()),
        ("NewTenant", tenant_written(&["name"])),
        ("TenantPatch", tenant_written(&[])),
        ("TenantPage", page(reference("Tenant"))),
        ("Change", change()),
        ("Changes", changes()),
        ("Problem", problem(codes)),
        ("FieldError", field_error()),
        ("Service", service()),
        ("Status", status()),
    ];
    all.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect()
}

/// A shape by its name.
pub(in crate::http) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The names that `attributes` and `excludedAttributes` take: of attributes, and of their parts behind a dot.
pub(super) fn attribute_names(schema: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    add_names("", schema.attributes, &mut names);
    names
}

fn add_names(above: &str, attributes: &[Attribute], names: &mut Vec<String>) {
    for attribute in attributes {
        let name = format!("{above}{}", attribute.name);
        names.push(name.clone());
        add_names(&format!("{name}."), attribute.parts(), names);
    }
}

pub(in crate::http) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn version() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "description": "How often it changed; its ETag." })
}

fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

fn member() -> Value {
    json!({
        "type": "object",
        "properties": {
            "userId": id(),
            "userName": { "type": "string" },
            "displayName": { "type": ["string", "null"] },
            "addedAt": time(),
        },
        "required": ["userId", "userName", "displayName", "addedAt"],
    })
}

fn user_ids() -> Value {
    json!({
        "type": "object",
        "properties": { "userIds": { "type": "array", "minItems": 1, "maxItems": 1000, "items": id() } },
        "required": ["userIds"],
        "additionalProperties": false,
    })
}

/// An object as answers show it: every field is always there.
fn answer(attributes: &[Attribute]) -> Value {
    let required: Vec<_> = attributes.iter().map(|attribute| attribute.name).collect();
    json!({ "type": "object", "properties": shown(attributes), "required": required })
}

/// What a projection leaves may be a part of a part.
fn projected(schema: &Schema) -> Value {
    let mut properties = shown(schema.attributes);
    properties.values_mut().for_each(require_nothing);
    json!({
        "description": "By `attributes` or `excludedAttributes`: as much as was asked for, and the id.",
        "type": "object",
        "properties": properties,
        "required": ["id"],
    })
}

/// Lets go of every `required`, of an object in an object too.
fn require_nothing(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove("required");
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(require_nothing);
    schema.get_mut("items").into_iter().for_each(require_nothing);
}

fn shown(attributes: &[Attribute]) -> Map<String, Value> {
    attributes.iter().map(|attribute| (attribute.name.to_owned(), shown_one(attribute))).collect()
}

fn shown_one(attribute: &Attribute) -> Value {
    match (attribute.name, &attribute.kind) {
        ("userName", _) => json!({ "type": "string" }),
        ("version", _) => version(),
        ("manager", Kind::Object(_)) => json!({
            "type": ["object", "null"],
            "properties": { "value": { "type": "string" }, "displayName": { "type": ["string", "null"] } },
            "required": ["value", "displayName"],
        }),
        ("externalIds", _) => json!({
            "description": "externalIds by source: `native`, or the id of a connection.",
            "type": "object",
            "additionalProperties": { "type": "string" },
        }),
        ("extensions", _) => json!({
            "description": "SCIM extensions that Roster does not know, by URN.",
            "type": "object",
            "additionalProperties": { "type": "object" },
        }),
        ("custom", _) => json!({ "description": "The caller's own JSON.", "type": "object" }),
        (_, Kind::Text | Kind::Exact | Kind::Binary | Kind::Constant(_) | Kind::Urns | Kind::Opaque) => {
            json!({ "type": ["string", "null"] })
        }
        (_, Kind::Boolean) => json!({ "type": "boolean" }),
        (_, Kind::Integer) => json!({ "type": "integer", "format": "int64" }),
        (_, Kind::Time) => time(),
        (_, Kind::Id) => id(),
        (_, Kind::Object(parts)) => answer(parts),
        (_, Kind::List(parts)) => json!({ "type": "array", "items": answer(parts) }),
    }
}

/// What a body of users is for.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::http) enum Write {
    New,
    Replacement,
    Patch,
}

/// The attribute that a resource must have.
fn required(schema: &Schema) -> &'static str {
    if schema.plural == "users" { "userName" } else { "displayName" }
}

fn written(schema: &Schema, write: Write) -> Value {
    let required = required(schema);
    let field = |attribute: &Attribute| match attribute.name {
        // Anybody's name but a user's userName may be somebody else's, too.
        name if name == required && name == "displayName" => (
            name.to_owned(),
            key_text(false, "Unique in its tenant, without case, where the tenant says so."),
        ),
        name => (name.to_owned(), written_one(attribute, write)),
    };
    let properties: Map<String, Value> = schema.attributes.iter().map(field).collect();
    let required = if write == Write::Patch { json!([]) } else { json!([required]) };
    let meaning = match write {
        Write::New => "null means absent.",
        Write::Replacement if schema.plural == "users" => {
            "null means absent; what is absent is cleared, but `active` stays as it was."
        }
        Write::Replacement => "null means absent; what is absent is cleared. Members stay.",
        Write::Patch => {
            "A JSON Merge Patch (RFC 7396): what is absent stays, null removes, a list is replaced whole."
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

/// What a body may say of an attribute.
pub(in crate::http) fn written_one(attribute: &Attribute, write: Write) -> Value {
    match (attribute.name, &attribute.kind) {
        ("id", _) if write != Write::New => {
            json!({ "type": ["string", "null"], "format": "uuid", "description": "If it is there, the id in the path." })
        }
        ("userName", _) => key_text(false, "Unique in its tenant, without case."),
        ("externalId", _) => key_text(true, "Unique in its tenant among those of native callers."),
        ("displayName", _) => key_text(true, "For people."),
        ("active", _) => match write {
            Write::New => json!({ "type": ["boolean", "null"], "default": true }),
            Write::Replacement => json!({ "type": ["boolean", "null"] }),
            Write::Patch => json!({ "type": "boolean" }),
        },
        ("id" | "version" | "createdAt" | "updatedAt" | "externalIds" | "memberCount", _) => ignored_value(),
        ("custom", _) => {
            json!({ "description": "At most 16 KiB and 8 levels.", "type": ["object", "null"], "propertyNames": plain() })
        }
        ("extensions", _) => json!({
            "description": "By URN, each at most 8 levels.",
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[uU][rR][nN]:[^\\u0000]{3,}$" },
            "additionalProperties": { "type": "object", "propertyNames": plain() },
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
        _ => written_part(attribute),
    }
}

fn written_part(attribute: &Attribute) -> Value {
    match &attribute.kind {
        Kind::Opaque => json!({ "description": "Computed: ignored." }),
        Kind::Boolean => json!({ "type": ["boolean", "null"] }),
        Kind::Object(parts) => written_object(json!(["object", "null"]), parts),
        Kind::List(parts) => list(parts),
        _ => json!({ "type": ["string", "null"], "pattern": "^[^\\u0000]*$" }),
    }
}

fn written_object(kind: Value, parts: &[Attribute]) -> Value {
    let field = |part: &Attribute| (part.name.to_owned(), written_part(part));
    let properties: Map<String, Value> = parts.iter().map(field).collect();
    json!({ "type": kind, "properties": properties, "additionalProperties": false })
}

fn list(parts: &[Attribute]) -> Value {
    json!({
        "type": ["array", "null"],
        "maxItems": 100,
        "items": written_object(json!("object"), parts),
        "contains": { "properties": { "primary": { "const": true } }, "required": ["primary"] },
        "minContains": 0,
        "maxContains": 1,
    })
}

/// A string that something is found by.
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

/// Names of fields that can be stored.
pub(in crate::http) fn plain() -> Value {
    json!({ "pattern": "^[^\\u0000]*$" })
}

fn roles() -> [String; 4] {
    [Role::Reader, Role::Writer, Role::Admin, Role::Operator].map(|role| role.to_string())
}

fn key() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": id(),
            "name": { "type": ["string", "null"] },
            "role": reference("Role"),
            "expiresAt": { "type": ["string", "null"], "format": "date-time" },
            "createdAt": time(),
            "lastUsedAt": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "Give or take a minute; it moves no ETag.",
            },
        },
        "required": ["id", "name", "role", "expiresAt", "createdAt", "lastUsedAt"],
    })
}

fn key_with_secret() -> Value {
    let secret = json!({ "type": "string", "description": "What requests carry; shown this once." });
    json!({
        "allOf": [
            reference("Key"),
            { "type": "object", "properties": { "secret": secret }, "required": ["secret"] },
        ],
    })
}

/// A body of keys; what it may carry besides is ignored.
fn key_written(required: &[&str]) -> Value {
    let mut properties = ignored(&["id", "createdAt", "lastUsedAt", "secret"]);
    // A patch with null would remove what no key shows.
    if required.is_empty()
        && let Some(Value::Object(secret)) = properties.get_mut("secret")
    {
        secret.insert("not".to_owned(), json!({ "type": "null" }));
    }
    properties.insert("name".to_owned(), key_text(true, "What people call it."));
    properties.insert("role".to_owned(), reference("Role"));
    let end = json!({ "type": ["string", "null"], "format": "date-time", "description": "From then on it is good no longer." });
    properties.insert("expiresAt".to_owned(), end);
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn ignored(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), ignored_value())).collect()
}

pub(in crate::http) fn ignored_value() -> Value {
    json!({ "description": "Ignored: a body may carry what an answer gave." })
}

fn connection() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": id(),
            "name": { "type": "string" },
            "profile": reference("Profile"),
            "url": { "type": "string", "format": "uri", "description": "SCIM's base, for the identity provider." },
            "version": version(),
            "createdAt": time(),
            "updatedAt": time(),
        },
        "required": ["id", "name", "profile", "url", "version", "createdAt", "updatedAt"],
    })
}

/// A body of connections; what it may carry besides is ignored.
fn connection_written(required: &[&str]) -> Value {
    let mut properties = ignored(&["id", "url", "version", "createdAt", "updatedAt"]);
    // A patch with null would remove what is not kept.
    if required.is_empty()
        && let Some(Value::Object(url)) = properties.get_mut("url")
    {
        url.insert("not".to_owned(), json!({ "type": "null" }));
    }
    properties.insert("name".to_owned(), key_text(false, "What people call it."));
    let profile = json!({ "anyOf": [reference("Profile"), { "type": "null" }] });
    properties.insert("profile".to_owned(), profile);
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn status() -> Value {
    json!({ "type": "object", "properties": { "status": { "type": "string" } }, "required": ["status"] })
}

fn profile() -> Value {
    json!({ "type": "string", "enum": ["lenient", "strict"], "default": "lenient" })
}

fn tokens() -> Value {
    let items = json!({ "type": "array", "items": reference("Token") });
    json!({ "type": "object", "properties": { "items": items }, "required": ["items"] })
}

fn token() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": id(),
            "expiresAt": { "type": ["string", "null"], "format": "date-time" },
            "createdAt": time(),
            "lastUsedAt": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "Give or take a minute.",
            },
        },
        "required": ["id", "expiresAt", "createdAt", "lastUsedAt"],
    })
}

fn token_with_secret() -> Value {
    let secret = json!({ "type": "string", "description": "What SCIM requests carry; shown this once." });
    let url = json!({ "type": "string", "format": "uri", "description": "SCIM's base." });
    let shown = json!({
        "type": "object",
        "properties": { "secret": secret, "url": url },
        "required": ["secret", "url"],
    });
    json!({ "allOf": [reference("Token"), shown] })
}

fn token_written() -> Value {
    let end = json!({ "type": ["string", "null"], "format": "date-time", "description": "From then on it is good no longer." });
    json!({ "type": "object", "properties": { "expiresAt": end }, "additionalProperties": false })
}

fn tenant() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": id(),
            "name": { "type": "string" },
            "uniqueGroupNames": { "type": "boolean" },
            "version": version(),
            "createdAt": time(),
            "updatedAt": time(),
        },
        "required": ["id", "name", "uniqueGroupNames", "version", "createdAt", "updatedAt"],
    })
}

fn tenant_written(required: &[&str]) -> Value {
    let patch = required.is_empty();
    let mut properties = ignored(&["version", "createdAt", "updatedAt"]);
    let id = if patch { json!({ "type": ["string", "null"], "format": "uuid" }) } else { json!({}) };
    properties.insert("id".to_owned(), id);
    let name = json!({ "type": "string", "pattern": "^[a-z0-9-]{1,63}$", "not": { "const": "default" } });
    properties.insert("name".to_owned(), name);
    properties
        .insert("uniqueGroupNames".to_owned(), json!({ "type": ["boolean", "null"], "default": false }));
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn change() -> Value {
    let values = json!({ "type": ["object", "null"] });
    json!({
        "description": "Followers ignore types that they don't know.",
        "type": "object",
        "properties": {
            "revision": { "type": "integer", "format": "int64", "minimum": 1 },
            "time": time(),
            "actor": {
                "type": "object",
                "properties": { "type": { "type": "string" }, "id": { "type": "string" } },
                "required": ["type", "id"],
            },
            "requestId": { "type": "string" },
            "type": { "type": "string", "examples": ChangeKind::ALL.map(ChangeKind::name) },
            "resource": { "type": "string" },
            "id": id(),
            "groupId": { "type": "string", "format": "uuid", "description": "Of a member, in place of `id`." },
            "userId": { "type": "string", "format": "uuid", "description": "Of a member, in place of `id`." },
            "version": { "type": "integer", "format": "int64", "description": "Of a member its group's." },
            "before": values,
            "after": values,
            "erased": { "type": "boolean", "description": "Whether values were taken out for good." },
        },
        "required": ["revision", "time", "actor", "requestId", "type", "resource", "version", "before", "after"],
    })
}

fn changes() -> Value {
    let revision =
        |description: &str| json!({ "type": "integer", "format": "int64", "description": description });
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": reference("Change") },
            "next": revision("The revision to ask after next."),
            "head": revision("The newest revision."),
            "epoch": { "type": "string", "format": "uuid", "description": "The name of this history: another after a restore." },
        },
        "required": ["items", "next", "head", "epoch"],
    })
}

fn problem(codes: &[&str]) -> Value {
    let revision =
        |description: &str| json!({ "type": "integer", "format": "int64", "description": description });
    json!({
        "description": "RFC 9457. `code` tells problems apart.",
        "type": "object",
        "properties": {
            "type": { "type": "string", "const": "about:blank" },
            "title": { "type": "string", "description": "The phrase of the status." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "For people." },
            "code": { "type": "string", "examples": codes },
            "requestId": { "type": "string" },
            "errors": { "type": "array", "items": reference("FieldError") },
            "earliest": revision("With `gone`: the oldest revision that is kept."),
            "head": revision("With `gone`: the newest revision."),
            "epoch": { "type": "string", "format": "uuid", "description": "With `gone`: the name of the history." },
        },
        "required": ["type", "title", "status", "detail", "code", "requestId"],
    })
}

fn field_error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "pointer": { "type": "string", "description": "A JSON Pointer (RFC 6901) into the body." },
            "code": { "type": "string" },
            "detail": { "type": "string" },
        },
        "required": ["pointer", "code", "detail"],
    })
}

fn service() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "version": { "type": "string" },
            "url": { "type": "string" },
            "links": { "type": "object", "additionalProperties": { "type": "string" } },
        },
        "required": ["name", "version", "url", "links"],
    })
}
