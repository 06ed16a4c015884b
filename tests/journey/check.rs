//! Compares a user in a response with the body that was sent.

use crate::journey::model::Entry;
use crate::journey::people::People;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The fields that every user has in a response.
const FIELDS: &[&str] = &[
    "id",
    "userName",
    "externalId",
    "name",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "active",
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "entitlements",
    "roles",
    "x509Certificates",
    "enterprise",
    "custom",
    "extensions",
    "externalIds",
    "version",
    "createdAt",
    "updatedAt",
];

/// Checks a user in a response.
///
/// # Panics
/// If it differs from the body that was sent, or from the values that the server has to add.
#[track_caller]
pub(crate) fn check(people: People, id: Uuid, entry: Entry, user: &Value) {
    for name in FIELDS {
        assert!(user.get(name).is_some(), "the user has no {name}: {user}");
    }
    let sent = people.after(entry.index, entry.edits);
    check_added(id, entry, &sent, user);
    if let Some(difference) = difference("", &comparable(&sent), &comparable(user)) {
        panic!("user {id} differs {difference}\nsent     {sent}\nreceived {user}");
    }
}

/// Checks the values that the server adds.
#[track_caller]
fn check_added(id: Uuid, entry: Entry, sent: &Value, user: &Value) {
    assert_eq!(user["id"], json!(id.to_string()));
    assert_eq!(user["version"], json!(entry.version()), "version of {user}");
    let native = sent.get("externalId").map_or(json!({}), |own| json!({"native": own}));
    assert_eq!(user["externalIds"], native, "externalIds of {user}");
    let [created, updated] = ["createdAt", "updatedAt"].map(|name| user[name].as_str().unwrap_or_default());
    assert_eq!(created.len(), "2026-01-02T03:04:05.678901Z".len(), "createdAt of {user}");
    assert!(created.ends_with('Z') && created <= updated, "times of {user}");
}

/// A user without the values that the server adds and without values that mean "absent". Custom data and extensions
/// stay unchanged, because null is a value there.
fn comparable(user: &Value) -> Value {
    const ADDED: &[&str] = &["id", "version", "externalIds", "createdAt", "updatedAt"];
    const FREE: [&str; 2] = ["custom", "extensions"];
    let mut plain = user.as_object().cloned().unwrap_or_default();
    plain.retain(|name, _| !ADDED.contains(&name.as_str()));
    let free = FREE.map(|name| (name, plain.remove(name).unwrap_or_else(|| json!({}))));
    let mut comparable = pruned_members(plain);
    comparable.entry("active").or_insert(json!(true));
    for (name, value) in free {
        comparable.insert(name.to_owned(), value);
    }
    Value::Object(comparable)
}

fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) => pruned_members(members).into(),
        Value::Array(elements) => elements.into_iter().map(pruned).collect(),
        other => other,
    }
}

fn pruned_members(members: Map<String, Value>) -> Map<String, Value> {
    let pruned = members.into_iter().map(|(name, value)| (name, pruned(value)));
    pruned.filter(|(name, value)| !is_absent(name, value)).collect()
}

fn is_absent(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => name == "primary" && !value,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) | Value::String(_) => false,
    }
}

/// The first difference between two values.
fn difference(pointer: &str, sent: &Value, got: &Value) -> Option<String> {
    match (sent, got) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys());
            names.into_iter().find_map(|name| {
                let [left, right] = [left, right].map(|side| side.get(name).unwrap_or(&Value::Null));
                difference(&format!("{pointer}/{name}"), left, right)
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .into_iter()
                .find_map(|(at, (left, right))| difference(&format!("{pointer}/{at}"), left, right))
        }
        _ => (sent != got).then(|| format!("at {pointer}: sent {sent}, received {got}")),
    }
}
