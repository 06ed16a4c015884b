//! Members of groups, and deletion (RFC 7644, sections 3.5.2 and 3.6).

use crate::scim::client::{GROUP, Scim, patch_op, path};
use crate::support::api::{count_with_status, send_concurrently, text};
use serde_json::{Value, json};

// `connections` tests which of these operations a strict connection rejects.
engine_tests! {
    members_are_removed_in_every_form
    members_without_a_value_and_unknown_fields_of_members_are_ignored
    a_new_group_and_its_members_are_recorded_in_revision_order
}

profile_tests! {
    members_are_added_in_every_form
    all_invalid_members_are_reported_at_once
    a_member_can_be_replaced_by_itself
    one_patch_changes_hundreds_of_members
    deleted_resources_return_404
    a_list_with_too_many_members_is_rejected
    concurrent_member_patches_lose_no_member
}

/// The rows have the same version, so a follower must apply them by revision.
async fn a_new_group_and_its_members_are_recorded_in_revision_order(scim: Scim) {
    let users = create_users(&scim, &["a", "b"]).await;
    let group = scim.create_group("Poets", &users.iter().collect::<Vec<_>>()).await;
    let feed = scim.api.client.get("/changes?after=2").send().await.expect(200).json();
    let rows = feed["items"].as_array().expect("the value is a list").iter();
    let rows: Vec<_> = rows
        .map(|row| {
            let id = if row["resource"] == "group" { &row["id"] } else { &row["groupId"] };
            json!([row["revision"], row["type"], id, row["userId"], row["version"], row["time"]])
        })
        .collect();
    let time = &feed["items"][0]["time"];
    let row = |revision: u64, kind: &str, user: &Value| json!([revision, kind, group["id"], user, 1, time]);
    let expected = [
        row(3, "group.created", &Value::Null),
        row(4, "member.added", &users[0]["id"]),
        row(5, "member.added", &users[1]["id"]),
    ];
    assert_eq!(rows, expected);
}

/// Creates users with these names.
async fn create_users(scim: &Scim, names: &[&str]) -> Vec<Value> {
    let mut users = Vec::new();
    for name in names {
        users.push(scim.create_user(name).await);
    }
    users
}

async fn members_are_removed_in_every_form(scim: Scim) {
    let users = create_users(&scim, &["a", "b", "c"]).await;
    let ids: Vec<_> = users.iter().map(|user| text(&user["id"]).to_owned()).collect();
    let [a, b, c] = [0, 1, 2].map(|n| ids[n].as_str());
    for (operation, remaining) in [
        (json!({"op": "Remove", "path": format!("members[value eq \"{a}\"]")}), vec![b, c]),
        (json!({"op": "Remove", "path": "members", "value": [{"value": a, "$ref": null}]}), vec![b, c]),
        (json!({"op": "remove", "path": "members", "value": {"value": a}}), vec![b, c]),
        (json!({"op": "remove", "path": format!("members[value eq \"{a}\" or value eq \"{c}\"]")}), vec![b]),
        (json!({"op": "remove", "path": "members"}), vec![]),
        (json!({"op": "replace", "path": "members", "value": []}), vec![]),
        (json!({"op": "replace", "path": "members", "value": [{"value": b}]}), vec![b]),
        (json!({"op": "remove", "path": "members[value eq \"nobody\"]"}), vec![a, b, c]),
        (json!({"op": "remove", "path": "members", "value": []}), vec![a, b, c]),
    ] {
        let group = scim.create_group("Poets", &users.iter().collect::<Vec<_>>()).await;
        scim.patch(204, &path(&group), json!([operation])).await;
        assert_eq!(scim.members(&group).await, remaining, "{operation}");
        let version = scim.get(&path(&group)).await["meta"]["version"].clone();
        assert_eq!(version, if remaining.len() == 3 { "W/\"1\"" } else { "W/\"2\"" }, "{operation}");
    }
}

async fn members_are_added_in_every_form(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let id = &ada["id"];
    for operation in [
        json!({"op": "Add", "path": "members", "value": [{"value": id}]}),
        json!({"op": "add", "path": "members", "value": {"value": id, "type": "User", "display": "ignored"}}),
        json!({"op": "add", "path": "members", "value": id}),
        json!({"op": "add", "value": {"members": [{"value": id}, {"value": id}]}}),
    ] {
        let group = scim.create_group("Poets", &[]).await;
        for _ in 0..2 {
            scim.patch(204, &path(&group), json!([operation])).await;
        }
        let group = scim.get(&path(&group)).await;
        assert_eq!(group["members"], json!([{"value": id, "$ref": ada["meta"]["location"], "type": "User"}]));
        assert_eq!(group["meta"]["version"], "W/\"2\"", "{operation}");
    }
    let group = scim.create_group("Poets", &[]).await;
    for value in [
        json!([{"value": id}, {"value": "00000000-0000-7000-8000-000000000000"}]),
        json!([{"value": id}, {"value": "nobody"}]),
        json!([{"value": id}, {"value": group["id"], "type": "Group"}]),
    ] {
        let add = patch_op(json!([{"op": "add", "path": "members", "value": value}]));
        scim.expect_error((400, "invalidValue"), "PATCH", &path(&group), add).await;
        assert_eq!(scim.get(&path(&group)).await, group, "no member is added");
    }
}

async fn a_member_can_be_replaced_by_itself(scim: Scim) {
    let (ada, bob) = (scim.create_user("ada").await, scim.create_user("bob").await);
    let group = scim.create_group("Poets", &[&ada]).await;
    let at = format!("members[value eq \"{}\"]", text(&ada["id"]));
    for (at, value) in [(at.clone(), json!({"value": ada["id"]})), (format!("{at}.value"), ada["id"].clone())]
    {
        let replace = |value: &Value| json!([{"op": "replace", "path": at, "value": value}]);
        scim.patch(204, &path(&group), replace(&value)).await;
        let other = patch_op(replace(&bob["id"]));
        scim.expect_error((400, "mutability"), "PATCH", &path(&group), other).await;
        assert_eq!(scim.members(&group).await, [text(&ada["id"])]);
    }
    // If the user is not a member yet, the lenient profile adds it, and the strict profile finds no target.
    let group = scim.create_group("Painters", &[]).await;
    let add = |id: &Value| {
        let at = format!("members[value eq \"{}\"]", text(id));
        json!([{"op": "add", "path": at, "value": {"value": id}}])
    };
    if scim.adds_schemas {
        scim.expect_error((400, "noTarget"), "PATCH", &path(&group), patch_op(add(&ada["id"]))).await;
        return;
    }
    scim.patch(204, &path(&group), add(&ada["id"])).await;
    assert_eq!(scim.members(&group).await, [text(&ada["id"])]);
    for unknown in [json!("nobody"), json!("00000000-0000-7000-8000-000000000001")] {
        scim.expect_error((400, "invalidValue"), "PATCH", &path(&group), patch_op(add(&unknown))).await;
    }
}

async fn all_invalid_members_are_reported_at_once(scim: Scim) {
    let (ada, group) = (scim.create_user("ada").await, scim.create_group("Poets", &[]).await);
    let unknown = ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"];
    let values: Vec<_> = ["nobody", unknown[0], text(&ada["id"]), "no one", unknown[1]]
        .iter()
        .map(|id| json!({"value": id}))
        .collect();
    let invalid = json!({"schemas": [GROUP], "members": values});
    let add = json!({"op": "add", "path": "members", "value": values});
    let names = ["nobody", "no one", unknown[0], unknown[1]];
    for (method, target, body, others) in [
        ("POST", "/Groups", invalid.clone(), vec!["displayName"]),
        ("PUT", &path(&group), invalid, vec!["displayName"]),
        ("PATCH", &path(&group), patch_op(json!([add])), vec![]),
        (
            "PATCH",
            &path(&group),
            patch_op(json!([{"op": "replace", "path": "displayName", "value": {}}, add])),
            vec!["displayName"],
        ),
    ] {
        let detail = scim.expect_error((400, "invalidValue"), method, target, body).await;
        assert!(names.iter().chain(&others).all(|name| detail.contains(name)), "{method}: {detail}");
        assert!(!detail.contains(text(&ada["id"])), "{detail}");
    }
    let many: Vec<_> = (0..25).map(|n| json!({"value": format!("x{n}")})).collect();
    let add = patch_op(json!([{"op": "add", "path": "members", "value": many}]));
    let detail = scim.expect_error((400, "invalidValue"), "PATCH", &path(&group), add).await;
    assert!(detail.contains("(\"x9\") is not the id of a user; and 15 more errors."), "{detail}");
    assert_eq!(scim.get(&path(&group)).await, group);
}

async fn members_without_a_value_and_unknown_fields_of_members_are_ignored(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let member = json!({"value": ada["id"], "userName": "ada", "displayName": "Ada", "operation": "add"});
    let group = json!({"displayName": "Poets", "members": [member, {"display": "x"}, {"value": ""}, ""]});
    let group = scim.create("/Groups", group).await;
    assert_eq!(scim.members(&group).await, [text(&ada["id"])]);
    for value in [json!([{"value": ""}]), json!(""), json!([""])] {
        scim.patch(204, &path(&group), json!([{"op": "remove", "path": "members", "value": value}])).await;
        assert_eq!(scim.members(&group).await, [text(&ada["id"])], "{value}");
    }
}

async fn one_patch_changes_hundreds_of_members(scim: Scim) {
    let operation = |n: i32| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": {"userName": n.to_string()}});
    let operations: Vec<_> = (0..400).map(operation).collect();
    scim.call(200, "POST", "/Bulk", json!({ "Operations": operations })).await;
    let users = scim.get("/Users?count=500&attributes=id").await["Resources"].clone();
    let group = scim.create_group("Poets", &[]).await;
    let users = users.as_array().expect("the response has Resources");
    let adds: Vec<_> = users
        .iter()
        .map(|user| json!({"op": "Add", "path": "members", "value": [{"value": user["id"]}]}))
        .collect();
    scim.patch(204, &path(&group), adds.into()).await;
    assert_eq!(scim.members(&group).await.len(), 400);
    assert_eq!(scim.get(&path(&group)).await["meta"]["version"], "W/\"2\"");
    let half: Vec<_> = users.iter().take(200).map(|user| json!({"value": user["id"]})).collect();
    scim.patch(204, &path(&group), json!([{"op": "Remove", "path": "members", "value": half}])).await;
    assert_eq!(scim.members(&group).await.len(), 200);
    let back = json!([
        {"op": "Remove", "path": "members", "value": [{"value": users[300]["id"]}]},
        {"op": "Add", "path": "members", "value": [{"value": users[300]["id"]}]},
    ]);
    scim.patch(204, &path(&group), back).await;
    assert_eq!(
        scim.get(&path(&group)).await["meta"]["version"],
        "W/\"3\"",
        "removing and adding the same member in one request changes nothing"
    );
}

async fn deleted_resources_return_404(scim: Scim) {
    let (ada, bob) = (scim.create_user("ada").await, scim.create_user("bob").await);
    let group = scim.create_group("Poets", &[&ada, &bob]).await;
    let response = scim.send("DELETE", &path(&ada), &Value::Null).await.expect(204);
    assert!(response.bytes.is_empty());
    for (method, body) in [
        ("GET", Value::Null),
        ("PUT", json!({"userName": "ada"})),
        ("PATCH", patch_op(json!([{"op": "remove", "path": "title"}]))),
        ("DELETE", Value::Null),
    ] {
        scim.expect_error((404, ""), method, &path(&ada), body).await;
    }
    assert_eq!(scim.find("Users", "userName pr").await, ["bob"]);
    assert_eq!(scim.members(&group).await, [text(&bob["id"])]);
    assert_eq!(scim.get(&path(&group)).await["meta"]["version"], "W/\"2\"");
    scim.create_user("ada").await;
    scim.call(204, "DELETE", &path(&group), Value::Null).await;
    scim.expect_error((404, ""), "GET", &path(&group), Value::Null).await;
}

async fn a_list_with_too_many_members_is_rejected(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let group = scim.create_group("Poets", &[&ada]).await;
    scim.create_group("Others", &[&ada]).await;
    // Creating that many members would take too long.
    scim.api.sql().execute("UPDATE groups SET member_count = 100000");
    let detail = scim.expect_error((400, "tooMany"), "GET", "/Groups", Value::Null).await;
    assert!(detail.contains("excludedAttributes=members"), "{detail}");
    scim.expect_error((400, "tooMany"), "POST", "/Groups/.search", json!({})).await;
    assert_eq!(scim.get("/Groups?excludedAttributes=members").await["totalResults"], 2);
    assert_eq!(scim.get("/Groups?count=1").await["itemsPerPage"], 1);
    assert_eq!(scim.members(&group).await.len(), 1, "a single group is always returned in full");
}

async fn concurrent_member_patches_lose_no_member(scim: Scim) {
    let names: Vec<_> = (0..64).map(|n| format!("user-{n}")).collect();
    let users = create_users(&scim, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let group = scim.create_group("Poets", &[]).await;
    let responses = send_concurrently(64, |n| {
        let body = patch_op(json!([{"op": "add", "path": "members", "value": [{"value": users[n]["id"]}]}]));
        let at = format!("/scim/v2{}", path(&group));
        scim.client.request(reqwest::Method::PATCH, &at).json(&body)
    })
    .await;
    assert_eq!(count_with_status(&responses, 204), 64);
    assert_eq!(scim.members(&group).await.len(), 64);
    assert_eq!(scim.get(&path(&group)).await["meta"]["version"], "W/\"65\"");
}
