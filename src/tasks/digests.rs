//! Counts the digests of tenants to which servers of the previous release have written.

use crate::db::{Database, DbError};
use crate::domain::origin::Origin;
use crate::ops::OpError;
use crate::ops::digests::{CountDigest, NextUnknownDigest};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Pause after every digest is known. During a rolling upgrade, digests become unknown again.
const PAUSE: Duration = Duration::from_secs(60);
/// The maximum duration of a count. Other writes of the tenant wait meanwhile.
const LIMIT: Duration = Duration::from_secs(120);

/// Counts unknown digests. Runs until the database stops.
pub async fn run(database: Database) {
    loop {
        match count_all(&database).await {
            Ok(()) => {}
            Err(OpError::Database(DbError::Stopping)) => return,
            Err(error) => log::warn!("cannot count the digest of a tenant: {error}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn count_all(database: &Database) -> Result<(), OpError> {
    let (mut after, mut result) = (Uuid::nil(), Ok(()));
    while let Some(tenant) = database.call(&Origin::server(), NextUnknownDigest { after }).await? {
        let deadline = Instant::now() + LIMIT;
        match database.call_until(&Origin::server(), CountDigest { tenant }, deadline).await {
            Ok(()) => log::info!(tenant:%; "digest counted"),
            // The tenant was deleted.
            Err(OpError::NotFound) => {}
            Err(error @ OpError::Database(DbError::Stopping)) => return Err(error),
            // Does not keep the tenants after this one from being counted.
            Err(error) => result = Err(error),
        }
        after = tenant;
    }
    result
}
