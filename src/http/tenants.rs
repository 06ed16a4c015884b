//! `/tenants`.

use super::State;
use super::auth::Operator;
use super::body::JsonBody;
use super::headers::{IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use super::response::{page_of, read, resource_id, respond, written};
use crate::domain::cursor::List;
use crate::domain::tenant::Draft;
use crate::ops::tenants::{self, Create, Delete, Find, Patch, Purge};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

/// `POST /tenants`
pub(super) async fn create(
    Operator(caller): Operator,
    request: HttpRequest,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let draft = body.read(Draft::read)?;
    let create = Create { id: Uuid::now_v7(), epoch: Uuid::new_v4(), draft, now: state.clock.now() };
    let tenant = state.database.call(&caller.origin, create).await?;
    let mut answer = written(StatusCode::CREATED, tenant.id, tenant.version, &tenant, prefer);
    answer.headers.push((LOCATION.to_string(), format!("/tenants/{}", tenant.id)));
    Ok(respond(answer))
}

/// `GET /tenants`
pub(super) async fn list(
    Operator(caller): Operator,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let list = List::new(Uuid::nil(), &["tenants"]);
    let mut params = Params::of(&request)?;
    let (limit, total, after) = (params.limit()?, params.include_total()?, params.id_cursor(list)?);
    params.finish()?;
    let page = state.database.call(&caller.origin, tenants::List { after, limit, total }).await?;
    let next = page.items.last().filter(|_| page.more).map(|tenant| list.id_cursor(tenant.id));
    Ok(page_of("/tenants", &params, &page.items, next, page.total))
}

/// `GET /tenants/{id}`
pub(super) async fn find(
    Operator(caller): Operator,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let tenant = state.database.call(&caller.origin, Find { id: resource_id(&request)? }).await?;
    read(&conditions, tenant.version, &tenant)
}

/// `PATCH /tenants/{id}`
pub(super) async fn patch(
    Operator(caller): Operator,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let patch = body.read(Ok)?;
    let patch = Patch { id: resource_id(&request)?, patch, conditions, now: state.clock.now() };
    let patched = state.database.call(&caller.origin, patch).await;
    // Also when nobody can say whether it was done.
    state.credentials.forget_all();
    let tenant = patched?;
    Ok(respond(written(StatusCode::OK, tenant.id, tenant.version, &tenant, prefer)))
}

/// `DELETE /tenants/{id}`
pub(super) async fn delete(
    Operator(caller): Operator,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let deleted =
        state.database.call(&caller.origin, Delete { id, conditions, now: state.clock.now() }).await;
    state.credentials.forget_all();
    deleted?;
    // It is gone; what this leaves, the retention task removes.
    while let Ok(true) = state.database.call(&caller.origin, Purge { id }).await {}
    Ok(HttpResponse::NoContent().finish())
}
