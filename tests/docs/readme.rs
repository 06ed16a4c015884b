//! README.md

use crate::docs::workspace::{Workspace, count};

/// The first block starts the server, and the last one the tests. They are compared rather than run. The second sends
/// requests.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [serve, requests, test] = commands else { panic!("{commands:#?}") };
    let key =
        serve.strip_suffix(" cargo run --release\n").and_then(|env| env.strip_prefix("ROSTER_ADMIN_KEY="));
    assert_eq!(test, "tests/run\n");
    let server =
        workspace.server().env("ROSTER_ADMIN_KEY", key.expect("the command sets the admin key")).start();
    let script = requests.replace("http://127.0.0.1:3000", &server.base());
    assert_ne!(&script, requests, "the requests do not go to the default address");
    let responses = workspace.shell().json_values(&script);
    let [created, patched, list, status] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!((&created["userName"], &created["version"]), (&"ada".into(), &1.into()));
    assert_eq!((&patched["title"], &patched["version"]), (&"Countess".into(), &2.into()));
    assert_eq!(count(list), 1);
    assert_eq!(status, 204);
}
