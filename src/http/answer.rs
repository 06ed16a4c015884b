//! Answers to writes, which may be given more than once.

use super::State;
use super::auth::Caller;
use super::problem::Problem;
use crate::db::Operation;
use crate::domain::idempotency::{Answer, Request};
use crate::ops::idempotency::{Answered, Once};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};

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

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

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
