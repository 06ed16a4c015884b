//! The readiness check for `/readyz`.

use super::problem::cause;
use crate::db::{Class, Database, DbError};
use crate::domain::origin::Origin;
use crate::ops::health::{CanWrite, PendingMigrations};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use uuid::Uuid;

/// The time for which a result is reused, so that the probes of many load balancers cause only one check.
const CACHE_TIME: Duration = Duration::from_secs(1);

/// The time limit for the database.
const TIMEOUT: Duration = Duration::from_secs(1);

const DAMAGED: &str = "The database is damaged. Stop the server and restore a backup.";

/// The latest check of the database with its result, cached for a second.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), &'static str>)>>);

impl Readiness {
    /// Whether the server is ready; the error is the `detail` of the problem.
    pub(super) async fn check(&self, database: &Database) -> Result<(), &'static str> {
        let mut last = self.0.lock().await;
        match *last {
            Some((when, result)) if when.elapsed() < CACHE_TIME => result,
            _ => {
                let result = check(database).await;
                *last = Some((Instant::now(), result));
                result
            }
        }
    }
}

/// Checks that the database has no pending migrations and can be read and written.
async fn check(database: &Database) -> Result<(), &'static str> {
    check_reads(database).await?;
    check_writes(database).await?;
    if database.is_damaged() { Err(DAMAGED) } else { Ok(()) }
}

async fn check_reads(database: &Database) -> Result<(), &'static str> {
    let finished = database.finished(Class::Read);
    let timeout = tokio::time::sleep(TIMEOUT);
    let origin = Origin::server();
    match tokio::time::timeout(TIMEOUT, database.call(&origin, PendingMigrations)).await {
        Ok(Ok(0)) => return Ok(()),
        Ok(Ok(_)) => return Err("Database migrations are pending. Run `roster migrate`."),
        Ok(Err(error)) if !is_busy(&error) => return Err(cause(&error)),
        _ => timeout.await,
    }
    // An overloaded server stays ready: removing it from the load balancer would only move the load to the others. It is
    // overloaded, not stuck, as long as calls finish.
    let is_stuck = database.finished(Class::Read) == finished;
    if is_stuck { Err("The database does not respond.") } else { Ok(()) }
}

/// Writes a row. If the write does not finish in time, because of a lock or the load, another write of this server must
/// have succeeded in the meantime.
async fn check_writes(database: &Database) -> Result<(), &'static str> {
    let succeeded = database.succeeded(Class::Write);
    let timeout = tokio::time::sleep(TIMEOUT);
    let (origin, write) = (Origin::server(), CanWrite { id: Uuid::now_v7(), content: page() });
    match tokio::time::timeout(TIMEOUT, database.call(&origin, write)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) if !is_busy(&error) => return Err(cause(&error)),
        _ => timeout.await,
    }
    let is_stuck = database.succeeded(Class::Write) == succeeded;
    if is_stuck {
        Err("The database does not accept writes: no row could be written within a second.")
    } else {
        Ok(())
    }
}

/// Random text of 4 KiB.
fn page() -> String {
    (0..128).map(|_| Uuid::new_v4().simple().to_string()).collect()
}

fn is_busy(error: &DbError) -> bool {
    matches!(error, DbError::Overloaded | DbError::DeadlinePassed | DbError::Locked(_) | DbError::Busy(_))
}
