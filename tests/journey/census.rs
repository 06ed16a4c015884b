//! Walks through all users and compares them with the model, one by one.

use crate::journey::api::{Api, Walk};
use crate::journey::check::check;
use crate::journey::people::{People, index_of};
use crate::journey::population::{Entry, Population};
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Counts everybody: all of `population` must come exactly once, with their content. Others may come only if they
/// were made from the number `strangers_from` on.
pub(crate) async fn take(
    api: &Api,
    people: People,
    population: &mut Population,
    limit: Option<usize>,
    strangers_from: Option<u32>,
) -> Walk {
    let mut census = Census { people, population, strangers_from, seen: HashSet::new() };
    let walk = api.walk(limit, |id, user| census.see(id, user)).await;
    census.finish();
    walk
}

struct Census<'p> {
    people: People,
    population: &'p mut Population,
    strangers_from: Option<u32>,
    seen: HashSet<Uuid>,
}

impl Census<'_> {
    fn see(&mut self, id: Uuid, user: &Value) {
        let Some(entry) = self.population.known.get(&id).copied().or_else(|| self.name(id, user)) else {
            return self.see_stranger(id, user);
        };
        check(self.people, id, entry, user);
        assert!(self.seen.insert(id), "{id} comes twice");
    }

    /// One whose creation was certain, and whose id becomes known now.
    fn name(&mut self, id: Uuid, user: &Value) -> Option<Entry> {
        let index = self.population.nameless.remove(user["userName"].as_str()?)?;
        let entry = Entry::new(index);
        self.population.extend([(id, entry)]);
        Some(entry)
    }

    fn see_stranger(&self, id: Uuid, user: &Value) {
        let index = user["userName"].as_str().and_then(index_of);
        let expected = self.strangers_from.zip(index).is_some_and(|(from, index)| index >= from);
        assert!(expected, "{id} should not exist: {user}");
    }

    fn finish(self) {
        let Population { known, nameless } = self.population;
        let missing: Vec<_> = known.iter().filter(|(id, _)| !self.seen.contains(id)).take(20).collect();
        assert!(missing.is_empty(), "{} of {} came; missing: {missing:?}", self.seen.len(), known.len());
        assert!(nameless.is_empty(), "created, but not in the list: {nameless:?}");
    }
}
