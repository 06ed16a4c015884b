//! The model: every user that must be there, and nothing else.

use rand::seq::IteratorRandom;
use rand_xorshift::XorShiftRng;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What is known of one user: enough to make its whole content again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The person's number.
    pub(crate) index: u32,
    /// How many edits it has had.
    pub(crate) edits: u32,
}

impl Entry {
    pub(crate) const fn new(index: u32) -> Self {
        Self { index, edits: 0 }
    }

    /// Every edit changes something, so each moved the version by one.
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
pub(crate) type Known = (Uuid, Entry);

/// All users that exist.
#[derive(Debug, Default)]
pub(crate) struct Population {
    /// By id.
    pub(crate) known: BTreeMap<Uuid, Entry>,
    /// Those that were created for certain, but whose id no answer told: by userName.
    pub(crate) nameless: HashMap<String, u32>,
}

impl Population {
    pub(crate) fn extend(&mut self, users: impl IntoIterator<Item = Known>) {
        for (id, entry) in users {
            let twice = self.known.insert(id, entry);
            assert_eq!(twice, None, "the id {id} was given twice, the second time to {entry:?}");
        }
    }

    /// Different users, at random.
    pub(crate) fn sample(&self, count: usize, rng: &mut XorShiftRng) -> Vec<Known> {
        self.known.iter().map(|(id, entry)| (*id, *entry)).sample(rng, count)
    }

    /// Takes users out, for someone who may change them.
    pub(crate) fn lend(&mut self, count: usize, rng: &mut XorShiftRng) -> Vec<Known> {
        let lent = self.sample(count, rng);
        for (id, _) in &lent {
            self.known.remove(id);
        }
        lent
    }
}
