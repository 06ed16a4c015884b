//! Operations on users, one by one. Those on members are in `tests_members`.

use super::*;
use crate::domain::scim::urn;
use serde_json::json;

const WORK: &str = r#"emails[type eq "work"]"#;
const WORK_VALUE: &str = r#"emails[type eq "work"].value"#;
const OTHER_VALUE: &str = r#"emails[type eq "Other"].value"#;

fn ada() -> Map<String, Value> {
    let ada = json!({
        "schemas": [urn::USER, urn::ENTERPRISE_USER, "urn:x:acme:1.0:User"], "id": "i", "meta": {"version": "W/\"1\""},
        "userName": "ada", "active": true, "title": "Countess", "externalId": "e",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [
            {"value": "a@x", "type": "work", "display": "Ada", "primary": true},
            {"value": "h@x", "type": "home", "primary": false},
        ],
        "addresses": [{"country": "GB", "type": "work", "primary": false}],
        (urn::ENTERPRISE_USER): {"department": "d", "manager": {"value": "m"}},
        "urn:x:acme:1.0:User": {"badge": 7},
    });
    ada.as_object().cloned().unwrap()
}

fn operations(sent: Value) -> Vec<Operation> {
    read(json!({"schemas": [urn::PATCH], "Operations": sent}), Profile::Strict).unwrap()
}

fn patched(sent: Value, profile: Profile) -> Result<Map<String, Value>, ScimError> {
    let patched = apply(ResourceType::User, &ada(), &operations(sent), profile)?;
    assert_eq!(patched.members, Membership::default());
    Ok(patched.resource)
}

/// What lenient operations change: each attribute as it is then, null where it is gone.
fn changes(sent: Value) -> Value {
    let after = patched(sent.clone(), Profile::Lenient).unwrap_or_else(|error| panic!("{sent}: {error}"));
    let before = ada();
    let gone =
        before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let written = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    written.map(|(name, value)| (name.clone(), value.clone())).chain(gone).collect::<Map<_, _>>().into()
}

fn refusal(sent: Value, profile: Profile) -> ScimType {
    let error = patched(sent.clone(), profile).expect_err(&sent.to_string());
    assert_eq!(error.status, 400, "{sent}");
    error.scim_type.unwrap()
}

fn replace(path: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": path, "value": value}])
}

fn add(path: &str, value: Value) -> Value {
    json!([{"op": "add", "path": path, "value": value}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

#[test]
fn item_31_verbs_have_no_case() {
    let sent = json!([{"op": "Add", "path": "nickName", "value": "A"}, {"op": "REPLACE", "path": "Title", "value": "B"},
        {"op": "Remove", "path": "EXTERNALID", "name": "x"}]);
    assert_eq!(changes(sent), json!({"nickName": "A", "title": "B", "externalId": null}));
}

#[test]
fn item_32_a_value_without_a_path_names_what_is_written() {
    assert_eq!(changes(json!([{"op": "replace", "value": {"active": false}}])), json!({"active": false}));
    assert_eq!(changes(json!([{"op": "replace", "value": {"active": "False"}}])), json!({"active": false}));
    let own = json!([{"op": "replace", "value": {"id": "i", "displayName": "Ada"}}]);
    assert_eq!(changes(own), json!({"displayName": "Ada"}));
    for profile in [Profile::Lenient, Profile::Strict] {
        let other = json!([{"op": "replace", "value": {"id": "j", "displayName": "Ada"}}]);
        assert_eq!(refusal(other, profile), ScimType::Mutability);
    }
    for value in [json!("x"), json!([{"active": false}]), json!(null)] {
        assert_eq!(refusal(json!([{"op": "add", "value": value}]), Profile::Lenient), ScimType::InvalidValue);
    }
    let schemas = json!([{"op": "add", "value": {"schemas": [urn::USER], "title": "x"}}]);
    assert_eq!(changes(schemas), json!({"title": "x"}));
}

#[test]
fn item_33_keys_without_a_path_are_paths() {
    let sent = json!([{"op": "replace", "value": {
        "name.givenName": "X",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "1",
        "urn:ietf:params:scim:schemas:core:2.0:User:title": "T",
        "emails[type eq \"home\"].value": "n@x",
        "urn:x:acme:1.0:User:badge": 8,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"costCenter": "c"},
    }}]);
    let expected = json!({
        "name": {"givenName": "X", "familyName": "Lovelace"},
        (urn::ENTERPRISE_USER): {
            "department": "d", "manager": {"value": "m"}, "employeeNumber": "1", "costCenter": "c",
        },
        "title": "T",
        "emails": [
            {"value": "a@x", "type": "work", "display": "Ada", "primary": true},
            {"value": "n@x", "type": "home", "primary": false},
        ],
        "urn:x:acme:1.0:User": {"badge": 8},
    });
    assert_eq!(changes(sent), expected);
}

#[test]
fn item_34_a_filter_changes_what_it_finds() {
    let work = |value: &str| {
        let home = json!({"value": "h@x", "type": "home", "primary": false});
        json!({"emails": [{"value": value, "type": "work", "display": "Ada", "primary": true}, home]})
    };
    assert_eq!(changes(replace(WORK_VALUE, json!("n@x"))), work("n@x"));
    assert_eq!(changes(replace(r#"Emails[Type EQ "WORK"].Value"#, json!("n@x"))), work("n@x"));
    assert_eq!(changes(replace(WORK_VALUE, json!("a@x"))), json!({}));
    let other = r#"emails[type eq "home" and value sw "h@"].display"#;
    assert_eq!(changes(add(other, json!("H")))["emails"][1]["display"], "H");
}

#[test]
fn item_34_what_a_filter_does_not_find_is_added_where_that_is_let_pass() {
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
    // What describes no one element is added in no profile, nor what was meant to become another.
    for path in [
        r#"emails[type ne "work" and type ne "home"].value"#,
        r#"emails[type eq "a" or type eq "b"].value"#,
        r#"emails[value eq "nobody@x"].value"#,
    ] {
        assert_eq!(refusal(replace(path, json!("o@x")), Profile::Lenient), ScimType::NoTarget, "{path}");
    }
}

#[test]
fn item_34_an_element_is_replaced_whole_and_added_to_in_part() {
    let element = json!({"value": "n@x", "type": "work"});
    let replaced = changes(replace(WORK, element.clone()));
    assert_eq!(replaced["emails"][0], json!({"value": "n@x", "type": "work", "primary": false}));
    let added = changes(add(WORK, element));
    assert_eq!(
        added["emails"][0],
        json!({"value": "n@x", "type": "work", "display": "Ada", "primary": true})
    );
    let two = json!([{"value": "1@x"}, {"value": "2@x"}]);
    assert_eq!(refusal(replace(WORK, two), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn item_35_adding_appends_and_an_equal_value_is_no_change() {
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
    let same_key = changes(add("emails", json!([{"value": "A@x", "type": "Work"}])));
    assert_eq!(
        same_key["emails"][0],
        json!({"value": "A@x", "type": "Work", "display": "Ada", "primary": true})
    );
    assert_eq!(same_key["emails"].as_array().unwrap().len(), 2);
}

#[test]
fn item_36_one_that_becomes_primary_leaves_no_other_so() {
    let primaries = |sent: Value| {
        let emails = changes(sent)["emails"].take();
        emails.as_array().unwrap().iter().map(|email| email["primary"] == true).collect::<Vec<_>>()
    };
    let new = json!([{"value": "n@x", "primary": true}]);
    assert_eq!(primaries(add("emails", new)), [false, false, true]);
    assert_eq!(
        primaries(add("emails", json!({"value": "h@x", "type": "home", "primary": true}))),
        [false, true]
    );
    assert_eq!(primaries(replace(r#"emails[type eq "home"].primary"#, json!("True"))), [false, true]);
    let home = json!({"value": "n@x", "primary": true});
    assert_eq!(primaries(replace(r#"emails[type eq "home"]"#, home)), [false, true]);
    assert_eq!(primaries(replace(r#"emails[value eq "n@x"].primary"#, json!(true))), [false, false, true]);
    assert_eq!(primaries(replace(r#"emails[primary eq true].primary"#, json!(false))), [false, false]);
}

#[test]
fn item_37_replacing_what_is_not_there_adds_it() {
    assert_eq!(changes(replace("nickName", json!("A"))), json!({"nickName": "A"}));
    assert_eq!(changes(replace("roles", json!(["r"]))), json!({"roles": [{"value": "r", "primary": false}]}));
    let middle = json!({"name": {"givenName": "Ada", "familyName": "Lovelace", "middleName": "K"}});
    assert_eq!(changes(replace("name.middleName", json!("K"))), middle);
    assert_eq!(changes(replace("name", json!({"middleName": "K", "honorificPrefix": null}))), middle);
    assert_eq!(changes(replace("name", json!({"familyName": null}))), json!({"name": {"givenName": "Ada"}}));
    assert_eq!(changes(replace("emails", json!([]))), json!({"emails": null}));
    assert_eq!(changes(replace("title", json!(null))), json!({"title": null}));
}

#[test]
fn item_38_removing() {
    assert_eq!(changes(remove("title")), json!({"title": null}));
    assert_eq!(changes(remove("nickName")), json!({}));
    assert_eq!(changes(remove("name.givenName")), json!({"name": {"familyName": "Lovelace"}}));
    assert_eq!(
        changes(
            json!([{"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"}])
        ),
        json!({"name": null})
    );
    assert_eq!(changes(remove("emails")), json!({"emails": null}));
    assert_eq!(changes(remove(WORK))["emails"], json!([{"value": "h@x", "type": "home", "primary": false}]));
    assert_eq!(
        changes(remove(r#"emails[type eq "work"].display"#))["emails"][0],
        json!({"value": "a@x", "type": "work", "primary": true})
    );
    assert_eq!(changes(remove(r#"emails[value pr]"#)), json!({"emails": null}));
    assert_eq!(changes(remove(r#"addresses[type eq "work"].country"#)), json!({"addresses": null}));
    assert_eq!(changes(remove(urn::ENTERPRISE_USER)), json!({(urn::ENTERPRISE_USER): null}));
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(refusal(json!([{"op": "remove"}]), profile), ScimType::NoTarget);
        for path in ["userName", "id", "meta", "meta.version", "schemas", "groups", "groups[value eq \"g\"]"]
        {
            assert_eq!(refusal(remove(path), profile), ScimType::Mutability, "{path}");
        }
        for path in ["userName", "meta.version", "groups"] {
            assert_eq!(refusal(replace(path, json!(null)), profile), ScimType::Mutability, "{path}");
        }
    }
    let groups = json!([{"op": "add", "value": {"groups": [{"value": "g"}]}}]);
    assert_eq!(refusal(groups, Profile::Lenient), ScimType::Mutability);
}

#[test]
fn values_that_are_removed_may_be_named() {
    let named = |value: Value| json!([{"op": "remove", "path": "emails", "value": value}]);
    let home = json!({"emails": [{"value": "h@x", "type": "home", "primary": false}]});
    for value in [json!([{"value": "A@X"}]), json!({"value": "a@x", "type": "Work"}), json!("a@x")] {
        assert_eq!(changes(named(value)), home);
    }
    for value in [json!([]), json!([{"value": "n@x"}]), json!([{"value": "a@x", "type": "home"}])] {
        assert_eq!(changes(named(value)), json!({}));
    }
    assert_eq!(refusal(named(json!(["n@x"])), Profile::Strict), ScimType::NoTarget);
    assert_eq!(changes(named(json!(null))), json!({"emails": null}));
}

#[test]
fn item_41_a_manager_is_written_in_many_forms() {
    let path = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let expected = json!({(urn::ENTERPRISE_USER): {"department": "d", "manager": {"value": "271"}}});
    for value in [
        json!("271"),
        json!({"value": "271"}),
        json!([{"value": "271", "$ref": "../Users/271"}]),
        json!({"value": "271", "$ref": null, "displayName": "x"}),
    ] {
        for path in [path, "manager"] {
            assert_eq!(changes(replace(path, value.clone())), expected, "{path} {value}");
        }
        assert_eq!(changes(json!([{"op": "add", "value": {(path): value}}])), expected);
    }
    assert_eq!(changes(replace("manager.value", json!("271"))), expected);
    assert_eq!(changes(remove("manager")), json!({(urn::ENTERPRISE_USER): {"department": "d"}}));
    assert_eq!(refusal(replace("manager.displayName", json!("x")), Profile::Lenient), ScimType::Mutability);
}

#[test]
fn item_43_all_or_nothing() {
    let sent = json!([
        {"op": "replace", "path": "title", "value": "x"}, {"op": "remove", "path": "emails"},
        {"op": "replace", "path": "nope", "value": "x"},
    ]);
    let before = ada();
    let after = apply(ResourceType::User, &before, &operations(sent), Profile::Lenient);
    assert_eq!(after.unwrap_err().scim_type, Some(ScimType::InvalidPath));
    assert_eq!(before, ada());
}

#[test]
fn item_45_many_operations_but_not_without_end() {
    let one = json!({"op": "replace", "path": "title", "value": "x"});
    assert_eq!(changes(vec![one.clone(); 1_000].into()), json!({"title": "x"}));
    assert_eq!(refusal(vec![one; 10_000].into(), Profile::Lenient), ScimType::InvalidValue);
    let roles = |count: usize| (0..count).map(|n| json!(n.to_string())).collect::<Vec<_>>().into();
    assert_eq!(changes(replace("roles", roles(1_000)))["roles"].as_array().unwrap().len(), 1_000);
    assert_eq!(refusal(add("roles", roles(1_001)), Profile::Lenient), ScimType::InvalidValue);
    assert_eq!(refusal(replace("title", "x".repeat(LIMIT).into()), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn item_28_a_password_is_taken_and_not_kept() {
    assert_eq!(changes(replace("password", json!("secret"))), json!({}));
    assert_eq!(changes(json!([{"op": "add", "value": {"password": "secret"}}])), json!({}));
    assert_eq!(changes(remove("password")), json!({}));
    assert_eq!(refusal(replace("password", json!(1)), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn item_25_booleans_may_be_strings_in_operations() {
    assert_eq!(changes(replace("active", json!("False"))), json!({"active": false}));
    assert_eq!(refusal(replace("active", json!("False")), Profile::Strict), ScimType::InvalidValue);
    assert_eq!(refusal(replace("active", json!("no")), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn item_58_what_no_schema_has_is_named() {
    for profile in [Profile::Lenient, Profile::Strict] {
        for value in [
            json!({"tilte": null}),
            json!({"name.nope": "x"}),
            json!({"name": {"nope": null}}),
            json!({"emails": [{"vlaue": "x"}]}),
            json!({(urn::ENTERPRISE_USER): {"nope": 1}}),
            json!({"urn:ietf:params:scim:schemas:core:2.0:User:nope": 1}),
        ] {
            let error = patched(json!([{"op": "add", "value": value}]), profile).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax), "{value}");
            assert!(["nope'", "tilte'", "vlaue'"].iter().any(|name| error.detail.contains(name)), "{error}");
        }
    }
}

#[test]
fn item_58_what_stands_under_unknown_urns_is_kept() {
    let acme = |value: Value| json!({"urn:x:acme:1.0:User": value});
    assert_eq!(changes(add("urn:x:acme:1.0:User:Badge", json!(8))), acme(json!({"badge": 8})));
    assert_eq!(
        changes(add("URN:X:ACME:1.0:USER", json!({"floor": [1]}))),
        acme(json!({"badge": 7, "floor": [1]}))
    );
    let twice = json!([
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [1]},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [1, 2]},
    ]);
    assert_eq!(changes(twice), acme(json!({"badge": 7, "floor": [1, 2]})));
    let one_more = json!([
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [1]},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": 2},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": {"no": 3}},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [2, {"no": 3}, 4, 4]},
        {"op": "remove", "path": "urn:x:acme:1.0:User:floor", "value": [4, 5]},
        {"op": "remove", "path": "urn:x:acme:1.0:User:floor", "value": 1},
    ]);
    assert_eq!(changes(one_more), acme(json!({"badge": 7, "floor": [2, {"no": 3}]})));
    let taken = |path: &str, value: Value| changes(json!([{"op": "remove", "path": path, "value": value}]));
    assert_eq!(taken("urn:x:acme:1.0:User:badge", json!(8)), json!({}));
    assert_eq!(taken("urn:x:acme:1.0:User:badge", json!(7)), acme(json!(null)));
    assert_eq!(taken("urn:x:acme:1.0:User", json!({"floor": 1})), json!({}));
    assert_eq!(taken("urn:x:acme:1.0:User", json!({"BADGE": 7})), acme(json!(null)));
    assert_eq!(changes(remove("urn:x:acme:1.0:User:badge")), acme(json!(null)));
    assert_eq!(changes(remove("urn:x:acme:1.0:User:badge.x")), json!({}));
    assert_eq!(changes(remove("urn:x:acme:1.0:User")), acme(json!(null)));
    assert_eq!(changes(remove("urn:x:other:1.0:User:tag")), json!({}));
    assert_eq!(
        changes(add("urn:x:other:2.0:User:tag.a", json!("t"))),
        json!({"urn:x:other:2.0:User": {"tag": {"a": "t"}}})
    );
    assert_eq!(changes(json!([{"op": "add", "value": {"urn:x:y": {"a": 1}}}])), json!({"urn:x:y": {"a": 1}}));
    assert_eq!(refusal(add("urn:x:other:2.0:User", json!("t")), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn item_60_active_is_never_unassigned() {
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(refusal(remove("active"), profile), ScimType::Mutability);
        assert_eq!(refusal(replace("active", json!(null)), profile), ScimType::Mutability);
        assert_eq!(
            refusal(json!([{"op": "replace", "value": {"active": null}}]), profile),
            ScimType::Mutability
        );
    }
}

#[test]
fn a_value_is_needed_and_elements_must_be_told_apart() {
    for verb in ["add", "replace"] {
        for path in ["title", "emails", WORK, urn::ENTERPRISE_USER, "urn:x:acme:1.0:User:badge", "password"] {
            let sent = json!([{"op": verb, "path": path}]);
            assert_eq!(refusal(sent, Profile::Lenient), ScimType::InvalidValue, "{verb} {path}");
        }
    }
    assert_eq!(refusal(replace("emails.type", json!("work")), Profile::Lenient), ScimType::InvalidPath);
    assert_eq!(refusal(remove("emails.display"), Profile::Lenient), ScimType::InvalidPath);
}

#[test]
fn operations_on_a_list_pay_for_all_of_it() {
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
fn item_25_booleans_in_brackets_may_be_strings() {
    let path = r#"roles[primary eq "True"].value"#;
    assert_eq!(changes(add(path, json!("a"))), json!({"roles": [{"primary": true, "value": "a"}]}));
    let other = changes(replace(r#"emails[primary eq "False"].display"#, json!("x")));
    assert_eq!(other["emails"][1]["display"], "x");
    assert_eq!(refusal(add(path, json!("a")), Profile::Strict), ScimType::InvalidFilter);
    let neither = r#"roles[primary eq "yes"].value"#;
    assert_eq!(refusal(add(neither, json!("a")), Profile::Lenient), ScimType::InvalidFilter);
}
