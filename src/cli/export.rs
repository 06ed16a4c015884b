//! `roster export`: writes all users, groups and members of a tenant, directly from the database.

mod output;

use super::database::{tenant_named, with_database};
use super::print;
use crate::config::Settings;
use crate::console::origin;
use crate::db::Database;
use crate::domain::snapshot_line::SnapshotEnd;
use crate::domain::snapshot_position::SnapshotPosition;
use crate::domain::tenant::DEFAULT_NAME;
use crate::error::AppError;
use crate::ops::export::Export;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use output::{Compression, Output};
use std::path::{Path, PathBuf};

/// The arguments of `roster export`.
#[derive(Args, Debug)]
pub(super) struct ExportArguments {
    /// The file to write, which must not exist; `-` is standard output
    file: PathBuf,
    /// Name of the tenant to export
    #[arg(long, default_value = DEFAULT_NAME)]
    tenant: String,
    /// Compression of the output; without it, the suffix .gz or .zst of the file selects one
    #[arg(long)]
    compress: Option<Compression>,
    /// Continues an earlier export after this position: user:ID, group:ID or member:GROUP-ID:USER-ID
    #[arg(long, value_parser = position)]
    after: Option<SnapshotPosition>,
}

fn position(text: &str) -> Result<SnapshotPosition, String> {
    let parsed = SnapshotPosition::parse(text);
    parsed.ok_or_else(|| format!("must be {}", SnapshotPosition::FORMS.replace('`', "")))
}

/// Runs the command.
pub(super) fn run(settings: &Settings, arguments: &ExportArguments) -> Result<(), AppError> {
    let is_stdout = arguments.file == Path::new("-");
    let counts = with_database(settings, async |database| {
        let mut output = Output::create(&arguments.file, arguments.compress)?;
        let counts = export(database, arguments, &mut output).await?;
        output.finish()?;
        Ok(counts)
    })?;
    if !is_stdout {
        let SnapshotEnd { users, groups, members, .. } = counts;
        print(&format!("users: {users}\ngroups: {groups}\nmembers: {members}\n"));
    }
    Ok(())
}

async fn export(
    database: &Database,
    arguments: &ExportArguments,
    output: &mut Output,
) -> Result<SnapshotEnd, AppError> {
    let tenant = tenant_named(database, arguments.tenant.clone()).await?;
    let after = arguments.after.unwrap_or(SnapshotPosition::START);
    let mut export = Export::start(database, &origin(), tenant, after).await.map_err(AppError::new)?;
    let progress = progress_bar(export.expected);
    loop {
        let position = export.position();
        match export.next(database, &origin()).await {
            Ok(Some(lines)) => output.write(&lines)?,
            Ok(None) => break,
            Err(error) => return Err(interrupted(position, &error)),
        }
        let SnapshotEnd { users, groups, members, .. } = export.counts();
        progress.set_position(u64::try_from(users + groups).unwrap_or_default());
        progress.set_message(members.to_string());
    }
    progress.finish_and_clear();
    Ok(export.counts())
}

/// The bar counts users and groups. It is shown only if standard error is a terminal.
fn progress_bar(expected: i64) -> ProgressBar {
    let template = "{wide_bar} {human_pos}/{human_len} users and groups, {msg} members, {elapsed}";
    let bar = ProgressBar::new(u64::try_from(expected).unwrap_or_default()).with_message("0");
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn interrupted(position: Option<SnapshotPosition>, error: &impl std::fmt::Display) -> AppError {
    let position = position.unwrap_or(SnapshotPosition::START);
    AppError::new(format!("the export ended after {position}: {error}"))
}
