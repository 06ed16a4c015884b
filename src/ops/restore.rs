//! Restores deleted users and groups from the changes that recorded them.

use crate::db::types::{Measured, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::Stamp;
use crate::domain::id;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use crate::schema::changes;
use diesel::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::marker::PhantomData;
use uuid::Uuid;

/// Recreates a deleted user or group with its id, attributes and externalIds. Its version is one higher than that of the
/// deletion. Also restores the memberships that it had when it was deleted.
#[derive(Debug)]
pub struct Restore<R> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The id of the resource.
    pub id: Uuid,
    /// The time of the change.
    pub now: Timestamp,
    /// The type of the resource.
    pub of: PhantomData<R>,
}

/// A restored user or group.
#[derive(Debug)]
pub struct Restored<R> {
    /// The resource.
    pub resource: R,
    /// The groups of the user, or the members of the group, whose memberships were restored.
    pub others: BTreeSet<Uuid>,
    /// Those that do not exist any more.
    pub missing: BTreeSet<Uuid>,
}

/// The newest change of a deleted resource.
pub struct Deletion {
    pub(super) tenant: Uuid,
    pub(super) id: Uuid,
    pub(super) revision: i64,
    pub(super) request_id: String,
    /// The version and the time of the restored resource.
    pub(super) stamp: Stamp,
    pub(super) created_at: Timestamp,
    /// The attributes and externalIds, as the feed shows them.
    pub(super) before: Map<String, Value>,
}

/// A type of resource that can be restored.
pub trait Restorable: Resource {
    /// Inserts the resource with its memberships, and records the changes.
    ///
    /// # Errors
    /// [`OpError::Conflict`] if a unique value belongs to another resource by now, and [`OpError::Gone`] if the changes that
    /// are needed have been deleted.
    fn restore(tx: &mut Tx<'_>, deletion: Deletion) -> Result<Restored<Self>, OpError>;
}

impl<R: Restorable> Operation for Restore<R> {
    type Output = Restored<R>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Restored<R>, OpError> {
        let newest = self.newest(tx)?.ok_or(OpError::NotFound)?;
        // Concurrent calls for the same resource wait here, and then find that it exists.
        let row = changes::table.find((Uid(self.tenant), newest)).select((
            changes::kind,
            changes::request_id,
            changes::version,
            changes::time,
            changes::before,
        ));
        let (kind, request_id, version, time, before): DeletionRow = tx.lock(row)?;
        if self.newest(tx)? != Some(newest) {
            return Err(OpError::retry("the resource was changed concurrently"));
        }
        let [_, _, deleted] = R::KINDS;
        let before = match before {
            Some(before) if kind == deleted.name() => deleted.shown(before.value),
            _ if tx.optional(R::by_id(self.tenant, self.id))?.is_some() => {
                return Err(OpError::Refused("The resource exists, so it cannot be restored"));
            }
            _ => return Err(OpError::Gone("The values of the resource have been erased")),
        };
        let time = self.now.after(time.into());
        let (tenant, id, revision) = (self.tenant, self.id, newest);
        let stamp = Stamp { id, version: version + 1, time };
        let created_at = self.created_at(tx)?.unwrap_or(time);
        let mut restored =
            R::restore(tx, Deletion { tenant, id, revision, request_id, stamp, created_at, before })?;
        R::fill_computed(tx, [(tenant, &mut restored.resource)])?;
        Ok(restored)
    }
}

type DeletionRow = (String, String, i64, i64, Option<Measured<Map<String, Value>>>);

impl<R: Restorable> Restore<R> {
    /// The revision of the resource's newest change, without those of memberships.
    fn newest(&self, tx: &mut Tx<'_>) -> QueryResult<Option<i64>> {
        let [created, ..] = R::KINDS;
        let of_resource = changes::resource_id.eq(Uid(self.id));
        let of_kind = changes::resource.eq(created.resource().name());
        let newest = changes::table
            .filter(changes::tenant_id.eq(Uid(self.tenant)).and(of_resource).and(of_kind))
            .order(changes::revision.desc())
            .select(changes::revision)
            .limit(1);
        tx.optional(newest)
    }

    /// The time of the first creation. If the retention has deleted that change, the time that the id contains.
    fn created_at(&self, tx: &mut Tx<'_>) -> QueryResult<Option<Timestamp>> {
        let [created, ..] = R::KINDS;
        let of_resource = changes::resource_id.eq(Uid(self.id));
        let first = changes::version.eq(1).and(changes::kind.eq(created.name()));
        let first = changes::table
            .filter(changes::tenant_id.eq(Uid(self.tenant)).and(of_resource).and(first))
            .select(changes::time)
            .limit(1);
        let time: Option<i64> = tx.optional(first)?;
        Ok(time.map(Timestamp::from).or_else(|| id::time_of(self.id)))
    }
}
