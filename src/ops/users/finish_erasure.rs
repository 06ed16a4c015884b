//! Completes erasures: searches the recorded requests of connections, and records the erasure.

use super::erase::{Remaining, Row, lock_row};
use crate::clock::Clock;
use crate::db::types::{Json, Uid};
use crate::db::{Class, Database, DbError, Dialect, Operation, Tx};
use crate::domain::change::{Change, ChangeKind, Stamp};
use crate::domain::inspector::UserValues;
use crate::domain::origin::Origin;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::requests::{
    BeginSearch, EraseRequests, FindRequests, Found, Position, Search, lock_connections, mark_time,
};
use crate::schema::{changes, erasures, heads};
use diesel::prelude::*;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Removes the user's values from recorded requests, and completes the erasure. `check` runs before each write.
///
/// # Errors
/// The first error of `check` or of an operation. The search can then be repeated.
pub async fn search_requests<E: From<OpError>>(
    database: &Database,
    origin: &Origin,
    clock: &Clock,
    (tenant, id): (Uuid, Uuid),
    check: impl AsyncFn() -> Result<(), E>,
) -> Result<Remaining, E> {
    let mut since = Timestamp::from(0);
    loop {
        let now = clock.now();
        check().await?;
        database.call(origin, BeginSearch { tenant, now }).await?;
        let mut next = Some(Position::default());
        while let Some(after) = next {
            let found = find(database, origin, || FindRequests { tenant, user: id, since, after }).await?;
            if !found.requests.is_empty() {
                check().await?;
                let requests = found.requests;
                database.call(origin, EraseRequests { tenant, user: id, requests }).await?;
            }
            next = found.next;
        }
        check().await?;
        let finish = FinishErasure { tenant, id, since: now, clock: clock.clone() };
        match database.call(origin, finish).await? {
            // In each round, fewer requests have arrived since the previous one.
            Remaining::Requests => since = now,
            remaining => return Ok(remaining),
        }
    }
}

/// How often a portion is searched if the database refuses it, and the pause before the next attempt. Otherwise, a long search
/// would begin again.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

async fn find(
    database: &Database,
    origin: &Origin,
    portion: impl Fn() -> FindRequests,
) -> Result<Found, OpError> {
    for _ in 1..ATTEMPTS {
        match database.call(origin, portion()).await {
            // The deadline of a request that waits ends the search, which then continues in the background.
            Err(OpError::Database(
                DbError::Overloaded | DbError::DeadlinePassed | DbError::Unavailable(_),
            )) if origin.deadline.is_none() => {}
            result => return result,
        }
        tokio::time::sleep(PAUSE).await;
    }
    database.call(origin, portion()).await
}

/// The time for which the requests that have arrived since the beginning of the search are searched while no others can be
/// recorded.
const TIME: Duration = Duration::from_millis(50);

/// Completes an erasure after the recorded requests of the tenant have been searched: searches those that have arrived since,
/// and records the erasure.
#[derive(Debug)]
pub struct FinishErasure {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// The time at which the search [began](crate::ops::requests::BeginSearch).
    pub since: Timestamp,
    /// The clock, which is read when the transaction has begun.
    pub clock: Clock,
}

/// The largest difference between the clocks of two servers for which no value survives an erasure.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

impl Operation for FinishErasure {
    /// [`Remaining::Requests`] if too many requests have arrived: they must be searched first.
    type Output = Remaining;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Remaining, OpError> {
        let mut row = match lock_row(tx, self.tenant, self.id)? {
            Ok(row) => row,
            Err(remaining) => return Ok(remaining),
        };
        lock_connections(tx, self.tenant)?;
        let until = Instant::now() + TIME;
        let (tenant, user, since) = (self.tenant, self.id, self.since);
        if !(Search { tenant, user, values: row.values(), since }).run(tx, until)? {
            return Ok(Remaining::Requests);
        }
        let now = self.clock.now();
        let remaining = finish(tx, (tenant, user), &row, now)?;
        // Requests that have arrived, but have not been recorded, are recorded without their contents.
        mark_time(tx, tenant, now.plus(CLOCK_DIFFERENCE))?;
        Ok(remaining)
    }
}

/// Records the erasure of a user of a tenant, unless a previous erasure of the same user is already recorded. If the tenant has
/// been deleted, its history has been deleted too.
pub(super) fn finish(
    tx: &mut Tx<'_>,
    (tenant, id): (Uuid, Uuid),
    row: &Row,
    now: Timestamp,
) -> Result<Remaining, OpError> {
    let head = tx.lock::<i64>(heads::table.find(Uid(tenant)).select(heads::revision)).optional()?;
    let history = changes::table.filter(changes::tenant_id.eq(Uid(tenant)));
    let history = history.filter(changes::resource_id.eq(Uid(id)).and(changes::resource.eq("user")));
    let last: Option<String> =
        tx.optional(history.order(changes::revision.desc()).select(changes::kind).limit(1))?;
    if head.is_some() && last.is_none_or(|kind| kind != ChangeKind::USER_ERASED.name()) {
        let time = now.max(row.time.into());
        tx.record(Change::user_erased(tenant, Stamp { id, version: row.version, time }));
    }
    let row = erasures::table.find((Uid(tenant), Uid(id)));
    match tx.dialect() {
        Dialect::Postgres => {
            tx.execute(diesel::delete(row))?;
            Ok(Remaining::Nothing)
        }
        Dialect::Sqlite => {
            let texts = erasures::texts.eq(None::<Json<UserValues>>);
            tx.execute(diesel::update(row).set((erasures::redacted.eq(true), texts)))?;
            Ok(Remaining::Log)
        }
    }
}
