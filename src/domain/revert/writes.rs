//! The writes of one value, folded into what is needed to undo those of the actor.

use super::{Role, Write};
use serde_json::Value;
use std::collections::BTreeSet;

/// A value at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// It was erased.
    Unknown,
    /// The resource did not exist.
    Missing,
    /// The value of an attribute, which can be absent.
    Value(Option<Value>),
}

/// The writes of one value, newest first. Writes that a later revert has undone do not count, and neither does that revert.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    /// The value before the first of the actor's last consecutive writes, which can be absent. `None` if there is no such
    /// value, because the write is a creation or because it was erased.
    pub(super) before: Option<Option<Value>>,
    /// The revisions of these writes, newest first.
    pub(super) selected: Vec<i64>,
    /// The newest write by somebody else, if it is later.
    pub(super) later: Option<Write>,
    /// The newest write by somebody else that is earlier than the selected ones.
    pub(super) earlier: Option<Write>,
    /// The revisions that later reverts have undone.
    undone: BTreeSet<i64>,
    /// The actor's consecutive writes after the range.
    run: Option<Run>,
}

/// Consecutive writes that the actor made after the range.
#[derive(Clone, Debug)]
struct Run {
    newest: Write,
    before: State,
    after: State,
}

impl Writes {
    /// Adds the next older write. Returns whether it counts.
    pub(super) fn add(&mut self, revision: i64, role: &Role, before: State, after: State) -> bool {
        if self.undone.remove(&revision) {
            return false;
        }
        match role {
            Role::Undo(revisions) => {
                self.undone.extend(revisions);
                return false;
            }
            Role::Selected => {
                self.settle();
                // A write by somebody else in between keeps its effect: the actor's earlier writes are not undone.
                if self.earlier.is_none() {
                    self.selected.push(revision);
                    self.before = if let State::Value(value) = before { Some(value) } else { None };
                }
            }
            Role::Later(author) => match &mut self.run {
                Some(run) => run.before = before,
                None => {
                    let newest = Write { revision, author: author.clone() };
                    self.run = Some(Run { newest, before, after });
                }
            },
            Role::Other(author) => {
                self.settle();
                let write = || Write { revision, author: author.clone() };
                let newest = if self.selected.is_empty() { &mut self.later } else { &mut self.earlier };
                newest.get_or_insert_with(write);
            }
        }
        true
    }

    /// Ends the run of the actor's writes after the range. They count as those of somebody else, unless they have changed
    /// nothing together: a revert of the later range then has nothing to undo.
    pub(super) fn settle(&mut self) {
        if let Some(Run { newest, before, after }) = self.run.take()
            && (before != after || before == State::Unknown)
        {
            self.later.get_or_insert(newest);
        }
    }

    /// The newest write by somebody else.
    pub(super) fn newest_of_others(&self) -> Option<&Write> {
        self.later.as_ref().or(self.earlier.as_ref())
    }
}
