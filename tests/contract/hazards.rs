//! The hazards of a SyncArbiter (docs/decisions.md), with at least one test each.

use crate::contract::fixture::{Engine, TestDatabase, origin, run, run_with};
use crate::contract::probes::{
    BackgroundCall, Block, CountRuns, NoopRead, PAGE, Panic, READ, SCAN, UserCount, WRITE, occupy, spawn,
};
use roster::db::DbError;
use roster::domain::origin::Origin;
use roster::ops::OpError;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

each_engine!(
    calls_share_the_deadline_of_their_request,
    writes_continue_after_panicking_operations,
    an_abandoned_call_is_not_started,
    queued_calls_complete_before_close_returns,
    calls_after_close_are_refused,
);

/// Hazard 1, with more panics than the pools have threads.
async fn writes_continue_after_panicking_operations(db: &TestDatabase) {
    for _ in 0..5 {
        let error = db.call(Panic::<WRITE>).await.unwrap_err();
        assert_eq!(error, OpError::Database(DbError::Internal("panic: deliberate".to_owned())));
        assert!(matches!(db.call(Panic::<READ>).await, Err(OpError::Database(DbError::Internal(_)))));
    }
    assert_eq!(db.call(UserCount).await, Ok(0), "the write of the panicking operation is rolled back");
    db.create_user(json!({"userName": "ada"})).await.unwrap();
    assert_eq!(db.call(UserCount).await, Ok(1));
}

/// Queues `count` calls. Yields once so that they reach the actor's mailbox.
async fn queue(db: &TestDatabase, count: usize, runs: &Arc<AtomicUsize>) -> Vec<BackgroundCall> {
    let calls = (0..count).map(|_| spawn(db, CountRuns(runs.clone()))).collect();
    tokio::task::yield_now().await;
    calls
}

/// Hazard 2: the queue is bounded.
#[test]
fn a_full_queue_refuses_calls_at_once() {
    run_with(
        Engine::Sqlite,
        |options| options.queue = 3,
        async |db| {
            let occupied = occupy::<WRITE>(db).await;
            let runs = Arc::new(AtomicUsize::new(0));
            let queued = queue(db, 3, &runs).await;
            let start = Instant::now();
            assert_eq!(db.call(CountRuns(runs.clone())).await, Err(OpError::Database(DbError::Overloaded)));
            assert!(start.elapsed() < Duration::from_secs(1), "the call was refused only after a delay");
            occupied.release().await;
            for call in queued {
                call.await.unwrap().unwrap();
            }
            assert_eq!(runs.load(Ordering::SeqCst), 3, "only the queued calls ran");
            db.call(CountRuns(runs.clone())).await.expect("the queue has room again");
        },
    );
}

/// Hazard 3: a call whose caller has stopped waiting while the call was queued.
async fn an_abandoned_call_is_not_started(db: &TestDatabase) {
    let occupied = occupy::<WRITE>(db).await;
    let runs = Arc::new(AtomicUsize::new(0));
    for call in queue(db, 1, &runs).await {
        call.abort();
        call.await.unwrap_err();
    }
    occupied.release().await;
    // The queue is first in, first out: by the time this call has run, the abandoned one would have run as well.
    let later_runs = Arc::new(AtomicUsize::new(0));
    db.call(CountRuns(later_runs.clone())).await.unwrap();
    assert_eq!((runs.load(Ordering::SeqCst), later_runs.load(Ordering::SeqCst)), (0, 1));
}

/// Hazard 3: a deadline that passes in the queue, and one that passes while the operation runs.
#[test]
fn deadline_errors_distinguish_calls_that_never_started() {
    let short = Duration::from_millis(300);
    run_with(
        Engine::Sqlite,
        |options| options.deadline = short,
        async |db| {
            let mut occupied = occupy::<WRITE>(db).await;
            let runs = Arc::new(AtomicUsize::new(0));
            assert_eq!(
                db.call(CountRuns(runs.clone())).await,
                Err(OpError::Database(DbError::DeadlinePassed))
            );
            let outcome = (&mut occupied.call).await.unwrap();
            assert!(matches!(outcome, Err(OpError::Database(DbError::OutcomeUnknown(_)))), "{outcome:?}");
            drop(occupied);
            db.call(CountRuns(Arc::default())).await.unwrap();
            assert_eq!(runs.load(Ordering::SeqCst), 0, "the refused call never ran");
            assert_eq!(db.call(UserCount).await, Ok(1), "the call with the unknown outcome was committed");
        },
    );
}

/// Hazard 3: the deadline belongs to a request, which can make several calls.
async fn calls_share_the_deadline_of_their_request(db: &TestDatabase) {
    let runs = Arc::new(AtomicUsize::new(0));
    let before = Origin { deadline: Some(Instant::now() + Duration::from_secs(30)), ..origin("before") };
    db.database.call(&before, CountRuns(runs.clone())).await.unwrap();
    let after = Origin { deadline: Some(Instant::now()), ..origin("after") };
    let error = db.database.call(&after, CountRuns(runs.clone())).await;
    assert_eq!(error, Err(OpError::Database(DbError::DeadlinePassed)));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

/// Hazard 4: closing the database loses no accepted call.
async fn queued_calls_complete_before_close_returns(db: &TestDatabase) {
    let occupied = occupy::<WRITE>(db).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let queued = queue(db, 20, &runs).await;
    let closing = actix_web::rt::spawn({
        let database = db.database.clone();
        async move { database.close().await }
    });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    let ((), closed) = futures_util::future::join(occupied.release(), closing).await;
    closed.unwrap();
    for call in queued {
        call.await.unwrap().unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 20);
}

async fn calls_after_close_are_refused(db: &TestDatabase) {
    db.create_user(json!({"userName": "ada"})).await.unwrap();
    db.database.close().await;
    assert_eq!(db.call(NoopRead).await, Err(OpError::Database(DbError::Stopping)));
    assert_eq!(db.create_user(json!({"userName": "bob"})).await, Err(OpError::Database(DbError::Stopping)));
}

/// Hazard 4: actor threads are not joined, so `Database` has to close the connections in order itself. A leftover WAL
/// file means that a reader outlived the writer.
#[test]
fn close_leaves_only_the_sqlite_database_file() {
    run(Engine::Sqlite, async |db| {
        db.create_user(json!({"userName": "ada"})).await.unwrap();
        db.call(UserCount).await.unwrap();
        let path = db.options.url.to_string().trim_start_matches("sqlite://").to_owned();
        let exists = |suffix: &str| std::path::Path::new(&format!("{path}{suffix}")).exists();
        assert!(exists("-wal"), "there is no WAL file while the database is open");
        db.database.close().await;
        assert_eq!((exists("-wal"), exists("-shm")), (false, false));
    });
}

/// Scans do not delay pages, pages do not delay single reads, and no read delays a write.
#[test]
fn operation_classes_do_not_block_each_other() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |db| {
            let scan = occupy::<SCAN>(db).await;
            let page = occupy::<PAGE>(db).await;
            let write = occupy::<WRITE>(db).await;
            db.call(NoopRead).await.unwrap();
            let read = occupy::<READ>(db).await;
            db.call(NoopRead).await.expect("the second reader is free");
            for occupied in [scan, page, write, read] {
                occupied.release().await;
            }
        });
    }
}

/// An actor waits briefly for the next call after each one. Of two calls that arrive during that time, only one may be
/// left to it.
#[test]
fn a_slow_read_does_not_delay_the_read_queued_behind_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |db| {
            // Afterwards, one of the two readers waits briefly for its next call while the other one is idle.
            db.call(NoopRead).await.unwrap();
            let (block, _has_started, release) = Block::<READ>::new();
            let behind = async {
                let read = tokio::time::timeout(Duration::from_secs(5), db.call(NoopRead)).await;
                drop(release);
                read
            };
            let (blocked, read) = futures_util::future::join(db.call(block), behind).await;
            blocked.unwrap();
            read.expect("the other reader is free").unwrap();
        });
    }
}
