//! docs/brake.md

use crate::docs::workspace::Workspace;
use serde_json::json;

/// Creates a connection, changes its brake, lists the connections that are held, and releases the connection.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let responses = workspace.shell_with(&server).json_values(&commands.concat());
    let [patched, held, released] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!(patched["brake"], json!({ "users": 20, "percent": 5, "hours": 24 }));
    assert_eq!(held["items"], json!([]));
    assert_eq!((&released["held"], &released["version"]), (&json!(null), &json!(3)));
}
