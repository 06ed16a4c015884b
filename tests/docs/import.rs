//! docs/import.md

use crate::docs::workspace::{Workspace, count};
use crate::support::block_on;
use crate::support::http::Client;
use serde_json::Value;

/// Imports a CSV file, then lines with an error, which is corrected, and plans an import over HTTP.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [files, plan, rejects, request] = commands else { panic!("{commands:#?}") };
    workspace.shell().run("roster migrate");
    workspace.shell().run(files);
    let summaries = |script: &str| -> Vec<Value> {
        let lines = workspace.shell().json_values(script);
        lines.into_iter().filter(|line| line["created"].is_number()).collect()
    };
    assert_eq!(summaries(plan)[0]["created"], 2);
    let [refused, corrected] = &summaries(rejects)[..] else { panic!("the script imports two files") };
    assert_eq!((&refused["created"], &refused["refused"]), (&1.into(), &1.into()));
    assert_eq!((&corrected["created"], &corrected["refused"]), (&1.into(), &0.into()));
    let server = workspace.server().start();
    let planned = workspace.shell_with(&server).json_values(request);
    assert_eq!((&planned[0]["line"], &planned[1]["unchanged"]), (&2.into(), &1.into()));
    let client = Client::new(&server);
    let users = block_on(async { client.get("/users").send().await.expect(200).json() });
    assert_eq!(count(&users), 4);
    assert_eq!(users["items"][0]["emails"][0]["value"], "ada@example.com");
}
