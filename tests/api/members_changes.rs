//! Changes of groups and members in the change feed.

use crate::api::callers::{client_with_role, create_tenant, get};
use crate::api::feed_helpers::{follow, number, without_digests};
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_names, member_path,
    members_path, user_ids_body,
};
use crate::api::problem::check_queries_rejected;
use crate::support::api::{Api, path, send_concurrently, text};
use reqwest::Method;
use roster::domain::digest::Digest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

engine_tests! {
    group_changes_have_every_field
    membership_changes_have_every_field
    deleting_a_group_produces_one_change
    memberships_are_removed_before_their_user
    erasure_keeps_membership_changes
    failed_and_empty_writes_produce_no_change
    changes_are_filtered_by_type_and_resource
    a_follower_reconstructs_the_final_state
}

fn actor() -> Value {
    json!({ "type": "admin", "id": "admin" })
}

async fn last_change(api: &Api) -> Value {
    follow(&api.client, 0, "").await.pop().expect("the feed has a change")
}

async fn group_changes_have_every_field(api: Api) {
    let body = json!({ "displayName": "a", "externalId": "x", "custom": { "floor": 7 } });
    let post = api.client.post("/groups", &body).header("x-request-id", "one");
    let group = post.send().await.expect(201).json();
    let id = text(&group["id"]).parse().expect("the id is a UUID");
    let digest = |version| Digest::of_group(id, version).to_string();
    let facts = json!({ "displayName": "a", "custom": { "floor": 7 }, "extensions": {}, "externalIds": { "native": "x" } });
    let expected = json!({
        "revision": 1, "time": group["updatedAt"], "actor": actor(), "requestId": "one", "type": "group.created",
        "resource": "group", "id": group["id"], "version": 1, "before": null, "after": facts,
        "digest": digest(1),
    });
    assert_eq!(last_change(&api).await, expected);
    let patch = json!({ "displayName": "b", "externalId": null, "custom": { "floor": 7 } });
    let patch = api.client.patch(&group_path(&group), &patch).header("x-request-id", "two");
    let patched = patch.send().await.expect(200).json();
    let expected = json!({
        "revision": 2, "time": patched["updatedAt"], "actor": actor(), "requestId": "two", "type": "group.updated",
        "resource": "group", "id": group["id"], "version": 2,
        "before": { "displayName": "a", "externalIds": { "native": "x" } },
        "after": { "displayName": "b", "externalIds": {} }, "digest": digest(2),
    });
    assert_eq!(last_change(&api).await, expected);
    api.client.delete(&group_path(&group)).header("x-request-id", "three").send().await.expect(204);
    let row = last_change(&api).await;
    let facts = json!({ "displayName": "b", "custom": { "floor": 7 }, "extensions": {}, "externalIds": {} });
    let expected = json!({
        "revision": 3, "time": row["time"], "actor": actor(), "requestId": "three", "type": "group.deleted",
        "resource": "group", "id": group["id"], "version": 3, "before": facts, "after": null,
        "digest": "0000000000000000",
    });
    assert_eq!(row, expected);
    assert!(text(&row["time"]) > text(&patched["updatedAt"]), "{row}");
}

async fn membership_changes_have_every_field(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 3).await;
    let after = follow(&api.client, 0, "").await.len() as u64;
    let row = |revision: u64, request: &str, kind: &str, user: &Value, version: u64, time: &Value| {
        json!({
            "revision": after + revision, "time": time, "actor": actor(), "requestId": request, "type": kind,
            "resource": "member", "groupId": group["id"], "userId": user["id"], "version": version, "before": null,
            "after": null,
        })
    };
    let time = async || get(&api.client, &group_path(&group)).await["updatedAt"].clone();
    let body = user_ids_body([&users[2], &users[0]]);
    let post = api.client.post(&members_path(&group), &body).header("x-request-id", "one");
    post.send().await.expect(204);
    let one = time().await;
    let put = api.client.request(Method::PUT, &member_path(&group, &users[1])).header("x-request-id", "two");
    put.send().await.expect(204);
    let two = time().await;
    let delete = api.client.delete(&member_path(&group, &users[2])).header("x-request-id", "three");
    delete.send().await.expect(204);
    let expected = [
        row(1, "one", "member.added", &users[2], 2, &one),
        row(2, "one", "member.added", &users[0], 2, &one),
        row(3, "two", "member.added", &users[1], 3, &two),
        row(4, "three", "member.removed", &users[2], 4, &time().await),
    ];
    let rows = follow(&api.client, after, "").await;
    assert_eq!(without_digests(&rows), expected);
    assert!(text(&one) < text(&two));
    let reader = client_with_role(&api.client, "reader").await;
    assert_eq!(follow(&reader, after, "").await, rows);
}

async fn deleting_a_group_produces_one_change(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    add_members(&api.client, &group, &create_users(&api.client, 3).await).await;
    let before = follow(&api.client, 0, "").await;
    api.client.delete(&group_path(&group)).send().await.expect(204);
    let rows = follow(&api.client, 0, "").await;
    assert_eq!(rows[..before.len()], before);
    assert_eq!(rows.len(), before.len() + 1);
    assert_eq!(
        (&last_change(&api).await["type"], &last_change(&api).await["version"]),
        (&json!("group.deleted"), &json!(3))
    );
}

/// Deletes a user who is in two of three groups. Returns the changes of the deletion, the groups and the user.
async fn delete_member_of_two_groups(api: &Api, query: &str) -> (Vec<Value>, Vec<Value>, Value) {
    let users = create_users(&api.client, 2).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c"] {
        groups.push(create_named_group(&api.client, name).await);
    }
    add_members(&api.client, &groups[2], &users).await;
    add_members(&api.client, &groups[0], &users).await;
    let after = follow(&api.client, 0, "").await.len() as u64;
    let delete = api.client.delete(&format!("{}{query}", path(&users[0]))).header("x-request-id", "bye");
    delete.send().await.expect(204);
    (follow(&api.client, after, "").await, groups, users[0].clone())
}

/// Checks that the changes remove the user from the first and third group, in this order.
#[track_caller]
fn assert_removals(rows: &[Value], groups: &[Value], user: &Value) {
    let found: Vec<_> = rows
        .iter()
        .map(|row| (&row["type"], &row["groupId"], &row["userId"], &row["version"], &row["requestId"]))
        .collect();
    let (kind, version, request) = (json!("member.removed"), json!(3), json!("bye"));
    let expected: Vec<_> =
        [0, 2].map(|index| (&kind, &groups[index]["id"], &user["id"], &version, &request)).into();
    assert_eq!(found, expected);
}

async fn memberships_are_removed_before_their_user(api: Api) {
    let (rows, groups, user) = delete_member_of_two_groups(&api, "").await;
    assert_removals(&rows[..2], &groups, &user);
    assert_eq!((&rows[2]["type"], &rows[2]["id"], rows.len()), (&json!("user.deleted"), &user["id"], 3));
    for (row, group) in rows.iter().zip([&groups[0], &groups[2]]) {
        assert_eq!(row["time"], get(&api.client, &group_path(group)).await["updatedAt"]);
    }
}

async fn erasure_keeps_membership_changes(api: Api) {
    let (rows, groups, user) = delete_member_of_two_groups(&api, "?erase=true").await;
    assert_removals(&rows[..2], &groups, &user);
    let kinds: Vec<_> = rows[2..].iter().map(|row| text(&row["type"])).collect();
    assert_eq!(kinds, ["user.deleted", "user.erased"]);
    let all = follow(&api.client, 0, "").await;
    let members: Vec<_> = all.iter().filter(|row| row["resource"] == "member").collect();
    assert_eq!(members.len(), 6);
    assert!(members.iter().all(|row| row.get("erased").is_none()), "{members:?}");
    // A second erasure produces no change.
    api.client.delete(&format!("{}?erase=true", path(&user))).send().await.expect(204);
    assert_eq!(follow(&api.client, 0, "").await, all);
}

async fn failed_and_empty_writes_produce_no_change(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 2).await;
    add_members(&api.client, &group, &users[..1]).await;
    let before = follow(&api.client, 0, "").await;
    let nobody = json!({ "id": uuid::Uuid::now_v7() });
    let client = &api.client;
    for (request, status) in [
        (client.post("/groups", &json!({})), 422),
        (client.patch(&group_path(&group), &json!({ "displayName": "a" })), 200),
        (client.put(&group_path(&group), &json!({ "displayName": "a" })), 200),
        (client.patch(&group_path(&group), &json!({ "displayName": "b" })).header("if-match", "\"9\""), 412),
        (client.delete(&group_path(&nobody)), 404),
        (client.post(&members_path(&group), &user_ids_body(&users[..1])), 204),
        (client.post(&members_path(&group), &user_ids_body([&users[1], &nobody])), 422),
        (client.request(Method::PUT, &member_path(&group, &users[0])), 204),
        (client.request(Method::PUT, &member_path(&group, &nobody)), 404),
        (client.delete(&member_path(&group, &users[1])), 404),
        (client.get(&members_path(&group)), 200),
    ] {
        request.send().await.expect(status);
    }
    assert_eq!(follow(client, 0, "").await, before);
}

async fn changes_are_filtered_by_type_and_resource(api: Api) {
    let groups = [create_named_group(&api.client, "a").await, create_named_group(&api.client, "b").await];
    let users = create_users(&api.client, 3).await;
    for group in &groups {
        add_members(&api.client, group, &users).await;
        api.client.delete(&member_path(group, &users[1])).send().await.expect(204);
        api.client.patch(&group_path(group), &json!({ "displayName": "c" })).send().await.expect(200);
    }
    api.client.delete(&group_path(&groups[1])).send().await.expect(204);
    api.client.delete(&path(&users[2])).send().await.expect(204);
    let rows = follow(&api.client, 0, "").await;
    let kinds: BTreeSet<_> = rows.iter().map(|row| text(&row["type"])).collect();
    let all = [
        "group.created",
        "group.deleted",
        "group.updated",
        "member.added",
        "member.removed",
        "user.created",
        "user.deleted",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
    for types in ["member.added", "member.removed,user.created", "group.created,group.updated,group.deleted"]
    {
        let is_wanted = |row: &&Value| types.split(',').any(|kind| row["type"] == kind);
        let expected: Vec<_> = rows.iter().filter(is_wanted).cloned().collect();
        for limit in [1, 50] {
            let found = follow(&api.client, 0, &format!("&limit={limit}&type={types}")).await;
            assert_eq!(found, expected, "{types}");
        }
    }
    let ids = groups.iter().chain(&users).map(|resource| text(&resource["id"]));
    for resource in ids.chain(["user", "group", "member"]) {
        let is_wanted =
            |row: &&Value| ["id", "groupId", "userId", "resource"].iter().any(|name| row[*name] == resource);
        let expected: Vec<_> = rows.iter().filter(is_wanted).cloned().collect();
        assert!(expected.len() > 2, "{resource}");
        for limit in [1, 2, 50] {
            let found = follow(&api.client, 0, &format!("&limit={limit}&resource={resource}")).await;
            assert_eq!(found, expected, "{resource}");
        }
    }
    check_queries_rejected(&api.client, "/changes", &["type=member.created"]).await;
    let both = format!("&type=member.added&resource={}", text(&users[0]["id"]));
    assert_eq!(follow(&api.client, 0, &both).await.len(), 2);
    create_tenant(&api.client, "acme").await;
    let of_user = format!("&resource={}", text(&users[0]["id"]));
    assert_eq!(follow(&api.client.in_tenant("acme"), 0, &of_user).await, Vec::<Value>::new());
}

/// The state that a follower derives from the feed: names and versions of groups, and memberships.
#[derive(Debug, Default, PartialEq)]
struct Replica {
    groups: BTreeMap<String, (Value, u64)>,
    members: BTreeSet<(String, String)>,
}

impl Replica {
    fn apply(&mut self, row: &Value) {
        let id = |name: &str| text(&row[name]).to_owned();
        let version = number(&row["version"]);
        match text(&row["type"]) {
            "group.created" => {
                let name = row["after"]["displayName"].clone();
                assert_eq!(self.groups.insert(id("id"), (name, version)), None, "{row}");
            }
            "group.updated" => {
                let group = self.groups.get_mut(&id("id")).expect("the group was created before");
                assert_eq!(version, group.1 + 1, "{row}");
                *group = (row["after"]["displayName"].clone(), version);
            }
            "group.deleted" => {
                let (_, last_change) = self.groups.remove(&id("id")).expect("the group was created before");
                assert_eq!(version, last_change + 1, "{row}");
                self.members.retain(|(group, _)| *group != id("id"));
            }
            "member.added" => {
                self.set_version(&id("groupId"), version);
                assert!(self.members.insert((id("groupId"), id("userId"))), "{row}");
            }
            "member.removed" => {
                self.set_version(&id("groupId"), version);
                assert!(self.members.remove(&(id("groupId"), id("userId"))), "{row}");
            }
            "user.deleted" => assert!(self.members.iter().all(|(_, user)| *user != id("id")), "{row}"),
            _ => {}
        }
    }

    /// Changes of one request have the same version.
    fn set_version(&mut self, group: &str, version: u64) {
        let last_change = &mut self.groups.get_mut(group).expect("the group was created before").1;
        assert!(version == *last_change || version == *last_change + 1, "{version} after {last_change}");
        *last_change = version;
    }
}

async fn a_follower_reconstructs_the_final_state(api: Api) {
    let users = create_users(&api.client, 12).await;
    let mut groups = Vec::new();
    for index in 0..4 {
        groups.push(create_group(&api.client, &json!({ "displayName": format!("g{index}") })).await);
    }
    let responses = send_concurrently(150, |index| {
        let (group, user) = (&groups[index * 7 % 4], &users[index * 5 % 12]);
        match index % 10 {
            0..4 => api.client.request(Method::PUT, &member_path(group, user)),
            4..6 => api.client.post(&members_path(group), &user_ids_body(&users[index % 4..index % 12 + 1])),
            6 => api.client.patch(&group_path(group), &json!({ "displayName": index.to_string() })),
            7 if index % 40 == 7 => api.client.delete(&path(user)),
            9 if index == 99 => api.client.delete(&group_path(group)),
            _ => api.client.delete(&member_path(group, user)),
        }
    });
    for response in responses.await {
        assert!(matches!(response.code(), 200 | 204 | 404 | 422), "{}", response.text());
    }
    let mut replica = Replica::default();
    follow(&api.client, 0, "").await.iter().for_each(|row| replica.apply(row));
    let mut expected = Replica::default();
    for group in crate::api::query::items(&get(&api.client, "/groups").await) {
        let id = text(&group["id"]).to_owned();
        let members = get(&api.client, &format!("{}?limit=500", members_path(group))).await;
        let members = crate::api::query::items(&members);
        assert_eq!(group["memberCount"], members.len());
        assert_eq!(member_names(&api.client, group).await.len(), members.len());
        expected
            .members
            .extend(members.iter().map(|member| (id.clone(), text(&member["userId"]).to_owned())));
        expected.groups.insert(id, (group["displayName"].clone(), number(&group["version"])));
    }
    assert_eq!(replica, expected);
}
