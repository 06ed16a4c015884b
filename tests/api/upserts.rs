//! Creating or replacing users and groups by a unique value: `PUT /users?match=…`.

use crate::api::callers::get;
use crate::api::fixture::{expected_user, full_user, with_field};
use crate::api::group_helpers::{create_named_group, group_path};
use crate::api::problem::{assert_invalid, assert_problem, assert_taken};
use crate::support::api::{Api, Engine, count_with_status, path, send_concurrently, text};
use crate::support::http::{Client, Request};
use crate::support::server::Server;
use serde_json::{Value, json};

engine_tests! {
    an_upsert_creates_a_user_and_then_replaces_it
    a_user_can_be_matched_by_user_name
    groups_can_be_matched_by_external_id
    the_parameter_must_name_a_unique_attribute
    the_matched_value_is_required
    conditions_apply
    values_of_other_resources_are_refused
    the_id_in_the_body_must_match
    external_ids_of_other_sources_are_not_matched
    minimal_responses_have_no_body
    concurrent_upserts_create_one_user
}

fn upsert(client: &Client, by: &str, body: &Value) -> Request {
    client.put(&format!("/users?match={by}"), body)
}

fn ada(external_id: &str) -> Value {
    json!({ "userName": "ada", "externalId": external_id })
}

async fn total(api: &Api) -> Value {
    get(&api.client, "/users?include=total").await["total"].clone()
}

async fn an_upsert_creates_a_user_and_then_replaces_it(api: Api) {
    let body = with_field(&full_user("ada"), "externalId", json!("hr-7"));
    let created = upsert(&api.client, "externalId", &body).send().await.expect(201);
    let user = created.json();
    assert_eq!(user, expected_user(&body, 1, &user));
    assert_eq!(created.header("location"), Some(path(&user).as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(api.read(&user).await, user);
    for _ in 0..2 {
        let body = with_field(&ada("hr-7"), "userName", json!("lovelace"));
        let replaced = upsert(&api.client, "externalId", &body).send().await.expect(200);
        // Absent attributes are cleared, except `active`, as with PUT of a single user.
        let body = with_field(&body, "active", user["active"].clone());
        assert_eq!(replaced.json(), expected_user(&body, 2, &replaced.json()));
        assert_eq!((&replaced.json()["id"], replaced.header("location")), (&user["id"], None));
        assert_eq!(replaced.header("etag"), Some("\"2\""));
    }
    let types: Vec<_> =
        get(&api.client, "/changes").await["items"].as_array().expect("the value is a list").clone();
    let types: Vec<_> = types.iter().map(|change| text(&change["type"])).collect();
    assert_eq!(types, ["user.created", "user.updated"]);
}

async fn a_user_can_be_matched_by_user_name(api: Api) {
    let user = upsert(&api.client, "userName", &ada("1")).send().await.expect(201).json();
    let body = json!({ "userName": "ADA", "externalId": "2" });
    let replaced = upsert(&api.client, "userName", &body).send().await.expect(200).json();
    assert_eq!((&replaced["id"], &replaced["userName"]), (&user["id"], &json!("ADA")));
    assert_eq!(replaced["externalIds"], json!({ "native": "2" }));
    assert_eq!(total(&api).await, 1);
}

async fn groups_can_be_matched_by_external_id(api: Api) {
    let put = |name: &str| {
        api.client.put("/groups?match=externalId", &json!({ "displayName": name, "externalId": "g" }))
    };
    let group = put("Poets").send().await.expect(201).json();
    let user = api.create_named("ada").await;
    let members = format!("{}/members", group_path(&group));
    api.client.post(&members, &json!({ "userIds": [user["id"]] })).send().await.expect(204);
    let replaced = put("Engineers").send().await.expect(200).json();
    assert_eq!((&replaced["id"], &replaced["displayName"]), (&group["id"], &json!("Engineers")));
    assert_eq!((&replaced["memberCount"], &replaced["version"]), (&json!(1), &json!(3)));
    // Equal displayNames do not match.
    create_named_group(&api.client, "Engineers").await;
}

async fn the_parameter_must_name_a_unique_attribute(api: Api) {
    let put = |target: &str| api.client.put(target, &json!({ "userName": "ada", "externalId": "x" }));
    for query in ["", "?", "?match=", "?match=id", "?match=externalid", "?match=emails.value", "?limit=1"] {
        assert_problem(&put(&format!("/users{query}")).send().await, 400, "invalid-parameter");
    }
    for query in ["?match=externalId&match=externalId", "?match=externalId&limit=1"] {
        assert_problem(&put(&format!("/users{query}")).send().await, 400, "invalid-parameter");
    }
    for query in ["", "?match=userName", "?match=displayName"] {
        let body = json!({ "displayName": "a", "externalId": "x" });
        let put = api.client.put(&format!("/groups{query}"), &body).send().await;
        assert_problem(&put, 400, "invalid-parameter");
    }
    assert_eq!(total(&api).await, 0);
}

async fn the_matched_value_is_required(api: Api) {
    let put = async |body: Value| upsert(&api.client, "externalId", &body).send().await;
    assert_invalid(&put(json!({ "userName": "ada" })).await, &[("/externalId", "required")]);
    assert_invalid(
        &put(json!({ "userName": "ada", "externalId": null })).await,
        &[("/externalId", "required")],
    );
    assert_invalid(&put(json!({ "userName": "ada", "externalId": " " })).await, &[("/externalId", "blank")]);
    assert_invalid(
        &put(json!({ "emails": [{ "value": "x" }] })).await,
        &[("/emails/0/value", "invalid-email"), ("/externalId", "required"), ("/userName", "required")],
    );
    let by_name = upsert(&api.client, "userName", &json!({ "externalId": "x" })).send().await;
    assert_invalid(&by_name, &[("/userName", "required")]);
    assert_eq!(total(&api).await, 0);
}

async fn conditions_apply(api: Api) {
    let put = |title: &str| upsert(&api.client, "externalId", &with_field(&ada("x"), "title", json!(title)));
    for tags in ["*", "\"1\""] {
        let refused = put("a").header("if-match", tags).send().await;
        assert_problem(&refused, 412, "precondition-failed");
    }
    assert_eq!(total(&api).await, 0);
    put("a").header("if-none-match", "*").send().await.expect(201);
    assert_problem(&put("b").header("if-none-match", "*").send().await, 412, "precondition-failed");
    assert_problem(&put("b").header("if-match", "\"2\"").send().await, 412, "precondition-failed");
    put("b").header("if-match", "\"1\"").send().await.expect(200);
    assert_eq!(put("b").header("if-match", "*").send().await.expect(200).json()["version"], 2);
}

async fn values_of_other_resources_are_refused(api: Api) {
    let other = api.create(&json!({ "userName": "bob", "externalId": "of bob" })).await;
    let taken = json!({ "userName": "BOB", "externalId": "x" });
    assert_taken(&upsert(&api.client, "externalId", &taken).send().await, "userName");
    assert_eq!(total(&api).await, 1);
    upsert(&api.client, "externalId", &ada("x")).send().await.expect(201);
    assert_taken(&upsert(&api.client, "externalId", &taken).send().await, "userName");
    assert_taken(&upsert(&api.client, "userName", &ada("of bob")).send().await, "externalId");
    assert_eq!(api.read(&other).await, other);
    assert_eq!(total(&api).await, 2);
}

async fn the_id_in_the_body_must_match(api: Api) {
    let other = api.create_named("bob").await;
    // As in POST, the id is ignored if the user is created.
    let body = with_field(&ada("x"), "id", other["id"].clone());
    let user = upsert(&api.client, "externalId", &body).send().await.expect(201).json();
    assert_ne!(user["id"], other["id"]);
    for id in [&other["id"], &json!("x")] {
        let body = with_field(&ada("x"), "id", id.clone());
        let refused = upsert(&api.client, "externalId", &body).send().await;
        assert_invalid(&refused, &[("/id", "read-only")]);
    }
    // A user can be sent back as it was returned.
    assert_eq!(upsert(&api.client, "externalId", &user).send().await.expect(200).json(), user);
}

async fn external_ids_of_other_sources_are_not_matched(api: Api) {
    let connection = json!({ "name": "Okta" });
    let connection = api.client.post("/connections", &connection).send().await.expect(201).json();
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = api.client.post(&tokens, &json!({})).send().await.expect(201).json();
    let scim = api.client.with_key(text(&token["secret"]));
    let provisioned = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bob", "externalId": "x",
    });
    scim.post("/scim/v2/Users", &provisioned).send().await.expect(201);
    upsert(&api.client, "externalId", &ada("x")).send().await.expect(201);
    let bob = json!({ "userName": "bob", "externalId": "y" });
    let replaced = upsert(&api.client, "userName", &bob).send().await.expect(200).json();
    assert_eq!(replaced["externalIds"], json!({ "native": "y", text(&connection["id"]): "x" }));
}

async fn minimal_responses_have_no_body(api: Api) {
    for (title, status, etag) in [("a", 201, "\"1\""), ("b", 204, "\"2\"")] {
        let body = with_field(&ada("x"), "title", json!(title));
        let put = upsert(&api.client, "externalId", &body).header("prefer", "return=minimal");
        let response = put.send().await.expect(status);
        assert_eq!((response.text().as_str(), response.header("etag")), ("", Some(etag)));
        assert_eq!(response.header("preference-applied"), Some("return=minimal"));
        assert_eq!(response.header("location").is_some(), status == 201);
    }
}

/// On PostgreSQL, the upserts go to two servers.
async fn concurrent_upserts_create_one_user(api: Api) {
    let second = (api.engine == Engine::Postgres).then(|| Server::builder(&api.database_url()).start());
    let other = second.as_ref().map_or_else(|| api.client.clone(), Client::new);
    for (round, by) in ["externalId", "userName", "externalId", "userName"].into_iter().enumerate() {
        let responses = send_concurrently(16, |index| {
            let client = if index % 2 == 0 { &api.client } else { &other };
            let body = json!({ "userName": format!("user{round}"), "externalId": round.to_string() });
            upsert(client, by, &with_field(&body, "title", json!(index.to_string())))
        })
        .await;
        let statuses = (count_with_status(&responses, 201), count_with_status(&responses, 200));
        assert_eq!(statuses, (1, 15));
        assert_eq!(total(&api).await, round + 1);
        let mut versions: Vec<_> = responses
            .iter()
            .map(|response| response.json()["version"].as_u64().expect("the value is a number"))
            .collect();
        versions.sort_unstable();
        assert_eq!(versions, (1..=16).collect::<Vec<_>>());
    }
}
