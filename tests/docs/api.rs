//! docs/api.md

use crate::docs::workspace::Workspace;

/// Creates a key, creates and deletes a group, and creates a user with a repeated request.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let responses = workspace.shell_with(&server).json_values(&commands.concat());
    let [key, group, created, repeated] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!(key["role"], "reader");
    assert_eq!(group["displayName"], "Engineers");
    assert_eq!(created["userName"], "grace");
    assert_eq!(repeated, created, "the repeated request returns the same response");
}
