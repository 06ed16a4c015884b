//! What to do with a user or group.

use super::trail::{Trail, flatten, merge, source_of};
use super::writes::Writes;
use super::{Conflict, Reason, Write};
use crate::domain::casefold::casefold;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A step that undoes changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Nothing is done: nothing is left to undo, or there is a conflict.
    Unchanged,
    /// Attributes of a user or group are set.
    Update,
    /// The user or group is deleted.
    Delete,
    /// The deleted user or group is restored.
    Restore,
    /// The user is added to the group.
    Add,
    /// The user is removed from the group.
    Remove,
}

/// The decision about a user or group.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The step.
    pub step: Step,
    /// The values to set, by attribute. In a restored resource, they replace those at its deletion.
    pub values: BTreeMap<String, Option<Value>>,
    /// The changes that are not undone.
    pub conflicts: Vec<Conflict>,
    /// The values before the deletion of a resource that is to be restored.
    deleted: Map<String, Value>,
    /// The revisions that each value undoes.
    of_values: BTreeMap<String, Vec<i64>>,
    /// The revisions that a deletion or restore undoes.
    selected: BTreeSet<i64>,
    /// The revision of the creation that a deletion undoes, or of the deletion that a restore undoes.
    pub undoes: Option<i64>,
    /// The revision of the newest deletion of a resource that is to be restored.
    pub deletion: Option<i64>,
}

/// A value that must be unique: an attribute, and its value in the form that is compared.
pub type Claim = (String, String);

impl Trail {
    /// Decides how to undo the changes, given the present snapshot if the resource exists. The trail must be finished. `added` is the newest membership
    /// of a created resource that somebody else has added and that its deletion would remove.
    #[must_use]
    pub fn decide(self, present: Option<&Map<String, Value>>, added: Option<&Write>) -> Decision {
        let was_present = match self.existence.selected.is_empty() {
            true => present.is_some(),
            false => self.existence.before == Some(Some(true.into())),
        };
        match (was_present, present) {
            (true, Some(present)) => self.update(present),
            (false, Some(present)) => self.delete(present, added),
            (true, None) => self.restore(),
            (false, None) => self.vanished(),
        }
    }

    fn update(self, present: &Map<String, Value>) -> Decision {
        let present = flatten(present);
        let mut decision = Decision::new(Step::Unchanged);
        if self.is_erased {
            decision.conflicts.push(Conflict::of(None, Reason::Erased));
        }
        for (name, Writes { before, selected, later, .. }) in self.attributes {
            let Some(before) = before.filter(|before| present.get(&name) != before.as_ref()) else {
                continue;
            };
            match later {
                Some(later) => decision.conflicts.push(Conflict::with(Some(name), Reason::Changed, &later)),
                None => {
                    decision.step = Step::Update;
                    decision.of_values.insert(name.clone(), selected);
                    decision.values.insert(name, before);
                }
            }
        }
        decision
    }

    /// Deletes a created resource, unless others have changed it since. Then, only the actor's later updates are undone.
    fn delete(self, present: &Map<String, Value>, added: Option<&Write>) -> Decision {
        let recreated = self.existence.later.as_ref().map(|later| (Reason::Recreated, later));
        let changed = self.kept().or(added).map(|later| (Reason::Changed, later));
        let Some((reason, later)) = recreated.or(changed) else {
            let undoes = self.creation();
            return Decision { selected: self.selected, undoes, ..Decision::new(Step::Delete) };
        };
        let conflict = Conflict::with(None, reason, later);
        let mut decision = self.update(present);
        decision.conflicts.insert(0, conflict);
        decision
    }

    fn restore(mut self) -> Decision {
        let mut decision = Decision::new(Step::Unchanged);
        if let Some(later) = &self.existence.later {
            decision.conflicts.push(Conflict::with(None, Reason::Deleted, later));
            return decision;
        }
        let Some((deletion, deleted)) = self.deletion().filter(|_| !self.is_erased) else {
            decision.conflicts.push(Conflict::of(None, Reason::Erased));
            return decision;
        };
        let last = flatten(&deleted);
        for (name, Writes { before, later, .. }) in self.attributes {
            let before = before.filter(|before| later.is_none() && last.get(&name) != before.as_ref());
            decision.values.extend(before.map(|before| (name, before)));
        }
        let (selected, undoes) = (self.selected, self.existence.selected.first().copied());
        Decision { step: Step::Restore, deleted, selected, undoes, deletion: Some(deletion), ..decision }
    }

    /// The resource does not exist, and its deletion is not to be undone.
    fn vanished(self) -> Decision {
        let mut decision = Decision::new(Step::Unchanged);
        if self.existence.selected.is_empty() && !self.selected.is_empty() {
            let conflict = match &self.existence.later {
                Some(later) => Conflict::with(None, Reason::Deleted, later),
                None => Conflict::of(None, Reason::Missing),
            };
            decision.conflicts.push(conflict);
        }
        decision
    }
}

impl Decision {
    fn new(step: Step) -> Self {
        Self {
            step,
            values: BTreeMap::new(),
            conflicts: Vec::new(),
            deleted: Map::new(),
            of_values: BTreeMap::new(),
            selected: BTreeSet::new(),
            undoes: None,
            deletion: None,
        }
    }

    /// The revisions that the step undoes.
    #[must_use]
    pub fn reverts(&self) -> BTreeSet<i64> {
        self.of_values.values().flatten().copied().chain(self.selected.iter().copied()).collect()
    }

    /// Does nothing because of a conflict.
    pub fn give_up(&mut self, conflict: Conflict) {
        let conflicts = std::mem::take(&mut self.conflicts);
        *self = Self { conflicts, ..Self::new(Step::Unchanged) };
        self.conflicts.push(conflict);
    }

    /// Leaves a value alone because it belongs to the resource `existing`, if the step writes it. A resource is restored with
    /// all its values or not at all.
    pub fn leave(&mut self, attribute: &str, existing: Option<Uuid>) {
        let conflict =
            Conflict { existing_id: existing, ..Conflict::of(Some(attribute.to_owned()), Reason::Taken) };
        if self.step == Step::Restore {
            return self.give_up(conflict);
        }
        if self.values.remove(attribute).is_none() {
            return;
        }
        self.conflicts.push(conflict);
        self.of_values.remove(attribute);
        if self.values.is_empty() {
            self.step = Step::Unchanged;
        }
    }

    /// The snapshot that an update or a restore leads to.
    #[must_use]
    pub fn result(&self, present: Option<&Map<String, Value>>) -> Option<Map<String, Value>> {
        match self.step {
            Step::Update => present.map(|present| merge(present.clone(), &self.values)),
            Step::Restore => Some(merge(self.deleted.clone(), &self.values)),
            _ => None,
        }
    }

    /// The unique values that the step needs.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        match self.step {
            Step::Update => {
                let values = self.values.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
                values.filter_map(|(name, value)| claim(name, value)).collect()
            }
            Step::Restore => claims_of(&merge(self.deleted.clone(), &self.values)),
            _ => Vec::new(),
        }
    }

    /// The unique values of the present snapshot that the step frees.
    #[must_use]
    pub fn releases(&self, present: Option<&Map<String, Value>>) -> Vec<Claim> {
        let Some(present) = present else { return Vec::new() };
        let mut claims = claims_of(present);
        match self.step {
            Step::Delete => {}
            Step::Update => claims.retain(|(name, _)| self.values.contains_key(name)),
            _ => claims.clear(),
        }
        claims
    }
}

/// The unique values of a snapshot.
fn claims_of(snapshot: &Map<String, Value>) -> Vec<Claim> {
    flatten(snapshot).iter().filter_map(|(name, value)| claim(name, value)).collect()
}

fn claim(name: &str, value: &Value) -> Option<Claim> {
    let text = value.as_str()?;
    match name {
        "userName" => Some((name.to_owned(), casefold(text))),
        _ => source_of(name).map(|_| (name.to_owned(), text.to_owned())),
    }
}
