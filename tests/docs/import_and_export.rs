//! docs/import-and-export.md

use crate::docs::pages::blocks_in;
use crate::docs::workspace::Workspace;
use crate::support::block_on;
use crate::support::http::Client;
use roster::domain::snapshot_line::SnapshotLine;
use serde_json::json;

/// Exports two users over HTTP and with the command, and resumes after the last user.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [over_http, to_file, to_stdout, resume] = commands else { panic!("{commands:#?}") };
    let server = workspace.server().start();
    let client = Client::new(&server);
    block_on(async {
        for name in ["ada", "grace"] {
            client.post("/users", &json!({ "userName": name })).send().await.expect(201);
        }
    });
    let shell = || workspace.shell_with(&server);
    shell().run(over_http);
    assert_eq!(shell().run(to_file), "users: 2\ngroups: 0\nmembers: 0\n");
    shell().run("gunzip -c export.ndjson.gz | diff - export.ndjson");
    let end = json!({ "end": true, "users": 2, "groups": 0, "members": 0 });
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
