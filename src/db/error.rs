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
    /// The database cannot be reached, or accepts no writes. Nothing was done.
    #[display("the database is unavailable: {_0}")]
    Unavailable(#[error(not(source))] String),
    /// The database has no space to write to. Nothing was done.
    #[display("the disk of the database is full: {_0}")]
    DiskFull(#[error(not(source))] String),
    /// The database cannot read from or write to its disk. Nothing was done.
    #[display("the disk of the database failed: {_0}")]
    DiskFailed(#[error(not(source))] String),
    /// The SQLite file contains invalid data, and a backup must be restored. Nothing was done.
    #[display("the database is damaged: {_0}")]
    Damaged(#[error(not(source))] String),
    /// The SQLite file was deleted or replaced. Nothing was done.
    #[display("{_0}")]
    FileReplaced(#[error(not(source))] String),
    /// Another session held a lock for too long. Nothing was done.
    #[display("the database is locked: {_0}")]
    Locked(#[error(not(source))] String),
    /// A statement timed out, was canceled, or lacked memory. Nothing was done.
    #[display("the database is busy: {_0}")]
    Busy(#[error(not(source))] String),
    /// A conflict with a concurrent transaction (SQLSTATE 40001). Nothing was done, and the call is retried.
    #[display("the transaction could not be serialized: {_0}")]
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

/// Texts that occur in the messages of failures that Roster did not cause, each with the class of the error. The first
/// match determines the class. Diesel reports neither SQLSTATE nor SQLite's result code. SQLite's messages are always
/// English; [`super::Connection::open`] selects English for those of PostgreSQL.
const CLASSES: [(&str, Classify); 28] = [
    // SQLITE_BUSY and SQLITE_LOCKED; SQLSTATE 55P03 and 40P01.
    ("database is locked", DbError::Locked),
    ("table is locked", DbError::Locked),
    ("lock timeout", DbError::Locked),
    ("could not obtain lock", DbError::Locked),
    ("deadlock detected", DbError::Serialization),
    // 57014, 53200, 53400 and 53000. Shared memory can lack space, too.
    ("canceling statement", DbError::Busy),
    ("out of memory", DbError::Busy),
    ("shared memory", DbError::Busy),
    ("temp_file_limit", DbError::Busy),
    ("no unpinned buffers", DbError::Busy),
    ("file descriptors", DbError::Busy),
    // SQLITE_FULL; 53100.
    ("disk is full", DbError::DiskFull),
    ("No space left on device", DbError::DiskFull),
    ("Disk quota exceeded", DbError::DiskFull),
    ("disk full", DbError::DiskFull),
    // SQLITE_IOERR; 58030.
    ("disk I/O error", DbError::DiskFailed),
    ("Input/output error", DbError::DiskFailed),
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    ("disk image is malformed", DbError::Damaged),
    ("file is not a database", DbError::Damaged),
    // SQLITE_CANTOPEN and SQLITE_READONLY.
    ("unable to open database file", DbError::Unavailable),
    ("attempt to write a readonly database", DbError::Unavailable),
    // 57P01 to 57P05, 25P03 and 53300. The database is "starting up", "shutting down" or "in recovery mode".
    ("terminating connection", DbError::Unavailable),
    ("the database system is", DbError::Unavailable),
    ("shutting down", DbError::Unavailable),
    ("during recovery", DbError::Unavailable),
    ("too many clients", DbError::Unavailable),
    ("too many connections", DbError::Unavailable),
    ("connection slots", DbError::Unavailable),
];

/// A constructor of an error of one class from the message.
type Classify = fn(String) -> DbError;

fn from_message(message: String) -> DbError {
    match CLASSES.iter().find(|(text, _)| message.contains(text)) {
        Some((_, class)) => class(message),
        None => DbError::Internal(message),
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
            // SQLite may have written the whole transaction before the failure.
            Self::Unavailable(_) | Self::DiskFailed(_) | Self::Damaged(_) => Self::OutcomeUnknown(text),
            other if alive => other,
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
        for (text, class) in [
            ("cannot set transaction read-write mode during recovery", DbError::Unavailable as Classify),
            ("terminating connection due to administrator command", DbError::Unavailable),
            ("the database system is shutting down", DbError::Unavailable),
            ("could not extend file \"base/1\": No space left on device", DbError::DiskFull),
            ("database or disk is full", DbError::DiskFull),
            ("could not read block 7 in file \"base/1\": Input/output error", DbError::DiskFailed),
            ("deadlock detected", DbError::Serialization),
            ("canceling statement due to lock timeout", DbError::Locked),
            ("canceling statement due to statement timeout", DbError::Busy),
            (
                "could not resize shared memory segment \"/PostgreSQL.1\": No space left on device",
                DbError::Busy,
            ),
            ("database is locked", DbError::Locked),
            ("database disk image is malformed", DbError::Damaged),
            ("relation \"users\" does not exist", DbError::Internal),
        ] {
            assert_eq!(classify(text), class(text.to_owned()));
        }
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
