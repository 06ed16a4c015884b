//! Helpers that create keys, tenants and users as any caller in any tenant.

use crate::support::api::{Api, text};
use crate::support::http::{Client, Response};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Creates a key and returns it with its secret.
pub(crate) async fn create_key(client: &Client, body: &Value) -> Value {
    client.post("/keys", body).send().await.expect(201).json()
}

/// Creates a key and lets it expire. The API refuses a key that has already expired.
pub(crate) async fn create_expired_key(api: &Api, role: &str) -> Value {
    let key = create_key(&api.client, &json!({ "role": role, "name": "expired" })).await;
    api.sql().execute("UPDATE keys SET expires_at = 1577836800000000 WHERE name = 'expired'");
    key
}

/// A time in the near future.
pub(crate) fn soon() -> String {
    let time = OffsetDateTime::now_utc() + Duration::from_millis(200);
    time.format(&Rfc3339).expect("the time can be formatted")
}

/// The same client with a key that [`create_key`] returned.
#[track_caller]
pub(crate) fn client_with_key(client: &Client, key: &Value) -> Client {
    client.with_key(text(&key["secret"]))
}

/// The same client with a new key of the role in the tenant of `client`.
pub(crate) async fn client_with_role(client: &Client, role: &str) -> Client {
    client_with_key(client, &create_key(client, &json!({ "role": role })).await)
}

/// Creates a tenant and returns it.
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

/// Creates a user and returns it.
pub(crate) async fn create_user(client: &Client, body: &Value) -> Value {
    client.post("/users", body).send().await.expect(201).json()
}

/// The JSON body of a GET, which must return 200.
pub(crate) async fn get(client: &Client, target: &str) -> Value {
    let response = client.get(target).send().await;
    assert_eq!(response.code(), 200, "{target}: {}", response.text());
    response.json()
}

/// Checks that HEAD returns this status and the headers of GET, without a body.
pub(crate) async fn check_head(client: &Client, target: &str, status: u16) {
    let send = async |method: Method| {
        client.request(method, target).header("x-request-id", "same").send().await.expect(status)
    };
    let (get, head) = (send(Method::GET).await, send(Method::HEAD).await);
    assert_eq!(head.text(), "", "{target}");
    let headers = |response: &Response| {
        let mut headers = response.headers.clone();
        headers.remove("date");
        headers
    };
    assert_eq!(headers(&head), headers(&get), "{target}");
}
