//! The OpenAPI 3.1 document. It is made of what the handlers are made of: the table of attributes, the problems and the
//! domain values.

mod examples;
mod operation;
mod parameters;
mod paths;
mod schemas;
mod scim;

use super::params::Params;
use super::problem::Problem;
use super::scim::MEDIA_TYPE;
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
    let paths: Map<_, _> = paths::all().into_iter().chain(scim::paths()).collect();
    let mut responses = responses(Face::Native, &problems);
    responses.extend(self::responses(Face::Scim, &examples::scim_problems()));
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
            { "name": "SCIM", "description": "SCIM 2.0 (RFC 7643, RFC 7644): the same users and groups, for identity providers." },
            { "name": "service", "description": "What needs no key." },
        ],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that `POST /keys` or `roster key create` made, or `ROSTER_ADMIN_KEY`; for SCIM a connection's token, too.",
                },
            },
            "schemas": schemas::all(&codes).into_iter().chain(scim::schemas()).collect::<Map<_, _>>(),
            "parameters": parameters::all().into_iter().chain(scim::parameters()).collect::<Map<_, _>>(),
            "headers": parameters::headers(),
            "responses": responses,
        },
    })
}

const INTRODUCTION: &str = "JSON over HTTP; changes are additive. HEAD works wherever GET does, OPTIONS answers 204 with \
    `Allow`, another method is 405. Bodies may be compressed with gzip, deflate or zstd. What is 503 was not done: repeat \
    it after `Retry-After` seconds. 504 means that a write may or may not be there: repeat it with the same \
    `Idempotency-Key`, or look. SCIM 2.0 stands under `/scim/v2` and describes itself there, too; it \
    reads more spellings than these schemas say.";

/// By which of Roster's faces something is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Face {
    Native,
    Scim,
}

/// The answers of a face that are problems, one for each status.
fn responses(face: Face, problems: &[Problem]) -> Map<String, Value> {
    let mut by_status: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for problem in problems {
        let status = match face {
            Face::Native => problem.status_code(),
            Face::Scim => StatusCode::from_u16(problem.scim_error().status).unwrap_or_default(),
        };
        by_status.entry(status).or_default().push(problem);
    }
    let named = |(status, problems): (StatusCode, Vec<_>)| {
        (operation::refusal_name(face, status), response(face, status, &problems))
    };
    by_status.into_iter().map(named).collect()
}

/// With every header that one of them has, and an example of each.
fn response(face: Face, status: StatusCode, problems: &[&Problem]) -> Value {
    let names = problems.iter().flat_map(|problem| problem.headers().map(parameters::header_name));
    let headers: Map<_, _> =
        names.chain(["X-Request-Id"]).map(|name| (name.to_owned(), operation::header(name))).collect();
    let mut examples = Map::new();
    for problem in problems {
        let error = problem.scim_error();
        let (mut name, value) = match (face, error.scim_type) {
            (Face::Scim, Some(scim_type)) => (scim_type.to_string(), error.body()),
            (Face::Scim, None) => (problem.code().to_owned(), error.body()),
            (Face::Native, _) => (problem.code().to_owned(), to_map(&problem.body(examples::REQUEST_ID))),
        };
        while examples.contains_key(&name) {
            name.push_str("-otherwise");
        }
        examples.insert(name, json!({ "value": value }));
    }
    let (media_type, schema) = match face {
        Face::Native => ("application/problem+json", "Problem"),
        Face::Scim => (MEDIA_TYPE, "ScimError"),
    };
    json!({
        "description": status.canonical_reason(),
        "headers": headers,
        "content": { media_type: { "schema": schemas::reference(schema), "examples": examples } },
    })
}

#[cfg(test)]
mod tests {
    use super::super::{scim, urls};
    use super::*;
    use crate::domain::key::Secret;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let mut served = BTreeSet::new();
        for url in urls().iter().chain(&scim::urls()) {
            // What a part of a path may be stands in it; the document has a path for each.
            let paths = match url.path.split_once("{type:").and_then(|(_, rest)| rest.split_once('}')) {
                Some((types, _)) => {
                    let part = format!("{{type:{types}}}");
                    types.split('|').map(|one| url.path.replace(&part, one)).collect()
                }
                None => vec![url.path.to_owned()],
            };
            for (path, endpoint) in
                paths.iter().flat_map(|path| url.endpoints.iter().map(move |one| (path, one)))
            {
                let method = endpoint.methods.split(',').next().unwrap();
                served.insert((path.clone(), method.to_ascii_lowercase()));
            }
        }
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
        for kind in ["schemas", "parameters", "headers", "responses"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                // What any path answers to a method that it does not have stands at no operation.
                let is_used =
                    text.contains(&format!("#/components/{kind}/{name}\"")) || name == "MethodNotAllowed";
                assert!(is_used, "{kind}/{name} is not used");
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
        assert_eq!(examples::scim_user()["userName"], "ada");
        assert_eq!(examples::scim_group()["displayName"], "Engineers");
        let text = document().to_string();
        assert!(!text.contains("an example is none"));
    }
}
