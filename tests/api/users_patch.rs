//! Patching users: `PATCH /users/{id}`. `merge_patch` tests the merging of `custom` and `extensions`.

use crate::api::fixture::{expected_user, full_user, with_field, without_version};
use crate::api::problem::{assert_invalid, assert_problem, assert_taken};
use crate::support::api::{Api, path, text};
use serde_json::{Value, json};

engine_tests! {
    absent_attributes_are_kept
    each_attribute_can_be_patched_alone
    null_removes_an_attribute
    required_attributes_cannot_be_removed
    objects_are_merged_and_lists_are_replaced
    an_empty_change_keeps_the_version
    a_returned_user_can_be_sent_as_a_patch
    the_patch_must_be_an_object
    validation_matches_that_of_creates
    one_mistake_produces_one_error
    an_unknown_user_returns_404
    conflicts_name_the_attribute
    both_media_types_are_accepted
    minimal_responses_have_no_body
}

async fn absent_attributes_are_kept(api: Api) {
    let body = full_user("ada");
    let user = api.create(&body).await;
    let response =
        api.client.patch(&path(&user), &json!({ "nickName": "Countess" })).send().await.expect(200);
    let patched = response.json();
    assert_eq!(patched, expected_user(&with_field(&body, "nickName", json!("Countess")), 2, &patched));
    assert_eq!((&patched["id"], &patched["createdAt"]), (&user["id"], &user["createdAt"]));
    assert!(text(&patched["updatedAt"]) > text(&user["updatedAt"]));
    assert_eq!(response.header("etag"), Some("\"2\""));
    assert_eq!(api.read(&user).await, patched);
}

async fn each_attribute_can_be_patched_alone(api: Api) {
    let user = api.create_named("ada").await;
    let body = without_nulls(&full_user("grace"));
    let mut expected = json!({ "userName": "ada" });
    for (index, (name, value)) in body.as_object().expect("the value is an object").iter().enumerate() {
        expected[name] = value.clone();
        let patched = api.patch(&user, &json!({ name: value })).await;
        assert_eq!(patched, expected_user(&expected, index as u64 + 2, &patched), "{name}");
        assert_eq!(api.read(&user).await, patched, "{name}");
    }
}

async fn null_removes_an_attribute(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let mut expected = full_user("ada");
    let names: Vec<_> = expected.as_object().expect("the value is an object").keys().cloned().collect();
    let removable = names.iter().filter(|name| !["userName", "active"].contains(&name.as_str()));
    for (index, name) in removable.enumerate() {
        expected.as_object_mut().expect("the value is an object").remove(name);
        let patched = api.patch(&user, &json!({ name: null })).await;
        assert_eq!(patched, expected_user(&expected, index as u64 + 2, &patched), "{name}");
    }
    let bare = expected_user(&json!({ "userName": "ada", "active": false }), 1, &user);
    assert_eq!(without_version(&api.read(&user).await), without_version(&bare));
}

async fn required_attributes_cannot_be_removed(api: Api) {
    let user = api.create(&full_user("ada")).await;
    for name in ["userName", "active"] {
        let response = api.client.patch(&path(&user), &json!({ name: null, "title": "x" })).send().await;
        assert_invalid(&response, &[(format!("/{name}").as_str(), "required")]);
    }
    let both = api.client.patch(&path(&user), &json!({ "userName": null, "active": null })).send().await;
    assert_invalid(&both, &[("/active", "required"), ("/userName", "required")]);
    assert_eq!(api.read(&user).await, user);
}

async fn objects_are_merged_and_lists_are_replaced(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let patch = json!({
        "name": { "givenName": "Ada", "middleName": null },
        "enterprise": { "department": "Engines", "manager": { "value": "boss" } },
        "emails": [{ "value": "ada@example.com", "type": null }],
        "roles": [],
        "extensions": { "urn:example:params:scim:schemas:badge:1.0:User": { "level": 3, "colour": null } },
    });
    let patched = api.patch(&user, &patch).await;
    let mut expected = full_user("ada");
    expected["name"]["givenName"] = json!("Ada");
    expected["name"]["middleName"] = json!(null);
    expected["enterprise"]["department"] = json!("Engines");
    expected["enterprise"]["manager"] = json!({ "value": "boss", "displayName": null });
    expected["emails"] =
        json!([{ "value": "ada@example.com", "display": null, "type": null, "primary": false }]);
    expected["roles"] = json!([]);
    expected["extensions"] = json!({ "urn:example:params:scim:schemas:badge:1.0:User": { "level": 3 } });
    assert_eq!(patched, expected_user(&expected, 2, &patched));
    let no_manager = api.patch(&user, &json!({ "enterprise": { "manager": null } })).await;
    assert_eq!(no_manager["enterprise"]["manager"], json!(null));
    assert_eq!(no_manager["enterprise"]["department"], "Engines");
}

async fn an_empty_change_keeps_the_version(api: Api) {
    let user = api.create(&full_user("ada")).await;
    for patch in [
        json!({}),
        json!({ "title": "Tour Guide" }),
        json!({ "active": false, "name": {}, "enterprise": {}, "custom": {} }),
        json!({ "custom": { "badge": 7, "unknown": null } }),
        json!({ "emails": full_user("ada")["emails"] }),
        json!({ "version": 99, "createdAt": null, "updatedAt": "x", "externalIds": null }),
        json!({ "externalIds": { "other": null } }),
    ] {
        let response = api.client.patch(&path(&user), &patch).send().await.expect(200);
        assert_eq!(response.json(), user, "{patch}");
        assert_eq!(response.header("etag"), Some("\"1\""), "{patch}");
    }
    assert_eq!(api.read(&user).await, user);
}

async fn a_returned_user_can_be_sent_as_a_patch(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let found = api.read(&user).await;
    let patched = api.patch(&user, &found).await;
    assert_eq!(patched, expected_user(&without_nulls(&full_user("ada")), 2, &patched));
    assert_eq!(api.patch(&user, &patched).await, patched);
    let other = api.create_named("grace").await;
    let response =
        api.client.patch(&path(&other), &with_field(&found, "userName", json!("grace"))).send().await;
    assert_invalid(&response, &[("/id", "read-only")]);
}

/// A body without the nulls in `custom` and `extensions`, because null removes a member in a patch.
fn without_nulls(body: &Value) -> Value {
    let mut body = body.clone();
    body["custom"].as_object_mut().expect("the value is an object").remove("none");
    let extension = &mut body["extensions"]["urn:example:params:scim:schemas:badge:1.0:User"];
    extension.as_object_mut().expect("the value is an object").remove("level");
    body
}

async fn the_patch_must_be_an_object(api: Api) {
    let user = api.create(&full_user("ada")).await;
    for patch in [json!(null), json!([]), json!("x"), json!(1), json!([{ "title": "x" }])] {
        let response = api.client.patch(&path(&user), &patch).send().await;
        assert_invalid(&response, &[("", "wrong-type")]);
    }
    assert_eq!(api.read(&user).await, user);
}

async fn validation_matches_that_of_creates(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let patch = json!({
        "foo": 1,
        "userName": "",
        "title": {},
        "name": [],
        "enterprise": { "manager": "x" },
        "emails": [{ "value": "a@b@c" }],
        "custom": 1,
        "id": "x",
    });
    let response = api.client.patch(&path(&user), &patch).send().await;
    let expected = [
        ("/foo", "unknown-field"),
        ("/userName", "blank"),
        ("/title", "wrong-type"),
        ("/name", "wrong-type"),
        ("/enterprise/manager", "wrong-type"),
        ("/emails/0/value", "invalid-email"),
        ("/custom", "wrong-type"),
        ("/id", "read-only"),
    ];
    assert_invalid(&response, &expected);
    // Removing an unknown field is either ignored or reported.
    let removal = api.client.patch(&path(&user), &json!({ "foo": null })).send().await;
    assert!(matches!(removal.code(), 200 | 422), "{}", removal.text());
    assert_eq!(api.read(&user).await, user);
}

async fn one_mistake_produces_one_error(api: Api) {
    let user = api.create_named("ada").await;
    let response = api.client.patch(&path(&user), &json!({ "active": "yes" })).send().await;
    assert_invalid(&response, &[("/active", "wrong-type")]);
}

async fn an_unknown_user_returns_404(api: Api) {
    let user = api.create_named("ada").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    for target in [path(&user), format!("/users/{}", uuid::Uuid::now_v7())] {
        let response = api.client.patch(&target, &json!({ "title": "x" })).send().await;
        assert_problem(&response, 404, "not-found");
    }
}

async fn conflicts_name_the_attribute(api: Api) {
    let ada = api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    let grace = api.create(&json!({ "userName": "grace", "externalId": "2" })).await;
    let patch = async |body: Value| api.client.patch(&path(&ada), &body).send().await;
    assert_taken(&patch(json!({ "userName": "GRACE", "title": "x" })).await, "userName");
    assert_taken(&patch(json!({ "externalId": "2", "title": "x" })).await, "externalId");
    assert_eq!(api.read(&ada).await, ada);
    // The values can be used once they are free.
    api.patch(&grace, &json!({ "userName": "hopper", "externalId": null })).await;
    let patched = patch(json!({ "userName": "GRACE", "externalId": "2" })).await.expect(200).json();
    assert_eq!(patched["externalIds"], json!({ "native": "2" }));
}

async fn both_media_types_are_accepted(api: Api) {
    let user = api.create_named("ada").await;
    for (title, media_type) in [
        ("a", "application/merge-patch+json"),
        ("b", "application/json"),
        ("c", "application/json; charset=utf-8"),
    ] {
        let body = json!({ "title": title }).to_string();
        let request = api.client.request(reqwest::Method::PATCH, &path(&user)).body(media_type, body);
        assert_eq!(request.send().await.expect(200).json()["title"], title);
    }
}

async fn minimal_responses_have_no_body(api: Api) {
    let user = api.create_named("ada").await;
    for (title, etag) in [("x", "\"2\""), ("x", "\"2\""), ("y", "\"3\"")] {
        let request = api.client.patch(&path(&user), &json!({ "title": title }));
        let response = request.header("prefer", "return=minimal").send().await.expect(204);
        assert_eq!(response.text(), "");
        assert_eq!(response.header("preference-applied"), Some("return=minimal"));
        assert_eq!(response.header("etag"), Some(etag));
    }
    assert_eq!(api.read(&user).await["title"], "y");
}
