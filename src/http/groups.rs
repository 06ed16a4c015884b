//! `/groups`.

use super::State;
use super::auth::{Reader, Writer};
use super::body::JsonBody;
use super::headers::{IdempotencyKey, IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use super::response::{Shown, once, page_of, read, resource_id, respond, written};
use crate::domain::NATIVE_SOURCE;
use crate::domain::attribute::GROUPS;
use crate::domain::body::admit_patch;
use crate::domain::cursor::List;
use crate::domain::group::{Draft, Group, ReadAs, Representation};
use crate::domain::idempotency::Answer;
use crate::domain::member::Membership;
use crate::ops::groups::{Create, Delete, Find, Patch, Replace};
use crate::ops::listing::{self, Query};
use crate::ops::members::GroupsOf;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use std::marker::PhantomData;
use uuid::Uuid;

/// `POST /groups`
pub(super) async fn create(
    Writer(caller): Writer,
    request: HttpRequest,
    prefer: Prefer,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let now = state.clock.now();
    let named = key.map(|key| caller.request("POST", "/groups", key, body.hash(), now));
    let draft = body.read(|value| Draft::read(value, ReadAs::New))?;
    let (id, members) = (Uuid::now_v7(), Membership::default());
    let create = Create { tenant: caller.tenant, id, draft, members, now };
    let answer = move |group: &Group| {
        let mut answer = shown(StatusCode::CREATED, group, prefer);
        answer.headers.push((LOCATION.to_string(), format!("/groups/{}", group.id)));
        answer
    };
    once(&state, &caller, named, create, answer).await
}

/// `GET /groups/{id}`
pub(super) async fn find(
    Reader(caller): Reader,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let projection = params.projection(&GROUPS)?;
    params.finish()?;
    let find = Find { tenant: caller.tenant, id: resource_id(&request)? };
    let group = state.database.call(&caller.origin, find).await?;
    read(&conditions, group.version, &Shown { whole: Representation::from(&group), projection: &projection })
}

/// `GET /groups`
pub(super) async fn list(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let (limit, total, projection) = (params.limit()?, params.include_total()?, params.projection(&GROUPS)?);
    let (sort, (filter, filter_text)) = (params.sort(&GROUPS)?, params.filter(&GROUPS)?);
    let list = List::new(caller.tenant, &["groups", &sort.to_string(), &filter_text]);
    let after = params.cursor(list, sort)?;
    params.finish()?;
    let (tenant, source) = (caller.tenant, NATIVE_SOURCE.into());
    let query = Query { tenant, filter, sort, after, skip: None, limit, total, source, of: PhantomData };
    let page = listing::list(&state.database, &caller.origin, query).await?;
    let next_cursor = page.next.map(|after| list.cursor(&after));
    let whole = page.items.iter().map(Representation::from);
    let items: Vec<_> = whole.map(|whole| Shown { whole, projection: &projection }).collect();
    Ok(page_of("/groups", &params, &items, next_cursor, page.total))
}

/// `GET /users/{id}/groups`
pub(super) async fn list_of_user(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let (limit, total, projection) = (params.limit()?, params.include_total()?, params.projection(&GROUPS)?);
    let user = resource_id(&request)?;
    let list = List::new(caller.tenant, &["groups of a user", &user.to_string()]);
    let after = params.id_cursor(list)?;
    params.finish()?;
    let groups = GroupsOf { tenant: caller.tenant, user, after, limit, total };
    let page = state.database.call(&caller.origin, groups).await?;
    let next_cursor = page.items.last().filter(|_| page.more).map(|group| list.id_cursor(group.id));
    let whole = page.items.iter().map(Representation::from);
    let items: Vec<_> = whole.map(|whole| Shown { whole, projection: &projection }).collect();
    Ok(page_of(&format!("/users/{user}/groups"), &params, &items, next_cursor, page.total))
}

/// `PUT /groups/{id}`
pub(super) async fn replace(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let draft = body.read(|value| Draft::read(value, ReadAs::Replacement(id)))?;
    let replace = Replace { tenant: caller.tenant, id, draft, conditions, now: state.clock.now() };
    let group = state.database.call(&caller.origin, replace).await?;
    Ok(respond(shown(StatusCode::OK, &group, prefer)))
}

/// `PATCH /groups/{id}`
pub(super) async fn patch(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let patch = body.read(admit_patch)?;
    let patch = Patch { tenant: caller.tenant, id, patch, conditions, now: state.clock.now() };
    let group = state.database.call(&caller.origin, patch).await?;
    Ok(respond(shown(StatusCode::OK, &group, prefer)))
}

/// `DELETE /groups/{id}`
pub(super) async fn delete(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let delete = Delete { tenant: caller.tenant, id, conditions, now: state.clock.now() };
    state.database.call(&caller.origin, delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The answer to a write.
fn shown(status: StatusCode, group: &Group, prefer: Prefer) -> Answer {
    written(status, group.id, group.version, &Representation::from(group), prefer)
}
