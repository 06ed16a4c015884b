//! docs/filters.md

use crate::docs::workspace::{Workspace, count};

/// Creates two users and finds one of them.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [find] = commands else { panic!("{commands:#?}") };
    let server = workspace.server().start();
    for name in ["Ada", "grace"] {
        let create = format!(
            r#"curl -fsS "$URL/users" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
               -d '{{"userName":"{name}"}}'"#
        );
        workspace.shell_with(&server).run(&create);
    }
    let found = &workspace.shell_with(&server).json_values(find)[0];
    assert_eq!((count(found), &found["items"][0]["userName"]), (1, &"Ada".into()));
    assert_eq!(found["items"][0].as_object().map(serde_json::Map::len), Some(3), "{found}");
}
