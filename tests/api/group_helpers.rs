//! Helpers that create groups and members.

use crate::api::callers::get;
use crate::api::query::items;
use crate::support::api::text;
use crate::support::http::Client;
use serde_json::{Value, json};

/// Creates a group and returns it.
pub(crate) async fn create_group(client: &Client, body: &Value) -> Value {
    client.post("/groups", body).send().await.expect(201).json()
}

/// Creates a group that has only a `displayName`.
pub(crate) async fn create_named_group(client: &Client, name: &str) -> Value {
    create_group(client, &json!({ "displayName": name })).await
}

/// Creates users `u0`, `u1`, ….
pub(crate) async fn create_users(client: &Client, count: usize) -> Vec<Value> {
    let mut users = Vec::new();
    for index in 0..count {
        let body = json!({ "userName": format!("u{index}") });
        users.push(client.post("/users", &body).send().await.expect(201).json());
    }
    users
}

/// `/groups/{id}` of a group.
pub(crate) fn group_path(group: &Value) -> String {
    format!("/groups/{}", text(&group["id"]))
}

/// `/groups/{id}/members` of a group.
pub(crate) fn members_path(group: &Value) -> String {
    format!("{}/members", group_path(group))
}

/// `/groups/{id}/members/{userId}` of a group and a user.
pub(crate) fn member_path(group: &Value, user: &Value) -> String {
    format!("{}/{}", members_path(group), text(&user["id"]))
}

/// The request body that adds users to a group.
pub(crate) fn user_ids_body<'u>(users: impl IntoIterator<Item = &'u Value>) -> Value {
    json!({ "userIds": users.into_iter().map(|user| user["id"].clone()).collect::<Vec<_>>() })
}

/// Adds users to a group.
pub(crate) async fn add_members(client: &Client, group: &Value, users: &[Value]) {
    client.post(&members_path(group), &user_ids_body(users)).send().await.expect(204);
}

/// The `userName`s of a group's members, in the order of their ids.
pub(crate) async fn member_names(client: &Client, group: &Value) -> Vec<String> {
    let page = get(client, &format!("{}?limit=500", members_path(group))).await;
    items(&page).iter().map(|member| text(&member["userName"]).to_owned()).collect()
}
