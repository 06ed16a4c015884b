//! Erasure of a user: `DELETE /users/{id}?erase=true`.

use crate::api::callers::{client_with_key, client_with_role, create_key, create_tenant, create_user, get};
use crate::api::feed_helpers::follow;
use crate::api::fixture::full_user;
use crate::api::problem::{assert_all_rejected, assert_problem};
use crate::support::api::{Api, count_with_status, path, send_concurrently, text};
use crate::support::http::{Client, Response};
use serde_json::{Value, json};

engine_tests! {
    erasing_a_user_redacts_its_changes
    erased_values_appear_in_no_response
    other_users_are_unaffected
    a_deleted_user_can_be_erased
    a_second_erasure_changes_nothing
    unknown_users_cannot_be_erased
    users_without_retained_changes_cannot_be_erased
    a_plain_deletion_erases_nothing
    the_erase_parameter_accepts_only_true
    other_requests_reject_the_erase_parameter
    erasure_requires_the_admin_role
    preconditions_apply
    replayed_creations_of_erased_users_have_no_body
    replayed_creations_of_other_users_keep_their_body
    responses_that_name_an_erased_manager_lose_their_body
    unique_values_are_free_after_erasure
    concurrent_erasures_produce_one_change
    a_long_history_is_erased
    erasure_survives_a_kill
}

/// Part of every value that an erasure must remove.
const SECRET: &str = "7f3a9c";

/// Creates a user with the secret in every kind of value and changes it twice.
async fn create_user_with_secret(client: &Client, name: &str) -> Value {
    let mut body = full_user(&format!("{name}-{SECRET}"));
    body["title"] = json!(SECRET);
    body["emails"] = json!([{ "value": format!("{name}@{SECRET}.example") }]);
    body["custom"] = json!({ SECRET: [SECRET] });
    body["name"]["familyName"] = json!(SECRET);
    let user = create_user(client, &body).await;
    for title in ["x", "y"] {
        let patch = json!({ "title": format!("{title} {SECRET}"), "nickName": SECRET });
        client.patch(&path(&user), &patch).send().await.expect(200);
    }
    get(client, &path(&user)).await
}

async fn erase(client: &Client, user: &Value) -> Response {
    client.delete(&format!("{}?erase=true", path(user))).send().await
}

/// The changes of one user.
async fn history(client: &Client, user: &Value) -> Vec<Value> {
    follow(client, 0, &format!("&resource={}", text(&user["id"]))).await
}

/// A change after the erasure of its values.
fn erased(row: &Value) -> Value {
    let mut row = row.clone();
    row["before"] = json!(null);
    row["after"] = json!(null);
    row["erased"] = json!(true);
    row
}

fn types(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| text(&row["type"])).collect()
}

/// Checks the change that records an erasure, which follows the change `last`.
#[track_caller]
fn assert_erasure_change(row: &Value, last: &Value, request_id: Option<&str>) {
    assert_eq!((&row["type"], &row["resource"]), (&json!("user.erased"), &json!("user")), "{row}");
    assert_eq!((&row["id"], &row["version"]), (&last["id"], &last["version"]), "{row}");
    assert_eq!((&row["before"], &row["after"]), (&json!(null), &json!(null)), "{row}");
    assert_eq!((row.get("before").is_some(), row.get("after").is_some()), (true, true), "{row}");
    assert_eq!(row["requestId"].as_str(), request_id);
    assert!(text(&row["time"]) >= text(&last["time"]), "{row} {last}");
}

async fn erasing_a_user_redacts_its_changes(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let before = history(&api.client, &user).await;
    assert!(before.iter().all(|row| row.get("erased").is_none()), "{before:?}");
    let response = erase(&api.client, &user).await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", None));
    assert_problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
    let rows = history(&api.client, &user).await;
    let all = ["user.created", "user.updated", "user.updated", "user.deleted", "user.erased"];
    assert_eq!(types(&rows), all);
    let expected: Vec<_> = before.iter().map(erased).collect();
    assert_eq!(rows[..3], expected);
    let deleted = &rows[3];
    assert_eq!((&deleted["version"], &deleted["revision"]), (&json!(4), &json!(4)));
    assert_eq!(erased(deleted), *deleted);
    assert_erasure_change(&rows[4], deleted, response.header("x-request-id"));
    assert_eq!(follow(&api.client, 0, "").await, rows);
    assert_eq!(follow(&api.client, 0, "&type=user.erased").await, rows[4..]);
    let reader = client_with_role(&api.client, "reader").await;
    assert_eq!(follow(&reader, 0, "").await, rows);
}

async fn erased_values_appear_in_no_response(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let all_responses = async || {
        let mut all = String::new();
        for target in ["/changes?limit=500", "/users", "/keys", "/tenants"] {
            all.push_str(&get(&api.client, target).await.to_string());
        }
        all
    };
    assert!(all_responses().await.contains(SECRET));
    erase(&api.client, &user).await.expect(204);
    let remaining = all_responses().await;
    assert!(!remaining.contains(SECRET), "{remaining}");
    let filter = format!("/users?filter=userName%20co%20%22{SECRET}%22&include=total");
    assert_eq!(get(&api.client, &filter).await, json!({ "items": [], "total": 0 }));
}

async fn other_users_are_unaffected(api: Api) {
    let [user, other] = [
        create_user_with_secret(&api.client, "ada").await,
        create_user_with_secret(&api.client, "grace").await,
    ];
    let deleted = create_user_with_secret(&api.client, "joan").await;
    api.client.delete(&path(&deleted)).send().await.expect(204);
    let before = [history(&api.client, &other).await, history(&api.client, &deleted).await];
    erase(&api.client, &user).await.expect(204);
    assert_eq!([history(&api.client, &other).await, history(&api.client, &deleted).await], before);
    assert_eq!(api.page("").await["items"], json!([other]));
    let all = follow(&api.client, 0, "").await;
    for row in all.iter().filter(|row| row["type"] != "user.erased") {
        assert_eq!(row.get("erased").is_some(), row["id"] == user["id"], "{row}");
    }
}

async fn a_deleted_user_can_be_erased(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    let before = history(&api.client, &user).await;
    assert!(json!(before[3]["before"]).to_string().contains(SECRET), "{before:?}");
    let response = erase(&api.client, &user).await.expect(204);
    let rows = history(&api.client, &user).await;
    assert_eq!(rows[..4], before.iter().map(erased).collect::<Vec<_>>());
    assert_eq!((rows.len(), &rows[4]["version"]), (5, &json!(4)));
    assert_erasure_change(&rows[4], &rows[3], response.header("x-request-id"));
}

async fn a_second_erasure_changes_nothing(api: Api) {
    let users = [
        create_user_with_secret(&api.client, "ada").await,
        create_user_with_secret(&api.client, "grace").await,
    ];
    api.client.delete(&path(&users[1])).send().await.expect(204);
    for user in &users {
        erase(&api.client, user).await.expect(204);
        let rows = follow(&api.client, 0, "").await;
        for _ in 0..3 {
            erase(&api.client, user).await.expect(204);
            assert_problem(&api.client.delete(&path(user)).send().await, 404, "not-found");
        }
        assert_eq!(follow(&api.client, 0, "").await, rows);
    }
}

async fn unknown_users_cannot_be_erased(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    // A key and a tenant have changes, but are not users.
    let key = create_key(&api.client, &json!({ "role": "reader", "name": "ci" })).await;
    let tenant = create_tenant(&api.client, "acme").await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let rows = follow(&api.client, 0, "").await;
    for id in [unknown.as_str(), "x", text(&key["id"]), text(&tenant["id"])] {
        let response = api.client.delete(&format!("/users/{id}?erase=true")).send().await;
        assert_problem(&response, 404, "not-found");
    }
    let acme = api.client.in_tenant("acme");
    assert_problem(&erase(&acme, &user).await, 404, "not-found");
    assert_eq!(follow(&api.client, 0, "").await, rows);
    assert_eq!(api.page("").await["items"], json!([user]));
    api.client.delete(&path(&user)).send().await.expect(204);
    assert_problem(&erase(&acme, &user).await, 404, "not-found");
    assert_eq!(follow(&api.client, 0, "").await[..rows.len()], rows);
    client_with_key(&api.client, &key).get("/users").send().await.expect(200);
}

async fn users_without_retained_changes_cannot_be_erased(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let other = create_user_with_secret(&api.client, "grace").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    // One retained change is sufficient.
    api.sql().execute("DELETE FROM changes WHERE revision <= 6");
    erase(&api.client, &user).await.expect(204);
    let rows = follow(&api.client, 6, "").await;
    assert_eq!(types(&rows), ["user.deleted", "user.erased"]);
    assert!(!json!(rows).to_string().contains(SECRET), "{rows:?}");
    api.client.delete(&path(&other)).send().await.expect(204);
    api.sql().execute("DELETE FROM changes WHERE revision <= 9");
    assert_problem(&erase(&api.client, &other).await, 404, "not-found");
    assert_eq!(follow(&api.client, 9, "").await, Vec::<Value>::new());
}

async fn a_plain_deletion_erases_nothing(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let before = history(&api.client, &user).await;
    api.client.delete(&path(&user)).send().await.expect(204);
    let rows = history(&api.client, &user).await;
    assert_eq!((&rows[..3], rows.len()), (&before[..], 4));
    assert!(rows.iter().all(|row| row.get("erased").is_none()), "{rows:?}");
    assert_problem(&api.client.delete(&path(&user)).send().await, 404, "not-found");
}

async fn the_erase_parameter_accepts_only_true(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    for query in [
        "erase=false",
        "erase=",
        "erase",
        "erase=1",
        "erase=TRUE",
        "erase=true%20",
        "erase=yes",
        "erase=true&erase=true",
        "erase=true&x=1",
        "Erase=true",
    ] {
        let response = api.client.delete(&format!("{}?{query}", path(&user))).send().await;
        assert_problem(&response, 400, "invalid-parameter");
    }
    assert_eq!(get(&api.client, &path(&user)).await, user);
}

async fn other_requests_reject_the_erase_parameter(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let tenant = create_tenant(&api.client, "acme").await;
    let body = json!({ "userName": "x" });
    let one = format!("{}?erase=true", path(&user));
    let requests = [
        api.client.get(&one),
        api.client.put(&one, &body),
        api.client.patch(&one, &body),
        api.client.get("/users?erase=true"),
        api.client.post("/users?erase=true", &body),
        api.client.get("/changes?erase=true"),
        api.client.delete(&format!("/keys/{}?erase=true", text(&key["id"]))),
        api.client.delete(&format!("/tenants/{}?erase=true", text(&tenant["id"]))),
    ];
    assert_all_rejected(&requests, 400, "invalid-parameter").await;
    assert_problem(&api.client.delete("/users?erase=true").send().await, 405, "method-not-allowed");
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn erasure_requires_the_admin_role(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let deleted = create_user_with_secret(&api.client, "grace").await;
    api.client.delete(&path(&deleted)).send().await.expect(204);
    let rows = follow(&api.client, 0, "").await;
    for role in ["reader", "writer"] {
        let client = client_with_role(&api.client, role).await;
        for target in [path(&user), path(&deleted), "/users/x".to_owned()] {
            let response = client.delete(&format!("{target}?erase=true")).send().await;
            assert_problem(&response, 403, "forbidden");
            assert!(response.text().contains("(requires `admin`)"), "{role}: {}", response.text());
        }
        let response = client.delete(&format!("{}?erase=yes", path(&user))).send().await;
        let (status, code) = if role == "reader" { (403, "forbidden") } else { (400, "invalid-parameter") };
        assert_problem(&response, status, code);
    }
    assert_eq!(follow(&api.client, 0, "").await[..rows.len()], rows);
    let admin = create_key(&api.client, &json!({ "role": "admin" })).await;
    for user in [&user, &deleted] {
        let client = client_with_key(&api.client, &admin);
        erase(&client, user).await.expect(204);
        let change = history(&client, user).await.pop().expect("the feed has a change");
        assert_eq!((&change["type"], &change["actor"]["id"]), (&json!("user.erased"), &admin["id"]));
    }
}

async fn preconditions_apply(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    let erase =
        |name: &str, tag: &str| api.client.delete(&format!("{}?erase=true", path(&user))).header(name, tag);
    for (name, tag) in [("if-match", "\"1\""), ("if-match", "W/\"3\""), ("if-none-match", "\"3\"")] {
        assert_problem(&erase(name, tag).send().await, 412, "precondition-failed");
    }
    assert_problem(&erase("if-match", "3").send().await, 400, "invalid-header");
    assert_eq!(get(&api.client, &path(&user)).await, user);
    assert!(history(&api.client, &user).await.iter().all(|row| row.get("erased").is_none()));
    erase("if-match", "\"3\"").send().await.expect(204);
    assert_eq!(history(&api.client, &user).await.len(), 5);
}

/// Creates a user with an `Idempotency-Key`.
async fn create_with_key(client: &Client, key: &str, body: &Value) -> Response {
    client.post("/users", body).header("idempotency-key", key).send().await
}

async fn replayed_creations_of_erased_users_have_no_body(api: Api) {
    for (name, deleted_before) in [("ada", false), ("grace", true)] {
        let body = full_user(&format!("{name}-{SECRET}"));
        let first = create_with_key(&api.client, name, &body).await.expect(201);
        let user = first.json();
        if deleted_before {
            api.client.delete(&path(&user)).send().await.expect(204);
        }
        erase(&api.client, &user).await.expect(204);
        for _ in 0..2 {
            let again = create_with_key(&api.client, name, &body).await.expect(201);
            assert_eq!(again.text(), "");
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.header("location"), Some(path(&user).as_str()));
            assert_eq!(again.header("etag"), Some("\"1\""));
        }
        let other = create_with_key(&api.client, name, &json!({ "userName": "x" })).await;
        assert_problem(&other, 422, "idempotency-key-reused");
    }
    let with_body = "SELECT count(*) AS number FROM idempotency WHERE body IS NOT NULL";
    assert_eq!(api.sql().number(with_body), 0);
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM idempotency"), 2);
}

async fn replayed_creations_of_other_users_keep_their_body(api: Api) {
    let [one, other] = [json!({ "userName": "ada" }), json!({ "userName": "grace" })];
    let first = create_with_key(&api.client, "one", &one).await.expect(201);
    let second = create_with_key(&api.client, "other", &other).await.expect(201);
    erase(&api.client, &first.json()).await.expect(204);
    let again = create_with_key(&api.client, "other", &other).await.expect(201);
    assert_eq!(again.text(), second.text());
}

/// There are more stored responses than one statement searches.
async fn responses_that_name_an_erased_manager_lose_their_body(api: Api) {
    let ada = api.create(&json!({ "userName": "ada", "displayName": SECRET })).await;
    let body = json!({ "userName": "bob", "enterprise": { "manager": { "value": ada["id"] } } });
    let first = create_with_key(&api.client, "bob", &body).await.expect(201);
    assert_eq!(first.json()["enterprise"]["manager"]["displayName"], SECRET);
    let other = create_with_key(&api.client, "other", &json!({ "userName": "eve" })).await.expect(201);
    api.sql().execute(
        "INSERT INTO idempotency (tenant_id, caller, method, path, idempotency_key, body_hash, status, headers, body, \
         resource_id, created_at) \
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1500) \
         SELECT tenant_id, caller, method, path, idempotency_key || CAST(n AS text), body_hash, status, headers, body, \
         resource_id, created_at + n FROM idempotency CROSS JOIN s",
    );
    erase(&api.client, &ada).await.expect(204);
    let with_secret = format!("SELECT count(*) AS number FROM idempotency WHERE body LIKE '%{SECRET}%'");
    assert_eq!(api.sql().number(&with_secret), 0);
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM idempotency WHERE body IS NOT NULL"), 1501);
    let again = create_with_key(&api.client, "other", &json!({ "userName": "eve" })).await.expect(201);
    assert_eq!(again.text(), other.text());
}

async fn unique_values_are_free_after_erasure(api: Api) {
    let user = api.create(&full_user("ada")).await;
    erase(&api.client, &user).await.expect(204);
    let again = api.create(&full_user("ada")).await;
    assert_ne!(again["id"], user["id"]);
    // Another erasure of the first user does not affect the second.
    erase(&api.client, &user).await.expect(204);
    assert_eq!(api.read(&again).await, again);
    assert_eq!(history(&api.client, &again).await.len(), 1);
    assert!(history(&api.client, &again).await[0].get("erased").is_none());
}

async fn concurrent_erasures_produce_one_change(api: Api) {
    for deleted_before in [false, true] {
        let user = create_user_with_secret(&api.client, "ada").await;
        if deleted_before {
            api.client.delete(&path(&user)).send().await.expect(204);
        }
        let responses = send_concurrently(20, |_| api.client.delete(&format!("{}?erase=true", path(&user))));
        assert_eq!(count_with_status(&responses.await, 204), 20);
        let rows = history(&api.client, &user).await;
        let all = ["user.created", "user.updated", "user.updated", "user.deleted", "user.erased"];
        assert_eq!(types(&rows), all);
        assert!(rows[..4].iter().all(|row| row["erased"] == true), "{rows:?}");
    }
}

async fn a_long_history_is_erased(api: Api) {
    let user = api.create_named(SECRET).await;
    for number in 0..150 {
        api.patch(&user, &json!({ "title": format!("{number} {SECRET}") })).await;
    }
    erase(&api.client, &user).await.expect(204);
    let rows = history(&api.client, &user).await;
    assert_eq!(rows.len(), 1 + 150 + 2);
    assert!(rows[..152].iter().all(|row| erased(row) == *row), "{rows:?}");
}

async fn erasure_survives_a_kill(api: Api) {
    let user = create_user_with_secret(&api.client, "ada").await;
    erase(&api.client, &user).await.expect(204);
    let rows = follow(&api.client, 0, "").await;
    let api = api.restart();
    assert_eq!(follow(&api.client, 0, "").await, rows);
    assert!(!json!(rows).to_string().contains(SECRET), "{rows:?}");
    erase(&api.client, &user).await.expect(204);
    assert_eq!(follow(&api.client, 0, "").await, rows);
}
