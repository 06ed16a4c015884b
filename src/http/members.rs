//! `/groups/{id}/members`.

use super::State;
use super::auth::{Reader, Writer};
use super::body::JsonBody;
use super::headers::IfMatches;
use super::params::Params;
use super::problem::Problem;
use super::response::{id_of, page_of, resource_id};
use crate::db::DbError;
use crate::domain::condition::Conditions;
use crate::domain::cursor::List;
use crate::domain::member::read_user_ids;
use crate::ops::members::{self, Add, Find, Put, Remove};
use actix_web::{HttpRequest, HttpResponse, web};

/// `GET /groups/{id}/members`
pub(super) async fn list(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let group = resource_id(&request)?;
    let list = List::new(caller.tenant, &["members", &group.to_string()]);
    let mut params = Params::of(&request)?;
    let (limit, total, after) = (params.limit()?, params.include_total()?, params.id_cursor(list)?);
    params.finish()?;
    let page = members::List { tenant: caller.tenant, group, after, limit, total };
    let page = state.database.call(&caller.origin, page).await?;
    let next = page.items.last().filter(|_| page.more).map(|member| list.id_cursor(member.user_id));
    Ok(page_of(&format!("/groups/{group}/members"), &params, &page.items, next, page.total))
}

/// `POST /groups/{id}/members`
pub(super) async fn add(
    Writer(caller): Writer,
    request: HttpRequest,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let group = resource_id(&request)?;
    let users = body.read(read_user_ids)?;
    let add = Add { tenant: caller.tenant, group, users, now: state.clock.now() };
    state.database.call(&caller.origin, add).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /groups/{id}/members/{userId}`
pub(super) async fn find(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let (group, user) = (resource_id(&request)?, id_of(&request, USER_ID)?);
    let member = state.database.call(&caller.origin, Find { tenant: caller.tenant, group, user }).await?;
    Ok(HttpResponse::Ok().json(member))
}

/// `PUT /groups/{id}/members/{userId}`
pub(super) async fn put(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    check(&conditions)?;
    let (group, user) = (resource_id(&request)?, id_of(&request, USER_ID)?);
    let put = Put { tenant: caller.tenant, group, user, now: state.clock.now() };
    state.database.call(&caller.origin, put).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /groups/{id}/members/{userId}`
pub(super) async fn remove(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    check(&conditions)?;
    let (group, user) = (resource_id(&request)?, id_of(&request, USER_ID)?);
    let remove = Remove { tenant: caller.tenant, group, user, now: state.clock.now() };
    state.database.call(&caller.origin, remove).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Members have no versions.
fn check(conditions: &Conditions) -> Result<(), DbError> {
    if conditions.allow_write_without_version() { Ok(()) } else { Err(DbError::Precondition) }
}

const USER_ID: &str = "userId";
