//! Users: rendering, and reading bodies. Groups are in `tests_groups`.

use super::*;
use crate::domain::scim::patch::{Op, Operation};
use crate::domain::scim::{Profile, Reading, ScimError, ScimType, urn};
use crate::domain::user::{Attributes, Draft, StoredUser, User, UserGroup, WriteMode};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

pub(super) const VIEW: View<'_> = View { base: "https://roster.example/scim/v2", source: "okta" };
pub(super) const ID: Uuid = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_000a);
const BOSS: &str = "01890000-0000-7000-8000-00000000000b";

pub(in crate::domain::scim) fn user(native: Value) -> User {
    let Draft { attributes, .. } = Draft::read(native, WriteMode::Create).unwrap();
    let external_ids =
        [("native", "n"), ("okta", "o")].map(|(source, id)| (source.to_owned(), id.to_owned()));
    User {
        id: ID,
        attributes,
        groups: None,
        external_ids: BTreeMap::from(external_ids),
        version: 3,
        created_at: Timestamp::from(1_767_323_045_678_901),
        updated_at: Timestamp::from(1_767_323_046_000_000),
    }
}

fn ada() -> User {
    user(json!({
        "userName": "Ada", "name": {"familyName": "Lovelace"}, "title": null, "profileUrl": "https://ada.example",
        "emails": [{"value": "a@x", "type": "work", "primary": true}], "photos": [],
        "x509Certificates": [{"value": "MIIB"}], "enterprise": {"department": "d", "manager": {"value": BOSS}},
        "custom": {"own": 1}, "extensions": {"urn:x:acme:1.0:User": {"badge": 7, "old": null}, "urn:x:none:1.0:User": {}},
    }))
}

fn read(body: Value, profile: Profile) -> Result<Draft, ScimError> {
    read_user(body, &VIEW, &Reading::new(profile))
}

fn lenient(body: Value) -> Attributes {
    read(body.clone(), Profile::Lenient).unwrap_or_else(|error| panic!("{body}: {error}")).attributes
}

fn refusal(body: Value, profile: Profile) -> ScimError {
    let error = read(body.clone(), profile).expect_err(&body.to_string());
    assert_eq!(error.status, 400, "{body}");
    error
}

#[test]
fn a_rendered_user_has_a_location_a_weak_etag_and_the_external_id_of_the_callers_source() {
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
    assert_eq!(Value::Object(render_user(&ada(), &VIEW)), expected);
    let other = View { source: "entra", ..VIEW };
    assert!(!render_user(&ada(), &other).contains_key("externalId"));
}

#[test]
fn a_manager_who_is_a_user_has_a_reference_and_a_display_name() {
    let mut ada = ada();
    let manager = ada.attributes.enterprise.manager.as_mut().unwrap();
    (manager.exists, manager.display_name) = (true, Some(Some("Boss".to_owned())));
    let rendered = render_user(&ada, &VIEW);
    let location = format!("https://roster.example/scim/v2/Users/{BOSS}");
    let expected = json!({"value": BOSS, "$ref": location, "displayName": "Boss"});
    assert_eq!(rendered[urn::ENTERPRISE_USER]["manager"], expected);
}

#[test]
fn groups_are_rendered_once_they_are_read() {
    let with_groups = |groups| render_user(&User { groups: Some(groups), ..ada() }, &VIEW);
    let poets = UserGroup { id: Uuid::nil(), display_name: "Poets".to_owned() };
    let expected = json!([{
        "value": "00000000-0000-0000-0000-000000000000",
        "$ref": "https://roster.example/scim/v2/Groups/00000000-0000-0000-0000-000000000000",
        "display": "Poets",
        "type": "direct",
    }]);
    assert_eq!(with_groups(vec![poets])["groups"], expected);
    assert!(!with_groups(Vec::new()).contains_key("groups"));
}

#[test]
fn read_only_attributes_in_a_body_are_ignored() {
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
    assert_eq!((draft.external_id, draft.has_active), (None, false));
}

#[test]
fn schemas_may_contain_unknown_urns_and_the_strict_profile_requires_the_core_schema() {
    let entra = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    for profile in [Profile::Lenient, Profile::Strict] {
        assert!(
            read(json!({"schemas": [urn::USER.to_uppercase(), entra], "userName": "a"}), profile).is_ok()
        );
        let error = refusal(json!({"schemas": [7], "userName": "a"}), profile);
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    }
    for schemas in [json!(null), json!([]), json!([entra])] {
        let body = json!({"schemas": schemas, "userName": "a"});
        assert!(read(body.clone(), Profile::Lenient).is_ok());
        assert_eq!(refusal(body, Profile::Strict).scim_type, Some(ScimType::InvalidSyntax));
    }
}

#[test]
fn unassigned_values_in_a_body_are_left_out() {
    let body = json!({
        "userName": "a", "title": null, "emails": [], "phoneNumbers": null,
        "name": {"honorificPrefix": null}, (urn::ENTERPRISE_USER): {"manager": {"$ref": null}, "department": null},
        "urn:x:acme:1.0:User": {"a": null}, "urn:x:other:1.0:User": null, "active": null,
    });
    assert_eq!(lenient(body), lenient(json!({"userName": "a"})));
}

#[test]
fn a_replacement_preserves_active_and_native_attributes() {
    let mut ada = ada();
    ada.attributes.active = false;
    let replace = |body: Value| preserve_native(read(body, Profile::Lenient).unwrap(), &ada).attributes;
    let replaced = replace(json!({"userName": "ada", "active": null}));
    assert!(!replaced.active);
    assert_eq!(replaced.custom, ada.attributes.custom);
    assert_eq!((replaced.emails.len(), replaced.extensions.len()), (0, 0));
    assert!(replace(json!({"userName": "ada", "active": true})).active);
}

#[test]
fn values_are_stored_as_sent() {
    let attributes =
        lenient(json!({"userName": "ÅDA ", "phoneNumbers": [{"value": "+1 (555) 1", "type": "WORK"}]}));
    assert_eq!(attributes.user_name, "ÅDA ");
    let number = &attributes.phone_numbers[0];
    assert_eq!((number.value.as_deref(), number.kind.as_deref()), (Some("+1 (555) 1"), Some("WORK")));
}

#[test]
fn names_and_urns_in_a_body_are_case_insensitive() {
    let body = json!({
        "USERNAME": "a", "Name": {"FamilyName": "F"}, "externalid": "e", "Emails": [{"Value": "a@x"}],
        "URN:IETF:params:scim:schemas:extension:enterprise:2.0:user": {"DEPARTMENT": "d"},
    });
    let draft = read(body, Profile::Lenient).unwrap();
    assert_eq!(draft.external_id.as_deref(), Some("e"));
    assert_eq!(draft.attributes.name.family_name.as_deref(), Some("F"));
    assert_eq!(draft.attributes.emails[0].value.as_deref(), Some("a@x"));
    assert_eq!(draft.attributes.enterprise.department.as_deref(), Some("d"));
    let duplicate = refusal(json!({"userName": "a", "USERNAME": "b"}), Profile::Lenient);
    assert_eq!(duplicate.scim_type, Some(ScimType::InvalidSyntax));
}

#[test]
fn unknown_attributes_are_named_and_extensions_of_unknown_urns_are_stored() {
    for (body, name) in [
        (json!({"userName": "a", "nope": 1}), "'nope'"),
        (json!({"userName": "a", "name": {"nope": null}}), "'name.nope'"),
        (json!({"userName": "a", "custom": {}}), "'custom'"),
        (json!({"userName": "a", "department": "d"}), "'department'"),
        (json!({"userName": "a", "members": []}), "'members'"),
        (json!({"userName": "a", (urn::ENTERPRISE_USER): {"nope": 1}}), "2.0:User:nope'"),
    ] {
        assert_eq!(lenient(body.clone()), lenient(json!({"userName": "a"})), "it is ignored");
        let mut body = body.clone();
        body["schemas"] = json!([urn::USER]);
        let error = refusal(body, Profile::Strict);
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
        assert!(error.detail.contains(name), "{error}");
    }
    let other = json!({"userName": "a", "urn:ietf:params:scim:schemas:core:2.0:Group": {"displayName": "x"}});
    assert_eq!(lenient(other), lenient(json!({"userName": "a"})));
    let nested = json!({
        (urn::USER): {"userName": "a", "title": "t"},
        (format!("{}:department", urn::ENTERPRISE_USER)): "d", (urn::ENTERPRISE_USER): {"division": "v"},
    });
    let flat =
        json!({"userName": "a", "title": "t", (urn::ENTERPRISE_USER): {"department": "d", "division": "v"}});
    assert_eq!(lenient(nested), lenient(flat), "attributes may have their full names");
    let acme = json!({"badge": {"no": 7, "old": null}});
    let stored = lenient(json!({"userName": "a", "urn:x:acme:1.0:User": acme})).extensions;
    assert_eq!(Value::Object(stored), json!({"urn:x:acme:1.0:User": acme}));
    let text = json!({"schemas": [urn::USER], "userName": "a", "urn:x:acme:1.0:User": "badge"});
    assert_eq!(lenient(text.clone()), lenient(json!({"userName": "a"})));
    assert_eq!(refusal(text, Profile::Strict).scim_type, Some(ScimType::InvalidValue));
}

#[test]
fn errors_of_native_validation_use_scim_names() {
    for (body, detail) in [
        (json!({}), "userName is required"),
        (json!({"userName": " "}), "userName (\" \") must not be blank"),
        (
            json!({"userName": "a", "emails": [{"value": "nobody"}]}),
            "emails.value (\"nobody\") must have exactly one @",
        ),
        (
            json!({"userName": "a", "emails": [{"value": "a@x", "primary": true}, {"value": "b@x", "primary": true}]}),
            "emails (a list) must have at most one primary value",
        ),
        (json!({"userName": true, "title": "x"}), "userName must be a string, not true."),
        (json!({"userName": "a", "title": "x".repeat(70_000)}), "A user must not exceed 64 KiB"),
    ] {
        let error = refusal(body, Profile::Lenient);
        assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        assert!(error.detail.starts_with(detail), "{error}");
    }
}

#[test]
fn all_invalid_attributes_are_reported_at_once() {
    let body = json!({
        "userName": {}, "active": "maybe", "name": {"givenName": true}, "emails": [{"value": "nobody"}],
        (urn::ENTERPRISE_USER): {"department": []  , "division": true},
    });
    let error = refusal(body, Profile::Lenient);
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
    for name in ["userName must be", "active", "name.givenName", "emails.value", "2.0:User:division"] {
        assert!(error.detail.contains(name), "{name}: {error}");
    }
    assert!(!error.detail.contains("required"), "{error}");
}

#[test]
fn a_patch_without_effect_leaves_the_user_unchanged() {
    let ada = ada();
    let patch = |path: &str, value: Value| {
        let operation = Operation { op: Op::Add, path: Some(path.to_owned()), value: Some(value) };
        patch_user(&ada, &VIEW, &[operation], &Reading::new(Profile::Lenient)).unwrap()
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

fn users() -> impl Strategy<Value = User> {
    let text = || proptest::option::of("[a-c \u{c5}\"]{0,3}");
    let kind = proptest::option::of("(work|home|)");
    let element = (text(), kind, any::<bool>());
    let elements = proptest::collection::vec(element, 0..3).prop_map(|elements| {
        // At most one element can be primary.
        let elements = elements.into_iter().enumerate().map(|(index, (value, kind, primary))| {
            json!({"value": value, "type": kind, "primary": primary && index == 0})
        });
        elements.collect::<Vec<_>>()
    });
    (text(), text(), elements, any::<bool>()).prop_map(|(title, department, elements, active)| {
        user(json!({
            "userName": "ada", "title": title, "name": {"middleName": title}, "ims": elements, "photos": elements,
            "x509Certificates": elements, "active": active, "addresses": [{"locality": department, "type": title}],
            "enterprise": {"department": department, "manager": {"value": title}},
            "extensions": {"urn:x:acme:1.0:User": {"title": title}},
        }))
    })
}

fn contains_blank(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().any(contains_blank),
        Value::Object(map) => map.values().any(contains_blank),
        _ => false,
    }
}

proptest! {
    #[test]
    fn a_rendered_user_can_be_sent_back_unchanged(user in users(), strict in any::<bool>()) {
        let profile = if strict { Profile::Strict } else { Profile::Lenient };
        let rendered = render_user(&user, &VIEW);
        let draft = preserve_native(read(rendered.into(), profile).unwrap(), &user);
        prop_assert_eq!(draft.external_id.as_deref(), Some("o"));
        let mut expected = user.attributes.clone();
        if !strict {
            // A blank string is treated as no value.
            let body = serde_json::to_value(&expected).unwrap();
            prop_assume!(!contains_blank(&body));
            let body = body.to_string();
            prop_assume!(!body.contains("\"value\":null") && !body.contains("\"locality\":null"));
        }
        // Unassigned attributes of an extension are not rendered.
        expected.extensions = draft.attributes.extensions.clone();
        prop_assert_eq!(draft.attributes, expected);
    }

    #[test]
    fn stored_text_gives_the_rendered_user(
        user in users(),
        extended in any::<bool>(),
        manager in proptest::option::of(proptest::option::of("[a-c\"]{1,3}")),
        group in proptest::option::of("[a-c\"]{1,3}"),
    ) {
        let mut user = user;
        if !extended {
            user.attributes.extensions.clear();
        }
        if let Some(of_user) = &mut user.attributes.enterprise.manager {
            of_user.value = Uuid::from_u128(7).to_string().to_uppercase();
            of_user.exists = manager.is_some();
            of_user.display_name = Some(manager.clone().flatten());
        }
        user.groups = group.map(|display_name| vec![UserGroup { id: user.id, display_name }]);
        let stored = StoredUser { manager_name: manager, ..StoredUser::of(&user) };
        let mut written = Vec::new();
        write_user(&stored, &VIEW, &mut written).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(written, Value::from(render_user(&user, &VIEW)));
    }

    #[test]
    fn a_rendered_user_has_no_null_or_empty_values(user in users()) {
        for (name, value) in render_user(&user, &VIEW) {
            let text = value.to_string();
            prop_assert!(!text.contains("null") && !text.contains("[]") && !text.contains("{}"), "{}: {}", name, text);
        }
    }
}
