//! Completes the erasures of users that requests have left incomplete.

use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::domain::origin::Origin;
use crate::http::State;
use crate::ops::OpError;
use crate::ops::users::{Incomplete, NextErasure, Redact, Remaining, TruncateLog, search_requests};
use actix_web::web;
use std::time::Duration;
use uuid::Uuid;

/// The pause while no erasure is known to be incomplete. Another server may have left an incomplete one.
const PAUSE: Duration = Duration::from_secs(60);
/// The pauses after an erasure could not be completed. Each is twice as long as the previous one.
const SHORTEST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Completes erasures until the database stops. A request that leaves one incomplete notifies the task.
pub async fn run(state: web::Data<State>) {
    let (mut retry, mut reported) = (SHORTEST_RETRY, String::new());
    loop {
        match complete_all(&state.database, &state.clock).await {
            Ok(()) => {
                (retry, reported) = (SHORTEST_RETRY, String::new());
                drop(tokio::time::timeout(PAUSE, state.incomplete_erasures.notified()).await);
            }
            Err((_, OpError::Database(DbError::Stopping))) => return,
            Err((consequence, error)) => {
                let report = format!("{consequence}: {error}");
                // The cause can persist for hours, so it is logged only when it changes.
                if report != reported {
                    log::warn!("{report}");
                    reported = report;
                }
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
        }
    }
}

/// The consequences of errors, as logged.
const SEARCH_FAILED: &str = "cannot look for incomplete erasures";
const INCOMPLETE: &str = "an erasure is incomplete and will be continued";

/// Completes every erasure that can be completed.
///
/// # Errors
/// The consequence and the error.
async fn complete_all(database: &Database, clock: &Clock) -> Result<(), (&'static str, OpError)> {
    let (mut after, mut result, mut log_remains) = ((Uuid::nil(), Uuid::nil()), Ok(()), false);
    let next = async |after| {
        let next = database.call(&Origin::server(), NextErasure { after }).await;
        next.map_err(|error| (SEARCH_FAILED, error))
    };
    while let Some(erasure) = next(after).await? {
        after = (erasure.tenant, erasure.id);
        match redact(database, clock, erasure).await {
            Ok(remaining) => log_remains |= remaining == Remaining::Log,
            Err(error) => result = Err((INCOMPLETE, error)),
        }
    }
    if log_remains {
        truncate_log(database).await.map_err(|error| (INCOMPLETE, error))?;
    }
    result
}

async fn truncate_log(database: &Database) -> Result<(), OpError> {
    if database.call(&Origin::server(), TruncateLog).await? {
        Ok(())
    } else {
        Err(DbError::Busy("a reader uses SQLite's write-ahead log".to_owned()).into())
    }
}

async fn redact(database: &Database, clock: &Clock, erasure: Incomplete) -> Result<Remaining, OpError> {
    let Incomplete { tenant, id, origin } = erasure;
    loop {
        match database.call(&origin, Redact { tenant, id, now: clock.now() }).await? {
            Remaining::Values => {}
            Remaining::Requests => {
                let check = async || Ok::<_, OpError>(());
                return search_requests(database, &origin, clock, (tenant, id), check).await;
            }
            remaining => return Ok(remaining),
        }
    }
}
