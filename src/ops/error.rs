//! The errors of operations, independent of HTTP and of the engine.

use crate::db::{CallError, DbError};
use crate::domain::brake::Held;
use crate::domain::fields::FieldError;
use crate::domain::key::Role;
use crate::domain::tenant::Duplicates;
use crate::ops::changes::Span;
use derive_more::{Display, Error};
use diesel::result::Error as DieselError;
use uuid::Uuid;

/// An error of an operation.
#[derive(Clone, Debug, Display, Error, PartialEq)]
pub enum OpError {
    /// The tenant has no such resource.
    #[display("not found")]
    NotFound,
    /// The conditions are not satisfied. Contains the resource's version if the resource exists.
    #[display("the version of the resource does not satisfy the conditions")]
    #[error(ignore)]
    PreconditionFailed(#[error(not(source))] Option<i64>),
    /// Another resource has the same value of an attribute that must be unique.
    #[display("{attribute} belongs to another resource")]
    #[error(ignore)]
    Conflict {
        /// The attribute's name in the native API.
        attribute: &'static str,
        /// The value of the attribute.
        value: String,
        /// The id of the resource that has the value, if the id is known.
        existing: Option<Uuid>,
    },
    /// Duplicate values prevent a uniqueness setting from being enabled.
    #[display("several resources have the same values")]
    #[error(ignore)]
    NotUnique(#[error(not(source))] Box<Duplicates>),
    /// The write would make the resource invalid.
    #[display("invalid")]
    #[error(ignore)]
    Invalid(#[error(not(source))] Vec<FieldError>),
    /// The operation requires this role.
    #[display("the operation requires the role {_0}")]
    Forbidden(#[error(not(source))] Role),
    /// The state of the resource does not permit the operation. The text gives the reason.
    #[display("{_0}")]
    Refused(#[error(not(source))] &'static str),
    /// What the operation needs no longer exists. The text gives the reason.
    #[display("{_0}")]
    Gone(#[error(not(source))] &'static str),
    /// The connection that calls is held, so it may not deactivate or delete anything.
    #[display("the connection is held")]
    #[error(ignore)]
    Held(#[error(not(source))] Box<Held>),
    /// The connection that calls was deleted during the call.
    #[display("the connection of this token has been deleted")]
    CallerDeleted,
    /// The mode of the connection that calls has become `dry`.
    #[display("the mode of the connection has become dry")]
    ModeChanged,
    /// The brake of the connection that calls does not permit another deactivation or deletion.
    /// [`Hold`](crate::ops::connections::Hold) must follow.
    #[display("the limit of the connection's brake is reached")]
    BrakeReached,
    /// The Idempotency-Key was used before with a different body.
    #[display("the Idempotency-Key was already used with a different body")]
    KeyReused,
    /// The resources that match a filter cannot be counted or sorted in time.
    #[display("the results cannot be counted or sorted in time")]
    Uncountable,
    /// The state at a point is unknown, because it depends on changes that have been deleted. Contains the range of the
    /// retained changes.
    #[display("the changes since this point have been deleted")]
    #[error(ignore)]
    NotRetained(#[error(not(source))] Span),
    /// The point is in the future, or after the newest revision, which is given.
    #[display("the point is later than the newest change")]
    #[error(ignore)]
    AfterHead(#[error(not(source))] i64),
    /// The user is in too many groups to return them.
    #[display("too many groups to return")]
    TooManyGroups,
    /// The database failed, or did not run the call.
    Database(DbError),
}

impl From<DbError> for OpError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NoRow => Self::NotFound,
            DbError::Taken { attribute, value, owner } => {
                Self::Conflict { attribute, value, existing: Some(owner) }
            }
            error => Self::Database(error),
        }
    }
}

impl From<DieselError> for OpError {
    fn from(error: DieselError) -> Self {
        DbError::from(error).into()
    }
}

impl CallError for OpError {
    fn database(&self) -> Option<&DbError> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl OpError {
    /// A bug in Roster, or data that Roster did not write.
    pub(crate) fn internal(detail: impl ToString) -> Self {
        Self::Database(DbError::Internal(detail.to_string()))
    }

    /// A conflict with a concurrent call. This call is retried, alone.
    pub(super) fn retry(detail: impl ToString) -> Self {
        Self::Database(DbError::Serialization(detail.to_string()))
    }

    /// Turns a violation of a unique constraint into an [`OpError::Conflict`]. `conflict` returns the attribute and its
    /// value.
    pub(super) fn on_unique(
        self,
        conflict: impl FnOnce(&'static str) -> Option<(&'static str, String)>,
    ) -> Self {
        let Self::Database(DbError::UniqueViolation(constraint)) = self else { return self };
        conflict(constraint).map_or(self, |(attribute, value)| Self::Conflict {
            attribute,
            value,
            existing: None,
        })
    }
}
