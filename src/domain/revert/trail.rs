//! The changes of one user or group, folded into what is needed to undo those of the actor.

use super::{Author, Write};
use crate::domain::change::ChangeKind;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A change of a user or group.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of a change")]
pub struct Fact {
    pub revision: i64,
    pub kind: ChangeKind,
    pub author: Author,
    /// Whether the change is to be undone.
    pub selected: bool,
    /// The values, as the feed shows them.
    pub before: Option<Map<String, Value>>,
    pub after: Option<Map<String, Value>>,
}

/// The writes of one value.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    /// The value before the first of the actor's last consecutive writes, which can be absent. `None` if there is no such
    /// value, because the write is a creation or because it was erased.
    pub(super) before: Option<Option<Value>>,
    /// The revisions of these writes.
    pub(super) selected: Vec<i64>,
    /// The newest write by somebody else, if it is later.
    pub(super) later: Option<Write>,
}

impl Writes {
    /// Adds a write: by `by`, or by the actor if it is `None`.
    pub(super) fn add(&mut self, revision: i64, by: Option<&Author>, before: Option<Option<Value>>) {
        if let Some(author) = by {
            self.later = Some(Write { revision, author: author.clone() });
            return;
        }
        // A write by somebody else in between keeps its effect: the actor's earlier writes are not undone.
        if self.later.take().is_some() || self.selected.is_empty() {
            self.selected.clear();
            self.before = before;
        }
        self.selected.push(revision);
    }
}

/// The writes of a user or group since the start of the range.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The writes of whether the resource exists.
    pub(super) existence: Writes,
    /// The writes of each attribute.
    pub(super) attributes: BTreeMap<String, Writes>,
    /// The newest update by somebody else, since the last creation by the actor.
    pub(super) kept: Option<Write>,
    /// The revisions of all changes to be undone.
    pub(super) selected: BTreeSet<i64>,
    /// Whether the values of a change to be undone have been erased.
    pub(super) is_erased: bool,
    /// The values before the deletion, if the last change is one whose values are not erased.
    pub(super) deleted: Option<Map<String, Value>>,
}

impl Trail {
    /// Adds the next change, in the order of revisions.
    pub fn add(&mut self, fact: Fact) {
        let Fact { revision, kind, author, selected, before, after } = fact;
        let by = (!selected).then_some(&author);
        let is_update = matches!(kind, ChangeKind::USER_UPDATED | ChangeKind::GROUP_UPDATED);
        let existed = match kind {
            ChangeKind::USER_CREATED | ChangeKind::GROUP_CREATED => false,
            ChangeKind::USER_DELETED | ChangeKind::GROUP_DELETED => true,
            _ if is_update => true,
            _ => return,
        };
        if selected {
            self.selected.insert(revision);
            // A creation needs no values, because a deletion undoes it.
            self.is_erased |= existed && before.is_none();
        }
        let old = before.as_ref().map(flatten);
        let new = after.as_ref().map(flatten);
        let names: BTreeSet<_> = match (&old, &new) {
            (Some(old), Some(new)) => {
                let written = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name));
                written.cloned().collect()
            }
            // A creation and a deletion write all attributes, as does a change whose values are unknown.
            _ => {
                let values = old.iter().chain(&new).flat_map(BTreeMap::keys);
                self.attributes.keys().chain(values).cloned().collect()
            }
        };
        for name in names {
            let before = old.as_ref().map(|old| old.get(&name).cloned());
            self.attributes.entry(name).or_default().add(revision, by, before);
        }
        if is_update {
            let write = |author: &Author| Write { revision, author: author.clone() };
            self.kept = by.map(write).or(self.kept.take());
        } else {
            self.kept = None;
            self.existence.add(revision, by, Some(Some(existed.into())));
            self.deleted = before.filter(|_| existed);
        }
    }

    /// The revision of the creation that a deletion would undo, if the resource exists.
    #[must_use]
    pub fn creation(&self) -> Option<i64> {
        let is_new = self.existence.before == Some(Some(false.into())) && self.existence.later.is_none();
        self.existence.selected.last().copied().filter(|_| is_new)
    }
}

const EXTERNAL_IDS: &str = "externalIds";

/// The attributes of a snapshot by name. The externalId of each source is an attribute `externalIds.<source>`, because each
/// source writes only its own.
pub(super) fn flatten(snapshot: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut attributes = BTreeMap::new();
    for (name, value) in snapshot {
        match value.as_object().filter(|_| name == EXTERNAL_IDS) {
            Some(sources) => {
                let of_source =
                    |(source, id): (&String, &Value)| (format!("{EXTERNAL_IDS}.{source}"), id.clone());
                attributes.extend(sources.iter().map(of_source));
            }
            None => drop(attributes.insert(name.clone(), value.clone())),
        }
    }
    attributes
}

/// The source of an attribute `externalIds.<source>`.
#[must_use]
pub fn source_of(attribute: &str) -> Option<&str> {
    attribute.strip_prefix(EXTERNAL_IDS)?.strip_prefix('.')
}

/// A snapshot with other values of some attributes, which are named as [`super::Conflict::attribute`] is.
#[must_use]
pub fn merge<'v>(
    mut snapshot: Map<String, Value>,
    values: impl IntoIterator<Item = (&'v String, &'v Option<Value>)>,
) -> Map<String, Value> {
    for (name, value) in values {
        let Some(source) = source_of(name) else {
            snapshot.extend(value.clone().map(|value| (name.clone(), value)));
            continue;
        };
        let sources = snapshot.entry(EXTERNAL_IDS).or_insert_with(|| Map::new().into());
        if let Some(sources) = sources.as_object_mut() {
            match value {
                Some(id) => drop(sources.insert(source.to_owned(), id.clone())),
                None => drop(sources.remove(source)),
            }
        }
    }
    snapshot
}
