//! Bodies there and back.

use super::{Draft, Group, ReadAs, Representation};
use crate::domain::fields::FieldError;
use crate::domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

fn group(body: Value) -> Group {
    let bare = Group {
        id: Uuid::max(),
        attributes: Default::default(),
        external_ids: Default::default(),
        member_count: 3,
        version: 1,
        created_at: Timestamp::from(0),
        updated_at: Timestamp::from(0),
    };
    bare.with(Draft::read(body, ReadAs::New).unwrap())
}

fn everything() -> Value {
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
fn what_get_gave_may_be_put_back() {
    for body in [everything(), json!({"displayName": "a"})] {
        let first = group(body);
        let again = Draft::read(represented(&first), ReadAs::Replacement(first.id)).unwrap();
        assert_eq!(first.with(again), first);
    }
}

#[test]
fn a_patch_touches_what_it_names() {
    let before = group(everything());
    let unchanged = Draft::patch(&before, &json!({"memberCount": 9, "version": null})).unwrap();
    assert_eq!(before.with(unchanged), before);
    let patch = json!({"displayName": "x", "externalId": null, "custom": {"a": 1, "b": null}});
    let after = before.with(Draft::patch(&before, &patch).unwrap());
    let expected = json!({"displayName": "x", "custom": {"a": 1}, "extensions": everything()["extensions"]});
    assert_eq!(after, Group { member_count: 3, ..group(expected) });
}

#[test]
fn every_error_is_told_with_its_place() {
    let body = json!({
        "id": "x", "externalId": 1, "custom": [], "extensions": {"nope": {}, "urn:a:b": 1}, "members": [],
        "userName": "x",
    });
    let errors = Draft::read(body, ReadAs::Replacement(Uuid::max())).unwrap_err();
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
    let group = group(everything());
    let errors = Draft::patch(&group, &json!({"displayName": null, "members": null})).unwrap_err();
    assert_eq!(pointers(&errors), ["/members", "/displayName"]);
    assert_eq!(pointers(&Draft::patch(&group, &json!(["c"])).unwrap_err()), [""]);
}

#[test]
fn a_group_has_a_limit() {
    let large =
        |length: usize| json!({"displayName": "a", "extensions": {"urn:a:b": {"c": "x".repeat(length)}}});
    assert!(Draft::read(large(65_000), ReadAs::New).is_ok());
    assert_eq!(pointers(&Draft::read(large(65_600), ReadAs::New).unwrap_err()), [""]);
}
