//! The document of the API: what the command prints, what the server has, and what stands in the repository.

use crate::support::command::{roster, run};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sqlite;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// A change of the API is a change of this file, to be seen in review.
#[test]
fn the_snapshot_is_what_the_command_prints() {
    let home = tempfile::tempdir().expect("a directory");
    let printed = run(roster(home.path()).arg("openapi"), Duration::from_secs(10)).ok().stdout;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let kept = std::fs::read_to_string(file).expect("docs/openapi.json");
    assert!(
        printed == kept,
        "the API has changed: cargo run -- openapi > docs/openapi.json, and look at the difference"
    );
}

#[tokio::test]
async fn the_server_has_the_same_document() {
    let home = sqlite::Database::create();
    let server = Server::builder(&home.url()).start();
    let served = Client::anonymous(&server).get("/openapi.json").send().await.expect(200).json();
    let printed = run(roster(Path::new("/")).arg("openapi"), Duration::from_secs(10)).ok().stdout;
    assert_eq!(served, serde_json::from_str::<Value>(&printed).expect("JSON"));
}
