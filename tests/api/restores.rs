//! Restoring deleted users and groups: `POST /users/{id}/restore` and `POST /groups/{id}/restore`.

use crate::api::callers::{client_with_role, create_user, get};
use crate::api::feed_helpers::follow;
use crate::api::fixture::full_user;
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_names, member_path,
};
use crate::api::problem::{assert_problem, assert_state_conflict, assert_taken_by};
use crate::support::api::{Api, expect_one_success, path, send_concurrently, text};
use crate::support::http::{Client, Request, Response};
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    a_restored_user_is_as_it_was_with_its_groups
    a_restored_group_is_as_it_was_with_its_members
    memberships_that_ended_before_the_deletion_are_not_restored
    a_restored_user_can_be_deleted_and_restored_again
    the_creation_time_survives_the_retention
    existing_and_unknown_resources_cannot_be_restored
    values_that_are_taken_prevent_a_restore
    erased_users_cannot_be_restored
    groups_whose_members_are_unknown_cannot_be_restored
    concurrent_restores_succeed_once
    restores_require_the_admin_role
}

fn request(client: &Client, path: &str) -> Request {
    client.request(Method::POST, &format!("{path}/restore"))
}

async fn restore(client: &Client, path: &str) -> Response {
    request(client, path).send().await
}

/// Checks that a restored resource has its old attributes and a new version, and returns the version.
#[track_caller]
fn assert_restored(restored: &Value, before: &Value, changes: u64) {
    let version = |resource: &Value| resource["version"].as_u64().expect("the version is a number");
    assert_eq!(version(restored), version(before) + changes, "{restored}");
    assert!(text(&restored["updatedAt"]) > text(&before["updatedAt"]), "{restored}");
    let mut expected = before.clone();
    for name in ["version", "updatedAt"] {
        expected[name] = restored[name].clone();
    }
    assert_eq!(*restored, expected);
}

/// The types of the newest changes.
async fn newest_types(client: &Client, count: usize) -> Vec<String> {
    let rows = follow(client, 0, "").await;
    rows[rows.len() - count..].iter().map(|row| text(&row["type"]).to_owned()).collect()
}

async fn a_restored_user_is_as_it_was_with_its_groups(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let user = api.patch(&user, &json!({ "active": false, "title": "Countess" })).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c"] {
        groups.push(create_named_group(&api.client, name).await);
        add_members(&api.client, &groups[groups.len() - 1], std::slice::from_ref(&user)).await;
    }
    api.client.delete(&path(&user)).send().await.expect(204);
    api.client.delete(&group_path(&groups[1])).send().await.expect(204);
    let response = restore(&api.client, &path(&user)).await.expect(200);
    let mut body = response.json();
    let (kept, missing) = (json!([groups[0]["id"], groups[2]["id"]]), json!([groups[1]["id"]]));
    assert_eq!(body["restored"], json!({ "groups": kept, "missingGroups": missing }));
    body.as_object_mut().expect("the body is an object").remove("restored");
    // The deletion and the restore are a version each.
    assert_restored(&body, &user, 2);
    assert_eq!(response.header("etag"), Some(&*format!("\"{}\"", body["version"])));
    assert_eq!(get(&api.client, &path(&user)).await, body);
    for group in [&groups[0], &groups[2]] {
        assert_eq!(member_names(&api.client, group).await, ["ada"]);
        assert_eq!(get(&api.client, &group_path(group)).await["memberCount"], 1);
    }
    assert_eq!(newest_types(&api.client, 3).await, ["user.created", "member.added", "member.added"]);
}

async fn a_restored_group_is_as_it_was_with_its_members(api: Api) {
    let users = create_users(&api.client, 4).await;
    let body = json!({ "displayName": "Engineers", "externalId": "e-1", "custom": { "floor": 3 } });
    let group = create_group(&api.client, &body).await;
    add_members(&api.client, &group, &users).await;
    api.client.delete(&member_path(&group, &users[3])).send().await.expect(204);
    let mut group = get(&api.client, &group_path(&group)).await;
    api.client.delete(&group_path(&group)).send().await.expect(204);
    api.client.delete(&path(&users[1])).send().await.expect(204);
    let mut restored = restore(&api.client, &group_path(&group)).await.expect(200).json();
    let (kept, missing) = (json!([users[0]["id"], users[2]["id"]]), json!([users[1]["id"]]));
    assert_eq!(restored["restored"], json!({ "members": kept, "missingMembers": missing }));
    restored.as_object_mut().expect("the body is an object").remove("restored");
    group["memberCount"] = json!(2);
    assert_restored(&restored, &group, 2);
    assert_eq!(get(&api.client, &group_path(&group)).await, restored);
    assert_eq!(newest_types(&api.client, 3).await, ["group.created", "member.added", "member.added"]);
}

async fn memberships_that_ended_before_the_deletion_are_not_restored(api: Api) {
    let user = api.create_named("ada").await;
    let mut groups = Vec::new();
    for name in ["a", "b"] {
        groups.push(create_named_group(&api.client, name).await);
        add_members(&api.client, &groups[groups.len() - 1], std::slice::from_ref(&user)).await;
    }
    // The requests have different ids, and their changes directly follow each other.
    api.client.delete(&member_path(&groups[0], &user)).send().await.expect(204);
    api.client.delete(&path(&user)).send().await.expect(204);
    let restored = restore(&api.client, &path(&user)).await.expect(200).json();
    assert_eq!(restored["restored"]["groups"], json!([groups[1]["id"]]));
    assert_eq!(member_names(&api.client, &groups[0]).await, Vec::<String>::new());
}

async fn a_restored_user_can_be_deleted_and_restored_again(api: Api) {
    let user = api.create(&full_user("ada")).await;
    for round in 1..=2 {
        api.client.delete(&path(&user)).send().await.expect(204);
        let mut restored = restore(&api.client, &path(&user)).await.expect(200).json();
        restored.as_object_mut().expect("the body is an object").remove("restored");
        assert_restored(&restored, &user, 2 * round);
    }
}

async fn the_creation_time_survives_the_retention(api: Api) {
    let user = api.create_named("ada").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    api.sql().execute("DELETE FROM changes WHERE type = 'user.created'");
    let restored = restore(&api.client, &path(&user)).await.expect(200).json();
    assert_eq!(restored["createdAt"], user["createdAt"]);
}

async fn existing_and_unknown_resources_cannot_be_restored(api: Api) {
    let user = api.create_named("ada").await;
    let group = create_named_group(&api.client, "a").await;
    for path in [path(&user), group_path(&group)] {
        assert_state_conflict(&restore(&api.client, &path).await);
    }
    // The id of a group is not that of a user.
    for path in [
        format!("/users/{}", text(&group["id"])),
        format!("/groups/{}", text(&user["id"])),
        "/users/0191d6ae-5f00-7000-8000-00000000000a".to_owned(),
        "/users/x".to_owned(),
    ] {
        assert_problem(&restore(&api.client, &path).await, 404, "not-found");
    }
    api.client.delete(&path(&user)).send().await.expect(204);
    let with_query = api.client.request(Method::POST, &format!("{}/restore?x=1", path(&user)));
    assert_problem(&with_query.send().await, 400, "invalid-parameter");
    api.sql().execute("DELETE FROM changes");
    assert_problem(&restore(&api.client, &path(&user)).await, 404, "not-found");
}

async fn values_that_are_taken_prevent_a_restore(api: Api) {
    for (attribute, other) in [
        ("userName", json!({ "userName": "ADA" })),
        ("externalId", json!({ "userName": "grace", "externalId": "e-1" })),
    ] {
        let user = api.create(&json!({ "userName": "ada", "externalId": "e-1" })).await;
        api.client.delete(&path(&user)).send().await.expect(204);
        let owner = api.create(&other).await;
        let head = follow(&api.client, 0, "").await.len();
        assert_taken_by(&restore(&api.client, &path(&user)).await, attribute, &owner);
        assert_eq!(follow(&api.client, 0, "").await.len(), head);
        api.client.delete(&path(&owner)).send().await.expect(204);
        restore(&api.client, &path(&user)).await.expect(200);
        api.client.delete(&path(&user)).send().await.expect(204);
    }
}

async fn erased_users_cannot_be_restored(api: Api) {
    for erase_first in [true, false] {
        let user = api.create_named("ada").await;
        if !erase_first {
            api.client.delete(&path(&user)).send().await.expect(204);
        }
        api.client.delete(&format!("{}?erase=true", path(&user))).send().await.expect(204);
        assert_problem(&restore(&api.client, &path(&user)).await, 410, "gone");
    }
}

async fn groups_whose_members_are_unknown_cannot_be_restored(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    api.client.delete(&group_path(&group)).send().await.expect(204);
    api.sql().execute("DELETE FROM changes WHERE type = 'group.created'");
    assert_problem(&restore(&api.client, &group_path(&group)).await, 410, "gone");
}

async fn concurrent_restores_succeed_once(api: Api) {
    for round in 0..5 {
        let user = create_user(&api.client, &json!({ "userName": format!("u{round}") })).await;
        let group = create_named_group(&api.client, "a").await;
        add_members(&api.client, &group, std::slice::from_ref(&user)).await;
        for path in [path(&user), group_path(&group)] {
            api.client.delete(&path).send().await.expect(204);
            expect_one_success(&send_concurrently(8, |_| request(&api.client, &path)).await, 200, 409);
        }
    }
}

async fn restores_require_the_admin_role(api: Api) {
    let user = api.create_named("ada").await;
    api.client.delete(&path(&user)).send().await.expect(204);
    let writer = client_with_role(&api.client, "writer").await;
    assert_problem(&restore(&writer, &path(&user)).await, 403, "forbidden");
    let admin = client_with_role(&api.client, "admin").await;
    restore(&admin, &path(&user)).await.expect(200);
}
