//! Two servers on one PostgreSQL: what each locks, and what is tried again.

use crate::contract::bed::{Engine, run};
use crate::contract::probes::{ReadThenWrite, Users};
use roster::db::Database;
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::Conditions;
use roster::ops::users::{Find, Patch};
use serde_json::json;
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
        let origin = crate::contract::bed::origin("race");
        let (one, two) =
            tokio::join!(bed.database.call(&origin, operation()), other.call(&origin, operation()));
        assert_eq!((one, two), (Ok(()), Ok(())));
        assert_eq!(bed.call(Users).await, Ok(2), "no update is lost");
        assert!(tries.load(Ordering::SeqCst) >= 3, "one of them was refused and tried again");
        other.close().await;
    });
}

/// Each patch reads the whole user and writes it back, so a user that is not locked in between loses updates.
#[test]
fn patches_through_two_servers_lose_no_update() {
    const PATCHES: i64 = 60;
    run(Engine::Postgres, async |bed| {
        let other = Database::start(&bed.options).unwrap();
        let user = bed.create(json!({"userName": "ada"})).await.unwrap();
        let mut patches = tokio::task::JoinSet::new();
        for n in 0..PATCHES {
            let door = if n % 2 == 0 { bed.database.clone() } else { other.clone() };
            let patch = Patch {
                tenant: DEFAULT_TENANT,
                id: user.id,
                patch: json!({"custom": {format!("{n:03}"): n}}),
                conditions: Conditions::default(),
                now: crate::contract::bed::NOON.into(),
            };
            patches.spawn(async move {
                door.call(&crate::contract::bed::origin("patch"), patch).await.unwrap().version
            });
        }
        let mut versions = patches.join_all().await;
        versions.sort_unstable();
        assert_eq!(versions, (2..=PATCHES + 1).collect::<Vec<_>>(), "each moved the version once");
        let found = bed.call(Find { tenant: DEFAULT_TENANT, id: user.id }).await.unwrap();
        let values: Vec<_> = found.attributes.custom.values().map(|value| value.as_i64().unwrap()).collect();
        assert_eq!(values, (0..PATCHES).collect::<Vec<_>>());
        other.close().await;
    });
}
