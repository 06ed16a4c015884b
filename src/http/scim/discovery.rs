//! What the service says of itself (RFC 7644, section 4). Nothing of it can be filtered.

use super::bulk::MAX_OPERATIONS;
use super::context::base;
use super::list::list_of;
use super::response::json;
use super::search::{DEFAULT_COUNT, MAX_COUNT};
use crate::domain::scim::discovery::{Limits, service_provider_config};
use crate::domain::scim::{ResourceType, ScimError, schema};
use crate::http::State;
use crate::http::params::pairs;
use crate::http::problem::Problem;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

/// `GET /ServiceProviderConfig`
pub(super) async fn config(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    refuse_filter(&request)?;
    let documentation = format!("{}/docs", state.public_url);
    Ok(json(&service_provider_config(&base(&state), &documentation, &limits(state.body_limit))))
}

/// What requests may ask for, with bodies of so many bytes.
pub(in crate::http) fn limits(body: usize) -> Limits {
    Limits {
        bulk_operations: MAX_OPERATIONS,
        bulk_bytes: body,
        default_page: DEFAULT_COUNT,
        max_page: MAX_COUNT,
        cursor_seconds: None,
    }
}

/// `GET /ResourceTypes`
pub(super) async fn resource_types(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    refuse_filter(&request)?;
    let base = base(&state);
    Ok(json(&list_of(ResourceType::ALL.map(|kind| kind.render(&base)).into())))
}

/// `GET /ResourceTypes/{id}`
pub(super) async fn resource_type(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    refuse_filter(&request)?;
    let kind = ResourceType::ALL.into_iter().find(|kind| is_named(&request, kind.name()));
    kind.map(|kind| json(&kind.render(&base(&state)))).ok_or_else(nothing)
}

/// `GET /Schemas`
pub(super) async fn schemas(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    refuse_filter(&request)?;
    let base = base(&state);
    let schemas: Vec<Value> = schema::all().into_iter().map(|schema| schema.render(&base)).collect();
    Ok(json(&list_of(schemas)))
}

/// `GET /Schemas/{urn}`
pub(super) async fn schema(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    refuse_filter(&request)?;
    let schema = schema::all().into_iter().find(|schema| is_named(&request, schema.id));
    schema.map(|schema| json(&schema.render(&base(&state)))).ok_or_else(nothing)
}

fn is_named(request: &HttpRequest, name: &str) -> bool {
    request.match_info().get("id").is_some_and(|id| id.eq_ignore_ascii_case(name))
}

fn nothing() -> Problem {
    Problem::not_found("there is no such resource")
}

fn refuse_filter(request: &HttpRequest) -> Result<(), Problem> {
    match pairs(request)?.iter().any(|(name, _)| name == "filter") {
        true => Err(ScimError::of_status(403, "what the service says of itself cannot be filtered").into()),
        false => Ok(()),
    }
}
