//! The error for a unique value that is taken contains the id of the resource that has it.

use crate::api::callers::{client_with_role, create_tenant, create_user, tenant_path};
use crate::api::problem::assert_taken;
use crate::support::api::{Api, expect_one_success, path, send_concurrently, text};
use crate::support::http::{Client, Response};
use crate::support::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    a_conflict_names_the_existing_user
    a_conflict_names_the_existing_group
    a_conflict_names_the_existing_tenant
    a_conflict_names_the_existing_connection
    concurrent_creations_produce_one_connection_per_name
    a_scim_conflict_names_the_existing_resource
}

#[track_caller]
fn assert_names(response: &Response, attribute: &str, existing: &Value) {
    assert_taken(response, attribute);
    let problem = response.json();
    assert_eq!(problem["existingId"], existing["id"], "{problem}");
    assert!(text(&problem["detail"]).contains(text(&existing["id"])), "{problem}");
}

async fn a_conflict_names_the_existing_user(api: Api) {
    let ada = api.create(&json!({ "userName": "Ada", "externalId": "7" })).await;
    let bob = api.create_named("bob").await;
    let writer = client_with_role(&api.client, "writer").await;
    for (attribute, body) in [
        ("userName", json!({ "userName": "ADA" })),
        ("externalId", json!({ "userName": "bob", "externalId": "7" })),
    ] {
        let mut new = body.clone();
        if attribute == "externalId" {
            new["userName"] = json!("eve");
        }
        assert_names(&writer.post("/users", &new).send().await, attribute, &ada);
        let keyed = writer.post("/users", &new).header("idempotency-key", attribute);
        assert_names(&keyed.send().await, attribute, &ada);
        assert_names(&writer.put(&path(&bob), &body).send().await, attribute, &ada);
        assert_names(&writer.patch(&path(&bob), &body).send().await, attribute, &ada);
    }
    // Another tenant's user is never named.
    create_tenant(&api.client, "other").await;
    let other = api.client.in_tenant("other");
    let own = create_user(&other, &json!({ "userName": "ada" })).await;
    assert_names(&other.post("/users", &json!({ "userName": "ada" })).send().await, "userName", &own);
}

async fn a_conflict_names_the_existing_group(api: Api) {
    let body = json!({ "name": "unique", "uniqueGroupNames": true });
    api.client.post("/tenants", &body).send().await.expect(201);
    let client = api.client.in_tenant("unique");
    let create = async |body: Value| client.post("/groups", &body).send().await;
    let poets = create(json!({ "displayName": "Poets", "externalId": "7" })).await.expect(201).json();
    let others = create(json!({ "displayName": "Others" })).await.expect(201).json();
    assert_names(&create(json!({ "displayName": "POETS" })).await, "displayName", &poets);
    assert_names(&create(json!({ "displayName": "x", "externalId": "7" })).await, "externalId", &poets);
    let others = format!("/groups/{}", text(&others["id"]));
    assert_names(
        &client.patch(&others, &json!({ "displayName": "poets" })).send().await,
        "displayName",
        &poets,
    );
}

/// All operations of an in-memory database share the permits to hold large results, and each write to a group through
/// SCIM has one.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_conflicts_do_not_block_each_other() {
    let server = Server::builder("sqlite://:memory:").start();
    let client = Client::new(&server);
    let tenant = json!({ "name": "unique", "uniqueGroupNames": true });
    client.post("/tenants", &tenant).send().await.expect(201);
    let client = client.in_tenant("unique");
    let body = json!({ "displayName": "Poets" });
    let poets = client.post("/scim/v2/Groups", &body).send().await.expect(201).json();
    let refused = send_concurrently(32, |_| client.post("/scim/v2/Groups", &body)).await;
    for refused in refused {
        let error = refused.expect(409).json();
        assert!(text(&error["detail"]).contains(text(&poets["id"])), "{error}");
    }
}

async fn a_conflict_names_the_existing_tenant(api: Api) {
    let (acme, other) = (create_tenant(&api.client, "acme").await, create_tenant(&api.client, "other").await);
    let name = json!({ "name": "acme" });
    assert_names(&api.client.post("/tenants", &name).send().await, "name", &acme);
    assert_names(&api.client.patch(&tenant_path(&other), &name).send().await, "name", &acme);
}

async fn a_conflict_names_the_existing_connection(api: Api) {
    let create = async |client: &Client, name: &str| {
        client.post("/connections", &json!({ "name": name })).send().await
    };
    let okta = create(&api.client, "Okta").await.expect(201).json();
    let entra = create(&api.client, "Entra").await.expect(201).json();
    let rename = async |connection: &Value, patch: Value| {
        api.client.patch(&format!("/connections/{}", text(&connection["id"])), &patch).send().await
    };
    assert_names(&create(&api.client, "Okta").await, "name", &okta);
    assert_names(&rename(&entra, json!({ "name": "Okta" })).await, "name", &okta);
    rename(&okta, json!({ "name": "Okta", "profile": "strict" })).await.expect(200);
    // Another tenant can have a connection with that name.
    create_tenant(&api.client, "other").await;
    create(&api.client.in_tenant("other"), "Okta").await.expect(201);
    // Releases without this check permitted connections with equal names. They can be changed, and be renamed.
    api.sql().execute("UPDATE connections SET name = 'Okta' WHERE name = 'Entra'");
    rename(&entra, json!({ "profile": "strict" })).await.expect(200);
    assert_names(&create(&api.client, "Okta").await, "name", &okta);
    rename(&okta, json!({ "name": "Okta 2" })).await.expect(200);
    assert_names(&rename(&okta, json!({ "name": "Okta" })).await, "name", &entra);
    api.client.delete(&format!("/connections/{}", text(&entra["id"]))).send().await.expect(204);
    rename(&okta, json!({ "name": "Okta" })).await.expect(200);
}

/// On PostgreSQL, the creations run in several transactions at the same time.
async fn concurrent_creations_produce_one_connection_per_name(api: Api) {
    for round in 0..4 {
        let body = json!({ "name": format!("Okta {round}") });
        let responses = send_concurrently(8, |_| api.client.post("/connections", &body)).await;
        let created = expect_one_success(&responses, 201, 409).json();
        for refused in responses.iter().filter(|response| response.code() == 409) {
            assert_names(refused, "name", &created);
        }
    }
}

async fn scim(client: &Client, method: Method, path: &str, body: &Value) -> Value {
    let request = client.request(method, &format!("/scim/v2{path}"));
    request.body("application/scim+json", body.to_string()).send().await.json()
}

async fn a_scim_conflict_names_the_existing_resource(api: Api) {
    let tenant = json!({ "name": "unique", "uniqueGroupNames": true });
    api.client.post("/tenants", &tenant).send().await.expect(201);
    let client = api.client.in_tenant("unique");
    let connection = client.post("/connections", &json!({ "name": "Okta" })).send().await.expect(201).json();
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = client.post(&tokens, &json!({})).send().await.expect(201).json();
    let client = api.client.with_key(text(&token["secret"]));
    let ada = scim(&client, Method::POST, "/Users", &json!({ "userName": "ada", "externalId": "7" })).await;
    let bob = scim(&client, Method::POST, "/Users", &json!({ "userName": "bob" })).await;
    let group =
        scim(&client, Method::POST, "/Groups", &json!({ "displayName": "a", "externalId": "7" })).await;
    let other = scim(&client, Method::POST, "/Groups", &json!({ "displayName": "other" })).await;
    let bob = format!("/Users/{}", text(&bob["id"]));
    let other = format!("/Groups/{}", text(&other["id"]));
    let patch = |value: Value| json!({ "Operations": [{ "op": "replace", "value": value }] });
    for (method, path, body, existing) in [
        (Method::POST, "/Users", json!({ "userName": "ADA" }), &ada),
        (Method::POST, "/Users", json!({ "userName": "eve", "externalId": "7" }), &ada),
        (Method::PUT, &bob, json!({ "userName": "ada" }), &ada),
        (Method::POST, "/Groups", json!({ "displayName": "A" }), &group),
        (Method::POST, "/Groups", json!({ "displayName": "b", "externalId": "7" }), &group),
        (Method::PUT, &other, json!({ "displayName": "A" }), &group),
        (Method::PUT, &other, json!({ "displayName": "other", "externalId": "7" }), &group),
        (Method::PATCH, &other, patch(json!({ "displayName": "A" })), &group),
        (Method::PATCH, &other, patch(json!({ "externalId": "7" })), &group),
        (Method::PATCH, &bob, patch(json!({ "userName": "ADA" })), &ada),
        (Method::PATCH, &bob, patch(json!({ "externalId": "7" })), &ada),
    ] {
        let error = scim(&client, method, path, &body).await;
        assert_eq!((&error["status"], &error["scimType"]), (&json!("409"), &json!("uniqueness")), "{error}");
        assert!(text(&error["detail"]).contains(text(&existing["id"])), "{error}");
        let detail = text(&error["detail"]);
        let value =
            ["(\"7\")", "(\"A\")", "(\"ADA\")", "(\"ada\")"].iter().find(|value| detail.contains(*value));
        assert!(value.is_some(), "{error}");
    }
}
