//! The schemas of reverts.

use super::builders::{array, described, id, integer, nullable_text, object, reference, text};
use super::records::body;
use crate::domain::origin::ActorKind;
use serde_json::{Value, json};

/// The schemas by name.
pub(super) fn all() -> [(&'static str, Value); 2] {
    [("Revert", revert()), ("Reverted", reverted())]
}

fn revert() -> Value {
    let kinds = [ActorKind::Key, ActorKind::Connection, ActorKind::Admin, ActorKind::Cli]
        .map(|kind| kind.to_string());
    let kind = json!({ "type": "string", "enum": kinds });
    let id = described(text(), "The id of the key or connection, or `admin` for `ROSTER_ADMIN_KEY`.");
    let head = "The `head` of the plan to apply. Required if `plan` is false.";
    let properties = [
        ("after", described(integer(), "The revision before the first one.")),
        ("until", described(integer(), "The last revision.")),
        ("actor", body([("type", kind), ("id", id)], &[], &["type", "id"])),
        ("plan", json!({ "type": ["boolean", "null"], "default": true })),
        ("head", json!({ "type": ["integer", "null"], "format": "int64", "description": head })),
    ];
    body(properties, &[], &["after", "until", "actor"])
}

fn reverted() -> Value {
    let portion = object([
        ("items", integer()),
        (
            "revisions",
            json!({ "type": ["array", "null"], "items": integer(), "description": "The first and the last revision." }),
        ),
    ]);
    json!({
        "type": "object",
        "properties": {
            "head": described(integer(), "The newest revision: when the plan began, or after the last portion."),
            "changes": described(integer(), "The number of changes of the actor in the range."),
            "items": array(reverted_item()),
            "conflicts": described(array(revert_conflict()), "The first 10,000 conflicts."),
            "conflictCount": described(integer(), "The number of all conflicts."),
            "portions": described(array(portion), "The transactions. Absent in a plan."),
            "pending": described(integer(), "The number of items that were not processed. Absent in a plan."),
            "problem": described(reference("Problem"), "The reason why the revert ended early."),
        },
        "required": ["head", "changes", "items", "conflicts", "conflictCount"],
    })
}

/// A user, a group or a membership, with further properties.
fn of_target(properties: &Value, required: &[&str]) -> Value {
    let mut all = json!({
        "resource": { "type": "string", "enum": ["user", "group", "member"] },
        "id": id(),
        "groupId": described(id(), "Present instead of `id` in a membership."),
        "userId": described(id(), "Present instead of `id` in a membership."),
    });
    if let (Some(all), Some(more)) = (all.as_object_mut(), properties.as_object()) {
        all.extend(more.clone());
    }
    let required = [&["resource"], required].concat();
    json!({ "type": "object", "properties": all, "required": required })
}

fn reverted_item() -> Value {
    let outcome =
        json!({ "type": "string", "enum": ["unchanged", "update", "delete", "restore", "add", "remove"] });
    let attributes =
        "The attributes that an update sets; `externalIds.<source>` is the externalId of a source.";
    let properties = json!({
        "outcome": outcome,
        "attributes": described(array(text()), attributes),
        "reverts": described(array(integer()), "The revisions that are undone."),
    });
    of_target(&properties, &["outcome", "attributes", "reverts"])
}

fn revert_conflict() -> Value {
    let reasons = [
        "changed",
        "deleted",
        "recreated",
        "taken",
        "erased",
        "missing",
        "not-retained",
        "too-large",
        "timeout",
    ];
    let revision = json!({ "type": ["integer", "null"], "format": "int64",
        "description": "The change of somebody else that is kept." });
    let actor = json!({ "anyOf": [object([("type", text()), ("id", text())]), { "type": "null" }] });
    let existing = json!({ "type": ["string", "null"], "format": "uuid",
        "description": "With `taken`: the id of the resource that has the value." });
    let properties = json!({
        "attribute": described(nullable_text(), "The attribute that is left alone. Null for a whole resource or membership."),
        "reason": { "type": "string", "examples": reasons },
        "revision": revision,
        "actor": actor,
        "existingId": existing,
    });
    of_target(&properties, &["attribute", "reason", "revision", "actor", "existingId"])
}
