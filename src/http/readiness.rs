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

/// Checks that the database has no pending migrations and can be read and written. A write that is still waiting for a
/// lock or in the queue does not make the server unready while reads succeed.
async fn check(database: &Database) -> Result<(), &'static str> {
    let origin = Origin::server();
    let finished = database.finished(Class::Read);
    let timeout = tokio::time::sleep(TIMEOUT);
    match tokio::time::timeout(TIMEOUT, database.call(&origin, PendingMigrations)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(_)) => return Err("Database migrations are pending. Run `roster migrate`."),
        Ok(Err(error)) if !is_busy(&error) => return Err(cause(&error)),
        _ => {
            // An overloaded server stays ready: removing it from the load balancer would only move the load to the
            // others. It is overloaded, not stuck, as long as calls finish.
            timeout.await;
            if database.finished(Class::Read) == finished {
                return Err("The database does not respond.");
            }
        }
    }
    let write = CanWrite { id: Uuid::now_v7() };
    match tokio::time::timeout(TIMEOUT, database.call(&origin, write)).await {
        Ok(Err(error)) if !is_busy(&error) => Err(cause(&error)),
        _ => Ok(()),
    }
}

fn is_busy(error: &DbError) -> bool {
    matches!(error, DbError::Overloaded | DbError::DeadlinePassed | DbError::Locked(_) | DbError::Busy(_))
}
