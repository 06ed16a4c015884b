//! Groups whose members change.

use super::Name;
use super::store::{self, Locked};
use crate::db::Connection;
use crate::db::types::Uid;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use diesel::QueryResult;
use serde::Serialize;
use std::collections::BTreeMap;

/// Locked groups, and what becomes of them.
pub(super) struct Groups(BTreeMap<Name, Group>);

struct Group {
    version: i64,
    updated_at: Timestamp,
    /// How many members it has more than before.
    grown: i64,
    is_changed: bool,
}

/// What is written of a group: `member_count` is by how many it has grown.
#[derive(Serialize)]
pub(super) struct Changed {
    pub(super) tenant_id: Uid,
    pub(super) id: Uid,
    pub(super) version: i64,
    pub(super) updated_at: i64,
    pub(super) member_count: i64,
}

impl Groups {
    /// Locks those of the groups that there are, in the order of their ids.
    pub(super) fn lock(
        connection: &mut Connection,
        names: impl Iterator<Item = Name>,
        locked: Locked,
    ) -> QueryResult<Self> {
        let rows = store::lock_groups(connection, names, locked)?;
        let group =
            |(name, version, updated_at)| (name, Group { version, updated_at, grown: 0, is_changed: false });
        Ok(Self(rows.into_iter().map(group).collect()))
    }

    pub(super) fn have(&self, name: Name) -> bool {
        self.0.contains_key(&name)
    }

    /// A call gave a group so many members more: its new version, and the time since when it has it. Nothing when that is
    /// none.
    pub(super) fn change(&mut self, name: Name, by: i64, now: Timestamp) -> Option<(i64, Timestamp)> {
        let group = self.0.get_mut(&name).filter(|_| by != 0)?;
        group.version += 1;
        group.updated_at = now.after(group.updated_at);
        group.grown += by;
        group.is_changed = true;
        Some((group.version, group.updated_at))
    }

    /// Writes those that have changed.
    pub(super) fn write(self, connection: &mut Connection) -> Result<(), OpError> {
        let changed = self.0.into_iter().filter(|(_, group)| group.is_changed);
        let row = |((tenant, id), group): (Name, Group)| Changed {
            tenant_id: Uid(tenant),
            id: Uid(id),
            version: group.version,
            updated_at: group.updated_at.into(),
            member_count: group.grown,
        };
        let rows: Vec<_> = changed.map(row).collect();
        if rows.is_empty() { Ok(()) } else { store::write_groups(connection, &rows) }
    }
}
