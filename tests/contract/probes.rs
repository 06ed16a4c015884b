//! Operations for tests of the actors: they occupy an actor, panic, or lose a race.

use crate::contract::fixture::{TestDatabase, origin};
use diesel::prelude::*;
use futures_util::future::{join, join_all};
use roster::db::{Class, DbError, Isolation, Operation, Results, Tx, types::Uid};
use roster::domain::DEFAULT_TENANT;
use roster::ops::OpError;
use roster::schema::heads;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

/// The classes, as values for a const parameter.
const CLASSES: [Class; 6] = [Class::Read, Class::Page, Class::Write, Class::Scan, Class::Poll, Class::Export];
pub(crate) const READ: usize = 0;
pub(crate) const PAGE: usize = 1;
pub(crate) const WRITE: usize = 2;
pub(crate) const SCAN: usize = 3;
pub(crate) const POLL: usize = 4;
pub(crate) const EXPORT: usize = 5;

/// Executes a read that returns nothing.
#[derive(Debug)]
pub(crate) struct NoopRead;

impl Operation for NoopRead {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.get::<i32>(diesel::select(1.into_sql::<diesel::sql_types::Integer>()))?;
        Ok(())
    }
}

/// Panics. In the class `WRITE` it first changes the head row, which must be rolled back.
#[derive(Debug)]
pub(crate) struct Panic<const C: usize>;

impl<const C: usize> Operation for Panic<C> {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = CLASSES[C];

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        if C == WRITE {
            add_to_user_count(tx, 1_000)?;
        }
        panic!("deliberate")
    }
}

/// Counts how often it runs.
#[derive(Debug)]
pub(crate) struct CountRuns(pub(crate) Arc<AtomicUsize>);

impl Operation for CountRuns {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), OpError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Signals that it has started, then blocks its actor until it is released.
#[derive(Debug)]
pub(crate) struct Block<const C: usize> {
    started: Sender<()>,
    released: Mutex<Receiver<()>>,
}

impl<const C: usize> Block<C> {
    /// The operation, the receiver of its start signal, and the sender that releases it when dropped.
    pub(crate) fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((started, has_started), (release, released)) = (channel(), channel());
        (Self { started, released: Mutex::new(released) }, has_started, release)
    }
}

impl<const C: usize> Operation for Block<C> {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = CLASSES[C];

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        if C == WRITE {
            add_to_user_count(tx, 1)?;
        }
        self.started.send(()).expect("the test waits for the start");
        // Fails as soon as the sender is dropped.
        self.released.lock().unwrap().recv().unwrap_err();
        Ok(())
    }
}

/// A call that runs in the background.
pub(crate) type BackgroundCall = actix_web::rt::task::JoinHandle<Result<(), OpError>>;

pub(crate) fn spawn<O: Operation<Output = (), Error = OpError>>(
    db: &TestDatabase,
    operation: O,
) -> BackgroundCall {
    let database = db.database.clone();
    actix_web::rt::spawn(async move { database.call(&origin("spawned"), operation).await })
}

/// A [`Block`] operation that occupies one actor of its class.
pub(crate) struct Occupied {
    pub(crate) call: BackgroundCall,
    release: Sender<()>,
}

/// Occupies an actor. Returns once the operation has started.
pub(crate) async fn occupy<const C: usize>(db: &TestDatabase) -> Occupied {
    let (block, has_started, release) = Block::<C>::new();
    let call = spawn(db, block);
    let give_up = Instant::now() + Duration::from_secs(10);
    // Sleeping lets the actors' mailbox be served meanwhile.
    while has_started.try_recv().is_err() {
        assert!(Instant::now() < give_up, "the operation did not start");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Occupied { call, release }
}

impl Occupied {
    /// Frees the actor and waits until the operation has succeeded.
    pub(crate) async fn release(self) {
        drop(self.release);
        self.call.await.unwrap().unwrap();
    }
}

/// Reads the number of users, waits until a second instance has read it too, and writes back one more. An update is
/// lost unless the isolation is SERIALIZABLE and the loser is retried.
#[derive(Debug)]
pub(crate) struct ReadThenWrite {
    pub(crate) tries: Arc<AtomicUsize>,
    pub(crate) both_have_read: Arc<Barrier>,
    /// Only the first try waits for the other instance.
    pub(crate) first: AtomicBool,
}

impl Operation for ReadThenWrite {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const ISOLATION: Isolation = Isolation::Serializable;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        let users = user_count(tx)?;
        if self.first.swap(false, Ordering::SeqCst) {
            self.both_have_read.wait();
        }
        let head = diesel::update(heads::table.find(Uid(DEFAULT_TENANT))).set(heads::users.eq(users + 1));
        tx.execute(head)?;
        Ok(())
    }
}

/// Reads the number of users in the head row, the column that the probes change.
#[derive(Debug)]
pub(crate) struct UserCount;

impl Operation for UserCount {
    type Output = i64;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<i64, OpError> {
        Ok(user_count(tx)?)
    }
}

fn user_count(tx: &mut Tx<'_>) -> QueryResult<i64> {
    let head = heads::table.find(Uid(DEFAULT_TENANT)).select(heads::users);
    tx.get(head)
}

fn add_to_user_count(tx: &mut Tx<'_>, number: i64) -> QueryResult<()> {
    let head =
        diesel::update(heads::table.find(Uid(DEFAULT_TENANT))).set(heads::users.eq(heads::users + number));
    tx.execute(head).map(drop)
}

/// Appends the size of the batch in which it runs.
#[derive(Debug)]
pub(crate) struct RecordBatchSize(pub(crate) Arc<Mutex<Vec<usize>>>);

impl Operation for RecordBatchSize {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = 200;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), OpError> {
        self.0.lock().unwrap().push(1);
        Ok(())
    }

    fn run_batch(operations: &[&Self], _: &mut Tx<'_>) -> Results<(), OpError> {
        operations[0].0.lock().unwrap().push(operations.len());
        Ok(operations.iter().map(|_| Ok(())).collect())
    }
}

/// An operation that is never batched. It appends [`Self::MARK`] to the same list as [`RecordBatchSize`].
#[derive(Debug)]
pub(crate) struct RecordUnbatched(pub(crate) Arc<Mutex<Vec<usize>>>);

impl RecordUnbatched {
    pub(crate) const MARK: usize = 0;
}

impl Operation for RecordUnbatched {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), OpError> {
        self.0.lock().unwrap().push(Self::MARK);
        Ok(())
    }
}

/// Appends a number to a list.
#[derive(Debug)]
pub(crate) struct Append<const C: usize>(pub(crate) Arc<Mutex<Vec<usize>>>, pub(crate) usize);

impl<const C: usize> Operation for Append<C> {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = CLASSES[C];

    fn run(&self, _: &mut Tx<'_>) -> Result<(), OpError> {
        self.0.lock().unwrap().push(self.1);
        Ok(())
    }
}

/// Runs another operation and then fails, if `failure` is set.
#[derive(Debug)]
pub(crate) struct FailAfter<O> {
    pub(crate) operation: O,
    pub(crate) failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Panic,
    Statement,
}

impl<O: Operation<Error = OpError>> Operation for FailAfter<O> {
    type Output = O::Output;
    type Error = OpError;
    const CLASS: Class = O::CLASS;
    const MAX_BATCH: usize = 200;

    fn run(&self, tx: &mut Tx<'_>) -> Result<O::Output, OpError> {
        let output = self.operation.run(tx)?;
        self.fail(tx)?;
        Ok(output)
    }

    fn run_batch(operations: &[&Self], tx: &mut Tx<'_>) -> Results<O::Output, OpError> {
        let inner: Vec<_> = operations.iter().map(|failing| &failing.operation).collect();
        let results = O::run_batch(&inner, tx)?;
        operations.iter().try_for_each(|failing| failing.fail(tx))?;
        Ok(results)
    }
}

impl<O> FailAfter<O> {
    fn fail(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        match self.failure {
            None => {}
            Some(Failure::Panic) => panic!("deliberate, in a batch"),
            Some(Failure::Statement) => {
                tx.execute(diesel::sql_query("SELECT 1 FROM nowhere"))?;
            }
        }
        Ok(())
    }
}

/// Calls operations that are all queued before the first one starts, so that they form batches. Call N has the request
/// id `call-N`. Reads form batches only if there is a single reader.
pub(crate) async fn call_queued<O: Operation<Error = OpError>>(
    db: &TestDatabase,
    operations: Vec<O>,
) -> Vec<Result<O::Output, OpError>> {
    let occupied = match O::CLASS {
        Class::Read => occupy::<READ>(db).await,
        Class::Page | Class::Poll | Class::Export => occupy::<PAGE>(db).await,
        Class::Write | Class::Bulk => occupy::<WRITE>(db).await,
        Class::Scan => occupy::<SCAN>(db).await,
    };
    let origins: Vec<_> = (0..operations.len()).map(|call| origin(&format!("call-{call}"))).collect();
    let calls =
        operations.into_iter().zip(&origins).map(|(operation, origin)| db.database.call(origin, operation));
    // `join` polls each call once, which queues it, before it polls the release of the actor.
    join(join_all(calls), occupied.release()).await.0
}

/// The number of calls that succeeded.
pub(crate) fn succeeded<T>(results: &[Result<T, OpError>]) -> usize {
    results.iter().filter(|result| result.is_ok()).count()
}

/// The call that [`call_queued_with_failure`] makes fail.
pub(crate) const FAILING: usize = 77;

/// Calls queued operations, one of which fails, and checks that all others succeed.
pub(crate) async fn call_queued_with_failure<O: Operation<Error = OpError>>(
    db: &TestDatabase,
    operations: impl IntoIterator<Item = O>,
    failure: Failure,
) -> Vec<Result<O::Output, OpError>> {
    let operations = operations.into_iter().enumerate();
    let operations = operations
        .map(|(call, operation)| FailAfter { operation, failure: (call == FAILING).then_some(failure) });
    let results = call_queued(db, operations.collect()).await;
    let error = results[FAILING].as_ref().err();
    assert!(matches!(error, Some(OpError::Database(DbError::Internal(_)))), "{error:?}");
    assert_eq!(succeeded(&results), results.len() - 1);
    results
}
