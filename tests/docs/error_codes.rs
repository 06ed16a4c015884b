//! The error codes that the pages list agree with those of the code.

use crate::docs::pages::read;
use roster::domain::fields;
use roster::domain::scim::error::SCIM_TYPES;
use roster::http::problem;
use std::collections::BTreeSet;

/// The cells of the table whose header begins with this cell.
pub(crate) fn rows(page: &str, header: &str) -> Vec<Vec<String>> {
    let (_, table) = page.split_once(&format!("\n| {header} |")).expect("the page has the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// The code spans of a cell.
pub(crate) fn code_spans(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The code spans in the first column of a table.
fn first_column(page: &str, header: &str) -> Vec<String> {
    rows(&read(page), header).iter().flat_map(|row| code_spans(&row[0])).collect()
}

#[test]
fn api_md_lists_every_problem_code_once() {
    let documented: Vec<(u16, String)> = rows(&read("docs/api.md"), "status")
        .iter()
        .flat_map(|row| {
            let status = row[0].parse().expect("the first cell is a status");
            code_spans(&row[1]).map(move |code| (status, code)).collect::<Vec<_>>()
        })
        .collect();
    let actual = problem::CODES.iter().map(|(status, code)| (status.as_u16(), (*code).to_owned()));
    assert_eq!(documented.iter().cloned().collect::<BTreeSet<_>>(), actual.collect());
    assert_eq!(documented.len(), problem::CODES.len(), "a code is listed twice");
}

#[test]
fn api_md_lists_every_field_code_in_order() {
    assert_eq!(first_column("docs/api.md", "field code"), fields::CODES);
}

#[test]
fn provider_pages_list_only_scim_types_that_roster_sends() {
    let actual = SCIM_TYPES.map(|scim_type| scim_type.to_string());
    for page in ["docs/okta.md", "docs/entra.md"] {
        let documented = first_column(page, "response");
        assert!(documented.len() > 5, "{page}: {documented:?}");
        assert!(documented.iter().all(|name| actual.contains(name)), "{page}: {documented:?}");
    }
}
