//! A SQLite database in a directory of its own.

use tempfile::TempDir;

/// A database file that does not exist yet. It goes with its directory when this is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    directory: TempDir,
}

impl Database {
    /// A new place for a database.
    pub(crate) fn create() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory }
    }

    /// The URL for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("roster.db").display())
    }
}
