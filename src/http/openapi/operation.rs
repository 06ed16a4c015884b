//! One operation of the document: a path's method with its parameters, body and responses.

use super::schemas::reference;
use crate::http::api::Api;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

/// An operation under construction.
pub(in crate::http) struct OperationDocs {
    api: Api,
    fields: Map<String, Value>,
    responses: Map<String, Value>,
    errors: Vec<StatusCode>,
}

/// The media types of bodies that are not patches.
pub(in crate::http) const JSON: &[&str] = &["application/json"];
pub(in crate::http) const PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// The errors of every request with a key.
const ANY: [u16; 8] = [400, 401, 403, 404, 406, 429, 500, 503];
/// The further errors of a conditional write.
pub(in crate::http) const WRITE: [u16; 3] = [409, 412, 504];
/// The further errors of a request with a body.
pub(in crate::http) const BODY: [u16; 4] = [408, 413, 415, 422];

pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// The name of the response component with the errors of a status.
pub(super) fn error_name(api: Api, status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default().replace([' ', '-'], "");
    match api {
        Api::Native => reason,
        Api::Scim => format!("Scim{reason}"),
    }
}

impl OperationDocs {
    fn new(id: &str, tag: &str, summary: &str) -> Self {
        let fields = [("operationId", json!(id)), ("tags", json!([tag])), ("summary", json!(summary))];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { api: Api::Native, fields, responses: Map::new(), errors: Vec::new() }
    }

    /// An operation that needs no key.
    pub(in crate::http) fn public(id: &str, tag: &str, summary: &str, parameters: &[&str]) -> Self {
        let parameters = [parameters, &["X-Request-Id"]].concat();
        Self::new(id, tag, summary).with("security", json!([])).parameters(&parameters)
    }

    /// An operation that needs a key. Its own parameters come before those that all such operations have.
    pub(in crate::http) fn keyed(id: &str, tag: &str, summary: &str, parameters: &[&str]) -> Self {
        let parameters = [parameters, &["Roster-Tenant", "X-Request-Id", "traceparent"]].concat();
        Self::new(id, tag, summary).parameters(&parameters).errors(&ANY)
    }

    /// Uses SCIM's error responses. SCIM never returns 406.
    pub(in crate::http) fn scim(mut self) -> Self {
        self.errors.retain(|status| *status != StatusCode::NOT_ACCEPTABLE);
        Self { api: Api::Scim, ..self }
    }

    pub(in crate::http) fn describe(self, text: &str) -> Self {
        self.with("description", text.into())
    }

    /// The parameters, by the names of their components.
    fn parameters(self, names: &[&str]) -> Self {
        let parameter = |name: &&str| json!({ "$ref": format!("#/components/parameters/{name}") });
        self.with("parameters", names.iter().map(parameter).collect())
    }

    /// The required body: its media types, its schema and an example.
    pub(in crate::http) fn body(self, media_types: &[&str], schema: &str, example: &Value) -> Self {
        let content = || json!({ "schema": reference(schema), "example": example });
        let content: Map<_, _> = media_types.iter().map(|name| ((*name).to_owned(), content())).collect();
        self.body_content(&content.into())
    }

    /// The required body, with its content by media type.
    pub(in crate::http) fn body_content(self, content: &Value) -> Self {
        self.with("requestBody", json!({ "required": true, "content": content }))
    }

    /// A response, with its headers besides `X-Request-Id` and its content by media type.
    pub(in crate::http) fn response(
        mut self,
        status: u16,
        description: &str,
        headers: &[&str],
        content: Option<Value>,
    ) -> Self {
        let headers: Map<_, _> =
            headers.iter().chain(&["X-Request-Id"]).map(|name| ((*name).to_owned(), header(name))).collect();
        let response = match content {
            Some(content) => json!({ "description": description, "headers": headers, "content": content }),
            None => json!({ "description": description, "headers": headers }),
        };
        self.responses.insert(status.to_string(), response);
        self
    }

    /// A JSON response, with its headers besides `X-Request-Id`, its schema and an example.
    pub(in crate::http) fn json(
        self,
        status: u16,
        description: &str,
        headers: &[&str],
        schema: &str,
        example: &Value,
    ) -> Self {
        let content = json!({ "application/json": { "schema": reference(schema), "example": example } });
        self.response(status, description, headers, Some(content))
    }

    /// A further media type of a response.
    pub(in crate::http) fn content(mut self, status: u16, media_type: &str, content: Value) -> Self {
        let response = self.responses.get_mut(&status.to_string());
        if let Some(Value::Object(all)) = response.and_then(|response| response.get_mut("content")) {
            all.insert(media_type.to_owned(), content);
        }
        self
    }

    pub(in crate::http) fn errors(mut self, statuses: &[u16]) -> Self {
        self.errors.extend(statuses.iter().filter_map(|status| StatusCode::from_u16(*status).ok()));
        self
    }

    /// Links from the resource in a response to the operations that take its id.
    pub(in crate::http) fn links(mut self, status: u16, operations: &[impl AsRef<str>]) -> Self {
        let link = |id: &str| {
            (id.to_owned(), json!({ "operationId": id, "parameters": { "id": "$response.body#/id" } }))
        };
        let links: Map<_, _> = operations.iter().map(|id| link(id.as_ref())).collect();
        if let Some(Value::Object(response)) = self.responses.get_mut(&status.to_string()) {
            response.insert("links".to_owned(), links.into());
        }
        self
    }

    pub(in crate::http) fn build(mut self) -> Value {
        for status in self.errors {
            let name = error_name(self.api, status);
            let response = json!({ "$ref": format!("#/components/responses/{name}") });
            self.responses.insert(status.as_str().to_owned(), response);
        }
        self.fields.insert("responses".to_owned(), self.responses.into());
        self.fields.into()
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }
}
