//! docs/keep-a-copy-in-sync.md

use crate::docs::workspace::Workspace;
use serde_json::Value;

/// Takes an export, reads the changes after it, and computes the digest of a user.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [export, changes, digest, stream] = commands else { panic!("{commands:#?}") };
    let server = workspace.server().start();
    let script = [export, "echo ---\n", changes, "\necho ---\n", digest, "echo ---\n", stream].concat();
    let output = workspace.shell_with(&server).run(&script);
    let parts: Vec<_> = output.split("---\n").collect();
    let [export, changes, digest, stream] = parts[..] else { panic!("{output}") };
    let lines: Vec<Value> = export.lines().map(json).collect();
    let [first, last] = &lines[..] else { panic!("{export}") };
    assert_eq!((&last["end"], &last["users"]), (&true.into(), &0.into()));
    let page = json(changes);
    assert_eq!((&page["next"], &page["epoch"]), (&first["revision"], &first["epoch"]));
    let [computed, difference] = digest.lines().collect::<Vec<_>>()[..] else { panic!("{digest}") };
    assert_eq!(computed, difference);
    assert!(stream.contains("event: user.created"), "{stream}");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
