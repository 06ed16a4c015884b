//! docs/undo.md

use crate::docs::workspace::Workspace;
use serde_json::json;

/// Lets a key create a user and delete another one, and reverts both.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [accident, changes, plan, apply, clean_up] = commands else { panic!("{commands:#?}") };
    let server = workspace.server().start();
    let list = "curl -sS \"$URL/users\" -H \"$AUTH\"\n";
    let script = [accident, "echo '{}'\n", changes, plan, apply, list, clean_up].concat();
    let responses = workspace.shell_with(&server).json_values(&script);
    let [_, changes, planned, applied, users] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!(changes["items"][0]["type"], "user.deleted");
    let outcomes: Vec<_> = planned["items"].as_array().unwrap().iter().map(|item| &item["outcome"]).collect();
    assert_eq!(json!(outcomes), json!(["restore", "delete"]));
    assert_eq!((&applied["items"], &applied["conflictCount"]), (&planned["items"], &json!(0)));
    assert_eq!(applied["portions"], json!([{ "items": 2, "revisions": [5, 6] }]));
    let users = users["items"].as_array().unwrap();
    assert_eq!(
        (users.len(), &users[0]["userName"], &users[0]["title"]),
        (1, &json!("ada"), &json!("Countess"))
    );
}
