//! Exports: their lines, and users that fill several pages.

use crate::support::api::send_concurrently;
use crate::support::http::Client;
use serde_json::{Value, json};

/// The lines of an export. `query` includes its question mark.
pub(crate) async fn lines(client: &Client, query: &str) -> Vec<Value> {
    parse(&client.get(&format!("/export{query}")).send().await.expect(200).text())
}

/// The lines of a complete export.
#[track_caller]
pub(crate) fn parse(export: &str) -> Vec<Value> {
    assert!(export.ends_with('\n'), "the last line is incomplete");
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = export.lines().map(line).collect();
    assert_eq!(lines.last().map(|line| &line["end"]), Some(&json!(true)), "the export is incomplete");
    lines
}

/// The number of users of 30 KB, which is more than a page and the buffers of the kernel contain.
const LARGE_USERS: usize = 150;

/// Creates users whose export has several pages.
pub(crate) async fn create_large_users(client: &Client) {
    let text = "x".repeat(15_000);
    let extensions = json!({ "urn:example:text": { "text": text } });
    let body = |index: usize| json!({ "userName": format!("large {index}"), "custom": { "text": text }, "extensions": extensions });
    for response in send_concurrently(LARGE_USERS, |index| client.post("/users", &body(index))).await {
        response.expect(201);
    }
}
