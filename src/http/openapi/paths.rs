//! The operations of the native API by their paths.

use super::examples;
use super::operation::{Operation, json_of};
use super::schemas::reference;
use crate::domain::json::to_map;
use crate::http::health::LINKS;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const JSON: &[&str] = &["application/json"];
const PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// What every request with a key may be refused with.
const ANY: [u16; 8] = [400, 401, 403, 404, 406, 429, 500, 503];
/// What a write may be refused with besides.
const WRITE: [u16; 3] = [409, 412, 504];
/// What a body may be refused with besides.
const BODY: [u16; 4] = [408, 413, 415, 422];

/// Every path with its operations.
pub(super) fn all() -> Map<String, Value> {
    let all = json!({
        "/": { "get": index() },
        "/livez": { "get": probe("getLiveness", "Whether the process answers") },
        "/healthz": { "get": probe("getHealthz", "The same as `/livez`") },
        "/health": { "get": probe("getHealth", "The same as `/livez`") },
        "/readyz": { "get": readiness() },
        "/openapi.json": { "get": this_document() },
        "/docs": { "get": page() },
        "/docs/{file}": { "get": file() },
        "/users": { "get": list_users(), "post": create_user() },
        "/users/{id}": {
            "get": get_user(),
            "put": replace_user(),
            "patch": patch_user(),
            "delete": delete_user(),
        },
        "/users/{id}/groups": { "get": list_groups_of_user() },
        "/groups": { "get": list_groups(), "post": create_group() },
        "/groups/{id}": {
            "get": get_group(),
            "put": replace_group(),
            "patch": patch_group(),
            "delete": delete_group(),
        },
        "/groups/{id}/members": { "get": list_members(), "post": add_members() },
        "/groups/{id}/members/{userId}": {
            "get": get_member(),
            "put": put_member(),
            "delete": remove_member(),
        },
        "/changes": { "get": list_changes() },
        "/keys": { "get": list_keys(), "post": create_key() },
        "/keys/{id}": { "get": get_key(), "patch": patch_key(), "delete": delete_key() },
        "/connections": { "get": list_connections(), "post": create_connection() },
        "/connections/{id}": {
            "get": get_connection(),
            "patch": patch_connection(),
            "delete": delete_connection(),
        },
        "/connections/{id}/tokens": { "get": list_tokens(), "post": create_token() },
        "/connections/{id}/tokens/{tokenId}": { "delete": delete_token() },
        "/tenants": { "get": list_tenants(), "post": create_tenant() },
        "/tenants/{id}": { "get": get_tenant(), "patch": patch_tenant(), "delete": delete_tenant() },
    });
    to_map(&all)
}

fn public(id: &str, summary: &str) -> Operation {
    Operation::new(id, "service", summary).public().takes(&["X-Request-Id"])
}

fn index() -> Value {
    let links: BTreeMap<_, _> = LINKS.into_iter().collect();
    let example = json!({ "name": "roster", "version": env!("CARGO_PKG_VERSION"), "url": "http://127.0.0.1:3000", "links": links });
    public("getService", "What this is")
        .answers(200, "Name, version and links.", &[], Some(json_of("Service", &example)))
        .refuses(&[400, 500])
        .build()
}

fn probe(id: &str, summary: &str) -> Value {
    let body = json_of("Status", &json!({ "status": "ok" }));
    public(id, summary).answers(200, "It does.", &[], Some(body)).refuses(&[500]).build()
}

fn readiness() -> Value {
    let body = json_of("Status", &json!({ "status": "ready" }));
    public("getReadiness", "Whether the server can do its work, down to the database")
        .describe("The answer is kept for a second. Overload is not unreadiness.")
        .answers(200, "It can.", &[], Some(body))
        .refuses(&[500, 503])
        .build()
}

fn this_document() -> Value {
    let body = json!({ "application/json": { "schema": { "type": "object" } } });
    public("getOpenApi", "This document")
        .answers(200, "OpenAPI 3.1.", &[], Some(body))
        .refuses(&[400, 406, 500])
        .build()
}

fn page() -> Value {
    let body = json!({ "text/html": { "schema": { "type": "string" } } });
    public("getDocs", "This document to read and to try")
        .answers(200, "A page.", &[], Some(body))
        .refuses(&[500])
        .build()
}

fn file() -> Value {
    let text = || json!({ "schema": { "type": "string" } });
    let body = json!({ "text/css": text(), "text/javascript": text(), "image/png": {} });
    Operation::new("getDocsFile", "service", "What the page loads")
        .public()
        .takes(&["file", "X-Request-Id"])
        .answers(200, "A file.", &[], Some(body))
        .refuses(&[404, 406, 500])
        .build()
}

/// The parameters that every request with a key may have, after its own.
pub(super) fn keyed(id: &str, tag: &str, summary: &str, parameters: &[&str]) -> Operation {
    let parameters = [parameters, &["Roster-Tenant", "X-Request-Id", "traceparent"]].concat();
    Operation::new(id, tag, summary).takes(&parameters).refuses(&ANY)
}

fn list_users() -> Value {
    let parameters = ["filter", "sort", "limit", "cursor", "include", "attributes", "excludedAttributes"];
    let body = json_of("UserPage", &examples::page("users", examples::shown_user()));
    keyed("listUsers", "users", "Find users", &parameters)
        .describe("A page may be short, or empty, and still have `nextCursor`: follow it while there is one.")
        .answers(200, "A page.", &["Link"], Some(body))
        .build()
}

fn create_user() -> Value {
    let headers = ["Location", "ETag", "Preference-Applied", "Idempotency-Replayed"];
    let body = json_of("User", &examples::shown_user());
    keyed("createUser", "users", "Create a user", &["Idempotency-Key", "Prefer"])
        .reads(JSON, "NewUser", &examples::new_user())
        .answers(201, "The new user; no body with `Prefer: return=minimal`.", &headers, Some(body))
        .leads_to(201, &["getUser", "replaceUser", "patchUser", "deleteUser"])
        .refuses(&BODY)
        .refuses(&[409, 504])
        .build()
}

fn get_user() -> Value {
    let parameters = ["id", "attributes", "excludedAttributes", "If-Match", "If-None-Match"];
    let schema = json!({ "anyOf": [reference("User"), reference("ProjectedUser")] });
    let body = json!({ "application/json": { "schema": schema, "example": examples::shown_user() } });
    keyed("getUser", "users", "Read a user", &parameters)
        .answers(200, "The user.", &["ETag"], Some(body))
        .answers(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .refuses(&[412])
        .build()
}

/// What every answer to a change of a resource is.
fn changed(operation: Operation, schema: &str, example: &Value) -> Value {
    operation
        .answers(
            200,
            "The resource as it is now.",
            &["ETag", "Preference-Applied"],
            Some(json_of(schema, example)),
        )
        .answers(204, "The same with `Prefer: return=minimal`.", &["ETag", "Preference-Applied"], None)
        .refuses(&BODY)
        .refuses(&WRITE)
        .build()
}

const CONDITIONS: [&str; 4] = ["id", "If-Match", "If-None-Match", "Prefer"];

fn replace_user() -> Value {
    let operation = keyed("replaceUser", "users", "Replace a user", &CONDITIONS).reads(
        JSON,
        "UserReplacement",
        &examples::new_user(),
    );
    changed(operation, "User", &examples::shown_user())
}

fn patch_user() -> Value {
    let operation = keyed("patchUser", "users", "Change a user", &CONDITIONS).reads(
        PATCH,
        "UserPatch",
        &examples::user_patch(),
    );
    changed(operation, "User", &examples::shown_user())
}

fn deleted(operation: Operation) -> Value {
    operation.answers(204, "It is gone.", &[], None).refuses(&[412, 504]).build()
}

fn delete_user() -> Value {
    deleted(keyed("deleteUser", "users", "Delete a user", &["id", "erase", "If-Match", "If-None-Match"]))
}

fn list_groups() -> Value {
    let parameters = [
        "groupFilter",
        "groupSort",
        "limit",
        "cursor",
        "include",
        "groupAttributes",
        "groupExcludedAttributes",
    ];
    let body = json_of("GroupPage", &examples::page("groups", examples::shown_group()));
    keyed("listGroups", "groups", "Find groups", &parameters)
        .describe("A page may be short, or empty, and still have `nextCursor`: follow it while there is one.")
        .answers(200, "A page.", &["Link"], Some(body))
        .build()
}

fn list_groups_of_user() -> Value {
    let parameters = ["id", "limit", "cursor", "include", "groupAttributes", "groupExcludedAttributes"];
    let body = json_of("GroupPage", &examples::page("groups", examples::shown_group()));
    keyed("listGroupsOfUser", "groups", "List the groups that a user is in", &parameters)
        .answers(200, "A page.", &["Link"], Some(body))
        .build()
}

fn create_group() -> Value {
    let headers = ["Location", "ETag", "Preference-Applied", "Idempotency-Replayed"];
    let body = json_of("Group", &examples::shown_group());
    keyed("createGroup", "groups", "Create a group", &["Idempotency-Key", "Prefer"])
        .reads(JSON, "NewGroup", &examples::new_group())
        .answers(201, "The new group; no body with `Prefer: return=minimal`.", &headers, Some(body))
        .leads_to(
            201,
            &["getGroup", "replaceGroup", "patchGroup", "deleteGroup", "listMembers", "addMembers"],
        )
        .refuses(&BODY)
        .refuses(&[409, 504])
        .build()
}

fn get_group() -> Value {
    let parameters = ["id", "groupAttributes", "groupExcludedAttributes", "If-Match", "If-None-Match"];
    let schema = json!({ "anyOf": [reference("Group"), reference("ProjectedGroup")] });
    let body = json!({ "application/json": { "schema": schema, "example": examples::shown_group() } });
    keyed("getGroup", "groups", "Read a group", &parameters)
        .answers(200, "The group.", &["ETag"], Some(body))
        .answers(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .refuses(&[412])
        .build()
}

fn replace_group() -> Value {
    let operation = keyed("replaceGroup", "groups", "Replace a group", &CONDITIONS)
        .describe("Its members stay.")
        .reads(JSON, "GroupReplacement", &examples::new_group());
    changed(operation, "Group", &examples::shown_group())
}

fn patch_group() -> Value {
    let operation = keyed("patchGroup", "groups", "Change a group", &CONDITIONS).reads(
        PATCH,
        "GroupPatch",
        &json!({ "displayName": "Engineers" }),
    );
    changed(operation, "Group", &examples::shown_group())
}

fn delete_group() -> Value {
    deleted(keyed("deleteGroup", "groups", "Delete a group", &["id", "If-Match", "If-None-Match"]))
}

fn list_members() -> Value {
    let body = json_of("MemberPage", &examples::page("members", examples::member()));
    keyed("listMembers", "groups", "List who is in a group", &["id", "limit", "cursor", "include"])
        .answers(200, "A page, in the order of the users' ids.", &["Link"], Some(body))
        .build()
}

fn add_members() -> Value {
    keyed("addMembers", "groups", "Add users to a group", &["id"])
        .describe("All or none. Who is in it already stays.")
        .reads(JSON, "UserIds", &examples::user_ids())
        .answers(204, "They are in it.", &[], None)
        .refuses(&BODY)
        .refuses(&[504])
        .build()
}

const MEMBER: [&str; 2] = ["id", "userId"];

fn get_member() -> Value {
    keyed("getMember", "groups", "Read whether a user is in a group", &MEMBER)
        .answers(200, "It is.", &[], Some(json_of("Member", &examples::member())))
        .build()
}

fn put_member() -> Value {
    keyed("putMember", "groups", "Add a user to a group", &["id", "userId", "If-Match"])
        .answers(204, "It is in it.", &[], None)
        .refuses(&[412, 504])
        .build()
}

fn remove_member() -> Value {
    keyed("removeMember", "groups", "Remove a user from a group", &["id", "userId", "If-Match"])
        .answers(204, "It is in it no longer; 404 when it was not.", &[], None)
        .refuses(&[412, 504])
        .build()
}

fn list_changes() -> Value {
    let body = json_of("Changes", &examples::changes());
    keyed("listChanges", "changes", "Follow what was written", &["after", "limit", "type", "resource"])
        .describe("Ask after `next` for more. Changes of keys are for admins, those of tenants stand in the feed of `default`.")
        .answers(200, "The changes behind a revision.", &[], Some(body))
        .refuses(&[410])
        .build()
}

fn list_keys() -> Value {
    let body = json_of("KeyPage", &examples::page("keys", examples::key().into()));
    keyed("listKeys", "keys", "List keys", &["limit", "cursor", "include"])
        .answers(200, "A page.", &["Link"], Some(body))
        .build()
}

fn create_key() -> Value {
    let body = json_of("KeyWithSecret", &examples::key_with_secret());
    keyed("createKey", "keys", "Make a key", &[])
        .reads(JSON, "NewKey", &examples::new_key())
        .answers(201, "The key, with its secret this once.", &["Location", "ETag"], Some(body))
        .leads_to(201, &["getKey", "patchKey", "deleteKey"])
        .refuses(&BODY)
        .refuses(&[504])
        .build()
}

fn get_key() -> Value {
    let body = json_of("Key", &examples::key().into());
    keyed("getKey", "keys", "Read a key", &["id", "If-Match", "If-None-Match"])
        .answers(200, "The key.", &["ETag"], Some(body))
        .answers(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .refuses(&[412])
        .build()
}

fn patch_key() -> Value {
    let operation = keyed("patchKey", "keys", "Change a key", &CONDITIONS).reads(
        PATCH,
        "KeyPatch",
        &json!({ "role": "reader" }),
    );
    changed(operation, "Key", &examples::key().into())
}

fn delete_key() -> Value {
    deleted(keyed("deleteKey", "keys", "Revoke a key", &["id", "If-Match", "If-None-Match"]))
}

fn list_connections() -> Value {
    let body = json_of("ConnectionPage", &examples::page("connections", examples::connection()));
    keyed("listConnections", "connections", "List connections", &["limit", "cursor", "include"])
        .answers(200, "A page.", &["Link"], Some(body))
        .build()
}

fn create_connection() -> Value {
    let body = json_of("Connection", &examples::connection());
    keyed("createConnection", "connections", "Make a connection", &["Prefer"])
        .describe("It has no token yet.")
        .reads(JSON, "NewConnection", &json!({ "name": "Okta", "profile": "lenient" }))
        .answers(
            201,
            "The new connection; no body with `Prefer: return=minimal`.",
            &["Location", "ETag", "Preference-Applied"],
            Some(body),
        )
        .leads_to(201, &["getConnection", "patchConnection", "deleteConnection", "listTokens", "createToken"])
        .refuses(&BODY)
        .refuses(&[504])
        .build()
}

fn get_connection() -> Value {
    let body = json_of("Connection", &examples::connection());
    keyed("getConnection", "connections", "Read a connection", &["id", "If-Match", "If-None-Match"])
        .answers(200, "The connection.", &["ETag"], Some(body))
        .answers(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .refuses(&[412])
        .build()
}

fn patch_connection() -> Value {
    let operation = keyed("patchConnection", "connections", "Change a connection", &CONDITIONS).reads(
        PATCH,
        "ConnectionPatch",
        &json!({ "profile": "strict" }),
    );
    changed(operation, "Connection", &examples::connection())
}

fn delete_connection() -> Value {
    let parameters = ["id", "If-Match", "If-None-Match"];
    deleted(
        keyed("deleteConnection", "connections", "Delete a connection", &parameters)
            .describe("Its tokens are revoked; its externalIds stay."),
    )
}

fn list_tokens() -> Value {
    let body = json_of("Tokens", &json!({ "items": [examples::token()] }));
    keyed("listTokens", "connections", "List the tokens of a connection", &["id"])
        .answers(200, "All of them.", &[], Some(body))
        .build()
}

fn create_token() -> Value {
    let body = json_of("TokenWithSecret", &examples::token_with_secret());
    keyed("createToken", "connections", "Make a token", &["id"])
        .describe("409 when two are good already.")
        .reads(JSON, "NewToken", &json!({ "expiresAt": "2027-01-02T03:04:05Z" }))
        .answers(201, "The token, with its secret this once.", &["Location"], Some(body))
        .refuses(&BODY)
        .refuses(&[409, 504])
        .build()
}

fn delete_token() -> Value {
    keyed("deleteToken", "connections", "Revoke a token", &["id", "tokenId"])
        .answers(204, "It is good no longer.", &[], None)
        .refuses(&[504])
        .build()
}

fn list_tenants() -> Value {
    let body = json_of("TenantPage", &examples::page("tenants", examples::tenant()));
    keyed("listTenants", "tenants", "List tenants", &["limit", "cursor", "include"])
        .answers(200, "A page.", &["Link"], Some(body))
        .build()
}

fn create_tenant() -> Value {
    let body = json_of("Tenant", &examples::tenant());
    keyed("createTenant", "tenants", "Make a tenant", &["Prefer"])
        .reads(JSON, "NewTenant", &json!({ "name": "acme" }))
        .answers(
            201,
            "The new tenant; no body with `Prefer: return=minimal`.",
            &["Location", "ETag", "Preference-Applied"],
            Some(body),
        )
        .leads_to(201, &["getTenant", "patchTenant", "deleteTenant"])
        .refuses(&BODY)
        .refuses(&[409, 504])
        .build()
}

fn get_tenant() -> Value {
    let body = json_of("Tenant", &examples::tenant());
    keyed("getTenant", "tenants", "Read a tenant", &["id", "If-Match", "If-None-Match"])
        .answers(200, "The tenant.", &["ETag"], Some(body))
        .answers(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .refuses(&[412])
        .build()
}

fn patch_tenant() -> Value {
    let operation = keyed("patchTenant", "tenants", "Change a tenant", &CONDITIONS).reads(
        PATCH,
        "TenantPatch",
        &json!({ "name": "acme-corp" }),
    );
    changed(operation, "Tenant", &examples::tenant())
}

fn delete_tenant() -> Value {
    deleted(
        keyed("deleteTenant", "tenants", "Delete an empty tenant", &["id", "If-Match", "If-None-Match"])
            .describe("Its keys, connections, kept answers and changes go with it; 409 when it has users or groups.")
            .refuses(&[409]),
    )
}
