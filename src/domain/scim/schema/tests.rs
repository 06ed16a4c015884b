//! The schemas beside what Roster is made of, and beside the RFC's.

use super::*;
use crate::domain::attribute::{Kind, USER as NATIVE};
use serde_json::Value;
use std::collections::BTreeSet;

/// Every definition with its path.
fn walk(definitions: &'static [Definition], above: &str, see: &mut impl FnMut(&str, &'static Definition)) {
    for definition in definitions {
        let path = format!("{above}{}", definition.name);
        see(&path, definition);
        walk(&definition.parts, &format!("{path}."), see);
    }
}

fn everything(mut see: impl FnMut(&str, &'static Definition)) {
    walk(&COMMON, "", &mut see);
    for schema in all() {
        walk(&schema.attributes, "", &mut see);
    }
}

/// The paths of native attributes below these.
fn native(attributes: &[Attribute], above: &str, paths: &mut BTreeSet<String>) {
    for attribute in attributes {
        let path = format!("{above}{}", attribute.name);
        native(attribute.parts(), &format!("{path}."), paths);
        paths.insert(path);
    }
}

fn of_native(name: &str) -> &'static Attribute {
    NATIVE.iter().find(|attribute| attribute.name == name).unwrap()
}

/// What the native API has and what the schemas have are the same, but for what is named here.
#[test]
fn the_schemas_of_users_are_the_native_attributes() {
    let mut expected = BTreeSet::new();
    for attribute in NATIVE.iter().filter(|attribute| !user::NOT_CORE.contains(&attribute.name)) {
        native(std::slice::from_ref(attribute), "", &mut expected);
    }
    native(of_native("enterprise").parts(), "", &mut expected);
    let scim_alone = [
        "password",
        "groups",
        "groups.value",
        "groups.$ref",
        "groups.display",
        "groups.type",
        "manager.$ref",
    ];
    expected.extend(scim_alone.map(str::to_owned));
    let mut found = BTreeSet::new();
    for schema in [&USER, &ENTERPRISE_USER] {
        walk(&schema.attributes, "", &mut |path, _| assert!(found.insert(path.to_owned()), "{path}"));
    }
    assert_eq!(found, expected);
    for name in user::NOT_CORE {
        assert!(NATIVE.iter().any(|attribute| attribute.name == name), "{name}");
    }
}

#[test]
fn what_is_derived_says_of_values_what_the_native_attribute_does() {
    let mut seen = 0;
    everything(|path, definition| {
        let Some(attribute) = definition.attribute else { return };
        seen += 1;
        assert_eq!(definition.name, attribute.name, "{path}");
        assert_eq!(definition.multi_valued, matches!(attribute.kind, Kind::List(_)), "{path}");
        let exact = matches!(attribute.kind, Kind::Exact | Kind::Id | Kind::Binary);
        assert_eq!(definition.case_exact, exact, "{path}");
        for part in attribute.parts() {
            let case_exact = definition.part(part.name).expect(path).case_exact;
            assert_eq!(case_exact, matches!(part.kind, Kind::Exact | Kind::Id | Kind::Binary), "{path}");
        }
    });
    assert!(seen > 60, "{seen}");
}

#[test]
fn every_definition_is_whole() {
    everything(|path, definition| {
        assert!(!definition.description.is_empty(), "{path} has no description");
        assert_eq!(definition.kind == Type::Complex, !definition.parts.is_empty(), "{path}");
        assert_eq!(definition.kind == Type::Reference, !definition.reference_types.is_empty(), "{path}");
        let names: BTreeSet<_> = definition.parts.iter().map(|part| part.name.to_ascii_lowercase()).collect();
        assert_eq!(names.len(), definition.parts.len(), "{path}");
    });
}

fn shown(schema: &Schema) -> Value {
    schema.shown("https://roster.example/scim/v2")
}

/// What `/Schemas` says of an attribute, by its path in the schema.
fn said(schema: &Schema, path: &str) -> Value {
    let mut found = shown(schema)["attributes"].take();
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let attribute = found.as_array().unwrap().iter().find(|attribute| attribute["name"] == name);
        let mut attribute = attribute.unwrap_or_else(|| panic!("{path}")).clone();
        found = if names.peek().is_some() { attribute["subAttributes"].take() } else { attribute };
    }
    found
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

#[test]
fn item_19_schemas_have_no_null_members_and_camel_case_values() {
    for schema in all() {
        let shown = shown(schema);
        assert!(!has_null(&shown), "{}", schema.id);
        assert_eq!(
            shown["meta"]["location"],
            format!("https://roster.example/scim/v2/Schemas/{}", schema.id)
        );
    }
    let members = said(&GROUP, "members.$ref");
    assert_eq!(members["type"], "reference");
    assert_eq!(members["mutability"], "immutable");
    assert_eq!(said(&USER, "userName")["mutability"], "readWrite");
    assert_eq!(said(&RESOURCE_TYPE, "schemaExtensions.required")["type"], "boolean");
    assert_eq!(said(&SCHEMA, "attributes.subAttributes.multiValued")["mutability"], "readOnly");
}

#[test]
fn item_6_what_has_case_and_what_is_unique() {
    let user_name = said(&USER, "userName");
    assert_eq!((&user_name["caseExact"], &user_name["uniqueness"]), (&false.into(), &"server".into()));
    assert_eq!(user_name["required"], true);
    for exact in ["id", "externalId"] {
        assert!(find(&COMMON, exact).unwrap().case_exact, "{exact}");
    }
    assert_eq!(said(&USER, "emails")["uniqueness"], "none");
    assert_eq!(said(&USER, "emails.type")["canonicalValues"], serde_json::json!(["work", "home", "other"]));
}

#[test]
fn item_15_what_comes_always_is_id_and_schemas() {
    let mut always = Vec::new();
    everything(|path, definition| {
        if definition.returned == Returned::Always {
            always.push(path.to_owned());
        }
    });
    assert_eq!(always, ["schemas", "id"]);
}

#[test]
fn item_28_a_password_is_never_returned() {
    let password = said(&USER, "password");
    assert_eq!((&password["mutability"], &password["returned"]), (&"writeOnly".into(), &"never".into()));
}

#[test]
fn item_40_a_member_is_a_user() {
    assert_eq!(said(&GROUP, "members.type")["canonicalValues"], serde_json::json!(["User"]));
    assert_eq!(said(&GROUP, "members.$ref")["referenceTypes"], serde_json::json!(["User"]));
    assert_eq!(said(&GROUP, "members.display")["mutability"], "readOnly");
}

#[test]
fn item_55_groups_are_read_only_and_come_when_asked_for() {
    let groups = said(&USER, "groups");
    assert_eq!((&groups["mutability"], &groups["returned"]), (&"readOnly".into(), &"request".into()));
    assert_eq!(said(&USER, "groups.value")["mutability"], "readOnly");
}

#[test]
fn item_60_active_may_be_left_out_but_not_removed() {
    let active = USER.attribute("active").unwrap();
    assert!(!active.required && active.is_kept());
}

#[test]
fn item_5_pages_are_described() {
    for part in
        ["cursor", "index", "defaultPaginationMethod", "defaultPageSize", "maxPageSize", "cursorTimeout"]
    {
        assert_eq!(said(&SERVICE_PROVIDER_CONFIG, &format!("pagination.{part}"))["name"], part);
    }
}
