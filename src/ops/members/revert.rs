//! The members that a revert changes.

use super::locked_groups::LockedGroups;
use super::store::{self, OnLocked};
use super::{Tx, record};
use crate::db::Connection;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::domain::filter::Value;
use crate::domain::time::Timestamp;
use crate::ops::by_tenant::QualifiedId;
use crate::ops::{IDS_PER_STATEMENT, OpError};
use diesel::QueryResult;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Locks users against deletion and groups against changes of their members, and returns those that exist.
pub(in crate::ops) fn lock_members(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    users: &BTreeSet<Uuid>,
    groups: &BTreeSet<Uuid>,
) -> QueryResult<[BTreeSet<Uuid>; 2]> {
    let existing = store::lock_users(tx, users.iter().map(|user| (tenant, *user)), OnLocked::Wait)?;
    let locked = LockedGroups::lock(tx, groups.iter().map(|group| (tenant, *group)), OnLocked::Wait)?;
    let exists = |group: &&Uuid| locked.version((tenant, **group)).is_some();
    Ok([
        existing.into_iter().map(|(_, user)| user).collect(),
        groups.iter().filter(exists).copied().collect(),
    ])
}

/// Returns those of the groups that exist.
pub(in crate::ops) fn find_groups(
    connection: &mut Connection,
    tenant: Uuid,
    groups: &BTreeSet<Uuid>,
) -> QueryResult<BTreeSet<Uuid>> {
    let mut existing = BTreeSet::new();
    for ids in groups.iter().copied().collect::<Vec<_>>().chunks(IDS_PER_STATEMENT) {
        let mut statement = Fragment::of("SELECT groups.id FROM groups WHERE groups.tenant_id = ");
        statement.value(Value::Id(tenant)).sql(" AND groups.id").is_one_of(ids);
        let found: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
        existing.extend(found.into_iter().map(|Uid(id)| id));
    }
    Ok(existing)
}

/// Returns those of the users who are members of a group.
pub(in crate::ops) fn members_of(
    connection: &mut Connection,
    group: QualifiedId,
    users: &BTreeSet<Uuid>,
) -> QueryResult<BTreeSet<Uuid>> {
    let others = store::non_members(connection, group, users)?;
    Ok(users.difference(&others).copied().collect())
}

/// Removes members from groups. The version of a group increases by one at most.
pub(in crate::ops) fn remove_known(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    members: &BTreeSet<(Uuid, Uuid)>,
    now: Timestamp,
) -> Result<(), OpError> {
    let mut by_group: BTreeMap<QualifiedId, BTreeSet<Uuid>> = BTreeMap::new();
    for (group, user) in members {
        by_group.entry((tenant, *group)).or_default().insert(*user);
    }
    let mut groups = LockedGroups::lock(tx, by_group.keys().copied(), OnLocked::Wait)?;
    for (group, users) in by_group {
        let removed: BTreeSet<_> = store::delete(tx, group, &users)?.into_iter().collect();
        record(tx, &mut groups, group, &removed.into_iter().collect::<Vec<_>>(), -1, now);
    }
    groups.write(tx)
}
