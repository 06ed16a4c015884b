//! docs/reliability.md

use crate::docs::error_codes::{code_spans, rows};
use crate::docs::pages::read;
use crate::support::command::{in_empty_environment, run};
use crate::support::repository_root;
use std::time::Duration;

/// The names of all tests of this binary.
fn tests() -> String {
    let binary = std::env::current_exe().expect("the binary has a path");
    let mut list = in_empty_environment(&binary.display().to_string(), repository_root());
    run(list.arg("--list"), Duration::from_secs(60)).expect_success().stdout
}

#[test]
fn every_command_runs_tests() {
    let (rows, tests) = (rows(&read("docs/reliability.md"), "fault"), tests());
    assert!(rows.len() > 10);
    for row in rows {
        for command in code_spans(&row[2]).filter(|command| command.contains("tests/run ")) {
            let (_, filters) = command.split_once("tests/run ").expect("the command has filters");
            for filter in filters.split(' ') {
                assert!(tests.contains(&format!("{filter}::")), "no test matches {filter} in {command}");
            }
        }
    }
}
