//! Groups: rendering, and reading bodies.

use super::tests::{ID, VIEW};
use super::*;
use crate::domain::group::{Draft, Group, WriteMode};
use crate::domain::member::Member;
use crate::domain::scim::{Profile, Reading, ScimType, urn};
use serde_json::json;
use uuid::Uuid;

fn poets() -> Group {
    let extensions = json!({"urn:x:acme:1.0:Group": {"floor": 1}});
    let native = json!({"displayName": "Poets", "externalId": "o", "extensions": extensions});
    let Draft { attributes, .. } = Draft::read(native, WriteMode::Create).unwrap();
    Group {
        id: ID,
        attributes,
        external_ids: BTreeMap::from([("okta".to_owned(), "o".to_owned())]),
        member_count: 2,
        version: 1,
        created_at: Timestamp::from(0),
        updated_at: Timestamp::from(0),
    }
}

fn member(user_id: Uuid, display_name: Option<&str>) -> Member {
    let (user_name, display_name) = ("ada".to_owned(), display_name.map(str::to_owned));
    Member { user_id, user_name, display_name, added_at: 0.into() }
}

#[test]
fn a_group_is_rendered_with_its_members() {
    let members = [member(ID, Some("Ada")), member(Uuid::nil(), None)];
    let rendered = render_group(&poets(), Some(&members), &VIEW);
    let location = "https://roster.example/scim/v2/Users/01890000-0000-7000-8000-00000000000a";
    let ada = json!({"value": ID, "$ref": location, "display": "Ada", "type": "User"});
    assert_eq!(rendered["members"][0], ada);
    assert_eq!(rendered["members"].as_array().unwrap().len(), 2);
    assert_eq!(rendered["schemas"], json!([urn::GROUP, "urn:x:acme:1.0:Group"]));
    assert_eq!(rendered["meta"]["resourceType"], "Group");
    assert!(!render_group(&poets(), Some(&[]), &VIEW).contains_key("members"));
}

#[test]
fn a_rendered_group_can_be_sent_back_unchanged() {
    let members = [member(ID, Some("Ada")), member(Uuid::nil(), None)];
    let rendered = render_group(&poets(), Some(&members), &VIEW);
    let (draft, members) = read_group(rendered.into(), &VIEW, &Reading::new(Profile::Strict));
    assert_eq!(members, [ID, Uuid::nil()]);
    assert_eq!(poets().with(preserve_native_of_group(draft.unwrap(), &poets())), poets());
}

#[test]
fn members_are_optional_in_a_body_and_must_be_user_ids() {
    let read = |body| read_group(body, &VIEW, &Reading::new(Profile::Lenient));
    let (draft, members) = read(json!({"displayName": "Poets"}));
    assert!(draft.is_ok() && members.is_empty());
    let (draft, members) =
        read(json!({"displayName": "Poets", "members": [{"value": "nobody"}, {"value": ID}]}));
    assert_eq!(members, [ID]);
    let error = draft.unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
    assert!(error.detail.contains("nobody"), "{error}");
}
