//! Operations on users. Those on lists are in `tests_lists`, those on members in `tests_members`.

use super::*;
use crate::domain::scim::urn;
use serde_json::json;

pub(super) fn ada() -> Map<String, Value> {
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

fn parsed(operations: Value) -> Vec<Operation> {
    let body = json!({"schemas": [urn::PATCH], "Operations": operations});
    read(body, &Reading::new(Profile::Strict)).unwrap()
}

/// Applies operations, and returns the patched resource or the combined error.
pub(super) fn apply_in(
    kind: ResourceType,
    resource: &Map<String, Value>,
    operations: &[Operation],
    profile: Profile,
) -> Result<Patched, ScimError> {
    let reading = Reading::new(profile);
    let patched = apply(kind, resource, operations, &reading);
    reading.finish(Ok(patched))
}

/// Applies operations in the lenient profile, which must succeed, and returns the notes.
fn notes(operations: Value) -> String {
    let reading = Reading::new(Profile::Lenient);
    let patched = apply(ResourceType::User, &ada(), &parsed(operations), &reading);
    reading.finish(Ok(patched)).unwrap();
    reading.into_notes().to_string()
}

pub(super) fn patched(operations: Value, profile: Profile) -> Result<Map<String, Value>, ScimError> {
    let patched = apply_in(ResourceType::User, &ada(), &parsed(operations), profile)?;
    assert_eq!(patched.members, MembershipEdit::default());
    Ok(patched.resource)
}

/// The attributes that lenient operations change, with their new values; null for removed ones.
pub(super) fn changes(operations: Value) -> Value {
    let after = patched(operations.clone(), Profile::Lenient);
    let after = after.unwrap_or_else(|error| panic!("{operations}: {error}"));
    let before = ada();
    let removed =
        before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let written = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    written.map(|(name, value)| (name.clone(), value.clone())).chain(removed).collect::<Map<_, _>>().into()
}

pub(super) fn refusal(operations: Value, profile: Profile) -> ScimType {
    let error = patched(operations.clone(), profile).expect_err(&operations.to_string());
    assert_eq!(error.status, 400, "{operations}");
    error.scim_type.unwrap()
}

pub(super) fn replace(path: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": path, "value": value}])
}

pub(super) fn add(path: &str, value: Value) -> Value {
    json!([{"op": "add", "path": path, "value": value}])
}

pub(super) fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

#[test]
fn a_value_without_a_path_is_an_object_of_attributes() {
    assert_eq!(changes(json!([{"op": "replace", "value": {"active": false}}])), json!({"active": false}));
    assert_eq!(changes(json!([{"op": "replace", "value": {"active": "False"}}])), json!({"active": false}));
    let own_id = json!([{"op": "replace", "value": {"id": "i", "displayName": "Ada"}}]);
    assert_eq!(changes(own_id), json!({"displayName": "Ada"}));
    let other_id = json!([{"op": "replace", "value": {"id": "j", "displayName": "Ada"}}]);
    assert_eq!(changes(other_id.clone()), json!({"displayName": "Ada"}));
    assert_eq!(notes(other_id.clone()), "read-only id");
    assert_eq!(refusal(other_id, Profile::Strict), ScimType::Mutability);
    for value in [json!("x"), json!([1, 2]), json!(null), json!("")] {
        assert_eq!(refusal(json!([{"op": "add", "value": value}]), Profile::Lenient), ScimType::InvalidValue);
    }
    // Keycloak sends JSON text.
    for value in [json!([{"active": false}]), json!("{\"active\":false}"), json!("[{\"active\":\"False\"}]")]
    {
        let operations = json!([{"op": "replace", "value": value}]);
        assert_eq!(changes(operations.clone()), json!({"active": false}), "{operations}");
        assert_eq!(refusal(operations, Profile::Strict), ScimType::InvalidValue);
    }
    let schemas = json!([{"op": "add", "value": {"schemas": [urn::USER], "title": "x"}}]);
    assert_eq!(changes(schemas), json!({"title": "x"}));
}

#[test]
fn the_keys_of_a_value_without_a_path_can_be_full_paths() {
    let operations = json!([{"op": "replace", "value": {
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
    assert_eq!(changes(operations), expected);
}

#[test]
fn replacing_an_absent_attribute_adds_it() {
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
fn remove_unassigns_attributes_but_not_required_or_read_only_ones() {
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
    assert_eq!(changes(remove(urn::ENTERPRISE_USER)), json!({(urn::ENTERPRISE_USER): null}));
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(refusal(json!([{"op": "remove"}]), profile), ScimType::NoTarget);
        assert_eq!(refusal(remove("userName"), profile), ScimType::Mutability);
        assert_eq!(refusal(replace("userName", json!(null)), profile), ScimType::Mutability);
    }
}

#[test]
fn lenient_ignores_and_notes_read_only_attributes() {
    let groups = json!([{"op": "add", "value": {"groups": [{"value": "g"}]}}]);
    let manager = format!("{}:manager.displayName", urn::ENTERPRISE_USER);
    let mut requests = vec![(groups, "groups"), (remove("manager.displayName"), &manager)];
    requests.extend(["id", "meta", "meta.version", "schemas", "groups"].map(|path| (remove(path), path)));
    requests.push((remove("groups[value eq \"g\"]"), "groups"));
    requests.push((replace("groups", json!(null)), "groups"));
    requests.push((replace("meta.version", json!("x")), "meta.version"));
    for (operations, name) in requests {
        assert_eq!(changes(operations.clone()), json!({}), "{operations}");
        assert_eq!(notes(operations.clone()), format!("read-only {name}"), "{operations}");
        assert_eq!(refusal(operations, Profile::Strict), ScimType::Mutability);
    }
    let mut whole = ada();
    whole.insert("active".to_owned(), false.into());
    whole.insert("groups".to_owned(), json!([{"value": "g"}]));
    assert_eq!(changes(json!([{"op": "replace", "value": whole}])), json!({"active": false}));
}

#[test]
fn a_manager_is_accepted_in_every_form_that_clients_send() {
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
}

#[test]
fn a_failing_operation_fails_the_request() {
    let operations = json!([
        {"op": "replace", "path": "title", "value": "x"}, {"op": "remove", "path": "emails"},
        {"op": "replace", "path": "nope", "value": "x"},
    ]);
    let before = ada();
    let after = apply_in(ResourceType::User, &before, &parsed(operations), Profile::Lenient);
    assert_eq!(after.unwrap_err().scim_type, Some(ScimType::InvalidPath));
    assert_eq!(before, ada());
}

#[test]
fn the_total_size_of_a_request_is_limited() {
    let one = json!({"op": "replace", "path": "title", "value": "x"});
    assert_eq!(changes(vec![one.clone(); 1_000].into()), json!({"title": "x"}));
    assert_eq!(refusal(vec![one; 10_000].into(), Profile::Lenient), ScimType::InvalidValue);
    let roles = |count: usize| (0..count).map(|n| json!(n.to_string())).collect::<Vec<_>>().into();
    assert_eq!(changes(replace("roles", roles(1_000)))["roles"].as_array().unwrap().len(), 1_000);
    assert_eq!(refusal(add("roles", roles(1_001)), Profile::Lenient), ScimType::InvalidValue);
    let long = "x".repeat(BYTE_BUDGET);
    assert_eq!(refusal(replace("title", long.into()), Profile::Lenient), ScimType::InvalidValue);
}

#[test]
fn a_password_is_accepted_and_discarded() {
    assert_eq!(changes(replace("password", json!("secret"))), json!({}));
    assert_eq!(changes(json!([{"op": "add", "value": {"password": "secret"}}])), json!({}));
    assert_eq!(changes(remove("password")), json!({}));
    assert_eq!(refusal(replace("password", json!(1)), Profile::Strict), ScimType::InvalidValue);
}

#[test]
fn unknown_attributes_are_noted_or_named_in_the_error() {
    for value in [
        json!({"tilte": null}),
        json!({"name.nope": "x"}),
        json!({"name": {"nope": null}}),
        json!({"emails": [{"value": "a@x", "type": "work", "vlaue": "x"}]}),
        json!({(urn::ENTERPRISE_USER): {"nope": 1}}),
        json!({"urn:ietf:params:scim:schemas:core:2.0:User:nope": 1}),
        json!({"urn:ietf:params:scim:schemas:core:2.0:Group:nope": 1}),
    ] {
        let operations = json!([{"op": "add", "value": value}]);
        let error = patched(operations.clone(), Profile::Strict).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax), "{value}");
        assert!(["nope'", "tilte'", "vlaue'"].iter().any(|name| error.detail.contains(name)), "{error}");
        assert_eq!(changes(operations.clone()), json!({}), "{value}");
        assert!(notes(operations).starts_with("unknown-attribute "), "{value}");
    }
    let leaver = json!([{"op": "replace", "value": {"active": false, "employeeType": "left"}}]);
    assert_eq!(changes(leaver), json!({"active": false}));
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(refusal(replace("employeeType", json!("x")), profile), ScimType::InvalidPath);
        assert_eq!(refusal(replace("emails[nope eq \"x\"]", json!("x")), profile), ScimType::InvalidFilter);
    }
}

#[test]
fn lenient_reads_an_empty_string_as_no_value() {
    let blank = |path: &str| changes(replace(path, json!("")));
    assert_eq!(blank("title"), json!({"title": null}));
    assert_eq!(blank("externalId"), json!({"externalId": null}));
    assert_eq!(blank("name.givenName"), json!({"name": {"familyName": "Lovelace"}}));
    assert_eq!(blank("name"), json!({"name": null}));
    assert_eq!(blank("manager"), json!({(urn::ENTERPRISE_USER): {"department": "d"}}));
    assert_eq!(blank("manager.value"), json!({(urn::ENTERPRISE_USER): {"department": "d"}}));
    assert_eq!(blank(urn::ENTERPRISE_USER), json!({(urn::ENTERPRISE_USER): null}));
    assert_eq!(blank("emails"), json!({"emails": null}));
    assert_eq!(blank("emails[type eq \"other\"].value"), json!({}));
    assert_eq!(blank("addresses[type eq \"work\"].country"), json!({"addresses": null}));
    let home = json!([{"value": "h@x", "type": "home", "primary": false}]);
    assert_eq!(blank("emails[type eq \"work\"].value"), json!({"emails": home}));
    assert_eq!(changes(add("emails", json!([{"value": "", "type": "other"}]))), json!({}));
    assert_eq!(
        changes(replace("emails", json!([{"value": "h@x", "type": "home"}, ""]))),
        json!({"emails": home})
    );
    let without_path = json!([{"op": "add", "path": "", "value": {"title": "", "name.familyName": ""}}]);
    let operations = read(json!({"Operations": without_path}), &Reading::new(Profile::Lenient)).unwrap();
    let patched = apply_in(ResourceType::User, &ada(), &operations, Profile::Lenient).unwrap().resource;
    assert_eq!((patched.get("title"), &patched["name"]), (None, &json!({"givenName": "Ada"})));
    let title = replace("title", json!(""));
    assert_eq!(super::tests::patched(title, Profile::Strict).unwrap()["title"], "");
}

#[test]
fn all_errors_of_a_request_are_reported() {
    let operations = json!([
        {"op": "replace", "value": {"active": "maybe", "title": true}}, {"op": "replace", "path": "nope", "value": 1},
    ]);
    let error = patched(operations, Profile::Lenient).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
    assert!(["active", "title", "nope"].iter().all(|name| error.detail.contains(name)), "{error}");
}

#[test]
fn extensions_of_unknown_urns_are_stored() {
    let acme = |value: Value| json!({"urn:x:acme:1.0:User": value});
    assert_eq!(changes(add("urn:x:acme:1.0:User:Badge", json!(8))), acme(json!({"badge": 8})));
    assert_eq!(
        changes(add("URN:X:ACME:1.0:USER", json!({"floor": [1]}))),
        acme(json!({"badge": 7, "floor": [1]}))
    );
    let repeated = json!([
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [1]},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [1, 2]},
    ]);
    assert_eq!(changes(repeated), acme(json!({"badge": 7, "floor": [1, 2]})));
    let elements = json!([
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [1]},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": 2},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": {"no": 3}},
        {"op": "add", "path": "urn:x:acme:1.0:User:floor", "value": [2, {"no": 3}, 4, 4]},
        {"op": "remove", "path": "urn:x:acme:1.0:User:floor", "value": [4, 5]},
        {"op": "remove", "path": "urn:x:acme:1.0:User:floor", "value": 1},
    ]);
    assert_eq!(changes(elements), acme(json!({"badge": 7, "floor": [2, {"no": 3}]})));
    let remove_value =
        |path: &str, value: Value| changes(json!([{"op": "remove", "path": path, "value": value}]));
    assert_eq!(remove_value("urn:x:acme:1.0:User:badge", json!(8)), json!({}));
    assert_eq!(remove_value("urn:x:acme:1.0:User:badge", json!(7)), acme(json!(null)));
    assert_eq!(remove_value("urn:x:acme:1.0:User", json!({"floor": 1})), json!({}));
    assert_eq!(remove_value("urn:x:acme:1.0:User", json!({"BADGE": 7})), acme(json!(null)));
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
fn active_cannot_be_removed() {
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(refusal(remove("active"), profile), ScimType::Mutability);
    }
    for (op, none) in
        [("add", json!(null)), ("replace", json!([])), ("replace", json!("")), ("add", json!([""]))]
    {
        for operation in
            [json!({"op": op, "path": "active", "value": none}), json!({"op": op, "value": {"active": none}})]
        {
            let title = json!({"op": "add", "value": {"title": "x"}});
            let operations = json!([{"op": "replace", "path": "active", "value": false}, operation, title]);
            assert_eq!(changes(operations.clone()), json!({"active": false, "title": "x"}), "{operations}");
            assert!(notes(operations.clone()).contains("no-value active"), "{operations}");
            assert!(patched(operations.clone(), Profile::Strict).is_err(), "{operations}");
        }
        assert_eq!(refusal(replace("userName", json!(null)), Profile::Lenient), ScimType::Mutability);
    }
}
