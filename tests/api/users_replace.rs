//! `PUT /users/{id}`.

use crate::api::fixture::{full, shown, with};
use crate::api::problem::{assert_invalid, assert_taken, problem};
use crate::support::api::{Api, path, text};
use serde_json::{Value, json};

both_engines! {
    what_is_absent_is_cleared
    active_is_kept_unless_said
    a_whole_user_can_be_put
    what_get_gave_changes_nothing
    it_never_creates
    an_id_in_the_body_must_match
    errors_are_those_of_creating
    a_taken_attribute_is_named
    the_answer_can_be_minimal
    each_change_counts
}

async fn what_is_absent_is_cleared(api: Api) {
    let user = api.create(&full("ada")).await;
    let body = json!({ "userName": "ada", "title": "Countess" });
    let replaced = api.replace(&user, &body).await;
    assert_eq!(replaced, shown(&with(&body, "active", json!(false)), 2, &replaced));
    assert_eq!((&replaced["id"], &replaced["createdAt"]), (&user["id"], &user["createdAt"]));
    assert!(text(&replaced["updatedAt"]) > text(&user["updatedAt"]));
    assert_eq!(api.read(&user).await, replaced);
    // Its externalId is free again.
    api.create(&with(&json!({ "userName": "grace" }), "externalId", user["externalId"].clone())).await;
}

async fn active_is_kept_unless_said(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "active": false })).await;
    for (said, kept, version) in [(json!(null), false, 1), (json!(true), true, 2), (json!(null), true, 2)] {
        let replaced = api.replace(&user, &json!({ "userName": "ada", "active": said })).await;
        assert_eq!((&replaced["active"], &replaced["version"]), (&json!(kept), &json!(version)));
    }
    let absent = api.replace(&user, &json!({ "userName": "ada", "title": "x" })).await;
    assert_eq!(absent["active"], true);
}

async fn a_whole_user_can_be_put(api: Api) {
    let user = api.named("ada").await;
    let body = full("grace");
    let answer = api.client.put(&path(&user), &body).send().await.expect(200);
    let replaced = answer.json();
    assert_eq!(replaced, shown(&body, 2, &replaced));
    assert_eq!(answer.header("etag"), Some("\"2\""));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("location"), None);
    assert_eq!(api.read(&user).await, replaced);
}

async fn what_get_gave_changes_nothing(api: Api) {
    let boss = api.create(&json!({ "userName": "boss", "displayName": "The Boss" })).await;
    let mut body = full("ada");
    body["enterprise"]["manager"]["value"] = boss["id"].clone();
    let user = api.create(&body).await;
    api.patch(&boss, &json!({ "displayName": "Another" })).await;
    for sent in [user.clone(), api.read(&user).await] {
        let answer = api.client.put(&path(&user), &sent).send().await.expect(200);
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.json(), api.read(&user).await);
        assert_eq!((&answer.json()["version"], &answer.json()["updatedAt"]), (&json!(1), &user["updatedAt"]));
    }
    // Neither the order of members nor of times and versions sent is a change.
    let stale = with(&with(&user, "version", json!(77)), "updatedAt", json!("1999-01-01T00:00:00Z"));
    assert_eq!(api.replace(&user, &stale).await["version"], 1);
}

async fn it_never_creates(api: Api) {
    let user = api.named("ada").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    let unknown = format!("/users/{}", uuid::Uuid::now_v7());
    for target in [path(&user), unknown] {
        let answer = api.client.put(&target, &json!({ "userName": "grace" })).send().await;
        problem(&answer, 404, "not-found");
        let answer =
            api.client.put(&target, &json!({ "userName": "grace" })).header("if-match", "*").send().await;
        assert!(matches!(answer.code(), 404 | 412), "{}", answer.text());
    }
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn an_id_in_the_body_must_match(api: Api) {
    let user = api.named("ada").await;
    let other = api.named("grace").await;
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

async fn errors_are_those_of_creating(api: Api) {
    let user = api.create(&full("ada")).await;
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

async fn a_taken_attribute_is_named(api: Api) {
    let ada = api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    api.create(&json!({ "userName": "grace", "externalId": "2" })).await;
    let put = async |body: Value| api.client.put(&path(&ada), &body).send().await;
    assert_taken(&put(json!({ "userName": "GRACE" })).await, "userName");
    assert_taken(&put(json!({ "userName": "ada", "externalId": "2" })).await, "externalId");
    assert_eq!(api.read(&ada).await, ada);
    let spelled = put(json!({ "userName": "ADA", "externalId": "1" })).await.expect(200).json();
    assert_eq!((&spelled["userName"], &spelled["version"]), (&json!("ADA"), &json!(2)));
}

async fn the_answer_can_be_minimal(api: Api) {
    let user = api.named("ada").await;
    for (title, etag) in [("x", "\"2\""), ("x", "\"2\""), ("y", "\"3\"")] {
        let request = api.client.put(&path(&user), &json!({ "userName": "ada", "title": title }));
        let answer = request.header("prefer", "return=minimal").send().await.expect(204);
        assert_eq!(answer.text(), "");
        assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        assert_eq!(answer.header("etag"), Some(etag));
        assert_eq!(answer.header("content-type"), None);
    }
}

async fn each_change_counts(api: Api) {
    let mut before = api.named("ada").await;
    for version in 2..=5 {
        let body = json!({ "userName": "ada", "custom": { "n": version } });
        let after = api.replace(&before, &body).await;
        assert_eq!((&after["version"], &after["createdAt"]), (&json!(version), &before["createdAt"]));
        assert!(text(&after["updatedAt"]) > text(&before["updatedAt"]), "{after} {before}");
        before = after;
    }
}
