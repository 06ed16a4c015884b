//! A new SQLite database for each test, in its own directory.

use tempfile::TempDir;

/// The location of a database file, which does not exist yet. The directory is deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    directory: TempDir,
}

impl Database {
    pub(crate) fn create() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory }
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("roster.db").display())
    }
}
