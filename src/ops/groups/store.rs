//! The statements that read and write groups by their ids.

use super::Create;
use crate::db::budget::Budget;
use crate::db::lock::{ForKeyShare, Lock as _};
use crate::db::query::Lockable;
use crate::db::rows::{GroupColumns, GroupRow, NewGroupRow, group_columns, group_external_id_rows};
use crate::db::sql::Fragment;
use crate::db::table::{self, Table};
use crate::db::types::Uid;
use crate::db::{Connection, Operation as _, Tx};
use crate::domain::change::Change;
use crate::domain::digest::Digest;
use crate::domain::fields::FieldError;
use crate::domain::group::{Draft, Group};
use crate::domain::member::MembershipEdit;
use crate::domain::schema::{self, Schema};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::members::MemberDiff;
use crate::ops::resource::{Form, Resource, UniqueKey, load_rows, new_external_id};
use crate::schema::{group_external_ids, groups, members, tenants};
use diesel::dsl::SqlTypeOf;
use diesel::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

impl Form for Group {
    type Resource = Self;

    fn from_row(row: GroupRow) -> QueryResult<Self> {
        Ok(row.into())
    }

    /// Groups have no computed attributes.
    fn fill_computed<'f>(
        _: &mut Tx<'_>,
        _: impl IntoIterator<Item = (Uuid, &'f mut Self)>,
    ) -> Result<(), OpError> {
        Ok(())
    }
}

impl Resource for Group {
    const SCHEMA: &'static Schema = &schema::GROUPS;
    const TABLE: &'static Table = &table::GROUPS;
    type Row = GroupRow;
    type Draft = Draft;

    fn unique_value(&self, key: UniqueKey, source: &str) -> Option<String> {
        match key {
            UniqueKey::UserName => None,
            UniqueKey::ExternalId => self.external_ids.get(source).cloned(),
        }
    }

    fn unique_value_of(draft: &Draft, key: UniqueKey) -> Option<String> {
        match key {
            UniqueKey::UserName => None,
            UniqueKey::ExternalId => draft.external_id.clone(),
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

    fn by_id(tenant: Uuid, id: Uuid) -> impl Lockable<'static, GroupRow> {
        groups::table.find((Uid(tenant), Uid(id))).select(group_columns())
    }

    fn load<F: Form<Resource = Self>>(
        connection: &mut Connection,
        statement: Fragment,
        limit: Option<usize>,
        budget: &mut Budget,
    ) -> QueryResult<Vec<F>> {
        load_rows::<SqlTypeOf<GroupColumns>, GroupRow, _>(connection, statement, limit, budget)
    }

    fn load_by_ids<F: Form<Resource = Self>>(
        connection: &mut Connection,
        tenant: Uuid,
        ids: &BTreeSet<Uuid>,
    ) -> QueryResult<Vec<F>> {
        let tenant = Uid(tenant);
        let rows: Vec<GroupRow> = connection.load_ids(
            ids.iter().copied().map(Uid),
            |ids| {
                let condition = groups::tenant_id.eq(tenant).and(groups::id.eq_any(ids));
                groups::table.filter(condition).select(group_columns())
            },
            |id| groups::table.find((tenant, id)).select(group_columns()),
        )?;
        rows.into_iter().map(F::from_row).collect()
    }

    fn insert(
        tx: &mut Tx<'_>,
        tenant: Uuid,
        id: Uuid,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Self, OpError> {
        Create { tenant, id, draft, members: MembershipEdit::default(), now }.run(tx)
    }

    fn complete_replacement(&self, draft: Draft) -> Draft {
        draft
    }

    fn patched(&self, patch: &Value) -> Result<Draft, Vec<FieldError>> {
        Draft::patch(self, patch)
    }

    fn write(&self, tx: &mut Tx<'_>, tenant: Uuid, draft: Draft, now: Timestamp) -> Result<Self, OpError> {
        write(tx, tenant, self, draft, &MemberDiff::default(), now)
    }

    fn delete(&self, tx: &mut Tx<'_>, tenant: Uuid, _: Timestamp) -> Result<Digest, OpError> {
        let (tenant, id) = (Uid(tenant), Uid(self.id));
        let of_group = members::table.filter(members::tenant_id.eq(tenant).and(members::group_id.eq(id)));
        let removed: Vec<Uid> = tx.load(diesel::delete(of_group).returning(members::user_id))?;
        tx.execute(diesel::delete(groups::table.find((tenant, id))))?;
        let memberships = removed.into_iter().map(|Uid(user)| Digest::of_member(self.id, user));
        Ok(memberships.fold(Digest::default(), |all, one| all ^ one))
    }
}

/// Inserts a group.
pub(super) fn insert(tx: &mut Tx<'_>, tenant: Uuid, group: &Group) -> Result<(), OpError> {
    insert_rows(tx, tenant, group)
        .map_err(|error| error.on_unique(|constraint| group.conflict(None, constraint)))
}

fn insert_rows(tx: &mut Tx<'_>, tenant: Uuid, group: &Group) -> Result<(), OpError> {
    let row = NewGroupRow::new(tenant, group, requires_unique_names(tx, tenant)?);
    tx.execute(diesel::insert_into(groups::table).values(&row))?;
    Ok(insert_external_ids(tx, tenant, group)?)
}

/// Writes a locked group after its members have changed. Does nothing if neither the values nor the members change.
pub(super) fn write(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    before: &Group,
    draft: Draft,
    members: &MemberDiff,
    now: Timestamp,
) -> Result<Group, OpError> {
    let mut after = before.with(draft);
    let has_new_values = after != *before;
    if !has_new_values && members.is_empty() {
        return Ok(after);
    }
    after.version += 1;
    after.updated_at = now.after(before.updated_at);
    after.member_count += members.growth();
    if has_new_values {
        update(tx, tenant, before, &after)
            .map_err(|error| error.on_unique(|constraint| after.conflict(Some(before), constraint)))?;
        tx.record(Change::updated(tenant, before, &after));
    } else {
        let counters = (
            groups::member_count.eq(after.member_count),
            groups::version.eq(after.version),
            groups::updated_at.eq(i64::from(after.updated_at)),
        );
        tx.execute(diesel::update(groups::table.find((Uid(tenant), Uid(after.id)))).set(counters))?;
    }
    members.record(tx, (tenant, after.id), after.version, after.updated_at);
    Ok(after)
}

fn update(tx: &mut Tx<'_>, tenant: Uuid, before: &Group, after: &Group) -> Result<(), OpError> {
    let (tenant_id, id) = (Uid(tenant), Uid(after.id));
    let row = NewGroupRow::new(tenant, after, requires_unique_names(tx, tenant)?);
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

/// Whether the tenant requires unique group names. If it does, `unique_name_key` contains the name, and its unique index
/// enforces the rule where [`crate::db::unique`] does not check the names at the commit: for the writes of servers of
/// the previous release, which can run at the same time, and in tenants that such a server has created since the
/// migration. The lock prevents the setting from changing before the commit.
fn requires_unique_names(connection: &mut Connection, tenant: Uuid) -> QueryResult<bool> {
    let query = tenants::table.find(Uid(tenant)).select(tenants::unique_group_names);
    connection.get(ForKeyShare::on(query))
}
