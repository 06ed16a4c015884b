//! Erases users: deletes them and removes their values from the history, from stored responses and from the recorded
//! requests of connections.
//!
//! A user's history can be too long for one short transaction. Until an erasure is complete, it has a row in
//! `erasures`, so that the erasure continues after a restart and in a restored backup. `user.erased` is recorded in the
//! transaction that removes the last value. On SQLite, the row remains until the write-ahead log, which may still
//! contain values, is truncated.

use super::finish_erasure::finish;
use crate::db::types::{Json, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Auditable as _, Change, Stamp};
use crate::domain::condition::Conditions;
use crate::domain::inspector::UserValues;
use crate::domain::origin::{Actor, ActorKind, Origin};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::OpError;
use crate::ops::requests::has_requests;
use crate::ops::resource::{self, Resource};
use crate::schema::{changes, erasures, idempotency};
use diesel::prelude::*;
use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The part of an erasure that remains to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// Changes or stored responses may contain values, which [`Redact`] removes.
    Values,
    /// Only recorded requests may contain values. They must be searched, and then [`FinishErasure`](super::FinishErasure) follows.
    Requests,
    /// SQLite's write-ahead log may contain values, which [`TruncateLog`] removes.
    Log,
    /// No value is left.
    Nothing,
}

/// Deletes a user, if it exists, and starts removing the user's values.
#[derive(Debug)]
pub struct Erase {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// The conditions, which are checked if the user exists.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

/// The changes of a user.
macro_rules! history {
    ($user:expr) => {
        changes::table.filter(
            changes::tenant_id
                .eq(Uid($user.tenant))
                .and(changes::resource_id.eq(Uid($user.id)))
                .and(changes::resource.eq("user")),
        )
    };
}

impl Operation for Erase {
    type Output = Remaining;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Remaining, OpError> {
        let mut values = UserValues::default();
        let last = match self.delete(tx, &mut values)? {
            Some(deleted) => deleted,
            None => self.last_change(tx)?.ok_or(OpError::NotFound)?,
        };
        self.begin(tx, last, values)?;
        Redact { tenant: self.tenant, id: self.id, now: self.now }.run(tx)
    }
}

impl Erase {
    /// Deletes the user. Returns its last version and the time of the deletion, or `None` if it does not exist.
    /// Adds its values.
    fn delete(&self, tx: &mut Tx<'_>, values: &mut UserValues) -> Result<Option<Stamp>, OpError> {
        let user: User = match resource::lock(tx, self.tenant, self.id, &self.conditions) {
            Err(OpError::NotFound) => return Ok(None),
            user => user?,
        };
        values.add(&user.snapshot());
        user.delete(tx, self.tenant, self.now)?;
        let deleted = Change::deleted(self.tenant, &user, self.now);
        let stamp = Stamp { id: self.id, version: deleted.version, time: deleted.time };
        tx.record(Change { before: None, erased: true, ..deleted });
        Ok(Some(stamp))
    }

    /// The version and time of the user's last change.
    fn last_change(&self, tx: &mut Tx<'_>) -> QueryResult<Option<Stamp>> {
        let last = history!(self).order(changes::revision.desc()).select((changes::version, changes::time));
        let last: Option<(i64, i64)> = tx.optional(last.limit(1))?;
        Ok(last.map(|(version, time)| Stamp { id: self.id, version, time: time.into() }))
    }

    /// Inserts the row of the erasure, unless it exists. Waits for a concurrent erasure of the same user.
    fn begin(&self, tx: &mut Tx<'_>, last: Stamp, values: UserValues) -> Result<(), OpError> {
        let origin = tx.origin()?;
        let insert = diesel::insert_into(erasures::table).values((
            erasures::tenant_id.eq(Uid(self.tenant)),
            erasures::user_id.eq(Uid(self.id)),
            erasures::version.eq(last.version),
            erasures::time.eq(i64::from(last.time)),
            erasures::actor_type.eq(origin.actor.kind.to_string()),
            erasures::actor_id.eq(&*origin.actor.id),
            erasures::request_id.eq(&*origin.request_id),
            erasures::trace_id.eq(origin.trace_id.map(|id| Uid(id.into()))),
            erasures::responses_through.eq(i64::MIN),
            erasures::redacted.eq(false),
            erasures::texts.eq(Some(Json(values))),
        ));
        tx.execute(insert.on_conflict_do_nothing())?;
        Ok(())
    }
}

/// Continues an erasure: removes the user's values from a limited number of stored responses and changes. Records the erasure
/// once no value is left.
#[derive(Debug)]
pub struct Redact {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// The time of the change that records the erasure.
    pub now: Timestamp,
}

/// The maximum number of changes that one call redacts is the product of these two.
const CHANGES_PER_STATEMENT: i64 = 25;
const STATEMENTS_PER_CALL: usize = 20;
/// The number of stored responses that one statement searches for the user. A response can be several megabytes long.
const RESPONSES_PER_STATEMENT: i64 = 50;
/// The time after which a call begins no further statement of the same kind. Large values take much longer than others.
const TIME_PER_CALL: Duration = Duration::from_millis(50);

/// The values of a change.
type Snapshot = Option<Json<Map<String, Value>>>;

/// An erasure that is not complete.
#[derive(Queryable)]
pub(super) struct Row {
    pub(super) version: i64,
    pub(super) time: i64,
    responses_through: i64,
    redacted_through: i64,
    redacted: bool,
    /// The values with which recorded requests are searched. An earlier release stores none.
    texts: Option<Json<UserValues>>,
}

impl Row {
    pub(super) fn values(&mut self) -> &mut UserValues {
        &mut self.texts.get_or_insert_with(|| Json(UserValues::default())).0
    }
}

impl Operation for Redact {
    type Output = Remaining;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Remaining, OpError> {
        let mut row = match lock_row(tx, self.tenant, self.id)? {
            Ok(row) => row,
            Err(remaining) => return Ok(remaining),
        };
        let until = Instant::now() + TIME_PER_CALL;
        let values_remain = self.remove_responses(tx, &mut row, until)? | self.redact(tx, &mut row, until)?;
        if !values_remain && !has_requests(tx, self.tenant)? {
            return finish(tx, (self.tenant, self.id), &row, self.now);
        }
        tx.execute(diesel::update(erasures::table.find((Uid(self.tenant), Uid(self.id)))).set((
            erasures::responses_through.eq(row.responses_through),
            erasures::redacted_through.eq(row.redacted_through),
            erasures::texts.eq(row.texts),
        )))?;
        Ok(if values_remain { Remaining::Values } else { Remaining::Requests })
    }
}

/// Locks the row of an erasure. If nothing or only the log remains, returns this instead.
pub(super) fn lock_row(tx: &mut Tx<'_>, tenant: Uuid, user: Uuid) -> Result<Result<Row, Remaining>, OpError> {
    let row = erasures::table.find((Uid(tenant), Uid(user))).select((
        erasures::version,
        erasures::time,
        erasures::responses_through,
        erasures::redacted_through,
        erasures::redacted,
        erasures::texts,
    ));
    Ok(match tx.lock(row).optional()? {
        None => Err(Remaining::Nothing),
        Some(Row { redacted: true, .. }) => Err(Remaining::Log),
        Some(row) => Ok(row),
    })
}

impl Redact {
    /// Removes the bodies of stored responses about the user, and of responses that contain the user's id, because
    /// these may also contain the user's name as the name of a manager. Starts with the oldest response that has not
    /// been searched according to the row. Returns whether responses remain to be searched.
    fn remove_responses(&self, tx: &mut Tx<'_>, row: &mut Row, until: Instant) -> QueryResult<bool> {
        while let Some(last) = self.remove_next_responses(tx, row.responses_through)? {
            row.responses_through = last;
            if Instant::now() >= until {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Searches the tenant's next responses created after `through`. Returns the creation time of the last of these, or `None`
    /// if there are none.
    fn remove_next_responses(&self, tx: &mut Tx<'_>, through: i64) -> QueryResult<Option<i64>> {
        let of_tenant = idempotency::table.filter(idempotency::tenant_id.eq(Uid(self.tenant)));
        let later = of_tenant.filter(idempotency::created_at.gt(through));
        let next = later.order(idempotency::created_at).select(idempotency::created_at);
        let next: Vec<i64> = tx.load(next.limit(RESPONSES_PER_STATEMENT))?;
        let Some(last) = next.last() else { return Ok(None) };
        let text = self.id.to_string();
        let contains = |text: &str| idempotency::body.like(format!("%{text}%"));
        let of_user = idempotency::resource_id.eq(Some(Uid(self.id)));
        let responses = later
            .filter(idempotency::created_at.le(last))
            .filter(of_user.or(contains(&text)).or(contains(&text.to_uppercase())));
        tx.execute(diesel::update(responses).set(idempotency::body.eq(None::<String>)))?;
        Ok(Some(*last))
    }

    /// Redacts the oldest changes that have values, beginning with the first one that has not been redacted according
    /// to the row. Returns whether more changes may have values.
    fn redact(&self, tx: &mut Tx<'_>, row: &mut Row, until: Instant) -> QueryResult<bool> {
        for _ in 0..STATEMENTS_PER_CALL {
            let has_values = changes::before.is_not_null().or(changes::after.is_not_null());
            let later = changes::revision.gt(row.redacted_through);
            let history = history!(self).filter(has_values).filter(later);
            let next =
                history.order(changes::revision).select((changes::revision, changes::before, changes::after));
            let next: Vec<(i64, Snapshot, Snapshot)> = tx.load(next.limit(CHANGES_PER_STATEMENT))?;
            for Json(snapshot) in next.iter().flat_map(|(_, before, after)| [before, after]).flatten() {
                row.values().add(snapshot);
            }
            let Some((last, ..)) = next.last() else { return Ok(false) };
            tx.execute(diesel::update(history.filter(changes::revision.le(last))).set((
                changes::before.eq(None::<Json<Value>>),
                changes::after.eq(None::<Json<Value>>),
                changes::erased.eq(true),
            )))?;
            row.redacted_through = *last;
            if Instant::now() >= until {
                break;
            }
        }
        Ok(true)
    }
}

/// Truncates SQLite's write-ahead log, which completes the erasures whose changes are all redacted.
#[derive(Debug)]
pub struct TruncateLog;

impl Operation for TruncateLog {
    /// Whether the log was truncated. It cannot be truncated while a reader uses it.
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    /// SQLite does not truncate its log in a transaction.
    const IN_TRANSACTION: bool = false;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let truncated = tx.truncate_log()?;
        if truncated {
            // SQLite has a single writer, so no erasure was redacted after the log was truncated.
            tx.execute(diesel::delete(erasures::table.filter(erasures::redacted)))?;
        }
        Ok(truncated)
    }
}

/// Finds the next incomplete erasure in the order of tenant and user ids.
#[derive(Debug)]
pub struct NextErasure {
    /// The tenant and the user of the previous erasure; nil for the first.
    pub after: (Uuid, Uuid),
}

/// An erasure that is not complete.
#[derive(Debug)]
pub struct Incomplete {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// The caller that requested the erasure.
    pub origin: Origin,
}

impl Operation for NextErasure {
    type Output = Option<Incomplete>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Incomplete>, OpError> {
        let (tenant, user) = (Uid(self.after.0), Uid(self.after.1));
        let in_tenant = erasures::tenant_id.eq(tenant).and(erasures::user_id.gt(user));
        let next = erasures::table
            .filter(erasures::tenant_id.gt(tenant).or(in_tenant))
            .order((erasures::tenant_id, erasures::user_id))
            .select((
                erasures::tenant_id,
                erasures::user_id,
                erasures::actor_type,
                erasures::actor_id,
                erasures::request_id,
                erasures::trace_id,
            ))
            .limit(1);
        let next: Option<(Uid, Uid, String, String, String, Option<Uid>)> = tx.optional(next)?;
        Ok(next.map(|(Uid(tenant), Uid(id), kind, actor, request_id, trace)| {
            let kind = kind.parse().unwrap_or(ActorKind::Server);
            let actor = Actor { kind, id: actor.into() };
            let (request_id, trace_id) = (request_id.into(), trace.map(|Uid(id)| id.into()));
            let (deadline, bulk, plan, revisions) = (None, false, None, None);
            let origin = Origin { actor, tenant, request_id, trace_id, deadline, bulk, plan, revisions };
            Incomplete { tenant, id, origin }
        }))
    }
}
