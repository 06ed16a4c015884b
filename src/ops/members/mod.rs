//! Operations on members. Each membership is a row, so changing one costs the same in a group of ten as in a group of a
//! hundred thousand.
//!
//! An operation that changes the members of a group locks the users that it adds and then the group's row. The group's
//! counter therefore agrees with the rows, its version increases once per call, and concurrent calls lose no member.

mod edit;
mod import;
mod locked_groups;
mod of_users;
mod pages;
mod revert;
mod store;
mod unpaged;

pub(super) use edit::{MemberDiff, PreparedEdit};
pub(super) use import::{Added, add_known};
pub use of_users::{FEW_GROUPS, GroupsOf, HasUser, MAX_GROUPS, WithGroups};
pub use pages::{Find, List, ListGroups};
pub(super) use revert::{
    find_groups, groups_of_all, lock_groups_to_write, lock_members, lock_users_to_write, members_of,
    remove_known,
};
pub(super) use store::{OnLocked, lock_users};
pub use unpaged::{AllMembers, GroupsWithMembers};

use crate::db::rows::NewMemberRow;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Change, Stamp};
use crate::domain::condition::Conditions;
use crate::domain::member::unknown_users;
use crate::domain::time::Timestamp;
use crate::ops::by_tenant::QualifiedId;
use crate::ops::{MAX_BATCH, OpError, Results};
use diesel::QueryResult;
use locked_groups::LockedGroups;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::slice;
use uuid::Uuid;

/// Adds users to a group, all or none. Users who are already members are skipped.
#[derive(Debug)]
pub struct Add {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub group: Uuid,
    /// The ids of the users. [`OpError::Invalid`] names the indexes of those that do not exist.
    pub users: Vec<Uuid>,
    /// The conditions that the version of the group must satisfy.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

impl Addition for Add {
    fn additions(&self) -> Additions<'_> {
        let group = (self.tenant, self.group);
        Additions { group, users: &self.users, conditions: &self.conditions, now: self.now }
    }

    fn unknown_users(&self, indexes: Vec<usize>) -> OpError {
        OpError::Invalid(unknown_users(indexes))
    }
}

impl Operation for Add {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    /// Smaller than the usual maximum, because each call may add a thousand users.
    const MAX_BATCH: usize = MAX_BATCH / 10;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        single(add_all(&[self], tx)?)
    }

    fn run_batch(adds: &[&Self], tx: &mut Tx<'_>) -> Results<()> {
        add_all(adds, tx)
    }
}

/// Returns which of these users exist.
#[derive(Debug)]
pub struct FindUsers {
    /// The tenant of the users.
    pub tenant: Uuid,
    /// The ids of the users, at most [`MAX`](Self::MAX).
    pub users: Vec<Uuid>,
}

impl FindUsers {
    /// The maximum number of users.
    pub const MAX: usize = 1_000;
}

impl Operation for FindUsers {
    type Output = HashSet<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<HashSet<Uuid>, OpError> {
        Ok(store::find_users(tx, self.users.iter().map(|user| (self.tenant, *user)))?)
    }
}

/// Adds one user to a group, unless the user is already a member.
#[derive(Debug)]
pub struct Put {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub group: Uuid,
    /// The id of the user.
    pub user: Uuid,
    /// The conditions that the version of the group must satisfy.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

impl Addition for Put {
    fn additions(&self) -> Additions<'_> {
        let group = (self.tenant, self.group);
        let users = slice::from_ref(&self.user);
        Additions { group, users, conditions: &self.conditions, now: self.now }
    }

    fn unknown_users(&self, _: Vec<usize>) -> OpError {
        OpError::NotFound
    }
}

impl Operation for Put {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        single(add_all(&[self], tx)?)
    }

    fn run_batch(puts: &[&Self], tx: &mut Tx<'_>) -> Results<()> {
        add_all(puts, tx)
    }
}

/// Removes a member from a group.
#[derive(Debug)]
pub struct Remove {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub group: Uuid,
    /// The id of the user.
    pub user: Uuid,
    /// The conditions that the version of the group must satisfy.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

impl Operation for Remove {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        single(remove_all(&[self], tx)?)
    }

    fn run_batch(removals: &[&Self], tx: &mut Tx<'_>) -> Results<()> {
        remove_all(removals, tx)
    }
}

/// An operation that adds users to a group.
trait Addition: Operation<Output = ()> {
    fn additions(&self) -> Additions<'_>;
    /// The error if the users at these indexes do not exist.
    fn unknown_users(&self, indexes: Vec<usize>) -> OpError;
}

/// The users to add to a group, the conditions, and the time.
struct Additions<'a> {
    group: QualifiedId,
    users: &'a [Uuid],
    conditions: &'a Conditions,
    now: Timestamp,
}

impl Additions<'_> {
    fn user_ids(&self) -> impl Iterator<Item = QualifiedId> {
        self.users.iter().map(|user| (self.group.0, *user))
    }
}

/// The result of a single call.
fn single(results: Vec<Result<(), OpError>>) -> Result<(), OpError> {
    let nothing = || OpError::internal("no result");
    results.into_iter().next().ok_or_else(nothing)?
}

/// Adds the users of several calls together, with few statements on PostgreSQL. A user that several calls add is added
/// by the first.
fn add_all<A: Addition>(calls: &[&A], tx: &mut Tx<'_>) -> Results<()> {
    let additions: Vec<_> = calls.iter().map(|call| call.additions()).collect();
    let on_locked = if calls.len() == 1 { OnLocked::Wait } else { OnLocked::Skip };
    let users = store::lock_users(tx, additions.iter().flat_map(Additions::user_ids), on_locked)?;
    let mut groups = lock_groups(tx, additions.iter().map(|additions| additions.group))?;
    let check = |(call, additions)| check(call, additions, &users, &groups, on_locked);
    let results: Vec<_> = calls.iter().copied().zip(&additions).map(check).collect();
    let accepted = || additions.iter().enumerate().zip(&results).filter(|(_, result)| result.is_ok());
    let mut rows = BTreeMap::new();
    for ((_, Additions { group, users, now, .. }), _) in accepted() {
        for user in *users {
            rows.entry((*group, *user)).or_insert_with(|| NewMemberRow::new(*group, *user, *now));
        }
    }
    let rows: Vec<_> = rows.into_values().collect();
    let mut added = store::insert(tx, &rows)?;
    for ((call, Additions { group, users, now, .. }), _) in accepted() {
        let users: Vec<_> = users.iter().copied().filter(|user| added.remove(&(*group, *user))).collect();
        tx.set_call(call);
        record(tx, &mut groups, *group, &users, 1, *now);
    }
    groups.write(tx)?;
    Ok(results)
}

/// Locks the groups of a batch. Waits for a locked group only if all calls concern that group. Otherwise, the wait would
/// delay calls that concern other groups.
fn lock_groups(tx: &mut Tx<'_>, ids: impl Iterator<Item = QualifiedId>) -> Result<LockedGroups, OpError> {
    let ids: BTreeSet<_> = ids.collect();
    let on_locked = if ids.len() == 1 { OnLocked::Wait } else { OnLocked::Skip };
    Ok(LockedGroups::lock(tx, ids.into_iter(), on_locked)?)
}

/// The error of a call whose user or group was not found. If locked rows were skipped, the call is retried alone.
fn retry_if_skipped(error: OpError, on_locked: OnLocked) -> OpError {
    match on_locked {
        OnLocked::Wait => error,
        OnLocked::Skip => OpError::retry(format!("locked by another transaction, or {error}")),
    }
}

/// Checks the group of a call, and that its users exist.
fn check<A: Addition>(
    call: &A,
    additions: &Additions<'_>,
    users: &HashSet<QualifiedId>,
    groups: &LockedGroups,
    on_locked: OnLocked,
) -> Result<(), OpError> {
    check_group(groups, additions.group, additions.conditions, on_locked)?;
    let unknown = additions.user_ids().enumerate().filter(|(_, id)| !users.contains(id));
    let unknown: Vec<_> = unknown.map(|(index, _)| index).collect();
    if unknown.is_empty() { Ok(()) } else { Err(retry_if_skipped(call.unknown_users(unknown), on_locked)) }
}

/// Checks that a group exists and that its version satisfies the conditions of a call. In a batch, other calls can change
/// the version, so a call with conditions is retried alone.
fn check_group(
    groups: &LockedGroups,
    group: QualifiedId,
    conditions: &Conditions,
    on_locked: OnLocked,
) -> Result<(), OpError> {
    let missing = || retry_if_skipped(OpError::NotFound, on_locked);
    let version = groups.version(group).ok_or_else(missing)?;
    if on_locked == OnLocked::Skip && *conditions != Conditions::default() {
        return Err(OpError::retry("a call with conditions runs alone"));
    }
    if conditions.allow_write(version) { Ok(()) } else { Err(OpError::PreconditionFailed(Some(version))) }
}

/// Removes the members of several calls together, with few statements per group on PostgreSQL. A member that several
/// calls remove is removed by the first.
fn remove_all(calls: &[&Remove], tx: &mut Tx<'_>) -> Results<()> {
    let group_of = |call: &Remove| (call.tenant, call.group);
    let on_locked = if calls.len() == 1 { OnLocked::Wait } else { OnLocked::Skip };
    let mut groups = lock_groups(tx, calls.iter().map(|call| group_of(call)))?;
    let check = |call: &&Remove| check_group(&groups, group_of(call), &call.conditions, on_locked);
    let checked: Vec<_> = calls.iter().map(check).collect();
    let mut by_group: BTreeMap<QualifiedId, BTreeSet<Uuid>> = BTreeMap::new();
    for (call, _) in calls.iter().zip(&checked).filter(|(_, checked)| checked.is_ok()) {
        by_group.entry(group_of(call)).or_default().insert(call.user);
    }
    let mut removed = HashSet::new();
    for (group, users) in by_group {
        let users = store::delete(tx, group, &users)?;
        removed.extend(users.into_iter().map(|user| (group, user)));
    }
    let mut results = Vec::with_capacity(calls.len());
    for (index, (call, checked)) in calls.iter().zip(checked).enumerate() {
        let group = group_of(call);
        let mut is_removed = || removed.remove(&(group, call.user)).then_some(()).ok_or(OpError::NotFound);
        let result = checked.and_then(|()| is_removed());
        if result.is_ok() {
            tx.set_call(index);
            record(tx, &mut groups, group, &[call.user], -1, call.now);
        }
        results.push(result);
    }
    groups.write(tx)?;
    Ok(results)
}

/// Removes a locked user from all its groups. Other transactions cannot add memberships of a locked user.
pub(super) fn remove_from_all_groups(
    tx: &mut Tx<'_>,
    user: QualifiedId,
    now: Timestamp,
) -> Result<(), OpError> {
    let (tenant, id) = user;
    let groups = store::groups_of(tx, user)?;
    if groups.is_empty() {
        return Ok(());
    }
    let groups = groups.into_iter().map(|group| (tenant, group));
    let mut groups = LockedGroups::lock(tx, groups, OnLocked::Wait)?;
    // Other transactions may have removed some of the memberships before the groups were locked.
    for group in store::delete_all(tx, user)? {
        record(tx, &mut groups, (tenant, group), &[id], -1, now);
    }
    groups.write(tx)
}

/// Adds a new user to those of the groups that exist, and returns them. Other transactions do not see the user yet.
pub(super) fn add_to_groups(
    tx: &mut Tx<'_>,
    (tenant, user): QualifiedId,
    groups: &BTreeSet<Uuid>,
    now: Timestamp,
) -> Result<BTreeSet<Uuid>, OpError> {
    let groups: Vec<_> = groups.iter().map(|group| (tenant, *group)).collect();
    let mut locked = LockedGroups::lock(tx, groups.iter().copied(), OnLocked::Wait)?;
    let existing: Vec<_> = groups.into_iter().filter(|group| locked.version(*group).is_some()).collect();
    let rows: Vec<_> = existing.iter().map(|group| NewMemberRow::new(*group, user, now)).collect();
    store::insert(tx, &rows)?;
    for group in &existing {
        record(tx, &mut locked, *group, &[user], 1, now);
    }
    locked.write(tx)?;
    Ok(existing.into_iter().map(|(_, group)| group).collect())
}

/// Returns those of the users that exist.
pub(super) fn existing(tx: &mut Tx<'_>, tenant: Uuid, users: &BTreeSet<Uuid>) -> QueryResult<BTreeSet<Uuid>> {
    let found = store::find_users(tx, users.iter().map(|user| (tenant, *user)))?;
    Ok(found.into_iter().collect())
}

/// Records the members that a call added to a group (`sign` 1) or removed from it (-1). If there are any, the version
/// of the group increases by one.
fn record(
    tx: &mut Tx<'_>,
    groups: &mut LockedGroups,
    group: QualifiedId,
    users: &[Uuid],
    sign: i64,
    now: Timestamp,
) {
    let change = if sign > 0 { Change::member_added } else { Change::member_removed };
    let count = i64::try_from(users.len()).unwrap_or(i64::MAX);
    if let Some((version, time)) = groups.grow(group, sign * count, now) {
        let (tenant, id) = group;
        let group = Stamp { id, version, time };
        users.iter().for_each(|user| tx.record(change(tenant, group, *user)));
    }
}
