//! Operations on groups and their members.

use super::tests::apply_in;
use super::*;
use crate::domain::scim::urn;
use serde_json::json;
use uuid::Uuid;

const A: &str = "01890000-0000-7000-8000-00000000000a";
const B: &str = "01890000-0000-7000-8000-00000000000b";

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn poets() -> Map<String, Value> {
    let poets = json!({"schemas": [urn::GROUP], "id": "g", "meta": {}, "displayName": "Poets"});
    poets.as_object().cloned().unwrap()
}

fn patched(operations: Value, profile: Profile) -> Result<Patched, ScimError> {
    let operations = json!({"schemas": [urn::PATCH], "Operations": operations});
    apply_in(
        ResourceType::Group,
        &poets(),
        &read(operations, &Reading::new(Profile::Strict)).unwrap(),
        profile,
    )
}

/// The membership changes that result from steps, each with its name and the ids of users.
fn membership(steps: &[(&str, &[&str])]) -> MembershipEdit {
    let mut membership = MembershipEdit::default();
    for (step, ids) in steps {
        let ids = ids.iter().map(|text| id(text));
        match *step {
            "add" => membership.add(ids),
            "remove" => membership.remove(ids),
            "need" => membership.require_any(ids),
            _ => membership.remove_all(),
        }
    }
    membership
}

fn changes(operations: Value) -> MembershipEdit {
    let patched = patched(operations.clone(), Profile::Lenient);
    let patched = patched.unwrap_or_else(|error| panic!("{operations}: {error}"));
    assert_eq!(patched.resource, poets(), "{operations}");
    patched.members
}

fn refusal(operations: Value, profile: Profile) -> ScimType {
    patched(operations.clone(), profile).expect_err(&operations.to_string()).scim_type.unwrap()
}

fn on_members(op: &str, value: Value) -> Value {
    json!([{"op": op, "path": "members", "value": value}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "Remove", "path": path}])
}

#[test]
fn members_can_be_removed_in_four_forms() {
    let removed = membership(&[("remove", &[A])]);
    assert_eq!(changes(remove(&format!("members[value eq \"{A}\"]"))), removed);
    for value in [json!([{"value": A}]), json!({"value": A, "$ref": null}), json!(A), json!([A])] {
        assert_eq!(changes(on_members("remove", value)), removed);
    }
    assert_eq!(changes(remove("members")), membership(&[("all", &[])]));
    assert_eq!(changes(on_members("replace", json!([]))), membership(&[("all", &[])]));
    assert_eq!(changes(on_members("replace", json!(null))), membership(&[("all", &[])]));
    // In no profile does a list of members, even an empty one, remove all members.
    let strict = patched(on_members("remove", json!([{"value": A}])), Profile::Strict).unwrap().members;
    assert_eq!(strict, membership(&[("need", &[A]), ("remove", &[A])]));
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(patched(on_members("remove", json!([])), profile).unwrap().members, membership(&[]));
    }
}

#[test]
fn value_filters_select_members_by_id() {
    for (filter, expected) in [
        (format!("value eq \"{A}\" or value eq \"{B}\""), membership(&[("remove", &[A, B])])),
        (format!("VALUE EQ \"{A}\" and type eq \"user\""), membership(&[("remove", &[A])])),
        (
            format!("(value eq \"{A}\" or value eq \"{B}\") and value eq \"{B}\""),
            membership(&[("remove", &[B])]),
        ),
        ("type eq \"User\"".to_owned(), membership(&[("all", &[])])),
        ("value pr".to_owned(), membership(&[("all", &[])])),
    ] {
        assert_eq!(changes(remove(&format!("members[{filter}]"))), expected, "{filter}");
    }
    assert_eq!(changes(remove("members[type eq \"Group\"]")), membership(&[]));
    for filter in [format!("value ne \"{A}\""), "display co \"a\"".to_owned(), "not (value pr)".to_owned()] {
        assert_eq!(refusal(remove(&format!("members[{filter}]")), Profile::Lenient), ScimType::InvalidFilter);
    }
}

#[test]
fn removing_an_invalid_id_is_an_error_only_in_strict() {
    for operations in
        [remove("members[value eq \"nobody\"]"), on_members("remove", json!([{"value": "nobody"}]))]
    {
        assert_eq!(changes(operations.clone()), membership(&[]));
        assert_eq!(refusal(operations, Profile::Strict), ScimType::NoTarget);
    }
}

#[test]
fn members_can_be_added_in_every_form_that_clients_send() {
    let added = membership(&[("add", &[A])]);
    for value in [
        json!([{"value": A}]),
        json!({"value": A}),
        json!(A),
        json!([{"value": A, "type": "User", "display": "x", "$ref": "../Users/a"}]),
        json!([{"$ref": format!("../Users/{A}")}]),
        json!([{"$ref": format!("https://example.com/Users/{A}/")}]),
        json!([{"value": A, "type": null, "display": null}, {"Value": A, "TYPE": "user"}]),
    ] {
        assert_eq!(changes(on_members("add", value.clone())), added, "{value}");
        assert_eq!(changes(json!([{"op": "Add", "value": {"members": value}}])), added);
    }
    let replaced = membership(&[("all", &[]), ("add", &[A, B])]);
    assert_eq!(changes(on_members("replace", json!([A, B]))), replaced);
    assert_eq!(changes(on_members("add", json!([]))), membership(&[]));
    for value in [json!([{"value": A, "type": "Group"}]), json!("nobody"), json!([7])] {
        for profile in [Profile::Lenient, Profile::Strict] {
            for op in ["add", "replace"] {
                let operations = on_members(op, value.clone());
                assert_eq!(refusal(operations, profile), ScimType::InvalidValue, "{value}");
            }
        }
    }
    assert_eq!(refusal(json!([{"op": "add", "path": "members"}]), Profile::Lenient), ScimType::InvalidValue);
    let unknown = on_members("add", json!([{"value": A, "userName": "ada"}]));
    assert_eq!(changes(unknown.clone()), added);
    assert_eq!(refusal(unknown, Profile::Strict), ScimType::InvalidSyntax);
    for value in [json!([{"display": "x"}]), json!([{"value": ""}]), json!([""]), json!("")] {
        assert_eq!(changes(on_members("add", value.clone())), membership(&[]), "{value}");
        assert_eq!(changes(on_members("remove", value.clone())), membership(&[]), "{value}");
        assert_eq!(refusal(on_members("add", value), Profile::Strict), ScimType::InvalidValue);
    }
}

#[test]
fn members_cannot_be_changed() {
    for path in [
        format!("members[value eq \"{A}\"]"),
        format!("members[value eq \"{A}\"].value"),
        "members.type".into(),
    ] {
        let operations = json!([{"op": "replace", "path": path, "value": "x"}]);
        assert_eq!(refusal(operations, Profile::Lenient), ScimType::Mutability, "{path}");
    }
    let display = remove(&format!("members[value eq \"{A}\"].display"));
    assert_eq!(changes(display.clone()), membership(&[]));
    assert_eq!(refusal(display, Profile::Strict), ScimType::Mutability);
}

#[test]
fn the_operations_of_a_request_add_up_to_one_change() {
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": A}]},
        {"op": "add", "path": "members", "value": [{"value": B}]},
        {"op": "replace", "path": "displayName", "value": "Poets"},
        {"op": "remove", "path": format!("members[value eq \"{A}\"]")},
        {"op": "remove", "path": format!("members[value eq \"{B}\"]")},
        {"op": "add", "path": "members", "value": A},
    ]);
    let expected = membership(&[("add", &[A, B]), ("remove", &[A, B]), ("add", &[A])]);
    assert_eq!(changes(operations.clone()), expected);
    let strict = patched(operations, Profile::Strict).unwrap().members;
    assert_eq!(strict, expected, "members that the same request adds can be removed");
    let many: Vec<_> = (0..5_000).map(|n| json!({"value": Uuid::from_u128(n)})).collect();
    assert_eq!(changes(on_members("add", many.into())).added().len(), 5_000);
}

#[test]
fn a_groups_own_id_in_a_value_is_ignored() {
    let operations = json!([{"op": "replace", "value": {"id": "g", "displayName": "Bards"}}]);
    assert_eq!(patched(operations, Profile::Lenient).unwrap().resource["displayName"], "Bards");
    assert_eq!(refusal(remove("displayName"), Profile::Lenient), ScimType::Mutability);
    let external_id = json!([{"op": "add", "path": "externalId", "value": "x"}]);
    assert_eq!(patched(external_id, Profile::Strict).unwrap().resource["externalId"], "x");
}
