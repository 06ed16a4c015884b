//! The changes of one user or group, folded into what is needed to undo those of the actor.

use super::writes::{State, Writes};
use super::{Role, Write};
use crate::domain::change::ChangeKind;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A change of a user or group.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of a change")]
pub struct Fact {
    pub revision: i64,
    pub kind: ChangeKind,
    pub role: Role,
    /// The values, as the feed shows them.
    pub before: Option<Map<String, Value>>,
    pub after: Option<Map<String, Value>>,
}

/// The writes of a user or group since the start of the range.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The writes of whether the resource exists.
    pub(super) existence: Writes,
    /// The writes of each attribute.
    pub(super) attributes: BTreeMap<String, Writes>,
    /// The writes of the attributes that no change so far has named.
    others: Writes,
    /// The revisions of all changes to be undone.
    pub(super) selected: BTreeSet<i64>,
    /// Whether the values of a change to be undone have been erased.
    pub(super) is_erased: bool,
    /// The newest creation or deletion.
    last: Option<Last>,
    /// The revision of the newest creation or deletion that counts, except those by the actor after the range.
    existing_since: i64,
}

/// The newest creation or deletion of a resource.
#[derive(Clone, Debug)]
struct Last {
    revision: i64,
    /// The values before the deletion, unless they were erased.
    deleted: Option<Map<String, Value>>,
}

impl Trail {
    /// Adds the next older change. The newest one comes first, because a revert decides about the changes that it undoes.
    pub fn add(&mut self, fact: Fact) {
        let Fact { revision, kind, role, before, after } = fact;
        let is_update = matches!(kind, ChangeKind::USER_UPDATED | ChangeKind::GROUP_UPDATED);
        let existed = match kind {
            ChangeKind::USER_CREATED | ChangeKind::GROUP_CREATED => false,
            ChangeKind::USER_DELETED | ChangeKind::GROUP_DELETED => true,
            _ if is_update => true,
            _ => return,
        };
        let old = before.as_ref().map(flatten);
        let new = after.as_ref().map(flatten);
        let is_selected = matches!(role, Role::Selected);
        let is_erased = existed && old.is_none();
        let mut counts = false;
        for name in self.written(old.as_ref(), new.as_ref()) {
            let state = |values: &Option<BTreeMap<String, Value>>, exists: bool| match values {
                Some(values) => State::Value(values.get(&name).cloned()),
                None if exists => State::Unknown,
                None => State::Missing,
            };
            let (before, after) = (state(&old, existed), state(&new, existed == is_update));
            let writes = self.attributes.entry(name).or_insert_with(|| self.others.clone());
            counts |= writes.add(revision, &role, before, after);
        }
        if !is_update || is_erased {
            // The attributes that are not named are absent, as far as values are known.
            let state = |exists: bool, is_known: bool| match (exists, is_known) {
                (false, _) => State::Missing,
                (true, true) => State::Value(None),
                (true, false) => State::Unknown,
            };
            let before = state(existed, old.is_some());
            counts |= self.others.add(revision, &role, before, state(existed == is_update, new.is_some()));
        }
        if !is_update {
            self.last.get_or_insert(Last { revision, deleted: before.filter(|_| existed) });
            let exists = |exists: bool| State::Value(Some(exists.into()));
            let counted = self.existence.add(revision, &role, exists(existed), exists(!existed));
            if counted && !matches!(role, Role::Later(_)) {
                self.existing_since = self.existing_since.max(revision);
            }
            counts |= counted;
        }
        if is_selected && counts {
            self.selected.insert(revision);
            // A creation needs no values, because a deletion undoes it.
            self.is_erased |= is_erased;
        }
    }

    /// The attributes that a change has written: those that differ. A creation and a deletion write all attributes, as does
    /// a change whose values are unknown.
    fn written(
        &self,
        old: Option<&BTreeMap<String, Value>>,
        new: Option<&BTreeMap<String, Value>>,
    ) -> BTreeSet<String> {
        match (old, new) {
            (Some(old), Some(new)) => {
                let names = old.keys().chain(new.keys());
                names.filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
            }
            _ => {
                let values = old.into_iter().chain(new).flat_map(BTreeMap::keys);
                self.attributes.keys().chain(values).cloned().collect()
            }
        }
    }

    /// Ends the trail, after the oldest change.
    #[must_use]
    pub fn finished(mut self) -> Self {
        self.existence.settle();
        self.attributes.values_mut().for_each(Writes::settle);
        self
    }

    /// The revision of the creation that a deletion would undo, if the resource exists. The trail must be finished.
    #[must_use]
    pub fn creation(&self) -> Option<i64> {
        let is_new = self.existence.before == Some(Some(false.into())) && self.existence.later.is_none();
        self.existence.selected.first().copied().filter(|_| is_new)
    }

    /// The revision of the newest deletion of a resource that does not exist, and the values before it.
    pub(super) fn deletion(&mut self) -> Option<(i64, Map<String, Value>)> {
        let Last { revision, deleted } = self.last.take()?;
        Some((revision, deleted?))
    }

    /// The newest update by somebody else since the creation.
    pub(super) fn kept(&self) -> Option<&Write> {
        let newest = self.attributes.values().filter_map(Writes::newest_of_others);
        newest.filter(|write| write.revision > self.existing_since).max_by_key(|write| write.revision)
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
