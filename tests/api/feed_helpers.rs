//! Helpers that follow the change feed.

use crate::api::callers::get;
use crate::api::query::items;
use crate::support::http::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A JSON number as an unsigned integer.
#[track_caller]
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not an unsigned integer: {value}"))
}

/// Reads the page of changes after a revision and checks the rules that every page follows. `parameters` start with `&`.
pub(crate) async fn page(client: &Client, after: u64, parameters: &str) -> Value {
    let page = get(client, &format!("/changes?after={after}{parameters}")).await;
    let members: BTreeSet<_> = page.as_object().expect("a page is an object").keys().cloned().collect();
    assert_eq!(members, ["digest", "epoch", "head", "items", "next"].map(str::to_owned).into());
    let revisions: Vec<_> = items(&page).iter().map(|row| number(&row["revision"])).collect();
    let (next, head) = (number(&page["next"]), number(&page["head"]));
    assert!(after <= next && next <= head, "{after} {page}");
    let all: Vec<_> = [after].iter().chain(&revisions).copied().collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "out of order after {after}: {revisions:?}");
    assert!(all.last() <= Some(&next), "next precedes the last change: {page}");
    assert!(next > after || next == head, "the page makes no progress: {after} {page}");
    page
}

/// Reads all changes after a revision, up to the head.
pub(crate) async fn follow(client: &Client, after: u64, parameters: &str) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), after);
    loop {
        let page = page(client, after, parameters).await;
        rows.extend_from_slice(items(&page));
        after = number(&page["next"]);
        if after == number(&page["head"]) {
            return rows;
        }
    }
}

/// Changes without their digests, which differ in every run because they depend on ids.
pub(crate) fn without_digests(rows: &[Value]) -> Vec<Value> {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        let digest = row.as_object_mut().expect("a change is an object").remove("digest");
        assert!(digest.is_some_and(|digest| digest.is_string()), "no digest: {row}");
    }
    rows
}

/// The attributes of a user that its changes record: all except computed attributes and the fields of a change itself.
pub(crate) fn recorded_attributes(user: &Value) -> Value {
    let mut recorded_attributes = user.clone();
    let members = recorded_attributes.as_object_mut().expect("a user is an object");
    for name in ["id", "externalId", "version", "createdAt", "updatedAt"] {
        members.remove(name);
    }
    if let Some(manager) = recorded_attributes["enterprise"]["manager"].as_object_mut() {
        manager.remove("displayName");
    }
    recorded_attributes
}

/// The users that result from applying changes, by id: recorded attributes, version and time of the last write.
pub(crate) fn replay(rows: &[Value]) -> BTreeMap<String, Value> {
    let mut users: BTreeMap<String, Value> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["resource"] == "user") {
        let id = row["id"].as_str().expect("the id is a string").to_owned();
        match row["type"].as_str() {
            Some("user.created") => {
                let before = users.insert(id, state(&row["after"], row));
                assert_eq!(before, None, "created twice: {row}");
            }
            Some("user.updated") => {
                let user = users.get_mut(&id).unwrap_or_else(|| panic!("updated before creation: {row}"));
                *user = state(&updated(&user["recorded_attributes"], row), row);
            }
            Some("user.deleted") => {
                let user = users.remove(&id).unwrap_or_else(|| panic!("deleted before creation: {row}"));
                assert_eq!(user["recorded_attributes"], row["before"], "{row}");
            }
            _ => panic!("unknown type of user change: {row}"),
        }
    }
    users
}

fn state(recorded_attributes: &Value, row: &Value) -> Value {
    json!({ "recorded_attributes": recorded_attributes, "version": row["version"], "updatedAt": row["time"] })
}

/// The attributes after an update, whose values before it must equal the current ones.
fn updated(recorded_attributes: &Value, row: &Value) -> Value {
    let (before, after) = (row["before"].as_object(), row["after"].as_object());
    let (before, after) = (before.expect("the value is an object"), after.expect("the value is an object"));
    assert!(!after.is_empty() && before.keys().eq(after.keys()), "{row}");
    let mut recorded_attributes = recorded_attributes.clone();
    for (name, value) in after {
        assert_eq!(recorded_attributes[name], before[name], "{name} had another value: {row}");
        assert_ne!(value, &before[name], "{name} did not change: {row}");
        recorded_attributes[name] = value.clone();
    }
    recorded_attributes
}

/// The same map as [`replay`] returns, from users in a list.
pub(crate) fn states(users: &[Value]) -> BTreeMap<String, Value> {
    let state = |user: &Value| {
        let state = json!({ "recorded_attributes": recorded_attributes(user), "version": user["version"], "updatedAt": user["updatedAt"] });
        (user["id"].as_str().expect("the id is a string").to_owned(), state)
    };
    users.iter().map(state).collect()
}
