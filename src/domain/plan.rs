//! The plan of a request whose writes are rolled back.

use super::change::Change;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// The maximum number of changes that a plan contains. Others are only counted.
const MAX_CHANGES: usize = 100;

/// The maximum size of the changes with values that a plan contains, in bytes of JSON. Others have no values.
const MAX_BYTES: usize = 16 * 1024;

/// The changes that the writes of a request would make. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Plan(Arc<Mutex<Changes>>);

#[derive(Debug, Default)]
struct Changes {
    first: Vec<Change>,
    others: usize,
}

impl Plan {
    /// Adds the changes of a write that was rolled back.
    pub fn add(&self, changes: impl IntoIterator<Item = Change>) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            if plan.first.len() < MAX_CHANGES {
                plan.first.push(change);
            } else {
                plan.others += 1;
            }
        }
    }

    /// The plan as JSON: the first changes, in the representation of the feed without revisions, and the number of others.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let shown = |change: &Change| {
            let mut change = Value::from(planned(change));
            let size = change.to_string().len();
            match change.as_object_mut() {
                Some(members) if bytes + size > MAX_BYTES => {
                    members.retain(|name, _| name != "before" && name != "after");
                }
                _ => bytes += size,
            }
            change
        };
        let changes: Vec<Value> = plan.first.iter().map(shown).collect();
        json!({ "changes": changes, "others": plan.others })
    }
}

/// Two plans are equal if they belong to the same request.
impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Plan {}

fn planned(change: &Change) -> Map<String, Value> {
    let shown = |values: &Option<Map<String, Value>>| values.clone().map(|values| change.kind.shown(values));
    let mut map = Map::new();
    let mut add = |name: &str, value: Value| map.insert(name.to_owned(), value);
    add("type", change.kind.name().into());
    add("resource", change.kind.resource().to_string().into());
    match change.member {
        None => add("id", change.id.to_string().into()),
        Some(user) => {
            add("groupId", change.id.to_string().into());
            add("userId", user.to_string().into())
        }
    };
    add("version", change.version.into());
    add("before", shown(&change.before).into());
    add("after", shown(&change.after).into());
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DEFAULT_TENANT;
    use crate::domain::change::{ChangeKind, Stamp};
    use crate::domain::time::Timestamp;
    use uuid::Uuid;

    #[test]
    fn a_plan_contains_the_first_changes_and_counts_the_others() {
        let (plan, user) = (Plan::default(), Uuid::from_u128(2));
        let stamp = Stamp { id: Uuid::from_u128(1), version: 3, time: Timestamp::from(0) };
        let added = Change::member_added(DEFAULT_TENANT, stamp, user);
        plan.clone().add(vec![added; MAX_CHANGES + 2]);
        let shown = plan.to_json();
        let expected = json!({
            "type": "member.added",
            "resource": "member",
            "groupId": stamp.id,
            "userId": user,
            "version": 3,
            "before": null,
            "after": null,
        });
        assert_eq!((&shown["changes"][0], &shown["others"]), (&expected, &json!(2)));
        assert_eq!(shown["changes"].as_array().map(Vec::len), Some(MAX_CHANGES));
    }

    #[test]
    fn changes_beyond_the_maximum_size_have_no_values() {
        let plan = Plan::default();
        let stamp = Stamp { id: Uuid::from_u128(1), version: 3, time: Timestamp::from(0) };
        let updated = |length: usize| {
            let after = Map::from_iter([("title".to_owned(), "x".repeat(length).into())]);
            Change::new(DEFAULT_TENANT, ChangeKind::USER_UPDATED, stamp, Some(Map::new()), Some(after))
        };
        plan.add([MAX_BYTES, 5, MAX_BYTES, 6].map(updated));
        let shown = plan.to_json();
        let lengths = shown["changes"].as_array().into_iter().flatten();
        let length = |change: &Value| change["after"]["title"].as_str().map(str::len);
        assert_eq!(lengths.map(length).collect::<Vec<_>>(), [None, Some(5), None, Some(6)]);
    }
}
