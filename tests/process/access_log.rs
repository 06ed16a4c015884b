//! The log lines of requests: who sent them, what was wrong with them, and nothing that is personal data.

use crate::support::api::{Api, Engine, text};
use crate::support::http::{Client, Request};
use crate::support::server::{ADMIN_KEY, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const LIMIT: Duration = Duration::from_secs(10);

/// A part of every attribute value, as text and as a number.
const VALUE: &str = "marker-7391";
const NUMBER: u64 = 73_917_391;

fn start() -> Api {
    Api::start(Engine::Sqlite, &[("ROSTER_LOG_FORMAT", "json"), ("ROSTER_FAILED_ATTEMPTS", "0")])
}

/// Sends a request, which must receive this status, and returns its log line.
async fn line_of(api: &Api, request: Request, status: u16) -> Value {
    let sent = request.send().await.expect(status);
    let id = sent.header("x-request-id").expect("the response has an id").to_owned();
    let line = api.server.wait_for_log(&id, LIMIT);
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(line["status"], status, "{line}");
    assert_eq!(line["client_address"], "127.0.0.1", "{line}");
    line
}

#[track_caller]
fn check(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("the value is an object") {
        assert_eq!(line.get(name).unwrap_or(&Value::Null), value, "{name} in {line}");
    }
}

/// Creates a record and returns it as in the response.
async fn create(client: &Client, path: &str, body: Value) -> Value {
    client.post(path, &body).send().await.expect(201).json()
}

#[tokio::test]
async fn lines_name_the_tenant_and_the_caller() {
    let api = start();
    let acme = create(&api.client, "/tenants", json!({ "name": "acme" })).await;
    let in_acme = api.client.in_tenant("acme");
    let key = create(&in_acme, "/keys", json!({ "role": "reader" })).await;
    let connection = create(&in_acme, "/connections", json!({ "name": "okta" })).await;
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = create(&in_acme, &tokens, json!({ "expiresAt": null })).await;
    let with = |record: &Value| api.client.with_key(text(&record["secret"]));

    let line = line_of(&api, in_acme.get("/users"), 200).await;
    check(
        &line,
        &json!({ "tenant": acme["id"], "caller_type": "admin", "caller_id": "admin", "code": null }),
    );
    let expected = json!({ "tenant": acme["id"], "caller_type": "key", "caller_id": key["id"] });
    check(&line_of(&api, with(&key).get("/users"), 200).await, &expected);
    check(&line_of(&api, with(&key).in_tenant("default").get("/users"), 403).await, &expected);
    let expected =
        json!({ "tenant": acme["id"], "caller_type": "connection", "caller_id": connection["id"] });
    check(&line_of(&api, with(&token).get("/scim/v2/Users"), 200).await, &expected);
    let patch = |time: OffsetDateTime| json!({ "expiresAt": time.format(&Rfc3339).expect("the time can be formatted") });
    let soon = patch(OffsetDateTime::now_utc() + Duration::from_millis(200));
    in_acme.patch(&format!("/keys/{}", text(&key["id"])), &soon).send().await.expect(200);
    while with(&key).get("/users").send().await.code() == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let expected =
        json!({ "tenant": acme["id"], "caller_type": "key", "caller_id": key["id"], "code": "unauthorized" });
    check(&line_of(&api, with(&key).get("/users"), 401).await, &expected);
    let wrong = format!("{}x", text(&key["secret"]));
    let nobody = json!({ "tenant": null, "caller_type": null, "caller_id": null, "code": "unauthorized" });
    for client in [Client::anonymous(&api.server), api.client.with_key(&wrong)] {
        check(&line_of(&api, client.get("/users"), 401).await, &nobody);
    }
}

#[tokio::test]
async fn scim_routes_name_the_resource_type() {
    let api = start();
    let unknown = "01890000-0000-7000-8000-000000000000";
    for (path, status, route) in [
        ("/scim/v2/Users", 200, "/scim/v2/Users"),
        ("/scim/v2/groups?count=1", 200, "/scim/v2/Groups"),
        (&format!("/scim/v2/Users/{unknown}"), 404, "/scim/v2/Users/{id}"),
        (&format!("/scim/v2/Groups/{unknown}"), 404, "/scim/v2/Groups/{id}"),
    ] {
        assert_eq!(line_of(&api, api.client.get(path), status).await["route"], route);
    }
    for (path, route) in [("/scim/v2/Users", "/scim/v2/Users"), ("/scim/v2/Groups/x", "/scim/v2/Groups/{id}")]
    {
        let refused = Client::anonymous(&api.server).get(path);
        assert_eq!(line_of(&api, refused, 401).await["route"], route);
    }
    let search = api.client.post("/scim/v2/Groups/.search", &json!({ "filter": "x" }));
    assert_eq!(line_of(&api, search, 400).await["route"], "/scim/v2/Groups/.search");
}

#[tokio::test]
async fn lines_of_errors_have_the_code_and_the_first_detail() {
    let api = start();
    let reader = create(&api.client, "/keys", json!({ "role": "reader" })).await;
    let reader = api.client.with_key(text(&reader["secret"]));
    let invalid = json!({ "userName": "", "emails": [{ "value": VALUE }] });
    for (request, status, code, words) in [
        (api.client.post("/users", &invalid), 422, "invalid", "/userName must not be blank"),
        (reader.post("/users", &json!({})), 403, "forbidden", "requires `writer`"),
        (api.client.get("/nothing"), 404, "not-found", "There is no endpoint at this path."),
        (api.client.get("/users?filter=x"), 400, "invalid-filter", "position"),
        (api.client.get("/scim/v2/Users?filter=x"), 400, "invalidFilter", "position"),
    ] {
        let line = line_of(&api, request, status).await;
        assert_eq!(line["code"], code, "{line}");
        assert!(text(&line["detail"]).contains(words), "{line}");
    }
}

#[tokio::test]
async fn lines_of_bulk_requests_count_the_operations_that_failed() {
    let api = start();
    let bulk = |operations: Value| {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        api.client.post("/scim/v2/Bulk", &json!({ "schemas": schemas, "Operations": operations }))
    };
    let post = |name: &str| {
        let data = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
    };
    let delete = |path: &str| json!({ "method": "DELETE", "path": path });
    let line = line_of(&api, bulk(json!([post("a")])), 200).await;
    check(&line, &json!({ "failed": null, "code": null, "detail": null }));
    let again = json!({ "method": "POST", "path": "/Users", "bulkId": "x", "data": post("a")["data"] });
    let line = line_of(&api, bulk(json!([post("b"), again, delete("/nothing")])), 200).await;
    check(&line, &json!({ "failed": 2, "code": "uniqueness" }));
    for (operation, code, words) in [
        (delete(&format!("/{VALUE}")), "scim", "No resource has the path"),
        (delete(&format!("/Users/bulkId:{VALUE}")), "invalidValue", "does not refer to a resource"),
        (json!({ "method": VALUE, "path": "/Users" }), "scim", "does not support"),
    ] {
        let line = line_of(&api, bulk(json!([operation])), 200).await;
        check(&line, &json!({ "failed": 1, "code": code }));
        assert!(text(&line["detail"]).contains(words), "{line}");
        assert!(!line.to_string().contains(VALUE), "{line}");
    }
}

#[tokio::test]
async fn errors_on_public_paths_are_logged() {
    let api = start();
    let anonymous = Client::anonymous(&api.server);
    for (path, status) in [("/livez", 200), ("/docs", 200), ("/scim/v2/Schemas", 200), ("/readyz", 200)] {
        anonymous.get(path).header("x-request-id", "not-logged").send().await.expect(status);
    }
    for (path, status) in [("/scim/v2/Schemas?filter=x", 403), ("/?x", 400), ("/docs/nothing", 404)] {
        assert_eq!(line_of(&api, anonymous.get(path), status).await["level"], "INFO", "{path}");
    }
    assert!(!api.server.log().contains("not-logged"));
}

/// Each request puts the value where another error can quote it.
#[tokio::test]
async fn no_line_contains_a_value_of_an_attribute() {
    let api = start();
    let client = &api.client;
    let user = json!({ "userName": VALUE, "externalId": VALUE, "emails": [{ "value": "a@example.com" }] });
    let created = create(client, "/users", user.clone()).await;
    let path = format!("/users/{}", text(&created["id"]));
    let scim_user = |name: &str, value: Value| {
        let mut body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "x" });
        body[name] = value;
        client.post("/scim/v2/Users", &body)
    };
    let scim_patch = |operation: Value| {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        let path = format!("/scim/v2{}", path.replace("users", "Users"));
        client.request(Method::PATCH, &path).body("application/scim+json", body.to_string())
    };
    let long = format!("{VALUE}{}", "x".repeat(300));
    let quoted = format!("it's \"{VALUE}\" o' {VALUE}");
    let filter = |value: &str| format!("filter=emails[value%20eq%20{value}]");
    let mut requests = vec![
        client.post("/users", &user),
        client.patch(&path, &json!({ "active": VALUE })),
        client.patch(&path, &json!({ "active": NUMBER })),
        client.get(&format!("/users?{}", filter(VALUE))),
        client.get(&format!("/users?{}", filter(&format!("%22{VALUE}%22 and")))),
        client.get(&format!("/users?filter=title%20zz%20%22{VALUE}%22")),
        client.get(&format!("/users?filter=active%20eq%20%22{VALUE}%22")),
        client.get(&format!("/scim/v2/Users?filter=active%20eq%20{NUMBER}")),
        client.get(&format!("/scim/v2/Users?{}", filter(VALUE))),
        scim_user("userName", VALUE.into()),
        scim_user("active", VALUE.into()),
        scim_patch(json!({ "op": "replace", "path": "active", "value": NUMBER })),
        scim_patch(json!({ "op": "replace", "path": "active", "value": quoted })),
        scim_patch(json!({ "op": "replace", "path": format!("emails[value eq \"{quoted}\"]"), "value": {} })),
        scim_patch(json!({ "op": "remove", "path": format!("emails[value eq \"{VALUE}\" zz") })),
        scim_patch(json!({ "op": VALUE, "path": "title", "value": "x" })),
        scim_patch(json!({ "op": "add", "value": { format!("emails[value eq \"{VALUE}\"].nope"): 1 } })),
        scim_patch(json!({ "op": "add", "value": { format!("nope[value eq \"a, {VALUE}\"].nope"): 1 } })),
        client.get(&format!("/scim/v2/Users?attributes=nope[value%20eq%20%22a,{VALUE},%22],title")),
        client.get(&format!("/scim/v2/?excludedAttributes=nope[value%20eq%20%22{VALUE}%22]")),
    ];
    for value in [VALUE, &long, &quoted, "\u{0}marker-7391"] {
        for name in ["emails", "name", "photos", "addresses", "active", "externalId", "displayName"] {
            requests.push(client.post("/users", &json!({ "userName": value, name: value })));
            requests.push(scim_user(name, value.into()));
            requests.push(scim_user(name, json!([{ "value": value }])));
        }
        requests.push(client.post("/groups", &json!({ "displayName": value, "members": value })));
        let named = json!({ format!("{value}@example.com"): "\u{0}" });
        for (name, free_form) in [
            ("custom", named.clone()),
            ("extensions", named.clone()),
            ("extensions", json!({ "urn:example:x": named })),
        ] {
            requests.push(client.post("/users", &json!({ "userName": "x", name: free_form })));
            requests.push(client.patch(&path, &json!({ name: free_form })));
        }
        requests.push(scim_user("urn:example:x", named.clone()));
        requests.push(scim_patch(json!({ "op": "add", "path": "urn:example:x", "value": named })));
        requests.push(scim_patch(json!({ "op": "add", "value": { "urn:example:x": named } })));
    }
    for name in ["emails", "name", "title", "externalId", "active"] {
        requests.push(scim_user(name, NUMBER.into()));
        requests.push(scim_patch(json!({ "op": "replace", "path": name, "value": NUMBER })));
    }
    let mut errors = 0;
    for request in requests {
        errors += usize::from(request.send().await.code() >= 400);
    }
    assert!(errors > 40, "only {errors} requests were refused");
    client.get("/users").header("x-request-id", "last-one").send().await.expect(200);
    api.server.wait_for_log("last-one", LIMIT);
    let log = api.server.log();
    for value in [VALUE, &NUMBER.to_string()] {
        let found = log.lines().find(|line| line.contains(value));
        assert_eq!(found, None, "the log contains {value}");
    }
}

#[tokio::test]
async fn a_request_cannot_forge_a_line() {
    let api = Api::start(Engine::Sqlite, &[("ROSTER_LOG_FORMAT", "text")]);
    for path in ["/users?x%0aforged=1", "/users?x%0d%0aforged%1b[2J=1", "/scim/v2/Users?filter=x%0aforged"] {
        api.client.get(path).header("x-request-id", "sent").send().await.expect(400);
        api.server.wait_for_log("request_id=sent", LIMIT);
    }
    let log = api.server.log();
    assert!(!log.lines().any(|line| line.starts_with("forged")) && !log.contains('\u{1b}'), "{log:?}");
}

#[tokio::test]
async fn repeated_invalid_keys_cause_one_warning_per_address() {
    let api = start();
    for (last, attempts) in [(1, 20), (2, 1)] {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        let client = Client::from_address(&api.server, "garbage", address);
        for _ in 0..attempts {
            client.get("/users").send().await.expect(401);
        }
        Client::from_address(&api.server, ADMIN_KEY, address).get("/users").send().await.expect(200);
        // A request without a key is not an attempt.
        Client::anonymous(&api.server).get("/users").send().await.expect(401);
    }
    // The line of a request is written after its warning.
    api.client.get("/users").header("x-request-id", "last").send().await.expect(200);
    api.server.wait_for_log("\"request_id\":\"last\"", LIMIT);
    assert_eq!(warnings(&api.server), ["127.0.0.1", "127.0.0.2"]);
}

/// The client addresses of the warnings about authentication, in order.
fn warnings(server: &Server) -> Vec<String> {
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
    lines
        .filter(|line: &Value| line["level"] == "WARN" && text(&line["message"]).contains("authentication"))
        .map(|line| text(&line["client_address"]).to_owned())
        .collect()
}
