//! The folders of migrations.

use crate::migrations::place::project;
use std::fs;
use std::path::PathBuf;

const ENGINES: [&str; 2] = ["postgres", "sqlite"];

/// All migrations of an engine by name, oldest first.
pub(crate) fn names(engine: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(engine)).expect("a folder of migrations");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name in UTF-8");
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

/// How the database calls a migration: its name up to the first underscore, without dashes.
pub(crate) fn version(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// The versions of all migrations, oldest first.
pub(crate) fn versions() -> Vec<String> {
    names("postgres").iter().map(|name| version(name)).collect()
}

fn folder(engine: &str) -> PathBuf {
    project().join("migrations").join(engine)
}

#[test]
fn both_have_the_same_names() {
    let [postgres, sqlite] = ENGINES.map(names);
    assert!(!postgres.is_empty());
    assert_eq!(postgres, sqlite);
}

#[test]
fn no_two_have_one_version() {
    let mut versions = versions();
    let count = versions.len();
    versions.dedup();
    assert_eq!(versions.len(), count);
}

#[test]
fn each_goes_up_and_down_and_nowhere_else() {
    for engine in ENGINES {
        for name in names(engine) {
            let path = folder(engine).join(name);
            let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
            files.sort();
            assert_eq!(files, ["down.sql", "up.sql"], "{}", path.display());
            for file in files {
                let sql = fs::read_to_string(path.join(file)).expect("SQL in UTF-8");
                assert!(!sql.trim().is_empty(), "{} is empty", path.display());
            }
        }
    }
}
