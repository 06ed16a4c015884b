//! Members: users added to groups, removed from them, read. Each is a row of its own: what is done about one costs the
//! same in a group of ten and in one of a hundred thousand.
//!
//! Whoever changes who is in a group locks the group's row, and nothing else of it, after the users that it adds. So what
//! a group counts is what is there, its version moves once a request, and nobody is lost.

mod edit;
mod groups;
mod pages;
mod store;
mod unpaged;

pub(super) use edit::{Difference, Newcomers};
pub use pages::{Find, List, ListGroups};
pub use unpaged::{AllMembers, GroupNames, GroupsWithMembers};

use crate::db::rows::NewMemberRow;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Change, Stamp};
use crate::domain::member::unknown_users;
use crate::domain::time::Timestamp;
use crate::ops::MAX_BATCH;
use crate::ops::{OpError, Results};
use groups::Groups;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::slice;
use store::Locked;
use uuid::Uuid;

/// A resource, by its tenant's and its own id.
type Name = (Uuid, Uuid);

/// Adds users to a group, all or none. Who is there already stays.
#[derive(Debug)]
pub struct Add {
    /// In this tenant.
    pub tenant: Uuid,
    /// The group's id.
    pub group: Uuid,
    /// The users' ids; [`OpError::Invalid`] names the places of those that are not there.
    pub users: Vec<Uuid>,
    /// At this time.
    pub now: Timestamp,
}

impl Addition for Add {
    fn asked(&self) -> Asked<'_> {
        Asked { group: (self.tenant, self.group), users: &self.users, now: self.now }
    }

    fn refusal(&self, unknown: Vec<usize>) -> OpError {
        OpError::Invalid(unknown_users(unknown))
    }
}

impl Operation for Add {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    /// Each may add a thousand.
    const MAX_BATCH: usize = MAX_BATCH / 10;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        only(add_all(&[self], tx)?)
    }

    fn run_batch(adds: &[&Self], tx: &mut Tx<'_>) -> Results<()> {
        add_all(adds, tx)
    }
}

/// Adds one user to a group, unless it is there already.
#[derive(Debug)]
pub struct Put {
    /// In this tenant.
    pub tenant: Uuid,
    /// The group's id.
    pub group: Uuid,
    /// The user's id.
    pub user: Uuid,
    /// At this time.
    pub now: Timestamp,
}

impl Addition for Put {
    fn asked(&self) -> Asked<'_> {
        Asked { group: (self.tenant, self.group), users: slice::from_ref(&self.user), now: self.now }
    }

    fn refusal(&self, _: Vec<usize>) -> OpError {
        OpError::NotFound
    }
}

impl Operation for Put {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        only(add_all(&[self], tx)?)
    }

    fn run_batch(puts: &[&Self], tx: &mut Tx<'_>) -> Results<()> {
        add_all(puts, tx)
    }
}

/// Removes a user from a group that it is in.
#[derive(Debug)]
pub struct Remove {
    /// In this tenant.
    pub tenant: Uuid,
    /// The group's id.
    pub group: Uuid,
    /// The user's id.
    pub user: Uuid,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Remove {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        only(remove_all(&[self], tx)?)
    }

    fn run_batch(removals: &[&Self], tx: &mut Tx<'_>) -> Results<()> {
        remove_all(removals, tx)
    }
}

/// An operation that adds users to a group.
trait Addition: Operation<Output = ()> {
    fn asked(&self) -> Asked<'_>;
    /// Why it is not carried out when there are no users at these of its places.
    fn refusal(&self, unknown: Vec<usize>) -> OpError;
}

/// Which users are to be added to which group, and when.
struct Asked<'a> {
    group: Name,
    users: &'a [Uuid],
    now: Timestamp,
}

impl Asked<'_> {
    fn names(&self) -> impl Iterator<Item = Name> {
        self.users.iter().map(|user| (self.group.0, *user))
    }
}

/// The one result of a call that is alone.
fn only(results: Vec<Result<(), OpError>>) -> Result<(), OpError> {
    let nothing = || OpError::internal("no result");
    results.into_iter().next().ok_or_else(nothing)?
}

/// Several calls' users are added with one statement on PostgreSQL. Who is wanted by more than one is added by the first.
fn add_all<A: Addition>(calls: &[&A], tx: &mut Tx<'_>) -> Results<()> {
    let asked: Vec<_> = calls.iter().map(|call| call.asked()).collect();
    let locked = if calls.len() == 1 { Locked::Wait } else { Locked::Skip };
    let users = store::lock_users(tx, asked.iter().flat_map(Asked::names), locked)?;
    let mut groups = lock(tx, asked.iter().map(|asked| asked.group))?;
    let admit = |(call, asked)| admit(call, asked, &users, &groups).map_err(|error| or_locked(error, locked));
    let results: Vec<_> = calls.iter().copied().zip(&asked).map(admit).collect();
    let admitted = || asked.iter().enumerate().zip(&results).filter(|(_, result)| result.is_ok());
    let mut rows = BTreeMap::new();
    for ((_, asked), _) in admitted() {
        for user in asked.users {
            rows.entry((asked.group, *user))
                .or_insert_with(|| NewMemberRow::new(asked.group, *user, asked.now));
        }
    }
    let rows: Vec<_> = rows.into_values().collect();
    let mut added = store::insert(tx, &rows)?;
    for ((turn, asked), _) in admitted() {
        let users: Vec<_> =
            asked.users.iter().copied().filter(|user| added.remove(&(asked.group, *user))).collect();
        tx.set_call(turn);
        tell(tx, &mut groups, asked.group, &users, 1, asked.now);
    }
    groups.write(tx)?;
    Ok(results)
}

/// Locks the groups of calls. Those that others have locked are waited for only where all calls are about one: else
/// they would hold up calls that have nothing to do with them.
fn lock(tx: &mut Tx<'_>, names: impl Iterator<Item = Name>) -> Result<Groups, OpError> {
    let names: BTreeSet<_> = names.collect();
    let locked = if names.len() == 1 { Locked::Wait } else { Locked::Skip };
    Ok(Groups::lock(tx, names.into_iter(), locked)?)
}

/// Why a call among several is not carried out: what is not there may also be locked, which is found out alone.
fn or_locked(error: OpError, locked: Locked) -> OpError {
    match locked {
        Locked::Wait => error,
        Locked::Skip => OpError::retry(format!("others have locked it, or {error}")),
    }
}

fn admit<A: Addition>(
    call: &A,
    asked: &Asked<'_>,
    users: &HashSet<Name>,
    groups: &Groups,
) -> Result<(), OpError> {
    if !groups.have(asked.group) {
        return Err(OpError::NotFound);
    }
    let unknown = asked.names().enumerate().filter(|(_, name)| !users.contains(name));
    let unknown: Vec<_> = unknown.map(|(place, _)| place).collect();
    if unknown.is_empty() { Ok(()) } else { Err(call.refusal(unknown)) }
}

/// Several calls' users are removed with one statement a group on PostgreSQL. Who is unwanted by more than one is removed
/// by the first.
fn remove_all(calls: &[&Remove], tx: &mut Tx<'_>) -> Results<()> {
    let group = |call: &Remove| (call.tenant, call.group);
    let among = if calls.len() == 1 { Locked::Wait } else { Locked::Skip };
    let mut groups = lock(tx, calls.iter().map(|call| group(call)))?;
    let mut unwanted: BTreeMap<Name, BTreeSet<Uuid>> = BTreeMap::new();
    for call in calls.iter().filter(|call| groups.have(group(call))) {
        unwanted.entry(group(call)).or_default().insert(call.user);
    }
    let mut removed = HashSet::new();
    for (group, users) in unwanted {
        let users = store::delete(tx, group, &users)?;
        removed.extend(users.into_iter().map(|user| (group, user)));
    }
    let mut results = Vec::with_capacity(calls.len());
    for (turn, call) in calls.iter().enumerate() {
        let is_done = removed.remove(&(group(call), call.user));
        if is_done {
            tx.set_call(turn);
            tell(tx, &mut groups, group(call), &[call.user], -1, call.now);
        }
        let locked = if groups.have(group(call)) { Locked::Wait } else { among };
        results.push(if is_done { Ok(()) } else { Err(or_locked(OpError::NotFound, locked)) });
    }
    groups.write(tx)?;
    Ok(results)
}

/// Removes a locked user, to whom nobody can add memberships any more, from all its groups.
pub(super) fn leave_all(tx: &mut Tx<'_>, user: Name, now: Timestamp) -> Result<(), OpError> {
    let (tenant, id) = user;
    let groups = store::groups_of(tx, user)?;
    if groups.is_empty() {
        return Ok(());
    }
    let groups = groups.into_iter().map(|group| (tenant, group));
    let mut groups = Groups::lock(tx, groups, Locked::Wait)?;
    // Others may have removed it from some of them before these were locked.
    for group in store::delete_all(tx, user)? {
        tell(tx, &mut groups, (tenant, group), &[id], -1, now);
    }
    groups.write(tx)
}

/// Records what one call did about users of a group: the group comes to its next version, with a fact for each.
fn tell(tx: &mut Tx<'_>, groups: &mut Groups, group: Name, users: &[Uuid], each: i64, now: Timestamp) {
    let fact = if each > 0 { Change::member_added } else { Change::member_removed };
    let count = i64::try_from(users.len()).unwrap_or(i64::MAX);
    if let Some((version, time)) = groups.change(group, each * count, now) {
        let (tenant, id) = group;
        let group = Stamp { id, version, time };
        users.iter().for_each(|user| tx.record(fact(tenant, group, *user)));
    }
}
