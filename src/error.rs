//! Why the program ends: one line for whoever started it.

use derive_more::{Display, Error};

/// Why the server did not start, or did not stop well.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct AppError(#[error(not(source))] String);

impl AppError {
    /// An error in these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
