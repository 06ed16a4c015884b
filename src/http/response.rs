//! Responses to conditional reads, and to writes, which may be replayed.

use super::context::{Context, Right};
use super::headers::Prefer;
use super::problem::Problem;
use crate::db::Operation;
use crate::domain::change::Stamp;
use crate::domain::condition::Conditions;
use crate::domain::idempotency::{Request, StoredResponse};
use crate::domain::json::to_map;
use crate::domain::key::Secret;
use crate::domain::projection::Projection;
use crate::ops::OpError;
use crate::ops::idempotency::{Idempotent, IdempotentResponse};
use crate::ops::resource::Resource;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The result of a handler.
pub(super) type Response = Result<HttpResponse, Problem>;

/// Marks a response that repeats an earlier one.
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Runs a write and responds to it. If the request has an idempotency key that was used before, the stored response is
/// replayed instead. `users` are the other users whose values the response can contain.
pub(super) async fn call_once<T: Resource, R: Right, O: Operation<Error = OpError>>(
    context: &Context<R>,
    (request, users): (Option<Request>, Vec<Uuid>),
    operation: O,
    response: impl Fn(&O::Output) -> StoredResponse + Send + Sync + 'static,
) -> Response {
    let Some(request) = request else {
        let output = context.write::<T, _>(operation).await?;
        return Ok(http_response(response(&output)));
    };
    let idempotent = Idempotent { request, users, operation, respond: Box::new(response) };
    let IdempotentResponse { response, replayed } = context.write::<T, _>(idempotent).await?;
    let mut response = http_response(response);
    if replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The response to a write, with the body that the client prefers.
pub(super) fn stored_response(
    status: StatusCode,
    stamp: Stamp,
    representation: &impl Serialize,
    prefer: Prefer,
) -> StoredResponse {
    let applied = prefer.applied().map(|applied| ("preference-applied".to_owned(), applied.to_owned()));
    let headers = [(ETAG.to_string(), etag(stamp.version))].into_iter().chain(applied).collect();
    let minimal = prefer == Prefer::Minimal;
    let status = if minimal && status == StatusCode::OK { StatusCode::NO_CONTENT } else { status };
    let body = (!minimal).then(|| serde_json::to_string(representation).unwrap_or_default());
    StoredResponse { status: status.as_u16(), headers, body, resource: stamp.id }
}

/// Converts a stored response to an HTTP response.
pub(super) fn http_response(stored: StoredResponse) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(stored.status).unwrap_or_default());
    for header in stored.headers {
        response.insert_header(header);
    }
    match stored.body {
        Some(body) => response.insert_header((CONTENT_TYPE, "application/json")).body(body),
        None => response.finish(),
    }
}

/// The response to a read: 200, 304 or 412, depending on the conditions. `write` appends the JSON of the resource.
pub(super) fn read_response(
    conditions: &Conditions,
    version: i64,
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Response {
    conditional_response(conditions, version, (etag(version), "application/json"), write)
}

/// Like [`read_response`], with this ETag and this media type.
pub(super) fn conditional_response(
    conditions: &Conditions,
    version: i64,
    (etag, media_type): (String, &'static str),
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Response {
    if !conditions.allow_read(version) {
        return Err(Problem::version_mismatch(Some(version)));
    }
    let status = if conditions.not_modified(version) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag));
    if status == StatusCode::NOT_MODIFIED {
        return Ok(response.finish());
    }
    let mut body = Vec::with_capacity(USUAL_SIZE);
    write(&mut body).map_err(|error| not_serializable(&error))?;
    Ok(response.content_type(media_type).body(body))
}

/// The size in bytes that the response with a single resource seldom exceeds.
const USUAL_SIZE: usize = 2048;

/// Appends a value as JSON.
pub(super) fn write_json(out: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(out, value)
}

pub(super) fn not_serializable(error: &serde_json::Error) -> Problem {
    log::error!("a response cannot be serialized: {error}");
    Problem::defect()
}

pub(super) fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Generates the secret of the key or token `id`.
pub(super) fn new_secret(id: Uuid) -> Result<Secret, Problem> {
    Secret::generate(id).map_err(|error| {
        log::error!("cannot read random bytes from the operating system: {error}");
        Problem::defect()
    })
}

/// The part of a resource that the client requested. The projection is applied during serialization, so that only one
/// resource of a page is in memory as a JSON value at a time.
pub(super) struct Projected<'p, R> {
    pub(super) whole: R,
    pub(super) projection: &'p Projection,
}

impl<R: Serialize> Serialize for Projected<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.projection {
            Projection::All => self.whole.serialize(serializer),
            projection => projection.apply(to_map(&self.whole)).serialize(serializer),
        }
    }
}
