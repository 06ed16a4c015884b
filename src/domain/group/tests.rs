//! Round trips of bodies, and merge patches (RFC 7396).

use super::{Draft, Group, Representation, WriteMode};
use crate::domain::change::{Auditable, Change};
use crate::domain::fields::FieldError;
use crate::domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

fn group(body: Value) -> Group {
    Group::new(Uuid::max(), Draft::read(body, WriteMode::Create).unwrap(), 3, Timestamp::from(0))
}

fn full_body() -> Value {
    json!({
        "displayName": "Engineers ✓", "externalId": "e-1", "custom": {"a": null, "b": [{"c": 1.5}]},
        "extensions": {"urn:example:x:2.0": {"y": null}},
    })
}

fn represented(group: &Group) -> Value {
    serde_json::to_value(Representation::from(group)).unwrap()
}

fn pointers(errors: &[FieldError]) -> Vec<&str> {
    errors.iter().map(|error| error.pointer.as_str()).collect()
}

#[test]
fn a_representation_can_be_sent_back() {
    for body in [full_body(), json!({"displayName": "a"})] {
        let first = group(body);
        let again = Draft::read(represented(&first), WriteMode::Replace(first.id)).unwrap();
        assert_eq!(first.with(again), first);
    }
}

#[test]
fn changes_are_stored_without_absent_values_and_shown_with_them() {
    for (body, stored) in
        [(full_body(), None), (json!({"displayName": "a"}), Some(json!({"displayName": "a"})))]
    {
        let group = group(body);
        let created = Change::created(Uuid::nil(), &group).after.unwrap();
        let deleted = Change::deleted(Uuid::nil(), &group, Timestamp::from(1)).before.unwrap();
        assert_eq!(created, deleted);
        stored.into_iter().for_each(|stored| assert_eq!(Value::from(created.clone()), stored));
        let [create, update, delete] = Group::KINDS;
        assert_eq!([create.shown(created), delete.shown(deleted)], [group.snapshot(), group.snapshot()]);
        assert_eq!(update.shown(group.snapshot()), group.snapshot());
    }
    let (before, after) = (group(full_body()), group(json!({"displayName": "a"})));
    let updated = Change::updated(Uuid::nil(), &before, &after);
    assert_eq!(updated.kind.shown(updated.before.unwrap()), before.snapshot());
    assert_eq!(updated.kind.shown(updated.after.unwrap()), after.snapshot());
}

#[test]
fn a_patch_changes_only_the_fields_it_names() {
    let before = group(full_body());
    let unchanged = Draft::patch(&before, &json!({"memberCount": 9, "version": null})).unwrap();
    assert_eq!(before.with(unchanged), before);
    let patch = json!({"displayName": "x", "externalId": null, "custom": {"a": 1, "b": null}});
    let after = before.with(Draft::patch(&before, &patch).unwrap());
    let expected = json!({"displayName": "x", "custom": {"a": 1}, "extensions": full_body()["extensions"]});
    assert_eq!(after, Group { member_count: 3, ..group(expected) });
}

#[test]
fn every_error_is_reported_with_its_pointer() {
    let body = json!({
        "id": "x", "externalId": 1, "custom": [], "extensions": {"nope": {}, "urn:a:b": 1}, "members": [],
        "userName": "x",
    });
    let errors = Draft::read(body, WriteMode::Replace(Uuid::max())).unwrap_err();
    let expected = [
        "/id",
        "/externalId",
        "/displayName",
        "/custom",
        "/extensions/nope",
        "/extensions/urn:a:b",
        "/members",
        "/userName",
    ];
    assert_eq!(pointers(&errors), expected);
    let group = group(full_body());
    let errors = Draft::patch(&group, &json!({"displayName": null, "members": null})).unwrap_err();
    assert_eq!(pointers(&errors), ["/members", "/displayName"]);
    assert_eq!(pointers(&Draft::patch(&group, &json!(["c"])).unwrap_err()), [""]);
}

#[test]
fn the_size_of_a_group_is_limited() {
    let large =
        |length: usize| json!({"displayName": "a", "extensions": {"urn:a:b": {"c": "x".repeat(length)}}});
    assert!(Draft::read(large(65_000), WriteMode::Create).is_ok());
    assert_eq!(pointers(&Draft::read(large(65_600), WriteMode::Create).unwrap_err()), [""]);
}
