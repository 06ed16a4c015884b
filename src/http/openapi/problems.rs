//! An example of each problem. Where possible, the code that responds with a problem also creates its example.

use super::examples::{EPOCH, MANAGER, USER, id};
use crate::db::DbError;
use crate::domain::condition::InvalidTags;
use crate::domain::cursor::InvalidCursor;
use crate::domain::fields::FieldError;
use crate::domain::filter::Filter;
use crate::domain::json;
use crate::domain::key::Role;
use crate::domain::schema::{USERS, Vocabulary};
use crate::domain::tenant::{Duplicate, Duplicates};
use crate::http::problem::{Problem, sentence};
use crate::ops::OpError;
use crate::ops::changes::Span;
use actix_web::ResponseError;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};
use std::time::Duration;

pub(super) fn native() -> Vec<Problem> {
    let invalid = vec![
        FieldError::new(
            "/emails/0/value",
            "invalid-email",
            "must have exactly one @, with text on both sides",
        ),
        FieldError::new("/nickname", "unknown-field", "is not a known field"),
    ];
    let span = Span { earliest: 1, head: 42, epoch: id(EPOCH) };
    let mut problems = vec![
        json::parse(b"{\"userName\": \"ada\"")
            .map_or_else(|error| Problem::malformed_body(sentence(error)), no_error),
        Problem::invalid_parameter("`limit` must be a whole number of at least 1."),
        Filter::parse("userName is \"ada\"", &USERS, Vocabulary::Native)
            .map_or_else(|error| Problem::filter(&error), no_error),
        Problem::invalid_cursor(sentence(InvalidCursor)),
        Problem::not_json(),
        Problem::wrong_method(&Method::POST, "GET, HEAD, OPTIONS"),
        Problem::feed_gone(&span),
        Problem::too_many_of_key(1_000),
        unsupported_media_type(&["application/json"]),
        Problem::not_ready("Database migrations are pending. Run `roster migrate`."),
    ];
    let shared = Duplicate {
        attribute: "emails",
        value: "ada@example.com".to_owned(),
        count: 2,
        ids: vec![id(USER), id(MANAGER)],
    };
    let duplicates = Duplicates { conflicts: vec![shared], conflict_count: 1 };
    let database_errors = [
        OpError::Conflict { attribute: "userName", value: String::new(), existing: Some(id(USER)) },
        OpError::Refused("the tenant has users or groups"),
        OpError::NotUnique(Box::new(duplicates)),
        OpError::Invalid(invalid),
    ];
    problems.extend(database_errors.into_iter().map(Problem::from));
    problems.extend(common());
    problems.sort_by_key(ResponseError::status_code);
    problems
}

pub(in crate::http) fn unsupported_media_type(accepted: &[&str]) -> Problem {
    let problem = Problem::wrong_media_type(accepted, "text/plain");
    let accepted = accepted.join(", ");
    problem
        .with(HeaderName::from_static("accept-post"), &accepted)
        .with(HeaderName::from_static("accept-patch"), &accepted)
        .with(ACCEPT, &accepted)
        .with(ACCEPT_ENCODING, "gzip, deflate, zstd")
}

pub(in crate::http) fn common() -> Vec<Problem> {
    let mut problems = vec![
        Problem::invalid_header(format!("`If-Match` {InvalidTags}.")),
        Problem::no_valid_key(),
        Problem::body_timeout(),
        Problem::body_exceeds(1 << 20),
        Problem::throttled(Duration::from_secs(41)),
        Problem::beyond_rate(Duration::ZERO),
    ];
    let database_errors = [
        OpError::Uncountable,
        OpError::Forbidden(Role::Operator),
        OpError::NotFound,
        OpError::PreconditionFailed(Some(3)),
        OpError::KeyReused,
        OpError::Database(DbError::Internal(String::new())),
        OpError::Database(DbError::Overloaded),
        OpError::Database(DbError::DeadlinePassed),
        OpError::Database(DbError::Busy(String::new())),
        OpError::Database(DbError::Unavailable(String::new())),
        OpError::Database(DbError::Stopping),
        OpError::Database(DbError::OutcomeUnknown(String::new())),
    ];
    problems.extend(database_errors.into_iter().map(Problem::from));
    problems
}

/// The problem that replaces an example if its input is unexpectedly valid. A test fails if the document contains it.
pub(in crate::http) fn no_error<T>(_: T) -> Problem {
    Problem::not_found(NOT_AN_ERROR)
}

pub(in crate::http) const NOT_AN_ERROR: &str = "This example is not an error.";
