//! The schemas of the brakes of connections.

use super::builders::{described, integer, object, text, time};
use serde_json::{Map, Value, json};

/// The schemas by name.
pub(super) fn all() -> [(&'static str, Value); 4] {
    [
        ("Brake", object(members(&json!("integer")))),
        ("NewBrake", new_brake()),
        ("Held", held()),
        ("Release", release()),
    ]
}

/// The members of a brake, which have this type.
fn members(kind: &Value) -> [(&'static str, Value); 3] {
    let range = |minimum: i64, maximum: i64, description: &str| json!({ "type": kind, "minimum": minimum, "maximum": maximum, "description": description });
    let users = "The number of users and groups that the connection can deactivate or delete, however few users it has.";
    let percent = "The number of users and groups that it can deactivate or delete, as a percentage of its users. The larger \
                   of both limits applies.";
    let hours = "The period, up to the present, for which the limit applies.";
    [
        ("users", range(0, 1_000_000, users)),
        ("percent", range(0, 100, percent)),
        ("hours", range(1, 720, hours)),
    ]
}

/// A brake in a request.
fn new_brake() -> Value {
    let members = members(&json!(["integer", "null"]));
    let properties: Map<_, _> = members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let description = "Members that are absent have the default values: 20 users, 10 percent, 24 hours.";
    json!({
        "type": "object", "properties": properties, "additionalProperties": false, "description": description,
    })
}

fn held() -> Value {
    let since = described(time(), "The time of the first refused request.");
    let count =
        described(integer(), "The number of deactivations and deletions within the period of the brake.");
    object([("since", since), ("count", count), ("reason", described(text(), "The reason in sentences."))])
}

fn release() -> Value {
    let allow = json!({
        "type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000,
        "description": "The number of deactivations and deletions to permit. With null, those so far no longer count.",
    });
    json!({ "type": "object", "properties": { "allow": allow }, "additionalProperties": false })
}
