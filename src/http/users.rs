//! `/users`.

use super::State;
use super::answer::{once, respond};
use super::auth::{Reader, Writer};
use super::body::JsonBody;
use super::headers::{IdempotencyKey, IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use crate::domain::cursor::List;
use crate::domain::idempotency::Answer;
use crate::domain::parse_id;
use crate::domain::projection::Projection;
use crate::domain::user::{Draft, ReadAs, Representation, User, to_map};
use crate::ops::users::list::{self, Query};
use crate::ops::users::{Create, Delete, Find, Patch, Replace};
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LINK, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Serialize, Serializer};
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
        let mut answer = written(StatusCode::CREATED, user, prefer);
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
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(&user)))
        .json(Shown { user: &user, projection: &projection }))
}

/// As much of a user as the client wants to see. Cut when it is written, so that of a page one user at a time is there
/// in pieces.
struct Shown<'u> {
    user: &'u User,
    projection: &'u Projection,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = Representation::from(self.user);
        match self.projection {
            Projection::Whole => whole.serialize(serializer),
            projection => projection.apply(to_map(&whole)).serialize(serializer),
        }
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
    let next = next_cursor.as_ref().map(|cursor| params.next("/users", cursor));
    // A header that is longer than proxies take would cost the whole answer.
    if let Some(next) = next.filter(|next| next.len() <= 4096) {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    let items = page.users.iter().map(|user| Shown { user, projection: &projection }).collect();
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
    Ok(respond(written(StatusCode::OK, &user, prefer)))
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
    Ok(respond(written(StatusCode::OK, &user, prefer)))
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
fn written(status: StatusCode, user: &User, prefer: Prefer) -> Answer {
    let applied = prefer.applied().map(|applied| ("preference-applied".to_owned(), applied.to_owned()));
    let headers = [(ETAG.to_string(), etag(user))].into_iter().chain(applied).collect();
    let minimal = prefer == Prefer::Minimal;
    let status = if minimal && status == StatusCode::OK { StatusCode::NO_CONTENT } else { status };
    let body = (!minimal).then(|| serde_json::to_string(&Representation::from(user)).unwrap_or_default());
    Answer { status: status.as_u16(), headers, body, resource: user.id }
}
