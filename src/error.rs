//! The error that ends the program.

use crate::db::DbError;
use derive_more::{Display, Error};

/// The reason why a command failed, as a one-line message.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct AppError(#[error(not(source))] String);

impl AppError {
    /// Creates an error with this message.
    pub fn new(message: impl ToString) -> Self {
        Self(message.to_string())
    }
}

impl From<DbError> for AppError {
    fn from(error: DbError) -> Self {
        Self::new(error)
    }
}
