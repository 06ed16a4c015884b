//! What can go wrong in the database, in words that say whose fault it is and whether anything was done.

use crate::domain::fields::FieldError;
use derive_more::{Display, Error};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// Why an operation gave no result.
#[derive(Clone, Debug, Display, Error, PartialEq)]
pub enum DbError {
    /// There is no such resource in the tenant.
    #[display("not found")]
    NotFound,
    /// The value of this attribute belongs to another resource.
    #[display("{attribute} is taken")]
    #[error(ignore)]
    Taken {
        /// The attribute's name in the native API.
        attribute: &'static str,
    },
    /// The resource is not in a version that the request's conditions name.
    #[display("the resource is not in that version")]
    Precondition,
    /// The write would make the resource invalid.
    #[display("invalid")]
    #[error(ignore)]
    Invalid(#[error(not(source))] Vec<FieldError>),
    /// The caller may not do this to this resource.
    #[display("not allowed")]
    Forbidden,
    /// The state of the resource does not allow it: a sentence says why.
    #[display("{_0}")]
    Refused(#[error(not(source))] &'static str),
    /// The Idempotency-Key came before with another body.
    #[display("the key belongs to another request")]
    KeyReused,
    /// What a filter finds cannot be counted, or sorted, in time.
    #[display("too many to count")]
    Uncountable,
    /// The queue is full: nothing was done.
    #[display("too many operations are waiting")]
    Overloaded,
    /// The server is stopping: nothing was done.
    #[display("the server is stopping")]
    Stopping,
    /// The deadline passed before the operation began, or it only read: nothing was done.
    #[display("the deadline passed")]
    DeadlinePassed,
    /// There is no connection to the database: nothing was done.
    #[display("the database is not available: {_0}")]
    Unavailable(#[error(not(source))] String),
    /// A lock or a statement took too long and was given up: nothing was done.
    #[display("the database is busy: {_0}")]
    Busy(#[error(not(source))] String),
    /// A concurrent transaction came first (SQLSTATE 40001): nothing was done, the door tries again.
    #[display("could not serialize: {_0}")]
    Serialization(#[error(not(source))] String),
    /// The write was begun and nobody can say whether it is there.
    #[display("the outcome is unknown: {_0}")]
    OutcomeUnknown(#[error(not(source))] String),
    /// A defect of ours, or a database that is not as we left it: rolled back.
    #[display("internal error: {_0}")]
    Internal(#[error(not(source))] String),
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::DatabaseError(kind, information) => of_database(&kind, information.as_ref()),
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection broke".to_owned()),
            other => Self::Internal(other.to_string()),
        }
    }
}

fn of_database(kind: &DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> DbError {
    let message = information.message().to_owned();
    match kind {
        DatabaseErrorKind::UniqueViolation => taken(information),
        DatabaseErrorKind::SerializationFailure => DbError::Serialization(message),
        // A server that was demoted to a replica refuses writes: the next connection finds the new primary.
        DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::UnableToSendCommand
        | DatabaseErrorKind::ReadOnlyTransaction => DbError::Unavailable(message),
        _ => of_message(message),
    }
}

/// Diesel has no kinds for these.
fn of_message(message: String) -> DbError {
    let says = |text: &str| message.contains(text);
    if says("deadlock detected") {
        DbError::Serialization(message)
    } else if says("lock timeout") || says("statement timeout") || says("database is locked") {
        DbError::Busy(message)
    } else if says("terminating connection")
        || says("shutting down")
        || says("disk is full")
        || says("No space left on device")
        || says("during recovery")
    {
        DbError::Unavailable(message)
    } else {
        DbError::Internal(message)
    }
}

/// Which attribute a unique violation is about: PostgreSQL names the constraint, SQLite only the columns.
fn taken(information: &dyn DatabaseErrorInformation) -> DbError {
    let constraint = information.constraint_name().unwrap_or_default();
    let message = information.message();
    let is = |name: &str, column: &str| constraint == name || message.ends_with(column);
    let attribute = if is("users_user_name", "users.user_name_key") {
        "userName"
    } else if is("user_external_ids_pkey", "user_external_ids.external_id")
        || is("group_external_ids_pkey", "group_external_ids.external_id")
    {
        "externalId"
    } else if is("groups_unique_name", "groups.unique_name_key") {
        "displayName"
    } else if is("tenants_name", "tenants.name") {
        "name"
    } else {
        return DbError::Internal(message.to_owned());
    };
    DbError::Taken { attribute }
}

impl DbError {
    /// Whether it says what is wrong with a call, so that others beside it go on.
    pub(super) fn is_of_the_call(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Taken { .. }
                | Self::Precondition
                | Self::Invalid(_)
                | Self::Forbidden
                | Self::Refused(_)
                | Self::KeyReused
        )
    }

    /// The same failure when it came from COMMIT: only what a live engine refused is certain not to be there.
    pub(super) fn at_commit(self, alive: bool) -> Self {
        let text = self.to_string();
        match self {
            Self::Serialization(_) => self,
            Self::Unavailable(_) if alive && text.contains("disk is full") => self,
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => Self::OutcomeUnknown(text),
            other if alive && !text.contains("I/O error") => other,
            _ => Self::OutcomeUnknown(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_diesel_tells_by_text_only_is_told_apart() {
        let of = |text: &str| {
            let information = Box::new(text.to_owned());
            DbError::from(DieselError::DatabaseError(DatabaseErrorKind::Unknown, information))
        };
        for text in [
            "cannot set transaction read-write mode during recovery",
            "terminating connection due to administrator command",
            "the database system is shutting down",
            "could not extend file \"base/1\": No space left on device",
            "database or disk is full",
        ] {
            assert!(matches!(of(text), DbError::Unavailable(_)), "{text}");
        }
        assert!(matches!(of("deadlock detected"), DbError::Serialization(_)));
        for text in ["canceling statement due to lock timeout", "database is locked"] {
            assert!(matches!(of(text), DbError::Busy(_)), "{text}");
        }
        assert!(matches!(of("relation \"users\" does not exist"), DbError::Internal(_)));
    }

    #[test]
    fn at_commit_only_a_refusal_is_certain() {
        let lost = DbError::Unavailable("server closed the connection".to_owned());
        assert!(matches!(lost.clone().at_commit(false), DbError::OutcomeUnknown(_)));
        assert!(
            matches!(lost.at_commit(true), DbError::OutcomeUnknown(_)),
            "a proxy may have lost the server behind it"
        );
        let refused = DbError::Serialization("40001".to_owned());
        assert_eq!(refused.clone().at_commit(true), refused);
    }
}
