//! `/users`.

use super::State;
use super::auth::{Reader, Writer};
use super::body::JsonBody;
use super::headers::{IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use crate::domain::cursor::List;
use crate::domain::parse_id;
use crate::domain::projection::Projection;
use crate::domain::user::{Draft, ReadAs, Representation, User, to_map};
use crate::ops::users::list::{self, Query};
use crate::ops::users::{Create, Delete, Find, Patch, Replace};
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LINK, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// `POST /users`
pub(super) async fn create(
    Writer(caller): Writer,
    request: HttpRequest,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let draft = body.read(|value| Draft::read(value, ReadAs::New))?;
    let create = Create { tenant: caller.tenant, id: Uuid::now_v7(), draft, now: state.clock.now() };
    let user = state.database.call(&caller.origin, create).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/users/{}", user.id)));
    Ok(written(response, &user, prefer))
}

/// `GET /users/{id}`
pub(super) async fn find(
    Reader(caller): Reader,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let projection = params.projection()?;
    params.finish()?;
    let find = Find { tenant: caller.tenant, id: path_id(&request)? };
    let user = state.database.call(&caller.origin, find).await?;
    if !conditions.allow_read(user.version) {
        return Err(Problem::precondition_failed("the user is not in a version that was asked for"));
    }
    if conditions.not_modified(user.version) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag(&user))).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(&user))).json(show(&user, &projection)))
}

/// As much of a user as the client wants to see.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'u> {
    Whole(Representation<'u>),
    Part(Map<String, Value>),
}

fn show<'u>(user: &'u User, projection: &Projection) -> Shown<'u> {
    let whole = Representation::from(user);
    if *projection == Projection::Whole {
        Shown::Whole(whole)
    } else {
        Shown::Part(projection.apply(to_map(&whole)))
    }
}

/// A page of users as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageBody<'u> {
    items: Vec<Shown<'u>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// `GET /users`
pub(super) async fn list(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let (limit, total, projection) = (params.limit()?, params.include_total()?, params.projection()?);
    let (sort, (filter, filter_text)) = (params.sort()?, params.filter()?);
    let list = List::new(caller.tenant, &["users", &sort.to_string(), &filter_text]);
    let after = params.cursor(list, sort)?;
    params.finish()?;
    let query = Query { tenant: caller.tenant, filter, sort, after, limit, total };
    let page = list::list(&state.database, &caller.origin, query).await?;
    let next_cursor = page.next.map(|after| list.cursor(&after));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        response.insert_header((LINK, format!("<{}>; rel=\"next\"", params.next("/users", cursor))));
    }
    let items = page.users.iter().map(|user| show(user, &projection)).collect();
    Ok(response.json(PageBody { items, next_cursor, total: page.total }))
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
    let id = path_id(&request)?;
    let draft = body.read(|value| Draft::read(value, ReadAs::Replacement(id)))?;
    let replace = Replace { tenant: caller.tenant, id, draft, conditions, now: state.clock.now() };
    let user = state.database.call(&caller.origin, replace).await?;
    Ok(written(HttpResponse::Ok(), &user, prefer))
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
    let id = path_id(&request)?;
    let patch = body.read(Draft::admit_patch)?;
    let patch = Patch { tenant: caller.tenant, id, patch, conditions, now: state.clock.now() };
    let user = state.database.call(&caller.origin, patch).await?;
    Ok(written(HttpResponse::Ok(), &user, prefer))
}

/// `DELETE /users/{id}`
pub(super) async fn delete(
    Writer(caller): Writer,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = path_id(&request)?;
    let delete = Delete { tenant: caller.tenant, id, conditions, now: state.clock.now() };
    state.database.call(&caller.origin, delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The id in the path. What is no UUID in its usual form names nothing.
fn path_id(request: &HttpRequest) -> Result<Uuid, Problem> {
    let id = request.match_info().get("id").and_then(parse_id);
    id.ok_or_else(|| Problem::not_found("there is no such resource"))
}

fn etag(user: &User) -> String {
    format!("\"{}\"", user.version)
}

/// The answer to a write: as much of the user as the client prefers.
fn written(mut response: HttpResponseBuilder, user: &User, prefer: Prefer) -> HttpResponse {
    if let Some(applied) = prefer.applied() {
        response.insert_header(("preference-applied", applied));
    }
    if prefer != Prefer::Minimal {
        return whole(response, user);
    }
    let mut response = response.insert_header((ETAG, etag(user))).finish();
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

fn whole(mut response: HttpResponseBuilder, user: &User) -> HttpResponse {
    response.insert_header((ETAG, etag(user))).json(Representation::from(user))
}
