//! Counts the connections that are held, for the metric.

use crate::db::{Database, DbError};
use crate::domain::origin::Origin;
use crate::ops::OpError;
use crate::ops::connections::CountHeld;
use std::time::Duration;

/// Pause between two counts: the usual interval of scrapes.
const PAUSE: Duration = Duration::from_secs(15);

/// Counts the held connections of all tenants, on every server, until the database stops.
pub async fn run(database: Database) {
    loop {
        match database.call(&Origin::server(), CountHeld).await {
            Ok(count) => database.metrics().set_held(count),
            Err(OpError::Database(DbError::Stopping)) => return,
            Err(error) => log::warn!("cannot count the connections that are held: {error}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
