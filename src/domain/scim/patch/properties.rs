//! What holds of any operations.

use super::*;
use crate::domain::scim::resource::{View, patch_user};
use crate::domain::scim::urn;
use crate::domain::time::Timestamp;
use crate::domain::user::{Attributes, Draft, ReadAs, User};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

const VIEW: View<'_> = View { base: "https://r/scim/v2", source: "native" };

fn text() -> impl Strategy<Value = Value> {
    select(vec!["a", "A", "b", ""]).prop_map(Value::from)
}

fn email() -> impl Strategy<Value = Value> {
    let value = select(vec![json!("a@x"), json!("A@x"), json!("b@x"), json!(null)]);
    let kind = select(vec![json!("work"), json!("Work"), json!("home"), json!(null)]);
    let display = select(vec![json!("d"), json!("e"), json!(null)]);
    let primary = select(vec![json!(true), json!(false), json!("True"), json!(null)]);
    (value, kind, display, primary).prop_map(|(value, kind, display, primary)| {
        json!({"value": value, "type": kind, "display": display, "primary": primary})
    })
}

fn emails() -> impl Strategy<Value = Value> {
    prop_oneof![vec(email(), 0..4).prop_map(Value::from), email(), Just(json!("c@x")), Just(json!(null))]
}

fn loose() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text(), Just(json!(null)), Just(json!(1)), Just(json!([]))];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            (inner.clone(), inner).prop_map(|(one, other)| json!({"k": one, "l": other})),
        ]
    })
}

/// Values of an attribute that is no list. Of an unknown one only what it holds tells whether it is a list: there, one that
/// is written now without a list and now as a list is not the same when it is written twice.
fn shaped() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text(), Just(json!(null)), Just(json!(1))];
    leaf.prop_recursive(3, 8, 3, |inner| {
        (inner, lists()).prop_map(|(one, list)| json!({"k": one, "l": list}))
    })
}

fn lists() -> impl Strategy<Value = Value> {
    vec(prop_oneof![text(), Just(json!({"k": [1]})), Just(json!(1))], 0..3).prop_map(Value::from)
}

/// A path without a filter, and a value that may be written there.
fn written() -> impl Strategy<Value = (String, Value)> {
    let unset = || prop_oneof![4 => text(), 1 => Just(json!(null))];
    let name =
        (unset(), unset()).prop_map(|(given, family)| json!({"givenName": given, "familyName": family}));
    let number = format!("{}:employeeNumber", urn::ENTERPRISE_USER);
    let extension = unset().prop_map(|text| json!({"department": text, "manager": text}));
    prop_oneof![
        (select(vec!["title", "nickName", "name.givenName", "manager", "password"]), unset())
            .prop_map(|(path, value)| (path.to_owned(), value)),
        select(vec![json!(true), json!("False")]).prop_map(|value| ("active".to_owned(), value)),
        name.prop_map(|value| ("name".to_owned(), value)),
        (select(vec!["emails", "EMAILS"]), emails()).prop_map(|(path, value)| (path.to_owned(), value)),
        emails().prop_map(|value| ("ims".to_owned(), value)),
        unset().prop_map(move |value| (number.clone(), value)),
        extension.prop_map(|value| (urn::ENTERPRISE_USER.to_owned(), value)),
        (select(vec!["urn:x:acme:1.0:User:a", "urn:x:acme:1.0:User:b.c"]), shaped())
            .prop_map(|(path, value)| (path.to_owned(), value)),
        lists().prop_map(|value| ("urn:x:acme:1.0:User:list".to_owned(), value)),
        (shaped(), lists()).prop_map(|(value, list)| {
            ("urn:x:acme:1.0:User".to_owned(), json!({"a": value, "list": list}))
        }),
    ]
}

/// An operation without a value filter.
fn plain() -> impl Strategy<Value = Operation> {
    let verb = || select(vec![Verb::Add, Verb::Replace]);
    prop_oneof![
        6 => (verb(), written()).prop_map(|(verb, (path, value))| Operation { verb, path: Some(path), value: Some(value) }),
        2 => written().prop_map(|(path, _)| Operation { verb: Verb::Remove, path: Some(path), value: None }),
        2 => (verb(), vec(written(), 1..3)).prop_map(|(verb, values)| {
            let value: Map<_, _> = values.into_iter().collect();
            Operation { verb, path: None, value: Some(value.into()) }
        }),
    ]
}

/// Any operation, also with filters, and some that are wrong.
fn any_operation() -> impl Strategy<Value = Operation> {
    let paths = vec![
        r#"emails[type eq "work"].value"#,
        r#"emails[type eq "home"]"#,
        r#"emails[value sw "a" or primary eq true].primary"#,
        r#"emails[not (display pr)].display"#,
        "userName",
        "nope",
        "meta",
        "active",
        "emails",
    ];
    let verb = select(vec![Verb::Add, Verb::Replace, Verb::Remove]);
    let value = prop_oneof![text(), emails(), email(), loose()];
    let filtered = (verb, select(paths), prop::option::of(value)).prop_map(|(verb, path, value)| Operation {
        verb,
        path: Some(path.to_owned()),
        value,
    });
    prop_oneof![plain(), filtered]
}

fn user(body: Value) -> User {
    let bare = User {
        id: Uuid::max(),
        attributes: Attributes::default(),
        external_ids: BTreeMap::new(),
        version: 1,
        created_at: Timestamp::from(0),
        updated_at: Timestamp::from(0),
    };
    bare.with(Draft::read(body, ReadAs::New).unwrap())
}

fn users() -> impl Strategy<Value = User> {
    let acme = (shaped(), lists())
        .prop_map(|(value, list)| json!({"urn:x:acme:1.0:User": {"a": value, "list": list}}));
    let email = (select(vec!["a@x", "b@x", "C@x"]), select(vec![json!("work"), json!("home"), json!(null)]));
    let emails = vec(email.prop_map(|(value, kind)| json!({"value": value, "type": kind})), 0..3);
    (emails, prop::option::of("[a-c]"), acme).prop_map(|(emails, title, extensions)| {
        user(json!({
            "userName": "ada", "title": title, "emails": emails, "extensions": extensions,
            "custom": {"kept": null}, "enterprise": {"manager": {"value": "m"}},
        }))
    })
}

fn profiles() -> impl Strategy<Value = Profile> {
    select(vec![Profile::Lenient, Profile::Strict])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn item_43_twice_is_once_without_value_filters(
        user in users(), operations in vec(plain(), 1..6), profile in profiles(),
    ) {
        let shown = crate::domain::scim::resource::user(&user, None, &VIEW);
        if let Ok(once) = apply(ResourceType::User, &shown, &operations, profile) {
            let twice = apply(ResourceType::User, &once.resource, &operations, profile);
            prop_assert_eq!(twice.as_ref(), Ok(&once));
        }
        if let Ok(once) = patch_user(&user, &VIEW, &operations, profile) {
            let once = user.with(once);
            let twice = patch_user(&once, &VIEW, &operations, profile).map(|draft| once.with(draft));
            prop_assert_eq!(twice, Ok(once));
        }
    }

    #[test]
    fn what_comes_of_operations_is_always_the_same(
        user in users(), operations in vec(any_operation(), 1..6), profile in profiles(),
    ) {
        let shown = crate::domain::scim::resource::user(&user, None, &VIEW);
        let once = apply(ResourceType::User, &shown, &operations, profile);
        prop_assert_eq!(&once, &apply(ResourceType::User, &shown, &operations, profile));
        // One after the other they do what they do together.
        let mut step = Ok(shown);
        for operation in &operations {
            step = step.and_then(|resource| {
                apply(ResourceType::User, &resource, std::slice::from_ref(operation), profile).map(|done| done.resource)
            });
        }
        prop_assert_eq!(once.map(|done| done.resource), step);
    }

    #[test]
    fn a_patched_user_keeps_what_scim_does_not_know(
        user in users(), operations in vec(any_operation(), 1..6), profile in profiles(),
    ) {
        if let Ok(draft) = patch_user(&user, &VIEW, &operations, profile) {
            prop_assert_eq!(&draft.attributes.custom, &user.attributes.custom);
            prop_assert!(draft.says_active);
            prop_assert!(draft.attributes.emails.iter().filter(|email| email.primary).count() <= 1);
        }
    }
}
