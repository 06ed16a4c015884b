//! Answers: to reads under conditions, to lists, and to writes, which may be given more than once.

use super::State;
use super::auth::Caller;
use super::headers::Prefer;
use super::params::Params;
use super::problem::Problem;
use crate::db::Operation;
use crate::domain::condition::Conditions;
use crate::domain::idempotency::{Answer, Request};
use crate::domain::json::to_map;
use crate::domain::parse_id;
use crate::domain::projection::Projection;
use crate::ops::idempotency::{Answered, Once};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LINK};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// Has a write carried out and answers it. When the request has a name that was answered before, that answer is given
/// again.
pub(super) async fn once<O: Operation>(
    state: &web::Data<State>,
    caller: &Caller,
    request: Option<Request>,
    operation: O,
    answer: impl Fn(&O::Output) -> Answer + Send + Sync + 'static,
) -> Result<HttpResponse, Problem> {
    let Some(request) = request else {
        let output = state.database.call(&caller.origin, operation).await?;
        return Ok(respond(answer(&output)));
    };
    let once = Once { request, operation, answer: Box::new(answer) };
    let Answered { answer, replayed } = state.database.call(&caller.origin, once).await?;
    let mut response = respond(answer);
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Says that an answer was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The answer to a write: as much of the resource as the client prefers.
pub(super) fn written(
    status: StatusCode,
    id: Uuid,
    version: i64,
    shown: &impl Serialize,
    prefer: Prefer,
) -> Answer {
    let applied = prefer.applied().map(|applied| ("preference-applied".to_owned(), applied.to_owned()));
    let headers = [(ETAG.to_string(), etag(version))].into_iter().chain(applied).collect();
    let minimal = prefer == Prefer::Minimal;
    let status = if minimal && status == StatusCode::OK { StatusCode::NO_CONTENT } else { status };
    let body = (!minimal).then(|| serde_json::to_string(shown).unwrap_or_default());
    Answer { status: status.as_u16(), headers, body, resource: id }
}

/// The answer to a reading, under its conditions.
pub(super) fn read(
    conditions: &Conditions,
    version: i64,
    shown: &impl Serialize,
) -> Result<HttpResponse, Problem> {
    if !conditions.allow_read(version) {
        return Err(Problem::precondition_failed("the resource is not in a version that was asked for"));
    }
    let status = if conditions.not_modified(version) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag(version)));
    Ok(if status == StatusCode::OK { response.json(shown) } else { response.finish() })
}

pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The id in the path.
pub(super) fn resource_id(request: &HttpRequest) -> Result<Uuid, Problem> {
    id_of(request, "id")
}

/// An id in the path. What is no UUID in its usual form names nothing.
pub(super) fn id_of(request: &HttpRequest, name: &str) -> Result<Uuid, Problem> {
    let id = request.match_info().get(name).and_then(parse_id);
    id.ok_or_else(|| Problem::not_found("there is no such resource"))
}

/// As much of a resource as the client wants to see. Cut when it is written, so that of a page one resource at a time is
/// there in pieces.
pub(super) struct Shown<'p, R> {
    pub(super) whole: R,
    pub(super) projection: &'p Projection,
}

impl<R: Serialize> Serialize for Shown<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.projection {
            Projection::Whole => self.whole.serialize(serializer),
            projection => projection.apply(to_map(&self.whole)).serialize(serializer),
        }
    }
}

/// A page of resources as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageBody<'p, T> {
    items: &'p [T],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// A page of the list at `path`, with the link to the next one.
pub(super) fn page_of<T: Serialize>(
    path: &str,
    params: &Params,
    items: &[T],
    next_cursor: Option<String>,
    total: Option<i64>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let next = next_cursor.as_ref().map(|cursor| params.next(path, cursor));
    // A header that is longer than proxies take would cost the whole answer.
    if let Some(next) = next.filter(|next| next.len() <= 4096) {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(PageBody { items, next_cursor, total })
}

/// The answer as HTTP.
pub(super) fn respond(answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or_default());
    for header in answer.headers {
        response.insert_header(header);
    }
    match answer.body {
        Some(body) => response.insert_header((CONTENT_TYPE, "application/json")).body(body),
        None => response.finish(),
    }
}
