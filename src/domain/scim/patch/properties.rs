//! Property-based tests of PATCH.

use super::tests::apply_in;
use super::*;
use crate::domain::scim::resource::tests::user;
use crate::domain::scim::resource::{View, patch_user, render_user};
use crate::domain::scim::urn;
use crate::domain::user::User;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

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

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text(), Just(json!(null)), Just(json!(1)), Just(json!([]))];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            (inner.clone(), inner).prop_map(|(one, other)| json!({"k": one, "l": other})),
        ]
    })
}

/// Values of a single-valued attribute of an unknown extension. Whether such an attribute is multi-valued follows from its
/// stored value only, so operations that mix single values and lists would not be idempotent.
fn single_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text(), Just(json!(null)), Just(json!(1))];
    leaf.prop_recursive(3, 8, 3, |inner| {
        (inner, lists()).prop_map(|(single, list)| json!({"k": single, "l": list}))
    })
}

fn lists() -> impl Strategy<Value = Value> {
    vec(prop_oneof![text(), Just(json!({"k": [1]})), Just(json!(1))], 0..3).prop_map(Value::from)
}

/// A path without a value filter, and a value that is valid there.
fn assignment() -> impl Strategy<Value = (String, Value)> {
    let nullable = || prop_oneof![4 => text(), 1 => Just(json!(null))];
    let name = (nullable(), nullable())
        .prop_map(|(given, family)| json!({"givenName": given, "familyName": family}));
    let number = format!("{}:employeeNumber", urn::ENTERPRISE_USER);
    let extension = nullable().prop_map(|text| json!({"department": text, "manager": text}));
    prop_oneof![
        (select(vec!["title", "nickName", "name.givenName", "manager", "password"]), nullable())
            .prop_map(|(path, value)| (path.to_owned(), value)),
        select(vec![json!(true), json!("False")]).prop_map(|value| ("active".to_owned(), value)),
        name.prop_map(|value| ("name".to_owned(), value)),
        (select(vec!["emails", "EMAILS"]), emails()).prop_map(|(path, value)| (path.to_owned(), value)),
        emails().prop_map(|value| ("ims".to_owned(), value)),
        nullable().prop_map(move |value| (number.clone(), value)),
        extension.prop_map(|value| (urn::ENTERPRISE_USER.to_owned(), value)),
        (select(vec!["urn:x:acme:1.0:User:a", "urn:x:acme:1.0:User:b.c"]), single_values())
            .prop_map(|(path, value)| (path.to_owned(), value)),
        lists().prop_map(|value| ("urn:x:acme:1.0:User:list".to_owned(), value)),
        (single_values(), lists()).prop_map(|(value, list)| {
            ("urn:x:acme:1.0:User".to_owned(), json!({"a": value, "list": list}))
        }),
    ]
}

/// A valid operation without a value filter.
fn unfiltered_operation() -> impl Strategy<Value = Operation> {
    let op = || select(vec![Op::Add, Op::Replace]);
    prop_oneof![
        6 => (op(), assignment()).prop_map(|(op, (path, value))| Operation { op, path: Some(path), value: Some(value) }),
        2 => assignment().prop_map(|(path, _)| Operation { op: Op::Remove, path: Some(path), value: None }),
        2 => (op(), vec(assignment(), 1..3)).prop_map(|(op, values)| {
            let value: Map<_, _> = values.into_iter().collect();
            Operation { op, path: None, value: Some(value.into()) }
        }),
    ]
}

/// An operation with or without a value filter, which can be invalid.
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
    let op = select(vec![Op::Add, Op::Replace, Op::Remove]);
    let value = prop_oneof![text(), emails(), email(), any_json()];
    let filtered = (op, select(paths), prop::option::of(value)).prop_map(|(op, path, value)| Operation {
        op,
        path: Some(path.to_owned()),
        value,
    });
    prop_oneof![unfiltered_operation(), filtered]
}

fn users() -> impl Strategy<Value = User> {
    let acme = (single_values(), lists())
        .prop_map(|(value, list)| json!({"urn:x:acme:1.0:User": {"a": value, "list": list}}));
    let email = (select(vec!["a@x", "b@x", "C@x"]), select(vec![json!("work"), json!("home"), json!(null)]));
    let emails = vec(email.prop_map(|(value, kind)| json!({"value": value, "type": kind})), 0..3);
    (emails, prop::option::of("[a-c]"), acme).prop_map(|(emails, title, extensions)| {
        user(json!({
            "userName": "ada", "title": title, "emails": emails, "extensions": extensions,
            "custom": {"stored": null}, "enterprise": {"manager": {"value": "m"}},
        }))
    })
}

fn profiles() -> impl Strategy<Value = Profile> {
    select(vec![Profile::Lenient, Profile::Strict])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn requests_without_value_filters_are_idempotent(
        user in users(), operations in vec(unfiltered_operation(), 1..6), profile in profiles(),
    ) {
        let rendered = render_user(&user, &VIEW);
        if let Ok(once) = apply_in(ResourceType::User, &rendered, &operations, profile) {
            let twice = apply_in(ResourceType::User, &once.resource, &operations, profile);
            prop_assert_eq!(twice.as_ref(), Ok(&once));
        }
        if let Ok(once) = patch_user(&user, &VIEW, &operations, &Reading::new(profile)) {
            let once = user.with(once);
            let twice = patch_user(&once, &VIEW, &operations, &Reading::new(profile)).map(|draft| once.with(draft));
            prop_assert_eq!(twice, Ok(once));
        }
    }

    #[test]
    fn results_are_deterministic_and_operations_apply_in_order(
        user in users(), operations in vec(any_operation(), 1..6), profile in profiles(),
    ) {
        let rendered = render_user(&user, &VIEW);
        let together = apply_in(ResourceType::User, &rendered, &operations, profile);
        prop_assert_eq!(&together, &apply_in(ResourceType::User, &rendered, &operations, profile));
        // In the lenient profile, elements without a value are dropped only after the last operation.
        if profile == Profile::Strict {
            let step = operations.iter().try_fold(rendered, |resource, operation| {
                let operation = std::slice::from_ref(operation);
                apply_in(ResourceType::User, &resource, operation, profile).map(|patched| patched.resource)
            });
            let together = together.map(|patched| patched.resource).map_err(|error| error.scim_type);
            prop_assert_eq!(together, step.map_err(|error| error.scim_type));
        }
    }

    #[test]
    fn a_patched_user_preserves_native_attributes_and_has_at_most_one_primary_email(
        user in users(), operations in vec(any_operation(), 1..6), profile in profiles(),
    ) {
        if let Ok(draft) = patch_user(&user, &VIEW, &operations, &Reading::new(profile)) {
            prop_assert_eq!(&draft.attributes.custom, &user.attributes.custom);
            prop_assert!(draft.has_active);
            prop_assert!(draft.attributes.emails.iter().filter(|email| email.primary).count() <= 1);
        }
    }
}
