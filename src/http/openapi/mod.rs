//! The OpenAPI 3.1 document. It is derived from the same tables of attributes, problems and domain values as the
//! responses.

pub(super) mod examples;
mod operation;
pub(super) mod parameters;
pub(super) mod problems;
mod resource;
pub(super) mod schemas;

pub(super) use operation::{BODY, JSON, OperationDocs, PATCH};
pub(super) use parameters::DOCS_FILES;
pub(super) use resource::ResourceDocs;
pub(super) use schemas::reference;

use super::api::Api;
use super::problem::Problem;
use crate::domain::json::to_map;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The components that operations refer to by name.
pub(super) struct Components {
    pub(super) schemas: Map<String, Value>,
    pub(super) parameters: Map<String, Value>,
    /// One problem of every kind.
    pub(super) problems: Vec<Problem>,
}

impl Components {
    fn native() -> Self {
        let problems = problems::native();
        let mut codes: Vec<_> = problems.iter().map(Problem::code).collect();
        codes.sort_unstable();
        codes.dedup();
        Self { schemas: schemas::all(&codes), parameters: parameters::all(), problems }
    }
}

/// The document with these paths. It is the same on every server.
pub(super) fn document(paths: Map<String, Value>, scim: Components) -> Value {
    let mut native = Components::native();
    native.schemas.extend(scim.schemas);
    native.parameters.extend(scim.parameters);
    let mut responses = responses(Api::Native, &native.problems);
    responses.extend(self::responses(Api::Scim, &scim.problems));
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
            { "name": "groups", "description": "Groups and their members." },
            { "name": "changes", "description": "The change feed: every change, numbered without gaps in commit order." },
            { "name": "keys", "description": "API keys. Requires the role `admin`." },
            { "name": "connections", "description": "SCIM connections of identity providers, and their tokens. Requires the role `admin`." },
            { "name": "tenants", "description": "Isolated sets of users and groups. Requires the role `operator`." },
            { "name": "SCIM", "description": "The same users and groups over SCIM 2.0 (RFC 7643, RFC 7644), for identity providers." },
            { "name": "service", "description": "Endpoints that need no key." },
        ],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key created with `POST /keys` or `roster key create`, or `ROSTER_ADMIN_KEY`. SCIM also accepts a connection's token, with the scheme `Basic` too: as the password, with any user name.",
                },
            },
            "schemas": native.schemas,
            "parameters": native.parameters,
            "headers": parameters::headers(),
            "responses": responses,
        },
    })
}

const INTRODUCTION: &str = "JSON over HTTP. Changes to the API are additive. HEAD is supported wherever GET is. OPTIONS \
    returns 204 with `Allow`, and an unsupported method returns 405. Request bodies may be compressed with gzip, deflate \
    or zstd. After a 503, nothing was done: retry after `Retry-After` seconds. After a 504, a write may or may not have \
    been committed: repeat the request with the same `Idempotency-Key`, or read the resource. If the server limits the \
    requests of each key, responses have `RateLimit-Policy` and `RateLimit`, and a request beyond the limit returns 429 \
    with `Retry-After`. SCIM 2.0 is served under \
    `/scim/v2`, with its own discovery endpoints; it accepts more forms of input than these schemas show.";

/// The error responses of an API, one for each status.
fn responses(api: Api, problems: &[Problem]) -> Map<String, Value> {
    let mut by_status: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for problem in problems {
        let status = match api {
            Api::Native => problem.status_code(),
            Api::Scim => StatusCode::from_u16(problem.scim_error().status).unwrap_or_default(),
        };
        by_status.entry(status).or_default().push(problem);
    }
    let named = |(status, problems): (StatusCode, Vec<_>)| {
        (operation::error_name(api, status), response(api, status, &problems))
    };
    by_status.into_iter().map(named).collect()
}

/// The error response of a status, with the headers of all its problems and an example of each.
fn response(api: Api, status: StatusCode, problems: &[&Problem]) -> Value {
    let names = problems.iter().flat_map(|problem| problem.headers().map(parameters::header_name));
    let headers: Map<_, _> =
        names.chain(["X-Request-Id"]).map(|name| (name.to_owned(), operation::header(name))).collect();
    let mut examples = Map::new();
    for problem in problems {
        let error = problem.scim_error();
        let (mut name, value) = match (api, error.scim_type) {
            (Api::Scim, Some(scim_type)) => (scim_type.to_string(), error.body()),
            (Api::Scim, None) => (problem.code().to_owned(), error.body()),
            (Api::Native, _) => (problem.code().to_owned(), to_map(&problem.body(examples::REQUEST_ID))),
        };
        while examples.contains_key(&name) {
            name.push_str("-otherwise");
        }
        examples.insert(name, json!({ "value": value }));
    }
    let schema = match api {
        Api::Native => "Problem",
        Api::Scim => "ScimError",
    };
    json!({
        "description": status.canonical_reason(),
        "headers": headers,
        "content": { api.error_media_type(): { "schema": reference(schema), "examples": examples } },
    })
}
