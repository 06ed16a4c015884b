//! The operations that the resources of the native API have in common.

use super::examples;
use super::operation::{BODY, JSON, OperationDocs, PATCH, WRITE};
use serde_json::Value;

/// A resource type in the document.
pub(in crate::http) struct ResourceDocs {
    /// The name in schemas and operation ids, for example `User`.
    pub(in crate::http) name: &'static str,
    /// The tag, which is the plural.
    pub(in crate::http) tag: &'static str,
    pub(in crate::http) example: fn() -> Value,
}

const CONDITIONS: [&str; 4] = ["id", "If-Match", "If-None-Match", "Prefer"];

impl ResourceDocs {
    /// The name in sentences, for example `user`.
    pub(in crate::http) fn noun(&self) -> String {
        self.name.to_lowercase()
    }

    fn operation(&self, verb: &str, summary: &str, parameters: &[&str]) -> OperationDocs {
        OperationDocs::keyed(&format!("{verb}{}", self.name), self.tag, summary, parameters)
    }

    pub(in crate::http) fn list(&self, parameters: &[&str]) -> OperationDocs {
        let Self { name, tag, example } = self;
        let (description, schema) = (format!("A page of {tag}."), format!("{name}Page"));
        OperationDocs::keyed(&format!("list{name}s"), tag, &format!("List {tag}"), parameters).json(
            200,
            &description,
            &["Link"],
            &schema,
            &examples::page(tag, example()),
        )
    }

    /// The operation that creates a resource. Its response may be stored with an idempotency key.
    pub(in crate::http) fn create(
        &self,
        parameters: &[&str],
        body: &Value,
        links: &[impl AsRef<str>],
    ) -> OperationDocs {
        let replayed: &[_] =
            if parameters.contains(&"Idempotency-Key") { &["Idempotency-Replayed"] } else { &[] };
        let headers = [&["Location", "ETag", "Preference-Applied"][..], replayed].concat();
        let description =
            format!("The new {}. The body is omitted with `Prefer: return=minimal`.", self.noun());
        self.operation("create", &format!("Create a {}", self.noun()), parameters)
            .body(JSON, &format!("New{}", self.name), body)
            .json(201, &description, &headers, self.name, &(self.example)())
            .links(201, links)
            .errors(&BODY)
            .errors(&[504])
    }

    /// The operation that replaces the resource that has a given unique value, or creates it.
    pub(in crate::http) fn upsert(
        &self,
        matched: &str,
        body: &Value,
        links: &[impl AsRef<str>],
    ) -> OperationDocs {
        let (noun, headers) = (self.noun(), ["Location", "ETag", "Preference-Applied"]);
        let parameters = [matched, "If-Match", "If-None-Match", "Prefer"];
        let operation = self.operation("upsert", &format!("Create or replace a {noun}"), &parameters).describe(
            "`match` names an attribute. Replaces the resource in which this attribute has the value given in the body. If \
             there is none, the request creates a resource, unless it has `If-Match` (412). With `If-None-Match: *`, an \
             existing resource is not replaced (412).",
        );
        let operation = operation.body(JSON, &format!("New{}", self.name), body);
        self.update(operation)
            .json(201, &format!("The new {noun}."), &headers, self.name, &(self.example)())
            .links(201, links)
    }

    pub(in crate::http) fn get(&self, parameters: &[&str]) -> OperationDocs {
        let parameters = [&["id"][..], parameters, &["If-Match", "If-None-Match"]].concat();
        self.operation("get", &format!("Get a {}", self.noun()), &parameters)
            .json(200, &format!("The {}.", self.noun()), &["ETag"], self.name, &(self.example)())
            .response(304, "The resource matches `If-None-Match`.", &["ETag"], None)
            .errors(&[412])
    }

    pub(in crate::http) fn replace(&self, body: &Value) -> OperationDocs {
        let operation = self.operation("replace", &format!("Replace a {}", self.noun()), &CONDITIONS);
        self.update(operation.body(JSON, &format!("{}Replacement", self.name), body))
    }

    pub(in crate::http) fn patch(&self, body: &Value) -> OperationDocs {
        let operation = self.operation("patch", &format!("Update a {}", self.noun()), &CONDITIONS);
        self.update(operation.body(PATCH, &format!("{}Patch", self.name), body))
    }

    fn update(&self, operation: OperationDocs) -> OperationDocs {
        let headers = ["ETag", "Preference-Applied"];
        operation
            .json(200, &format!("The updated {}.", self.noun()), &headers, self.name, &(self.example)())
            .response(204, "The response to `Prefer: return=minimal`.", &headers, None)
            .errors(&BODY)
            .errors(&WRITE)
    }

    pub(in crate::http) fn delete(&self, summary: &str, parameters: &[&str]) -> OperationDocs {
        let parameters = [&["id"][..], parameters, &["If-Match", "If-None-Match"]].concat();
        self.operation("delete", summary, &parameters)
            .response(204, &format!("The {} was deleted.", self.noun()), &[], None)
            .errors(&[412, 504])
    }
}
