//! The error that ends the program.

use derive_more::{Display, Error};

/// The reason why a command failed, as a one-line message.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct AppError(#[error(not(source))] String);

impl AppError {
    /// Creates an error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
