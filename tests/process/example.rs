//! `.env.example` against the settings as the command line knows them.

use crate::process::settings::of_clap;
use crate::support::command::{roster, run};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Read by env_logger and not by the command line.
const NOT_OF_CLAP: &str = "RUST_LOG";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example")
}

/// Every setting in it; without a value those that are commented out.
fn settings() -> BTreeMap<String, Option<String>> {
    let text = fs::read_to_string(file()).expect(".env.example");
    let mut settings = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let commented = line.strip_prefix("# ");
        let pair = commented.unwrap_or(line).split_once('=').filter(|(name, _)| is_name(name));
        let (name, value) = match (pair, commented) {
            (Some((name, value)), None) => (name, Some(value.to_owned())),
            (Some((name, _)), Some(_)) => (name, None),
            // A comment in words.
            (None, Some(_)) => continue,
            (None, None) => panic!("neither a setting nor a comment: {line}"),
        };
        assert_eq!(settings.insert(name.to_owned(), value), None, "{name} stands twice");
    }
    settings
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[test]
fn it_has_the_settings_and_defaults_of_the_command_line() {
    let mut example = settings();
    assert!(example.remove(NOT_OF_CLAP).is_some(), "{NOT_OF_CLAP} is not mentioned");
    let known: BTreeMap<_, _> = of_clap().into_iter().map(|(name, (_, default))| (name, default)).collect();
    assert_eq!(example, known);
}

#[test]
fn a_copy_of_it_is_taken_as_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::copy(file(), directory.path().join(".env")).expect("a copy");
    run(roster(directory.path()).arg("migrate"), Duration::from_secs(10)).ok();
    assert!(directory.path().join("roster.db").exists());
    let read: BTreeMap<_, _> = dotenvy::from_path_iter(file())
        .expect(".env.example")
        .map(|pair| pair.map(|(name, value)| (name, Some(value))).expect("a pair"))
        .collect();
    let mut settings = settings();
    settings.retain(|_, value| value.is_some());
    assert_eq!(read, settings);
}
