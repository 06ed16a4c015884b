//! Deletes expired idempotency records, keys, tokens and recorded requests after their retention periods, and the remaining
//! rows of deleted tenants and connections.

use crate::clock::Clock;
use crate::db::metrics::Retained;
use crate::db::{Database, DbError};
use crate::domain::origin::Origin;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::idempotency::DeleteExpired;
use crate::ops::keys::DeleteRevoked;
use crate::ops::requests::{self, DeleteOld};
use crate::ops::tenants::{NextHistory, Purge};
use std::time::Duration;
use uuid::Uuid;

/// Pause after everything has been deleted.
const PAUSE: Duration = Duration::from_secs(60);
/// Rows per transaction, few enough that other writes do not wait long.
const BATCH: u32 = 500;
/// The same, for recorded requests, which are larger.
const REQUESTS: u32 = 200;

/// Deletes expired idempotency records, keys and tokens that were revoked long ago, and the rows left by interrupted
/// tenant deletions. Runs until the database stops.
pub async fn run(database: Database, clock: Clock) {
    let record = |rows, removed| record(&database, rows, removed, clock.now());
    record(Retained::Responses, 0);
    record(Retained::Keys, 0);
    record(Retained::Requests, 0);
    loop {
        let expired = DeleteExpired { now: clock.now(), limit: BATCH };
        match database.call(&Origin::server(), expired).await {
            Ok(removed) if record(Retained::Responses, removed) => continue,
            Ok(_) => {}
            Err(OpError::Database(DbError::Stopping)) => return,
            Err(error) => log::warn!("cannot delete expired idempotency records: {error}"),
        }
        let revoked = DeleteRevoked { now: clock.now(), limit: BATCH };
        match database.call(&Origin::server(), revoked).await {
            Ok(removed) if record(Retained::Keys, removed) => continue,
            Ok(_) => {}
            Err(error) => log::warn!("cannot delete revoked keys and tokens: {error}"),
        }
        match delete_requests(&database, clock.now()).await {
            Ok(()) => database.metrics().record_deletion(Retained::Requests, clock.now()),
            Err(error) => log::warn!("cannot delete recorded requests: {error}"),
        }
        if let Err(error) = purge(&database).await {
            log::warn!("cannot delete the rows of deleted tenants: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Records that rows were deleted. Returns whether more may be left.
fn record(database: &Database, rows: Retained, removed: usize, now: Timestamp) -> bool {
    let (metrics, is_complete) = (database.metrics(), removed < BATCH as usize);
    metrics.count_deleted(rows, removed);
    if is_complete {
        metrics.record_deletion(rows, now);
    }
    !is_complete
}

/// Deletes the old requests of every connection.
async fn delete_requests(database: &Database, now: Timestamp) -> Result<(), OpError> {
    let mut after = (Uuid::nil(), Uuid::nil());
    while let Some(next) = database.call(&Origin::server(), requests::Next { after }).await? {
        after = next;
        let (tenant, connection) = next;
        loop {
            let delete = DeleteOld { tenant, connection, now, limit: REQUESTS };
            let removed = database.call(&Origin::server(), delete).await?;
            database.metrics().count_deleted(Retained::Requests, removed);
            if removed < REQUESTS as usize {
                break;
            }
        }
    }
    Ok(())
}

async fn purge(database: &Database) -> Result<(), OpError> {
    let mut after = Uuid::nil();
    while let Some((id, exists)) = database.call(&Origin::server(), NextHistory { after }).await? {
        while !exists && database.call(&Origin::server(), Purge { id }).await? {}
        after = id;
    }
    Ok(())
}
