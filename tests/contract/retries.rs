//! Two servers on one PostgreSQL database: locks and retries.

use crate::contract::fixture::{Engine, origin, run};
use crate::contract::probes::{ReadThenWrite, UserCount};
use crate::contract::users::{find, patch};
use roster::db::Database;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

/// Both servers read the same row and then write it. At SERIALIZABLE, PostgreSQL aborts one of them (SQLSTATE 40001).
#[test]
fn a_serialization_failure_is_retried() {
    run(Engine::Postgres, async |db| {
        let other = Database::start(&db.options).unwrap();
        let (tries, barrier) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
        let operation = || ReadThenWrite {
            tries: tries.clone(),
            both_have_read: barrier.clone(),
            first: AtomicBool::new(true),
        };
        let origin = origin("race");
        let results = tokio::join!(db.database.call(&origin, operation()), other.call(&origin, operation()));
        assert_eq!(results, (Ok(()), Ok(())));
        assert_eq!(db.call(UserCount).await, Ok(2), "no update is lost");
        assert!(tries.load(Ordering::SeqCst) >= 3, "no operation was retried");
        other.close().await;
    });
}

/// A patch reads the whole user and writes it back, so it loses concurrent updates unless it locks the user.
#[test]
fn patches_through_two_servers_lose_no_update() {
    const PATCHES: i64 = 60;
    run(Engine::Postgres, async |db| {
        let other = Database::start(&db.options).unwrap();
        let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
        let mut patches = tokio::task::JoinSet::new();
        for n in 0..PATCHES {
            let database = if n % 2 == 0 { db.database.clone() } else { other.clone() };
            let patch = patch(user.id, json!({"custom": {format!("{n:03}"): n}}));
            patches.spawn(async move { database.call(&origin("patch"), patch).await.unwrap().version });
        }
        let mut versions = patches.join_all().await;
        versions.sort_unstable();
        assert_eq!(versions, (2..=PATCHES + 1).collect::<Vec<_>>(), "each patch adds one version");
        let found = db.call(find(user.id)).await.unwrap();
        let values: Vec<_> = found.attributes.custom.values().map(|value| value.as_i64().unwrap()).collect();
        assert_eq!(values, (0..PATCHES).collect::<Vec<_>>());
        other.close().await;
    });
}
