//! docs/import-and-export.md

use crate::docs::pages::blocks_in;
use crate::docs::workspace::{Workspace, count};
use crate::support::block_on;
use crate::support::http::Client;
use roster::domain::snapshot_line::SnapshotLine;
use serde_json::{Value, json};

pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let (imports, exports) = commands.split_at(4);
    import(workspace, imports);
    export(workspace, exports);
}

/// Imports a CSV file, then lines with an error, which is corrected, and plans an import over HTTP.
fn import(workspace: &Workspace, commands: &[String]) {
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
    assert_eq!(users["items"][0]["emails"][0]["value"], "katherine@example.com");
}

/// Exports the imported users over HTTP and with the command, and resumes after the last user.
fn export(workspace: &Workspace, commands: &[String]) {
    let [over_http, to_file, to_stdout, resume] = commands else { panic!("{commands:#?}") };
    let server = workspace.server().start();
    let shell = || workspace.shell_with(&server);
    shell().run(over_http);
    assert_eq!(shell().run(to_file), "users: 4\ngroups: 0\nmembers: 0\n");
    shell().run("gunzip -c export.ndjson.gz | diff - export.ndjson");
    let end = json!({ "end": true, "users": 4, "groups": 0, "members": 0 });
    assert_eq!(shell().json_values(to_stdout), [end]);
    assert_eq!(shell().run(resume), "users: 0\ngroups: 0\nmembers: 0\n");
    assert_eq!(shell().json_values("cat rest.ndjson").len(), 2);
}

#[test]
fn the_example_has_every_line_of_an_export() {
    let [example] = &blocks_in("json", "docs/import-and-export.md")[..] else { panic!("one block of JSON") };
    let lines: Vec<_> = example.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 5);
    for line in lines {
        SnapshotLine::read(line).expect("a line of an export");
    }
}
