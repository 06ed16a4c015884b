//! The brake: counts the deactivations and deletions by a connection, and refuses them beyond its limit.

use super::users::{count_deleted_users, count_users};
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::brake::{Brake, Held, MAX_PERIOD};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::connection::{Connection, Mode};
use crate::domain::origin::ActorKind;
use crate::domain::parse_id;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::records::{self, Record as _};
use crate::schema::{connection_removals, connections};
use diesel::prelude::*;
use std::time::Duration;
use uuid::Uuid;

/// The removals of a connection.
macro_rules! of_connection {
    ($connection:expr) => {
        connection_removals::table.filter(
            connection_removals::tenant_id
                .eq(Uid($connection.tenant))
                .and(connection_removals::connection_id.eq(Uid($connection.id))),
        )
    };
}

/// A deactivation or deletion by a connection that has a brake, before it is counted.
pub(in crate::ops) struct Removal {
    tenant: Uuid,
    connection: Uuid,
    /// The source of the connection's externalIds.
    pub(in crate::ops) source: Uuid,
}

impl Removal {
    /// Checks whether the caller may remove anything at all. `None` if no brake counts its removals. This takes no lock, so
    /// that a request that is refused holds up no other one.
    ///
    /// # Errors
    /// [`OpError::Held`], or [`OpError::CallerDeleted`] or [`OpError::ModeChanged`] if the connection was deleted or became dry during the
    /// request.
    pub(in crate::ops) fn begin(tx: &mut Tx<'_>, tenant: Uuid) -> Result<Option<Self>, OpError> {
        let Some(connection) = caller(tx)? else { return Ok(None) };
        let connection = existing(records::find(tx, tenant, connection))?;
        check_mode(tx, &connection)?;
        let Connection { id: connection, source, brake, held, .. } = connection;
        match held {
            Some(held) => Err(OpError::Held(Box::new(held))),
            None => Ok(brake.map(|_| Self { tenant, connection, source })),
        }
    }

    /// Counts the removal as the last step of a call. The next calls of a batch could lock further users, so in a batch, the
    /// calls are retried one by one. See [`count_after_locks`](Self::count_after_locks).
    ///
    /// # Errors
    /// [`OpError::BrakeReached`] if the limit does not permit the removal, or [`OpError::Held`].
    pub(in crate::ops) fn count(
        self,
        tx: &mut Tx<'_>,
        deleted: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), OpError> {
        match tx.is_batch() {
            true => Err(OpError::retry("a removal that a brake counts runs alone")),
            false => self.count_after_locks(tx, deleted, now),
        }
    }

    /// Counts the removal in a transaction that locks no further users, groups or members: the row of the connection is locked
    /// after theirs and before the head row, until the transaction ends. `deleted` is the user that the call has deleted, if it is
    /// one of the connection's users. If the removal is refused, nothing is written.
    ///
    /// # Errors
    /// See [`count`](Self::count).
    pub(in crate::ops) fn count_after_locks(
        self,
        tx: &mut Tx<'_>,
        deleted: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), OpError> {
        let mut connection = lock(tx, self.tenant, self.connection)?;
        check_mode(tx, &connection)?;
        if let Some(held) = connection.held {
            return Err(OpError::Held(Box::new(held)));
        }
        let Some(brake) = connection.brake else { return Ok(()) };
        let window = Window::read(tx, &connection, brake, now)?;
        let counted = match connection.allowance {
            0 => window.permit(tx, &connection, brake, deleted, now)?.map_err(|_| OpError::BrakeReached)?,
            _ => {
                connection.allowance -= 1;
                connection.update(tx)?;
                window.last.counted()
            }
        };
        window.insert(tx, &connection, counted, deleted, now)
    }
}

/// The connection that calls, unless the caller is not a connection.
fn caller(tx: &Tx<'_>) -> Result<Option<Uuid>, OpError> {
    let actor = &tx.origin()?.actor;
    if actor.kind != ActorKind::Connection {
        return Ok(None);
    }
    parse_id(&actor.id).map(Some).ok_or_else(|| OpError::internal("the id of a connection is not a UUID"))
}

/// Checks that the mode of the connection has not become `dry` since the caller was authenticated.
fn check_mode(tx: &Tx<'_>, connection: &Connection) -> Result<(), OpError> {
    let is_planned = tx.origin()?.plan.is_some();
    if connection.mode == Mode::Dry && !is_planned { Err(OpError::ModeChanged) } else { Ok(()) }
}

/// The connection of the caller. Servers notice the deletion of a connection only after a moment.
fn existing(found: Result<Connection, OpError>) -> Result<Connection, OpError> {
    found.map_err(|error| match error {
        OpError::NotFound => OpError::CallerDeleted,
        error => error,
    })
}

fn lock(tx: &mut Tx<'_>, tenant: Uuid, connection: Uuid) -> Result<Connection, OpError> {
    existing(records::lock(tx, tenant, connection, &Conditions::default()))
}

/// A row of `connection_removals`: the totals after a removal.
#[derive(Clone, Copy, Default, Queryable)]
struct Totals {
    time: i64,
    number: i64,
    deleted_users: i64,
    counted_users: Option<i64>,
    counted_at: Option<i64>,
}

/// A number of users, and when they were counted.
type Counted = Option<(i64, Timestamp)>;

impl Totals {
    fn counted(&self) -> Counted {
        self.counted_users.zip(self.counted_at.map(Timestamp::from))
    }
}

/// The time for which the number of a connection's users is not counted again, unless the limit seems to be reached.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The removals of a locked connection within the period of its brake.
struct Window {
    /// The number of removals.
    count: i64,
    /// The time after which removals count.
    start: Timestamp,
    /// The totals after the last removal, which may be older than the period.
    last: Totals,
}

impl Window {
    fn read(tx: &mut Tx<'_>, connection: &Connection, brake: Brake, now: Timestamp) -> Result<Self, OpError> {
        let start = now.minus(brake.period());
        let start = connection.counted_after.map_or(start, |after| after.max(start));
        let last = last_until(tx, connection, i64::MAX)?;
        let before = if last.time <= start.into() { last } else { last_until(tx, connection, start.into())? };
        Ok(Self { count: last.number - before.number, start, last })
    }

    /// Checks whether the limit permits another removal, which may have deleted a user of the connection. Returns the number of the connection's users, if it was counted, or
    /// as the error if the limit is reached. Users that were deleted within the period are included, so that the limit does
    /// not shrink while the connection deletes users.
    fn permit(
        &self,
        tx: &mut Tx<'_>,
        connection: &Connection,
        brake: Brake,
        deleted: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Result<Counted, i64>, OpError> {
        // The clock of another server can be ahead.
        let recent = now.minus(COUNT_AGAIN_AFTER)..now.plus(COUNT_AGAIN_AFTER);
        let is_recent = |at| recent.contains(&at) && Some(at) > connection.counted_after;
        match self.last.counted() {
            counted if self.count < brake.users => return Ok(Ok(counted)),
            Some((users, at)) if is_recent(at) && self.count < brake.limit(users) => {
                return Ok(Ok(Some((users, at))));
            }
            _ => {}
        }
        let users = count_users(tx, connection.tenant, connection.source)?
            + count_deleted_users(tx, connection, self.start, deleted)?;
        Ok(if self.count < brake.limit(users) { Ok(Some((users, now))) } else { Err(users) })
    }

    fn insert(
        &self,
        tx: &mut Tx<'_>,
        connection: &Connection,
        counted: Counted,
        deleted: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), OpError> {
        // Times are unique and increase, also when the clocks of two servers differ.
        let previous =
            connection.counted_after.map_or(self.last.time, |after| self.last.time.max(after.into()));
        let number = self.last.number + 1;
        tx.execute(diesel::insert_into(connection_removals::table).values((
            connection_removals::tenant_id.eq(Uid(connection.tenant)),
            connection_removals::connection_id.eq(Uid(connection.id)),
            connection_removals::time.eq(i64::from(now.after(previous.into()))),
            connection_removals::number.eq(number),
            connection_removals::deleted_users.eq(self.last.deleted_users + i64::from(deleted.is_some())),
            connection_removals::deleted_user.eq(deleted.map(Uid)),
            connection_removals::counted_users.eq(counted.map(|(users, _)| users)),
            connection_removals::counted_at.eq(counted.map(|(_, at)| i64::from(at))),
        )))?;
        if number % DELETE_OLD_EVERY == 0 { delete_old(tx, connection, now) } else { Ok(()) }
    }
}

/// The totals of a connection after its last removal up to a time.
fn last_until(tx: &mut Tx<'_>, connection: &Connection, time: i64) -> Result<Totals, OpError> {
    let columns = (
        connection_removals::time,
        connection_removals::number,
        connection_removals::deleted_users,
        connection_removals::counted_users,
        connection_removals::counted_at,
    );
    let rows = of_connection!(connection).filter(connection_removals::time.le(time));
    let last = tx.optional(rows.order(connection_removals::time.desc()).select(columns).limit(1))?;
    Ok(last.unwrap_or_default())
}

/// The number of removals after which the connection's old rows are deleted.
const DELETE_OLD_EVERY: i64 = 100;
/// The maximum number of old rows that are deleted at once.
const MAX_OLD: i64 = 1_000;

/// Deletes rows that no brake needs any more. The newest row before the longest period remains: its totals are those with which
/// this period begins.
fn delete_old(tx: &mut Tx<'_>, connection: &Connection, now: Timestamp) -> Result<(), OpError> {
    let kept = last_until(tx, connection, now.minus(MAX_PERIOD).into())?;
    let old = of_connection!(connection).filter(connection_removals::time.lt(kept.time));
    let times = old.order(connection_removals::time).select(connection_removals::time).limit(MAX_OLD);
    let times: Vec<i64> = tx.load(times)?;
    if let Some(last) = times.last() {
        tx.execute(diesel::delete(of_connection!(connection).filter(connection_removals::time.le(*last))))?;
    }
    Ok(())
}

/// Deletes the removals of a connection.
pub(super) fn delete_removals(tx: &mut Tx<'_>, connection: &Connection) -> Result<(), OpError> {
    tx.execute(diesel::delete(of_connection!(connection)))?;
    Ok(())
}

/// Holds the connection that calls, because a call of it returned [`OpError::BrakeReached`]. Returns the existing hold if
/// there is one, or `None` if the limit is no longer reached.
#[derive(Debug)]
pub struct Hold {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The time of the refused call.
    pub now: Timestamp,
}

impl Operation for Hold {
    type Output = Option<Held>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Held>, OpError> {
        let Some(id) = caller(tx)? else { return Ok(None) };
        let mut connection = lock(tx, self.tenant, id)?;
        let (Some(brake), 0, None) = (connection.brake, connection.allowance, &connection.held) else {
            return Ok(connection.held);
        };
        let window = Window::read(tx, &connection, brake, self.now)?;
        let Err(users) = window.permit(tx, &connection, brake, None, self.now)? else { return Ok(None) };
        let held = Held::new(id, brake, users, window.count, self.now);
        connection.held = Some(held.clone());
        write(tx, &mut connection, self.now)?;
        tx.record(Change::connection_held(&connection));
        Ok(Some(held))
    }
}

/// Ends the hold of a connection.
#[derive(Debug)]
pub struct Release {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub id: Uuid,
    /// The number of further removals that are permitted whatever the limit is. `None` if the removals so far no longer count.
    pub allow: Option<i64>,
    /// The conditions that the version of the connection must satisfy.
    pub conditions: Conditions,
    /// The time of the release.
    pub now: Timestamp,
}

impl Operation for Release {
    type Output = Connection;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Connection, OpError> {
        let before: Connection = records::lock(tx, self.tenant, self.id, &self.conditions)?;
        let mut after = before.clone();
        after.held = None;
        after.allowance = self.allow.unwrap_or_default();
        if self.allow.is_none() {
            let last = last_until(tx, &before, i64::MAX)?.time.max(self.now.into());
            after.counted_after = Some(last.into());
        }
        write(tx, &mut after, self.now)?;
        tx.record(Change::connection_released(&before, &after, self.allow));
        Ok(after)
    }
}

/// Writes the next version of a connection.
fn write(tx: &mut Tx<'_>, connection: &mut Connection, now: Timestamp) -> Result<(), OpError> {
    connection.version += 1;
    connection.updated_at = now.after(connection.updated_at);
    connection.update(tx)
}

/// Counts the connections of all tenants that are held.
#[derive(Debug)]
pub struct CountHeld;

impl Operation for CountHeld {
    type Output = i64;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<i64, OpError> {
        Ok(tx.get(connections::table.filter(connections::held.is_not_null()).count())?)
    }
}
