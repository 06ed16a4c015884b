//! The problems for the errors of operations and of SCIM.

use super::{Extension, Problem, SCIM, sentence};
use crate::db::DbError;
use crate::domain::fields::FieldError;
use crate::domain::scim::ScimError;
use crate::ops::OpError;
use actix_web::http::StatusCode;

impl From<ScimError> for Problem {
    fn from(error: ScimError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { scim_type: error.scim_type, ..Self::new(status, SCIM, error.detail) }
    }
}

impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        match error {
            OpError::NotFound => Self::no_such_resource(),
            OpError::Conflict { attribute, existing, .. } => {
                let errors =
                    vec![FieldError::new(format!("/{attribute}"), "taken", "belongs to another resource")];
                let detail = match existing {
                    Some(id) => format!("This value of `{attribute}` belongs to the resource {id}."),
                    None => format!("This value of `{attribute}` belongs to another resource."),
                };
                let more = existing.map(|id| Box::new(Extension::Existing { existing_id: id }));
                Self { errors, more, ..Self::conflict(detail) }
            }
            OpError::NotUnique(duplicates) => Self::not_unique(*duplicates),
            OpError::PreconditionFailed(version) => Self::version_mismatch(version),
            OpError::Invalid(errors) => Self::invalid_fields(errors),
            OpError::Forbidden(role) => Self::forbidden(format!(
                "This key's role does not permit managing a key with a higher role (requires `{role}`)."
            )),
            OpError::Refused(detail) => Self::conflict(sentence(detail)),
            OpError::Held(held) => Self::held(&held),
            // The hold could not be recorded, so the client must not be told that there is one.
            OpError::BrakeReached => Self::database_busy(
                "The limit of the connection's brake was reached and has changed. Nothing was done; retry later.",
            ),
            OpError::CallerDeleted => Self::no_valid_key(),
            OpError::ModeChanged => Self::mode_changed(),
            OpError::Gone(detail) => Self::gone(sentence(detail)),
            OpError::KeyReused => Self::idempotency_key_reused(
                "This `Idempotency-Key` was already used with a different body. Send a new `Idempotency-Key`.",
            ),
            OpError::Uncountable => Self::uncountable(
                "The results cannot be counted or sorted in time. Leave out `include=total` (in SCIM, page with \
                 `cursor`), or filter and sort by an indexed attribute.",
            ),
            OpError::NotRetained(span) => Self::history_gone(&span),
            OpError::AfterHead(head) => Self::invalid_parameter(format!(
                "`at` must not be in the future or after the newest revision, which is {head}."
            )),
            OpError::TooManyGroups => Self::uncountable(
                "A user is in more than 100,000 groups, which cannot be returned. Leave out `include=groups` (in SCIM, \
                 send `excludedAttributes=groups`).",
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
            DbError::Unavailable(_)
            | DbError::DiskFull(_)
            | DbError::DiskFailed(_)
            | DbError::Damaged(_)
            | DbError::FileReplaced(_) => Self::database_unavailable(retry_later(&error)),
            DbError::Locked(_) | DbError::Busy(_) | DbError::Serialization(_) => {
                Self::database_busy(retry_later(&error))
            }
            DbError::OutcomeUnknown(_) => Self::outcome_unknown(
                "The write may or may not have been committed. Repeat the request with the same `Idempotency-Key`, or \
                 read the resource.",
            ),
            DbError::UniqueViolation(_) | DbError::Taken { .. } | DbError::Internal(_) => Self::defect(),
        }
    }
}

/// The detail of a response that refuses a request.
fn retry_later(error: &DbError) -> String {
    format!("{} Nothing was done; retry later.", cause(error))
}

/// The reason why the database refuses requests, without internal details.
pub(in crate::http) fn cause(error: &DbError) -> &'static str {
    match error {
        DbError::DiskFull(_) => "The disk of the database is full.",
        DbError::DiskFailed(_) => "The database cannot read from or write to its disk.",
        DbError::Damaged(_) => "The database is damaged.",
        DbError::FileReplaced(_) => {
            "A file of the database was deleted or replaced while the server was running."
        }
        DbError::Locked(_) => "Another session has locked the data.",
        DbError::Busy(_) | DbError::Serialization(_) => "The database was too busy to complete the request.",
        DbError::Unavailable(_) => "The database cannot be reached or accepts no writes.",
        _ => "The database cannot be used.",
    }
}
