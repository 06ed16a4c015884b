//! Writes the requests of connections that the inspector has collected.

use crate::db::DbError;
use crate::domain::inspector::{Received, RecordedRequest};
use crate::domain::origin::Origin;
use crate::http::State;
use crate::http::inspector::Outcome;
use crate::ops::OpError;
use crate::ops::requests::{DeleteOld, KEPT, Record};
use actix_web::rt::task::JoinHandle;
use actix_web::web;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The time for which requests are collected before they are written.
const PAUSE: Duration = Duration::from_millis(200);
/// The maximum number and size of the requests per transaction, so few that other writes do not wait long.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 1024 * 1024;
/// How many times longer than a batch the pause after it is.
const PAUSE_FACTOR: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The number of attempts to write a batch, with pauses of which each is twice as long as the previous one.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The number of recorded requests of a connection after which its old ones are deleted.
const DELETE_AFTER: usize = KEPT / 10;
/// The number of old requests that one transaction deletes.
const DELETED: u32 = 200;

/// Writes requests until the inspector is closed.
pub async fn run(state: web::Data<State>) {
    let mut recorded = BTreeMap::new();
    loop {
        state.inspector.arrived().await;
        state.inspector.pause(PAUSE).await;
        write_all(&state, &mut recorded).await;
        if state.inspector.is_closed() {
            return;
        }
    }
}

/// The time limit for writing the requests that still wait at shutdown.
const FINISH_WITHIN: Duration = Duration::from_millis(700);

/// Ends the task at shutdown, after it has written the requests that still wait.
pub async fn finish(state: &State, mut task: JoinHandle<()>) {
    state.inspector.close();
    if tokio::time::timeout(FINISH_WITHIN, &mut task).await.is_err() {
        task.abort();
        log::warn!("requests of connections were not recorded before the shutdown");
    }
}

/// The numbers of requests recorded for each connection since its old ones were deleted.
type Recorded = BTreeMap<(Uuid, Uuid), usize>;

/// Writes all requests that wait. Pauses after each batch, so that recording takes little of the time that clients' requests
/// need. If more arrive than are written, some are dropped.
async fn write_all(state: &State, recorded: &mut Recorded) {
    loop {
        let began = Instant::now();
        let received = state.inspector.take(BATCH, BATCH_BYTES);
        if received.is_empty() {
            return;
        }
        record(state, received, recorded).await;
        state.inspector.pause((began.elapsed() * PAUSE_FACTOR).min(LONGEST_PAUSE)).await;
    }
}

async fn record(state: &State, received: Vec<Received>, recorded: &mut Recorded) {
    let count = received.len();
    match write(state, received).await {
        Ok(batch) => {
            state.inspector.count(Outcome::Recorded, count);
            for request in &*batch {
                *recorded.entry((request.tenant, request.connection)).or_default() += 1;
            }
            delete_old(state, recorded).await;
        }
        Err(error) => {
            state.inspector.count(Outcome::Dropped, count);
            log::warn!(count; "requests of connections were dropped, because they cannot be recorded: {error}");
        }
    }
}

/// Writes a batch. While the database is overloaded or unavailable, it is written again.
async fn write(state: &State, received: Vec<Received>) -> Result<Arc<Vec<RecordedRequest>>, OpError> {
    let batch =
        web::block(move || received.into_iter().map(Received::into_recorded).collect::<Vec<_>>()).await;
    let batch = Arc::new(batch.map_err(OpError::internal)?);
    // Takes turns with the writes of clients.
    let origin = Origin { bulk: true, ..Origin::server() };
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match state.database.call(&origin, Record(batch.clone())).await {
            Ok(()) => return Ok(batch),
            Err(OpError::Database(DbError::Internal(_) | DbError::Stopping)) => break,
            Err(error) => log::debug!("the attempt to record requests is repeated: {error}"),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    state.database.call(&origin, Record(batch.clone())).await.map(|()| batch)
}

/// Deletes the old requests of connections that have sent many.
async fn delete_old(state: &State, recorded: &mut Recorded) {
    let busy: Vec<_> =
        recorded.iter().filter(|(_, count)| **count >= DELETE_AFTER).map(|(key, _)| *key).collect();
    for key @ (tenant, connection) in busy {
        recorded.remove(&key);
        if let Err(error) = delete_old_of(state, tenant, connection).await {
            log::debug!("the old requests of a connection are deleted later: {error}");
        }
    }
    // The periodic deletion covers connections that send few.
    if recorded.len() > MAX_COUNTED {
        recorded.clear();
    }
}

/// The maximum number of connections whose requests are counted.
const MAX_COUNTED: usize = 10_000;

async fn delete_old_of(state: &State, tenant: Uuid, connection: Uuid) -> Result<(), OpError> {
    let origin = Origin { bulk: true, ..Origin::server() };
    loop {
        let delete = DeleteOld { tenant, connection, now: state.clock.now(), limit: DELETED };
        if state.database.call(&origin, delete).await? < DELETED as usize {
            return Ok(());
        }
    }
}
