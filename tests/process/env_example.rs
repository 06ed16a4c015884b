//! `.env.example` lists the settings of the command line, and works as `.env`.

use crate::process::settings::command_line_settings;
use crate::support::command::{roster, run};
use crate::support::repository_root;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A variable that env_logger reads, which is not a setting of the command line.
const LOG_FILTER: &str = "RUST_LOG";

fn file() -> PathBuf {
    repository_root().join(".env.example")
}

/// The settings in the file. Those that are commented out have no value.
fn settings() -> BTreeMap<String, Option<String>> {
    let text = fs::read_to_string(file()).expect("the file can be read");
    let mut settings = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let commented = line.strip_prefix("# ");
        let pair = commented.unwrap_or(line).split_once('=').filter(|(name, _)| is_name(name));
        let (name, value) = match (pair, commented) {
            (Some((name, value)), None) => (name, Some(value.to_owned())),
            (Some((name, _)), Some(_)) => (name, None),
            // A comment without a setting.
            (None, Some(_)) => continue,
            (None, None) => panic!("not a setting and not a comment: {line}"),
        };
        assert_eq!(settings.insert(name.to_owned(), value), None, "{name} is listed twice");
    }
    settings
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[test]
fn the_example_has_the_settings_and_defaults_of_the_command_line() {
    let mut example = settings();
    assert!(example.remove(LOG_FILTER).is_some(), "{LOG_FILTER} is missing");
    let expected: BTreeMap<_, _> =
        command_line_settings().into_iter().map(|(name, (_, default))| (name, default)).collect();
    assert_eq!(example, expected);
}

#[test]
fn an_unchanged_copy_of_the_example_works() {
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    fs::copy(file(), directory.path().join(".env")).expect("the file is copied");
    run(roster(directory.path()).arg("migrate"), Duration::from_secs(10)).expect_success();
    assert!(directory.path().join("roster.db").exists());
    let read: BTreeMap<_, _> = dotenvy::from_path_iter(file())
        .expect("the file can be read")
        .map(|pair| pair.map(|(name, value)| (name, Some(value))).expect("the line is valid"))
        .collect();
    let mut settings = settings();
    settings.retain(|_, value| value.is_some());
    assert_eq!(read, settings);
}
