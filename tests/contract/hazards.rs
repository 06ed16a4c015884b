//! The hazards of a SyncArbiter, one test each (or more): see the architecture.

use crate::contract::bed::{Bed, Engine, run, run_with};
use crate::contract::probes::{Counted, Held, PanicInRead, PanicInWrite, Read, Users};
use roster::db::DbError;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

each_engine!(
    a_panic_is_answered_and_undone_and_the_pool_stays_whole,
    a_call_of_a_caller_that_left_is_not_begun,
    what_waits_at_the_end_is_still_carried_out,
    after_the_end_calls_are_refused,
);

/// Hazard 1: more panics than the pools have threads.
async fn a_panic_is_answered_and_undone_and_the_pool_stays_whole(bed: &Bed) {
    for _ in 0..5 {
        let error = bed.call(PanicInWrite).await.unwrap_err();
        assert_eq!(error, DbError::Internal("panic: in a writer, as the test wants it".to_owned()));
        assert!(matches!(bed.call(PanicInRead).await, Err(DbError::Internal(_))));
    }
    assert_eq!(bed.call(Users).await, Ok(0), "what the panic left is rolled back");
    bed.create(json!({"userName": "ada"})).await.unwrap();
    assert_eq!(bed.call(Users).await, Ok(1));
}

/// Hazard 2: the queue has a bound, and above it a call is refused at once.
#[test]
fn a_full_queue_refuses() {
    run_with(
        Engine::Sqlite,
        |options| options.queue = 3,
        async |bed| {
            let (held, has_begun, end) = Held::<2>::new();
            let holding = spawn(bed, held);
            begun(&has_begun).await;
            let ran = Arc::new(AtomicUsize::new(0));
            let waiting: Vec<_> = (0..3).map(|_| spawn(bed, Counted(ran.clone()))).collect();
            tokio::task::yield_now().await;
            let asked = Instant::now();
            assert_eq!(bed.call(Counted(ran.clone())).await, Err(DbError::Overloaded));
            assert!(asked.elapsed() < Duration::from_secs(1), "refused at once");
            drop(end);
            holding.await.unwrap().unwrap();
            for call in waiting {
                call.await.unwrap().unwrap();
            }
            assert_eq!(ran.load(Ordering::SeqCst), 3, "those that waited, and only those, were carried out");
            bed.call(Counted(ran.clone())).await.expect("there is room again");
        },
    );
}

/// Hazard 3: who goes away while waiting costs nothing.
async fn a_call_of_a_caller_that_left_is_not_begun(bed: &Bed) {
    let (held, has_begun, end) = Held::<2>::new();
    let holding = spawn(bed, held);
    begun(&has_begun).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let left = spawn(bed, Counted(ran.clone()));
    tokio::task::yield_now().await;
    left.abort();
    left.await.unwrap_err();
    drop(end);
    holding.await.unwrap().unwrap();
    // The lane is first in, first out: when this has run, the one before it would have, too.
    let after = Arc::new(AtomicUsize::new(0));
    bed.call(Counted(after.clone())).await.unwrap();
    assert_eq!((ran.load(Ordering::SeqCst), after.load(Ordering::SeqCst)), (0, 1));
}

/// Hazard 3: a deadline that passes while a call waits, and one that passes while it is carried out.
#[test]
fn deadlines_tell_what_was_not_begun_from_what_may_be_done() {
    let short = Duration::from_millis(300);
    run_with(
        Engine::Sqlite,
        |options| options.deadline = short,
        async |bed| {
            let (held, has_begun, end) = Held::<2>::new();
            let holding = spawn(bed, held);
            begun(&has_begun).await;
            let ran = Arc::new(AtomicUsize::new(0));
            assert_eq!(bed.call(Counted(ran.clone())).await, Err(DbError::DeadlinePassed));
            let outcome = holding.await.unwrap();
            assert!(matches!(outcome, Err(DbError::OutcomeUnknown(_))), "{outcome:?}");
            drop(end);
            bed.call(Counted(Arc::default())).await.unwrap();
            assert_eq!(ran.load(Ordering::SeqCst), 0, "what was refused was not done later");
            assert_eq!(bed.call(Users).await, Ok(1), "here the unknown one was done");
        },
    );
}

/// Hazard 4: stopping loses nothing that was accepted.
async fn what_waits_at_the_end_is_still_carried_out(bed: &Bed) {
    let (held, has_begun, end) = Held::<2>::new();
    let holding = spawn(bed, held);
    begun(&has_begun).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let waiting: Vec<_> = (0..20).map(|_| spawn(bed, Counted(ran.clone()))).collect();
    tokio::task::yield_now().await;
    let closing = actix_web::rt::spawn({
        let database = bed.database.clone();
        async move { database.close().await }
    });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    drop(end);
    closing.await.unwrap();
    holding.await.unwrap().unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(ran.load(Ordering::SeqCst), 20);
}

async fn after_the_end_calls_are_refused(bed: &Bed) {
    bed.create(json!({"userName": "ada"})).await.unwrap();
    bed.database.close().await;
    assert_eq!(bed.call(Read).await, Err(DbError::Stopping));
    assert_eq!(bed.create(json!({"userName": "bob"})).await, Err(DbError::Stopping));
}

/// Hazard 4: the threads are not joined, so the door itself sees to it that connections are closed in order: a WAL
/// that is left over says that a reader outlived the writer.
#[test]
fn the_end_leaves_a_sqlite_database_in_one_file() {
    run(Engine::Sqlite, async |bed| {
        bed.create(json!({"userName": "ada"})).await.unwrap();
        bed.call(Users).await.unwrap();
        let path = bed.options.url.to_string().trim_start_matches("sqlite://").to_owned();
        let beside = |suffix: &str| std::path::Path::new(&format!("{path}{suffix}")).exists();
        assert!(beside("-wal"), "while it serves there is a WAL");
        bed.database.close().await;
        assert_eq!((beside("-wal"), beside("-shm")), (false, false));
    });
}

/// Scans do not hold pages back, nor these point reads, nor readers writers.
#[test]
fn classes_do_not_wait_for_each_other() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |bed| {
            let (scan, scan_begun, end_scan) = Held::<3>::new();
            let (page, page_begun, end_page) = Held::<1>::new();
            let (write, write_begun, end_write) = Held::<2>::new();
            let scan = spawn(bed, scan);
            begun(&scan_begun).await;
            let (page, write) = (spawn(bed, page), spawn(bed, write));
            begun(&page_begun).await;
            begun(&write_begun).await;
            bed.call(Read).await.unwrap();
            let (read, read_begun, end_read) = Held::<0>::new();
            let read = spawn(bed, read);
            begun(&read_begun).await;
            bed.call(Read).await.expect("there is a second reader");
            drop((end_scan, end_page, end_write, end_read));
            for call in [scan, page, write, read] {
                call.await.unwrap().unwrap();
            }
        });
    }
}

/// Two calls that come at once to an actor that lingers are not both left to it.
#[test]
fn a_slow_call_does_not_hold_the_one_behind_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |bed| {
            // One of the two readers is at hand now, the other at rest.
            bed.call(Read).await.unwrap();
            let (held, _has_begun, end) = Held::<0>::new();
            let behind = async {
                let read = tokio::time::timeout(Duration::from_secs(5), bed.call(Read)).await;
                drop(end);
                read
            };
            let (held, read) = futures_util::future::join(bed.call(held), behind).await;
            held.unwrap();
            read.expect("the other reader is free").unwrap();
        });
    }
}

type Call = actix_web::rt::task::JoinHandle<Result<(), DbError>>;

fn spawn<O: roster::db::Operation<Output = ()>>(bed: &Bed, operation: O) -> Call {
    let database = bed.database.clone();
    actix_web::rt::spawn(
        async move { database.call(&crate::contract::bed::origin("spawned"), operation).await },
    )
}

/// Waits until a held operation has begun, and lets the actors' mailbox be pumped meanwhile.
async fn begun(has_begun: &std::sync::mpsc::Receiver<()>) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while has_begun.try_recv().is_err() {
        assert!(Instant::now() < give_up, "the operation did not begin");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
