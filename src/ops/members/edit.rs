//! Edits the members of a group together with the group itself.

use super::store::{self, OnLocked};
use crate::db::Tx;
use crate::db::rows::NewMemberRow;
use crate::domain::change::{Change, Stamp};
use crate::domain::member::{MembershipEdit, unknown_members};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::by_tenant::QualifiedId;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// An edit whose new members have been locked. The group is locked afterwards.
pub(in crate::ops) struct PreparedEdit<'m> {
    group: QualifiedId,
    edit: &'m MembershipEdit,
    /// The locked users.
    users: HashSet<QualifiedId>,
    /// The users that do not exist.
    unknown: Vec<Uuid>,
}

/// The members that were added to a group and removed from it.
#[derive(Default)]
pub(in crate::ops) struct MemberDiff {
    added: BTreeSet<Uuid>,
    removed: BTreeSet<Uuid>,
}

impl<'m> PreparedEdit<'m> {
    /// Locks the users who are not yet members. Current members need no lock: a user cannot be deleted before its
    /// memberships, and their removal locks the group.
    pub(in crate::ops) fn prepare(
        tx: &mut Tx<'_>,
        group: QualifiedId,
        edit: &'m MembershipEdit,
    ) -> Result<Self, OpError> {
        let new = store::non_members(tx, group, edit.added())?;
        let users = store::lock_users(tx, new.iter().map(|user| (group.0, *user)), OnLocked::Wait)?;
        let unknown = new.into_iter().filter(|user| !users.contains(&(group.0, *user))).collect();
        Ok(Self { group, edit, users, unknown })
    }

    /// Adds and removes the members of the group, which must already be locked.
    ///
    /// # Errors
    /// [`OpError::Invalid`] if users do not exist, [`OpError::Refused`] if no user of a required set is a member. If a
    /// member was removed concurrently, and perhaps deleted, the call is retried.
    pub(in crate::ops) fn apply(self, tx: &mut Tx<'_>, now: Timestamp) -> Result<MemberDiff, OpError> {
        let Self { group, edit, users, unknown } = self;
        if !unknown.is_empty() {
            return Err(OpError::Invalid(unknown_members(&unknown)));
        }
        let added = store::non_members(tx, group, edit.added())?;
        if added.iter().any(|user| !users.contains(&(group.0, *user))) {
            return Err(OpError::retry("a member was removed concurrently"));
        }
        let required = edit.required().iter().flatten().copied().collect();
        let missing = store::non_members(tx, group, &required)?;
        if edit.required().iter().any(|some| some.is_subset(&missing)) {
            return Err(OpError::Refused("None of the users to be removed is a member"));
        }
        let removed = match edit.replaces_all() {
            true => store::delete_others(tx, group, edit.added())?,
            false => store::delete(tx, group, edit.removed())?,
        };
        let rows: Vec<_> = added.iter().map(|user| NewMemberRow::new(group, *user, now)).collect();
        store::insert(tx, &rows)?;
        Ok(MemberDiff { added, removed: removed.into_iter().collect() })
    }
}

impl MemberDiff {
    pub(in crate::ops) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// The number of members added, minus the number removed.
    pub(in crate::ops) fn growth(&self) -> i64 {
        let count = |users: &BTreeSet<Uuid>| i64::try_from(users.len()).unwrap_or(i64::MAX);
        count(&self.added) - count(&self.removed)
    }

    /// Records a change for each member, with the version that the group reached.
    pub(in crate::ops) fn record(
        &self,
        tx: &mut Tx<'_>,
        (tenant, id): QualifiedId,
        version: i64,
        time: Timestamp,
    ) {
        let group = Stamp { id, version, time };
        for user in &self.removed {
            tx.record(Change::member_removed(tenant, group, *user));
        }
        for user in &self.added {
            tx.record(Change::member_added(tenant, group, *user));
        }
    }
}
