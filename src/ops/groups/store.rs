//! The statements that read and write groups by their ids.

use crate::db::lock::{ForKeyShare, Lock as _};
use crate::db::rows::{GROUP_COLUMNS, GroupColumns, GroupRow, NewGroupRow, group_external_id_rows};
use crate::db::sql::{Fragment, Statement};
use crate::db::table::{self, Table};
use crate::db::types::Uid;
use crate::db::{Connection, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::group::{Draft, Group};
use crate::domain::schema::{self, Schema};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::members::Difference;
use crate::ops::resource::{Resource, UniqueKey, new_external_id};
use crate::schema::{group_external_ids, groups, tenants};
use diesel::dsl::SqlTypeOf;
use diesel::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

impl Resource for Group {
    const SCHEMA: &'static Schema = &schema::GROUPS;
    const TABLE: &'static Table = &table::GROUPS;

    fn name(&self, by: UniqueKey, source: &str) -> Option<String> {
        match by {
            UniqueKey::UserName => None,
            UniqueKey::ExternalId => self.external_ids.get(source).cloned(),
        }
    }

    fn conflict(&self, before: Option<&Self>, constraint: &str) -> Option<(&'static str, String)> {
        match constraint {
            "groups_unique_name" => Some(("displayName", self.attributes.display_name.clone())),
            "group_external_ids_pkey" => {
                let before = before.map(|group| &group.external_ids);
                Some(("externalId", new_external_id(before, &self.external_ids)))
            }
            _ => None,
        }
    }

    fn load(connection: &mut Connection, statement: Fragment, most: Option<usize>) -> QueryResult<Vec<Self>> {
        let statement = Statement::<SqlTypeOf<GroupColumns>>::of(statement);
        let rows: Vec<GroupRow> = match most {
            Some(most) => connection.load_first(statement, most)?,
            None => connection.load(statement)?,
        };
        Ok(rows.into_iter().map(Self::from).collect())
    }

    /// With one statement on PostgreSQL; on SQLite, where a list would be another statement for each length, with one a
    /// group.
    fn of_ids(connection: &mut Connection, tenant: Uuid, ids: &BTreeSet<Uuid>) -> QueryResult<Vec<Self>> {
        let tenant = Uid(tenant);
        let rows: Vec<GroupRow> = connection.load_ids(
            ids.iter().copied().map(Uid),
            |ids| {
                let rows = groups::tenant_id.eq(tenant).and(groups::id.eq_any(ids));
                groups::table.filter(rows).select(GROUP_COLUMNS)
            },
            |id| groups::table.find((tenant, id)).select(GROUP_COLUMNS),
        )?;
        Ok(rows.into_iter().map(Self::from).collect())
    }

    fn complete<'r>(
        _: &mut Tx<'_>,
        _: impl IntoIterator<Item = (Uuid, &'r mut Self)>,
    ) -> Result<(), OpError> {
        Ok(())
    }
}

/// Reads a group.
pub(super) fn find(connection: &mut Connection, tenant: Uuid, id: Uuid) -> Result<Group, OpError> {
    let query = groups::table.find((Uid(tenant), Uid(id))).select(GROUP_COLUMNS);
    let row: GroupRow = connection.get(query)?;
    Ok(Group::from(row))
}

/// Reads a group that is about to be written, so that nobody else writes it first (SQLite has one writer anyway).
pub(super) fn lock(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    id: Uuid,
    conditions: &Conditions,
) -> Result<Group, OpError> {
    let query = groups::table.find((Uid(tenant), Uid(id))).select(GROUP_COLUMNS);
    let row: GroupRow = tx.lock(query)?;
    let group = Group::from(row);
    if conditions.allow_write(group.version) { Ok(group) } else { Err(OpError::PreconditionFailed) }
}

/// Inserts a group.
pub(super) fn insert(tx: &mut Tx<'_>, tenant: Uuid, group: &Group) -> Result<(), OpError> {
    insert_rows(tx, tenant, group)
        .map_err(|error| error.on_unique(|constraint| group.conflict(None, constraint)))
}

fn insert_rows(tx: &mut Tx<'_>, tenant: Uuid, group: &Group) -> Result<(), OpError> {
    let row = NewGroupRow::new(tenant, group, names_are_unique(tx, tenant)?);
    tx.execute(diesel::insert_into(groups::table).values(&row))?;
    Ok(insert_external_ids(tx, tenant, group)?)
}

/// Writes a locked group, whose members have changed by this difference, unless nothing changes.
pub(super) fn write(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    before: &Group,
    draft: Draft,
    difference: &Difference,
    now: Timestamp,
) -> Result<Group, OpError> {
    let mut after = before.with(draft);
    let is_rewritten = after != *before;
    if !is_rewritten && difference.is_empty() {
        return Ok(after);
    }
    after.version += 1;
    after.updated_at = now.after(before.updated_at);
    after.member_count += difference.growth();
    if is_rewritten {
        rewrite(tx, tenant, before, &after)
            .map_err(|error| error.on_unique(|constraint| after.conflict(Some(before), constraint)))?;
        tx.record(Change::updated(tenant, before, &after));
    } else {
        let moved = (
            groups::member_count.eq(after.member_count),
            groups::version.eq(after.version),
            groups::updated_at.eq(i64::from(after.updated_at)),
        );
        tx.execute(diesel::update(groups::table.find((Uid(tenant), Uid(after.id)))).set(moved))?;
    }
    difference.record(tx, (tenant, after.id), after.version, after.updated_at);
    Ok(after)
}

fn rewrite(tx: &mut Tx<'_>, tenant: Uuid, before: &Group, after: &Group) -> Result<(), OpError> {
    let (tenant_id, id) = (Uid(tenant), Uid(after.id));
    let row = NewGroupRow::new(tenant, after, names_are_unique(tx, tenant)?);
    tx.execute(diesel::update(groups::table.find((tenant_id, id))).set(&row))?;
    if before.external_ids != after.external_ids {
        let of_group = group_external_ids::tenant_id.eq(tenant_id).and(group_external_ids::group_id.eq(id));
        tx.execute(diesel::delete(group_external_ids::table.filter(of_group)))?;
        insert_external_ids(tx, tenant, after)?;
    }
    Ok(())
}

fn insert_external_ids(connection: &mut Connection, tenant: Uuid, group: &Group) -> QueryResult<()> {
    for row in group_external_id_rows(tenant, group) {
        connection.execute(diesel::insert_into(group_external_ids::table).values(&row))?;
    }
    Ok(())
}

/// Whether no two groups of the tenant may have the same name. That stays so until the commit: the tenant can change its
/// mind only while it has no group, and waits here until this one counts.
fn names_are_unique(connection: &mut Connection, tenant: Uuid) -> QueryResult<bool> {
    let query = tenants::table.find(Uid(tenant)).select(tenants::unique_group_names);
    connection.get(ForKeyShare::on(query))
}
