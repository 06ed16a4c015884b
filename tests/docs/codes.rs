//! The codes of errors in docs/api.md are those of the code.

use crate::docs::pages::read;
use roster::domain::fields;
use roster::domain::scim::error::SCIM_TYPES;
use roster::http::problem;
use std::collections::BTreeSet;

/// The cells of the table whose head begins with this cell.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let (_, table) = page.split_once(&format!("\n| {head} |")).expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// What stands between backticks.
fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn of_problems() {
    let rows = rows(&read("docs/api.md"), "status");
    let of_row = |row: &Vec<String>| {
        let status: u16 = row[0].parse().expect("a status");
        names(&row[1]).map(move |code| (status, code)).collect::<Vec<_>>()
    };
    let told: Vec<_> = rows.iter().flat_map(of_row).collect();
    let made = problem::CODES.iter().map(|(status, code)| (status.as_u16(), (*code).to_owned()));
    assert_eq!(told.iter().cloned().collect::<BTreeSet<_>>(), made.collect());
    assert_eq!(told.len(), problem::CODES.len(), "each once");
}

#[test]
fn of_fields() {
    let rows = rows(&read("docs/api.md"), "field code");
    let told: Vec<_> = rows.iter().flat_map(|row| names(&row[0])).collect();
    assert_eq!(told, fields::CODES, "the same, in the same order");
}

/// The pages of identity providers name none that Roster never sends.
#[test]
fn of_scim() {
    let made = SCIM_TYPES.map(|scim_type| scim_type.to_string());
    for page in ["docs/okta.md", "docs/entra.md"] {
        let rows = rows(&read(page), "response");
        let told: Vec<_> = rows.iter().flat_map(|row| names(&row[0])).collect();
        assert!(told.len() > 5 && told.iter().all(|name| made.contains(name)), "{page}: {told:?}");
    }
}
