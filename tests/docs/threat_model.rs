//! docs/threat-model.md names only tests that exist and run.

use crate::docs::error_codes::{code_spans, rows};
use crate::docs::pages::read;
use crate::support::repository_root;
use std::collections::BTreeSet;
use std::fs;

const PAGE: &str = "docs/threat-model.md";

/// The tests in the last column of each table of threats.
fn named_tests() -> BTreeSet<String> {
    let page = read(PAGE);
    let sections = page.split("\n## ").filter(|section| section.contains("\n| threat |"));
    let rows = sections.flat_map(|section| rows(&format!("\n{section}"), "threat"));
    let tests = rows.map(|row| {
        let tests: Vec<_> = code_spans(&row[2]).collect();
        assert!(!tests.is_empty(), "no test proves the defence against: {}", row[0]);
        tests
    });
    tests.flatten().collect()
}

/// The source files that can contain a module.
fn files(module: &[&str]) -> Vec<String> {
    let path = module.join("/");
    let inline = module.strip_suffix(&["tests"]).map(|outside| outside.join("/"));
    let paths = [Some(path), inline].into_iter().flatten();
    paths
        .flat_map(|path| ["tests", "src"].map(|root| format!("{root}/{path}")))
        .flat_map(|path| [format!("{path}.rs"), format!("{path}/mod.rs")])
        .collect()
}

/// Whether the code has a function with this name that is a test: it has the attribute, or a macro lists it.
fn has_test(code: &str, name: &str) -> bool {
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let function = [format!("fn {name}("), format!("async fn {name}(")];
    let Some(at) = lines.iter().position(|line| function.iter().any(|start| line.starts_with(start))) else {
        return false;
    };
    let attributes = || lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    let is_listed = lines
        .iter()
        .any(|line| line.split([' ', ',', ';', ')']).any(|word| word == name) && !line.contains("fn "));
    let is_ignored = attributes().any(|attribute| attribute.contains("ignore"));
    (is_listed || attributes().any(|attribute| attribute.contains("test"))) && !is_ignored
}

#[test]
fn every_named_test_exists() {
    let tests = named_tests();
    assert!(tests.len() > 60, "{}", tests.len());
    for test in tests {
        if test.contains('/') {
            assert!(repository_root().join(&test).is_file(), "{test} does not exist");
            continue;
        }
        let path: Vec<_> = test.split("::").collect();
        let (name, module) = path.split_last().expect("the name is not empty");
        let sources = files(module)
            .into_iter()
            .filter_map(|file| fs::read_to_string(repository_root().join(file)).ok());
        assert!(sources.into_iter().any(|code| has_test(&code, name)), "{test} is not a test");
    }
}

#[test]
fn a_missing_or_ignored_test_is_noticed() {
    let code = "    #[test]\n    fn one() {}\n#[test]\n#[ignore = \"slow\"]\nfn two() {}\nfn three() {}\n";
    let code = &format!("{code}engine_tests! {{\n    four\n}}\nasync fn four(api: Api) {{ three() }}\n");
    assert_eq!(
        ["one", "two", "three", "four", "five"].map(|name| has_test(code, name)),
        [true, false, false, true, false]
    );
}

/// The server would need one to contact other services.
#[test]
fn no_dependency_is_an_http_client() {
    let manifest = read("Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("there are dependencies");
    let (dependencies, _) = dependencies.split_once("\n[").expect("another section follows");
    for client in ["attohttpc", "awc", "curl", "hyper", "isahc", "minreq", "reqwest", "surf", "ureq"] {
        let is_client = |line: &str| line.split([' ', '=', '.']).next() == Some(client);
        assert!(!dependencies.lines().any(is_client), "{client}");
    }
}
