//! `roster check`: recounts the database.

use super::database::open;
use super::print;
use crate::config::Settings;
use crate::db::check::{self, Totals};
use crate::error::AppError;
use std::process::ExitCode;

/// Prints each difference on a line, or that there are none.
///
/// # Errors
/// A one-line message if the database cannot be read.
pub(super) fn run(settings: &Settings) -> Result<ExitCode, AppError> {
    let mut connection = open(&settings.database_url)?;
    let totals = check::run(&mut connection, &mut |difference| print(&format!("{difference}\n")))
        .map_err(|error| AppError::new(format!("cannot check {}: {error}", settings.database_url)))?;
    let Totals { tenants, users, groups, members, changes, differences } = totals;
    if differences > 0 {
        return Ok(ExitCode::FAILURE);
    }
    print(&format!(
        "no differences: {tenants} tenants, {users} users, {groups} groups, {members} members, {changes} changes\n"
    ));
    Ok(ExitCode::SUCCESS)
}
