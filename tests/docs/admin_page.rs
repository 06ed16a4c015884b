//! docs/admin-page.md

use crate::docs::pages::read;
use crate::docs::workspace::Workspace;
use crate::support::repository_root;
use serde_json::json;

/// Creates a key, and tests whether there is a page.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [create, test] = commands else { panic!("{commands:?}") };
    let server = workspace.server().start();
    let responses = workspace.shell_with(&server).json_values(create);
    let [key] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!((&key["name"], &key["role"]), (&json!("Ada, support"), &json!("writer")));
    assert_eq!(workspace.shell_with(&server).run(test), "200\n");
    drop(server);
    let without_page = workspace.server().env("ROSTER_ADMIN_PAGE", "false").start();
    assert_eq!(workspace.shell_with(&without_page).run(test), "404\n");
}

#[test]
fn every_screenshot_exists() {
    let screenshots = |page: &str| -> Vec<String> {
        let text = read(page);
        text.split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(".png)"))
            .map(|(path, _)| format!("{path}.png"))
            .collect()
    };
    let of_page = screenshots("docs/admin-page.md");
    assert!(of_page.len() > 5, "{of_page:?}");
    for path in of_page.into_iter().map(|path| format!("docs/{path}")).chain(screenshots("README.md")) {
        assert!(repository_root().join(&path).is_file(), "{path}");
    }
}
