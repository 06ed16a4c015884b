//! The OpenAPI document is the same from the command, from the server and in the repository.

use crate::support::command::{roster, run};
use crate::support::http::Client;
use crate::support::repository_root;
use crate::support::server::Server;
use crate::support::sqlite;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

fn printed() -> String {
    run(roster(Path::new("/")).arg("openapi"), Duration::from_secs(10)).expect_success().stdout
}

/// Every change to the API also changes this file, which makes it visible in reviews.
#[test]
fn the_document_in_the_repository_is_current() {
    let file = repository_root().join("docs/openapi.json");
    let stored = std::fs::read_to_string(file).expect("docs/openapi.json can be read");
    let update = "run `cargo run -- openapi > docs/openapi.json` and review the difference";
    assert!(printed() == stored, "the API has changed: {update}");
}

#[tokio::test]
async fn the_server_serves_the_printed_document() {
    let database = sqlite::Database::create();
    let server = Server::builder(&database.url()).start();
    let served = Client::anonymous(&server).get("/openapi.json").send().await.expect(200).json();
    assert_eq!(served, serde_json::from_str::<Value>(&printed()).expect("the output is JSON"));
}
