//! Operations on multi-valued attributes.

use super::tests::{add, changes, patched, refusal, remove, replace};
use super::*;
use crate::domain::scim::urn;
use serde_json::json;

const WORK: &str = r#"emails[type eq "work"]"#;
const WORK_VALUE: &str = r#"emails[type eq "work"].value"#;
const OTHER_VALUE: &str = r#"emails[type eq "Other"].value"#;

#[test]
fn a_value_filter_selects_the_elements_to_change() {
    let work = |value: &str| {
        let home = json!({"value": "h@x", "type": "home", "primary": false});
        json!({"emails": [{"value": value, "type": "work", "display": "Ada", "primary": true}, home]})
    };
    assert_eq!(changes(replace(WORK_VALUE, json!("n@x"))), work("n@x"));
    assert_eq!(changes(replace(r#"Emails[Type EQ "WORK"].Value"#, json!("n@x"))), work("n@x"));
    assert_eq!(changes(replace(WORK_VALUE, json!("a@x"))), json!({}));
    let home = r#"emails[type eq "home" and value sw "h@"].display"#;
    assert_eq!(changes(add(home, json!("H")))["emails"][1]["display"], "H");
}

#[test]
fn lenient_adds_the_element_that_a_value_filter_without_a_match_describes() {
    let added = changes(replace(OTHER_VALUE, json!("o@x")));
    assert_eq!(added["emails"][2], json!({"type": "Other", "value": "o@x", "primary": false}));
    let added = changes(add(r#"phoneNumbers[type eq "work" and primary eq true].value"#, json!("1")));
    assert_eq!(added, json!({"phoneNumbers": [{"type": "work", "value": "1", "primary": true}]}));
    let added = changes(replace(r#"roles[value eq "admin"]"#, json!({"display": "A"})));
    assert_eq!(added, json!({"roles": [{"value": "admin", "display": "A", "primary": false}]}));
    assert_eq!(changes(replace(OTHER_VALUE, json!(null))), json!({}));
    for path in [OTHER_VALUE, r#"roles[value eq "a"]"#, r#"roles[value eq "a"].display"#] {
        assert_eq!(refusal(replace(path, json!("o@x")), Profile::Strict), ScimType::NoTarget, "{path}");
        assert_eq!(refusal(remove(path), Profile::Strict), ScimType::NoTarget, "{path}");
        assert_eq!(changes(remove(path)), json!({}), "{path}");
    }
    // Neither a filter that describes no single element nor one that fixes the written sub-attribute adds an element.
    for path in [
        r#"emails[type ne "work" and type ne "home"].value"#,
        r#"emails[type eq "a" or type eq "b"].value"#,
        r#"emails[value eq "nobody@x"].value"#,
    ] {
        assert_eq!(refusal(replace(path, json!("o@x")), Profile::Lenient), ScimType::NoTarget, "{path}");
    }
}

#[test]
fn replace_replaces_a_whole_element_and_add_merges_into_it() {
    let element = json!({"value": "n@x", "type": "work"});
    let replaced = changes(replace(WORK, element.clone()));
    assert_eq!(replaced["emails"][0], json!({"value": "n@x", "type": "work", "primary": false}));
    let merged = json!({"value": "n@x", "type": "work", "display": "Ada", "primary": true});
    assert_eq!(changes(add(WORK, element))["emails"][0], merged);
    let two = json!([{"value": "1@x"}, {"value": "2@x"}]);
    assert_eq!(refusal(replace(WORK, two), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn add_appends_elements_and_an_equal_element_changes_nothing() {
    let added = changes(add("emails", json!([{"value": "n@x", "type": "work"}])));
    assert_eq!(added["emails"][2], json!({"value": "n@x", "type": "work", "primary": false}));
    for equal in [
        json!([{"value": "a@x", "type": "work"}]),
        json!({"value": "a@x", "type": "work", "primary": true}),
        json!([{"value": "h@x", "type": "home", "display": null}, {"value": "a@x", "type": "work", "display": "Ada"}]),
        json!([]),
    ] {
        assert_eq!(changes(add("emails", equal.clone())), json!({}), "{equal}");
        assert_eq!(changes(json!([{"op": "add", "value": {"emails": equal.clone()}}])), json!({}), "{equal}");
    }
    assert_eq!(changes(add("addresses", json!([{"type": "work", "country": "GB"}]))), json!({}));
    let other_type = changes(add("emails", json!([{"value": "a@x"}])));
    assert_eq!(other_type["emails"].as_array().unwrap().len(), 3);
    let other_case = changes(add("emails", json!([{"value": "A@x", "type": "Work"}])));
    let merged = json!({"value": "A@x", "type": "Work", "display": "Ada", "primary": true});
    assert_eq!(other_case["emails"][0], merged);
    assert_eq!(other_case["emails"].as_array().unwrap().len(), 2);
}

#[test]
fn an_element_that_becomes_primary_makes_all_others_non_primary() {
    let primaries = |operations: Value| {
        let emails = changes(operations)["emails"].take();
        emails.as_array().unwrap().iter().map(|email| email["primary"] == true).collect::<Vec<_>>()
    };
    let new = json!([{"value": "n@x", "primary": true}]);
    assert_eq!(primaries(add("emails", new)), [false, false, true]);
    let home = json!({"value": "h@x", "type": "home", "primary": true});
    assert_eq!(primaries(add("emails", home)), [false, true]);
    assert_eq!(primaries(replace(r#"emails[type eq "home"].primary"#, json!("True"))), [false, true]);
    let home = json!({"value": "n@x", "primary": true});
    assert_eq!(primaries(replace(r#"emails[type eq "home"]"#, home)), [false, true]);
    assert_eq!(primaries(replace(r#"emails[value eq "n@x"].primary"#, json!(true))), [false, false, true]);
    assert_eq!(primaries(replace(r#"emails[primary eq true].primary"#, json!(false))), [false, false]);
}

#[test]
fn remove_with_a_value_filter_removes_the_matching_elements() {
    assert_eq!(changes(remove(WORK))["emails"], json!([{"value": "h@x", "type": "home", "primary": false}]));
    let without_display = json!({"value": "a@x", "type": "work", "primary": true});
    assert_eq!(changes(remove(r#"emails[type eq "work"].display"#))["emails"][0], without_display);
    assert_eq!(changes(remove(r#"emails[value pr]"#)), json!({"emails": null}));
    assert_eq!(changes(remove(r#"addresses[type eq "work"].country"#)), json!({"addresses": null}));
}

#[test]
fn remove_with_a_value_removes_the_equal_elements() {
    let remove_value = |value: Value| json!([{"op": "remove", "path": "emails", "value": value}]);
    let home = json!({"emails": [{"value": "h@x", "type": "home", "primary": false}]});
    for value in [json!([{"value": "A@X"}]), json!({"value": "a@x", "type": "Work"}), json!("a@x")] {
        assert_eq!(changes(remove_value(value)), home);
    }
    for value in [json!([]), json!([{"value": "n@x"}]), json!([{"value": "a@x", "type": "home"}])] {
        assert_eq!(changes(remove_value(value)), json!({}));
    }
    assert_eq!(refusal(remove_value(json!(["n@x"])), Profile::Strict), ScimType::NoTarget);
    assert_eq!(changes(remove_value(json!(null))), json!({"emails": null}));
}

#[test]
fn add_and_replace_need_a_value_and_a_sub_attribute_needs_a_filter() {
    for op in ["add", "replace"] {
        for path in ["title", "emails", WORK, urn::ENTERPRISE_USER, "urn:x:acme:1.0:User:badge", "password"] {
            let operations = json!([{"op": op, "path": path}]);
            assert_eq!(refusal(operations, Profile::Lenient), ScimType::InvalidValue, "{op} {path}");
        }
    }
    assert_eq!(refusal(replace("emails.type", json!("work")), Profile::Lenient), ScimType::InvalidPath);
    assert_eq!(refusal(remove("emails.display"), Profile::Lenient), ScimType::InvalidPath);
}

#[test]
fn operations_on_a_list_are_charged_for_its_size() {
    let with = |roles: usize, operations: usize| {
        let roles: Vec<_> = (0..roles).map(|n| json!({"value": format!("r{n}")})).collect();
        let write = json!({"op": "replace", "path": r#"roles[value eq "r1"].display"#, "value": "x"});
        let first = json!({"op": "add", "path": "roles", "value": roles});
        patched([vec![first], vec![write; operations]].concat().into(), Profile::Lenient)
    };
    assert!(with(20, 300).is_ok());
    assert!(with(600, 10).is_ok());
    assert_eq!(with(600, 200).unwrap_err().scim_type, Some(ScimType::InvalidValue));
}

#[test]
fn lenient_converts_strings_in_value_filters_to_booleans() {
    let path = r#"roles[primary eq "True"].value"#;
    assert_eq!(changes(add(path, json!("a"))), json!({"roles": [{"primary": true, "value": "a"}]}));
    let other = changes(replace(r#"emails[primary eq "False"].display"#, json!("x")));
    assert_eq!(other["emails"][1]["display"], "x");
    assert_eq!(refusal(add(path, json!("a")), Profile::Strict), ScimType::InvalidFilter);
    let neither = r#"roles[primary eq "yes"].value"#;
    assert_eq!(refusal(add(neither, json!("a")), Profile::Lenient), ScimType::InvalidFilter);
}
