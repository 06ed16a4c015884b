//! A serialization failure is tried again by the door.

use crate::bed::{Engine, run};
use crate::probes::{ReadThenWrite, Users};
use roster::db::Database;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

/// Two servers on one PostgreSQL read the same row and then both write it: at SERIALIZABLE one gets 40001.
#[test]
fn a_serialization_failure_is_tried_again() {
    run(Engine::Postgres, async |bed| {
        let other = Database::start(&bed.options).unwrap();
        let (tries, barrier) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
        let operation = || ReadThenWrite {
            tries: tries.clone(),
            both_have_read: barrier.clone(),
            first: AtomicBool::new(true),
        };
        let origin = crate::bed::origin("race");
        let (one, two) =
            tokio::join!(bed.database.call(&origin, operation()), other.call(&origin, operation()));
        assert_eq!((one, two), (Ok(()), Ok(())));
        assert_eq!(bed.call(Users).await, Ok(2), "no update is lost");
        assert!(tries.load(Ordering::SeqCst) >= 3, "one of them was refused and tried again");
        other.close().await;
    });
}
