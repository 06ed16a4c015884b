//! The door to the database: operations go in, results come out, on either engine.

mod actor;
pub mod backup;
mod conn;
mod error;
pub mod filter_sql;
pub mod lock;
pub mod migrate;
pub mod query;
mod queue;
pub mod rows;
pub mod sort_sql;
pub mod sql;
pub mod table;
mod transaction;
pub mod types;
mod url;

pub use conn::{Connection, Dialect};
pub use error::{CallError, DbError};
pub use transaction::{Tx, run_each};
pub use url::DatabaseUrl;

use crate::domain::origin::Origin;
use actix::{Addr, SyncArbiter};
use actor::{Call, DatabaseActor, Drain, Job, Ticket, Worker};
use conn::Manager;
use queue::Queue;
use r2d2::Pool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A database action: a message whose inputs are its fields.
///
/// It borrows itself when it runs, so that it can run again: after a serialization failure, or alone after its
/// batch failed. It has no effect but on the database.
pub trait Operation: Sized + Send + Sync + 'static {
    /// The value returned on success.
    type Output: Send + 'static;

    /// The error returned on failure.
    type Error: CallError;

    /// The actors that run it.
    const CLASS: Class;

    /// The isolation of its transaction on PostgreSQL. Transactions of SQLite are always serializable.
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    /// The most calls of this operation in one batch.
    const MAX_BATCH: usize = 1;

    /// Runs the operation.
    ///
    /// # Errors
    /// The operation's error; the transaction is rolled back.
    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Self::Error>;

    /// Runs a batch and returns a result for each call. A failing call is rolled back without affecting the others. A call
    /// whose error is [`DbError::Serialization`] runs again, alone, after the batch.
    ///
    /// # Errors
    /// An error that concerns more than one call. The batch is rolled back, and each call runs alone.
    fn run_batch(operations: &[&Self], tx: &mut Tx<'_>) -> Results<Self::Output, Self::Error> {
        run_each(operations, tx)
    }
}

/// The results of a batch, in the order of its calls.
pub type Results<T, E> = Result<Vec<Result<T, E>>, E>;

/// The kinds of work that do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Class {
    /// Reads a few rows.
    #[display("read")]
    Read,
    /// Reads a page.
    #[display("page")]
    Page,
    /// Reads many rows to find few.
    #[display("scan")]
    Scan,
    /// Writes, in a transaction.
    #[display("write")]
    Write,
}

/// The isolation of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// What is to be changed is locked or guarded by its version.
    ReadCommitted,
    /// The database refuses what could not have happened one after the other (40001), and the door tries again.
    Serializable,
}

/// How the door is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// How many actors read rows, and as many pages; scans have one.
    pub readers: usize,
    /// How many actors write on PostgreSQL; on SQLite one does.
    pub writers: usize,
    /// How many calls may wait in each lane.
    pub queue: usize,
    /// How long a call may take, waiting included.
    pub deadline: Duration,
    /// From when on a call is reported as slow.
    pub slow: Duration,
}

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    read: Arc<Lane>,
    page: Arc<Lane>,
    scan: Arc<Lane>,
    write: Arc<Lane>,
    deadline: Duration,
    /// A database in memory lasts as long as its last connection.
    _anchor: Option<Mutex<Connection>>,
}

/// One class's queue and actors.
struct Lane {
    queue: Arc<Queue<dyn Job>>,
    actors: Mutex<Option<Addr<DatabaseActor>>>,
    alive: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl Database {
    /// Starts the actors; they connect when they are first needed. Wants a running actix `System`.
    ///
    /// # Errors
    /// What the engine says when the database cannot be reached.
    pub fn start(options: &Options) -> Result<Self, diesel::ConnectionError> {
        let lane = |class, actors| Arc::new(Lane::start(options, class, actors));
        let first = Connection::first(&options.url)?;
        let writers = if let DatabaseUrl::Postgres(_) = options.url { options.writers } else { 1 };
        let write = lane(Class::Write, writers);
        let inner = match options.url {
            DatabaseUrl::Memory(_) => Inner {
                read: write.clone(),
                page: write.clone(),
                scan: write.clone(),
                write,
                deadline: options.deadline,
                _anchor: Some(Mutex::new(first)),
            },
            _ => Inner {
                read: lane(Class::Read, options.readers),
                page: lane(Class::Page, options.readers),
                scan: lane(Class::Scan, 1),
                write,
                deadline: options.deadline,
                _anchor: None,
            },
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Has an operation carried out, on behalf of `origin`.
    ///
    /// # Errors
    /// What the operation says; [`DbError::Overloaded`] when too many wait, [`DbError::DeadlinePassed`] when it
    /// was not begun (or only read) in time, [`DbError::OutcomeUnknown`] when a write was begun and not finished.
    pub async fn call<O: Operation>(&self, origin: &Origin, operation: O) -> Result<O::Output, O::Error> {
        self.call_by(origin, operation, Instant::now() + self.0.deadline).await
    }

    /// The same with a deadline of its own.
    ///
    /// # Errors
    /// As [`Database::call`].
    pub async fn call_by<O: Operation>(
        &self,
        origin: &Origin,
        operation: O,
        deadline: Instant,
    ) -> Result<O::Output, O::Error> {
        let (reply, answer) = oneshot::channel();
        let queued = Instant::now();
        let given_up = GivenUp(Ticket::default());
        let ticket = given_up.0.clone();
        let call = Call { operation, origin: origin.clone(), queued, deadline, ticket, reply };
        self.lane(O::CLASS).push(Box::new(call))?;
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_not_begun)) => Err(DbError::DeadlinePassed.into()),
            Err(_late) if O::CLASS != Class::Write || given_up.0.claim() => {
                Err(DbError::DeadlinePassed.into())
            }
            Err(_late) => {
                Err(DbError::OutcomeUnknown("the deadline passed during the write".to_owned()).into())
            }
        }
    }

    /// How long a call may take, waiting included.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.0.deadline
    }

    /// How many calls of a class have been finished: while it grows, its actors are alive.
    #[must_use]
    pub fn finished(&self, class: Class) -> u64 {
        self.lane(class).queue.finished()
    }

    /// Lets what waits be carried out, then closes every connection: readers first, the writer last.
    pub async fn close(&self) {
        for lane in [&self.0.read, &self.0.page, &self.0.scan, &self.0.write] {
            lane.close().await;
        }
    }

    fn lane(&self, class: Class) -> &Lane {
        match class {
            Class::Read => &self.0.read,
            Class::Page => &self.0.page,
            Class::Scan => &self.0.scan,
            Class::Write => &self.0.write,
        }
    }
}

impl Lane {
    fn start(options: &Options, class: Class, actors: usize) -> Self {
        let pool = pool(options, class, actors);
        let queue = Arc::new(Queue::new(options.queue, actors));
        let (sender, alive) = mpsc::channel(1);
        let (slow, in_actors) = (options.slow, queue.clone());
        let factory = move || DatabaseActor {
            queue: in_actors.clone(),
            worker: Worker::new(pool.clone(), class, slow, sender.clone()),
        };
        let named = move || std::thread::Builder::new().name(format!("database {class}"));
        let actors = SyncArbiter::start_with_thread_builder(actors, named, factory);
        Self { queue, actors: Mutex::new(Some(actors)), alive: alive.into() }
    }

    fn push(&self, job: Box<dyn Job>) -> Result<(), DbError> {
        if self.queue.push(job)?
            && let Some(actors) = &*self.actors.lock().unwrap_or_else(PoisonError::into_inner)
        {
            actors.do_send(Drain);
        }
        Ok(())
    }

    /// Without its address a SyncArbiter ends its threads, after the messages that it still has.
    async fn close(&self) {
        self.queue.close();
        drop(self.actors.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Nothing is ever sent: this returns when the last actor is gone.
        self.alive.lock().await.recv().await;
    }
}

/// An r2d2 pool of just as many connections as the lane has actors, each of which keeps one.
fn pool(options: &Options, class: Class, actors: usize) -> Pool<Manager> {
    let statement_timeout = options.deadline;
    Pool::builder()
        .max_size(u32::try_from(actors).unwrap_or(u32::MAX))
        .min_idle(Some(0))
        .test_on_check_out(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connection_timeout(Duration::from_secs(1))
        .error_handler(Box::new(LogOneLine))
        .build_unchecked(Manager { url: options.url.clone(), class, statement_timeout })
}

/// libpq says on several lines why it cannot connect.
#[derive(Debug)]
struct LogOneLine;

impl r2d2::HandleError<diesel::ConnectionError> for LogOneLine {
    fn handle_error(&self, error: diesel::ConnectionError) {
        let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        log::error!("cannot connect to the database: {text}");
    }
}

/// A caller that goes away, for whatever reason, leaves nothing to be begun.
struct GivenUp(Ticket);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.claim();
    }
}
