//! `/users`.

use super::State;
use super::auth::{Admin, Reader, Writer};
use super::body::JsonBody;
use super::headers::{IdempotencyKey, IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use super::response::{Shown, once, page_of, read, resource_id, respond, written};
use crate::domain::NATIVE_SOURCE;
use crate::domain::attribute::USERS;
use crate::domain::body::admit_patch;
use crate::domain::cursor::List;
use crate::domain::idempotency::Answer;
use crate::domain::user::{Draft, ReadAs, Representation, User};
use crate::ops::listing::{self, Query};
use crate::ops::users::{Blank, Create, Delete, Erase, Find, Patch, Replace};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use std::marker::PhantomData;
use uuid::Uuid;

/// `POST /users`
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
    let named = key.map(|key| caller.request("POST", "/users", key, body.hash(), now));
    let draft = body.read(|value| Draft::read(value, ReadAs::New))?;
    let create = Create { tenant: caller.tenant, id: Uuid::now_v7(), draft, now };
    let answer = move |user: &User| {
        let mut answer = shown(StatusCode::CREATED, user, prefer);
        answer.headers.push((LOCATION.to_string(), format!("/users/{}", user.id)));
        answer
    };
    once(&state, &caller, named, create, answer).await
}

/// `GET /users/{id}`
pub(super) async fn find(
    Reader(caller): Reader,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let projection = params.projection(&USERS)?;
    params.finish()?;
    let find = Find { tenant: caller.tenant, id: resource_id(&request)? };
    let user = state.database.call(&caller.origin, find).await?;
    read(&conditions, user.version, &Shown { whole: Representation::from(&user), projection: &projection })
}

/// `GET /users`
pub(super) async fn list(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let (limit, total, projection) = (params.limit()?, params.include_total()?, params.projection(&USERS)?);
    let (sort, (filter, filter_text)) = (params.sort(&USERS)?, params.filter(&USERS)?);
    let list = List::new(caller.tenant, &["users", &sort.to_string(), &filter_text]);
    let after = params.cursor(list, sort)?;
    params.finish()?;
    let (tenant, source) = (caller.tenant, NATIVE_SOURCE.into());
    let query = Query { tenant, filter, sort, after, skip: None, limit, total, source, of: PhantomData };
    let page = listing::list(&state.database, &caller.origin, query).await?;
    let next_cursor = page.next.map(|after| list.cursor(&after));
    let whole = page.items.iter().map(Representation::from);
    let items: Vec<_> = whole.map(|whole| Shown { whole, projection: &projection }).collect();
    Ok(page_of("/users", &params, &items, next_cursor, page.total))
}

/// `PUT /users/{id}`
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
    let user = state.database.call(&caller.origin, replace).await?;
    Ok(respond(shown(StatusCode::OK, &user, prefer)))
}

/// `PATCH /users/{id}`
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
    let user = state.database.call(&caller.origin, patch).await?;
    Ok(respond(shown(StatusCode::OK, &user, prefer)))
}

/// `DELETE /users/{id}`
pub(super) async fn delete(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let erase = params.flag("erase")?;
    params.finish()?;
    let (tenant, now) = (caller.tenant, state.clock.now());
    if erase {
        let Admin(caller) = Admin::new(caller)?;
        let id = resource_id(&request)?;
        state.database.call(&caller.origin, Erase { tenant, id, conditions, now }).await?;
        // What an error leaves, a repeat goes on with.
        while state.database.call(&caller.origin, Blank { tenant, id }).await? {}
    } else {
        let delete = Delete { tenant, id: resource_id(&request)?, conditions, now };
        state.database.call(&caller.origin, delete).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// The answer to a write.
fn shown(status: StatusCode, user: &User, prefer: Prefer) -> Answer {
    written(status, user.id, user.version, &Representation::from(user), prefer)
}
