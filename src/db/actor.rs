//! The database actors. Each holds one pooled connection and runs calls until the queue of its pool is empty.

use super::commits::Commits;
use super::conn::{Manager, Pooled};
use super::error::{CallError, DbError};
use super::file::OpenFiles;
use super::metrics::{Metrics, Recorder, Retry};
use super::queue::{Batch, Batchable, Queue};
use super::slow_operation;
use super::transaction::attempt;
use super::{Class, Operation, Results};
use crate::domain::origin::Origin;
use crate::panics;
use actix::{Actor, Handler, Message, SyncContext};
use backon::{BlockingRetryable, ExponentialBuilder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use r2d2::{Pool, PooledConnection};
use std::any::{Any, TypeId, type_name};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How long an actor rejects calls after it failed to connect. Without this pause, each call in a full queue would wait
/// for its own connection timeout.
const REFUSE_FOR: Duration = Duration::from_millis(250);

/// The maximum number of retries after serialization failures.
const SERIALIZATION_RETRIES: usize = 10;

/// Wakes an idle actor, which then drains the queue.
pub(super) struct Drain;

impl Message for Drain {
    type Result = ();
}

/// A database actor. Each runs in its own thread.
pub(super) struct DatabaseActor {
    pub(super) queue: Arc<Queue<dyn Job>>,
    pub(super) worker: Worker,
}

impl Actor for DatabaseActor {
    type Context = SyncContext<Self>;
}

impl Handler<Drain> for DatabaseActor {
    type Result = ();

    fn handle(&mut self, _: Drain, context: &mut SyncContext<Self>) {
        let mut alone = true;
        while let Some(Batch { first, others, wake }) = self.queue.next(alone) {
            alone = others.is_empty() && !wake;
            if wake {
                context.address().do_send(Drain);
            }
            let calls = 1 + others.len();
            let succeeded = first.serve(others, &mut self.worker);
            self.queue.finish(calls, succeeded);
        }
    }
}

/// A waiting call, independent of its operation's type.
pub(super) trait Job: Batchable + Any + Send {
    /// Runs the call, in a batch with others of its kind, and sends each caller its result. Returns the number of calls
    /// that succeeded.
    fn serve(self: Box<Self>, others: Vec<Box<dyn Job>>, worker: &mut Worker) -> usize;

    /// Sends the caller an error instead of running the call.
    fn refuse(self: Box<Self>, error: DbError);
}

/// An actor's connection and the state of its reconnection.
pub(super) struct Worker {
    pool: Pool<Manager>,
    class: Class,
    /// The files of a SQLite database.
    files: Option<Arc<OpenFiles>>,
    commits: Arc<Commits>,
    metrics: Arc<Metrics>,
    recorder: Recorder,
    /// The open connections of the actors of the class, and those opened so far.
    connections: (Gauge, Counter),
    connection: Option<PooledConnection<Manager>>,
    /// The time until which calls are refused, and the reason.
    refuse_until: Option<(Instant, DbError)>,
    slow: Duration,
    /// Dropped with the actor. A SyncArbiter never joins its threads, so this is how [`super::Database::close`] learns
    /// that they have ended.
    _alive: mpsc::Sender<()>,
}

impl Worker {
    pub(super) fn new(
        pool: Pool<Manager>,
        files: Option<Arc<OpenFiles>>,
        (commits, metrics): (Arc<Commits>, Arc<Metrics>),
        class: Class,
        slow: Duration,
        alive: mpsc::Sender<()>,
    ) -> Self {
        let (recorder, connections) = (Recorder::new(metrics.clone()), metrics.connections(class));
        Self {
            pool,
            class,
            files,
            commits,
            metrics,
            recorder,
            connections,
            connection: None,
            refuse_until: None,
            slow,
            _alive: alive,
        }
    }

    /// Runs calls, in one batch if there are several. If the batch fails, it is rolled back, and each call runs alone,
    /// unless the COMMIT may have succeeded. If BEGIN fails, every call fails with the same error.
    fn run_calls<O: Operation>(&mut self, calls: &[Call<O>]) -> Vec<Result<O::Output, O::Error>> {
        let mut results = match self.run(&calls.iter().collect::<Vec<_>>()) {
            Ok(results) => results,
            Err(error) => match error.database() {
                _ if calls.len() == 1 => return vec![Err(error)],
                Some(unknown @ DbError::OutcomeUnknown(_)) => return all(calls, unknown),
                Some(failure) if !calls.iter().any(|call| call.ticket.has_started()) => {
                    return all(calls, failure);
                }
                failure => {
                    log::debug!(
                        "a batch of {} {} calls failed; each call now runs alone: {failure:?}",
                        calls.len(),
                        type_name::<O>()
                    );
                    self.metrics.count_retry(Retry::Alone);
                    return calls.iter().map(|call| self.run_alone(call)).collect();
                }
            },
        };
        for (call, result) in calls.iter().zip(&mut results) {
            if let Err(error) = result
                && let Some(DbError::Serialization(_)) = error.database()
            {
                *result = self.run_alone(call);
            }
        }
        results
    }

    fn run_alone<O: Operation>(&mut self, call: &Call<O>) -> Result<O::Output, O::Error> {
        if Instant::now() >= call.deadline {
            return Err(DbError::DeadlinePassed.into());
        }
        let nothing = || DbError::Internal("no result".to_owned());
        self.run(&[call]).and_then(|mut results| results.pop().ok_or_else(nothing)?)
    }

    /// Runs calls in one transaction. Retries serialization failures. If the connection is dead, its transaction was
    /// rolled back, and the calls are retried once on a new connection. A panic would end the actor's thread
    /// permanently, so it is caught, and the connection is discarded with its transaction.
    fn run<O: Operation>(&mut self, calls: &[&Call<O>]) -> Results<O::Output, O::Error> {
        catch_unwind(AssertUnwindSafe(|| self.try_to_run(calls))).unwrap_or_else(|panic| {
            self.discard();
            Err(DbError::Internal(format!("panic: {}", panics::message(panic.as_ref()))).into())
        })
    }

    fn try_to_run<O: Operation>(&mut self, calls: &[&Call<O>]) -> Results<O::Output, O::Error> {
        let (deadline, metrics) = (calls.iter().map(|call| call.deadline).max(), self.metrics.clone());
        let mut reconnected = false;
        let once = || {
            let (commits, metrics) = (self.commits.clone(), self.metrics.clone());
            let connection = self.connection()?;
            connection.discard_stale_plans();
            let results = attempt(connection, calls, &commits, &metrics);
            if let Err(error) = &results
                && error.database().is_some_and(|error| is_lost(error, &mut connection.connection))
            {
                self.discard();
            }
            if results.is_ok() && O::CLASS == Class::Write {
                // If the files were deleted during the calls, their writes are lost.
                self.check_files().map_err(|error| DbError::OutcomeUnknown(error.to_string()))?;
            }
            results
        };
        let retry = |error: &O::Error| match error.database() {
            Some(DbError::Serialization(_)) => Some(Instant::now()) < deadline,
            Some(DbError::Unavailable(_)) => !std::mem::replace(&mut reconnected, true),
            _ => false,
        };
        let count = |error: &O::Error, _| match error.database() {
            Some(DbError::Serialization(_)) => metrics.count_retry(Retry::Serialization),
            _ => metrics.count_retry(Retry::Reconnect),
        };
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(1))
            .with_max_delay(Duration::from_millis(50))
            .with_max_times(SERIALIZATION_RETRIES)
            .with_jitter();
        once.retry(pauses).sleep(std::thread::sleep).when(retry).notify(count).call()
    }

    /// Checks that the paths of a SQLite database still lead to the files that the connections have opened.
    fn check_files(&self) -> Result<(), DbError> {
        self.files.as_ref().map_or(Ok(()), |files| files.check())
    }

    fn connection(&mut self) -> Result<&mut Pooled, DbError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        Ok(self.connection.insert(connection))
    }

    fn connect(&mut self) -> Result<PooledConnection<Manager>, DbError> {
        if let Some((until, reason)) = &self.refuse_until
            && Instant::now() < *until
        {
            return Err(reason.clone());
        }
        let connected = self.pool.get().map_err(|error| DbError::Unavailable(error.to_string()));
        self.refuse_until =
            connected.as_ref().err().map(|error| (Instant::now() + REFUSE_FOR, error.clone()));
        if connected.is_ok() {
            self.connections.0.inc();
            self.connections.1.inc();
        }
        connected
    }

    /// Discards the connection. The pool closes it, and the next operation opens another.
    fn discard(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.broken = true;
            self.connections.0.dec();
        }
        self.connection = None;
    }
}

impl Drop for Worker {
    /// The writer is closed last, so no reader blocks its checkpoint, which leaves a SQLite database in a single file.
    fn drop(&mut self) {
        if self.class == Class::Write
            && let Some(pooled) = &mut self.connection
            && matches!(pooled.connection, super::Connection::Sqlite(_))
            && !self.files.as_ref().is_some_and(|files| files.is_memory_replaced())
        {
            // If another process uses the database, such as a backup, the log stays, and the next start reads it.
            if let Err(error) = pooled.connection.truncate_log() {
                log::warn!("the final checkpoint failed and will be repeated at the next start: {error}");
            }
        }
        self.discard();
    }
}

/// Whether a call has started or its caller has given up. Whichever happens first is final.
#[derive(Clone, Default)]
pub(super) struct Ticket(Arc<AtomicU8>);

impl Ticket {
    const WAITING: u8 = 0;
    const STARTED: u8 = 1;
    const ABANDONED: u8 = 2;

    /// Records that the call starts, unless its caller has given up. Returns whether the call may run; a call that runs
    /// again may.
    pub(super) fn start(&self) -> bool {
        self.settle(Self::STARTED) == Self::STARTED
    }

    /// Records that the caller gives up, unless the call has started. Returns whether the call is abandoned.
    pub(super) fn abandon(&self) -> bool {
        self.settle(Self::ABANDONED) == Self::ABANDONED
    }

    fn has_started(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::STARTED
    }

    /// Sets the state of a call that is still waiting, and returns the resulting state.
    fn settle(&self, outcome: u8) -> u8 {
        match self.0.compare_exchange(Self::WAITING, outcome, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => outcome,
            Err(settled) => settled,
        }
    }
}

/// A queued operation, with the channel for its result.
pub(super) struct Call<O: Operation> {
    pub(super) operation: O,
    pub(super) origin: Origin,
    pub(super) queued: Instant,
    pub(super) deadline: Instant,
    pub(super) ticket: Ticket,
    pub(super) reply: oneshot::Sender<Result<O::Output, O::Error>>,
}

/// The kind of calls whose writes are rolled back. They never share a transaction with calls whose writes are committed.
struct Planned<O>(PhantomData<O>);

impl<O: Operation> Batchable for Call<O> {
    fn kind(&self) -> TypeId {
        if self.origin.plan.is_some() { TypeId::of::<Planned<O>>() } else { TypeId::of::<O>() }
    }

    fn max_batch(&self) -> usize {
        if self.origin.plan.is_some() { 1 } else { O::MAX_BATCH }
    }
}

impl<O: Operation> Job for Call<O> {
    /// The one place where operations run.
    fn serve(self: Box<Self>, others: Vec<Box<dyn Job>>, worker: &mut Worker) -> usize {
        let started = Instant::now();
        let others = others.into_iter().filter_map(|job| (job as Box<dyn Any>).downcast::<Self>().ok());
        let mut calls: Vec<Self> = std::iter::once(self).chain(others).map(|call| *call).collect();
        calls.retain(|call| started < call.deadline && !call.reply.is_closed());
        if calls.is_empty() {
            return 0;
        }
        let results = match worker.check_files().and_then(|()| worker.connection().map(drop)) {
            Ok(()) => worker.run_calls(&calls),
            Err(error) => all(&calls, &error),
        };
        let succeeded = results.iter().filter(|result| result.is_ok()).count();
        worker.recorder.ran::<O>(calls.len(), started.elapsed());
        for (call, result) in calls.into_iter().zip(results) {
            worker.recorder.waited::<O>(O::CLASS.of(&call.origin), started - call.queued);
            call.report(started, worker.slow, result.as_ref().err().and_then(CallError::database));
            // Sending fails if the caller no longer waits.
            drop(call.reply.send(result));
        }
        succeeded
    }

    fn refuse(self: Box<Self>, error: DbError) {
        // Sending fails if the caller no longer waits.
        drop(self.reply.send(Err(error.into())));
    }
}

impl<O: Operation> Call<O> {
    fn report(&self, started: Instant, slow: Duration, error: Option<&DbError>) {
        let (operation, request_id) = (type_name::<O>(), &*self.origin.request_id);
        if let Some(defect @ (DbError::Internal(_) | DbError::UniqueViolation(_))) = error {
            log::error!(operation, request_id; "{defect}");
        }
        let (waited, took) = (started - self.queued, started.elapsed());
        if waited + took >= slow {
            slow_operation::warn(&self.origin, operation, waited, took);
        }
    }
}

/// The results of calls that all fail with this error.
fn all<O: Operation>(calls: &[Call<O>], error: &DbError) -> Vec<Result<O::Output, O::Error>> {
    calls.iter().map(|_| Err(error.clone().into())).collect()
}

/// Whether the connection is unusable after this error.
fn is_lost(error: &DbError, connection: &mut super::Connection) -> bool {
    match error {
        DbError::Unavailable(_) | DbError::DiskFailed(_) | DbError::OutcomeUnknown(_) => true,
        DbError::Internal(_) => connection.batch_execute("SELECT 1").is_err(),
        _ => false,
    }
}
