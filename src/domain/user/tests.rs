//! Round trips of bodies, and merge patches. tests/api/merge_patch.rs applies the examples of RFC 7396.

use super::{Attributes, Draft, Representation, User, WriteMode};
use crate::domain::change::{Auditable, Change, ChangeKind};
use crate::domain::document::compact;
use crate::domain::fields::FieldError;
use crate::domain::time::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', "␀"))
}

fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("k{}", text.chars().take(60).collect::<String>()))
}

fn values() -> impl Strategy<Value = Value> {
    let element = (option::of(key()), option::of(text()), option::of(text()));
    vec(element, 0..4).prop_map(|elements| {
        let json = |(index, (value, display, kind))| json!({"value": value, "display": display, "type": kind, "primary": index == 0});
        elements.into_iter().enumerate().map(json).collect()
    })
}

fn emails() -> impl Strategy<Value = Value> {
    let part = "[^@\\p{Cc}\\s]{1,40}";
    vec((part, part), 0..4).prop_map(|parts| {
        parts.into_iter().map(|(local, domain)| json!({"value": format!("{local}@{domain}")})).collect()
    })
}

fn custom() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let nested = leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4).prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    });
    btree_map(text(), nested, 0..3).prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
}

/// Valid bodies, in which any optional field may be absent.
pub(super) fn body() -> impl Strategy<Value = Value> {
    let names = (option::of(text()), option::of(text()));
    let enterprise = (option::of(text()), option::of(text()));
    (key(), option::of(key()), names, any::<Option<bool>>(), (emails(), values(), values()), enterprise, custom())
        .prop_map(|(name, other, (given, title), active, (emails, phones, photos), (department, boss), custom)| {
            json!({
                "userName": name, "displayName": other, "externalId": other, "title": title, "active": active,
                "name": {"givenName": given}, "emails": emails, "phoneNumbers": phones, "photos": photos,
                "addresses": [{"locality": title}], "custom": custom, "extensions": {"urn:x:y": custom},
                "enterprise": {"department": department, "manager": {"value": boss}},
            })
        })
}

pub(super) fn user(draft: Draft) -> User {
    User::new(Uuid::max(), draft, Timestamp::from(0))
}

fn represented(user: &User) -> Value {
    serde_json::to_value(Representation::from(user)).unwrap()
}

/// The value as parsed from its JSON text.
fn sent(value: &Value) -> Value {
    crate::domain::json::parse(value.to_string().as_bytes()).unwrap()
}

proptest! {
    #[test]
    fn a_representation_can_be_sent_back(body in body()) {
        let first = user(Draft::read(sent(&body), WriteMode::Create).unwrap());
        let again = Draft::read(sent(&represented(&first)), WriteMode::Replace(first.id)).unwrap();
        prop_assert_eq!(first.with(again), first);
    }

    #[test]
    fn values_are_returned_as_sent(body in body()) {
        let shown = represented(&user(Draft::read(sent(&body), WriteMode::Create).unwrap()));
        for name in ["userName", "displayName", "externalId", "title", "custom", "extensions"] {
            prop_assert_eq!(&shown[name], &sent(&body)[name], "{}", name);
        }
    }

    #[test]
    fn stored_documents_round_trip(body in body()) {
        let attributes = Draft::read(sent(&body), WriteMode::Create).unwrap().attributes;
        let document = Value::Object(compact(&attributes)).to_string();
        prop_assert_eq!(serde_json::from_str::<Attributes>(&document).unwrap(), attributes);
    }

    #[test]
    fn changes_are_shown_with_absent_values(body in body(), other in body()) {
        let user = |body| user(Draft::read(sent(body), WriteMode::Create).unwrap());
        let (before, after) = (user(&body), user(&other));
        let created = Change::created(Uuid::nil(), &before);
        prop_assert_eq!(created.kind.shown(created.after.unwrap()), before.snapshot());
        let deleted = Change::deleted(Uuid::nil(), &before, Timestamp::from(1));
        prop_assert_eq!(deleted.kind.shown(deleted.before.unwrap()), before.snapshot());
        let updated = Change::updated(Uuid::nil(), &before, &after);
        for (values, shown, other) in [(updated.before, &before, &after), (updated.after, &after, &before)] {
            let (mut expected, other) = (shown.snapshot(), other.snapshot());
            expected.retain(|name, value| other[name] != *value);
            prop_assert_eq!(updated.kind.shown(values.unwrap()), expected);
        }
    }

    #[test]
    fn changes_stored_with_absent_values_are_shown_unchanged(body in body()) {
        let stored = user(Draft::read(sent(&body), WriteMode::Create).unwrap()).snapshot();
        for kind in User::KINDS {
            prop_assert_eq!(&kind.shown(stored.clone()), &stored);
        }
    }

    #[test]
    fn an_empty_patch_and_a_patch_with_the_representation_change_nothing(body in body()) {
        let user = user(Draft::read(sent(&body), WriteMode::Create).unwrap());
        let unchanged = Draft::patch(&user, &json!({})).unwrap();
        prop_assert_eq!(user.with(unchanged), user.clone());
        let mut whole = represented(&user);
        // A null in a merge patch would remove the value.
        whole.as_object_mut().unwrap().retain(|name, _| name != "custom" && name != "extensions");
        let same = Draft::patch(&user, &whole).unwrap();
        prop_assert_eq!(user.with(same), user);
    }

    #[test]
    fn arbitrary_json_does_not_panic(value in custom()) {
        drop(Draft::read(value, WriteMode::Create));
    }
}

#[test]
fn changes_are_stored_without_absent_values() {
    let user =
        user(Draft::read(json!({"userName": "a", "emails": [{"value": "a@x"}]}), WriteMode::Create).unwrap());
    let created = Change::created(Uuid::nil(), &user).after.unwrap();
    assert_eq!(Value::from(created), json!({"userName": "a", "active": true, "emails": [{"value": "a@x"}]}),);
    let patch = json!({"emails": null, "name": {"givenName": "A"}, "active": false});
    let patched = user.with(Draft::patch(&user, &patch).unwrap());
    let updated = Change::updated(Uuid::nil(), &user, &patched);
    assert_eq!(updated.kind, ChangeKind::USER_UPDATED);
    let before = json!({"active": true, "emails": [{"value": "a@x"}], "name": {}});
    let after = json!({"active": false, "emails": [], "name": {"givenName": "A"}});
    assert_eq!(
        (updated.before.map(Value::from), updated.after.map(Value::from)),
        (Some(before), Some(after))
    );
}

#[test]
fn a_patch_must_be_an_object() {
    let user = user(Draft::read(json!({"userName": "a"}), WriteMode::Create).unwrap());
    for patch in [json!(["c"]), json!(null), json!("bar"), json!(1)] {
        let errors = Draft::patch(&user, &patch).unwrap_err();
        assert_eq!(pointers(&errors)[0], "", "{patch}");
    }
}

#[test]
fn removing_an_unknown_field_is_an_error() {
    let user = user(Draft::read(json!({"userName": "a"}), WriteMode::Create).unwrap());
    let patch = json!({"tilte": null, "name": {"x": null}, "custom": {"x": null}, "extensions": {"urn:a:b": null},
        "enterprise": {"manager": {"value": null}}, "title": null, "externalId": null});
    assert_eq!(pointers(&Draft::patch(&user, &patch).unwrap_err()), ["/name/x", "/tilte"]);
    let managed = json!({"enterprise": {"manager": {"value": "m"}}});
    let user = user.with(Draft::patch(&user, &managed).unwrap());
    let patch = json!({"enterprise": {"manager": {"vlaue": null, "displayName": null}}});
    assert_eq!(pointers(&Draft::patch(&user, &patch).unwrap_err()), ["/enterprise/manager/vlaue"]);
}

#[test]
fn every_error_is_reported_with_its_pointer() {
    let body = json!({
        "active": "yes", "name": {"givenName": 1, "x": 1}, "emails": [{"value": "@"}, 7, {"y/z": 1}],
        "roles": {}, "enterprise": {"manager": "m"}, "custom": [], "extensions": {"nope": {}, "urn:a:b": 1},
        "memberCount": 1,
    });
    let errors = Draft::read(body, WriteMode::Create).unwrap_err();
    let expected = [
        "/active",
        "/userName",
        "/name/givenName",
        "/name/x",
        "/emails/0/value",
        "/emails/1",
        "/emails/2/y~1z",
        "/roles",
        "/enterprise/manager",
        "/custom",
        "/extensions/nope",
        "/extensions/urn:a:b",
        "/memberCount",
    ];
    assert_eq!(pointers(&errors), expected);
}

#[test]
fn equal_elements_are_deduplicated() {
    let body = json!({"userName": "a", "emails": [
        {"value": "A@x", "type": "work", "display": "first"}, {"value": "b@x"},
        {"value": "a@X", "type": "WORK", "display": "last", "primary": true},
    ], "addresses": [{"country": "GB"}, {"country": "FR"}, {"country": "GB", "primary": true}]});
    let attributes = Draft::read(body, WriteMode::Create).unwrap().attributes;
    let emails: Vec<_> = attributes.emails.iter().map(|e| (e.value.as_deref().unwrap(), e.primary)).collect();
    assert_eq!(emails, [("a@X", true), ("b@x", false)]);
    let addresses: Vec<_> =
        attributes.addresses.iter().map(|a| (a.country.as_deref().unwrap(), a.primary)).collect();
    assert_eq!(addresses, [("GB", true), ("FR", false)]);
}

fn pointers(errors: &[FieldError]) -> Vec<&str> {
    errors.iter().map(|error| error.pointer.as_str()).collect()
}
