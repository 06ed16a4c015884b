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
use crate::schema::{groups, users};
use diesel::prelude::*;
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

/// Locks users for writing, in the order of their ids. SQLite has a single writer and needs no locks.
pub(in crate::ops) fn lock_users_to_write(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<()> {
    let Connection::Postgres(c) = connection else { return Ok(()) };
    for (tenant, ids) in store::chunks(ids.iter().map(|id| (tenant, *id))) {
        let rows = users::tenant_id.eq(Uid(tenant)).and(users::id.eq_any(ids));
        users::table.filter(rows).order(users::id).select(users::id).for_update().load::<Uid>(c)?;
    }
    Ok(())
}

/// Locks groups for writing, in the order of their ids. SQLite has a single writer and needs no locks.
pub(in crate::ops) fn lock_groups_to_write(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<()> {
    let Connection::Postgres(c) = connection else { return Ok(()) };
    for (tenant, ids) in store::chunks(ids.iter().map(|id| (tenant, *id))) {
        let rows = groups::tenant_id.eq(Uid(tenant)).and(groups::id.eq_any(ids));
        groups::table.filter(rows).order(groups::id).select(groups::id).for_update().load::<Uid>(c)?;
    }
    Ok(())
}

/// Returns the groups of users.
pub(in crate::ops) fn groups_of_all(
    connection: &mut Connection,
    tenant: Uuid,
    users: &BTreeSet<Uuid>,
) -> QueryResult<BTreeSet<Uuid>> {
    let mut groups = BTreeSet::new();
    for users in users.iter().copied().collect::<Vec<_>>().chunks(IDS_PER_STATEMENT) {
        let mut statement =
            Fragment::of("SELECT DISTINCT members.group_id FROM members WHERE members.tenant_id = ");
        statement.value(Value::Id(tenant)).sql(" AND members.user_id").is_one_of(users);
        let found: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
        groups.extend(found.into_iter().map(|Uid(group)| group));
    }
    Ok(groups)
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
