//! Who is in a group, changed by a write of the group itself.

use super::Name;
use super::store::{self, Locked};
use crate::db::Tx;
use crate::db::rows::NewMemberRow;
use crate::domain::change::{Change, Stamp};
use crate::domain::member::{MembershipEdit, unknown_members};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Users who are to be added to a group, locked before the group is.
pub(in crate::ops) struct Newcomers<'m> {
    group: Name,
    membership: &'m MembershipEdit,
    /// Those who are there, and stay.
    users: HashSet<Name>,
    /// Those who are not.
    unknown: Vec<Uuid>,
}

/// Who came into a group, and who went.
#[derive(Default)]
pub(in crate::ops) struct Difference {
    added: BTreeSet<Uuid>,
    removed: BTreeSet<Uuid>,
}

impl<'m> Newcomers<'m> {
    /// Locks those who are not in the group yet. A list of members mostly says who is there already: their memberships
    /// keep them.
    pub(in crate::ops) fn lock(
        tx: &mut Tx<'_>,
        group: Name,
        membership: &'m MembershipEdit,
    ) -> Result<Self, OpError> {
        let absent = store::absent(tx, group, membership.added())?;
        let users = store::lock_users(tx, absent.iter().map(|user| (group.0, *user)), Locked::Wait)?;
        let unknown = absent.into_iter().filter(|user| !users.contains(&(group.0, *user))).collect();
        Ok(Self { group, membership, users, unknown })
    }

    /// Changes who is in the group, which is locked by now.
    ///
    /// # Errors
    /// [`OpError::Invalid`] if users do not exist, [`OpError::Refused`] if no user of a required set is a member. If a member
    /// was removed meanwhile, and perhaps deleted, the call runs again.
    pub(in crate::ops) fn write(self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Difference, OpError> {
        let Self { group, membership, users, unknown } = self;
        if !unknown.is_empty() {
            return Err(OpError::Invalid(unknown_members(&unknown)));
        }
        let added = store::absent(tx, group, membership.added())?;
        if added.iter().any(|user| !users.contains(&(group.0, *user))) {
            return Err(OpError::retry("a member was removed meanwhile"));
        }
        let needed = membership.required().iter().flatten().copied().collect();
        let missing = store::absent(tx, group, &needed)?;
        if membership.required().iter().any(|some| some.is_subset(&missing)) {
            return Err(OpError::Refused("none of those to be removed is a member"));
        }
        let removed = match membership.replaces_all() {
            true => store::delete_others(tx, group, membership.added())?,
            false => store::delete(tx, group, membership.removed())?,
        };
        let rows: Vec<_> = added.iter().map(|user| NewMemberRow::new(group, *user, now)).collect();
        store::insert(tx, &rows)?;
        Ok(Difference { added, removed: removed.into_iter().collect() })
    }
}

impl Difference {
    pub(in crate::ops) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// How many members the group has more than before.
    pub(in crate::ops) fn growth(&self) -> i64 {
        let count = |users: &BTreeSet<Uuid>| i64::try_from(users.len()).unwrap_or(i64::MAX);
        count(&self.added) - count(&self.removed)
    }

    /// Records a fact for each of them: with them the group came to this version.
    pub(in crate::ops) fn record(&self, tx: &mut Tx<'_>, (tenant, id): Name, version: i64, time: Timestamp) {
        let group = Stamp { id, version, time };
        for user in &self.removed {
            tx.record(Change::member_removed(tenant, group, *user));
        }
        for user in &self.added {
            tx.record(Change::member_added(tenant, group, *user));
        }
    }
}
