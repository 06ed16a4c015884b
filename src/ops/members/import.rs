//! Adds the members of an import.

use super::locked_groups::LockedGroups;
use super::store::{self, OnLocked};
use super::{Tx, record};
use crate::db::rows::NewMemberRow;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::by_tenant::QualifiedId;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

/// The result of adding members to groups. Each member is a pair of the ids of a group and a user.
pub(in crate::ops) struct Added {
    /// The members that were not members before.
    pub(in crate::ops) new: HashSet<(Uuid, Uuid)>,
    /// The groups that do not exist.
    pub(in crate::ops) missing: HashSet<Uuid>,
}

/// Adds users to groups. The users must exist and be locked. The version of a group increases by one at most.
pub(in crate::ops) fn add_known(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    members: &BTreeSet<(Uuid, Uuid)>,
    now: Timestamp,
) -> Result<Added, OpError> {
    let mut by_group: BTreeMap<QualifiedId, Vec<Uuid>> = BTreeMap::new();
    for (group, user) in members {
        by_group.entry((tenant, *group)).or_default().push(*user);
    }
    let mut groups = LockedGroups::lock(tx, by_group.keys().copied(), OnLocked::Wait)?;
    let missing: HashSet<_> =
        by_group.keys().filter(|group| groups.version(**group).is_none()).copied().collect();
    by_group.retain(|group, _| !missing.contains(group));
    let pairs = by_group.iter().flat_map(|(group, users)| users.iter().map(|user| (*group, *user)));
    let rows: Vec<_> = pairs.map(|(group, user)| NewMemberRow::new(group, user, now)).collect();
    let new = store::insert(tx, &rows)?;
    for (group, mut users) in by_group {
        users.retain(|user| new.contains(&(group, *user)));
        record(tx, &mut groups, group, &users, 1, now);
    }
    groups.write(tx)?;
    let new = new.into_iter().map(|((_, group), user)| (group, user)).collect();
    Ok(Added { new, missing: missing.into_iter().map(|(_, group)| group).collect() })
}
