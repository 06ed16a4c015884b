//! Logs why calls fail if neither the caller nor a defect in Roster is the cause.

use super::error::DbError;
use crate::domain::origin::Origin;
use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The minimum time between two log lines about the same cause.
const INTERVAL: Duration = Duration::from_secs(1);

/// The failures since the start of the server.
#[derive(Default)]
pub(super) struct Failures {
    /// The causes that were logged and when, so that an outage does not flood the log.
    logged: Mutex<HashMap<Discriminant<DbError>, Logged>>,
    is_damaged: AtomicBool,
}

/// The last log line about a cause.
struct Logged {
    at: Instant,
    /// The number of failures with this cause since that line.
    since: u64,
}

impl Failures {
    /// Logs the error if it causes a response with status 503 or 504, at most once per interval.
    pub(super) fn log(&self, origin: &Origin, operation: &str, error: Option<&DbError>) {
        let Some(error) = error.filter(|error| is_outage(error)) else { return };
        if matches!(error, DbError::Damaged(_)) && !self.is_damaged.swap(true, Ordering::Relaxed) {
            log::error!("{error}: stop the server and restore a backup");
        }
        if let Some(since) = self.count(error, Instant::now()) {
            let request_id = &*origin.request_id;
            let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            log::warn!(operation, request_id, unlogged = since; "an operation failed: {reason}");
        }
    }

    /// Whether a call has found damage in the database. Damage does not go away by itself, and a readiness check of the whole
    /// file would take too long.
    pub(super) fn found_damage(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Counts a failure. If the failure must be logged, returns the number of unlogged failures with the same cause.
    fn count(&self, error: &DbError, now: Instant) -> Option<u64> {
        let mut causes = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(logged) = causes.get_mut(&discriminant(error)) else {
            causes.insert(discriminant(error), Logged { at: now, since: 0 });
            return Some(0);
        };
        if now < logged.at + INTERVAL {
            logged.since += 1;
            return None;
        }
        logged.at = now;
        Some(std::mem::take(&mut logged.since))
    }
}

/// Whether the database, its disk or the load caused the error. A replaced database file is not included, because
/// `OpenFiles::check` logs it.
fn is_outage(error: &DbError) -> bool {
    matches!(
        error,
        DbError::Overloaded
            | DbError::DeadlinePassed
            | DbError::Unavailable(_)
            | DbError::DiskFull(_)
            | DbError::DiskFailed(_)
            | DbError::Damaged(_)
            | DbError::Locked(_)
            | DbError::Busy(_)
            | DbError::Serialization(_)
            | DbError::OutcomeUnknown(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_logged_once_a_second() {
        let (failures, now) = (Failures::default(), Instant::now());
        let full = |text: &str| DbError::DiskFull(text.to_owned());
        assert_eq!(failures.count(&full("a"), now), Some(0));
        assert_eq!(failures.count(&full("b"), now), None);
        assert_eq!(failures.count(&DbError::Overloaded, now), Some(0));
        assert_eq!(failures.count(&full("c"), now + INTERVAL), Some(1));
        assert_eq!(failures.count(&full("d"), now + INTERVAL), None);
    }
}
