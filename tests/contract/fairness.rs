//! Waiting calls are served and refused fairly between classes, tenants and keys.

use crate::contract::fixture::{TestDatabase, origin};
use crate::contract::probes::{
    Append, BackgroundCall, EXPORT, Occupied, PAGE, POLL, READ, RecordBatchSize, WRITE, occupy,
};
use roster::db::{Class, DbError, Operation, Options};
use roster::domain::origin::{Actor, ActorKind, Origin};
use roster::ops::OpError;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

each_engine!(
    with crate::contract::fairness::few_places:
    a_flood_of_a_tenant_does_not_delay_or_refuse_the_calls_of_another,
    a_flood_of_a_key_does_not_delay_or_refuse_the_calls_of_another,
    writes_and_bulk_writes_take_turns,
    pages_polls_and_exports_take_turns,
    a_batch_takes_calls_of_each_tenant,
    large_results_are_permitted_in_turn,
);

/// The number of calls of each class that can wait.
const PLACES: usize = 8;

pub(crate) fn few_places(options: &mut Options) {
    (options.queue, options.readers, options.large_results) = (PLACES, 1, 1);
}

type Order = Arc<Mutex<Vec<usize>>>;

/// The origin of a request with a key of a tenant.
fn caller(tenant: u128, key: &str) -> Origin {
    let actor = Actor { kind: ActorKind::Key, id: key.into() };
    Origin { actor, tenant: Uuid::from_u128(tenant), ..origin("fair") }
}

/// Queues a call, in this order.
async fn queue<O: Operation<Output = (), Error = OpError>>(
    db: &TestDatabase,
    origin: Origin,
    operation: O,
) -> BackgroundCall {
    let database = db.database.clone();
    let call = actix_web::rt::spawn(async move { database.call(&origin, operation).await });
    tokio::task::yield_now().await;
    call
}

async fn outcomes(calls: Vec<BackgroundCall>) -> Vec<Result<(), OpError>> {
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap());
    }
    outcomes
}

const REFUSED: Result<(), OpError> = Err(OpError::Database(DbError::Overloaded));

/// A call of `quiet` in each class arrives while 200 of `flood` do. It is served right after the first waiting one.
async fn is_served_during_a_flood<const C: usize>(
    db: &TestDatabase,
    occupied: Occupied,
    [flood, quiet]: [Origin; 2],
) {
    let order = Order::default();
    let mut calls = Vec::new();
    for _ in 0..100 {
        calls.push(queue(db, flood.clone(), Append::<C>(order.clone(), 0)).await);
    }
    let is_refused = calls.iter().filter(|call| call.is_finished()).count();
    assert_eq!(is_refused, 100 - PLACES, "a refused call is answered at once");
    let call = queue(db, quiet, Append::<C>(order.clone(), 1)).await;
    for _ in 0..100 {
        calls.push(queue(db, flood.clone(), Append::<C>(order.clone(), 0)).await);
    }
    assert!(!call.is_finished(), "the call of the other caller was refused");
    occupied.release().await;
    assert_eq!(call.await.unwrap(), Ok(()));
    let outcomes = outcomes(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == REFUSED).count(), 201 - PLACES);
    let order = order.lock().unwrap();
    assert_eq!((order.len(), order[1]), (PLACES, 1), "{order:?}");
}

async fn a_flood_of_a_tenant_does_not_delay_or_refuse_the_calls_of_another(db: &TestDatabase) {
    let callers = || [caller(1, "a"), caller(2, "b")];
    is_served_during_a_flood::<READ>(db, occupy::<READ>(db).await, callers()).await;
    is_served_during_a_flood::<PAGE>(db, occupy::<PAGE>(db).await, callers()).await;
    is_served_during_a_flood::<WRITE>(db, occupy::<WRITE>(db).await, callers()).await;
}

async fn a_flood_of_a_key_does_not_delay_or_refuse_the_calls_of_another(db: &TestDatabase) {
    let callers = || [caller(1, "a"), caller(1, "b")];
    is_served_during_a_flood::<READ>(db, occupy::<READ>(db).await, callers()).await;
    is_served_during_a_flood::<PAGE>(db, occupy::<PAGE>(db).await, callers()).await;
    is_served_during_a_flood::<WRITE>(db, occupy::<WRITE>(db).await, callers()).await;
}

/// The classes have their own places, and the same caller's calls of each class are served in turn.
async fn writes_and_bulk_writes_take_turns(db: &TestDatabase) {
    let occupied = occupy::<WRITE>(db).await;
    let order = Order::default();
    let mut calls = Vec::new();
    for bulk in [true, false] {
        for _ in 0..PLACES {
            let origin = Origin { bulk, ..caller(1, "a") };
            calls.push(queue(db, origin, Append::<WRITE>(order.clone(), usize::from(bulk))).await);
        }
    }
    occupied.release().await;
    assert_eq!(outcomes(calls).await, vec![Ok(()); 2 * PLACES]);
    assert_eq!(*order.lock().unwrap(), [1, 0].repeat(PLACES));
}

async fn pages_polls_and_exports_take_turns(db: &TestDatabase) {
    let occupied = occupy::<PAGE>(db).await;
    let order = Order::default();
    let mut calls = Vec::new();
    for _ in 0..PLACES {
        calls.push(queue(db, caller(1, "a"), Append::<EXPORT>(order.clone(), EXPORT)).await);
    }
    for _ in 0..PLACES {
        calls.push(queue(db, caller(1, "a"), Append::<POLL>(order.clone(), POLL)).await);
    }
    for _ in 0..PLACES {
        calls.push(queue(db, caller(1, "a"), Append::<PAGE>(order.clone(), PAGE)).await);
    }
    occupied.release().await;
    assert_eq!(outcomes(calls).await, vec![Ok(()); 3 * PLACES]);
    assert_eq!(*order.lock().unwrap(), [EXPORT, POLL, PAGE].repeat(PLACES));
}

/// The call of the second tenant runs in the first batch, although other calls of its tenant and its kind wait before it.
async fn a_batch_takes_calls_of_each_tenant(db: &TestDatabase) {
    let occupied = occupy::<WRITE>(db).await;
    let order = Order::default();
    let mut calls = Vec::new();
    for (tenant, is_batched) in [(1, true), (1, true), (2, false), (2, true), (1, false), (1, true)] {
        calls.push(match is_batched {
            true => queue(db, caller(tenant, "a"), RecordBatchSize(order.clone())).await,
            false => queue(db, caller(tenant, "a"), Append::<WRITE>(order.clone(), 0)).await,
        });
    }
    occupied.release().await;
    assert_eq!(outcomes(calls).await, vec![Ok(()); 6]);
    assert_eq!(*order.lock().unwrap(), [4, 0, 0]);
}

/// While one tenant waits for several permits, another waits only for one turn.
async fn large_results_are_permitted_in_turn(db: &TestDatabase) {
    let held = db.database.permit(&caller(1, "a"), Class::Page, None).await.unwrap();
    let order = Order::default();
    let mut calls = Vec::new();
    for tenant in [vec![1; 20], vec![2]].concat() {
        let (database, order) = (db.database.clone(), order.clone());
        calls.push(actix_web::rt::spawn(async move {
            let _permit = database.permit(&caller(tenant, "a"), Class::Page, None).await?;
            order.lock().unwrap().push(usize::try_from(tenant).unwrap());
            Ok(())
        }));
        tokio::task::yield_now().await;
    }
    drop(held);
    let outcomes = outcomes(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == REFUSED).count(), 21 - PLACES);
    assert_eq!(order.lock().unwrap()[..3], [1, 2, 1]);
}
