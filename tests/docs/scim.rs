//! docs/scim.md

use crate::docs::workspace::Workspace;

/// Creates a connection and a token, and deletes the connection.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let token = &workspace.shell_with(&server).json_values(&commands.concat())[0];
    assert!(token["url"].as_str().is_some_and(|url| url.ends_with("/scim/v2")), "{token}");
    assert!(token["secret"].as_str().is_some_and(|secret| secret.starts_with("rst_")), "{token}");
}
