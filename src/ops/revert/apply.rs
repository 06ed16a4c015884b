//! Applies a portion.

use super::assess::{Assessed, Assessment, assess, present};
use super::report::{Results, results};
use super::{Foreseen, Portion, Revertible, members, portion_budget};
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Change, ResourceKind};
use crate::domain::group::Group;
use crate::domain::revert::{Outcome, Step, Target, merge};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::OpError;
use crate::ops::restore::Restore;
use crate::schema::heads;
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;
use uuid::Uuid;

/// Undoes the changes of a portion.
#[derive(Debug)]
pub struct Apply {
    /// The portion.
    pub portion: Portion,
    /// The time of the changes.
    pub now: Timestamp,
}

impl Operation for Apply {
    /// The results, and the first and last revision, if a change was recorded. `None` if the portion is too large.
    type Output = Option<(Results, Option<[i64; 2]>)>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let (portion, budget) = (&self.portion, &mut portion_budget());
        let locked = (true, &Foreseen::default());
        let users = assess::<User>(tx, portion, &portion.users(), locked, budget)?;
        let groups = assess::<Group>(tx, portion, &portion.groups(), locked, budget)?;
        if budget.is_spent() && portion.range.len() > 1 {
            return Ok(None);
        }
        let mut all = results(&users);
        all.append(results(&groups));
        self.write(tx, users)?;
        self.write(tx, groups)?;
        all.append(members::apply(tx, portion, self.now)?);
        set_reverts(tx, &all.outcomes);
        let revisions = self.insert_changes(tx)?;
        Ok(Some((all, revisions)))
    }
}

impl Apply {
    /// Deletions come first, and restores last, because they free unique values and need them.
    fn write<R: Revertible>(&self, tx: &mut Tx<'_>, assessment: Assessment<R>) -> Result<(), OpError> {
        let Assessment { resources, owners, .. } = assessment;
        let tenant = self.portion.tenant;
        let ids = |step: Step| with_step(&resources, step).map(|resource| resource.id).collect();
        let (updated, deleted): (BTreeSet<_>, BTreeSet<_>) = (ids(Step::Update), ids(Step::Delete));
        // The deletion of users gives groups new versions, so the locked groups are read again.
        for resource in in_order(present::<R>(tx, tenant, &deleted, false)?) {
            let memberships = resource.delete(tx, tenant, self.now)?;
            tx.record(Change { memberships, ..Change::deleted(tenant, &resource, self.now) });
        }
        let mut present = present::<R>(tx, tenant, &updated, false)?;
        for resource in with_step(&resources, Step::Update) {
            for claim in resource.decision.claims() {
                let owner = owners.get(&claim).copied();
                if let Some(owner) = owner.filter(|owner| *owner != resource.id && updated.contains(owner)) {
                    R::free(tx, tenant, owner, &claim)?;
                }
            }
        }
        for resource in with_step(&resources, Step::Update) {
            if let Some(present) = present.remove(&resource.id) {
                self.update(tx, &present, resource)?;
            }
        }
        for resource in with_step(&resources, Step::Restore) {
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
        if !resource.decision.reverts().contains(&deletion.revision) {
            return Err(retry());
        }
        deletion.before = merge(deletion.before, &resource.decision.values);
        R::bring_back(tx, deletion)
    }

    /// Inserts the changes, to learn their revisions. The head row remains locked until the commit.
    fn insert_changes(&self, tx: &mut Tx<'_>) -> Result<Option<[i64; 2]>, OpError> {
        let count = i64::try_from(tx.recorded().len()).unwrap_or(i64::MAX);
        if count == 0 {
            return Ok(None);
        }
        tx.insert_changes()?;
        let last: i64 = tx.get(heads::table.find(Uid(self.portion.tenant)).select(heads::revision))?;
        Ok(Some([last - count + 1, last]))
    }
}

fn with_step(resources: &[Assessed], step: Step) -> impl Iterator<Item = &Assessed> {
    resources.iter().filter(move |resource| resource.decision.step == step)
}

/// The resources in the order of their ids.
fn in_order<R>(resources: HashMap<Uuid, R>) -> impl Iterator<Item = R> {
    BTreeMap::from_iter(resources).into_values()
}

/// Gives each change the revisions that it undoes. A membership that ends with the deletion of its user, or is restored with
/// its group, undoes the newest change of that user or group.
fn set_reverts(tx: &mut Tx<'_>, outcomes: &[Outcome]) {
    let reverts: HashMap<_, _> = outcomes.iter().map(|outcome| (outcome.target, &outcome.reverts)).collect();
    for change in tx.recorded() {
        let of = |target: Target| reverts.get(&target).filter(|reverts| !reverts.is_empty());
        let group = Target::Group { id: change.id };
        let own = match change.member {
            Some(user_id) => of(Target::Member { group_id: change.id, user_id }),
            None if change.kind.resource() == ResourceKind::Group => of(group),
            None => of(Target::User { id: change.id }),
        };
        let side = || change.member.and_then(|id| of(group).or_else(|| of(Target::User { id })))?.last();
        change.reverts = match own {
            Some(own) => own.iter().copied().collect(),
            None => side().copied().into_iter().collect(),
        };
    }
}
