//! docs/api.md

use crate::docs::workspace::Workspace;

/// Creates a key, creates, deletes and restores a group, creates a user with a repeated request, follows the changes, and
/// reads those of one user.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let [requests @ .., poll, stream, history] = commands else { panic!("{commands:#?}") };
    let responses = workspace.shell_with(&server).json_values(&requests.concat());
    let [key, group, restored, created, repeated] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!(key["role"], "reader");
    assert_eq!(group["displayName"], "Engineers");
    assert_eq!((&restored["id"], &restored["version"]), (&group["id"], &serde_json::json!(3)));
    assert_eq!(created["userName"], "grace");
    assert_eq!(repeated, created, "the repeated request returns the same response");
    let pages = workspace.shell_with(&server).json_values(poll);
    assert_eq!(pages[0]["items"][0]["type"], "key.created");
    let events = workspace.shell_with(&server).run(stream);
    assert!(events.contains("event: group.created\n"), "{events}");
    let changes = workspace.shell_with(&server).json_values(history);
    assert_eq!(changes[0]["items"][0]["type"], "user.deleted");
}
