//! docs/inspector.md

use crate::docs::pages::read;
use crate::docs::workspace::{Shell, Workspace};
use crate::support::repository_root;
use crate::support::server::Server;
use crate::support::sql::Sql;
use roster::domain::inspector::explanation::{EXPLANATIONS, Explanation};
use std::fs;
use std::time::Duration;

const PAGE: &str = "docs/inspector.md";
const HEAD: &str = "| code | section | hint |\n|---|---|---|\n";
const END: &str = "<!-- end of the table -->";

/// Sends requests as an identity provider, and finds them.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let [send, find, delete] = commands else { panic!("{commands:#?}") };
    // The variables of the first block are used in the second, which runs once the requests are recorded.
    let save = "\necho \"$CONNECTION\"";
    let connection = workspace.shell_with(&server).run(&format!("{send}{save}"));
    let count = "SELECT count(*) AS number FROM requests";
    Sql::open(&workspace.url()).wait_for_number(count, 2, Duration::from_secs(10));
    let shell = shell_of(workspace, &server, &connection);
    let [rejected, converted, summary] = &shell.json_values(find)[..] else { panic!("three responses") };
    let [request] = rejected["items"].as_array().expect("items").as_slice() else { panic!("{rejected}") };
    assert_eq!((&request["status"], &request["notes"][0]["code"]), (&409.into(), &"uniqueness".into()));
    let [request] = converted["items"].as_array().expect("items").as_slice() else { panic!("{converted}") };
    assert_eq!((&request["status"], &request["notes"][0]["code"]), (&201.into(), &"converted".into()));
    shell_of(workspace, &server, &connection).run(delete);
    assert_eq!(summary["requests"]["errorsLastDay"], serde_json::json!({ "uniqueness": 1 }));
}

/// A shell with the variable of the first block.
fn shell_of(workspace: &Workspace, server: &Server, connection: &str) -> Shell {
    workspace.shell_with(server).env("CONNECTION", connection.trim())
}

/// Updates the page if `UPDATE_DOCS` is set.
#[test]
fn inspector_md_lists_every_note() {
    let page = read(PAGE);
    let (before, rest) = page.split_once(HEAD).expect("the table has a header");
    let (_, after) = rest.split_once(END).expect("the table has an end marker");
    let rows: String = EXPLANATIONS.iter().map(row).collect();
    let expected = format!("{before}{HEAD}{rows}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(repository_root().join(PAGE), &expected).expect("the page can be written");
    } else {
        assert_eq!(page, expected, "run `UPDATE_DOCS=1 cargo test docs::inspector` to update the page");
    }
}

fn row(Explanation { code, section, hint, .. }: &Explanation) -> String {
    format!("| `{code}` | {} | {} |\n", section.unwrap_or_default(), hint.unwrap_or_default())
}
