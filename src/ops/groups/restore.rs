//! Restores deleted groups.

use super::store;
use crate::db::Tx;
use crate::db::types::Uid;
use crate::domain::change::{Change, ChangeKind};
use crate::domain::group::Group;
use crate::domain::member::MembershipEdit;
use crate::ops::OpError;
use crate::ops::members::{self, PreparedEdit};
use crate::ops::restore::{Deletion, Restorable, Restored};
use crate::schema::changes;
use diesel::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

impl Restorable for Group {
    fn restore(tx: &mut Tx<'_>, deletion: Deletion) -> Result<Restored<Self>, OpError> {
        let users = members_of(tx, &deletion)?;
        let Deletion { tenant, id, stamp, created_at, before, .. } = deletion;
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

/// The members at the time of the deletion, according to the changes since the creation.
fn members_of(tx: &mut Tx<'_>, deletion: &Deletion) -> Result<BTreeSet<Uuid>, OpError> {
    let of_group = changes::tenant_id.eq(Uid(deletion.tenant)).and(changes::resource_id.eq(Uid(deletion.id)));
    let earlier = of_group.and(changes::revision.lt(deletion.revision));
    let created = changes::table
        .filter(earlier.and(changes::kind.eq(ChangeKind::GROUP_CREATED.name())))
        .order(changes::revision.desc())
        .select(changes::revision)
        .limit(1);
    let created: Option<i64> = tx.optional(created)?;
    let created = created.ok_or(OpError::Gone("The changes that added the members have been deleted"))?;
    let rows = changes::table
        .filter(earlier.and(changes::revision.gt(created)).and(changes::member_id.is_not_null()))
        .order(changes::revision)
        .select((changes::kind, changes::member_id.assume_not_null()));
    let rows: Vec<(String, Uid)> = tx.load(rows)?;
    let mut members = BTreeSet::new();
    for (kind, Uid(user)) in rows {
        if kind == ChangeKind::MEMBER_ADDED.name() {
            members.insert(user);
        } else {
            members.remove(&user);
        }
    }
    Ok(members)
}
