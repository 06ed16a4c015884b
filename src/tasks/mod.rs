//! Background tasks. Their work is bounded and ends when the server stops.

pub mod digests;
pub mod erasures;
pub mod followers;
pub mod old_changes;
pub mod retention;
pub mod uses;

use crate::db::Database;
use crate::domain::origin::Origin;
use crate::ops::health::PendingMigrations;
use std::time::Duration;

/// The pause between two checks for pending migrations.
const MIGRATION_PAUSE: Duration = Duration::from_secs(1);

/// Runs a task once no migration of this release is pending. Until then, tables or columns may be missing.
pub async fn run_once_migrated(database: Database, is_migrated: bool, task: impl Future<Output = ()>) {
    while !is_migrated && !matches!(database.call(&Origin::server(), PendingMigrations).await, Ok(0)) {
        tokio::time::sleep(MIGRATION_PAUSE).await;
    }
    task.await;
}
