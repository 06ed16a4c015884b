//! The OpenAPI 3.1 document. It is made of what the handlers are made of: the table of attributes, the problems and the
//! domain values.

mod examples;
mod operation;
mod paths;
mod schemas;

use super::params::Params;
use super::problem::Problem;
use crate::domain::json::to_map;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// `GET /openapi.json`
pub(super) async fn read(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    Params::none(&request)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(TEXT.as_str()))
}

/// The document; the same on every server.
#[must_use]
pub fn document() -> Value {
    let problems = examples::problems();
    let mut codes: Vec<_> = problems.iter().map(Problem::code).collect();
    codes.sort_unstable();
    codes.dedup();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Roster",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The user directory that a company's backend services share.",
            "description": INTRODUCTION,
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "users" },
            { "name": "groups", "description": "Groups, and who is in them." },
            { "name": "changes", "description": "What was written, numbered without gaps, in the order of commits." },
            { "name": "keys", "description": "Who may call: for admins." },
            { "name": "connections", "description": "Identity providers' SCIM links, with their tokens: for admins." },
            { "name": "tenants", "description": "Isolated sets of users and groups: for operators." },
            { "name": "service", "description": "What needs no key." },
        ],
        "security": [{ "key": [] }],
        "paths": paths::all(),
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that `POST /keys` or `roster key create` made, or `ROSTER_ADMIN_KEY`.",
                },
            },
            "schemas": schemas::all(&codes),
            "parameters": paths::parameters(),
            "headers": paths::headers(),
            "responses": responses(&problems),
        },
    })
}

const INTRODUCTION: &str = "JSON over HTTP; changes are additive. HEAD works wherever GET does, OPTIONS answers 204 with \
    `Allow`, another method is 405. Bodies may be compressed with gzip, deflate or zstd. What is 503 was not done: repeat \
    it after `Retry-After` seconds. 504 means that a write may or may not be there: repeat it with the same \
    `Idempotency-Key`, or look. SCIM 2.0 stands under `/scim/v2` and describes itself there: it is not in this document.";

/// The answers that are problems, one for each status.
fn responses(problems: &[Problem]) -> Value {
    let mut by_status: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for problem in problems {
        by_status.entry(problem.status_code()).or_default().push(problem);
    }
    let named = |(status, problems): (StatusCode, Vec<_>)| {
        (operation::refusal_name(status), response(status, &problems))
    };
    by_status.into_iter().map(named).collect::<Map<_, _>>().into()
}

/// With every header that one of them has, and an example of each.
fn response(status: StatusCode, problems: &[&Problem]) -> Value {
    let names = problems.iter().flat_map(|problem| problem.headers().map(paths::header_name));
    let headers: Map<_, _> =
        names.chain(["X-Request-Id"]).map(|name| (name.to_owned(), operation::header(name))).collect();
    let mut examples = Map::new();
    for problem in problems {
        let mut name = problem.code().to_owned();
        while examples.contains_key(&name) {
            name.push_str("-otherwise");
        }
        examples.insert(name, json!({ "value": to_map(&problem.body(examples::REQUEST_ID)) }));
    }
    let schema = schemas::reference("Problem");
    json!({
        "description": status.canonical_reason(),
        "headers": headers,
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    })
}

#[cfg(test)]
mod tests {
    use super::super::urls;
    use super::*;
    use crate::domain::key::Secret;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let served: BTreeSet<_> = urls()
            .iter()
            .flat_map(|url| url.endpoints.iter().map(|endpoint| (url.path.to_owned(), endpoint.methods)))
            .map(|(path, methods)| (path, methods.split(',').next().unwrap().to_ascii_lowercase()))
            .collect();
        let document = document();
        let described: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(served, described);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut references = Vec::new();
        find_references(&document, &mut references);
        assert!(references.len() > 100);
        for reference in references {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        let text = document.to_string();
        for kind in ["schemas", "parameters", "headers"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                assert!(text.contains(&format!("#/components/{kind}/{name}\"")), "{kind}/{name} is not used");
            }
        }
    }

    fn find_references<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| find_references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| find_references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn examples_are_what_they_seem() {
        assert!(Secret::parse(examples::SECRET).is_some());
        assert_eq!(examples::shown_user()["userName"], "ada");
        assert_eq!(examples::shown_group()["displayName"], "Engineers");
        let text = document().to_string();
        assert!(!text.contains("an example is none"));
    }
}
