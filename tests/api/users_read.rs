//! Reading users: `GET /users/{id}`.

use crate::api::callers::check_head;
use crate::api::fixture::full_user;
use crate::api::problem::assert_problem;
use crate::support::api::{Api, path, text};
use serde_json::{Value, json};

engine_tests! {
    a_user_is_returned_with_its_headers
    head_returns_the_headers_of_get
    malformed_and_unknown_ids_return_404
    ids_ignore_case
    the_manager_name_is_computed
    an_unknown_manager_has_no_name
    users_survive_a_kill
}

async fn a_user_is_returned_with_its_headers(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let response = api.client.get(&path(&user)).send().await.expect(200);
    assert_eq!(response.json(), user);
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert!(response.header("x-request-id").is_some_and(|id| !id.is_empty()));
    api.patch(&user, &json!({ "title": "Countess" })).await;
    let response = api.client.get(&path(&user)).send().await.expect(200);
    assert_eq!(response.header("etag"), Some("\"2\""));
}

async fn head_returns_the_headers_of_get(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let missing = format!("/users/{}", uuid::Uuid::now_v7());
    for (target, status) in
        [(path(&user).as_str(), 200), ("/users", 200), (missing.as_str(), 404), ("/users?x=1", 400)]
    {
        check_head(&api.client, target, status).await;
    }
}

async fn malformed_and_unknown_ids_return_404(api: Api) {
    let user = api.create_named("ada").await;
    let id = text(&user["id"]);
    let plain = id.replace('-', "");
    let unknown = uuid::Uuid::now_v7().to_string();
    let invalid = [
        unknown.as_str(),
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "ada",
        "1",
        plain.as_str(),
        &format!("%7B{id}%7D"),
        &format!("urn:uuid:{id}"),
        &format!("{id}0"),
        &id[..35],
        &format!("{}g", &id[..35]),
        &format!("{}%00", &id[..35]),
        &format!("{}%C3%A9", &id[..34]),
        &format!("{}-{}", &plain[..16], &plain[16..]),
        "%20",
        "%FF",
        "%",
        "%zz",
        "null",
    ];
    for id in invalid {
        let target = format!("/users/{id}");
        let get = api.client.get(&target).send().await;
        assert_problem(&get, 404, "not-found");
        assert_problem(&api.client.delete(&target).send().await, 404, "not-found");
        assert_problem(&api.client.put(&target, &json!({ "userName": "x" })).send().await, 404, "not-found");
        assert_problem(
            &api.client.patch(&target, &json!({ "userName": "x" })).send().await,
            404,
            "not-found",
        );
    }
    assert_eq!(api.read(&user).await, user);
}

async fn ids_ignore_case(api: Api) {
    let user = api.create_named("ada").await;
    let upper = format!("/users/{}", text(&user["id"]).to_uppercase());
    assert_eq!(api.client.get(&upper).send().await.expect(200).json(), user);
}

fn manager(user: &Value) -> &Value {
    &user["enterprise"]["manager"]
}

async fn the_manager_name_is_computed(api: Api) {
    let boss = api.create(&json!({ "userName": "boss", "displayName": "The Boss" })).await;
    let own = json!({ "value": boss["id"], "displayName": "made up" });
    let ada = api.create(&json!({ "userName": "ada", "enterprise": { "manager": own } })).await;
    let named = |name: Value| json!({ "value": boss["id"], "displayName": name });
    assert_eq!(manager(&ada), &named(json!("The Boss")));
    assert_eq!(api.read(&ada).await, ada);
    assert_eq!(api.page("").await["items"][1], ada);
    for name in [json!("Another"), json!(null)] {
        api.patch(&boss, &json!({ "displayName": name })).await;
        let found = api.client.get(&path(&ada)).send().await.expect(200);
        assert_eq!(manager(&found.json()), &named(name));
        assert_eq!(found.header("etag"), Some("\"1\""));
        assert_eq!((&found.json()["version"], &found.json()["updatedAt"]), (&json!(1), &ada["updatedAt"]));
    }
    let sent = json!({ "enterprise": { "manager": { "displayName": "made up" } } });
    assert_eq!(api.patch(&ada, &sent).await["version"], 1);
    api.patch(&boss, &json!({ "displayName": "Late" })).await;
    let written = api.patch(&ada, &json!({ "title": "x" })).await;
    assert_eq!(manager(&written), &named(json!("Late")));
    api.client.delete(&path(&boss)).send().await.expect(204);
    assert_eq!(manager(&api.read(&ada).await), &named(json!(null)));
}

async fn an_unknown_manager_has_no_name(api: Api) {
    let unknown = uuid::Uuid::now_v7().to_string();
    for (index, value) in [unknown.as_str(), "the boss", ""].into_iter().enumerate() {
        let enterprise = json!({ "manager": { "value": value } });
        let user = api.create(&json!({ "userName": format!("u{index}"), "enterprise": enterprise })).await;
        assert_eq!(manager(&user), &json!({ "value": value, "displayName": null }));
        assert_eq!(api.read(&user).await, user);
    }
    let own = api.create(&json!({ "userName": "own", "displayName": "Myself" })).await;
    let own = api.patch(&own, &json!({ "enterprise": { "manager": { "value": own["id"] } } })).await;
    assert_eq!(manager(&own)["displayName"], "Myself");
}

async fn users_survive_a_kill(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let deleted = api.create_named("gone").await;
    api.client.delete(&path(&deleted)).send().await.expect(204);
    let user = api.patch(&user, &json!({ "title": "Countess" })).await;
    let api = api.restart();
    assert_eq!(api.read(&user).await, user);
    assert_problem(&api.client.get(&path(&deleted)).send().await, 404, "not-found");
}
