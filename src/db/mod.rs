//! Access to the database: runs operations on SQLite or PostgreSQL and returns their results.

mod actor;
pub mod backup;
pub mod budget;
pub mod check;
pub mod commits;
mod conn;
mod custom_sql;
pub mod digests;
mod error;
mod failures;
mod file;
pub mod filter_sql;
mod history;
pub mod lock;
pub(crate) mod metrics;
pub mod migrate;
mod permits;
pub mod query;
mod queue;
pub mod restore;
pub mod rows;
mod slow_operation;
pub mod sort_sql;
pub mod sql;
pub mod table;
mod transaction;
mod turns;
pub mod types;
pub mod unique;
mod url;
mod waiting;
mod wal;

pub use conn::{Connection, Dialect};
pub use error::{CallError, DbError};
pub use file::{ServerLock, create};
pub use permits::Permit;
pub use transaction::{Tx, run_each};
pub(crate) use turns::{Turn, Turns};
pub use url::DatabaseUrl;
pub(crate) use waiting::Flow;

use crate::domain::origin::Origin;
use actix::{Addr, SyncArbiter};
use actor::{Call, DatabaseActor, Drain, Job, Ticket, Worker};
use commits::Commits;
use conn::Manager;
use diesel::ConnectionError;
use failures::Failures;
use file::OpenFiles;
use metrics::Metrics;
use queue::Queue;
use r2d2::Pool;
use rustix::process::setpriority_process;
use std::any::type_name;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A database action: a message whose inputs are its fields.
///
/// An operation can run more than once: after a serialization failure, or alone after its batch failed. It must therefore
/// have no effect outside the database.
pub trait Operation: Sized + Send + Sync + 'static {
    /// The value returned on success.
    type Output: Send + 'static;

    /// The error returned on failure.
    type Error: CallError;

    /// The class of the operation. Writes of bulk requests have the class [`Class::Bulk`] instead of [`Class::Write`].
    const CLASS: Class;

    /// The isolation level on PostgreSQL. SQLite transactions are always serializable.
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    /// Whether a write runs in a transaction. Without one, it must not record changes.
    const IN_TRANSACTION: bool = true;

    /// Whether [`run_in_one_statement`](Self::run_in_one_statement) is tried before a transaction on PostgreSQL.
    const IN_ONE_STATEMENT: bool = false;

    /// The maximum number of calls of this operation in one batch.
    const MAX_BATCH: usize = 1;

    /// Runs the operation.
    ///
    /// # Errors
    /// Any error of the operation; the transaction is then rolled back.
    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Self::Error>;

    /// Runs a batch and returns a result for each call. A failing call is rolled back without affecting the others. A
    /// call whose error is [`DbError::Serialization`] runs again, alone, after the batch.
    ///
    /// # Errors
    /// An error that concerns more than one call. The batch is rolled back, and each call runs alone.
    fn run_batch(operations: &[&Self], tx: &mut Tx<'_>) -> Results<Self::Output, Self::Error> {
        run_each(operations, tx)
    }

    /// Runs a batch, or a single call, in one statement outside a transaction, to save the round trips for BEGIN and
    /// COMMIT. Returns `None` if nothing was done and the operations need a transaction.
    ///
    /// # Errors
    /// See [`Operation::run_batch`]. [`DbError::OutcomeUnknown`] if the connection is lost.
    fn run_in_one_statement(_: &[&Self], _: &mut Tx<'_>) -> OptionalResults<Self::Output, Self::Error> {
        Ok(None)
    }
}

/// The results of a batch, in the order of its calls.
pub type Results<T, E> = Result<Vec<Result<T, E>>, E>;

/// The results of a batch, or `None` if it did not run.
pub type OptionalResults<T, E> = Result<Option<Vec<Result<T, E>>>, E>;

/// A class of operations, with its own limit on waiting calls. Reads, pages, scans and writes also have their own actors, so
/// that they do not wait for each other. Classes that share actors take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, derive_more::Display)]
pub enum Class {
    /// Reads a few rows.
    #[display("read")]
    Read,
    /// Reads a page of rows.
    #[display("page")]
    Page,
    /// Scans many rows to find a few.
    #[display("scan")]
    Scan,
    /// Writes in a transaction.
    #[display("write")]
    Write,
    /// Writes of imports and SCIM bulk requests, by the actors of writes.
    #[display("bulk")]
    Bulk,
    /// Reads changes, by the actors of pages.
    #[display("poll")]
    Poll,
    /// Reads a page of an export, by the actors of pages.
    #[display("export")]
    Export,
}

impl Class {
    const ALL: [Self; 7] =
        [Self::Read, Self::Page, Self::Scan, Self::Write, Self::Bulk, Self::Poll, Self::Export];
}

/// The isolation level of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// The level for operations that lock the rows that they change, or check their versions.
    ReadCommitted,
    /// The database rejects anomalies (SQLSTATE 40001), and the actor retries the operation.
    Serializable,
}

/// The settings of a [`Database`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The database URL.
    pub url: DatabaseUrl,
    /// The number of actors that read rows, and of those that read pages. Scans have a single actor.
    pub readers: usize,
    /// The number of actors that write to PostgreSQL. SQLite has a single writer.
    pub writers: usize,
    /// The maximum number of waiting calls per class.
    pub queue: usize,
    /// The maximum number of large results in memory per pool of actors, each of about one page.
    pub large_results: usize,
    /// The maximum duration of a call, including the time in the queue, if its origin has no deadline.
    pub deadline: Duration,
    /// The duration from which a call is logged as slow.
    pub slow: Duration,
    /// Whether to switch a SQLite file to WAL mode, which is permanent, and to check that the file is not replaced.
    pub wal: bool,
}

impl Options {
    /// The largest number of open connections, including one for migrations and administration.
    #[must_use]
    pub fn connections(&self) -> usize {
        2 * self.readers + self.writers + 2
    }
}

/// A handle to the database. Clones share the queues and actors.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    read: Arc<ActorPool>,
    page: Arc<ActorPool>,
    scan: Arc<ActorPool>,
    write: Arc<ActorPool>,
    commits: Arc<Commits>,
    metrics: Arc<Metrics>,
    deadline: Duration,
    failures: Failures,
    /// The files of a SQLite database.
    files: Option<Arc<OpenFiles>>,
    /// Keeps the in-memory database or the write-ahead log, which SQLite deletes when the last connection closes.
    anchor: Mutex<Option<Connection>>,
}

/// The queue and the actors of one or several classes.
struct ActorPool {
    queue: Arc<Queue<dyn Job>>,
    actors: Mutex<Option<Addr<DatabaseActor>>>,
    alive: tokio::sync::Mutex<mpsc::Receiver<()>>,
    /// The permits to hold large results.
    permits: Turns,
}

impl Database {
    /// Starts the actors, which connect when they first run an operation. Requires a running actix `System`. A SQLite
    /// file must already exist; [`create`] creates it.
    ///
    /// # Errors
    /// The engine's error when the database cannot be reached or does not exist.
    pub fn start(options: &Options) -> Result<Self, ConnectionError> {
        let first =
            if options.wal { Connection::first(&options.url) } else { Connection::open(&options.url) }?;
        let files = if options.wal { OpenFiles::of(&options.url) } else { Ok(None) };
        let files = files.map_err(|error| ConnectionError::BadConnection(error.to_string()))?.map(Arc::new);
        let (commits, metrics) = (Arc::new(Commits::default()), Arc::new(Metrics::new()));
        let actor_pool = |class, actors| {
            let shared = (commits.clone(), metrics.clone());
            Arc::new(ActorPool::start(options, files.clone(), shared, class, actors))
        };
        let is_postgres = matches!(options.url, DatabaseUrl::Postgres(_));
        let write = actor_pool(Class::Write, if is_postgres { options.writers } else { 1 });
        let [read, page, scan] = match options.url {
            DatabaseUrl::Memory(_) => [(); 3].map(|()| write.clone()),
            _ => [(Class::Read, options.readers), (Class::Page, options.readers), (Class::Scan, 1)]
                .map(|(class, actors)| actor_pool(class, actors)),
        };
        let anchor = Mutex::new((!is_postgres).then_some(first));
        let (deadline, failures) = (options.deadline, Failures::default());
        let inner = Inner { read, page, scan, write, commits, metrics, deadline, failures, files, anchor };
        Ok(Self(Arc::new(inner)))
    }

    /// Runs an operation on behalf of `origin`, whose deadline applies.
    ///
    /// # Errors
    /// The operation's error, or [`DbError::Overloaded`] if too many calls are waiting. If the deadline passes before the
    /// operation starts or while it reads, [`DbError::DeadlinePassed`]; if it passes during a write,
    /// [`DbError::OutcomeUnknown`].
    pub async fn call<O: Operation>(&self, origin: &Origin, operation: O) -> Result<O::Output, O::Error> {
        self.call_until(origin, operation, self.deadline(origin)).await
    }

    /// Runs an operation with an explicit deadline.
    ///
    /// # Errors
    /// See [`Database::call`].
    pub async fn call_until<O: Operation>(
        &self,
        origin: &Origin,
        operation: O,
        deadline: Instant,
    ) -> Result<O::Output, O::Error> {
        let result = self.queue(origin, operation, deadline).await;
        if let Err(error) = &result {
            self.0.failures.log(origin, type_name::<O>(), error.database());
            error.database().into_iter().for_each(|error| self.0.metrics.count_failure(error));
        }
        result
    }

    /// Queues a call and waits for its result.
    async fn queue<O: Operation>(
        &self,
        origin: &Origin,
        operation: O,
        deadline: Instant,
    ) -> Result<O::Output, O::Error> {
        let (reply, result) = oneshot::channel();
        let queued = Instant::now();
        if queued >= deadline {
            return Err(DbError::DeadlinePassed.into());
        }
        let abandon = AbandonOnDrop(Ticket::default());
        let ticket = abandon.0.clone();
        let call = Call { operation, origin: origin.clone(), queued, deadline, ticket, reply };
        self.actor_pool(O::CLASS).push(Flow::of(origin, O::CLASS), Box::new(call))?;
        match tokio::time::timeout_at(deadline.into(), result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_not_started)) => Err(DbError::DeadlinePassed.into()),
            Err(_late) if O::CLASS != Class::Write || abandon.0.abandon() => {
                Err(DbError::DeadlinePassed.into())
            }
            Err(_late) => {
                Err(DbError::OutcomeUnknown("the deadline passed during the write".to_owned()).into())
            }
        }
    }

    /// Waits for a permit to hold a large result of an operation of this class, unless the permit `held` suffices.
    /// Otherwise, that permit is released first, because requests that wait while they hold permits could block each other.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] if too many requests are waiting, or [`DbError::DeadlinePassed`].
    pub async fn permit(
        &self,
        origin: &Origin,
        class: Class,
        held: Option<Permit>,
    ) -> Result<Permit, DbError> {
        if let Some(held) = held.filter(|held| held.suffices(class)) {
            return Ok(held);
        }
        let turn = self.actor_pool(class).permits.wait(Flow::of(origin, class));
        let turn = tokio::time::timeout_at(self.deadline(origin).into(), turn).await;
        let turn = turn.unwrap_or(Err(DbError::DeadlinePassed));
        turn.map(|turn| Permit { class, _turn: turn }).inspect_err(|error| {
            self.0.failures.log(origin, &format!("permit for a large result ({class})"), Some(error));
            self.0.metrics.count_failure(error);
        })
    }

    /// Checks that a call of this class would find a place. Others can still take it before the call is made.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] if too many calls are waiting.
    pub fn check_place(&self, origin: &Origin, class: Class) -> Result<(), DbError> {
        if self.actor_pool(class).queue.has_place(&Flow::of(origin, class)) {
            return Ok(());
        }
        self.0.failures.log(origin, &format!("a call ({class})"), Some(&DbError::Overloaded));
        self.0.metrics.count_failure(&DbError::Overloaded);
        Err(DbError::Overloaded)
    }

    /// The deadline of a call that is made now on behalf of `origin`.
    #[must_use]
    pub fn deadline(&self, origin: &Origin) -> Instant {
        origin.deadline.unwrap_or_else(|| Instant::now() + self.0.deadline)
    }

    /// The subscriptions to commits.
    #[must_use]
    pub fn commits(&self) -> &Arc<Commits> {
        &self.0.commits
    }

    /// The metrics of the database.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The number of finished calls of the actors of a class. While calls wait, it grows unless the actors are stuck.
    #[must_use]
    pub fn finished(&self, class: Class) -> u64 {
        self.actor_pool(class).queue.finished()
    }

    /// The number of calls of the actors of a class that have succeeded.
    #[must_use]
    pub fn succeeded(&self, class: Class) -> u64 {
        self.actor_pool(class).queue.succeeded()
    }

    /// Whether a call has found damage in a SQLite file.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.0.failures.found_damage()
    }

    /// Runs the waiting calls and closes all connections, those of the writers last.
    pub async fn close(&self) {
        for pool in [&self.0.read, &self.0.page, &self.0.scan] {
            pool.close().await;
        }
        let anchor = self.0.anchor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.0.files.as_ref().is_some_and(|files| files.is_memory_replaced()) {
            // When the last connection closes, SQLite copies the log to the database. The next server does this instead.
            mem::forget(anchor);
        } else {
            drop(anchor);
        }
        self.0.write.close().await;
    }

    /// The pools of actors, each with the class that it is named after. An in-memory database has a single one.
    fn pools(&self) -> Vec<(Class, &ActorPool)> {
        let Inner { read, page, scan, write, .. } = &*self.0;
        let all = [(Class::Read, read), (Class::Page, page), (Class::Scan, scan), (Class::Write, write)];
        let is_own =
            |(class, pool): &(Class, &Arc<ActorPool>)| *class == Class::Write || !Arc::ptr_eq(pool, write);
        all.into_iter().filter(is_own).map(|(class, pool)| (class, &**pool)).collect()
    }

    fn actor_pool(&self, class: Class) -> &ActorPool {
        match class {
            Class::Read => &self.0.read,
            Class::Page | Class::Poll | Class::Export => &self.0.page,
            Class::Scan => &self.0.scan,
            Class::Write | Class::Bulk => &self.0.write,
        }
    }
}

impl ActorPool {
    fn start(
        options: &Options,
        files: Option<Arc<OpenFiles>>,
        shared: (Arc<Commits>, Arc<Metrics>),
        class: Class,
        actors: usize,
    ) -> Self {
        let statement_timeout = options.deadline;
        let manager = Manager { url: options.url.clone(), files: files.clone(), class, statement_timeout };
        let pool = connection_pool(manager, actors);
        let queue = Arc::new(Queue::new(options.queue, actors));
        let (sender, alive) = mpsc::channel(1);
        let (slow, in_actors) = (options.slow, queue.clone());
        // Runs in the thread of each actor.
        let factory = move || {
            lower_priority(class);
            let (pool, files, shared) = (pool.clone(), files.clone(), shared.clone());
            let worker = Worker::new(pool, files, shared, class, slow, sender.clone());
            DatabaseActor { queue: in_actors.clone(), worker }
        };
        let thread = move || std::thread::Builder::new().name(format!("database {class}"));
        let actors = SyncArbiter::start_with_thread_builder(actors, thread, factory);
        let permits = Turns::new(options.large_results, options.queue);
        Self { queue, actors: Mutex::new(Some(actors)), alive: alive.into(), permits }
    }

    fn push(&self, flow: Flow, job: Box<dyn Job>) -> Result<(), DbError> {
        let (wake, refused) = self.queue.push(flow, job)?;
        if let Some(job) = refused {
            job.refuse(DbError::Overloaded);
        }
        if wake && let Some(actors) = &*self.actors.lock().unwrap_or_else(PoisonError::into_inner) {
            actors.do_send(Drain);
        }
        Ok(())
    }

    /// A SyncArbiter ends its threads once its address is dropped and its messages are processed.
    async fn close(&self) {
        self.queue.close();
        drop(self.actors.lock().unwrap_or_else(PoisonError::into_inner).take());
        // No message is ever sent, so this returns when the last actor has dropped its sender.
        self.alive.lock().await.recv().await;
    }
}

/// The nice value of the threads that read pages or scan. They read many rows for each request, and would otherwise take
/// processor time from requests that need little of it.
const NICE: i32 = 10;

/// Lowers the priority of the calling thread if its actor reads many rows. On Linux, nice values belong to threads. A process
/// without privileges can lower a priority but not raise it again, so each thread has the same one for all of its calls.
fn lower_priority(class: Class) {
    if cfg!(target_os = "linux")
        && matches!(class, Class::Page | Class::Scan)
        && let Err(error) = setpriority_process(None, NICE)
    {
        log::debug!("the priority of a database thread remains unchanged: {error}");
    }
}

/// An r2d2 pool with one connection per actor. Each actor keeps its connection.
fn connection_pool(manager: Manager, actors: usize) -> Pool<Manager> {
    Pool::builder()
        .max_size(u32::try_from(actors).unwrap_or(u32::MAX))
        .min_idle(Some(0))
        .test_on_check_out(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connection_timeout(Duration::from_secs(1))
        // The calls that fail as a result log the error.
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build_unchecked(manager)
}

/// Abandons a call when the caller's future is dropped, so that no actor starts it.
struct AbandonOnDrop(Ticket);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
