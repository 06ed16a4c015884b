//! Removes what is kept for a time only.

use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::domain::origin::Origin;
use crate::ops::idempotency::Forget;
use crate::ops::tenants::{FindLeft, Purge};
use std::time::Duration;
use uuid::Uuid;

/// How long it rests when there is nothing left to remove.
const REST: Duration = Duration::from_secs(60);
/// How many rows go at once, so that no write waits long for it.
const AT_ONCE: u32 = 500;

/// Removes the answers to requests that have expired, and what a deletion of a tenant left that was cut short, for as long
/// as it is let.
pub async fn run(database: Database, clock: Clock) {
    loop {
        let forget = Forget { now: clock.now(), limit: AT_ONCE };
        match database.call(&Origin::server(), forget).await {
            Ok(removed) if removed >= AT_ONCE as usize => continue,
            Ok(_) => {}
            Err(DbError::Stopping) => return,
            Err(error) => log::warn!("expired answers were not removed: {error}"),
        }
        if let Err(error) = purge(&database).await {
            log::warn!("what deleted tenants left was not removed: {error}");
        }
        tokio::time::sleep(REST).await;
    }
}

async fn purge(database: &Database) -> Result<(), DbError> {
    let mut after = Uuid::nil();
    while let Some((id, exists)) = database.call(&Origin::server(), FindLeft { after }).await? {
        while !exists && database.call(&Origin::server(), Purge { id }).await? {}
        after = id;
    }
    Ok(())
}
