//! PATCH of attributes (RFC 7644, section 3.5.2).

use crate::scim::client::{ENTERPRISE, Scim, USER, patch_op, path};
use crate::support::api::{count_with_status, send_concurrently, text};
use serde_json::{Value, json};

// `connections` tests that a strict connection rejects the first of these operations. The second test expects the
// revisions of a tenant without connections.
engine_tests! {
    a_value_path_replaces_one_element_or_adds_it
    a_patch_is_atomic
}

profile_tests! {
    operation_names_ignore_case_and_extra_keys_are_ignored
    deactivation_and_rename_without_a_path_are_applied
    keys_of_a_value_without_a_path_are_read_as_paths
    adding_an_equal_value_changes_nothing
    setting_a_primary_value_clears_the_previous_one
    replacing_an_absent_attribute_adds_it
    remove_requires_a_path_to_a_removable_attribute
    managers_are_set_in_every_form
    paths_can_start_with_a_schema_urn
    patched_users_are_returned_and_groups_only_on_request
    active_cannot_be_removed
}

async fn operation_names_ignore_case_and_extra_keys_are_ignored(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let mut body = patch_op(json!([
        {"op": "Add", "path": "title", "value": "a", "name": "title"},
        {"op": "Replace", "path": "TITLE", "value": "b"},
        {"op": "Add", "path": "nickName", "value": "c"},
        {"op": "REMOVE", "path": "nickName"},
    ]));
    body["id"] = ada["id"].clone();
    let patched = scim.call(200, "PATCH", &path(&ada), body).await;
    assert_eq!((&patched["title"], patched.get("nickName")), (&json!("b"), None));
}

async fn deactivation_and_rename_without_a_path_are_applied(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let off = json!([{"op": "replace", "value": {"active": false}}]);
    assert_eq!(scim.patch(200, &path(&ada), off).await["active"], false);
    let poets = scim.create_group("Poets", &[]).await;
    let rename = json!([{"op": "replace", "value": {"id": poets["id"], "displayName": "Writers"}}]);
    scim.patch(204, &path(&poets), rename).await;
    assert_eq!(scim.get(&path(&poets)).await["displayName"], "Writers");
}

async fn keys_of_a_value_without_a_path_are_read_as_paths(scim: Scim) {
    let ada =
        scim.create("/Users", json!({"userName": "ada", "emails": [{"type": "work", "value": "a@x"}]})).await;
    let value = json!({
        "name.givenName": "Ada", (format!("{ENTERPRISE}:employeeNumber")): "1", "emails[type eq \"work\"].value": "b@x",
    });
    let patched = scim.patch(200, &path(&ada), json!([{"op": "Add", "value": value}])).await;
    assert_eq!(patched["name"], json!({"givenName": "Ada"}));
    assert_eq!(patched[ENTERPRISE], json!({"employeeNumber": "1"}));
    assert_eq!(patched["emails"], json!([{"type": "work", "value": "b@x", "primary": false}]));
}

async fn a_value_path_replaces_one_element_or_adds_it(scim: Scim) {
    let emails = json!([{"type": "work", "value": "a@x"}, {"type": "home", "value": "h@x"}]);
    let ada = scim.create("/Users", json!({"userName": "ada", "emails": emails})).await;
    let replace = |kind: &str, value: &str| json!([{"op": "replace", "path": format!("emails[type eq \"{kind}\"].value"), "value": value}]);
    let patched = scim.patch(200, &path(&ada), replace("work", "b@x")).await;
    let values = |user: &Value| {
        let emails = user["emails"].as_array().expect("the user has emails").iter();
        emails.map(|email| format!("{} {}", text(&email["type"]), text(&email["value"]))).collect::<Vec<_>>()
    };
    assert_eq!(values(&patched), ["work b@x", "home h@x"]);
    let patched = scim.patch(200, &path(&ada), replace("other", "o@x")).await;
    assert_eq!(values(&patched), ["work b@x", "home h@x", "other o@x"]);
}

async fn adding_an_equal_value_changes_nothing(scim: Scim) {
    let body = json!({"userName": "ada", "title": "x", "emails": [{"type": "work", "value": "a@x", "primary": true}]});
    let ada = scim.create("/Users", body.clone()).await;
    for operations in [
        json!([{"op": "add", "path": "emails", "value": body["emails"]}]),
        json!([{"op": "add", "value": body}]),
        json!([{"op": "replace", "path": "title", "value": "x"}]),
        json!([{"op": "replace", "path": "emails", "value": body["emails"]}]),
    ] {
        assert_eq!(scim.patch(200, &path(&ada), operations).await, ada);
    }
    let appended = json!([{"op": "add", "path": "emails", "value": [{"type": "home", "value": "h@x"}]}]);
    assert_eq!(scim.patch(200, &path(&ada), appended).await["emails"].as_array().map(Vec::len), Some(2));
}

async fn setting_a_primary_value_clears_the_previous_one(scim: Scim) {
    let emails = json!([{"type": "work", "value": "a@x", "primary": true}, {"type": "home", "value": "h@x"}]);
    let ada = scim.create("/Users", json!({"userName": "ada", "emails": emails})).await;
    let primaries = |user: &Value| {
        user["emails"]
            .as_array()
            .expect("the user has emails")
            .iter()
            .map(|one| one["primary"] == true)
            .collect::<Vec<_>>()
    };
    let home = json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}]);
    assert_eq!(primaries(&scim.patch(200, &path(&ada), home).await), [false, true]);
    let other = json!([{"op": "add", "path": "emails", "value": {"value": "o@x", "primary": true}}]);
    assert_eq!(primaries(&scim.patch(200, &path(&ada), other).await), [false, false, true]);
}

async fn replacing_an_absent_attribute_adds_it(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let operations = json!([
        {"op": "replace", "path": "title", "value": "x"},
        {"op": "replace", "path": "name.givenName", "value": "Ada"},
        {"op": "replace", "path": "emails", "value": [{"value": "a@x"}]},
    ]);
    let patched = scim.patch(200, &path(&ada), operations).await;
    assert_eq!((&patched["title"], &patched["name"]["givenName"]), (&json!("x"), &json!("Ada")));
    assert_eq!(patched["emails"][0]["value"], "a@x");
}

async fn remove_requires_a_path_to_a_removable_attribute(scim: Scim) {
    let ada = scim.create_user("ada").await;
    for (path_of, scim_type) in [
        (Value::Null, "noTarget"),
        (json!("userName"), "mutability"),
        (json!("nope"), "invalidPath"),
        (json!("emails[nope eq \"x\"]"), "invalidFilter"),
    ] {
        let remove = patch_op(json!([{"op": "remove", "path": path_of}]));
        scim.expect_error((400, scim_type), "PATCH", &path(&ada), remove).await;
    }
    for operation in [
        json!({"op": "replace", "path": "id", "value": "x"}),
        json!({"op": "remove", "path": "meta.created"}),
        json!({"op": "remove", "path": "groups"}),
    ] {
        let body = patch_op(json!([operation]));
        match scim.adds_schemas {
            true => drop(scim.expect_error((400, "mutability"), "PATCH", &path(&ada), body).await),
            false => assert_eq!(scim.call(200, "PATCH", &path(&ada), body).await, ada, "it is ignored"),
        }
    }
    assert_eq!(scim.get(&path(&ada)).await, ada);
}

async fn managers_are_set_in_every_form(scim: Scim) {
    let boss = scim.create("/Users", json!({"userName": "boss", "displayName": "Boss"})).await;
    let ada = scim.create_user("ada").await;
    let at = format!("{ENTERPRISE}:manager");
    for (at, value) in [
        (at.as_str(), boss["id"].clone()),
        ("manager", json!({"value": boss["id"]})),
        (&at, json!({"value": boss["id"], "$ref": "../Users/x", "displayName": "ignored"})),
    ] {
        scim.patch(200, &path(&ada), json!([{"op": "remove", "path": at}])).await;
        let patched = scim.patch(200, &path(&ada), json!([{"op": "Add", "path": at, "value": value}])).await;
        let expected = json!({"value": boss["id"], "$ref": boss["meta"]["location"], "displayName": "Boss"});
        assert_eq!(patched[ENTERPRISE]["manager"], expected);
    }
    let unknown = json!([{"op": "replace", "path": at, "value": "271"}]);
    assert_eq!(scim.patch(200, &path(&ada), unknown).await[ENTERPRISE]["manager"], json!({"value": "271"}));
}

async fn paths_can_start_with_a_schema_urn(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let operations = json!([
        {"op": "add", "path": format!("{USER}:name.familyName"), "value": "L"},
        {"op": "add", "path": format!("{}:department", ENTERPRISE.to_uppercase()), "value": "d"},
        {"op": "add", "path": "urn:example:acme:2.0:User:badge", "value": 7},
        {"op": "add", "path": ENTERPRISE, "value": {"costCenter": "c"}},
    ]);
    let patched = scim.patch(200, &path(&ada), operations).await;
    assert_eq!(patched["name"], json!({"familyName": "L"}));
    assert_eq!(patched[ENTERPRISE], json!({"department": "d", "costCenter": "c"}));
    assert_eq!(patched["urn:example:acme:2.0:User"], json!({"badge": 7}));
}

async fn a_patch_is_atomic(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let poets = scim.create_group("Poets", &[]).await;
    let operations = json!([
        {"op": "add", "path": "title", "value": "x"},
        {"op": "add", "path": "nickName", "value": "y"},
        {"op": "remove", "path": "userName"},
    ]);
    scim.expect_error((400, "mutability"), "PATCH", &path(&ada), patch_op(operations)).await;
    assert_eq!(scim.get(&path(&ada)).await, ada);
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "x"},
        {"op": "add", "path": "members", "value": [{"value": ada["id"]}]},
        {"op": "add", "path": "members", "value": [{"value": "00000000-0000-7000-8000-000000000000"}]},
    ]);
    scim.expect_error((400, "invalidValue"), "PATCH", &path(&poets), patch_op(operations)).await;
    assert_eq!(scim.get(&path(&poets)).await, poets);
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "Writers"},
        {"op": "add", "path": "members", "value": [{"value": ada["id"]}]},
    ]);
    let headers = [("x-request-id", "one-request")];
    for _ in 0..2 {
        scim.send_with("PATCH", &path(&poets), &patch_op(operations.clone()), &headers).await.expect(204);
    }
    let feed = scim.client.get("/changes?after=2").send().await.expect(200).json();
    let changes: Vec<_> = feed["items"]
        .as_array()
        .expect("the page has items")
        .iter()
        .map(|change| {
            (
                change["revision"].clone(),
                text(&change["type"]).to_owned(),
                change["version"].clone(),
                text(&change["requestId"]).to_owned(),
            )
        })
        .collect();
    let change =
        |revision: i64, kind: &str| (json!(revision), kind.to_owned(), json!(2), "one-request".to_owned());
    assert_eq!(changes, [change(3, "group.updated"), change(4, "member.added")]);
    let responses = send_concurrently(16, |n| {
        let body = patch_op(json!([{"op": "add", "path": "emails", "value": {"value": format!("{n}@x")}}]));
        let at = format!("/scim/v2{}", path(&ada));
        scim.client.request(reqwest::Method::PATCH, &at).json(&body)
    })
    .await;
    assert_eq!(count_with_status(&responses, 200), 16, "no update is lost");
    assert_eq!(scim.get(&path(&ada)).await["emails"].as_array().map(Vec::len), Some(16));
}

async fn patched_users_are_returned_and_groups_only_on_request(scim: Scim) {
    let (ada, poets) = (scim.create_user("ada").await, scim.create_group("Poets", &[]).await);
    let title = patch_op(json!([{"op": "add", "path": "title", "value": "x"}]));
    let response = scim.send("PATCH", &path(&ada), &title).await.expect(200);
    assert_eq!((response.header("etag"), &response.json()["title"]), (Some("W/\"2\""), &json!("x")));
    let name = |name: &str| patch_op(json!([{"op": "replace", "path": "displayName", "value": name}]));
    let response = scim.send("PATCH", &path(&poets), &name("a")).await.expect(204);
    assert_eq!(response.header("etag"), Some("W/\"2\""));
    let at = format!("{}?attributes=displayName", path(&poets));
    let response = scim.send("PATCH", &at, &name("b")).await.expect(200);
    assert_eq!((response.header("etag"), &response.json()["displayName"]), (Some("W/\"3\""), &json!("b")));
}

async fn active_cannot_be_removed(scim: Scim) {
    let ada = scim.create_user("ada").await;
    for operation in
        [json!({"op": "remove", "path": "active"}), json!({"op": "remove", "path": format!("{USER}:active")})]
    {
        scim.expect_error((400, "mutability"), "PATCH", &path(&ada), patch_op(json!([operation]))).await;
    }
    assert_eq!(scim.get(&path(&ada)).await, ada);
}
