//! Errors as clients see them: RFC 9457 problem details, or SCIM errors.

use super::api::Api;
use crate::db::DbError;
use crate::domain::fields::FieldError;
use crate::domain::filter::InvalidFilter;
use crate::domain::key::Role;
use crate::domain::scim::{ScimError, ScimType, from_field_errors};
use crate::ops::OpError;
use crate::ops::changes::Span;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Map;
use std::fmt;
use std::time::Duration;

/// The reason why a request failed. The outermost middleware writes the body of the response, because only the
/// middleware knows the request id.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    span: Option<Box<Span>>,
    /// The SCIM error type, if it does not follow from the code.
    scim_type: Option<ScimType>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Defines a constructor for each code, and the list of all codes.
macro_rules! problems {
    ($($name:ident = $status:ident, $code:literal;)*) => {
        impl Problem {
            $(pub(super) fn $name(detail: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, $code, detail)
            })*
        }

        /// Every code with its status. docs/api.md explains them.
        pub const CODES: &[(StatusCode, &str)] = &[$((StatusCode::$status, $code)),*];
    };
}

problems! {
    malformed_body = BAD_REQUEST, "malformed-body";
    invalid_parameter = BAD_REQUEST, "invalid-parameter";
    invalid_cursor = BAD_REQUEST, "invalid-cursor";
    invalid_filter = BAD_REQUEST, "invalid-filter";
    uncountable = BAD_REQUEST, "uncountable";
    invalid_header = BAD_REQUEST, "invalid-header";
    unauthorized = UNAUTHORIZED, "unauthorized";
    forbidden = FORBIDDEN, "forbidden";
    not_found = NOT_FOUND, "not-found";
    method_not_allowed = METHOD_NOT_ALLOWED, "method-not-allowed";
    not_acceptable = NOT_ACCEPTABLE, "not-acceptable";
    request_timeout = REQUEST_TIMEOUT, "request-timeout";
    conflict = CONFLICT, "conflict";
    gone = GONE, "gone";
    precondition_failed = PRECONDITION_FAILED, "precondition-failed";
    body_too_large = PAYLOAD_TOO_LARGE, "body-too-large";
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type";
    invalid = UNPROCESSABLE_ENTITY, "invalid";
    idempotency_key_reused = UNPROCESSABLE_ENTITY, "idempotency-key-reused";
    too_many_attempts = TOO_MANY_REQUESTS, "too-many-attempts";
    internal = INTERNAL_SERVER_ERROR, "internal";
    overloaded = SERVICE_UNAVAILABLE, "overloaded";
    deadline_passed = SERVICE_UNAVAILABLE, "deadline-passed";
    database_busy = SERVICE_UNAVAILABLE, "database-busy";
    database_unavailable = SERVICE_UNAVAILABLE, "database-unavailable";
    not_ready = SERVICE_UNAVAILABLE, "not-ready";
    stopping = SERVICE_UNAVAILABLE, "stopping";
    outcome_unknown = GATEWAY_TIMEOUT, "outcome-unknown";
}

impl Problem {
    /// A problem of any status. Every 503 asks the client to retry after a second.
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (detail, errors, headers) = (detail.into(), Vec::new(), Vec::new());
        let problem = Self { status, code, detail, errors, span: None, scim_type: None, headers };
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.with(RETRY_AFTER, "1"),
            _ => problem,
        }
    }

    /// 401: the request has no valid key.
    pub(super) fn no_valid_key() -> Self {
        let detail = "The request has no valid key. Send `Authorization: Bearer <key>`.";
        Self::unauthorized(detail).with(WWW_AUTHENTICATE, "Bearer")
    }

    /// 403: the key's role is lower than the operation requires.
    pub(super) fn insufficient_role(required: Role) -> Self {
        Self::forbidden(format!("This key's role does not permit this operation (requires `{required}`)."))
    }

    /// 404: no endpoint has this path.
    pub(super) fn no_such_path() -> Self {
        Self::not_found("There is no endpoint at this path.")
    }

    /// 404: the resource does not exist.
    pub(super) fn no_such_resource() -> Self {
        Self::not_found("The resource does not exist.")
    }

    /// 405, with the methods that the path supports.
    pub(super) fn wrong_method(method: &Method, allow: &str) -> Self {
        let detail = format!("This path does not support {method}. It supports {allow}.");
        Self::method_not_allowed(detail).with(ALLOW, allow)
    }

    /// 406: the client accepts none of the media types of the API's responses.
    pub(super) fn not_acceptable_by(api: Api) -> Self {
        Self::not_acceptable(match api {
            Api::Native => {
                "`Accept` must include `application/json`, the media type of responses. Errors are \
                 `application/problem+json`."
            }
            Api::Scim => "`Accept` must include `application/scim+json`, the media type of responses.",
        })
    }

    /// 400: the filter cannot be parsed.
    pub(super) fn filter(error: &InvalidFilter) -> Self {
        Self::invalid_filter(format!("The filter is invalid at {error}."))
    }

    /// 408: the body was not received in time.
    pub(super) fn body_timeout() -> Self {
        Self::request_timeout("The body was not received in time.")
    }

    /// 410: the change feed does not contain the changes that the client asked for.
    pub(super) fn feed_gone(span: &Span) -> Self {
        let detail = "The changes after this revision are no longer retained or do not exist. Read the current state \
                      again, and follow the changes from `head`.";
        Self { span: Some(Box::new(*span)), ..Self::gone(detail) }
    }

    /// 412: the version of the resource does not satisfy the request's conditions.
    pub(super) fn version_mismatch() -> Self {
        Self::precondition_failed(
            "The version of the resource does not satisfy `If-Match` or `If-None-Match`. Read the resource again.",
        )
    }

    /// 413: the decompressed body exceeds the limit.
    pub(super) fn body_exceeds(limit: usize) -> Self {
        Self::body_too_large(format!("The body must not exceed {limit} bytes after decompression."))
    }

    /// 415: the body has a media type that is not accepted.
    pub(super) fn wrong_media_type(accepted: &[&str], found: &str) -> Self {
        let (accepted, found) = (accepted.join(" or "), if found.is_empty() { "absent" } else { found });
        Self::unsupported_media_type(format!("`Content-Type` must be {accepted} in UTF-8, not {found}."))
    }

    /// 422 with the invalid fields: all of them, or the first thousand.
    pub(super) fn invalid_fields(mut errors: Vec<FieldError>) -> Self {
        let detail = match errors.len() {
            1 => "1 field is invalid; see `errors`.".to_owned(),
            count => format!("{count} fields are invalid; see `errors`."),
        };
        errors.truncate(1_000);
        Self { errors, ..Self::invalid(detail) }
    }

    /// 429: the client address has failed to authenticate too often.
    pub(super) fn throttled(wait: Duration) -> Self {
        let seconds = (wait.as_secs() + 1).to_string();
        let detail = format!(
            "Too many authentication attempts from this address have failed. Retry in {seconds} seconds."
        );
        Self::too_many_attempts(detail).with(RETRY_AFTER, &seconds)
    }

    /// 500, without any internal detail.
    pub(super) fn defect() -> Self {
        Self::internal("An internal error occurred. The server's log describes it under this request id.")
    }

    /// 503: the server is stopping.
    pub(super) fn server_stopping() -> Self {
        Self::stopping("The server is stopping. Nothing was done; retry later.")
    }

    /// The problem for an error response that the framework created.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::no_such_path(),
            StatusCode::NOT_ACCEPTABLE => {
                Self::not_acceptable("`Accept-Encoding` excludes every encoding that the server supports.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large("The body is too large."),
            StatusCode::REQUEST_TIMEOUT => Self::request_timeout("The request was not received in time."),
            status if status.is_client_error() => {
                Self { status, ..Self::invalid_header("The request could not be understood.") }
            }
            _ => Self::defect(),
        }
    }

    /// Adds a header to the response.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The response of an API (RFC 9457; for SCIM, RFC 7644, section 3.12).
    pub(super) fn respond(&self, api: Api, request_id: &str) -> HttpResponse {
        let mut response = self.error_response();
        let media_type = HeaderValue::from_static(api.error_media_type());
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        let body = match api {
            Api::Native => serde_json::to_string(&self.body(request_id)),
            Api::Scim => {
                let error = self.scim_error();
                *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(self.status);
                serde_json::to_string(&error.body())
            }
        };
        match body {
            Ok(body) => response.set_body(body).map_into_boxed_body(),
            Err(_) => response,
        }
    }

    /// The body of a response of the native API.
    pub(super) fn body<'p>(&'p self, request_id: &'p str) -> impl Serialize + 'p {
        Body {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
            errors: &self.errors,
            span: self.span.as_deref(),
        }
    }

    /// The SCIM error (RFC 7644, section 3.12). It has a single text, so that text includes the field errors.
    pub(super) fn scim_error(&self) -> ScimError {
        let scim_type = self.scim_type.or(match self.code {
            "malformed-body" => Some(ScimType::InvalidSyntax),
            "invalid-parameter" | "invalid" => Some(ScimType::InvalidValue),
            "invalid-cursor" => Some(ScimType::InvalidCursor),
            "invalid-filter" => Some(ScimType::InvalidFilter),
            "uncountable" => Some(ScimType::TooMany),
            "conflict" if !self.errors.is_empty() => Some(ScimType::Uniqueness),
            _ => None,
        });
        match scim_type {
            Some(ScimType::InvalidValue) if !self.errors.is_empty() => {
                from_field_errors(&self.errors, &Map::new())
            }
            Some(scim_type) => scim_type.error(self.detail.clone()),
            None => ScimError::of_status(self.status.as_u16(), self.detail.clone()),
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The names of the headers that this problem adds to the response.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|(name, _)| name)
    }
}

/// An error message as a sentence: with a full stop, and with a capital letter unless it begins with the name of an
/// attribute such as `uniqueGroupNames`.
pub(super) fn sentence(message: impl fmt::Display) -> String {
    let message = message.to_string();
    let message = message.strip_suffix('.').unwrap_or(&message);
    let is_word = |word: &str| !word.contains(char::is_uppercase);
    let mut letters = message.chars();
    match letters.next() {
        Some(first) if message.split(' ').next().is_some_and(is_word) => {
            format!("{}{}.", first.to_uppercase(), letters.as_str())
        }
        _ => format!("{message}."),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'p str,
    code: &'static str,
    request_id: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [FieldError],
    #[serde(flatten)]
    span: Option<&'p Span>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

impl From<ScimError> for Problem {
    fn from(error: ScimError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { scim_type: error.scim_type, ..Self::new(status, "scim", error.detail) }
    }
}

impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        match error {
            OpError::NotFound => Self::no_such_resource(),
            OpError::Conflict { attribute, .. } => {
                let errors =
                    vec![FieldError::new(format!("/{attribute}"), "taken", "belongs to another resource")];
                let detail = format!("This value of `{attribute}` belongs to another resource.");
                Self { errors, ..Self::conflict(detail) }
            }
            OpError::PreconditionFailed => Self::version_mismatch(),
            OpError::Invalid(errors) => Self::invalid_fields(errors),
            OpError::Forbidden => {
                Self::forbidden("This key's role does not permit managing a key with a higher role.")
            }
            OpError::Refused(detail) => Self::conflict(sentence(detail)),
            OpError::KeyReused => Self::idempotency_key_reused(
                "The `Idempotency-Key` was already used with a different body. Send another key.",
            ),
            OpError::Uncountable => Self::uncountable(
                "The results cannot be counted or sorted in time. Leave out `include=total` (in SCIM, page with \
                 `cursor`), or filter and sort by an indexed attribute.",
            ),
            OpError::Database(error) => error.into(),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NoRow => Self::no_such_resource(),
            DbError::Overloaded => {
                Self::overloaded("Too many requests are waiting. Nothing was done; retry later.")
            }
            DbError::Stopping => Self::server_stopping(),
            DbError::DeadlinePassed => Self::deadline_passed(
                "The deadline passed before the request was processed. Nothing was done; retry later.",
            ),
            DbError::Unavailable(_) => {
                Self::database_unavailable("The database cannot be reached. Nothing was done; retry later.")
            }
            DbError::Busy(_) | DbError::Serialization(_) => Self::database_busy(
                "Other requests kept the resource locked for too long. Nothing was done; retry later.",
            ),
            DbError::OutcomeUnknown(_) => Self::outcome_unknown(
                "The write may or may not have been committed. Repeat the request with the same `Idempotency-Key`, or \
                 read the resource.",
            ),
            DbError::UniqueViolation(_) | DbError::Internal(_) => Self::defect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_not_shorter_than_the_wait() {
        for (milliseconds, seconds) in [(0, "1"), (999, "1"), (41_500, "42")] {
            let problem = Problem::throttled(Duration::from_millis(milliseconds));
            assert_eq!(problem.headers, [(RETRY_AFTER, HeaderValue::from_static(seconds))]);
        }
    }

    #[test]
    fn sentences_keep_the_spelling_of_attributes() {
        for (message, expected) in [
            ("the cursor is invalid", "The cursor is invalid."),
            ("The tenant has users.", "The tenant has users."),
            ("uniqueGroupNames cannot change", "uniqueGroupNames cannot change."),
            ("'x' is not an attribute", "'x' is not an attribute."),
        ] {
            assert_eq!(sentence(message), expected);
        }
    }
}
