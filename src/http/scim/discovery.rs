//! The discovery endpoints (RFC 7644, section 4), which need no key.

use super::limits::limits;
use super::openapi::{discovery, examples};
use super::response::{json, list_of};
use super::search::reject_filter;
use crate::domain::scim::discovery::service_provider_config;
use crate::domain::scim::{ResourceType, schema};
use crate::http::openapi::OperationDocs;
use crate::http::openapi::examples::SCIM_URL;
use crate::http::problem::Problem;
use crate::http::state::State;
use actix_web::{HttpRequest, HttpResponse, web};

/// `GET /ServiceProviderConfig`
pub(super) async fn config(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    reject_filter(&request)?;
    let documentation = format!("{}/docs", state.public_url);
    Ok(json(&service_provider_config(&state.scim_url, &documentation, &limits(state.body_limit))))
}

pub(super) fn config_docs() -> OperationDocs {
    let summary = "Get the service provider's configuration";
    discovery("getScimConfig", summary, &[], "ScimServiceProviderConfig", &examples::config())
}

/// `GET /ResourceTypes`
pub(super) async fn resource_types(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    reject_filter(&request)?;
    Ok(json(&list_of(ResourceType::ALL.map(|kind| kind.render(&state.scim_url)).into())))
}

pub(super) fn resource_types_docs() -> OperationDocs {
    let example = examples::list(ResourceType::ALL.map(|kind| kind.render(SCIM_URL)).into());
    discovery("listScimResourceTypes", "List the resource types", &[], "ScimResourceTypes", &example)
}

/// `GET /ResourceTypes/{id}`
pub(super) async fn resource_type(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    reject_filter(&request)?;
    let kind = ResourceType::ALL.into_iter().find(|kind| has_id(&request, kind.name()));
    kind.map(|kind| json(&kind.render(&state.scim_url))).ok_or_else(Problem::no_such_resource)
}

pub(super) fn resource_type_docs() -> OperationDocs {
    let example = ResourceType::Group.render(SCIM_URL);
    let parameters = ["scimResourceType"];
    discovery("getScimResourceType", "Get a resource type", &parameters, "ScimResourceType", &example)
        .errors(&[404])
}

/// `GET /Schemas`
pub(super) async fn schemas(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    reject_filter(&request)?;
    let schemas = schema::all().into_iter().map(|schema| schema.render(&state.scim_url)).collect();
    Ok(json(&list_of(schemas)))
}

pub(super) fn schemas_docs() -> OperationDocs {
    let example = examples::list(vec![schema::GROUP.render(SCIM_URL)]);
    discovery("listScimSchemas", "List the schemas", &[], "ScimSchemas", &example)
}

/// `GET /Schemas/{urn}`
pub(super) async fn schema(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    reject_filter(&request)?;
    let schema = schema::all().into_iter().find(|schema| has_id(&request, schema.id));
    schema.map(|schema| json(&schema.render(&state.scim_url))).ok_or_else(Problem::no_such_resource)
}

pub(super) fn schema_docs() -> OperationDocs {
    let example = schema::GROUP.render(SCIM_URL);
    discovery("getScimSchema", "Get a schema", &["scimSchema"], "ScimSchema", &example).errors(&[404])
}

fn has_id(request: &HttpRequest, id: &str) -> bool {
    request.match_info().get("id").is_some_and(|segment| segment.eq_ignore_ascii_case(id))
}
