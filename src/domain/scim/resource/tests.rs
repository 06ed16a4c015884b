//! Users and groups there and back.

use super::*;
use crate::domain::scim::patch::{Operation, Verb};
use crate::domain::scim::{Profile, ScimError, ScimType, urn};
use crate::domain::user::{Attributes, Draft, ReadAs, User};
use proptest::prelude::*;
use std::collections::BTreeMap;

const VIEW: View<'_> = View { base: "https://roster.example/scim/v2", source: "okta" };
const ID: Uuid = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_000a);
const BOSS: &str = "01890000-0000-7000-8000-00000000000b";

fn native(body: Value) -> User {
    let Draft { attributes, .. } = Draft::read(body, ReadAs::New).unwrap();
    let external_ids =
        [("native", "n"), ("okta", "o")].map(|(source, id)| (source.to_owned(), id.to_owned()));
    User {
        id: ID,
        attributes,
        external_ids: BTreeMap::from(external_ids),
        version: 3,
        created_at: Timestamp::from(1_767_323_045_678_901),
        updated_at: Timestamp::from(1_767_323_046_000_000),
    }
}

fn ada() -> User {
    native(json!({
        "userName": "Ada", "name": {"familyName": "Lovelace"}, "title": null, "profileUrl": "https://ada.example",
        "emails": [{"value": "a@x", "type": "work", "primary": true}], "photos": [],
        "x509Certificates": [{"value": "MIIB"}], "enterprise": {"department": "d", "manager": {"value": BOSS}},
        "custom": {"own": 1}, "extensions": {"urn:x:acme:1.0:User": {"badge": 7, "old": null}, "urn:x:none:1.0:User": {}},
    }))
}

fn read(sent: Value, profile: Profile) -> Result<Draft, ScimError> {
    read_user(sent, &VIEW, profile)
}

fn lenient(sent: Value) -> Attributes {
    read(sent.clone(), Profile::Lenient).unwrap_or_else(|error| panic!("{sent}: {error}")).attributes
}

fn refusal(sent: Value, profile: Profile) -> ScimError {
    let error = read(sent.clone(), profile).expect_err(&sent.to_string());
    assert_eq!(error.status, 400, "{sent}");
    error
}

#[test]
fn items_46_53_and_57_a_user_is_shown_with_its_own_and_the_callers_values() {
    let expected = json!({
        "schemas": [urn::USER, urn::ENTERPRISE_USER, "urn:x:acme:1.0:User"],
        "id": "01890000-0000-7000-8000-00000000000a",
        "externalId": "o",
        "meta": {
            "resourceType": "User",
            "created": "2026-01-02T03:04:05.678901Z",
            "lastModified": "2026-01-02T03:04:06.000000Z",
            "location": "https://roster.example/scim/v2/Users/01890000-0000-7000-8000-00000000000a",
            "version": "W/\"3\"",
        },
        "userName": "Ada",
        "name": {"familyName": "Lovelace"},
        "profileUrl": "https://ada.example",
        "active": true,
        "emails": [{"value": "a@x", "type": "work", "primary": true}],
        "x509Certificates": [{"value": "MIIB", "primary": false}],
        (urn::ENTERPRISE_USER): {"department": "d", "manager": {"value": BOSS}},
        "urn:x:acme:1.0:User": {"badge": 7},
    });
    assert_eq!(Value::Object(user(&ada(), None, &VIEW)), expected);
    let other = View { source: "entra", ..VIEW };
    assert!(!user(&ada(), None, &other).contains_key("externalId"));
}

#[test]
fn item_41_a_manager_who_is_a_user_here_is_named() {
    let mut ada = ada();
    let manager = ada.attributes.enterprise.manager.as_mut().unwrap();
    (manager.exists, manager.display_name) = (true, Some(Some("Boss".to_owned())));
    let shown = user(&ada, None, &VIEW);
    let location = format!("https://roster.example/scim/v2/Users/{BOSS}");
    let expected = json!({"value": BOSS, "$ref": location, "displayName": "Boss"});
    assert_eq!(shown[urn::ENTERPRISE_USER]["manager"], expected);
    for sent in
        [json!("271"), json!([{"value": "271", "$ref": null}]), json!({"value": "271", "displayName": "x"})]
    {
        let body = json!({"userName": "a", (urn::ENTERPRISE_USER): {"Manager": sent}});
        assert_eq!(lenient(body).enterprise.manager.unwrap().value, "271");
    }
}

#[test]
fn item_55_groups_are_shown_when_they_are_given() {
    let groups = [(Uuid::nil(), "Poets".to_owned())];
    let expected = json!([{
        "value": "00000000-0000-0000-0000-000000000000",
        "$ref": "https://roster.example/scim/v2/Groups/00000000-0000-0000-0000-000000000000",
        "display": "Poets",
        "type": "direct",
    }]);
    assert_eq!(user(&ada(), Some(&groups), &VIEW)["groups"], expected);
    assert!(!user(&ada(), Some(&[]), &VIEW).contains_key("groups"));
}

#[test]
fn item_22_what_is_read_only_is_ignored() {
    let draft = read(
        json!({
            "schemas": [urn::USER], "userName": "a", "id": "x", "groups": [], "roles": [], "password": "secret",
            "meta": {"resourceType": "User", "version": 7},
        }),
        Profile::Strict,
    );
    let draft = draft.unwrap();
    assert_eq!(
        draft.attributes,
        Attributes { user_name: "a".to_owned(), active: true, ..Attributes::default() }
    );
    assert_eq!((draft.external_id, draft.says_active), (None, false));
}

#[test]
fn item_23_schemas_may_name_more_and_strictly_must_be_there() {
    let entra = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    for profile in [Profile::Lenient, Profile::Strict] {
        assert!(
            read(json!({"schemas": [urn::USER.to_uppercase(), entra], "userName": "a"}), profile).is_ok()
        );
        let error = refusal(json!({"schemas": [7], "userName": "a"}), profile);
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    }
    for schemas in [json!(null), json!([]), json!([entra])] {
        let sent = json!({"schemas": schemas, "userName": "a"});
        assert!(read(sent.clone(), Profile::Lenient).is_ok());
        assert_eq!(refusal(sent, Profile::Strict).scim_type, Some(ScimType::InvalidSyntax));
    }
}

#[test]
fn item_24_what_is_unassigned_is_not_there() {
    let sent = json!({
        "userName": "a", "title": null, "emails": [], "phoneNumbers": null,
        "name": {"honorificPrefix": null}, (urn::ENTERPRISE_USER): {"manager": {"$ref": null}, "department": null},
        "urn:x:acme:1.0:User": {"a": null}, "urn:x:other:1.0:User": null, "active": null,
    });
    assert_eq!(lenient(sent), lenient(json!({"userName": "a"})));
}

#[test]
fn item_25_active_may_be_a_string_where_that_is_let_pass() {
    let sent = |active: &str| json!({"schemas": [urn::USER], "userName": "a", "active": active});
    assert!(!lenient(sent("False")).active);
    for (text, profile) in [("False", Profile::Strict), ("off", Profile::Lenient)] {
        let error = refusal(sent(text), profile);
        assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        assert!(error.detail.contains("active") && error.detail.contains(text), "{error}");
    }
}

#[test]
fn item_26_a_replacement_keeps_active_and_what_scim_does_not_know() {
    let mut ada = ada();
    ada.attributes.active = false;
    let kept = |sent: Value| keep_native(read(sent, Profile::Lenient).unwrap(), &ada).attributes;
    let replaced = kept(json!({"userName": "ada", "active": null}));
    assert!(!replaced.active);
    assert_eq!(replaced.custom, ada.attributes.custom);
    assert_eq!((replaced.emails.len(), replaced.extensions.len()), (0, 0));
    assert!(kept(json!({"userName": "ada", "active": true})).active);
}

#[test]
fn item_29_values_are_kept_as_they_are_sent() {
    let phone =
        lenient(json!({"userName": "ÅDA ", "phoneNumbers": [{"value": "+1 (555) 1", "type": "WORK"}]}));
    assert_eq!(phone.user_name, "ÅDA ");
    let number = &phone.phone_numbers[0];
    assert_eq!((number.value.as_deref(), number.kind.as_deref()), (Some("+1 (555) 1"), Some("WORK")));
}

#[test]
fn item_7_names_and_urns_have_no_case() {
    let sent = json!({
        "USERNAME": "a", "Name": {"FamilyName": "F"}, "externalid": "e", "Emails": [{"Value": "a@x"}],
        "URN:IETF:params:scim:schemas:extension:enterprise:2.0:user": {"DEPARTMENT": "d"},
    });
    let draft = read(sent, Profile::Lenient).unwrap();
    assert_eq!(draft.external_id.as_deref(), Some("e"));
    assert_eq!(draft.attributes.name.family_name.as_deref(), Some("F"));
    assert_eq!(draft.attributes.emails[0].value.as_deref(), Some("a@x"));
    assert_eq!(draft.attributes.enterprise.department.as_deref(), Some("d"));
    let twice = refusal(json!({"userName": "a", "USERNAME": "b"}), Profile::Lenient);
    assert_eq!(twice.scim_type, Some(ScimType::InvalidSyntax));
}

#[test]
fn item_58_what_no_schema_has_is_named_and_unknown_urns_are_kept() {
    for (sent, name) in [
        (json!({"userName": "a", "nope": 1}), "'nope'"),
        (json!({"userName": "a", "name": {"nope": null}}), "'name.nope'"),
        (json!({"userName": "a", "custom": {}}), "'custom'"),
        (json!({"userName": "a", "department": "d"}), "'department'"),
        (json!({"userName": "a", "members": []}), "'members'"),
        (json!({"userName": "a", (urn::ENTERPRISE_USER): {"nope": 1}}), "2.0:User:nope'"),
    ] {
        for profile in [Profile::Lenient, Profile::Strict] {
            let mut sent = sent.clone();
            sent["schemas"] = json!([urn::USER]);
            let error = refusal(sent, profile);
            assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
            assert!(error.detail.contains(name), "{error}");
        }
    }
    let acme = json!({"badge": {"no": 7, "old": null}});
    let kept = lenient(json!({"userName": "a", "urn:x:acme:1.0:User": acme})).extensions;
    assert_eq!(Value::Object(kept), json!({"urn:x:acme:1.0:User": acme}));
    let error = refusal(json!({"userName": "a", "urn:x:acme:1.0:User": "badge"}), Profile::Lenient);
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
}

#[test]
fn item_51_native_rules_are_told_in_scims_words() {
    for (sent, says) in [
        (json!({}), "userName must be present"),
        (json!({"userName": " "}), "userName (\" \") must not be blank"),
        (
            json!({"userName": "a", "emails": [{"value": "nobody"}]}),
            "emails.value (\"nobody\") must have one @",
        ),
        (
            json!({"userName": "a", "emails": [{"value": "a@x", "primary": true}, {"value": "b@x", "primary": true}]}),
            "emails (a list) must have at most one primary value",
        ),
        (
            json!({"userName": "a", "urn:ietf:params:scim:schemas:core:2.0:Group": {"displayName": "x"}}),
            "urn:ietf:params:scim:schemas:core:2.0:Group (an object) belongs to a schema",
        ),
        (json!({"userName": "a", "title": "x".repeat(70_000)}), "a user must have at most 64 KiB"),
    ] {
        let error = refusal(sent, Profile::Lenient);
        assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        assert!(error.detail.starts_with(says), "{error}");
    }
}

#[test]
fn item_28_a_password_is_not_kept_and_not_told() {
    let attributes = lenient(json!({"userName": "a", "password": "secret"}));
    assert!(!serde_json::to_string(&attributes).unwrap().contains("secret"));
    assert!(
        !refusal(json!({"userName": "a", "password": [7_654_321]}), Profile::Lenient)
            .detail
            .contains("7654321")
    );
}

#[test]
fn item_35_a_patch_that_changes_nothing_leaves_the_user_as_it_is() {
    let ada = ada();
    let patch = |path: &str, value: Value| {
        let operation = Operation { verb: Verb::Add, path: Some(path.to_owned()), value: Some(value) };
        patch_user(&ada, &VIEW, &[operation], Profile::Lenient).unwrap()
    };
    let same = patch("emails", json!([{"value": "a@x", "type": "work"}]));
    assert_eq!((same.attributes, same.external_id.as_deref()), (ada.attributes.clone(), Some("o")));
    let titled = patch("title", json!("Countess"));
    assert_eq!(titled.attributes.custom, ada.attributes.custom);
    assert_eq!(
        (titled.attributes.title.as_deref(), titled.external_id.as_deref()),
        (Some("Countess"), Some("o"))
    );
}

#[test]
fn item_27_a_group_has_members() {
    use crate::domain::group::{Draft, Group};
    use crate::domain::member::Member;
    let member = |user_id, display_name| Member {
        user_id,
        user_name: "ada".to_owned(),
        display_name,
        added_at: 0.into(),
    };
    let members = [member(ID, Some("Ada".to_owned())), member(Uuid::nil(), None)];
    let extensions = json!({"urn:x:acme:1.0:Group": {"floor": 1}});
    let native = json!({"displayName": "Poets", "externalId": "o", "extensions": extensions});
    let Draft { attributes, .. } = Draft::read(native, ReadAs::New).unwrap();
    let poets = Group {
        id: ID,
        attributes,
        external_ids: BTreeMap::from([("okta".to_owned(), "o".to_owned())]),
        member_count: 2,
        version: 1,
        created_at: Timestamp::from(0),
        updated_at: Timestamp::from(0),
    };
    let shown = group(&poets, Some(&members), &VIEW);
    let location = "https://roster.example/scim/v2/Users/01890000-0000-7000-8000-00000000000a";
    assert_eq!(shown["members"][0], json!({"value": ID, "$ref": location, "display": "Ada", "type": "User"}));
    assert_eq!(shown["members"].as_array().unwrap().len(), 2);
    assert_eq!(shown["schemas"], json!([urn::GROUP, "urn:x:acme:1.0:Group"]));
    assert_eq!(shown["meta"]["resourceType"], "Group");
    assert!(!group(&poets, Some(&[]), &VIEW).contains_key("members"));
    let read = |sent, profile| read_group(sent, &VIEW, profile);
    let (again, members) = read(shown.into(), Profile::Strict).unwrap();
    assert_eq!(members, Some(vec![ID, Uuid::nil()]));
    assert_eq!(poets.with(keep_native_of_group(again, &poets)), poets);
    assert_eq!(read(json!({"displayName": "Poets"}), Profile::Lenient).unwrap().1, None);
    let wrong = json!({"displayName": "Poets", "members": [{"value": "nobody"}]});
    let error = read(wrong, Profile::Lenient).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
    assert!(error.detail.contains("nobody"), "{error}");
}

fn users() -> impl Strategy<Value = User> {
    let text = || proptest::option::of("[a-c \u{c5}\"]{0,3}");
    let kind = proptest::option::of("(work|home|)");
    let element = (text(), kind, any::<bool>());
    let elements = proptest::collection::vec(element, 0..3).prop_map(|elements| {
        // At most one may be primary.
        let parts = elements.into_iter().enumerate().map(|(index, (value, kind, primary))| {
            json!({"value": value, "type": kind, "primary": primary && index == 0})
        });
        parts.collect::<Vec<_>>()
    });
    (text(), text(), elements, any::<bool>()).prop_map(|(title, department, elements, active)| {
        native(json!({
            "userName": "ada", "title": title, "name": {"middleName": title}, "ims": elements, "photos": elements,
            "x509Certificates": elements, "active": active, "addresses": [{"locality": department, "type": title}],
            "enterprise": {"department": department, "manager": {"value": title}},
            "extensions": {"urn:x:acme:1.0:User": {"title": title}},
        }))
    })
}

proptest! {
    #[test]
    fn what_is_shown_may_be_put_back(user in users(), strict in any::<bool>()) {
        let profile = if strict { Profile::Strict } else { Profile::Lenient };
        let shown = super::user(&user, None, &VIEW);
        let draft = keep_native(read(shown.into(), profile).unwrap(), &user);
        prop_assert_eq!(draft.external_id.as_deref(), Some("o"));
        let mut expected = user.attributes.clone();
        // What is unassigned in an extension is not shown.
        expected.extensions = draft.attributes.extensions.clone();
        prop_assert_eq!(draft.attributes, expected);
    }

    #[test]
    fn nothing_that_is_shown_is_null_or_empty(user in users()) {
        for (name, value) in super::user(&user, None, &VIEW) {
            let text = value.to_string();
            prop_assert!(!text.contains("null") && !text.contains("[]") && !text.contains("{}"), "{}: {}", name, text);
        }
    }
}
