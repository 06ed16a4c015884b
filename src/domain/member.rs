//! Members: each a user in a group, never a list inside one.

use super::fields::{FieldError, Fields, wrong_type};
use super::parse_id;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A user in a group, with what it is called.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The user.
    pub user_id: Uuid,
    /// Its userName.
    pub user_name: String,
    /// Its displayName.
    pub display_name: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
}

/// The most users that one body names.
const USER_LIMIT: usize = 1_000;

/// Reads `{"userIds":[…]}`, in the order in which they stand there.
///
/// # Errors
/// One [`FieldError`] for each invalid field, and for each text that is no id.
pub fn read_user_ids(body: Value) -> Result<Vec<Uuid>, Vec<FieldError>> {
    if !body.is_object() {
        return Err(vec![wrong_type("", "an object", &body)]);
    }
    let mut errors = Vec::new();
    let mut fields = Fields::new(body, &mut errors);
    let mut ids = Vec::new();
    match fields.take("userIds") {
        None => fields.error("userIds", "required", "must name at least one user"),
        Some(Value::Array(items)) if items.is_empty() => {
            fields.error("userIds", "required", "must name at least one user");
        }
        Some(Value::Array(items)) if items.len() > USER_LIMIT => {
            fields.error("userIds", "too-many", "must name at most 1,000 users");
        }
        Some(Value::Array(items)) => ids = read_ids(&items, &mut fields),
        Some(other) => fields.refuse("userIds", "a list", &other),
    }
    fields.finish();
    if errors.is_empty() { Ok(ids) } else { Err(errors) }
}

fn read_ids(items: &[Value], fields: &mut Fields<'_>) -> Vec<Uuid> {
    let mut ids = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.as_str().map(parse_id) {
            Some(Some(id)) => ids.push(id),
            Some(None) => fields.error_at(&format!("userIds/{index}"), UNKNOWN, NO_USER),
            None => fields.error_at(&format!("userIds/{index}"), "wrong-type", "must be a string"),
        }
    }
    ids
}

const UNKNOWN: &str = "unknown-user";
const NO_USER: &str = "is not the id of a user";

/// What is wrong with the users of a body that are not there, by their places.
#[must_use]
pub fn unknown_users(places: impl IntoIterator<Item = usize>) -> Vec<FieldError> {
    let error = |index| FieldError::new(format!("/userIds/{index}"), UNKNOWN, NO_USER);
    places.into_iter().map(error).collect()
}

/// The same of users who are named by nothing but their ids.
#[must_use]
pub fn unknown_members<'i>(ids: impl IntoIterator<Item = &'i Uuid>) -> Vec<FieldError> {
    let error = |id| FieldError::new("/members", UNKNOWN, format!("{id} {NO_USER}"));
    ids.into_iter().map(error).collect()
}

/// What becomes of who is in a group, whoever that is: the sum of what one request does, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    joining: BTreeSet<Uuid>,
    leaving: BTreeSet<Uuid>,
    is_exact: bool,
    needed: Vec<BTreeSet<Uuid>>,
}

impl Membership {
    /// These are in it then.
    pub fn add(&mut self, users: impl IntoIterator<Item = Uuid>) {
        for user in users {
            self.leaving.remove(&user);
            self.joining.insert(user);
        }
    }

    /// These are not.
    pub fn remove(&mut self, users: impl IntoIterator<Item = Uuid>) {
        for user in users {
            self.joining.remove(&user);
            self.leaving.insert(user);
        }
    }

    /// Nobody is.
    pub fn remove_all(&mut self) {
        (self.joining, self.leaving, self.is_exact) = (BTreeSet::new(), BTreeSet::new(), true);
    }

    /// Of these, somebody must be in it by now, or nothing of the request is done.
    pub fn need(&mut self, users: impl IntoIterator<Item = Uuid>) {
        let users: BTreeSet<Uuid> = users.into_iter().collect();
        if users.is_disjoint(&self.joining) {
            let may_be = |user: &&Uuid| !self.is_exact && !self.leaving.contains(user);
            self.needed.push(users.iter().filter(may_be).copied().collect());
        }
    }

    /// Who is in the group then.
    #[must_use]
    pub fn joining(&self) -> &BTreeSet<Uuid> {
        &self.joining
    }

    /// Who is not.
    #[must_use]
    pub fn leaving(&self) -> &BTreeSet<Uuid> {
        &self.leaving
    }

    /// Whether nobody else is in it then.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Of each of these sets, somebody must have been in it before.
    #[must_use]
    pub fn needed(&self) -> &[BTreeSet<Uuid>] {
        &self.needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[derive(Clone, Debug)]
    enum Step {
        Add(Vec<Uuid>),
        Remove(Vec<Uuid>),
        RemoveAll,
        Need(Vec<Uuid>),
    }

    fn users() -> impl Strategy<Value = Vec<Uuid>> {
        prop::collection::vec((0..6_u128).prop_map(Uuid::from_u128), 0..4)
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            users().prop_map(Step::Add),
            users().prop_map(Step::Remove),
            Just(Step::RemoveAll),
            users().prop_map(Step::Need),
        ];
        prop::collection::vec(step, 0..6)
    }

    /// Who is in a group after the steps, carried out on its members; nothing when somebody was needed and not there.
    fn carried_out(steps: &[Step], before: &BTreeSet<Uuid>) -> Option<BTreeSet<Uuid>> {
        let mut members = before.clone();
        for step in steps {
            match step {
                Step::Add(users) => members.extend(users),
                Step::Remove(users) => members.retain(|member| !users.contains(member)),
                Step::RemoveAll => members.clear(),
                Step::Need(users) if users.iter().any(|user| members.contains(user)) => {}
                Step::Need(_) => return None,
            }
        }
        Some(members)
    }

    /// The same by the sum of the steps.
    fn summed_up(steps: &[Step], before: &BTreeSet<Uuid>) -> Option<BTreeSet<Uuid>> {
        let mut sum = Membership::default();
        for step in steps.iter().cloned() {
            match step {
                Step::Add(users) => sum.add(users),
                Step::Remove(users) => sum.remove(users),
                Step::RemoveAll => sum.remove_all(),
                Step::Need(users) => sum.need(users),
            }
        }
        let stays = |user: &&Uuid| !sum.is_exact() && !sum.leaving().contains(user);
        let members = before.iter().filter(stays).chain(sum.joining()).copied().collect();
        let is_missing = |needed: &BTreeSet<Uuid>| needed.is_disjoint(before);
        (!sum.needed().iter().any(is_missing)).then_some(members)
    }

    proptest! {
        #[test]
        fn the_sum_of_steps_does_what_they_do(
            steps in steps(),
            before in users().prop_map(BTreeSet::from_iter),
        ) {
            prop_assert_eq!(summed_up(&steps, &before), carried_out(&steps, &before));
        }
    }

    fn errors(body: Value) -> Vec<(String, &'static str)> {
        let errors = read_user_ids(body).unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    fn wrong(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), code)]
    }

    #[test]
    fn ids_keep_their_places() {
        let ids = [Uuid::max(), Uuid::nil(), Uuid::max()];
        assert_eq!(read_user_ids(json!({ "userIds": ids })), Ok(ids.to_vec()));
    }

    #[test]
    fn every_error_is_told_with_its_place() {
        assert_eq!(errors(json!([])), wrong("", "wrong-type"));
        assert_eq!(errors(json!({})), wrong("/userIds", "required"));
        assert_eq!(errors(json!({"userIds": []})), wrong("/userIds", "required"));
        assert_eq!(errors(json!({"userIds": "a"})), wrong("/userIds", "wrong-type"));
        let many = |count: usize| json!({ "userIds": vec![Uuid::max(); count] });
        assert_eq!(read_user_ids(many(1_000)).map(|ids| ids.len()), Ok(1_000));
        assert_eq!(errors(many(1_001)), wrong("/userIds", "too-many"));
        let several = json!({"userIds": [Uuid::max(), "x", 1, "", null], "x": 1});
        let expected = [
            ("/userIds/1".to_owned(), "unknown-user"),
            ("/userIds/2".to_owned(), "wrong-type"),
            ("/userIds/3".to_owned(), "unknown-user"),
            ("/userIds/4".to_owned(), "wrong-type"),
            ("/x".to_owned(), "unknown-field"),
        ];
        assert_eq!(errors(several), expected);
    }
}
