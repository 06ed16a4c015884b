//! Errors as clients see them: RFC 9457 problem details, or SCIM errors.

mod from;
mod log;
mod note;
mod render;

pub(super) use log::LoggedProblem;

use super::api::SCIM_BASE;
use crate::domain::brake::Held;
use crate::domain::fields::FieldError;
use crate::domain::filter::InvalidFilter;
use crate::domain::key::Role;
use crate::domain::scim::ScimType;
use crate::domain::tenant::Duplicates;
use crate::ops::changes::Span;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

pub(super) use from::cause;

/// The reason why a request failed. The outermost middleware writes the body of the response, because only the
/// middleware knows the request id.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    /// The limit that an `overloaded` problem concerns, if it is not that of the database's queues.
    limit: Option<Limit>,
    detail: String,
    errors: Vec<FieldError>,
    more: Option<Box<Extension>>,
    /// The current version of the resource, which is its ETag.
    version: Option<i64>,
    /// The SCIM error type, if it does not follow from the code.
    scim_type: Option<ScimType>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Members of a problem that depend on its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Extension {
    /// The available range of revisions.
    Span(Span),
    /// The id of the resource that has the value.
    #[serde(rename_all = "camelCase")]
    Existing { existing_id: Uuid },
    /// The values that are not unique.
    Duplicates(Duplicates),
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
    rate_limited = TOO_MANY_REQUESTS, "rate-limited";
    too_many_followers = TOO_MANY_REQUESTS, "too-many-followers";
    connection_held = TOO_MANY_REQUESTS, "connection-held";
    internal = INTERNAL_SERVER_ERROR, "internal";
    overloaded = SERVICE_UNAVAILABLE, "overloaded";
    deadline_passed = SERVICE_UNAVAILABLE, "deadline-passed";
    database_busy = SERVICE_UNAVAILABLE, "database-busy";
    database_unavailable = SERVICE_UNAVAILABLE, "database-unavailable";
    not_ready = SERVICE_UNAVAILABLE, "not-ready";
    stopping = SERVICE_UNAVAILABLE, "stopping";
    outcome_unknown = GATEWAY_TIMEOUT, "outcome-unknown";
}

/// The code of errors that only SCIM has. Their `scimType` distinguishes them.
const SCIM: &str = "scim";

/// A limit whose problems have the code `overloaded`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Imports,
    UnreadResponses,
}

impl Limit {
    fn reason(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::UnreadResponses => "unread-responses",
        }
    }
}

impl Problem {
    /// A problem of any status. Every 503 tells the client to retry after a second.
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (detail, errors, headers) = (detail.into(), Vec::new(), Vec::new());
        let (more, version, scim_type) = (None, None, None);
        let problem = Self { status, code, limit: None, detail, errors, more, version, scim_type, headers };
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.with(RETRY_AFTER, "1"),
            _ => problem,
        }
    }

    pub(super) fn no_valid_key() -> Self {
        let detail = "The key or token is missing, unknown, expired or revoked. Send it as `Authorization: Bearer <key>`.";
        Self::unauthorized(detail).with(WWW_AUTHENTICATE, "Bearer")
    }

    pub(super) fn token_outside_scim() -> Self {
        let detail =
            format!("A connection's token works only under `{SCIM_BASE}` and for `GET /me`. Send a key.");
        Self::unauthorized(detail).with(WWW_AUTHENTICATE, "Bearer")
    }

    pub(super) fn no_such_path_for_token() -> Self {
        Self::not_found(format!(
            "There is no endpoint at this path. A connection's token works only under `{SCIM_BASE}` and for `GET /me`."
        ))
    }

    pub(super) fn insufficient_role(required: Role) -> Self {
        Self::forbidden(format!("This key's role does not permit this operation (requires `{required}`)."))
    }

    pub(super) fn no_such_path() -> Self {
        Self::not_found("There is no endpoint at this path.")
    }

    pub(super) fn no_such_resource() -> Self {
        Self::not_found("The resource does not exist.")
    }

    pub(super) fn wrong_method(method: &Method, allow: &str) -> Self {
        let detail = format!("This path does not support {method}. It supports {allow}.");
        Self::method_not_allowed(detail).with(ALLOW, allow)
    }

    pub(super) fn not_json() -> Self {
        Self::not_acceptable(
            "`Accept` must include `application/json`, the media type of responses. Errors are \
             `application/problem+json`.",
        )
    }

    pub(super) fn filter(error: &InvalidFilter) -> Self {
        Self::invalid_filter(format!("The filter is invalid at {error}."))
    }

    pub(super) fn body_timeout() -> Self {
        Self::request_timeout("The body was not received in time. Send the request again.")
    }

    pub(super) fn feed_gone(span: &Span) -> Self {
        let detail = "The changes after this revision are no longer retained or do not exist. Read the current state \
                      again, and follow the changes from `head`.";
        Self { more: Some(Box::new(Extension::Span(*span))), ..Self::gone(detail) }
    }

    pub(super) fn history_gone(span: &Span) -> Self {
        let detail = "The state at this point is unknown, because it depends on changes that are no longer retained. The \
                      oldest retained change is `earliest`.";
        Self { more: Some(Box::new(Extension::Span(*span))), ..Self::gone(detail) }
    }

    pub(super) fn not_unique(duplicates: Duplicates) -> Self {
        let detail = "Several resources have the same values; see `conflicts`. Change or delete all but one of them, and \
                      repeat the request.";
        Self { more: Some(Box::new(Extension::Duplicates(duplicates))), ..Self::conflict(detail) }
    }

    /// Contains the current version, if the resource has one.
    pub(super) fn version_mismatch(version: Option<i64>) -> Self {
        let current = version.map_or_else(String::new, |version| format!(" ({version})"));
        let detail = format!(
            "The version of the resource{current} does not satisfy `If-Match` or `If-None-Match`. Read the resource again."
        );
        Self { version, ..Self::precondition_failed(detail) }
    }

    pub(super) fn head_moved(head: i64, expected: i64) -> Self {
        Self::precondition_failed(format!(
            "The newest revision is {head}, not {expected}: the data has changed since the plan. Repeat the plan."
        ))
    }

    pub(super) fn too_many_imports() -> Self {
        let detail = "Too many imports or reverts are running. Nothing was done; retry later.";
        Self { limit: Some(Limit::Imports), ..Self::overloaded(detail) }
    }

    pub(super) fn body_exceeds(limit: usize) -> Self {
        Self::body_too_large(format!("The body must not exceed {limit} bytes after decompression."))
    }

    pub(super) fn wrong_media_type(accepted: &[&str], found: &str) -> Self {
        let accepted = accepted.join(" or ");
        Self::unsupported_media_type(match found {
            "" => format!("`Content-Type` is required and must be {accepted} in UTF-8."),
            found => format!("`Content-Type` must be {accepted} in UTF-8, not {found}."),
        })
    }

    /// Contains all invalid fields, or the first thousand.
    pub(super) fn invalid_fields(mut errors: Vec<FieldError>) -> Self {
        let detail = match errors.len() {
            1 => "1 field is invalid; see `errors`.".to_owned(),
            count => format!("{count} fields are invalid; see `errors`."),
        };
        errors.truncate(1_000);
        Self { errors, ..Self::invalid(detail) }
    }

    pub(super) fn throttled(wait: Duration) -> Self {
        let problem =
            Self::too_many_attempts("Too many authentication attempts from this address have failed.");
        problem.retry_in(wait)
    }

    pub(super) fn beyond_rate(wait: Duration) -> Self {
        let detail = "This key or token has reached its limit on requests. Nothing was done.";
        Self::rate_limited(detail).retry_in(wait)
    }

    /// Only an administrator can end a hold. `Retry-After` limits how often the client repeats the request until then.
    pub(super) fn held(held: &Held) -> Self {
        let detail = format!("Deactivations and deletions are refused: nothing was done. {}", held.reason);
        Self::connection_held(detail).with(RETRY_AFTER, "300")
    }

    /// Tells the client to wait at least this long.
    fn retry_in(mut self, wait: Duration) -> Self {
        let seconds = (wait.as_secs() + 1).to_string();
        let unit = if seconds == "1" { "second" } else { "seconds" };
        self.detail = format!("{} Retry in {seconds} {unit}.", self.detail);
        self.with(RETRY_AFTER, &seconds)
    }

    /// A connection became dry while one of its requests was processed.
    pub(super) fn mode_changed() -> Self {
        Self::database_busy("The mode of the connection has become `dry`. Nothing was done; retry.")
    }

    pub(super) fn too_many_of_key(limit: usize) -> Self {
        let detail = format!(
            "{limit} requests with this key already wait for changes or receive a stream. Retry once one of them has ended."
        );
        Self::too_many_followers(detail).with(RETRY_AFTER, "1")
    }

    pub(super) fn too_many_in_total(limit: usize) -> Self {
        let detail = format!("{limit} requests already wait for changes or receive a stream. Retry later.");
        Self::too_many_followers(detail).with(RETRY_AFTER, "1")
    }

    pub(super) fn defect() -> Self {
        Self::internal(
            "An internal error occurred. The server's log contains the details under this request id.",
        )
    }

    pub(super) fn server_stopping() -> Self {
        Self::stopping("The server is stopping. Nothing was done; retry later.")
    }

    pub(super) fn too_much_unread() -> Self {
        let detail = "Clients have not read their earlier responses, whose total size is limited. Nothing was done; read all \
             responses, and retry later.";
        Self { limit: Some(Limit::UnreadResponses), ..Self::overloaded(detail) }
    }

    /// The problem for an error response that the framework created.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::no_such_path(),
            StatusCode::NOT_ACCEPTABLE => {
                Self::not_acceptable("`Accept-Encoding` excludes every encoding that the server supports.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large("The body is too large."),
            StatusCode::REQUEST_TIMEOUT => {
                Self::request_timeout("The request was not received in time. Send it again.")
            }
            status if status.is_client_error() => {
                Self { status, ..Self::invalid_header("The server could not parse the request.") }
            }
            _ => Self::defect(),
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Whether the key is not valid or its role is too low.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The reason for metrics: the code, unless operators act differently on several causes of it.
    pub(super) fn reason(&self) -> &'static str {
        self.limit.map_or(self.code, Limit::reason)
    }

    /// Every reason.
    pub(super) fn reasons() -> impl Iterator<Item = &'static str> {
        let limits = [Limit::Imports, Limit::UnreadResponses].map(Limit::reason);
        CODES.iter().map(|(_, code)| *code).chain([SCIM]).chain(limits)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_not_shorter_than_the_wait() {
        let cases = [(0, "1", "1 second."), (999, "1", "1 second."), (41_500, "42", "42 seconds.")];
        for (milliseconds, seconds, end) in cases {
            let problem = Problem::throttled(Duration::from_millis(milliseconds));
            assert_eq!(problem.headers, [(RETRY_AFTER, HeaderValue::from_static(seconds))]);
            assert!(problem.detail.ends_with(&format!("Retry in {end}")), "{}", problem.detail);
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
