//! docs/api.md

use crate::docs::workspace::Workspace;

/// Creates a key and a group, and retries the creation of a user.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [key, group, create] = commands else { panic!("{commands:#?}") };
    let server = workspace.server().start();
    let run = |script: &str| workspace.shell_with(&server).json_values(script);
    assert_eq!(run(key)[0]["role"], "reader");
    assert_eq!(run(group)[0]["displayName"], "Engineers");
    let created = run(create);
    assert_eq!(created[0]["userName"], "grace");
    assert_eq!(run(create), created, "the retry returns the same response");
}
