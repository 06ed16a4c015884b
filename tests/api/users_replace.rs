//! Replacing users: `PUT /users/{id}`.

use crate::api::fixture::{expected_user, full_user, with_field};
use crate::api::problem::{assert_invalid, assert_problem, assert_taken};
use crate::support::api::{Api, path, text};
use serde_json::{Value, json};

engine_tests! {
    active_is_kept_if_absent
    absent_attributes_are_cleared
    a_complete_user_can_be_put
    putting_a_returned_user_changes_nothing
    put_never_creates_a_user
    the_id_in_the_body_must_match
    validation_matches_that_of_creates
    conflicts_name_the_attribute
    minimal_responses_have_no_body
    each_change_increments_the_version
}

async fn active_is_kept_if_absent(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "active": false })).await;
    for (sent, returned, version) in [(json!(null), false, 1), (json!(true), true, 2), (json!(null), true, 2)]
    {
        let replaced = api.replace(&user, &json!({ "userName": "ada", "active": sent })).await;
        assert_eq!((&replaced["active"], &replaced["version"]), (&json!(returned), &json!(version)));
    }
    let absent = api.replace(&user, &json!({ "userName": "ada", "title": "x" })).await;
    assert_eq!(absent["active"], true);
}

async fn absent_attributes_are_cleared(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let body = json!({ "userName": "ada", "title": "Countess" });
    let replaced = api.replace(&user, &body).await;
    assert_eq!(replaced, expected_user(&with_field(&body, "active", json!(false)), 2, &replaced));
    assert_eq!((&replaced["id"], &replaced["createdAt"]), (&user["id"], &user["createdAt"]));
    assert!(text(&replaced["updatedAt"]) > text(&user["updatedAt"]));
    assert_eq!(api.read(&user).await, replaced);
    // The cleared externalId is free again.
    api.create(&with_field(&json!({ "userName": "grace" }), "externalId", user["externalId"].clone())).await;
}

async fn a_complete_user_can_be_put(api: Api) {
    let user = api.create_named("ada").await;
    let body = full_user("grace");
    let response = api.client.put(&path(&user), &body).send().await.expect(200);
    let replaced = response.json();
    assert_eq!(replaced, expected_user(&body, 2, &replaced));
    assert_eq!(response.header("etag"), Some("\"2\""));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("location"), None);
    assert_eq!(api.read(&user).await, replaced);
}

async fn putting_a_returned_user_changes_nothing(api: Api) {
    let boss = api.create(&json!({ "userName": "boss", "displayName": "The Boss" })).await;
    let mut body = full_user("ada");
    body["enterprise"]["manager"]["value"] = boss["id"].clone();
    let user = api.create(&body).await;
    api.patch(&boss, &json!({ "displayName": "Another" })).await;
    for sent in [user.clone(), api.read(&user).await] {
        let response = api.client.put(&path(&user), &sent).send().await.expect(200);
        assert_eq!(response.header("etag"), Some("\"1\""));
        assert_eq!(response.json(), api.read(&user).await);
        assert_eq!(
            (&response.json()["version"], &response.json()["updatedAt"]),
            (&json!(1), &user["updatedAt"])
        );
    }
    // The version and the times in the body are ignored.
    let stale =
        with_field(&with_field(&user, "version", json!(77)), "updatedAt", json!("1999-01-01T00:00:00Z"));
    assert_eq!(api.replace(&user, &stale).await["version"], 1);
}

async fn put_never_creates_a_user(api: Api) {
    let user = api.create_named("ada").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    let unknown = format!("/users/{}", uuid::Uuid::now_v7());
    for target in [path(&user), unknown] {
        let response = api.client.put(&target, &json!({ "userName": "grace" })).send().await;
        assert_problem(&response, 404, "not-found");
        let response =
            api.client.put(&target, &json!({ "userName": "grace" })).header("if-match", "*").send().await;
        assert!(matches!(response.code(), 404 | 412), "{}", response.text());
    }
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn the_id_in_the_body_must_match(api: Api) {
    let user = api.create_named("ada").await;
    let other = api.create_named("grace").await;
    let put = async |id: Value| {
        let body = json!({ "userName": "ada", "title": "x", "id": id });
        api.client.put(&path(&user), &body).send().await
    };
    for id in [other["id"].clone(), json!("ada"), json!(""), json!("00000000-0000-0000-0000-000000000000")] {
        assert_invalid(&put(id).await, &[("/id", "read-only")]);
    }
    assert_invalid(&put(json!(1)).await, &[("/id", "wrong-type")]);
    assert_eq!(api.read(&user).await["version"], 1);
    put(user["id"].clone()).await.expect(200);
    put(json!(null)).await.expect(200);
}

async fn validation_matches_that_of_creates(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let put = async |body: Value| api.client.put(&path(&user), &body).send().await;
    assert_invalid(&put(json!({})).await, &[("/userName", "required")]);
    assert_invalid(&put(json!({ "userName": null })).await, &[("/userName", "required")]);
    let body = json!({ "userName": "x", "foo": 1, "name": { "bar": 1 }, "emails": [{ "value": "@" }, 5] });
    let expected = [
        ("/foo", "unknown-field"),
        ("/name/bar", "unknown-field"),
        ("/emails/0/value", "invalid-email"),
        ("/emails/1", "wrong-type"),
    ];
    assert_invalid(&put(body).await, &expected);
    assert_eq!(api.read(&user).await, user);
}

async fn conflicts_name_the_attribute(api: Api) {
    let ada = api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    api.create(&json!({ "userName": "grace", "externalId": "2" })).await;
    let put = async |body: Value| api.client.put(&path(&ada), &body).send().await;
    assert_taken(&put(json!({ "userName": "GRACE" })).await, "userName");
    assert_taken(&put(json!({ "userName": "ada", "externalId": "2" })).await, "externalId");
    assert_eq!(api.read(&ada).await, ada);
    let renamed = put(json!({ "userName": "ADA", "externalId": "1" })).await.expect(200).json();
    assert_eq!((&renamed["userName"], &renamed["version"]), (&json!("ADA"), &json!(2)));
}

async fn minimal_responses_have_no_body(api: Api) {
    let user = api.create_named("ada").await;
    for (title, etag) in [("x", "\"2\""), ("x", "\"2\""), ("y", "\"3\"")] {
        let request = api.client.put(&path(&user), &json!({ "userName": "ada", "title": title }));
        let response = request.header("prefer", "return=minimal").send().await.expect(204);
        assert_eq!(response.text(), "");
        assert_eq!(response.header("preference-applied"), Some("return=minimal"));
        assert_eq!(response.header("etag"), Some(etag));
        assert_eq!(response.header("content-type"), None);
    }
}

async fn each_change_increments_the_version(api: Api) {
    let mut before = api.create_named("ada").await;
    for version in 2..=5 {
        let body = json!({ "userName": "ada", "custom": { "n": version } });
        let after = api.replace(&before, &body).await;
        assert_eq!((&after["version"], &after["createdAt"]), (&json!(version), &before["createdAt"]));
        assert!(text(&after["updatedAt"]) > text(&before["updatedAt"]), "{after} {before}");
        before = after;
    }
}
