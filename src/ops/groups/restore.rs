//! Restores deleted groups.

use super::store;
use crate::db::Tx;
use crate::domain::change::Change;
use crate::domain::group::Group;
use crate::domain::member::MembershipEdit;
use crate::ops::OpError;
use crate::ops::history::{Revisions, Rows};
use crate::ops::members::{self, PreparedEdit};
use crate::ops::restore::{Deletion, Restorable, Restored};
use std::collections::BTreeSet;
use uuid::Uuid;

impl Restorable for Group {
    fn restore(tx: &mut Tx<'_>, deletion: Deletion) -> Result<Restored<Self>, OpError> {
        let Deletion { rows, revision, created, stamp, created_at, before, .. } = deletion;
        let Rows { tenant, id, .. } = rows;
        let after = created.ok_or(OpError::Gone("The changes that added the members have been deleted"))?;
        let users = rows.members(tx, Revisions { after, through: revision }, Uuid::nil())?;
        let users: BTreeSet<_> = users.into_keys().collect();
        let others = members::existing(tx, tenant, &users)?;
        let mut edit = MembershipEdit::default();
        edit.add(others.iter().copied());
        let prepared = PreparedEdit::prepare(tx, (tenant, id), &edit)?;
        let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
        let group = Self::from_snapshot(stamp, created_at, before, count).map_err(OpError::internal)?;
        store::insert(tx, tenant, &group)?;
        let added = prepared.apply(tx, stamp.time).map_err(|error| match error {
            OpError::Invalid(_) => OpError::retry("a member was deleted concurrently"),
            error => error,
        })?;
        tx.record(Change::created(tenant, &group));
        added.record(tx, (tenant, id), stamp.version, stamp.time);
        let missing = users.difference(&others).copied().collect();
        Ok(Restored { resource: group, others, missing })
    }
}
