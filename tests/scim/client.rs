//! A SCIM client that checks the requirements for all SCIM responses.

use crate::support::api::{Api, Engine, text};
use crate::support::http::{Client, Response};
use crate::support::percent_encoded;
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub(crate) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A server and a SCIM client.
pub(crate) struct Scim {
    pub(crate) api: Api,
    pub(crate) client: Client,
    /// Whether to add `schemas` to request bodies that lack it, because a strict connection requires it.
    pub(crate) adds_schemas: bool,
}

/// Runs a test with its own server and an admin key.
pub(crate) fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Scim) -> F) {
    crate::support::api::run(engine, |api| {
        test(Scim { client: api.client.clone(), api, adds_schemas: false })
    });
}

/// Runs a test with its own server and the token of a strict connection.
pub(crate) fn run_strict<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Scim) -> F) {
    run(engine, async |scim| {
        let (_, client) = connect(&scim, "Strict", "strict").await;
        test(Scim { client, adds_schemas: true, ..scim }).await;
    });
}

/// Creates a connection with a token. Returns the connection and a client that uses the token.
pub(crate) async fn connect(scim: &Scim, name: &str, profile: &str) -> (Value, Client) {
    let admin = &scim.api.client;
    let body = json!({"name": name, "profile": profile});
    let connection = admin.post("/connections", &body).send().await.expect(201).json();
    let token = admin.post(&tokens_path(&connection), &json!({})).send().await.expect(201).json();
    (connection, admin.with_key(text(&token["secret"])))
}

/// `/connections/{id}/tokens` of a connection.
pub(crate) fn tokens_path(connection: &Value) -> String {
    format!("/connections/{}/tokens", text(&connection["id"]))
}

/// Adds the `schemas` that a request to the path requires, to the body and to the data of its bulk operations.
fn with_schemas(path: &str, body: &Value) -> Value {
    let mut body = body.clone();
    let path = path.split('?').next().unwrap_or_default().to_ascii_lowercase();
    let urn = match path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>()[..] {
        [.., ".search"] => "urn:ietf:params:scim:api:messages:2.0:SearchRequest",
        ["bulk"] => "urn:ietf:params:scim:api:messages:2.0:BulkRequest",
        ["users", ..] => USER,
        ["groups", ..] => GROUP,
        _ => return body,
    };
    if let Some(fields) = body.as_object_mut().filter(|fields| !fields.contains_key("schemas")) {
        fields.insert("schemas".to_owned(), json!([urn]));
    }
    for operation in body.get_mut("Operations").and_then(Value::as_array_mut).into_iter().flatten() {
        if let (Some(path), Some(data)) = (operation["path"].as_str(), operation.get("data")) {
            operation["data"] = match operation["method"].as_str() {
                Some(method) if method.eq_ignore_ascii_case("PATCH") => patch_op(data["Operations"].clone()),
                _ => with_schemas(path, data),
            };
        }
    }
    body
}

impl Scim {
    /// Sends a request, without a body if `body` is null, and checks the media type and the error body of the response.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        self.send_with(method, path, body, &[]).await
    }

    /// Sends a request with extra headers.
    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Response {
        let method = Method::from_bytes(method.as_bytes()).expect("the method is valid");
        let body = &if self.adds_schemas { with_schemas(path, body) } else { body.clone() };
        let mut request = self.client.request(method, &format!("/scim/v2{path}"));
        if !body.is_null() {
            request = request.body("application/scim+json", body.to_string());
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await;
        check(&response);
        response
    }

    /// Sends a request that must return this status. Returns the response body, or null if it is empty.
    pub(crate) async fn call(&self, status: u16, method: &str, path: &str, body: Value) -> Value {
        let response = self.send(method, path, &body).await;
        assert_eq!(response.code(), status, "{method} {path} {body}: {}", response.text());
        if response.bytes.is_empty() { Value::Null } else { response.json() }
    }

    /// Sends a request that must fail with this status and `scimType`. Returns the detail of the error.
    pub(crate) async fn expect_error(
        &self,
        (status, scim_type): (u16, &str),
        method: &str,
        path: &str,
        body: Value,
    ) -> String {
        let error = self.call(status, method, path, body.clone()).await;
        assert_eq!(
            error["scimType"].as_str().unwrap_or_default(),
            scim_type,
            "{method} {path} {body}: {error}"
        );
        text(&error["detail"]).to_owned()
    }

    /// GETs a path that must return 200.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(200, "GET", path, Value::Null).await
    }

    /// Creates a user that has only a `userName`.
    pub(crate) async fn create_user(&self, name: &str) -> Value {
        self.create("/Users", json!({ "userName": name })).await
    }

    /// Creates a group with members.
    pub(crate) async fn create_group(&self, name: &str, members: &[&Value]) -> Value {
        let members: Vec<_> = members.iter().map(|user| json!({ "value": user["id"] })).collect();
        self.create("/Groups", json!({ "displayName": name, "members": members })).await
    }

    /// Creates a resource.
    pub(crate) async fn create(&self, path: &str, body: Value) -> Value {
        self.call(201, "POST", path, body).await
    }

    /// Applies PATCH operations that must return this status.
    pub(crate) async fn patch(&self, status: u16, path: &str, operations: Value) -> Value {
        self.call(status, "PATCH", path, patch_op(operations)).await
    }

    /// The sorted names of the resources that match a filter, which must also be their `totalResults`.
    pub(crate) async fn find(&self, kind: &str, filter: &str) -> Vec<String> {
        let list = self.get(&filter_path(kind, filter)).await;
        let mut names = names(&list);
        assert_eq!(list["totalResults"], names.len(), "{filter}: {list}");
        names.sort_unstable();
        names
    }

    /// The sorted ids of a group's members.
    pub(crate) async fn members(&self, group: &Value) -> Vec<String> {
        let group = self.get(&path(group)).await;
        let members = group["members"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<_> = members.iter().map(|member| text(&member["value"]).to_owned()).collect();
        ids.sort_unstable();
        ids
    }
}

/// Checks the requirements for all responses: the SCIM media type if there is a body, and an error body if the response is
/// an error (RFC 7644, sections 3.1 and 3.12).
#[track_caller]
fn check(response: &Response) {
    if !response.bytes.is_empty() {
        assert_eq!(response.header("content-type"), Some("application/scim+json"), "{}", response.text());
    }
    if response.code() >= 400 {
        let error = response.json();
        assert_eq!(error["schemas"], json!([ERROR]));
        assert_eq!(error["status"], response.code().to_string());
        let detail = text(&error["detail"]);
        let id = response.header("x-request-id").expect("the response has the header");
        assert!(detail.ends_with(&format!(". Request id: {id}.")), "{detail}");
    }
}

/// A PatchOp message with these operations (RFC 7644, section 3.5.2).
pub(crate) fn patch_op(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

/// `/Users/{id}` or `/Groups/{id}` of a resource.
pub(crate) fn path(resource: &Value) -> String {
    format!("/{}s/{}", text(&resource["meta"]["resourceType"]), text(&resource["id"]))
}

/// The path of a list with a filter.
pub(crate) fn filter_path(kind: &str, filter: &str) -> String {
    format!("/{kind}?filter={}", percent_encoded(filter))
}

/// The names of the resources in a list: `userName`, `displayName` or, without either, `id`.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().expect("the response has Resources");
    let name = |resource: &Value| {
        let name = resource.get("userName").or_else(|| resource.get("displayName"));
        text(name.unwrap_or(&resource["id"])).to_owned()
    };
    resources.iter().map(name).collect()
}
