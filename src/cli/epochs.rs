//! `roster epoch`: the names of the tenants' histories, straight on the database.

use super::{failed, origin, print, with_database};
use crate::config::Settings;
use crate::db::Database;
use crate::error::AppError;
use crate::ops::changes::RenewEpochs;
use clap::Subcommand;
use uuid::Uuid;

/// What is done with epochs.
#[derive(Subcommand, Debug)]
pub(super) enum EpochCommand {
    /// Gives the history of every tenant a new name, so that followers notice that a backup was put in place
    Renew,
}

/// How many tenants' histories get their names in one transaction.
const AT_ONCE: usize = 500;

/// Carries the command out. A database that does not exist is not made: it would have no followers.
pub(super) fn run(settings: &Settings, command: EpochCommand) -> Result<(), AppError> {
    let EpochCommand::Renew = command;
    if settings.database_url.is_missing() {
        return Err(AppError::new(format!("there is no database {}", settings.database_url)));
    }
    let renewed = with_database(settings, renew).map_err(|error| {
        AppError::new(format!("not every epoch is renewed, the command can be repeated: {error}"))
    })?;
    print(&format!("{renewed} renewed\n"));
    Ok(())
}

/// Gives how many there were.
async fn renew(database: &Database) -> Result<usize, AppError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let renew = RenewEpochs { after, limit: AT_ONCE, epoch: Uuid::new_v4 };
        let renewed = database.call(&origin(), renew).await.map_err(failed)?;
        count += renewed.len();
        after = renewed.last().copied().filter(|_| renewed.len() == AT_ONCE);
        if after.is_none() {
            return Ok(count);
        }
    }
}
