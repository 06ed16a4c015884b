//! The errors of an engine or of the call queue. Each indicates whether the call may have had an effect.

use derive_more::{Display, Error};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use uuid::Uuid;

/// The error of an operation, as the database actors see it.
pub trait CallError: std::fmt::Debug + From<DbError> + Send + 'static {
    /// The underlying database error. `None` if the error concerns only the call that returned it, so that the call is
    /// rolled back alone and the rest of its batch continues.
    fn database(&self) -> Option<&DbError>;
}

/// An error of the database or of the call queue.
#[derive(Clone, Debug, Display, Error, PartialEq)]
pub enum DbError {
    /// A statement that must return a row returned none.
    #[display("no such row")]
    NoRow,
    /// A unique constraint was violated. On both engines, the value is the constraint's name in PostgreSQL.
    #[display("the unique constraint {_0} was violated")]
    UniqueViolation(#[error(not(source))] &'static str),
    /// The tenant requires the values of an attribute to be unique, and another resource has the value. The transaction was
    /// rolled back.
    #[display("{attribute} belongs to {owner}")]
    #[error(ignore)]
    Taken {
        /// The attribute's name in the native API.
        attribute: &'static str,
        /// The value of the attribute.
        value: String,
        /// The id of the other resource.
        owner: Uuid,
    },
    /// The queue is full. Nothing was done.
    #[display("too many operations are waiting")]
    Overloaded,
    /// The server is stopping. Nothing was done.
    #[display("the server is stopping")]
    Stopping,
    /// The deadline passed before the operation started, or while a read was running. Nothing was done.
    #[display("the deadline passed")]
    DeadlinePassed,
    /// The database cannot be reached or its disk is full. Nothing was done.
    #[display("the database is not available: {_0}")]
    Unavailable(#[error(not(source))] String),
    /// A lock or a statement timed out. Nothing was done.
    #[display("the database is busy: {_0}")]
    Busy(#[error(not(source))] String),
    /// A conflict with a concurrent transaction (SQLSTATE 40001). Nothing was done, and the call is retried.
    #[display("could not serialize: {_0}")]
    Serialization(#[error(not(source))] String),
    /// A write started, and it is unknown whether it was committed.
    #[display("the outcome is unknown: {_0}")]
    OutcomeUnknown(#[error(not(source))] String),
    /// A bug in Roster, or data that Roster did not write. The transaction was rolled back.
    #[display("{_0}")]
    Internal(#[error(not(source))] String),
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NoRow,
            DieselError::DatabaseError(kind, information) => from_database(&kind, information.as_ref()),
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection broke".to_owned()),
            other => Self::Internal(other.to_string()),
        }
    }
}

fn from_database(kind: &DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> DbError {
    let message = information.message().to_owned();
    match kind {
        DatabaseErrorKind::UniqueViolation => unique_violation(information),
        DatabaseErrorKind::SerializationFailure => DbError::Serialization(message),
        // A server that was demoted to a replica rejects writes. The next connection reaches the new primary.
        DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::UnableToSendCommand
        | DatabaseErrorKind::ReadOnlyTransaction => DbError::Unavailable(message),
        _ => from_message(message),
    }
}

/// Classifies errors that Diesel reports only as text.
fn from_message(message: String) -> DbError {
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

/// The unique constraints, each with its last column.
const UNIQUE_CONSTRAINTS: [(&str, &str); 5] = [
    ("users_user_name", "users.user_name_key"),
    ("user_external_ids_pkey", "user_external_ids.external_id"),
    ("group_external_ids_pkey", "group_external_ids.external_id"),
    ("groups_unique_name", "groups.unique_name_key"),
    ("tenants_name", "tenants.name"),
];

/// Identifies the constraint. PostgreSQL reports its name, SQLite only its columns.
fn unique_violation(information: &dyn DatabaseErrorInformation) -> DbError {
    let (name, message) = (information.constraint_name(), information.message());
    let is_violated = |(constraint, column): &&(&str, &str)| match name {
        Some(name) => name == *constraint,
        None => message.ends_with(column),
    };
    match UNIQUE_CONSTRAINTS.iter().find(is_violated) {
        Some((constraint, _)) => DbError::UniqueViolation(constraint),
        None => DbError::Internal(message.to_owned()),
    }
}

impl CallError for DbError {
    fn database(&self) -> Option<&DbError> {
        Some(self)
    }
}

impl DbError {
    /// The same error when COMMIT returned it. The outcome is known only if a live engine rejected the commit.
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
    fn errors_that_diesel_reports_only_as_text_are_classified() {
        let classify = |text: &str| {
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
            assert!(matches!(classify(text), DbError::Unavailable(_)), "{text}");
        }
        assert!(matches!(classify("deadlock detected"), DbError::Serialization(_)));
        for text in ["canceling statement due to lock timeout", "database is locked"] {
            assert!(matches!(classify(text), DbError::Busy(_)), "{text}");
        }
        assert!(matches!(classify("relation \"users\" does not exist"), DbError::Internal(_)));
    }

    #[test]
    fn only_a_refused_commit_has_a_known_outcome() {
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
