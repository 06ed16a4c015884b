//! The README's first walk and the commands of docs/ work when they are pasted.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use std::process::Command;
use support::server::{ADMIN_KEY, Server};
use support::{postgres, sqlite};

const README: &str = include_str!("../README.md");
const API: &str = include_str!("../docs/api.md");
const FILTERS: &str = include_str!("../docs/filters.md");

#[test]
fn the_commands_are_there() {
    let blocks = shell_blocks(README);
    assert!(blocks[0].ends_with("cargo run --release\n"), "{}", blocks[0]);
    assert_eq!(blocks[1], "tests/run\n");
    assert_eq!(blocks.len(), 3);
}

#[test]
fn the_walk_works_on_sqlite() {
    walk(&sqlite::Database::create().url());
}

#[test]
fn the_walk_works_on_postgres() {
    let home = postgres::Database::create();
    walk(&home.url());
}

fn walk(database_url: &str) {
    let blocks = shell_blocks(README);
    let key = blocks[0].strip_prefix("ROSTER_ADMIN_KEY=").and_then(|rest| rest.split(' ').next()).unwrap();
    let server = Server::builder(database_url).env("ROSTER_ADMIN_KEY", key).start();
    let script = blocks[2].replace("http://127.0.0.1:3000", &server.base());
    assert_ne!(script, blocks[2], "the walk asks the address that the server has by default");
    let run = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().expect("bash and curl");
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));

    let mut answers = serde_json::Deserializer::from_str(&said).into_iter::<Value>().map(Result::unwrap);
    let [read, patched, list, status] = std::array::from_fn(|_| answers.next().expect("four answers"));
    assert_eq!((&read["userName"], &read["version"]), (&"ada".into(), &1.into()));
    assert_eq!((&patched["title"], &patched["version"]), (&"Countess".into(), &2.into()));
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(status, 204);
    assert_eq!(answers.next(), None);
}

/// One server for all: a create that is repeated, and a search that finds one of two users.
#[test]
fn the_commands_of_the_pages_work() {
    let home = sqlite::Database::create();
    let server = Server::builder(&home.url()).start();
    let run = |script: &str| -> Value {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", script]).env("URL", server.base()).env("KEY", ADMIN_KEY);
        let run = bash.output().expect("bash and curl");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        serde_json::from_slice(&run.stdout).expect("JSON")
    };
    let [key, create] = shell_blocks(API)[..] else { panic!("two commands") };
    assert_eq!(run(key)["role"], "reader");
    let [find] = shell_blocks(FILTERS)[..] else { panic!("one command") };
    let created = run(create);
    assert_eq!(created["userName"], "grace");
    assert_eq!(run(create), created, "a repeat gets the same answer");
    run(&create.replace("grace", "Ada").replace("signup", "another"));
    let found = run(find);
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found["items"][0]["userName"], "Ada");
    assert_eq!(found["items"][0].as_object().map(serde_json::Map::len), Some(3), "{found}");
}

fn shell_blocks(page: &'static str) -> Vec<&'static str> {
    let after = |block: &'static str| block.split("```").next().unwrap_or_default();
    page.split("```sh\n").skip(1).map(after).collect()
}
