//! Creating, reading, replacing, patching and deleting groups.

use crate::api::callers::{client_with_role, create_tenant, get, tenant_path};
use crate::api::fixture::with_field;
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_names, member_path,
    members_path,
};
use crate::api::problem::{
    assert_invalid, assert_not_unique, assert_problem, assert_state_conflict, assert_taken, assert_taken_by,
    check_preconditions,
};
use crate::api::query::items;
use crate::support::api::{Api, count_with_status, expect_one_success, send_concurrently, text};
use serde_json::{Value, json};

engine_tests! {
    a_group_needs_only_a_display_name
    values_are_returned_as_sent
    server_assigned_fields_are_ignored
    fields_are_validated
    names_are_not_unique_by_default
    names_are_unique_if_the_tenant_requires_it
    unique_group_names_can_be_enabled_only_without_conflicts
    unique_group_names_hold_under_concurrent_creates
    external_ids_are_unique
    a_replacement_clears_absent_fields
    a_patch_changes_only_named_fields
    an_empty_change_keeps_the_version
    preconditions_apply
    minimal_responses_have_no_body
    a_repeated_creation_returns_the_first_response
    a_deleted_group_leaves_nothing_behind
    one_of_several_writers_with_the_same_etag_succeeds
    a_tenant_with_groups_cannot_be_deleted
    groups_are_isolated_between_tenants
}

fn full_group(name: &str) -> Value {
    json!({
        "displayName": name,
        "externalId": format!("{}-1", name.chars().take(9).collect::<String>()),
        "custom": { "floor": 7, "tags": ["a", null, { "b": [] }], "none": null },
        "extensions": { "urn:example:params:scim:schemas:badge:1.0:Group": { "colour": "red", "level": null } },
    })
}

/// The group that a response to a creation with `body` must show, with the id and times of `response`.
fn expected_group(body: &Value, response: &Value) -> Value {
    let mut group = json!({
        "id": response["id"], "displayName": null, "externalId": null, "externalIds": {}, "memberCount": 0, "custom": {},
        "extensions": {}, "version": 1, "createdAt": response["createdAt"], "updatedAt": response["createdAt"],
    });
    for (name, value) in body.as_object().expect("a body is an object") {
        group[name] = value.clone();
    }
    if let Value::String(native) = &group["externalId"] {
        group["externalIds"] = json!({ "native": native });
    }
    group
}

async fn a_group_needs_only_a_display_name(api: Api) {
    let body = json!({ "displayName": "Engineers" });
    let response = api.client.post("/groups", &body).send().await.expect(201);
    let group = response.json();
    assert_eq!(group, expected_group(&body, &group));
    assert_eq!(response.header("location"), Some(group_path(&group).as_str()));
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    let read = api.client.get(&group_path(&group)).send().await.expect(200);
    assert_eq!((read.json(), read.header("etag")), (group.clone(), Some("\"1\"")));
    assert_eq!(get(&api.client, "/groups?include=total").await, json!({ "items": [group], "total": 1 }));
}

async fn values_are_returned_as_sent(api: Api) {
    for name in ["Ådmins ✓", " spaces ", "ADMINS", &"x".repeat(256)] {
        let group = create_group(&api.client, &full_group(name)).await;
        assert_eq!(group, expected_group(&full_group(name), &group));
        assert_eq!(get(&api.client, &group_path(&group)).await, group);
    }
}

async fn server_assigned_fields_are_ignored(api: Api) {
    let body = json!({
        "displayName": "a", "id": ["no", "id"], "version": "nine", "createdAt": 1, "updatedAt": {}, "memberCount": -1,
        "externalIds": { "native": "x" },
    });
    let group = create_group(&api.client, &body).await;
    assert_eq!(group, expected_group(&json!({ "displayName": "a" }), &group));
    let put = api.client.put(&group_path(&group), &group).send().await.expect(200);
    assert_eq!((put.json(), put.header("etag")), (group, Some("\"1\"")));
}

async fn fields_are_validated(api: Api) {
    let post = async |body: Value| api.client.post("/groups", &body).send().await;
    assert_invalid(&post(json!({})).await, &[("/displayName", "required")]);
    assert_invalid(&post(json!({ "displayName": null })).await, &[("/displayName", "required")]);
    assert_invalid(&post(json!({ "displayName": " " })).await, &[("/displayName", "blank")]);
    assert_invalid(&post(json!({ "displayName": "x".repeat(257) })).await, &[("/displayName", "too-long")]);
    for body in [json!([]), json!("a"), json!(null)] {
        assert_invalid(&post(body).await, &[("", "wrong-type")]);
    }
    let all = json!({
        "displayName": 1, "externalId": [], "custom": "x", "extensions": { "nope": {}, "urn:a:b": 1 },
        "members": [], "userName": "x",
    });
    let errors = [
        ("/custom", "wrong-type"),
        ("/displayName", "wrong-type"),
        ("/externalId", "wrong-type"),
        ("/extensions/nope", "invalid-urn"),
        ("/extensions/urn:a:b", "wrong-type"),
        ("/members", "unknown-field"),
        ("/userName", "unknown-field"),
    ];
    assert_invalid(&post(all).await, &errors);
    let deep = json!({ "a": { "a": { "a": { "a": { "a": { "a": { "a": { "a": 1 } } } } } } } });
    let large = json!({ "displayName": "a", "custom": { "a": "x".repeat(16 * 1024) } });
    assert_invalid(&post(large).await, &[("/custom", "too-large")]);
    assert_invalid(
        &post(json!({ "displayName": "a", "custom": { "a": deep } })).await,
        &[("/custom", "too-deep")],
    );
    let group = create_named_group(&api.client, "a").await;
    let target = group_path(&group);
    let patch = async |body: Value| api.client.patch(&target, &body).send().await;
    assert_invalid(&patch(json!({ "displayName": null })).await, &[("/displayName", "required")]);
    assert_invalid(&patch(json!({ "id": "x" })).await, &[("/id", "read-only")]);
    assert_invalid(&patch(json!({ "members": null })).await, &[("/members", "unknown-field")]);
    let put =
        api.client.put(&target, &json!({ "id": uuid::Uuid::now_v7(), "displayName": "a" })).send().await;
    assert_invalid(&put, &[("/id", "read-only")]);
    assert_eq!(get(&api.client, "/groups?include=total").await, json!({ "items": [group], "total": 1 }));
}

async fn names_are_not_unique_by_default(api: Api) {
    let first = create_named_group(&api.client, "Engineers").await;
    let second = create_named_group(&api.client, "engineers").await;
    assert_ne!(first["id"], second["id"]);
    let patch = api.client.patch(&group_path(&second), &json!({ "displayName": "Engineers" }));
    patch.send().await.expect(200);
}

async fn names_are_unique_if_the_tenant_requires_it(api: Api) {
    let body = json!({ "name": "acme", "uniqueGroupNames": true });
    api.client.post("/tenants", &body).send().await.expect(201);
    let acme = api.client.in_tenant("acme");
    let group = create_named_group(&acme, "Straße\u{e9}").await;
    let other = create_named_group(&acme, "other").await;
    for name in ["Straße\u{e9}", "STRASSEE\u{301}"] {
        let body = json!({ "displayName": name });
        assert_taken(&acme.post("/groups", &body).send().await, "displayName");
        assert_taken(&acme.patch(&group_path(&other), &body).send().await, "displayName");
        assert_taken(&acme.put(&group_path(&other), &body).send().await, "displayName");
    }
    assert_eq!(get(&acme, "/groups").await["items"], json!([group, other]));
    // The spelling of a group's own name can be changed.
    acme.patch(&group_path(&group), &json!({ "displayName": "STRASSEE\u{301}" })).send().await.expect(200);
    acme.patch(&group_path(&group), &json!({ "displayName": "new" })).send().await.expect(200);
    acme.patch(&group_path(&other), &json!({ "displayName": "straßeé" })).send().await.expect(200);
    acme.delete(&group_path(&group)).send().await.expect(204);
    create_named_group(&acme, "NEW").await;
    // Other tenants are not affected.
    create_named_group(&api.client, "new").await;
    create_named_group(&api.client, "new").await;
}

async fn unique_group_names_can_be_enabled_only_without_conflicts(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    let unique =
        |unique: bool| api.client.patch(&tenant_path(&tenant), &json!({ "uniqueGroupNames": unique }));
    let first = create_named_group(&acme, "Straße").await;
    let second = create_named_group(&acme, "STRASSE").await;
    let third = create_named_group(&acme, "c").await;
    let conflict = json!([{
        "attribute": "displayName", "value": "strasse", "count": 2, "ids": [first["id"], second["id"]],
    }]);
    assert_eq!(assert_not_unique(&unique(true).send().await), (conflict.clone(), 1));
    assert_eq!(get(&api.client, &tenant_path(&tenant)).await, tenant);
    acme.patch(&group_path(&second), &json!({ "displayName": "b" })).send().await.expect(200);
    unique(true).send().await.expect(200);
    // Names from before and after the change are taken.
    for (name, owner) in [("strasse", &first), ("B", &second), ("C", &third)] {
        let body = json!({ "displayName": name });
        assert_taken_by(&acme.post("/groups", &body).send().await, "displayName", owner);
        let other = if *owner == first { &second } else { &first };
        assert_taken_by(&acme.patch(&group_path(other), &body).send().await, "displayName", owner);
        assert_taken_by(&acme.put(&group_path(other), &body).send().await, "displayName", owner);
    }
    let own = json!({ "displayName": "strasse" });
    acme.patch(&group_path(&first), &own).send().await.expect(200);
    unique(false).send().await.expect(200);
    acme.patch(&group_path(&second), &own).send().await.expect(200);
    assert_eq!(assert_not_unique(&unique(true).send().await), (conflict, 1));
}

/// Groups with one name are created while the tenant makes names unique: either that fails, or one group is created.
async fn unique_group_names_hold_under_concurrent_creates(api: Api) {
    for round in 0..8 {
        let name = format!("t{round}");
        let tenant = create_tenant(&api.client, &name).await;
        let own = api.client.in_tenant(&name);
        let responses = send_concurrently(9, |index| match index {
            _ if index == round => {
                api.client.patch(&tenant_path(&tenant), &json!({ "uniqueGroupNames": true }))
            }
            _ => own.post("/groups", &json!({ "displayName": "a" })),
        })
        .await;
        let (created, is_unique) =
            (count_with_status(&responses, 201), count_with_status(&responses, 200) == 1);
        assert!(responses.iter().all(|response| matches!(response.code(), 200 | 201 | 409)), "{responses:?}");
        assert_eq!(get(&own, "/groups?include=total").await["total"], created);
        assert_eq!(created, if is_unique { 1 } else { 8 });
        let again = own.post("/groups", &json!({ "displayName": "A" })).send().await;
        assert_eq!(again.code(), if is_unique { 409 } else { 201 });
    }
}

async fn external_ids_are_unique(api: Api) {
    let body = |name: &str| json!({ "displayName": name, "externalId": "X" });
    let group = create_group(&api.client, &body("a")).await;
    assert_taken(&api.client.post("/groups", &body("b")).send().await, "externalId");
    create_group(&api.client, &json!({ "displayName": "c", "externalId": "x" })).await;
    // Users and groups can have the same externalId.
    api.create(&json!({ "userName": "ada", "externalId": "X" })).await;
    let patch = json!({ "externalId": null });
    api.client.patch(&group_path(&group), &patch).send().await.expect(200);
    let other = create_group(&api.client, &body("b")).await;
    assert_taken(&api.client.put(&group_path(&group), &body("a")).send().await, "externalId");
    assert_eq!(get(&api.client, &group_path(&other)).await, other);
}

async fn a_replacement_clears_absent_fields(api: Api) {
    let group = create_group(&api.client, &full_group("a")).await;
    let users = create_users(&api.client, 2).await;
    add_members(&api.client, &group, &users).await;
    let response =
        api.client.put(&group_path(&group), &json!({ "displayName": "b" })).send().await.expect(200);
    let replaced = response.json();
    let mut expected = expected_group(&json!({ "displayName": "b" }), &group);
    expected["version"] = json!(3);
    expected["memberCount"] = json!(2);
    expected["updatedAt"] = replaced["updatedAt"].clone();
    assert_eq!((&replaced, response.header("etag")), (&expected, Some("\"3\"")));
    assert_eq!(member_names(&api.client, &group).await, ["u0", "u1"]);
    let unknown = format!("/groups/{}", uuid::Uuid::now_v7());
    assert_problem(&api.client.put(&unknown, &json!({ "displayName": "b" })).send().await, 404, "not-found");
}

async fn a_patch_changes_only_named_fields(api: Api) {
    let group = create_group(&api.client, &full_group("a")).await;
    let patch = json!({ "displayName": "b", "custom": { "floor": 8, "tags": null } });
    let response = api.client.patch(&group_path(&group), &patch).send().await.expect(200);
    let patched = response.json();
    let mut expected = with_field(&group, "displayName", json!("b"));
    expected["custom"] = json!({ "floor": 8, "none": null });
    expected["version"] = json!(2);
    expected["updatedAt"] = patched["updatedAt"].clone();
    assert_eq!((&patched, response.header("etag")), (&expected, Some("\"2\"")));
    assert!(text(&patched["updatedAt"]) > text(&group["updatedAt"]));
    assert_eq!(get(&api.client, &group_path(&group)).await, patched);
}

async fn an_empty_change_keeps_the_version(api: Api) {
    let group = create_group(&api.client, &full_group("a")).await;
    let target = group_path(&group);
    for response in [
        api.client.patch(&target, &json!({})).send().await,
        api.client.patch(&target, &json!({ "custom": { "floor": 7.0 }, "memberCount": 9 })).send().await,
        api.client.put(&target, &full_group("a")).send().await,
        api.client.put(&target, &group).send().await,
    ] {
        let response = response.expect(200);
        assert_eq!((response.json(), response.header("etag")), (group.clone(), Some("\"1\"")));
    }
}

async fn preconditions_apply(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let target = group_path(&group);
    let patch = |name: &str| api.client.patch(&target, &json!({ "displayName": name }));
    check_preconditions(&api.client, &target, &json!({ "displayName": "x" })).await;
    for tag in ["\"2\"", "W/\"1\""] {
        let put = api.client.put(&target, &json!({ "displayName": "x" })).header("if-match", tag);
        assert_problem(&put.send().await, 412, "precondition-failed");
    }
    let first = patch("b").header("if-match", "\"1\"");
    first.send().await.expect(200);
    assert_problem(&first.send().await, 412, "precondition-failed");
    // Membership changes change the ETag.
    let users = create_users(&api.client, 1).await;
    add_members(&api.client, &group, &users).await;
    assert_problem(&patch("c").header("if-match", "\"2\"").send().await, 412, "precondition-failed");
    api.client.delete(&target).header("if-match", "\"3\"").send().await.expect(204);
}

async fn minimal_responses_have_no_body(api: Api) {
    let minimal = |request: crate::support::http::Request| request.header("prefer", "return=minimal");
    let created =
        minimal(api.client.post("/groups", &json!({ "displayName": "a" }))).send().await.expect(201);
    assert_eq!((created.text().as_str(), created.header("etag")), ("", Some("\"1\"")));
    assert_eq!(created.header("preference-applied"), Some("return=minimal"));
    let target = created.header("location").expect("the response has the header");
    let put = minimal(api.client.put(target, &json!({ "displayName": "b" }))).send().await.expect(204);
    assert_eq!((put.text().as_str(), put.header("etag")), ("", Some("\"2\"")));
    let patch = minimal(api.client.patch(target, &json!({ "displayName": "c" }))).send().await.expect(204);
    assert_eq!((patch.text().as_str(), patch.header("etag")), ("", Some("\"3\"")));
    assert_eq!(get(&api.client, target).await["displayName"], "c");
}

async fn a_repeated_creation_returns_the_first_response(api: Api) {
    let post = async |path: &str, body: &Value| {
        api.client.post(path, body).header("idempotency-key", "k").send().await
    };
    let body = json!({ "displayName": "a" });
    let first = post("/groups", &body).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let target = first.header("location").expect("the response has the header");
    api.client.patch(target, &json!({ "displayName": "b" })).send().await.expect(200);
    let again = post("/groups", &body).await.expect(201);
    assert_eq!((again.text(), again.header("idempotency-replayed")), (first.text(), Some("true")));
    for header in ["location", "etag"] {
        assert_eq!(again.header(header), first.header(header));
    }
    assert_problem(&post("/groups", &json!({ "displayName": "c" })).await, 422, "idempotency-key-reused");
    // Keys are scoped to the path.
    let user = post("/users", &json!({ "userName": "ada" })).await.expect(201);
    assert_eq!(user.header("idempotency-replayed"), None);
    let responses = send_concurrently(20, |_| {
        api.client.post("/groups", &json!({ "displayName": "x" })).header("idempotency-key", "x")
    });
    assert_eq!(count_with_status(&responses.await, 201), 20);
    assert_eq!(get(&api.client, "/groups?include=total").await["total"], 2);
}

async fn a_deleted_group_leaves_nothing_behind(api: Api) {
    let group = create_group(&api.client, &full_group("a")).await;
    let users = create_users(&api.client, 3).await;
    add_members(&api.client, &group, &users).await;
    let response = api.client.delete(&group_path(&group)).send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", None));
    for target in [group_path(&group), members_path(&group), member_path(&group, &users[0])] {
        assert_problem(&api.client.get(&target).send().await, 404, "not-found");
    }
    let unknown = group_path(&group);
    assert_problem(&api.client.delete(&unknown).send().await, 404, "not-found");
    assert_problem(&api.client.patch(&unknown, &json!({})).send().await, 404, "not-found");
    assert_eq!(get(&api.client, "/groups?include=total").await, json!({ "items": [], "total": 0 }));
    for user in &users {
        let groups = get(&api.client, &format!("/users/{}/groups?include=total", text(&user["id"]))).await;
        assert_eq!(groups, json!({ "items": [], "total": 0 }));
    }
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM members"), 0);
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM group_external_ids"), 0);
    create_group(&api.client, &full_group("a")).await;
}

async fn one_of_several_writers_with_the_same_etag_succeeds(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let responses = send_concurrently(30, |index| {
        let body = json!({ "displayName": index.to_string() });
        let request = match index % 2 {
            0 => api.client.put(&group_path(&group), &body),
            _ => api.client.patch(&group_path(&group), &body),
        };
        request.header("if-match", "\"1\"")
    })
    .await;
    let written = expect_one_success(&responses, 200, 412).json();
    assert_eq!(get(&api.client, &group_path(&group)).await, written);
}

async fn a_tenant_with_groups_cannot_be_deleted(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    let group = create_named_group(&acme, "a").await;
    assert_state_conflict(&api.client.delete(&tenant_path(&tenant)).send().await);
    assert_eq!(get(&acme, &group_path(&group)).await, group);
    acme.delete(&group_path(&group)).send().await.expect(204);
    api.client.delete(&tenant_path(&tenant)).send().await.expect(204);
    assert_problem(&acme.post("/groups", &json!({ "displayName": "a" })).send().await, 404, "not-found");
}

async fn groups_are_isolated_between_tenants(api: Api) {
    let mut admins = Vec::new();
    for name in ["acme", "beta"] {
        create_tenant(&api.client, name).await;
        admins.push(client_with_role(&api.client.in_tenant(name), "admin").await);
    }
    let (groups, users) = {
        let (mut groups, mut users) = (Vec::new(), Vec::new());
        for admin in &admins {
            groups.push(create_group(admin, &full_group("a")).await);
            users.push(create_users(admin, 1).await.remove(0));
            add_members(admin, &groups[groups.len() - 1], &users[users.len() - 1..]).await;
        }
        (groups, users)
    };
    for (own, other) in [(0, 1), (1, 0)] {
        let client = &admins[own];
        let foreign = &groups[other];
        for request in [
            client.get(&group_path(foreign)),
            client.put(&group_path(foreign), &json!({ "displayName": "x" })),
            client.patch(&group_path(foreign), &json!({ "displayName": "x" })),
            client.delete(&group_path(foreign)),
            client.get(&members_path(foreign)),
            client.post(&members_path(foreign), &json!({ "userIds": [users[own]["id"]] })),
            client.get(&member_path(foreign, &users[other])),
            client.put(&member_path(foreign, &users[own]), &json!({})),
            client.delete(&member_path(foreign, &users[other])),
            client.put(&member_path(&groups[own], &users[other]), &json!({})),
            client.delete(&member_path(&groups[own], &users[other])),
            client.get(&format!("/users/{}/groups", text(&users[other]["id"]))),
        ] {
            assert_problem(&request.send().await, 404, "not-found");
        }
        let add = client.post(&members_path(&groups[own]), &json!({ "userIds": [users[other]["id"]] }));
        assert_invalid(&add.send().await, &[("/userIds/0", "unknown-user")]);
        let page = get(client, "/groups?include=total").await;
        assert_eq!((items(&page)[0]["id"].clone(), &page["total"]), (groups[own]["id"].clone(), &json!(1)));
        for (filter, count) in [
            (format!("members eq {}", users[own]["id"]), 1),
            (format!("members eq {}", users[other]["id"]), 0),
        ] {
            let target = format!("/groups?filter={}", crate::support::percent_encoded(&filter));
            assert_eq!(items(&get(client, &target).await).len(), count, "{filter}");
        }
    }
}
