//! A new SQLite database for each test, in its own directory.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The location of a database file, which does not exist yet. The directory is deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    directory: TempDir,
}

impl Database {
    pub(crate) fn create() -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        Self { directory }
    }

    /// A database to which all migrations have been applied. Copies a template, because migrating each database takes longer.
    pub(crate) fn migrated() -> Self {
        static TEMPLATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let database = Database::create();
            super::database::migrate(&database.url());
            fs::read(database.file()).expect("the migrated file can be read")
        });
        let database = Self::create();
        fs::write(database.file(), &*TEMPLATE).expect("the copy is written");
        database
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("roster.db")
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }
}
