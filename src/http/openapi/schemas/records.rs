//! The schemas of everything but users and groups.

use super::attributes::{ignored_value, key_text};
use super::builders::{
    array, described, id, integer, nullable, nullable_text, nullable_time, object, page, reference, text,
    time, uri, version,
};
use crate::domain::change::ChangeKind;
use crate::domain::key::Role;
use crate::domain::origin::ActorKind;
use serde_json::{Map, Value, json};

/// The schemas by name. `codes` are the codes of problems.
pub(super) fn all(codes: &[&str]) -> [(&'static str, Value); 35] {
    [
        ("Member", member()),
        ("UserIds", user_ids()),
        ("MemberPage", page(reference("Member"))),
        ("Key", key()),
        ("KeyWithSecret", json!({ "allOf": [reference("Key"), object([("secret", secret("requests"))])] })),
        ("NewKey", key_body(&["role"])),
        ("KeyPatch", key_body(&[])),
        ("KeyPage", page(reference("Key"))),
        ("Role", json!({ "type": "string", "enum": roles() })),
        ("Me", me()),
        ("Connection", connection()),
        ("NewConnection", connection_body(&["name"])),
        ("ConnectionPatch", connection_body(&[])),
        ("ConnectionPage", page(reference("Connection"))),
        ("ConnectionDetails", connection_details()),
        ("RecordedRequest", recorded_request()),
        ("RecordedRequestPage", page(reference("RecordedRequest"))),
        ("Profile", json!({ "type": "string", "enum": ["lenient", "strict"], "default": "lenient" })),
        ("Mode", mode()),
        ("Token", token()),
        ("TokenWithSecret", token_with_secret()),
        ("NewToken", token_body()),
        ("TokenPatch", body([token_name()], &["id", "createdAt", "lastUsedAt", "revokedAt"], &[])),
        ("TokenPage", page(reference("Token"))),
        ("Tenant", tenant()),
        ("NewTenant", tenant_body(&["name"])),
        ("TenantPatch", tenant_body(&[])),
        ("TenantPage", page(reference("Tenant"))),
        ("Change", change()),
        ("Changes", changes()),
        ("ChangePage", page(reference("Change"))),
        ("Problem", problem(codes)),
        ("FieldError", field_error()),
        ("Service", service()),
        ("Status", object([("status", text())])),
    ]
}

fn member() -> Value {
    object([("userId", id()), ("userName", text()), ("displayName", nullable_text()), ("addedAt", time())])
}

fn user_ids() -> Value {
    let ids = json!({ "type": "array", "minItems": 1, "maxItems": 1000, "items": id() });
    body([("userIds", ids)], &[], &["userIds"])
}

fn roles() -> [String; 4] {
    [Role::Reader, Role::Writer, Role::Admin, Role::Operator].map(|role| role.to_string())
}

fn key() -> Value {
    object([
        ("id", id()),
        ("name", nullable_text()),
        ("role", reference("Role")),
        ("expiresAt", nullable_time()),
        ("createdAt", time()),
        (
            "lastUsedAt",
            described(
                nullable_time(),
                "The time of the last use, accurate to about a minute. It does not change the ETag.",
            ),
        ),
        ("revokedAt", revoked_at()),
    ])
}

fn me() -> Value {
    let kinds = [ActorKind::Key, ActorKind::Connection, ActorKind::Admin].map(|kind| kind.to_string());
    object([
        ("type", json!({ "type": "string", "enum": kinds })),
        ("id", described(text(), "The id of the key or connection, or `admin` for `ROSTER_ADMIN_KEY`.")),
        ("name", nullable_text()),
        ("tenant", object([("id", id()), ("name", text())])),
        ("role", reference("Role")),
        ("expiresAt", nullable_time()),
    ])
}

fn secret(requests: &str) -> Value {
    described(text(), &format!("The secret to send with {requests}. Only this response contains it."))
}

/// The body that creates or changes a key.
fn key_body(required: &[&str]) -> Value {
    let name = key_text(true, "A human-readable name.");
    // In a JSON Merge Patch, null removes a field, but a key has no stored secret to remove.
    let secret = if required.is_empty() { not_null(ignored_value()) } else { ignored_value() };
    let writable =
        [("name", name), ("role", reference("Role")), ("expiresAt", expires_at()), ("secret", secret)];
    body(writable, &["id", "createdAt", "lastUsedAt", "revokedAt"], required)
}

fn expires_at() -> Value {
    described(nullable_time(), "The expiry time, which must be in the future; null means no expiry.")
}

/// A body with these properties and with read-only ones, which are accepted and ignored.
pub(super) fn body<const N: usize>(
    properties: [(&str, Value); N],
    read_only: &[&str],
    required: &[&str],
) -> Value {
    let read_only = read_only.iter().map(|name| (*name, ignored_value()));
    let properties = properties.into_iter().chain(read_only);
    let properties: Map<_, _> = properties.map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn not_null(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("not".to_owned(), json!({ "type": "null" }));
    }
    schema
}

fn connection() -> Value {
    object([
        ("id", id()),
        ("name", text()),
        ("profile", reference("Profile")),
        ("mode", reference("Mode")),
        ("replaces", replaces()),
        ("brake", nullable("Brake")),
        ("held", nullable("Held")),
        ("url", uri("The base URL of SCIM, to be configured in the identity provider.")),
        ("version", version()),
        ("createdAt", time()),
        ("updatedAt", time()),
    ])
}

fn connection_details() -> Value {
    let counts = |period: &str| {
        let description =
            format!("The numbers of rejected requests of the last {period}, by the code of the note.");
        json!({ "type": "object", "additionalProperties": integer(), "description": description })
    };
    let last = described(nullable_time(), "The time of the last recorded request.");
    let summary = [("lastAt", last), ("errorsLastHour", counts("hour")), ("errorsLastDay", counts("day"))];
    json!({ "allOf": [reference("Connection"), object([("requests", object(summary))])] })
}

fn recorded_request() -> Value {
    let body = |name: &str| {
        let text =
            format!("The body of the {name}: JSON, or text if it is not JSON or is cut off after 16 KiB.");
        described(json!({}), &text)
    };
    let bytes = || json!({ "type": ["integer", "null"], "format": "int64" });
    let note = object([
        ("code", text()),
        ("detail", described(nullable_text(), "A sentence; null if it was erased.")),
        ("section", described(nullable_text(), "The section of the RFC that applies.")),
        ("hint", described(nullable_text(), "The setting to change, where it is known.")),
    ]);
    object([
        ("id", id()),
        ("time", described(time(), "The time of arrival.")),
        ("method", text()),
        ("path", text()),
        ("query", nullable_text()),
        ("status", json!({ "type": "integer" })),
        ("durationMs", json!({ "type": "number" })),
        ("requestId", text()),
        ("resource", json!({ "type": ["string", "null"], "enum": ["user", "group", null] })),
        ("resourceId", json!({ "type": ["string", "null"], "format": "uuid" })),
        ("request", body("request")),
        ("requestBytes", bytes()),
        ("response", body("response")),
        ("responseBytes", bytes()),
        ("revisions", described(array(integer()), "The first 1,000 revisions that the request produced.")),
        ("revisionCount", integer()),
        ("notes", array(note)),
        (
            "plan",
            described(
                json!({}),
                "The changes that the request would have made; null unless they were only planned.",
            ),
        ),
        ("erased", described(json!({ "type": "boolean" }), "Whether an erasure has removed the contents.")),
    ])
}

/// The body that creates or changes a connection.
fn connection_body(required: &[&str]) -> Value {
    let name = key_text(false, "A human-readable name.");
    let [profile, mode, brake] = ["Profile", "Mode", "NewBrake"].map(nullable);
    // In a JSON Merge Patch, null removes a field, but these fields are not stored.
    let computed = if required.is_empty() { not_null(ignored_value()) } else { ignored_value() };
    let replaces = if required.is_empty() { ignored_value() } else { replaces() };
    let properties = [
        ("name", name),
        ("profile", profile),
        ("mode", mode),
        ("replaces", replaces),
        ("brake", brake),
        ("url", computed.clone()),
        ("requests", computed),
    ];
    body(properties, &["id", "held", "version", "createdAt", "updatedAt"], required)
}

fn mode() -> Value {
    let description = "In the mode `dry`, requests are validated and answered as in the mode `live`, but nothing is written.";
    json!({ "type": "string", "enum": ["live", "dry"], "default": "live", "description": description })
}

fn replaces() -> Value {
    let description = "The id of the connection whose externalIds this one has taken over. It can be set only when the \
                       connection is created.";
    json!({ "type": ["string", "null"], "format": "uuid", "description": description })
}

fn token() -> Value {
    object([
        ("id", id()),
        ("name", nullable_text()),
        ("expiresAt", nullable_time()),
        ("createdAt", time()),
        ("lastUsedAt", described(nullable_time(), "The time of the last use, accurate to about a minute.")),
        ("revokedAt", revoked_at()),
    ])
}

fn revoked_at() -> Value {
    described(nullable_time(), "The time of the revocation; null unless the key or token is revoked.")
}

fn token_with_secret() -> Value {
    let added = object([("secret", secret("SCIM requests")), ("url", uri("The base URL of SCIM."))]);
    json!({ "allOf": [reference("Token"), added] })
}

fn token_body() -> Value {
    body([token_name(), ("expiresAt", expires_at())], &[], &[])
}

fn token_name() -> (&'static str, Value) {
    ("name", key_text(true, "A human-readable name."))
}

fn tenant() -> Value {
    object([
        ("id", id()),
        ("name", text()),
        ("uniqueGroupNames", json!({ "type": "boolean" })),
        ("uniqueEmails", json!({ "type": "boolean" })),
        ("version", version()),
        ("createdAt", time()),
        ("updatedAt", time()),
    ])
}

fn tenant_body(required: &[&str]) -> Value {
    let is_patch = required.is_empty();
    let id = if is_patch { json!({ "type": ["string", "null"], "format": "uuid" }) } else { json!({}) };
    let name = json!({ "type": "string", "pattern": "^[a-z0-9-]{1,63}$", "not": { "const": "default" } });
    let unique = |what: &str| {
        let description =
            format!("Whether {what}, ignoring case. Enabling this returns 409 if duplicates exist.");
        json!({ "type": ["boolean", "null"], "default": false, "description": description })
    };
    let names = unique("no two groups may have the same `displayName`");
    let emails = unique("no two users may have an e-mail address in common");
    let properties = [("id", id), ("name", name), ("uniqueGroupNames", names), ("uniqueEmails", emails)];
    body(properties, &["version", "createdAt", "updatedAt"], required)
}

fn change() -> Value {
    let values = json!({
        "type": ["object", "null"],
        "description": "The full value of each changed attribute, with `externalIds` in place of `externalId`.",
    });
    let of_member = || described(id(), "Present instead of `id` in changes to members.");
    let version = "The version of the resource after the change; for a member, the version of its group.";
    json!({
        "description": "One change to one resource. Clients should apply changes in the order of `revision`, and ignore types that they do not know.",
        "type": "object",
        "properties": {
            "revision": { "type": "integer", "format": "int64", "minimum": 1 },
            "time": time(),
            "actor": object([("type", text()), ("id", text())]),
            "requestId": text(),
            "traceId": trace_id(),
            "type": { "type": "string", "examples": ChangeKind::ALL.map(ChangeKind::name) },
            "resource": text(),
            "id": id(),
            "groupId": of_member(),
            "userId": of_member(),
            "version": described(integer(), version),
            "before": values,
            "after": values,
            "erased": { "type": "boolean", "description": "Whether the values were erased." },
            "reverts": described(array(integer()), "The revisions that the change undoes. Absent if it belongs to no revert."),
            "digest": digest("after the change"),
        },
        "required": [
            "revision", "time", "actor", "requestId", "type", "resource", "version", "before", "after", "digest",
        ],
    })
}

fn trace_id() -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9a-f]{32}$",
        "description": "The trace id in the `traceparent` of the request. Absent if the request had none.",
    })
}

fn digest(when: &str) -> Value {
    json!({
        "type": ["string", "null"],
        "pattern": "^[0-9a-f]{16}$",
        "description": format!(
            "The digest of the tenant {when}: the XOR of the first eight bytes of the SHA-256 of `user:<id>:<version>`, \
             `group:<id>:<version>` and `member:<groupId>:<userId>`, over all users, groups and members. Null if it is unknown."
        ),
    })
}

fn changes() -> Value {
    let epoch = "The identifier of this history of revisions. It changes when a backup is restored.";
    object([
        ("items", array(reference("Change"))),
        ("next", described(integer(), "The value of `after` for the next request.")),
        ("head", described(integer(), "The newest revision of the tenant.")),
        ("epoch", described(id(), epoch)),
        ("digest", digest("at the revision `next`")),
    ])
}

fn problem(codes: &[&str]) -> Value {
    json!({
        "description": "An error (RFC 9457). `code` identifies the kind of error.",
        "type": "object",
        "properties": {
            "type": { "type": "string", "const": "about:blank" },
            "title": described(text(), "The reason phrase of the status."),
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": described(text(), "A human-readable explanation."),
            "code": { "type": "string", "examples": codes },
            "requestId": text(),
            "errors": array(reference("FieldError")),
            "existingId": described(id(), "With `conflict`: the id of the resource that has the value."),
            "conflicts": described(array(duplicate()), "With `conflict`: the first 100 values that are not unique."),
            "conflictCount": described(integer(), "With `conflict`: the number of values that are not unique."),
            "earliest": described(integer(), "With `gone`: the oldest retained revision."),
            "head": described(integer(), "With `gone`: the newest revision."),
            "epoch": described(id(), "With `gone`: the identifier of the history of revisions."),
        },
        "required": ["type", "title", "status", "detail", "code", "requestId"],
    })
}

/// A duplicate value that prevents a uniqueness setting from being enabled.
fn duplicate() -> Value {
    object([
        ("attribute", text()),
        ("value", described(text(), "The value in lower case (case-folded).")),
        ("count", described(integer(), "The number of resources that have the value.")),
        ("ids", described(array(id()), "The ids of the first ten of these resources.")),
    ])
}

fn field_error() -> Value {
    let pointer = described(text(), "A JSON Pointer (RFC 6901) to the field in the body.");
    object([("pointer", pointer), ("code", text()), ("detail", text())])
}

fn service() -> Value {
    let links = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    object([("name", text()), ("version", text()), ("url", text()), ("links", links)])
}
