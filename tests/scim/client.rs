//! A client of SCIM, and what every answer must be.

use crate::support::api::{Api, Engine, text};
use crate::support::http::{Answer, Client};
use crate::support::percent_encoded;
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub(crate) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A server and a client that speaks SCIM.
pub(crate) struct Scim {
    pub(crate) api: Api,
    pub(crate) client: Client,
    /// What is not said of a body's schemas is said for the test: a strict connection asks for it.
    pub(crate) says_schemas: bool,
}

/// Runs a test with a server of its own.
pub(crate) fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Scim) -> F) {
    crate::support::api::run(engine, |api| {
        test(Scim { client: api.client.clone(), api, says_schemas: false })
    });
}

/// The same by a strict connection.
pub(crate) fn run_strictly<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Scim) -> F) {
    run(engine, async |scim| {
        let (_, client) = connected(&scim, "Strict", "strict").await;
        test(Scim { client, says_schemas: true, ..scim }).await;
    });
}

/// A connection with a token, and a client that has it.
pub(crate) async fn connected(scim: &Scim, name: &str, profile: &str) -> (Value, Client) {
    let admin = &scim.api.client;
    let body = json!({"name": name, "profile": profile});
    let connection = admin.post("/connections", &body).send().await.expect(201).json();
    let token = admin.post(&tokens(&connection), &json!({})).send().await.expect(201).json();
    (connection, admin.keyed(text(&token["secret"])))
}

/// Where the tokens of a connection are.
pub(crate) fn tokens(connection: &Value) -> String {
    format!("/connections/{}/tokens", text(&connection["id"]))
}

/// A body that says what it is, where its test says nothing of it.
fn with_schemas(path: &str, body: &Value) -> Value {
    let mut body = body.clone();
    let path = path.split('?').next().unwrap_or_default().to_ascii_lowercase();
    let urn = match path.split('/').skip(1).collect::<Vec<_>>()[..] {
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
                Some(method) if method.eq_ignore_ascii_case("PATCH") => patch(data["Operations"].clone()),
                _ => with_schemas(path, data),
            };
        }
    }
    body
}

impl Scim {
    /// Sends a request; a body of null is none. Whatever is answered is SCIM's: media type, and errors.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    /// The same with headers.
    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let body = &if self.says_schemas { with_schemas(path, body) } else { body.clone() };
        let mut request = self.client.request(method, &format!("/scim/v2{path}"));
        if !body.is_null() {
            request = request.body("application/scim+json", body.to_string());
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await;
        check(&answer);
        answer
    }

    /// What is answered with this status; null without a body.
    pub(crate) async fn gives(&self, status: u16, method: &str, path: &str, body: Value) -> Value {
        let answer = self.send(method, path, &body).await;
        assert_eq!(answer.code(), status, "{method} {path} {body}: {}", answer.text());
        if answer.bytes.is_empty() { Value::Null } else { answer.json() }
    }

    /// The detail of an error of this status and type.
    pub(crate) async fn refuses(
        &self,
        (status, scim_type): (u16, &str),
        method: &str,
        path: &str,
        body: Value,
    ) -> String {
        let error = self.gives(status, method, path, body.clone()).await;
        assert_eq!(
            error["scimType"].as_str().unwrap_or_default(),
            scim_type,
            "{method} {path} {body}: {error}"
        );
        text(&error["detail"]).to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.gives(200, "GET", path, Value::Null).await
    }

    /// Creates a user of this name.
    pub(crate) async fn user(&self, name: &str) -> Value {
        self.made("/Users", json!({ "userName": name })).await
    }

    /// Creates a group of this name with members.
    pub(crate) async fn group(&self, name: &str, members: &[&Value]) -> Value {
        let members: Vec<_> = members.iter().map(|user| json!({ "value": user["id"] })).collect();
        self.made("/Groups", json!({ "displayName": name, "members": members })).await
    }

    pub(crate) async fn made(&self, path: &str, body: Value) -> Value {
        self.gives(201, "POST", path, body).await
    }

    /// Patches a resource, which answers with this status.
    pub(crate) async fn patch(&self, status: u16, path: &str, operations: Value) -> Value {
        self.gives(status, "PATCH", path, patch(operations)).await
    }

    /// The names of the resources that a filter finds, sorted.
    pub(crate) async fn found(&self, kind: &str, filter: &str) -> Vec<String> {
        let list = self.get(&filtered(kind, filter)).await;
        let mut names = names(&list);
        assert_eq!(list["totalResults"], names.len(), "{filter}: {list}");
        names.sort_unstable();
        names
    }

    /// The ids of a group's members, sorted.
    pub(crate) async fn members(&self, group: &Value) -> Vec<String> {
        let group = self.get(&path(group)).await;
        let members = group["members"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<_> = members.iter().map(|member| text(&member["value"]).to_owned()).collect();
        ids.sort_unstable();
        ids
    }
}

#[track_caller]
fn check(answer: &Answer) {
    if !answer.bytes.is_empty() {
        assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{}", answer.text());
    }
    if answer.code() >= 400 {
        let error = answer.json();
        assert_eq!(error["schemas"], json!([ERROR]));
        assert_eq!(error["status"], answer.code().to_string());
        assert!(!text(&error["detail"]).is_empty());
    }
}

/// The body of a PATCH.
pub(crate) fn patch(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

/// `/Users/{id}` or `/Groups/{id}` of a resource.
pub(crate) fn path(resource: &Value) -> String {
    format!("/{}s/{}", text(&resource["meta"]["resourceType"]), text(&resource["id"]))
}

/// The path of a list with a filter.
pub(crate) fn filtered(kind: &str, filter: &str) -> String {
    format!("/{kind}?filter={}", percent_encoded(filter))
}

/// What the resources of a list are called.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().expect("Resources");
    let name = |resource: &Value| {
        let name = resource.get("userName").or_else(|| resource.get("displayName"));
        text(name.unwrap_or(&resource["id"])).to_owned()
    };
    resources.iter().map(name).collect()
}
