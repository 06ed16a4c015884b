//! The table in docs/configuration.md lists every setting of the command line.

use crate::docs::pages::read;
use crate::support::repository_root;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, CommandFactory};
use roster::cli::Cli;
use std::error::Error;
use std::fs;

const PAGE: &str = "docs/configuration.md";
const HEAD: &str = "|---|---|---|---|\n";
const END: &str = "<!-- end of the table -->";

/// Updates the page if `UPDATE_DOCS` is set.
#[test]
fn configuration_md_lists_every_setting() {
    let page = read(PAGE);
    let (before, rest) = page.split_once(HEAD).expect("the table has a header");
    let (_, after) = rest.split_once(END).expect("the table has an end marker");
    let command = Cli::command();
    let rows: String = command.get_arguments().filter_map(row).collect();
    let expected = format!("{before}{HEAD}{rows}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(repository_root().join(PAGE), &expected).expect("the page can be written");
    } else {
        assert_eq!(page, expected, "run `UPDATE_DOCS=1 cargo test docs::configuration` to update the page");
    }
}

/// The row of a setting. `None` for an argument without an environment variable.
fn row(argument: &Arg) -> Option<String> {
    let name = argument.get_env()?.to_str()?;
    let flag = argument.get_long()?;
    let default = argument.get_default_values().first().and_then(|value| value.to_str());
    let default = default.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    Some(format!("| `{name}`, `--{flag}` | {default} | {} | {help} |\n", accepted_values(flag)))
}

/// The accepted values, taken from the error that an empty value causes: no setting may be empty.
fn accepted_values(flag: &str) -> String {
    let result = Cli::command().try_get_matches_from(["roster", &format!("--{flag}=")]);
    let error = result.expect_err(flag);
    let one_of = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => Some(values.join(", ")),
        _ => None,
    };
    let message = || error.source().map(ToString::to_string).unwrap_or_else(|| panic!("{flag}: {error}"));
    one_of.unwrap_or_else(|| {
        message().trim_start_matches("must be ").trim_start_matches("must have ").to_owned()
    })
}
