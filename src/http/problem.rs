//! Errors as clients see them: RFC 9457 problem details.

use super::api::Api;
use crate::db::DbError;
use crate::domain::fields::FieldError;
use crate::domain::key::Role;
use crate::domain::scim::{ScimError, ScimType, from_field_errors};
use crate::ops::changes::Span;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Map;
use std::fmt;
use std::time::Duration;

/// Why a request was not carried out. The outermost middleware writes its body, because only there the request id
/// is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    span: Option<Box<Span>>,
    /// What SCIM says of it, where that is more than the code tells.
    scim_type: Option<ScimType>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Every problem by its `code`: what it is answered with and when.
macro_rules! problems {
    ($($(#[$doc:meta])* $vis:vis $name:ident = $status:ident, $code:literal;)*) => {
        impl Problem {
            $($(#[$doc])*
            #[must_use]
            $vis fn $name(detail: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, $code, detail)
            })*
        }

        /// Every code with its status. docs/api.md has a line for each.
        pub const CODES: &[(StatusCode, &str)] = &[$((StatusCode::$status, $code)),*];
    };
}

problems! {
    /// The body is not JSON, or not decodable.
    pub malformed_body = BAD_REQUEST, "malformed-body";
    /// A query parameter is unknown or has no valid value.
    pub invalid_parameter = BAD_REQUEST, "invalid-parameter";
    /// The cursor is not one of this list.
    pub invalid_cursor = BAD_REQUEST, "invalid-cursor";
    /// The filter is not one.
    pub invalid_filter = BAD_REQUEST, "invalid-filter";
    /// What the filter finds cannot be counted, or sorted, in time.
    pub uncountable = BAD_REQUEST, "uncountable";
    /// A header has no valid value.
    pub invalid_header = BAD_REQUEST, "invalid-header";
    /// See [`Problem::unauthorized`].
    bare_unauthorized = UNAUTHORIZED, "unauthorized";
    /// The key may not do this.
    pub forbidden = FORBIDDEN, "forbidden";
    /// There is no such resource, or no such path.
    pub not_found = NOT_FOUND, "not-found";
    /// See [`Problem::method_not_allowed`].
    bare_method_not_allowed = METHOD_NOT_ALLOWED, "method-not-allowed";
    /// The answer would have no media type that the client accepts.
    pub not_acceptable = NOT_ACCEPTABLE, "not-acceptable";
    /// The body did not come in time.
    pub request_timeout = REQUEST_TIMEOUT, "request-timeout";
    /// The value of an attribute belongs to another resource.
    pub conflict = CONFLICT, "conflict";
    /// See [`Problem::feed_gone`].
    bare_gone = GONE, "gone";
    /// The resource is not in the version that the request names.
    pub precondition_failed = PRECONDITION_FAILED, "precondition-failed";
    /// The body is larger than the server takes.
    pub body_too_large = PAYLOAD_TOO_LARGE, "body-too-large";
    /// The body's media type or encoding is not one that is taken here.
    pub unsupported_media_type = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type";
    /// See [`Problem::invalid`].
    bare_invalid = UNPROCESSABLE_ENTITY, "invalid";
    /// The Idempotency-Key belongs to another request.
    pub idempotency_key_reused = UNPROCESSABLE_ENTITY, "idempotency-key-reused";
    /// See [`Problem::too_many_attempts`].
    bare_too_many_attempts = TOO_MANY_REQUESTS, "too-many-attempts";
    /// A defect of the server; it says nothing of the inside.
    pub internal = INTERNAL_SERVER_ERROR, "internal";
    /// Too many calls wait: nothing was done.
    pub overloaded = SERVICE_UNAVAILABLE, "overloaded";
    /// The deadline passed before the database came to it: nothing was done.
    pub deadline_passed = SERVICE_UNAVAILABLE, "deadline-passed";
    /// Others held a lock for too long: nothing was done.
    pub database_busy = SERVICE_UNAVAILABLE, "database-busy";
    /// There is no connection to the database: nothing was done.
    pub database_unavailable = SERVICE_UNAVAILABLE, "database-unavailable";
    /// The server cannot do its work.
    pub not_ready = SERVICE_UNAVAILABLE, "not-ready";
    /// The server is stopping: nothing was done.
    pub stopping = SERVICE_UNAVAILABLE, "stopping";
    /// The write was begun, and nobody can say whether it is there.
    pub outcome_unknown = GATEWAY_TIMEOUT, "outcome-unknown";
}

impl Problem {
    /// What is 503 may be asked for again after a second.
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (detail, errors, headers) = (detail.into(), Vec::new(), Vec::new());
        let problem = Self { status, code, detail, errors, span: None, scim_type: None, headers };
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.with(RETRY_AFTER, "1"),
            _ => problem,
        }
    }

    /// 401: no key, or none that is good.
    #[must_use]
    pub fn unauthorized() -> Self {
        let problem = Self::bare_unauthorized("a valid key is needed: Authorization: Bearer <key>");
        problem.with(WWW_AUTHENTICATE, "Bearer")
    }

    /// 403: the key's role is below the one that the operation needs.
    #[must_use]
    pub fn insufficient_role(required: Role) -> Self {
        Self::forbidden(format!("This key's role does not permit this operation (requires `{required}`)."))
    }

    /// 404: no endpoint has the path.
    #[must_use]
    pub fn no_such_path() -> Self {
        Self::not_found("there is nothing at this path")
    }

    /// 404: no resource has the id in the path.
    #[must_use]
    pub fn no_such_resource() -> Self {
        Self::not_found("there is no such resource")
    }

    /// 412: the resource is in another version than the request's conditions name.
    #[must_use]
    pub fn version_mismatch() -> Self {
        Self::precondition_failed("the resource is not in a version that was asked for")
    }

    /// 406: the client accepts none of the media types of the API's responses.
    #[must_use]
    pub fn not_acceptable_by(api: Api) -> Self {
        Self::not_acceptable(match api {
            Api::Native => "answers are application/json, errors application/problem+json",
            Api::Scim => "answers are application/scim+json",
        })
    }

    /// 500, without any internal detail.
    #[must_use]
    pub fn defect() -> Self {
        Self::internal("an internal error")
    }

    /// 429: the address has failed too often to prove who calls.
    #[must_use]
    pub fn too_many_attempts(wait: Duration) -> Self {
        let detail = "too many failed attempts from this address";
        let seconds = wait.as_secs() + 1;
        Self::bare_too_many_attempts(detail).with(RETRY_AFTER, &seconds.to_string())
    }

    /// 410: the feed does not hold what was asked for.
    #[must_use]
    pub fn feed_gone(span: &Span) -> Self {
        let detail = "the changes behind this revision are not kept, or not there: take a new export";
        Self { span: Some(Box::new(*span)), ..Self::bare_gone(detail) }
    }

    /// 405, naming what would be allowed.
    #[must_use]
    pub fn method_not_allowed(method: &Method, allow: &str) -> Self {
        let detail = format!("{method} is not allowed here, only {allow}");
        Self::bare_method_not_allowed(detail).with(ALLOW, allow)
    }

    /// 422, naming every invalid field, or the first thousand of a body that is made of little else.
    #[must_use]
    pub fn invalid(mut errors: Vec<FieldError>) -> Self {
        let count = errors.len();
        let detail = format!("{count} invalid field{}: see errors", if count == 1 { "" } else { "s" });
        errors.truncate(1_000);
        Self { errors, ..Self::bare_invalid(detail) }
    }

    /// What the framework itself refused, by its status.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::no_such_path(),
            StatusCode::NOT_ACCEPTABLE => Self::not_acceptable("no encoding of the answer is acceptable"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large("the body is too large"),
            StatusCode::REQUEST_TIMEOUT => Self::request_timeout("the request took too long"),
            status if status.is_client_error() => {
                Self { status, ..Self::invalid_header("the request could not be understood") }
            }
            _ => Self::defect(),
        }
    }

    /// The problem with a header on its answer.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The response of an API (RFC 9457; for SCIM, RFC 7644, section 3.12).
    #[must_use]
    pub fn respond(&self, api: Api, request_id: &str) -> HttpResponse {
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

    /// The body of the answer.
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

    /// The same for SCIM (RFC 7644, section 3.12): its status, its word, and everything in one sentence.
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

    /// What tells it from others.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The headers that its answer has besides those of every answer.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|(name, _)| name)
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

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound => Self::no_such_resource(),
            DbError::Taken { attribute } => {
                let detail = format!("{attribute} belongs to another resource");
                let error = FieldError::new(format!("/{attribute}"), "taken", &detail);
                Self { errors: vec![error], ..Self::conflict(detail) }
            }
            DbError::Precondition => Self::version_mismatch(),
            DbError::Invalid(errors) => Self::invalid(errors),
            DbError::Forbidden => Self::forbidden("the key's role is too small for this"),
            DbError::Refused(detail) => Self::conflict(detail),
            DbError::KeyReused => {
                Self::idempotency_key_reused("the Idempotency-Key came before with another body")
            }
            DbError::Uncountable => Self::uncountable(
                "what the filter finds cannot be counted in time: ask without a total (include=total; in SCIM by \
                 cursor), or by an indexed attribute",
            ),
            DbError::Overloaded => Self::overloaded("too many requests are waiting"),
            DbError::Stopping => Self::stopping("the server is stopping"),
            DbError::DeadlinePassed => Self::deadline_passed("nothing was done within the deadline"),
            DbError::Unavailable(_) => Self::database_unavailable("the database cannot be reached"),
            DbError::Busy(_) | DbError::Serialization(_) => {
                Self::database_busy("others were writing the same resource for too long")
            }
            DbError::OutcomeUnknown(_) => Self::outcome_unknown(
                "the write was begun and may or may not be there: look before you repeat it",
            ),
            DbError::Internal(_) => Self::defect(),
        }
    }
}
