//! `roster epoch`: manages the epochs of the change feeds, directly in the database.

use super::database::with_database;
use super::print;
use crate::config::Settings;
use crate::console::origin;
use crate::db::Database;
use crate::error::AppError;
use crate::ops::changes::RenewEpochs;
use clap::Subcommand;
use uuid::Uuid;

/// The actions of `roster epoch`.
#[derive(Subcommand, Debug)]
pub(super) enum EpochCommand {
    /// Gives every change feed a new epoch, so that followers detect that a backup was restored
    Renew,
}

/// Number of tenants per transaction.
const BATCH: usize = 500;

/// Runs the command.
pub(super) fn run(settings: &Settings, command: EpochCommand) -> Result<(), AppError> {
    let EpochCommand::Renew = command;
    let incomplete =
        |error| AppError::new(format!("not all epochs were renewed; repeat the command: {error}"));
    let renewed = with_database(settings, async |database| renew(database).await.map_err(incomplete))?;
    print(&format!("epochs renewed: {renewed}\n"));
    Ok(())
}

/// Renews all epochs and returns their number.
async fn renew(database: &Database) -> Result<usize, AppError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let renew = RenewEpochs { after, limit: BATCH, epoch: Uuid::new_v4 };
        let renewed = database.call(&origin(), renew).await.map_err(AppError::new)?;
        count += renewed.len();
        after = renewed.last().copied().filter(|_| renewed.len() == BATCH);
        if after.is_none() {
            return Ok(count);
        }
    }
}
