//! Deletes old changes. Of all servers that use a database, the one that holds the lease does this.

use crate::clock::Clock;
use crate::db::Database;
use crate::db::metrics::Retained;
use crate::domain::origin::Origin;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::leases::{Lease, Release, Take};
use crate::ops::old_changes::{Delete, Next};
use std::cell::Cell;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The pause after all old changes have been deleted. It is shorter than the lease, so a server that always finds some
/// keeps the lease.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// The number of changes per transaction, few enough that other writes do not wait long.
const BATCH: u32 = 500;
/// The time limit for the release of the lease at shutdown. A lease that is not released expires.
const RELEASE_WITHIN: Duration = Duration::from_millis(500);

/// The task of one server.
pub struct OldChanges {
    database: Database,
    clock: Clock,
    /// The age at which changes become old.
    retention: Duration,
    lease: Lease,
    /// Whether the lease must be released.
    is_holder: Cell<bool>,
}

impl OldChanges {
    /// The task for changes older than `retention`.
    pub fn new(database: Database, clock: Clock, retention: Duration) -> Self {
        let lease = Lease { name: "old_changes", holder: Uuid::new_v4() };
        Self { database, clock, retention, lease, is_holder: Cell::new(false) }
    }

    /// Deletes old changes until the task is aborted. A retention of zero keeps all changes.
    pub async fn run(&self) {
        let record = || self.database.metrics().record_deletion(Retained::Changes, self.clock.now());
        if !self.retention.is_zero() {
            record();
        }
        while !self.retention.is_zero() {
            match self.delete_all().await {
                Ok(()) => record(),
                Err(error) => log::warn!("cannot delete old changes: {error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Releases the lease, so that another server can continue.
    pub async fn release(&self) {
        if self.is_holder.take() {
            let deadline = Instant::now() + RELEASE_WITHIN;
            let released = self.database.call_until(&Origin::server(), Release(self.lease), deadline).await;
            if let Err(error) = released {
                log::warn!("cannot release the lease on the deletion of old changes: {error}");
            }
        }
    }

    /// Deletes the old changes of every tenant, unless another server holds the lease.
    async fn delete_all(&self) -> Result<(), OpError> {
        let (before, mut after) = (self.clock.now().minus(self.retention), Uuid::nil());
        while let Some(tenant) = self.database.call(&Origin::server(), Next { after, before }).await? {
            if !self.delete(tenant, before).await? {
                log::debug!("another server deletes old changes");
                return Ok(());
            }
            after = tenant;
        }
        log::debug!("no old changes are left");
        Ok(())
    }

    /// Deletes the old changes of a tenant. Returns `false` when another server holds the lease.
    async fn delete(&self, tenant: Uuid, before: Timestamp) -> Result<bool, OpError> {
        let mut after = 0;
        while self.take_lease().await? {
            let delete = Delete { tenant, after, before, limit: BATCH };
            match self.database.call(&Origin::server(), delete).await? {
                Some((last, count)) => {
                    self.database.metrics().count_deleted(Retained::Changes, count);
                    after = last;
                }
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Takes or renews the lease. Returns whether the server holds it.
    async fn take_lease(&self) -> Result<bool, OpError> {
        let take = Take { lease: self.lease, now: self.clock.now() };
        // If the task is aborted during the call, the lease may have been taken.
        self.is_holder.set(true);
        let taken = self.database.call(&Origin::server(), take).await?;
        self.is_holder.set(taken);
        Ok(taken)
    }
}
