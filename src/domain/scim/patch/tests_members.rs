//! Operations on groups and their members.

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

fn patched(sent: Value, profile: Profile) -> Result<Patched, ScimError> {
    let operations = read(json!({"schemas": [urn::PATCH], "Operations": sent}), Profile::Strict).unwrap();
    apply(ResourceType::Group, &poets(), &operations, profile)
}

/// The sum of steps, each by its name.
fn sum(steps: &[(&str, &[&str])]) -> Membership {
    let mut sum = Membership::default();
    for (step, ids) in steps {
        let ids = ids.iter().map(|text| id(text));
        match *step {
            "add" => sum.add(ids),
            "remove" => sum.remove(ids),
            "need" => sum.need(ids),
            _ => sum.remove_all(),
        }
    }
    sum
}

fn changes(sent: Value) -> Membership {
    let patched = patched(sent.clone(), Profile::Lenient).unwrap_or_else(|error| panic!("{sent}: {error}"));
    assert_eq!(patched.resource, poets(), "{sent}");
    patched.members
}

fn refusal(sent: Value, profile: Profile) -> ScimType {
    patched(sent.clone(), profile).expect_err(&sent.to_string()).scim_type.unwrap()
}

fn on_members(op: &str, value: Value) -> Value {
    json!([{"op": op, "path": "members", "value": value}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "Remove", "path": path}])
}

#[test]
fn item_39_members_are_removed_in_four_ways() {
    let removed = sum(&[("remove", &[A])]);
    assert_eq!(changes(remove(&format!("members[value eq \"{A}\"]"))), removed);
    for value in [json!([{"value": A}]), json!({"value": A, "$ref": null}), json!(A), json!([A])] {
        assert_eq!(changes(on_members("remove", value)), removed);
    }
    assert_eq!(changes(remove("members")), sum(&[("all", &[])]));
    assert_eq!(changes(on_members("replace", json!([]))), sum(&[("all", &[])]));
    assert_eq!(changes(on_members("replace", json!(null))), sum(&[("all", &[])]));
    // In no profile does one that is named, or nobody, mean all.
    let strict = patched(on_members("remove", json!([{"value": A}])), Profile::Strict).unwrap().members;
    assert_eq!(strict, sum(&[("need", &[A]), ("remove", &[A])]));
    for profile in [Profile::Lenient, Profile::Strict] {
        assert_eq!(patched(on_members("remove", json!([])), profile).unwrap().members, sum(&[]));
    }
}

#[test]
fn item_39_filters_name_members_by_their_values() {
    for (filter, expected) in [
        (format!("value eq \"{A}\" or value eq \"{B}\""), sum(&[("remove", &[A, B])])),
        (format!("VALUE EQ \"{A}\" and type eq \"user\""), sum(&[("remove", &[A])])),
        (format!("(value eq \"{A}\" or value eq \"{B}\") and value eq \"{B}\""), sum(&[("remove", &[B])])),
        ("type eq \"User\"".to_owned(), sum(&[("all", &[])])),
        ("value pr".to_owned(), sum(&[("all", &[])])),
    ] {
        assert_eq!(changes(remove(&format!("members[{filter}]"))), expected, "{filter}");
    }
    assert_eq!(changes(remove("members[type eq \"Group\"]")), sum(&[]));
    for filter in [format!("value ne \"{A}\""), "display co \"a\"".to_owned(), "not (value pr)".to_owned()] {
        assert_eq!(refusal(remove(&format!("members[{filter}]")), Profile::Lenient), ScimType::InvalidFilter);
    }
}

#[test]
fn item_39_who_cannot_be_a_member_is_no_target() {
    for sent in [remove("members[value eq \"nobody\"]"), on_members("remove", json!([{"value": "nobody"}]))] {
        assert_eq!(changes(sent.clone()), sum(&[]));
        assert_eq!(refusal(sent, Profile::Strict), ScimType::NoTarget);
    }
}

#[test]
fn item_40_members_are_added_in_many_forms() {
    let added = sum(&[("add", &[A])]);
    for value in [
        json!([{"value": A}]),
        json!({"value": A}),
        json!(A),
        json!([{"value": A, "type": "User", "display": "x", "$ref": "../Users/a"}]),
        json!([{"$ref": format!("../Users/{A}")}]),
        json!([{"value": A, "type": null, "display": null}, {"Value": A, "TYPE": "user"}]),
    ] {
        assert_eq!(changes(on_members("add", value.clone())), added, "{value}");
        assert_eq!(changes(json!([{"op": "Add", "value": {"members": value}}])), added);
    }
    assert_eq!(changes(on_members("replace", json!([A, B]))), sum(&[("all", &[]), ("add", &[A, B])]));
    assert_eq!(changes(on_members("add", json!([]))), sum(&[]));
    for value in
        [json!([{"value": A, "type": "Group"}]), json!("nobody"), json!([{"display": "x"}]), json!([7])]
    {
        for profile in [Profile::Lenient, Profile::Strict] {
            assert_eq!(refusal(on_members("add", value.clone()), profile), ScimType::InvalidValue, "{value}");
            assert_eq!(
                refusal(on_members("replace", value.clone()), profile),
                ScimType::InvalidValue,
                "{value}"
            );
        }
    }
    assert_eq!(refusal(json!([{"op": "add", "path": "members"}]), Profile::Lenient), ScimType::InvalidValue);
    let unknown = on_members("add", json!([{"vlaue": A}]));
    assert_eq!(refusal(unknown, Profile::Lenient), ScimType::InvalidSyntax);
}

#[test]
fn a_member_is_never_changed() {
    for path in [
        format!("members[value eq \"{A}\"]"),
        format!("members[value eq \"{A}\"].value"),
        "members.type".into(),
    ] {
        let sent = json!([{"op": "replace", "path": path, "value": "x"}]);
        assert_eq!(refusal(sent, Profile::Lenient), ScimType::Mutability, "{path}");
    }
    assert_eq!(
        refusal(remove(&format!("members[value eq \"{A}\"].display")), Profile::Lenient),
        ScimType::Mutability
    );
}

#[test]
fn item_45_many_changes_become_one() {
    let sent = json!([
        {"op": "add", "path": "members", "value": [{"value": A}]},
        {"op": "add", "path": "members", "value": [{"value": B}]},
        {"op": "replace", "path": "displayName", "value": "Poets"},
        {"op": "remove", "path": format!("members[value eq \"{A}\"]")},
        {"op": "remove", "path": format!("members[value eq \"{B}\"]")},
        {"op": "add", "path": "members", "value": A},
    ]);
    let lenient: &[(&str, &[&str])] = &[("add", &[A, B]), ("remove", &[A, B]), ("add", &[A])];
    assert_eq!(changes(sent.clone()), sum(lenient));
    assert_eq!(
        patched(sent, Profile::Strict).unwrap().members,
        sum(lenient),
        "each finds whom the others added"
    );
    let many: Vec<_> = (0..5_000).map(|n| json!({"value": Uuid::from_u128(n)})).collect();
    assert_eq!(changes(on_members("add", many.into())).joining().len(), 5_000);
}

#[test]
fn item_32_a_groups_own_id_is_let_pass() {
    let sent = json!([{"op": "replace", "value": {"id": "g", "displayName": "Bards"}}]);
    let patched = patched(sent, Profile::Lenient).unwrap();
    assert_eq!(patched.resource["displayName"], "Bards");
    assert_eq!(refusal(remove("displayName"), Profile::Lenient), ScimType::Mutability);
    let externals = json!([{"op": "add", "path": "externalId", "value": "x"}]);
    assert_eq!(self::patched(externals, Profile::Strict).unwrap().resource["externalId"], "x");
}
