//! Plans a portion without writing.

use super::assess::{Assessment, assess};
use super::report::{Results, results};
use super::{Portion, Revertible, members, portion_budget};
use crate::db::{Class, Operation, Tx};
use crate::domain::group::Group;
use crate::domain::revert::{Claim, Owners, Step};
use crate::domain::user::User;
use crate::ops::OpError;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// What the earlier portions of a plan would have done.
#[derive(Clone, Debug, Default)]
pub struct Foreseen {
    /// The users and groups that would have been deleted and restored.
    pub(super) deleted: BTreeSet<Uuid>,
    pub(super) restored: BTreeSet<Uuid>,
    /// The unique values by table and claim, with the resources that would have them.
    values: HashMap<(&'static str, Claim), Option<Uuid>>,
}

impl Foreseen {
    /// Corrects the owners of unique values.
    pub(super) fn correct<R: Revertible>(&self, owners: &mut Owners) {
        for ((table, claim), owner) in &self.values {
            if *table == R::TABLE.name {
                match owner {
                    Some(owner) => drop(owners.insert(claim.clone(), *owner)),
                    None => drop(owners.remove(claim)),
                }
            }
        }
    }

    fn add<R: Revertible>(&mut self, assessment: &Assessment<R>) {
        let table = R::TABLE.name;
        for resource in &assessment.resources {
            for claim in resource.decision.releases(resource.snapshot.as_ref()) {
                self.values.insert((table, claim), None);
            }
            match resource.decision.step {
                Step::Delete => drop(self.deleted.insert(resource.id)),
                Step::Restore => drop(self.restored.insert(resource.id)),
                _ => {}
            }
        }
        for resource in &assessment.resources {
            for claim in resource.decision.claims() {
                self.values.insert((table, claim), Some(resource.id));
            }
        }
    }
}

/// Decides what to do with the items of a portion.
#[derive(Debug)]
pub struct Plan {
    /// The portion.
    pub portion: Portion,
    /// What the earlier portions would have done.
    pub foreseen: Arc<Foreseen>,
}

impl Operation for Plan {
    /// The results, and what the portions so far would have done. `None` if the portion is too large.
    type Output = Option<(Results, Foreseen)>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        tx.in_snapshot(|tx| self.plan(tx))
    }
}

impl Plan {
    fn plan(&self, tx: &mut Tx<'_>) -> Result<Option<(Results, Foreseen)>, OpError> {
        let (portion, budget) = (&self.portion, &mut portion_budget());
        let users = assess::<User>(tx, portion, &portion.users(), &self.foreseen, budget)?;
        let groups = assess::<Group>(tx, portion, &portion.groups(), &self.foreseen, budget)?;
        if budget.is_spent() && portion.range.len() > 1 {
            return Ok(None);
        }
        let mut foreseen = (*self.foreseen).clone();
        foreseen.add(&users);
        foreseen.add(&groups);
        let mut all = results(&users);
        all.append(results(&groups));
        all.append(members::plan(tx, portion, &foreseen)?);
        Ok(Some((all, foreseen)))
    }
}
