//! Restores deleted users and groups from the changes that recorded them.

use crate::db::types::{Measured, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::Stamp;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::history::{Rows, created_at};
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
    pub(super) rows: Rows,
    pub(super) revision: i64,
    /// The revision of the last creation, if that change is retained.
    pub(super) created: Option<i64>,
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
        let deletion = self.deletion(tx)?;
        let mut restored = R::restore(tx, deletion)?;
        R::fill_computed(tx, [(self.tenant, &mut restored.resource)])?;
        Ok(restored)
    }
}

impl<R: Restorable> Restore<R> {
    /// The deletion to undo, which no concurrent call can undo before the transaction ends.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Refused`] or [`OpError::Gone`] if the resource cannot be restored.
    pub(super) fn deletion(&self, tx: &mut Tx<'_>) -> Result<Deletion, OpError> {
        let [created, _, deleted] = R::KINDS;
        let rows = Rows { tenant: self.tenant, id: self.id, kind: created.resource() };
        let newest = rows.newest(tx)?.ok_or(OpError::NotFound)?;
        // Concurrent calls for the same resource wait here, and then find that it exists.
        let row = changes::table.find((Uid(self.tenant), newest.revision));
        let (request_id, before): DeletionRow =
            tx.lock(row.select((changes::request_id, changes::before)))?;
        if rows.newest(tx)?.is_none_or(|row| row.revision != newest.revision) {
            return Err(OpError::retry("the resource was changed concurrently"));
        }
        let before = match before {
            Some(before) if newest.kind == deleted.name() => deleted.shown(before.value),
            _ if tx.optional(R::by_id(self.tenant, self.id))?.is_some() => {
                return Err(OpError::Refused("The resource exists, so it cannot be restored"));
            }
            _ => return Err(OpError::Gone("The values of the resource have been erased")),
        };
        let time = self.now.after(newest.time);
        let creations = rows.creations(tx, created, newest.revision)?;
        Ok(Deletion {
            rows,
            revision: newest.revision,
            created: creations.first().map(|row| row.revision),
            request_id,
            stamp: Stamp { id: self.id, version: newest.version + 1, time },
            created_at: created_at(&creations, self.id).unwrap_or(time),
            before,
        })
    }
}

type DeletionRow = (String, Option<Measured<Map<String, Value>>>);
