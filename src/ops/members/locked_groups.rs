//! The groups whose members an operation changes.

use super::store::{self, OnLocked};
use crate::db::Connection;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::Uid;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::by_tenant::QualifiedId;
use crate::schema::groups;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Locked groups, with the changes to write.
pub(super) struct LockedGroups(BTreeMap<QualifiedId, Group>);

struct Group {
    version: i64,
    updated_at: Timestamp,
    /// The number of members added, minus the number removed.
    growth: i64,
    is_changed: bool,
}

/// The new values of a group. `member_count` is added to the stored count.
#[derive(Serialize)]
struct GroupUpdate {
    tenant_id: Uid,
    id: Uid,
    version: i64,
    updated_at: i64,
    member_count: i64,
}

impl LockedGroups {
    /// Locks the groups that exist, in id order.
    pub(super) fn lock(
        connection: &mut Connection,
        ids: impl Iterator<Item = QualifiedId>,
        on_locked: OnLocked,
    ) -> QueryResult<Self> {
        let rows = lock_rows(connection, ids, on_locked)?;
        let group =
            |(id, version, updated_at)| (id, Group { version, updated_at, growth: 0, is_changed: false });
        Ok(Self(rows.into_iter().map(group).collect()))
    }

    /// The version of a group, or `None` if the group does not exist or its locked row was skipped.
    pub(super) fn version(&self, id: QualifiedId) -> Option<i64> {
        self.0.get(&id).map(|group| group.version)
    }

    /// Changes the number of members of a group. Returns its new version and time of update, or `None` if the number
    /// stays the same.
    pub(super) fn grow(&mut self, id: QualifiedId, by: i64, now: Timestamp) -> Option<(i64, Timestamp)> {
        let group = self.0.get_mut(&id).filter(|_| by != 0)?;
        group.version += 1;
        group.updated_at = now.after(group.updated_at);
        group.growth += by;
        group.is_changed = true;
        Some((group.version, group.updated_at))
    }

    /// Writes the changed groups.
    pub(super) fn write(self, connection: &mut Connection) -> Result<(), OpError> {
        let changed = self.0.into_iter().filter(|(_, group)| group.is_changed);
        let row = |((tenant, id), group): (QualifiedId, Group)| GroupUpdate {
            tenant_id: Uid(tenant),
            id: Uid(id),
            version: group.version,
            updated_at: group.updated_at.into(),
            member_count: group.growth,
        };
        let rows: Vec<_> = changed.map(row).collect();
        if rows.is_empty() { Ok(()) } else { update_rows(connection, &rows) }
    }
}

/// Locks groups against changes of the groups and their members. Returns their versions and times of update.
fn lock_rows(
    connection: &mut Connection,
    ids: impl Iterator<Item = QualifiedId>,
    on_locked: OnLocked,
) -> QueryResult<Vec<(QualifiedId, i64, Timestamp)>> {
    let columns = (groups::id, groups::version, groups::updated_at);
    let mut found = Vec::new();
    for (tenant, ids) in store::chunks(ids) {
        let all = |ids: Vec<Uid>| {
            let rows = groups::tenant_id.eq(Uid(tenant)).and(groups::id.eq_any(ids));
            groups::table.filter(rows).order(groups::id).select(columns).for_no_key_update()
        };
        let one = |id| groups::table.find((Uid(tenant), id)).select(columns);
        let rows: Vec<(Uid, i64, i64)> = match on_locked {
            OnLocked::Wait => connection.load_ids(ids, all, one)?,
            OnLocked::Skip => connection.load_ids(ids, |ids| all(ids).skip_locked(), one)?,
        };
        let group = |(Uid(id), version, time): (Uid, i64, i64)| ((tenant, id), version, time.into());
        found.extend(rows.into_iter().map(group));
    }
    Ok(found)
}

/// Updates locked groups, with one statement on PostgreSQL, to save round trips.
fn update_rows(connection: &mut Connection, rows: &[GroupUpdate]) -> Result<(), OpError> {
    match connection {
        Connection::Postgres(c) => {
            let mut statement = Fragment::of(
                "UPDATE groups SET version = changed.version, updated_at = changed.updated_at, \
                 member_count = groups.member_count + changed.member_count FROM ",
            );
            statement.rows("groups", rows)?;
            statement
                .sql(" AS changed WHERE groups.tenant_id = changed.tenant_id AND groups.id = changed.id");
            Statement::<()>::of(statement).execute(c)?;
        }
        Connection::Sqlite(c) => {
            for row in rows {
                let update = diesel::update(groups::table.find((row.tenant_id, row.id))).set((
                    groups::version.eq(row.version),
                    groups::updated_at.eq(row.updated_at),
                    groups::member_count.eq(groups::member_count + row.member_count),
                ));
                update.execute(c)?;
            }
        }
    }
    Ok(())
}
