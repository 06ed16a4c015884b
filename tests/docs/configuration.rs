//! docs/configuration.md has every setting as the command line knows it.

use crate::docs::pages::{project, read};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, CommandFactory};
use roster::cli::Cli;
use std::error::Error;
use std::fs;

const PAGE: &str = "docs/configuration.md";
const HEAD: &str = "|---|---|---|---|\n";
const END: &str = "<!-- end of the table -->";

/// Written anew when `UPDATE_DOCS` is set.
#[test]
fn configuration() {
    let page = read(PAGE);
    let (before, rest) = page.split_once(HEAD).expect("the table's head");
    let (_, after) = rest.split_once(END).expect("the table's end");
    let command = Cli::command();
    let rows: String = command.get_arguments().filter_map(row).collect();
    let wanted = format!("{before}{HEAD}{rows}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(project().join(PAGE), &wanted).expect("the page can be written");
    } else {
        assert_eq!(page, wanted, "`UPDATE_DOCS=1 cargo test docs::configuration` writes it anew");
    }
}

/// A setting's row; none for an argument that is no setting.
fn row(argument: &Arg) -> Option<String> {
    let name = argument.get_env()?.to_str()?;
    let flag = argument.get_long()?;
    let default = argument.get_default_values().first().and_then(|value| value.to_str());
    let default = default.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    Some(format!("| `{name}`, `--{flag}` | {default} | {} | {help} |\n", accepted(flag)))
}

/// What the command says that it accepts, when it is given nothing: no setting may be empty.
fn accepted(flag: &str) -> String {
    let refused = Cli::command().try_get_matches_from(["roster", &format!("--{flag}=")]);
    let error = refused.expect_err(flag);
    let one_of = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => Some(values.join(", ")),
        _ => None,
    };
    let said = || error.source().map(ToString::to_string).unwrap_or_else(|| panic!("{flag}: {error}"));
    one_of
        .unwrap_or_else(|| said().trim_start_matches("must be ").trim_start_matches("must have ").to_owned())
}
