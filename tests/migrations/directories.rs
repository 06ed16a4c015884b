//! The directories of migrations.

use crate::support::{file_names, repository_root};
use std::fs;
use std::path::PathBuf;

const ENGINES: [&str; 2] = ["postgres", "sqlite"];

/// The names of an engine's migrations, oldest first.
pub(crate) fn names(engine: &str) -> Vec<String> {
    file_names(&directory(engine))
}

/// The version that the database stores for a migration: its name up to the first underscore, without dashes.
pub(crate) fn version(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// The versions of all migrations, oldest first.
pub(crate) fn versions() -> Vec<String> {
    names("postgres").iter().map(|name| version(name)).collect()
}

fn directory(engine: &str) -> PathBuf {
    repository_root().join("migrations").join(engine)
}

#[test]
fn both_engines_have_the_same_migrations() {
    let [postgres, sqlite] = ENGINES.map(names);
    assert!(!postgres.is_empty());
    assert_eq!(postgres, sqlite);
}

#[test]
fn versions_are_unique() {
    let mut versions = versions();
    let count = versions.len();
    versions.dedup();
    assert_eq!(versions.len(), count);
}

#[test]
fn every_migration_consists_of_up_sql_and_down_sql() {
    for engine in ENGINES {
        for name in names(engine) {
            let path = directory(engine).join(name);
            let files = file_names(&path);
            assert_eq!(files, ["down.sql", "up.sql"], "{}", path.display());
            for file in files {
                let sql = fs::read_to_string(path.join(file)).expect("the file is UTF-8");
                assert!(!sql.trim().is_empty(), "{} is empty", path.display());
            }
        }
    }
}
