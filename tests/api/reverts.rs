//! `POST /changes/revert`: what is undone, and what is kept.

use crate::api::callers::{client_with_role, get};
use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::{follow, number};
use crate::api::fixture::full_user;
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_names, member_path,
};
use crate::api::problem::{assert_invalid, assert_problem, gone_problem};
use crate::api::revert_helpers::{
    actor_with_role, admin, apply, apply_request, conflicts, connection, head, outcomes, plan, plan_request,
    revert, selection,
};
use crate::support::api::{Api, path, text};
use crate::support::exports;
use crate::support::http::Client;
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    updates_are_undone_and_writes_of_others_are_kept
    created_users_and_groups_are_deleted
    deleted_users_and_groups_are_restored_with_their_memberships
    memberships_are_undone_unless_others_changed_them
    what_others_changed_later_is_listed
    the_external_ids_of_each_source_are_undone_separately
    what_a_connection_did_is_undone
    a_revert_can_be_reverted
    users_exchange_their_names_again
    taken_values_are_left_alone
    rules_of_the_tenant_leave_single_values_alone
    erased_values_are_not_restored
    groups_whose_members_are_unknown_are_not_restored
    changes_name_the_revisions_that_they_undo
    a_plan_applies_only_to_its_head
    invalid_requests_are_refused
    a_range_that_is_not_retained_is_gone
    reverts_require_the_admin_role
    other_tenants_are_not_affected
}

async fn updates_are_undone_and_writes_of_others_are_kept(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let user = api.create(&full_user("ada")).await;
    let group = create_group(&api.client, &json!({ "displayName": "a", "custom": { "floor": 3 } })).await;
    let start = head(&api.client).await;
    let patch =
        json!({ "title": null, "emails": [], "active": true, "custom": { "x": 1 }, "enterprise": null });
    writer.patch(&path(&user), &patch).send().await.expect(200);
    api.patch(&user, &json!({ "nickName": "Countess" })).await;
    writer.patch(&path(&user), &json!({ "title": "x", "userName": "b" })).send().await.expect(200);
    writer
        .patch(&group_path(&group), &json!({ "displayName": "b", "custom": null }))
        .send()
        .await
        .expect(200);
    let report = revert(&api.client, start, &actor).await;
    assert_eq!((outcomes(&report), conflicts(&report)), (vec!["update", "update"], vec![]));
    assert_eq!(report["changes"], 3);
    let attributes = json!(["active", "custom", "emails", "enterprise", "title", "userName"]);
    let reverts = json!([start + 1, start + 3]);
    let item = json!({ "resource": "user", "id": user["id"], "outcome": "update", "attributes": attributes, "reverts": reverts });
    assert_eq!(report["items"][0], item);
    let expect_equal = |mut before: Value, after: Value, versions: u64| {
        for name in ["version", "updatedAt"] {
            before[name] = after[name].clone();
        }
        assert_eq!(before, after);
        assert_eq!(number(&after["version"]), versions);
    };
    let mut expected = user.clone();
    expected["nickName"] = json!("Countess");
    expect_equal(expected, api.read(&user).await, 5);
    expect_equal(group.clone(), get(&api.client, &group_path(&group)).await, 3);
    // Nothing is left to undo.
    let again = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&again), ["unchanged", "unchanged"]);
    assert_eq!(again["portions"], json!([{ "items": 2, "revisions": null }]));
}

async fn created_users_and_groups_are_deleted(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let ada = api.create_named("ada").await;
    let old = create_named_group(&api.client, "old").await;
    let start = head(&api.client).await;
    let users = create_users(&writer, 3).await;
    let group = create_named_group(&writer, "new").await;
    add_members(&writer, &group, &[users[0].clone(), ada.clone()]).await;
    add_members(&writer, &old, &users).await;
    writer.delete(&path(&users[2])).send().await.expect(204);
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(conflicts(&report), []);
    assert_eq!(outcomes(&report)[..4], ["delete", "delete", "unchanged", "delete"]);
    for path in [path(&users[0]), path(&users[1]), path(&users[2]), group_path(&group)] {
        assert_eq!(api.client.get(&path).send().await.code(), 404);
    }
    assert_eq!(member_names(&api.client, &old).await, Vec::<String>::new());
    assert_eq!(get(&api.client, "/users?include=total").await["total"], 1);
}

async fn deleted_users_and_groups_are_restored_with_their_memberships(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let ada = api.create(&full_user("ada")).await;
    let users = create_users(&api.client, 3).await;
    let group = create_named_group(&api.client, "a").await;
    let kept = create_named_group(&api.client, "b").await;
    add_members(&api.client, &group, &[ada.clone(), users[0].clone(), users[1].clone()]).await;
    add_members(&api.client, &kept, &[ada.clone(), users[2].clone()]).await;
    let start = head(&api.client).await;
    writer.patch(&path(&ada), &json!({ "title": "x", "userName": "eve" })).send().await.expect(200);
    writer.delete(&path(&ada)).send().await.expect(204);
    writer.delete(&member_path(&group, &users[0])).send().await.expect(204);
    add_members(&writer, &group, &[users[2].clone()]).await;
    writer.delete(&group_path(&group)).send().await.expect(204);
    // Somebody else takes the name that the user had at its deletion, but not the one that it gets back.
    api.create_named("eve").await;
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(conflicts(&report), []);
    assert_eq!(outcomes(&report)[..2], ["restore", "restore"]);
    let mut expected = ada.clone();
    let restored = api.read(&ada).await;
    for name in ["version", "updatedAt"] {
        expected[name] = restored[name].clone();
    }
    assert_eq!(restored, expected);
    assert_eq!(member_names(&api.client, &group).await, ["ada", "u0", "u1"]);
    assert_eq!(member_names(&api.client, &kept).await, ["ada", "u2"]);
}

async fn memberships_are_undone_unless_others_changed_them(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 6).await;
    let group = create_named_group(&api.client, "a").await;
    add_members(&api.client, &group, &users[..3]).await;
    let start = head(&api.client).await;
    for user in &users[..3] {
        writer.delete(&member_path(&group, user)).send().await.expect(204);
    }
    add_members(&writer, &group, &users[3..]).await;
    // Others remove a member that the actor added, and add it again; and they delete a user that the actor removed.
    api.client.delete(&member_path(&group, &users[5])).send().await.expect(204);
    add_members(&api.client, &group, &users[5..]).await;
    let added = head(&api.client).await;
    api.client.delete(&path(&users[0])).send().await.expect(204);
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&report), ["unchanged", "add", "add", "remove", "remove", "unchanged"]);
    assert_eq!(conflicts(&report), [("-", "missing"), ("-", "changed")]);
    let changed = &report["conflicts"][1];
    assert_eq!((&changed["resource"], &changed["userId"]), (&json!("member"), &users[5]["id"]));
    assert_eq!((&changed["revision"], &changed["actor"]), (&json!(added), &admin()));
    assert_eq!(member_names(&api.client, &group).await, ["u1", "u2", "u5"]);
    assert_eq!(get(&api.client, &group_path(&group)).await["memberCount"], 3);
}

async fn what_others_changed_later_is_listed(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let ada = api.create(&json!({ "userName": "ada", "title": "a", "locale": "de" })).await;
    let start = head(&api.client).await;
    writer.patch(&path(&ada), &json!({ "title": "b", "locale": "en" })).send().await.expect(200);
    let created = create_users(&writer, 3).await;
    let [joined, changed, group] = [&created[0], &created[1], &create_named_group(&writer, "g").await];
    let until = head(&api.client).await;
    api.patch(&ada, &json!({ "title": "c" })).await;
    let old = create_named_group(&api.client, "old").await;
    add_members(&api.client, &old, std::slice::from_ref(joined)).await;
    // A later write of the same actor is not in the range, so it is kept as well.
    writer.patch(&path(changed), &json!({ "title": "x" })).send().await.expect(200);
    add_members(&api.client, group, std::slice::from_ref(&ada)).await;
    let selection = json!({ "after": start, "until": until, "actor": actor });
    let report = apply(&api.client, &selection).await;
    assert_eq!(outcomes(&report), ["update", "unchanged", "unchanged", "delete", "unchanged"]);
    let expected = [("title", "changed"), ("-", "changed"), ("-", "changed"), ("-", "changed")];
    assert_eq!(conflicts(&report), expected);
    assert_eq!(report["conflicts"][2]["actor"], actor);
    let ada = api.read(&ada).await;
    assert_eq!((&ada["title"], &ada["locale"]), (&json!("c"), &json!("de")));
    for path in [path(joined), path(changed), group_path(group)] {
        api.client.get(&path).send().await.expect(200);
    }
}

async fn the_external_ids_of_each_source_are_undone_separately(api: Api) {
    let (scim, actor) = connection(&api.client, "Okta").await;
    let ada = api.create(&json!({ "userName": "ada", "externalId": "n" })).await;
    let start = head(&api.client).await;
    let set = async |client: &Client, id: &str| {
        let operations = json!([{ "op": "replace", "path": "externalId", "value": id }]);
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let body = json!({ "schemas": schemas, "Operations": operations });
        let request =
            client.request(Method::PATCH, &format!("/scim/v2{}", path(&ada).replace("users", "Users")));
        request.body("application/scim+json", body.to_string()).send().await.expect(200);
    };
    set(&scim, "okta-1").await;
    api.patch(&ada, &json!({ "externalId": "m" })).await;
    set(&scim, "okta-2").await;
    let report = revert(&api.client, start, &actor).await;
    let attribute = format!("externalIds.{}", text(&actor["id"]));
    assert_eq!(report["items"][0]["attributes"], json!([attribute]));
    assert_eq!(api.read(&ada).await["externalIds"], json!({ "native": "m" }));
}

async fn what_a_connection_did_is_undone(api: Api) {
    let (scim, actor) = connection(&api.client, "Okta").await;
    let send = async |method: Method, path: String, body: Value| {
        let request = scim.request(method, &format!("/scim/v2{path}"));
        let response = match body {
            Value::Null => request.send().await,
            body => request.body("application/scim+json", body.to_string()).send().await,
        };
        assert!(response.status.is_success(), "{}", response.text());
        if response.bytes.is_empty() { Value::Null } else { response.json() }
    };
    let before = create_users(&api.client, 4).await;
    let mut copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
    let start = head(&api.client).await;
    let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "new", "externalId": "1" });
    let new = send(Method::POST, "/Users".to_owned(), user).await;
    let members = json!([{ "value": new["id"] }, { "value": before[1]["id"] }]);
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g", "members": members });
    send(Method::POST, "/Groups".to_owned(), group).await;
    let deactivate = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    send(Method::PATCH, format!("/Users/{}", text(&before[0]["id"])), deactivate).await;
    send(Method::DELETE, format!("/Users/{}", text(&before[1]["id"])), Value::Null).await;
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(conflicts(&report), []);
    copy.follow(&api.client).await;
    let now = TenantCopy::of_export(&exports::lines(&api.client, "").await);
    assert_eq!(copy, now);
    for user in &before {
        let now = api.read(user).await;
        assert_eq!((&now["userName"], &now["active"]), (&user["userName"], &json!(true)));
    }
    assert_eq!(get(&api.client, "/groups?include=total").await["total"], 0);
}

async fn a_revert_can_be_reverted(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let (reverter, reverting) = actor_with_role(&api.client, "admin").await;
    let users = create_users(&api.client, 2).await;
    let group = create_named_group(&api.client, "a").await;
    add_members(&api.client, &group, &users).await;
    let start = head(&api.client).await;
    writer.patch(&path(&users[0]), &json!({ "title": "x" })).send().await.expect(200);
    writer.delete(&path(&users[1])).send().await.expect(204);
    let new =
        writer.post("/users", &json!({ "userName": "new", "title": "y" })).send().await.expect(201).json();
    let middle = head(&api.client).await;
    revert(&reverter, start, &actor).await;
    let report = revert(&api.client, middle, &reverting).await;
    assert_eq!(conflicts(&report), []);
    assert_eq!(api.read(&users[0]).await["title"], "x");
    assert_eq!(api.client.get(&path(&users[1])).send().await.code(), 404);
    assert_eq!(api.read(&new).await["title"], "y");
    assert_eq!(member_names(&api.client, &group).await, ["u0"]);
}

async fn users_exchange_their_names_again(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let [a, b, c] = [
        &api.create(&json!({ "userName": "a", "externalId": "1" })).await,
        &api.create(&json!({ "userName": "b", "externalId": "2" })).await,
        &api.create(&json!({ "userName": "c" })).await,
    ];
    let start = head(&api.client).await;
    for (user, name, id) in [(a, "x", "9"), (b, "a", "1"), (a, "b", "2"), (c, "d", "3")] {
        let patch = json!({ "userName": name, "externalId": id });
        writer.patch(&path(user), &patch).send().await.expect(200);
    }
    // A user that the actor created has the name of another one.
    writer.post("/users", &json!({ "userName": "c", "externalId": "9" })).send().await.expect(201);
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&report), ["update", "update", "update", "delete"]);
    assert_eq!(conflicts(&report), []);
    for (user, name, id) in [(a, "a", json!("1")), (b, "b", json!("2")), (c, "c", Value::Null)] {
        let user = api.read(user).await;
        assert_eq!((&user["userName"], &user["externalId"]), (&json!(name), &id));
        let by_name = get(&api.client, &format!("/users?filter=userName%20eq%20%22{name}%22")).await;
        assert_eq!(by_name["items"][0]["id"], user["id"]);
    }
}

async fn taken_values_are_left_alone(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 2).await;
    let group = create_group(&api.client, &json!({ "displayName": "g", "externalId": "g" })).await;
    let start = head(&api.client).await;
    writer.patch(&path(&users[0]), &json!({ "userName": "x", "title": "t" })).send().await.expect(200);
    writer.delete(&path(&users[1])).send().await.expect(204);
    writer.delete(&group_path(&group)).send().await.expect(204);
    let owners = [
        api.create_named("U0").await,
        api.create_named("u1").await,
        create_group(&api.client, &json!({ "displayName": "h", "externalId": "g" })).await,
    ];
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&report), ["update", "unchanged", "unchanged"]);
    let expected = [("userName", "taken"), ("userName", "taken"), ("externalIds.native", "taken")];
    assert_eq!(conflicts(&report), expected);
    for (conflict, owner) in report["conflicts"].as_array().unwrap().iter().zip(&owners) {
        assert_eq!(conflict["existingId"], owner["id"]);
    }
    let user = api.read(&users[0]).await;
    assert_eq!((&user["userName"], &user["title"]), (&json!("x"), &Value::Null));
}

async fn rules_of_the_tenant_leave_single_values_alone(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let groups = [create_named_group(&api.client, "a").await, create_named_group(&api.client, "b").await];
    let users = create_users(&api.client, 2).await;
    api.patch(&users[0], &json!({ "emails": [{ "value": "ada@example.com" }] })).await;
    let start = head(&api.client).await;
    for group in &groups {
        let name = format!("{}2", text(&group["displayName"]));
        let patch = json!({ "displayName": name, "custom": { "x": 1 } });
        writer.patch(&group_path(group), &patch).send().await.expect(200);
    }
    let patch = json!({ "title": "x", "emails": [] });
    writer.patch(&path(&users[0]), &patch).send().await.expect(200);
    let other = create_named_group(&api.client, "A").await;
    let owner = api.create(&json!({ "userName": "x", "emails": [{ "value": "Ada@example.com" }] })).await;
    api.sql().execute("UPDATE tenants SET unique_group_names = true, unique_emails = true");
    api.sql().execute("UPDATE heads SET unique_values = true");
    let selection = selection(&api.client, start, &actor).await;
    // The plan does not check this rule, which is checked at the commit.
    let planned = plan(&api.client, &selection).await;
    assert_eq!(conflicts(&planned), []);
    let report = apply_request(&api.client, &selection, &planned["head"]).send().await.expect(200).json();
    assert_eq!(conflicts(&report), [("emails", "taken"), ("displayName", "taken")]);
    assert_eq!(report["conflicts"][0]["existingId"], owner["id"]);
    assert_eq!(report["conflicts"][1]["existingId"], other["id"]);
    // The other attributes of the same user and group are reverted.
    assert_eq!(outcomes(&report), ["update", "update", "update"]);
    assert_eq!(api.read(&users[0]).await["title"], Value::Null);
    for (group, name) in groups.iter().zip(["a2", "b"]) {
        let group = get(&api.client, &group_path(group)).await;
        assert_eq!((&group["displayName"], &group["custom"]), (&json!(name), &json!({})));
    }
}

async fn erased_values_are_not_restored(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 2).await;
    let start = head(&api.client).await;
    writer.delete(&path(&users[0])).send().await.expect(204);
    writer.patch(&path(&users[1]), &json!({ "title": "x" })).send().await.expect(200);
    for user in &users {
        api.client.delete(&format!("{}?erase=true", path(user))).send().await.expect(204);
    }
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&report), ["unchanged", "unchanged"]);
    let mut found = conflicts(&report);
    found.sort_unstable();
    assert_eq!(found, [("-", "deleted"), ("-", "erased")]);
}

async fn groups_whose_members_are_unknown_are_not_restored(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let group = create_named_group(&api.client, "a").await;
    let start = head(&api.client).await;
    writer.delete(&group_path(&group)).send().await.expect(204);
    api.sql().execute("DELETE FROM changes WHERE type = 'group.created'");
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(conflicts(&report), [("-", "not-retained")]);
}

async fn changes_name_the_revisions_that_they_undo(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let (reverter, reverting) = actor_with_role(&api.client, "admin").await;
    let users = create_users(&api.client, 3).await;
    let [old, group] =
        [create_named_group(&api.client, "old").await, create_named_group(&api.client, "a").await];
    add_members(&api.client, &old, &users[..1]).await;
    let start = head(&api.client).await;
    writer.patch(&path(&users[1]), &json!({ "title": "x" })).send().await.expect(200); // 1
    writer.patch(&path(&users[1]), &json!({ "title": "y" })).send().await.expect(200); // 2
    writer.delete(&group_path(&old)).send().await.expect(204); // 3
    let new = writer.post("/users", &json!({ "userName": "new" })).send().await.expect(201).json(); // 4
    add_members(&writer, &group, &[new, users[2].clone()]).await; // 5 and 6
    let end = head(&api.client).await;
    assert_eq!(end, start + 6);
    let report = revert(&reverter, start, &actor).await;
    let rows = follow(&api.client, end, "").await;
    let mut found: Vec<_> = Vec::new();
    for row in &rows {
        assert_eq!(row["actor"], reverting);
        let reverts = row["reverts"].as_array().expect("the change has reverts").iter();
        let offsets: Vec<_> = reverts.map(|revision| number(revision) - start).collect();
        found.push((text(&row["type"]), offsets));
    }
    found.sort();
    let added = report["items"].as_array().unwrap().iter().filter(|item| item["resource"] == "member");
    assert_eq!(added.count(), 2);
    let removed_with_user = found.iter().filter(|(kind, _)| *kind == "member.removed").map(|(_, of)| of[0]);
    assert_eq!(removed_with_user.collect::<Vec<_>>(), [5, 6]);
    found.retain(|(kind, _)| *kind != "member.removed");
    let expected = [
        ("group.created", vec![3]),
        ("member.added", vec![3]),
        ("user.deleted", vec![4]),
        ("user.updated", vec![1, 2]),
    ];
    assert_eq!(found, expected);
    // Other changes have no such field, in any representation.
    api.patch(&users[1], &json!({ "title": "z" })).await;
    let row = follow(&api.client, end + rows.len() as u64, "").await;
    assert_eq!(row[0].get("reverts"), None);
    let history = get(&api.client, &format!("{}/changes", path(&users[1]))).await;
    assert_eq!(history["items"][1]["reverts"], json!([start + 1, start + 2]));
}

async fn a_plan_applies_only_to_its_head(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let user = api.create_named("ada").await;
    let start = head(&api.client).await;
    writer.patch(&path(&user), &json!({ "title": "x" })).send().await.expect(200);
    let selection = selection(&api.client, start, &actor).await;
    let planned = plan(&api.client, &selection).await;
    api.create_named("bob").await;
    let request = apply_request(&api.client, &selection, &planned["head"]);
    assert_problem(&request.send().await, 412, "precondition-failed");
    assert_eq!(api.read(&user).await["title"], "x");
    let planned = plan(&api.client, &selection).await;
    let request = apply_request(&api.client, &selection, &planned["head"]);
    request.send().await.expect(200);
    assert_problem(&request.send().await, 412, "precondition-failed");
    assert_eq!(api.read(&user).await["title"], Value::Null);
}

async fn invalid_requests_are_refused(api: Api) {
    api.create_named("ada").await;
    let valid = json!({ "after": 0, "until": 1, "actor": admin() });
    plan(&api.client, &valid).await;
    let send = async |name: &str, value: Value| {
        let mut body = valid.clone();
        body[name] = value;
        plan_request(&api.client, &body).send().await
    };
    assert_invalid(&send("until", json!(2)).await, &[("/until", "invalid-range")]);
    assert_invalid(&send("after", json!(1)).await, &[("/until", "invalid-range")]);
    assert_invalid(&send("after", json!("0")).await, &[("/after", "wrong-type")]);
    assert_invalid(&send("plan", json!(false)).await, &[("/head", "required")]);
    assert_invalid(&send("x", json!(1)).await, &[("/x", "unknown-field")]);
    assert_invalid(
        &send("actor", json!({ "type": "robot", "id": "x" })).await,
        &[("/actor/type", "unknown-actor")],
    );
    let expected = [("/actor", "wrong-type"), ("/actor/type", "required"), ("/actor/id", "required")];
    assert_invalid(&send("actor", json!("admin")).await, &expected);
    assert_invalid(
        &plan_request(&api.client, &json!({})).send().await,
        &[
            ("/after", "required"),
            ("/until", "required"),
            ("/actor", "required"),
            ("/actor/type", "required"),
            ("/actor/id", "required"),
        ],
    );
    let with_query = api.client.post("/changes/revert?plan=true", &valid);
    assert_problem(&with_query.send().await, 400, "invalid-parameter");
    // An actor that has done nothing is not an error.
    let nobody = send("actor", json!({ "type": "cli", "id": "x" })).await.expect(200).json();
    assert_eq!((&nobody["changes"], &nobody["items"]), (&json!(0), &json!([])));
}

async fn a_range_that_is_not_retained_is_gone(api: Api) {
    create_users(&api.client, 3).await;
    api.sql().execute("DELETE FROM changes WHERE revision = 1");
    let selection = |after: u64| json!({ "after": after, "until": 3, "actor": admin() });
    assert_eq!(gone_problem(&plan_request(&api.client, &selection(0)).send().await)["earliest"], 2);
    plan_request(&api.client, &selection(1)).send().await.expect(200);
}

async fn reverts_require_the_admin_role(api: Api) {
    let (_, actor) = actor_with_role(&api.client, "writer").await;
    let selection = selection(&api.client, 0, &actor).await;
    let writer = client_with_role(&api.client, "writer").await;
    assert_problem(&plan_request(&writer, &selection).send().await, 403, "forbidden");
    let (scim, _) = connection(&api.client, "Okta").await;
    assert_problem(&plan_request(&scim, &selection).send().await, 401, "unauthorized");
    let admin = client_with_role(&api.client, "admin").await;
    plan_request(&admin, &selection).send().await.expect(200);
}

async fn other_tenants_are_not_affected(api: Api) {
    let acme = api.client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
    drop(acme);
    let acme = api.client.in_tenant("acme");
    let theirs = create_users(&acme, 2).await;
    let ours = api.create_named("ada").await;
    let start = head(&api.client).await;
    api.patch(&ours, &json!({ "title": "x" })).await;
    acme.patch(&path(&theirs[0]), &json!({ "title": "x" })).send().await.expect(200);
    revert(&api.client, start, &admin()).await;
    assert_eq!(api.read(&ours).await["title"], Value::Null);
    assert_eq!(get(&acme, &path(&theirs[0])).await["title"], "x");
    assert_eq!(head(&acme).await, 3);
}
