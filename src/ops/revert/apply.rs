//! Applies a portion.

use super::assess::{Assessed, Assessment, assess, present};
use super::report::{Results, results};
use super::{Foreseen, Portion, Revertible, locks, members, portion_budget};
use crate::db::types::Uid;
use crate::db::{Class, DbError, Operation, Tx};
use crate::domain::change::{Change, ChangeKind, ResourceKind};
use crate::domain::group::Group;
use crate::domain::revert::{MemberTrail, Outcome, Step, Target, merge};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::OpError;
use crate::ops::restore::Restore;
use crate::schema::heads;
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;
use std::time::Instant;
use uuid::Uuid;

/// Undoes the changes of a portion.
#[derive(Debug)]
pub struct Apply {
    /// The portion.
    pub portion: Portion,
    /// The time of the changes.
    pub now: Timestamp,
    /// The newest revision that must precede the changes, if no other write may.
    pub head: Option<i64>,
    /// The time at which the portion is given up, so that smaller ones can be applied before the deadline.
    pub give_up: Option<Instant>,
}

impl Operation for Apply {
    /// The results, and the first and last revision, if a change was recorded. `None` if the portion is too large.
    type Output = Option<(Results, Option<[i64; 2]>)>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    /// # Errors
    /// [`OpError::PreconditionFailed`] with the newest revision if it is not `head`, and [`DbError::Busy`] if the portion takes
    /// too long.
    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let (portion, budget, nothing) = (&self.portion, &mut portion_budget(), &Foreseen::default());
        locks::lock_users(tx, portion)?;
        let users = assess::<User>(tx, portion, &portion.users(), nothing, budget)?;
        self.check_time()?;
        locks::lock_groups(tx, portion, &users.ids(Step::Delete))?;
        let groups = assess::<Group>(tx, portion, &portion.groups(), nothing, budget)?;
        self.check_time()?;
        if budget.is_spent() && portion.range.len() > 1 {
            return Ok(None);
        }
        let mut undoes = users.undoes();
        undoes.extend(groups.undoes());
        let mut all = results(&users);
        all.append(results(&groups));
        self.write(tx, users)?;
        self.write(tx, groups)?;
        all.append(members::apply(tx, portion, self.now)?);
        set_reverts(tx, portion, &all.outcomes, &undoes)?;
        let revisions = self.insert_changes(tx)?;
        Ok(Some((all, revisions)))
    }
}

impl Apply {
    /// Deletions come first, and restores last, because they free unique values and need them.
    fn write<R: Revertible>(&self, tx: &mut Tx<'_>, assessment: Assessment<R>) -> Result<(), OpError> {
        let (updated, deleted) = (assessment.ids(Step::Update), assessment.ids(Step::Delete));
        let Assessment { resources, owners, .. } = assessment;
        let tenant = self.portion.tenant;
        // The deletion of users gives groups new versions, so the locked groups are read again.
        for resource in in_order(present::<R>(tx, tenant, &deleted)?) {
            self.check_time()?;
            let memberships = resource.delete(tx, tenant, self.now)?;
            tx.record(Change { memberships, ..Change::deleted(tenant, &resource, self.now) });
        }
        let mut present = present::<R>(tx, tenant, &updated)?;
        for resource in with_step(&resources, Step::Update) {
            for claim in resource.decision.claims() {
                let owner = owners.get(&claim).copied();
                if let Some(owner) = owner.filter(|owner| *owner != resource.id && updated.contains(owner)) {
                    R::free(tx, tenant, owner, &claim)?;
                }
            }
        }
        for resource in with_step(&resources, Step::Update) {
            self.check_time()?;
            if let Some(present) = present.remove(&resource.id) {
                self.update(tx, &present, resource)?;
            }
        }
        for resource in with_step(&resources, Step::Restore) {
            self.check_time()?;
            self.restore::<R>(tx, resource)?;
        }
        Ok(())
    }

    fn update<R: Revertible>(
        &self,
        tx: &mut Tx<'_>,
        present: &R,
        resource: &Assessed,
    ) -> Result<(), OpError> {
        let snapshot = merge(present.snapshot(), &resource.decision.values);
        let new =
            R::from_snapshot(present.stamp(), present.created_at(), snapshot).map_err(OpError::internal)?;
        present.write(tx, self.portion.tenant, new.into_draft(), self.now).map(drop)
    }

    fn restore<R: Revertible>(&self, tx: &mut Tx<'_>, resource: &Assessed) -> Result<(), OpError> {
        let restore =
            Restore::<R> { tenant: self.portion.tenant, id: resource.id, now: self.now, of: PhantomData };
        // A resource that does not exist is not locked, so another call can have restored it.
        let retry = || OpError::retry("the resource was restored concurrently");
        let mut deletion = match restore.deletion(tx) {
            Err(OpError::Refused(_)) => return Err(retry()),
            deletion => deletion?,
        };
        if resource.decision.deletion != Some(deletion.revision) {
            return Err(retry());
        }
        deletion.before = merge(deletion.before, &resource.decision.values);
        R::bring_back(tx, deletion)
    }

    /// Inserts the changes, to learn their revisions. The head row remains locked until the commit, so that no other write of
    /// the tenant can precede them.
    fn insert_changes(&self, tx: &mut Tx<'_>) -> Result<Option<[i64; 2]>, OpError> {
        let count = i64::try_from(tx.recorded().len()).unwrap_or(i64::MAX);
        if count > 0 {
            tx.insert_changes()?;
        }
        let last: i64 = tx.get(heads::table.find(Uid(self.portion.tenant)).select(heads::revision))?;
        let previous = last - count;
        if self.head.is_some_and(|head| head != previous) {
            return Err(OpError::PreconditionFailed(Some(previous)));
        }
        Ok((count > 0).then_some([previous + 1, last]))
    }

    fn check_time(&self) -> Result<(), DbError> {
        match self.give_up {
            Some(time) if Instant::now() > time => {
                Err(DbError::Busy("undoing a portion takes too long".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn with_step(resources: &[Assessed], step: Step) -> impl Iterator<Item = &Assessed> {
    resources.iter().filter(move |resource| resource.decision.step == step)
}

/// The resources in the order of their ids.
fn in_order<R>(resources: HashMap<Uuid, R>) -> impl Iterator<Item = R> {
    BTreeMap::from_iter(resources).into_values()
}

/// Gives each change the revisions that it undoes. `undoes` contains the creations and deletions that are undone. A membership
/// that is restored with its group undoes the deletion of the group. A membership that ends with the deletion of its user
/// undoes the actor's changes of it or, if there are none, the creation of the user.
fn set_reverts(
    tx: &mut Tx<'_>,
    portion: &Portion,
    outcomes: &[Outcome],
    undoes: &HashMap<Target, i64>,
) -> Result<(), OpError> {
    let reverts: HashMap<_, _> = outcomes.iter().map(|outcome| (outcome.target, &outcome.reverts)).collect();
    let own = |target: Target| reverts.get(&target).copied().filter(|reverts| !reverts.is_empty());
    let ended: BTreeSet<_> = tx.recorded().filter_map(|change| ended(change, &own)).collect();
    let trails = members::trails(tx, portion.tenant, &portion.selection, &ended)?;
    for change in tx.recorded() {
        let resource = change.kind.resource();
        let group = Target::Group { id: change.id };
        let target = match change.member {
            Some(user_id) => Target::Member { group_id: change.id, user_id },
            None if resource == ResourceKind::Group => group,
            None => Target::User { id: change.id },
        };
        let of = |target: Target| undoes.get(&target).copied().into_iter().collect();
        change.reverts = match (own(target), change.member) {
            (Some(own), _) => own.iter().copied().collect(),
            (None, Some(user)) if change.kind == ChangeKind::MEMBER_REMOVED => {
                let selected = trails.get(&(change.id, user)).map(MemberTrail::selected).unwrap_or_default();
                if selected.is_empty() {
                    of(Target::User { id: user })
                } else {
                    selected.iter().rev().copied().collect()
                }
            }
            (None, Some(_)) => of(group),
            (None, None) => Vec::new(),
        };
    }
    Ok(())
}

/// The membership that a change ends because its user is deleted.
fn ended<'r>(change: &Change, own: &impl Fn(Target) -> Option<&'r BTreeSet<i64>>) -> Option<(Uuid, Uuid)> {
    let (group_id, user_id) = (change.id, change.member?);
    let is_own = own(Target::Member { group_id, user_id }).is_some();
    (change.kind == ChangeKind::MEMBER_REMOVED && !is_own).then_some((group_id, user_id))
}
