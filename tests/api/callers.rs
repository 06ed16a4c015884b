//! Callers other than the settings' key, in any tenant, and what they make.

use crate::support::api::text;
use crate::support::http::Client;
use serde_json::{Value, json};

/// Makes a key and gives it as the answer shows it, with its secret.
pub(crate) async fn make_key(client: &Client, body: &Value) -> Value {
    client.post("/keys", body).send().await.expect(201).json()
}

/// The same client with the key that an answer shows.
#[track_caller]
pub(crate) fn with_secret(client: &Client, key: &Value) -> Client {
    client.keyed(text(&key["secret"]))
}

/// The same client with a new key of a role, whose own tenant is the one in which `client` acts.
pub(crate) async fn of_role(client: &Client, role: &str) -> Client {
    with_secret(client, &make_key(client, &json!({ "role": role })).await)
}

/// Makes a tenant and gives it as the answer shows it.
pub(crate) async fn make_tenant(client: &Client, name: &str) -> Value {
    client.post("/tenants", &json!({ "name": name })).send().await.expect(201).json()
}

/// `/keys/{id}` of a key.
pub(crate) fn key_path(key: &Value) -> String {
    format!("/keys/{}", text(&key["id"]))
}

/// `/tenants/{id}` of a tenant.
pub(crate) fn tenant_path(tenant: &Value) -> String {
    format!("/tenants/{}", text(&tenant["id"]))
}

/// Creates a user and gives it as the answer shows it.
pub(crate) async fn create(client: &Client, body: &Value) -> Value {
    client.post("/users", body).send().await.expect(201).json()
}

/// What a GET gives.
pub(crate) async fn get(client: &Client, target: &str) -> Value {
    let answer = client.get(target).send().await;
    assert_eq!(answer.code(), 200, "{target}: {}", answer.text());
    answer.json()
}
