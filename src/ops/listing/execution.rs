//! Runs a list query as a series of calls.

use crate::db::{Class, Database, DbError, Operation, Tx};
use crate::domain::origin::Origin;
use crate::ops::OpError;
use std::time::{Duration, Instant};

/// The execution of one list query. Its calls share a deadline, and the size of each window depends on the duration of
/// the previous one.
pub(super) struct Execution<'d> {
    database: &'d Database,
    origin: &'d Origin,
    /// When the query arrived, before it waited for a permit.
    arrived: Instant,
    started: Instant,
    deadline: Instant,
    /// The number of rows in the next window. Windows start small and grow as long as they are read quickly, so that
    /// no call blocks others for long, whatever the filter costs per row.
    pub(super) window: usize,
    /// The total duration of the windows, without the time in the queue.
    run_time: Duration,
}

/// The number of rows in the first window.
const FIRST_WINDOW: usize = 20;
/// The maximum number of rows in a window.
const MAX_WINDOW: usize = 4_000;
/// A window that takes less time than this doubles the next one.
const FAST: Duration = Duration::from_millis(50);
/// A window that takes more time than this halves the next one, but not below [`FIRST_WINDOW`]: if every call is slow,
/// smaller windows would only mean more calls.
const SLOW: Duration = Duration::from_millis(250);

impl<'d> Execution<'d> {
    pub(super) fn start(database: &'d Database, origin: &'d Origin, arrived: Instant) -> Self {
        let (started, deadline) = (Instant::now(), database.deadline(origin));
        let (window, run_time) = (FIRST_WINDOW, Duration::ZERO);
        Self { database, origin, arrived, started, deadline, window, run_time }
    }

    /// Runs an operation before the deadline of the query.
    pub(super) async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        self.database.call_until(self.origin, operation, self.deadline).await
    }

    /// Runs a step of the query as an operation of class [`Class::Scan`].
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        step: impl Fn(&mut Tx<'_>) -> Result<T, OpError> + Send + Sync + 'static,
    ) -> Result<T, OpError> {
        let (output, _) = self.call(Scan(step)).await?;
        Ok(output)
    }

    /// Runs a step that reads a window, and adapts the size of the next window.
    pub(super) async fn scan_window<T: Send + 'static>(
        &mut self,
        step: impl Fn(&mut Tx<'_>) -> Result<T, OpError> + Send + Sync + 'static,
    ) -> Result<T, OpError> {
        let (output, duration) = self.call(Scan(step)).await?;
        self.run_time += duration;
        if duration < FAST {
            self.window = (self.window * 2).min(MAX_WINDOW);
        } else if duration > SLOW {
            self.window = (self.window / 2).max(self.window.min(FIRST_WINDOW));
        }
        Ok(output)
    }

    /// Whether half of the time until the deadline has passed. The rest of the time is reserved for the calls that
    /// complete the page.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.started.elapsed() >= self.deadline.saturating_duration_since(self.started) / 2
    }

    /// Fails if the query is out of time.
    pub(super) fn check_time(&self) -> Result<(), OpError> {
        if self.is_out_of_time() { Err(self.timeout_error()) } else { Ok(()) }
    }

    /// The cause of a timeout: an overloaded database if the query mostly waited for a permit or in the queue, otherwise
    /// the filter.
    pub(super) fn timeout_error(&self) -> OpError {
        if self.run_time * 2 < self.arrived.elapsed() {
            DbError::Overloaded.into()
        } else {
            OpError::Uncountable
        }
    }
}

/// A step of a list query. Returns its output and its duration, without the time in the queue.
struct Scan<F>(F);

impl<F, T> Operation for Scan<F>
where
    F: Fn(&mut Tx<'_>) -> Result<T, OpError> + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = (T, Duration);
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let started = Instant::now();
        let output = (self.0)(tx)?;
        Ok((output, started.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Options;

    #[actix_web::test]
    async fn a_query_that_waited_for_a_permit_is_not_uncountable() {
        let options = Options {
            url: "sqlite://:memory:".parse().unwrap(),
            readers: 1,
            writers: 1,
            queue: 1,
            large_results: 1,
            deadline: Duration::from_secs(10),
            slow: Duration::from_secs(1),
            wal: false,
        };
        let (database, origin) = (Database::start(&options).unwrap(), Origin::server());
        let error = |waited| {
            let mut execution = Execution::start(&database, &origin, Instant::now() - waited);
            execution.run_time = Duration::from_secs(1);
            execution.timeout_error()
        };
        assert_eq!(error(Duration::from_secs(9)), DbError::Overloaded.into());
        assert_eq!(error(Duration::ZERO), OpError::Uncountable);
        database.close().await;
    }
}
