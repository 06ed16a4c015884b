//! Members: each is a (group, user) row, never part of a list inside a group.

use super::fields::{FieldError, Fields};
use super::parse_id;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Member {
    pub user_id: Uuid,
    pub user_name: String,
    pub display_name: Option<String>,
    /// The time at which the user was added to the group.
    pub added_at: Timestamp,
}

/// The maximum number of users in one body.
const USER_LIMIT: usize = 1_000;

/// Reads `{"userIds":[…]}` and returns the ids in the same order.
///
/// # Errors
/// A [`FieldError`] for each invalid field and for each string that is not an id.
pub fn read_user_ids(body: Value) -> Result<Vec<Uuid>, Vec<FieldError>> {
    Fields::read(body, |fields| {
        let items = match fields.take("userIds") {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => return fields.wrong_type("userIds", "a list", &other).unwrap_or_default(),
        };
        if items.is_empty() {
            fields.error("userIds", "required", "must contain at least one id");
        } else if items.len() > USER_LIMIT {
            fields.error("userIds", "too-many", "must contain at most 1,000 ids");
            return Vec::new();
        }
        read_ids(&items, fields)
    })
}

/// The valid ids in a `userIds` body, with their indexes. Empty if the body contains too many ids.
pub fn valid_user_ids(body: &Value) -> Vec<(usize, Uuid)> {
    let items = body.get("userIds").and_then(Value::as_array);
    let items = items.filter(|items| items.len() <= USER_LIMIT).into_iter().flatten().enumerate();
    items.filter_map(|(index, item)| Some((index, parse_id(item.as_str()?)?))).collect()
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

/// The errors for users in a `userIds` body that do not exist, by their indexes.
pub fn unknown_users(indexes: impl IntoIterator<Item = usize>) -> Vec<FieldError> {
    let error = |index| FieldError::new(format!("/userIds/{index}"), UNKNOWN, NO_USER);
    indexes.into_iter().map(error).collect()
}

/// The errors for members in a SCIM body that do not exist, by their ids.
pub fn unknown_members<'i>(ids: impl IntoIterator<Item = &'i Uuid>) -> Vec<FieldError> {
    let error = |id| FieldError::new("/members/value", UNKNOWN, format!("(\"{id}\") {NO_USER}"));
    ids.into_iter().map(error).collect()
}

/// The net effect of the membership operations of one request, independent of the current members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipEdit {
    added: BTreeSet<Uuid>,
    removed: BTreeSet<Uuid>,
    replaces_all: bool,
    required: Vec<BTreeSet<Uuid>>,
}

impl MembershipEdit {
    /// Adds users.
    pub fn add(&mut self, users: impl IntoIterator<Item = Uuid>) {
        for user in users {
            self.removed.remove(&user);
            self.added.insert(user);
        }
    }

    /// Removes users.
    pub fn remove(&mut self, users: impl IntoIterator<Item = Uuid>) {
        for user in users {
            self.added.remove(&user);
            self.removed.insert(user);
        }
    }

    /// Removes all members.
    pub fn remove_all(&mut self) {
        (self.added, self.removed, self.replaces_all) = (BTreeSet::new(), BTreeSet::new(), true);
    }

    /// Makes the request fail unless at least one of these users is a member at this point.
    pub fn require_any(&mut self, users: impl IntoIterator<Item = Uuid>) {
        let users: BTreeSet<Uuid> = users.into_iter().collect();
        if users.is_disjoint(&self.added) {
            let can_be_member = |user: &&Uuid| !self.replaces_all && !self.removed.contains(user);
            self.required.push(users.iter().filter(can_be_member).copied().collect());
        }
    }

    /// The users to add. Some may already be members.
    pub fn added(&self) -> &BTreeSet<Uuid> {
        &self.added
    }

    /// The users to remove. Some may not be members.
    pub fn removed(&self) -> &BTreeSet<Uuid> {
        &self.removed
    }

    /// Whether all users other than [`added`](Self::added) are removed.
    pub fn replaces_all(&self) -> bool {
        self.replaces_all
    }

    /// Sets of users. At least one user of each set must be a member before the edit.
    pub fn required(&self) -> &[BTreeSet<Uuid>] {
        &self.required
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
        RequireAny(Vec<Uuid>),
    }

    fn users() -> impl Strategy<Value = Vec<Uuid>> {
        prop::collection::vec((0..6_u128).prop_map(Uuid::from_u128), 0..4)
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            users().prop_map(Step::Add),
            users().prop_map(Step::Remove),
            Just(Step::RemoveAll),
            users().prop_map(Step::RequireAny),
        ];
        prop::collection::vec(step, 0..6)
    }

    /// The members after applying each step to them; `None` if a requirement is not met.
    fn apply_steps(steps: &[Step], before: &BTreeSet<Uuid>) -> Option<BTreeSet<Uuid>> {
        let mut members = before.clone();
        for step in steps {
            match step {
                Step::Add(users) => members.extend(users),
                Step::Remove(users) => members.retain(|member| !users.contains(member)),
                Step::RemoveAll => members.clear(),
                Step::RequireAny(users) if users.iter().any(|user| members.contains(user)) => {}
                Step::RequireAny(_) => return None,
            }
        }
        Some(members)
    }

    /// The members after applying the net effect of the steps; `None` if a requirement is not met.
    fn apply_edit(steps: &[Step], before: &BTreeSet<Uuid>) -> Option<BTreeSet<Uuid>> {
        let mut edit = MembershipEdit::default();
        for step in steps.iter().cloned() {
            match step {
                Step::Add(users) => edit.add(users),
                Step::Remove(users) => edit.remove(users),
                Step::RemoveAll => edit.remove_all(),
                Step::RequireAny(users) => edit.require_any(users),
            }
        }
        let stays = |user: &&Uuid| !edit.replaces_all() && !edit.removed().contains(user);
        let members = before.iter().filter(stays).chain(edit.added()).copied().collect();
        let is_unmet = |users: &BTreeSet<Uuid>| users.is_disjoint(before);
        (!edit.required().iter().any(is_unmet)).then_some(members)
    }

    proptest! {
        #[test]
        fn the_net_effect_equals_the_steps(
            steps in steps(),
            before in users().prop_map(BTreeSet::from_iter),
        ) {
            prop_assert_eq!(apply_edit(&steps, &before), apply_steps(&steps, &before));
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
    fn ids_are_read_in_order() {
        let ids = [Uuid::max(), Uuid::nil(), Uuid::max()];
        assert_eq!(read_user_ids(json!({ "userIds": ids })), Ok(ids.to_vec()));
    }

    #[test]
    fn every_error_is_reported_with_its_pointer() {
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
