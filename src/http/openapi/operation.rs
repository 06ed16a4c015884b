//! One operation: a path's method, what it takes and what it answers.

use super::Face;
use super::schemas::reference;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

/// An operation as it is put together.
pub(super) struct Operation {
    face: Face,
    fields: Map<String, Value>,
    responses: Map<String, Value>,
    refused: Vec<StatusCode>,
}

/// A header of answers by its name.
pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// What the answers of a status that are problems are called.
pub(super) fn refusal_name(face: Face, status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default().replace([' ', '-'], "");
    match face {
        Face::Native => reason,
        Face::Scim => format!("Scim{reason}"),
    }
}

/// JSON with an example.
pub(super) fn json_of(schema: &str, example: &Value) -> Value {
    json!({ "application/json": { "schema": reference(schema), "example": example } })
}

impl Operation {
    pub(super) fn new(id: &str, tag: &str, summary: &str) -> Self {
        let fields = [("operationId", json!(id)), ("tags", json!([tag])), ("summary", json!(summary))];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { face: Face::Native, fields, responses: Map::new(), refused: Vec::new() }
    }

    /// It is SCIM's.
    pub(super) fn of_scim(self) -> Self {
        Self { face: Face::Scim, ..self }
    }

    /// It needs no key.
    pub(super) fn public(self) -> Self {
        self.with("security", json!([]))
    }

    pub(super) fn describe(self, text: &str) -> Self {
        self.with("description", text.into())
    }

    /// The parameters that it takes, by their names among the components; all take those that every request may have.
    pub(super) fn takes(self, names: &[&str]) -> Self {
        let parameter = |name: &&str| json!({ "$ref": format!("#/components/parameters/{name}") });
        self.with("parameters", names.iter().map(parameter).collect())
    }

    /// The body that it needs: its media types, its shape and an example.
    pub(super) fn reads(self, media_types: &[&str], schema: &str, example: &Value) -> Self {
        let content = || json!({ "schema": reference(schema), "example": example });
        let content: Map<_, _> = media_types.iter().map(|name| ((*name).to_owned(), content())).collect();
        self.with("requestBody", json!({ "required": true, "content": content }))
    }

    /// A good answer, with its headers (each has `X-Request-Id` besides) and its body.
    pub(super) fn answers(
        mut self,
        status: u16,
        description: &str,
        headers: &[&str],
        content: Option<Value>,
    ) -> Self {
        let headers: Map<_, _> =
            headers.iter().chain(&["X-Request-Id"]).map(|name| ((*name).to_owned(), header(name))).collect();
        let answer = match content {
            Some(content) => json!({ "description": description, "headers": headers, "content": content }),
            None => json!({ "description": description, "headers": headers }),
        };
        self.responses.insert(status.to_string(), answer);
        self
    }

    /// The statuses of the problems that it may answer with.
    pub(super) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refused.extend(statuses.iter().filter_map(|status| StatusCode::from_u16(*status).ok()));
        self
    }

    /// What can be done next with the resource that an answer shows: operations that take its id.
    pub(super) fn leads_to(mut self, status: u16, operations: &[&str]) -> Self {
        let link = |id: &&str| {
            ((*id).to_owned(), json!({ "operationId": id, "parameters": { "id": "$response.body#/id" } }))
        };
        let links: Map<_, _> = operations.iter().map(link).collect();
        if let Some(Value::Object(answer)) = self.responses.get_mut(&status.to_string()) {
            answer.insert("links".to_owned(), links.into());
        }
        self
    }

    pub(super) fn build(mut self) -> Value {
        for status in self.refused {
            let answer =
                json!({ "$ref": format!("#/components/responses/{}", refusal_name(self.face, status)) });
            self.responses.insert(status.as_str().to_owned(), answer);
        }
        self.fields.insert("responses".to_owned(), self.responses.into());
        self.fields.into()
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }
}
