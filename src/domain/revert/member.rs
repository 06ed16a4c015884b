//! What to do with a membership.

use super::writes::{State, Writes};
use super::{Conflict, Outcome, Reason, Role, Step, Target};

/// The changes of one membership since the start of the range.
#[derive(Clone, Debug, Default)]
pub struct MemberTrail {
    writes: Writes,
    /// Whether the newest change added the user.
    last_added: Option<bool>,
}

impl MemberTrail {
    /// Adds the next older change.
    pub fn add(&mut self, revision: i64, added: bool, role: &Role) {
        let is_member = |is_member: bool| State::Value(Some(is_member.into()));
        self.writes.add(revision, role, is_member(!added), is_member(added));
        self.last_added.get_or_insert(added);
    }

    /// Whether the user was a member after the newest change, if the group has not been deleted since.
    #[must_use]
    pub fn last_added(&self) -> bool {
        self.last_added.unwrap_or_default()
    }

    /// The revisions that are to be undone.
    #[must_use]
    pub fn selected(&self) -> &[i64] {
        &self.writes.selected
    }

    /// Whether somebody else has changed the membership.
    #[must_use]
    pub fn has_other_writes(mut self) -> bool {
        self.writes.settle();
        self.writes.newest_of_others().is_some()
    }

    /// Decides how to undo the changes. `is_member` is whether the user is a member, and `can_be` whether the user and the
    /// group exist.
    #[must_use]
    pub fn decide(mut self, target: Target, is_member: bool, can_be: bool) -> (Outcome, Option<Conflict>) {
        self.writes.settle();
        let Writes { before, selected, later, .. } = self.writes;
        let was_member = before == Some(Some(true.into()));
        let unchanged = |conflict| {
            let (outcome, attributes, reverts) = (Step::Unchanged, Vec::new(), [].into());
            (Outcome { target, outcome, attributes, reverts }, conflict)
        };
        match later {
            _ if selected.is_empty() || was_member == is_member => unchanged(None),
            Some(later) => unchanged(Some(Conflict::with(None, Reason::Changed, &later))),
            None if was_member && !can_be => unchanged(Some(Conflict::of(None, Reason::Missing))),
            None => {
                let outcome = if was_member { Step::Add } else { Step::Remove };
                let (attributes, reverts) = (Vec::new(), selected.into_iter().collect());
                (Outcome { target, outcome, attributes, reverts }, None)
            }
        }
    }
}
