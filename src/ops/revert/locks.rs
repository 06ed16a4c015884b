//! Locks the rows of a portion on PostgreSQL in the order in which all operations lock rows: the changes that a restore
//! undoes, users, and groups. SQLite has a single writer and needs no locks.

use super::Portion;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::Uid;
use crate::db::{Connection, Dialect, Tx};
use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::filter::Value;
use crate::ops::history::{Revisions, Rows, own_kind};
use crate::ops::members::{existing, find_groups, groups_of_all, lock_groups_to_write, lock_users_to_write};
use crate::ops::{IDS_PER_STATEMENT, OpError};
use crate::schema::changes;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Locks the users of a portion: those whose changes are undone, and those whose memberships a restore or a change of a
/// member can add.
pub(super) fn lock_users(tx: &mut Tx<'_>, portion: &Portion) -> Result<(), OpError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let (tenant, users, groups) = (portion.tenant, portion.users(), portion.groups());
    let absent_users: Vec<_> = users.difference(&existing(tx, tenant, &users)?).copied().collect();
    let absent_groups: Vec<_> = groups.difference(&find_groups(tx, tenant, &groups)?).copied().collect();
    lock_deletions(tx, tenant, ResourceKind::User, &absent_users)?;
    lock_deletions(tx, tenant, ResourceKind::Group, &absent_groups)?;
    let mut all = users;
    all.extend(portion.members().into_iter().map(|(_, user)| user));
    for id in absent_groups {
        all.extend(last_members(tx, Rows { tenant, id, kind: ResourceKind::Group })?);
    }
    Ok(lock_users_to_write(tx, tenant, &all)?)
}

/// Locks the groups of a portion: those whose changes are undone, and those whose members change. `deleted` are the users
/// that will be deleted.
pub(super) fn lock_groups(
    tx: &mut Tx<'_>,
    portion: &Portion,
    deleted: &BTreeSet<Uuid>,
) -> Result<(), OpError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let mut all = portion.groups();
    all.extend(portion.members().into_iter().map(|(group, _)| group));
    all.extend(groups_of_all(tx, portion.tenant, deleted)?);
    Ok(lock_groups_to_write(tx, portion.tenant, &all)?)
}

/// Locks the newest changes of resources that do not exist. [`Restore`](crate::ops::restore::Restore) locks them before it
/// locks the members of a group.
fn lock_deletions(
    connection: &mut Connection,
    tenant: Uuid,
    kind: ResourceKind,
    ids: &[Uuid],
) -> QueryResult<()> {
    let mut newest = BTreeSet::new();
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        let mut statement =
            Fragment::of("SELECT max(changes.revision) FROM changes WHERE changes.tenant_id = ");
        statement.value(Value::Id(tenant)).sql(" AND changes.resource_id").is_one_of(ids);
        statement.sql(" AND ").sql(own_kind(kind)).sql(" GROUP BY changes.resource_id");
        let found: Vec<i64> = connection.load(Statement::<BigInt>::of(statement))?;
        newest.extend(found);
    }
    let Connection::Postgres(c) = connection else { return Ok(()) };
    for revisions in newest.into_iter().collect::<Vec<_>>().chunks(IDS_PER_STATEMENT) {
        let rows = changes::tenant_id.eq(Uid(tenant)).and(changes::revision.eq_any(revisions));
        let rows = changes::table.filter(rows).order(changes::revision).select(changes::revision);
        rows.for_update().load::<i64>(c)?;
    }
    Ok(())
}

/// The members that a deleted group had.
fn last_members(connection: &mut Connection, rows: Rows) -> QueryResult<BTreeSet<Uuid>> {
    let creations = rows.creations(connection, ChangeKind::GROUP_CREATED, i64::MAX)?;
    let Some(created) = creations.first() else { return Ok(BTreeSet::new()) };
    let members = rows.members(connection, Revisions::after(created.revision), Uuid::nil())?;
    Ok(members.into_keys().collect())
}
