//! The middleware of every request: assigns the request id, authenticates, renders problems and logs the request.

use super::access_log::log_request;
use super::api::{Api, is_public, normalize_path};
use super::auth::{Caller, authenticate};
use super::deadline::Deadline;
use super::endpoint::route_of;
use super::headers::{NDJSON, accepts, accepts_events, accepts_json, remove_unsatisfiable_encodings};
use super::in_flight::{self, count};
use super::inspector::{self, Inspector, RequestNotes, Unanswered};
use super::problem::Problem;
use super::rate_limit::Remaining;
use super::request_id::{RequestId, X_REQUEST_ID};
use super::server::parking::Parking;
use super::state::State;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, StatusCode, Version};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use std::time::Instant;

/// Present in every response to a connection whose writes are rolled back.
const ROSTER_DRY_RUN: HeaderName = HeaderName::from_static("roster-dry-run");

/// The outermost middleware: everything except authentication.
pub(super) async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let (resumed, in_progress) = Parking::begin(request.request());
    let arrival = resumed.as_ref().map_or(began, |resumed| resumed.arrived);
    let id = match &resumed {
        Some(resumed) => RequestId(resumed.request_id.clone()),
        None => RequestId::from_headers(request.headers()),
    };
    request.extensions_mut().insert(id.clone());
    let state = request.app_data::<web::Data<State>>().cloned();
    let _in_progress = state.as_ref().map(|state| state.metrics.requests.begin());
    if let Some(state) = &state {
        request.extensions_mut().insert(Deadline { arrival, end: began + state.deadline });
    }
    if let Some(resumed) = resumed {
        request.extensions_mut().insert(resumed);
    }
    normalize_path(&mut request);
    if Api::of(request.path()) == Api::Scim {
        remove_unsatisfiable_encodings(&mut request);
    } else if returns_events(&request) {
        // Each event must be sent at once.
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = render_problem(response, &id.0);
    add_headers(&mut response, &id.0);
    let (route, duration) = (route_of(response.request()), arrival.elapsed());
    if let Some(state) = &state {
        let method = response.request().method();
        state.metrics.requests.record(route.as_deref(), method, response.status(), duration);
        Inspector::end(state, &response, &id.0, duration);
    }
    log_request(&response, route.as_deref(), &id.0, duration);
    Ok(match in_progress {
        Some(in_progress) => response.map_body(|_, body| in_progress.until_sent(body)),
        None => response,
    })
}

/// The inner middleware: refuses requests without a valid key, unless the path is public, and requests to the native API
/// that do not accept its media types.
pub(super) async fn authorize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if is_public(request.path()) {
        if let Some(state) = request.app_data::<web::Data<State>>() {
            inspector::begin_unauthenticated(&request, state);
        }
    } else if let Err(problem) = admit(&request).await {
        return Ok(request.error_response(problem));
    }
    let unanswered = Unanswered::of(&request);
    let response = next.call(request).await.map(|response| count(response.map_into_boxed_body()));
    unanswered.into_iter().for_each(Unanswered::answered);
    response
}

/// Whether the response is a stream of server-sent events.
fn returns_events(request: &ServiceRequest) -> bool {
    request.path() == "/changes" && accepts_events(request.headers())
}

async fn admit(request: &ServiceRequest) -> Result<(), Problem> {
    let state = request.app_data::<web::Data<State>>().ok_or_else(Problem::no_valid_key)?;
    authenticate(request, state).await?;
    let is_acceptable = Api::of(request.path()) == Api::Scim
        || accepts_json(request.headers())
        || returns_events(request)
        || ["/export", "/import"].contains(&request.path()) && accepts(request.headers(), NDJSON)
        // Negotiated by the handler.
        || request.path() == "/metrics";
    if !is_acceptable {
        return Err(Problem::not_json());
    }
    in_flight::check(request.request(), state)
}

/// Renders an error response, whether it comes from a handler or from the framework.
fn render_problem(response: ServiceResponse, id: &str) -> ServiceResponse {
    let status = response.status();
    let problem = response.response().error().map(|error| error.as_error::<Problem>().cloned());
    let problem = match problem {
        Some(problem) => problem.unwrap_or_else(|| Problem::of_status(status)),
        None if status.is_client_error() || status.is_server_error() => Problem::of_status(status),
        None => return response,
    };
    inspector::note_rejection(&response, &problem);
    let (request, _) = response.into_parts();
    if let Some(state) = request.app_data::<web::Data<State>>() {
        state.metrics.count_problem(&problem);
    }
    let mut response = problem.respond(Api::of(request.path()), id);
    response.extensions_mut().insert(problem.logged());
    captured(ServiceResponse::new(request, response))
}

/// Records the body of the response to a request that is recorded.
fn captured(response: ServiceResponse) -> ServiceResponse {
    let Some(notes) = RequestNotes::of_recorded(response.request()) else { return response };
    response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => {
            notes.capture_response(&bytes);
            BoxBody::new(bytes)
        }
        Err(body) => body,
    })
}

fn add_headers(response: &mut ServiceResponse, id: &str) {
    let stopping = response.request().app_data::<web::Data<State>>().is_some_and(|state| state.is_stopping());
    let remaining = Remaining::of(response.request());
    let is_dry = response.request().extensions().get().is_some_and(Caller::is_dry);
    // HTTP/1.0 has no chunked encoding, so the end of the connection ends the body (RFC 9112, section 6.3).
    let ends_with_connection = response.request().version() < Version::HTTP_11
        && response.response().body().size() == BodySize::Stream;
    let response: &mut HttpResponse = response.response_mut();
    response.head_mut().no_chunking(ends_with_connection);
    let is_body_unread =
        matches!(response.status(), StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT);
    if stopping || is_body_unread || ends_with_connection {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(remaining) = remaining {
        remaining.add_fields(headers);
    }
    if is_dry {
        headers.insert(ROSTER_DRY_RUN, HeaderValue::from_static("true"));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
}
