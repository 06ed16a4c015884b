//! Callers other than the settings' key, in any tenant, and what they make.

use crate::support::api::text;
use crate::support::http::Client;
use serde_json::{Value, json};

/// Makes a key and gives it as the response shows it, with its secret.
pub(crate) async fn create_key(client: &Client, body: &Value) -> Value {
    client.post("/keys", body).send().await.expect(201).json()
}

/// The same client with the key that a response shows.
#[track_caller]
pub(crate) fn client_with_key(client: &Client, key: &Value) -> Client {
    client.keyed(text(&key["secret"]))
}

/// The same client with a new key of a role, whose own tenant is the one in which `client` acts.
pub(crate) async fn client_with_role(client: &Client, role: &str) -> Client {
    client_with_key(client, &create_key(client, &json!({ "role": role })).await)
}

/// Makes a tenant and gives it as the response shows it.
pub(crate) async fn create_tenant(client: &Client, name: &str) -> Value {
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

/// Creates a user and gives it as the response shows it.
pub(crate) async fn create_user(client: &Client, body: &Value) -> Value {
    client.post("/users", body).send().await.expect(201).json()
}

/// What a GET gives.
pub(crate) async fn get(client: &Client, target: &str) -> Value {
    let response = client.get(target).send().await;
    assert_eq!(response.code(), 200, "{target}: {}", response.text());
    response.json()
}
