//! The model: exactly the users that must exist.

use rand::seq::IteratorRandom;
use rand_xorshift::XorShiftRng;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// The state of a user, from which all of its attributes can be generated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) index: u32,
    /// Number of edits so far.
    pub(crate) edits: u32,
}

impl Entry {
    pub(crate) const fn new(index: u32) -> Self {
        Self { index, edits: 0 }
    }

    /// Every edit has an effect, so each has added one version.
    pub(crate) const fn version(self) -> u32 {
        self.edits + 1
    }

    pub(crate) fn etag(self) -> String {
        format!("\"{}\"", self.version())
    }

    pub(crate) const fn edited(self) -> Self {
        Self { index: self.index, edits: self.edits + 1 }
    }
}

/// A user and its id.
pub(crate) type KnownUser = (Uuid, Entry);

/// All users that must exist.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The users by id.
    pub(crate) known: BTreeMap<Uuid, Entry>,
    /// The numbers of users that exist but whose id is not yet known, by `userName`.
    pub(crate) without_id: HashMap<String, u32>,
}

impl Model {
    pub(crate) fn extend(&mut self, users: impl IntoIterator<Item = KnownUser>) {
        for (id, entry) in users {
            let twice = self.known.insert(id, entry);
            assert_eq!(twice, None, "the id {id} was assigned twice, the second time to {entry:?}");
        }
    }

    /// A random sample of distinct users.
    pub(crate) fn sample(&self, count: usize, rng: &mut XorShiftRng) -> Vec<KnownUser> {
        self.known.iter().map(|(id, entry)| (*id, *entry)).sample(rng, count)
    }

    /// Removes a random sample, for a writer that may change these users.
    pub(crate) fn take(&mut self, count: usize, rng: &mut XorShiftRng) -> Vec<KnownUser> {
        let taken = self.sample(count, rng);
        for (id, _) in &taken {
            self.known.remove(id);
        }
        taken
    }
}
