//! The schemas compared with the native attributes and with the RFC.

use super::*;
use crate::domain::attribute::{Kind, USER as NATIVE};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Calls `visit` with every definition and its path.
fn walk(definitions: &'static [Definition], prefix: &str, visit: &mut impl FnMut(&str, &'static Definition)) {
    for definition in definitions {
        let path = format!("{prefix}{}", definition.name);
        visit(&path, definition);
        walk(&definition.sub_attributes, &format!("{path}."), visit);
    }
}

fn walk_all(mut visit: impl FnMut(&str, &'static Definition)) {
    walk(&COMMON, "", &mut visit);
    for schema in all() {
        walk(&schema.attributes, "", &mut visit);
    }
}

/// Collects the paths of native attributes and their parts.
fn native_paths(attributes: &[Attribute], prefix: &str, paths: &mut BTreeSet<String>) {
    for attribute in attributes {
        let path = format!("{prefix}{}", attribute.name);
        native_paths(attribute.parts(), &format!("{path}."), paths);
        paths.insert(path);
    }
}

fn native(name: &str) -> &'static Attribute {
    NATIVE.iter().find(|attribute| attribute.name == name).unwrap()
}

#[test]
fn the_user_schemas_have_the_native_attributes_and_those_that_only_scim_defines() {
    let mut expected = BTreeSet::new();
    for attribute in NATIVE.iter().filter(|attribute| !user::NOT_CORE.contains(&attribute.name)) {
        native_paths(std::slice::from_ref(attribute), "", &mut expected);
    }
    native_paths(native("enterprise").parts(), "", &mut expected);
    let scim_only = [
        "password",
        "groups",
        "groups.value",
        "groups.$ref",
        "groups.display",
        "groups.type",
        "manager.$ref",
    ];
    expected.extend(scim_only.map(str::to_owned));
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
fn derived_definitions_have_the_characteristics_of_the_native_attributes() {
    let mut seen = 0;
    walk_all(|path, definition| {
        let Some(attribute) = definition.attribute else { return };
        seen += 1;
        assert_eq!(definition.name, attribute.name, "{path}");
        assert_eq!(definition.multi_valued, matches!(attribute.kind, Kind::List(_)), "{path}");
        let exact = matches!(attribute.kind, Kind::Exact | Kind::Id | Kind::Binary);
        assert_eq!(definition.case_exact, exact, "{path}");
        for part in attribute.parts() {
            let case_exact = definition.sub_attribute(part.name).expect(path).case_exact;
            assert_eq!(case_exact, matches!(part.kind, Kind::Exact | Kind::Id | Kind::Binary), "{path}");
        }
    });
    assert!(seen > 60, "{seen}");
}

#[test]
fn every_definition_is_complete() {
    walk_all(|path, definition| {
        assert!(!definition.description.is_empty(), "{path} has no description");
        assert_eq!(definition.kind == Type::Complex, !definition.sub_attributes.is_empty(), "{path}");
        assert_eq!(definition.kind == Type::Reference, !definition.reference_types.is_empty(), "{path}");
        let names = definition.sub_attributes.iter().map(|inner| inner.name.to_ascii_lowercase());
        assert_eq!(names.collect::<BTreeSet<_>>().len(), definition.sub_attributes.len(), "{path}");
    });
}

fn rendered(schema: &Schema) -> Value {
    schema.render("https://roster.example/scim/v2")
}

/// The attribute at `path` as `/Schemas` returns it.
fn rendered_attribute(schema: &Schema, path: &str) -> Value {
    let mut found = rendered(schema)["attributes"].take();
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
fn rendered_schemas_have_a_location_and_no_null_members() {
    for schema in all() {
        let rendered = rendered(schema);
        assert!(!has_null(&rendered), "{}", schema.id);
        assert_eq!(
            rendered["meta"]["location"],
            format!("https://roster.example/scim/v2/Schemas/{}", schema.id)
        );
    }
}

#[test]
fn attributes_have_the_characteristics_of_the_rfc() {
    for (schema, path, characteristic, expected) in [
        (&USER, "userName", "caseExact", json!(false)),
        (&USER, "userName", "mutability", json!("readWrite")),
        (&USER, "userName", "required", json!(true)),
        (&USER, "userName", "uniqueness", json!("server")),
        (&USER, "emails", "uniqueness", json!("none")),
        (&USER, "emails.type", "canonicalValues", json!(["work", "home", "other"])),
        (&USER, "password", "mutability", json!("writeOnly")),
        (&USER, "password", "returned", json!("never")),
        (&USER, "groups", "mutability", json!("readOnly")),
        (&USER, "groups", "returned", json!("default")),
        (&USER, "groups.value", "mutability", json!("readOnly")),
        (&GROUP, "members.$ref", "mutability", json!("immutable")),
        (&GROUP, "members.$ref", "referenceTypes", json!(["User"])),
        (&GROUP, "members.$ref", "type", json!("reference")),
        (&GROUP, "members.display", "mutability", json!("readOnly")),
        (&GROUP, "members.type", "canonicalValues", json!(["User"])),
        (&RESOURCE_TYPE, "schemaExtensions.required", "type", json!("boolean")),
        (&SCHEMA, "attributes.subAttributes.multiValued", "mutability", json!("readOnly")),
    ] {
        assert_eq!(rendered_attribute(schema, path)[characteristic], expected, "{path} {characteristic}");
    }
    for exact in ["id", "externalId"] {
        assert!(find(&COMMON, exact).unwrap().case_exact, "{exact}");
    }
}

#[test]
fn only_schemas_and_id_are_always_returned() {
    let mut always = Vec::new();
    walk_all(|path, definition| {
        if definition.returned == Returned::Always {
            always.push(path.to_owned());
        }
    });
    assert_eq!(always, ["schemas", "id"]);
}

#[test]
fn active_is_optional_in_bodies_but_always_assigned() {
    let active = USER.attribute("active").unwrap();
    assert!(!active.required && active.is_always_assigned());
}
