//! The results of a revert.

use super::Revertible;
use super::assess::Assessment;
use crate::domain::change::ResourceKind;
use crate::domain::revert::{Conflict, Outcome, Step, Target};
use serde::Serialize;
use uuid::Uuid;

/// A conflict, with the user, group or membership that it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetConflict {
    /// The user, group or membership.
    #[serde(flatten)]
    pub target: Target,
    /// The conflict.
    #[serde(flatten)]
    pub conflict: Conflict,
}

/// The results of a portion.
#[derive(Debug, Default)]
pub struct Results {
    /// What is done with each item.
    pub outcomes: Vec<Outcome>,
    /// The changes that are not undone.
    pub conflicts: Vec<TargetConflict>,
}

impl Results {
    pub(super) fn append(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        self.conflicts.extend(other.conflicts);
    }
}

/// The results of the users or groups of a portion.
pub(super) fn results<R: Revertible>(assessment: &Assessment<R>) -> Results {
    let mut results = Results::default();
    for resource in &assessment.resources {
        let (target, decision) = (target::<R>(resource.id), &resource.decision);
        let attributes = match decision.step {
            Step::Update => decision.values.keys().cloned().collect(),
            _ => Vec::new(),
        };
        results.outcomes.push(Outcome {
            target,
            outcome: decision.step,
            attributes,
            reverts: decision.reverts(),
        });
        let conflict = |conflict: &Conflict| TargetConflict { target, conflict: conflict.clone() };
        results.conflicts.extend(decision.conflicts.iter().map(conflict));
    }
    results
}

/// The resource with an id.
pub(super) fn target<R: Revertible>(id: Uuid) -> Target {
    let [created, ..] = R::KINDS;
    match created.resource() {
        ResourceKind::Group => Target::Group { id },
        _ => Target::User { id },
    }
}

/// The maximum number of conflicts in a report, which limits its size.
const MAX_CONFLICTS: usize = 10_000;

/// The results of a revert so far. docs/undo.md describes it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The newest revision: at the beginning of a plan, or after the last portion.
    pub head: i64,
    /// The number of changes to revert.
    pub changes: usize,
    /// What is done with each user, group and membership.
    pub items: Vec<Outcome>,
    /// The first changes that are not undone.
    pub conflicts: Vec<TargetConflict>,
    /// The number of all changes that are not undone.
    pub conflict_count: usize,
    /// The portions that were applied. Absent in a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portions: Option<Vec<AppliedPortion>>,
    /// The number of users, groups and memberships that were not processed, because the revert ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<usize>,
}

/// A portion that was applied in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AppliedPortion {
    /// The number of users, groups and memberships.
    pub items: usize,
    /// The revisions of the first and the last change, if anything was changed.
    pub revisions: Option<[i64; 2]>,
}

impl Report {
    pub(super) fn add(&mut self, results: Results) {
        self.items.extend(results.outcomes);
        self.conflict_count += results.conflicts.len();
        let room = MAX_CONFLICTS.saturating_sub(self.conflicts.len());
        self.conflicts.extend(results.conflicts.into_iter().take(room));
    }
}
