//! What to do with a membership.

use super::trail::Writes;
use super::{Author, Conflict, Outcome, Reason, Step, Target};

/// The changes of one membership since the start of the range.
#[derive(Clone, Debug, Default)]
pub struct MemberTrail {
    writes: Writes,
    /// Whether the last change added the user.
    last_added: bool,
}

impl MemberTrail {
    /// Adds the next change, in the order of revisions: by `by`, or by the actor if it is `None`.
    pub fn add(&mut self, revision: i64, added: bool, by: Option<&Author>) {
        self.writes.add(revision, by, Some(Some((!added).into())));
        self.last_added = added;
    }

    /// Whether the user was a member after the last change, if the group has not been deleted since.
    #[must_use]
    pub fn last_added(&self) -> bool {
        self.last_added
    }

    /// Decides how to undo the changes. `is_member` is whether the user is a member, and `can_be` whether the user and the
    /// group exist.
    #[must_use]
    pub fn decide(self, target: Target, is_member: bool, can_be: bool) -> (Outcome, Option<Conflict>) {
        let Writes { before, selected, later } = self.writes;
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
