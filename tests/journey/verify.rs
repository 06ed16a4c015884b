//! Compares the list of all users with the model.

use crate::journey::api::{Api, ListStats};
use crate::journey::check::check;
use crate::journey::model::{Entry, Model};
use crate::journey::people::{People, index_of};
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Reads the list and checks that it contains every user of `model` exactly once, with the expected content. Other users
/// are allowed only if their number is at least `new_from`.
pub(crate) async fn verify(
    api: &Api,
    people: People,
    model: &mut Model,
    limit: Option<usize>,
    new_from: Option<u32>,
) -> ListStats {
    let mut verification = Verification { people, model, new_from, seen: HashSet::new() };
    let stats = api.list_all(limit, |id, user| verification.check(id, user)).await;
    verification.finish();
    stats
}

struct Verification<'p> {
    people: People,
    model: &'p mut Model,
    new_from: Option<u32>,
    seen: HashSet<Uuid>,
}

impl Verification<'_> {
    fn check(&mut self, id: Uuid, user: &Value) {
        let Some(entry) = self.model.known.get(&id).copied().or_else(|| self.assign_id(id, user)) else {
            return self.check_new(id, user);
        };
        check(self.people, id, entry, user);
        assert!(self.seen.insert(id), "{id} is listed twice");
    }

    /// Adds the id of a user that is known to exist, but whose creation was not acknowledged with an id.
    fn assign_id(&mut self, id: Uuid, user: &Value) -> Option<Entry> {
        let index = self.model.without_id.remove(user["userName"].as_str()?)?;
        let entry = Entry::new(index);
        self.model.extend([(id, entry)]);
        Some(entry)
    }

    /// Checks that a user outside the model was created during the listing.
    fn check_new(&self, id: Uuid, user: &Value) {
        let index = user["userName"].as_str().and_then(index_of);
        let expected = self.new_from.zip(index).is_some_and(|(from, index)| index >= from);
        assert!(expected, "{id} should not exist: {user}");
    }

    fn finish(self) {
        let Model { known, without_id } = self.model;
        let missing: Vec<_> = known.iter().filter(|(id, _)| !self.seen.contains(id)).take(20).collect();
        assert!(
            missing.is_empty(),
            "{} of {} users are listed; missing: {missing:?}",
            self.seen.len(),
            known.len()
        );
        assert!(without_id.is_empty(), "created users are not listed: {without_id:?}");
    }
}
