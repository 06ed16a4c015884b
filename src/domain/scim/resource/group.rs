//! Groups (RFC 7643, section 4.2).

use super::body::{self, Body};
use super::{View, insert_common, insert_extensions};
use crate::domain::change::Auditable;
use crate::domain::group::{Draft, Group, WriteMode};
use crate::domain::member::{Member, MembershipEdit};
use crate::domain::scim::patch::{self, Operation, Patched};
use crate::domain::scim::{Profile, Reading, ResourceType, ScimError};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Renders a group. Unassigned attributes are omitted, and `members` is present only when it is passed and not empty.
pub fn render_group(group: &Group, members: Option<&[Member]>, view: &View<'_>) -> Map<String, Value> {
    let display_name = group.attributes.display_name.clone();
    let mut resource = Map::from_iter([("displayName".to_owned(), display_name.into())]);
    insert_extensions(&mut resource, &group.attributes.extensions);
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        let members = members.iter().map(|member| render_member(member, view)).collect();
        resource.insert("members".to_owned(), members);
    }
    let (kind, created) = (ResourceType::Group, group.created_at);
    insert_common(&mut resource, kind, group.stamp(), created, &group.external_ids, view);
    resource
}

fn render_member(member: &Member, view: &View<'_>) -> Value {
    let id = member.user_id.to_string();
    let location = view.location(ResourceType::User, &id);
    let mut rendered = json!({ "$ref": location, "type": "User", "value": id });
    if let (Value::Object(rendered), Some(display)) = (&mut rendered, &member.display_name) {
        rendered.insert("display".to_owned(), display.clone().into());
    }
    rendered
}

/// Reads a group from the body of a POST or PUT, and the valid ids of its members, even if other parts are invalid.
///
/// # Errors
/// `invalidSyntax` for an unknown attribute that is not ignored, `invalidValue` for invalid values.
pub fn read_group(body: Value, view: &View<'_>, reading: &Reading) -> (Result<Draft, ScimError>, Vec<Uuid>) {
    match body::read(ResourceType::Group, body, reading) {
        Err(error) => (Err(error), Vec::new()),
        Ok(mut body) => {
            let members = std::mem::take(&mut body.members);
            (draft(body, view, reading), members)
        }
    }
}

/// Copies the attributes that SCIM cannot express from the stored group into its replacement.
#[must_use]
pub fn preserve_native_of_group(mut draft: Draft, group: &Group) -> Draft {
    draft.attributes.custom = group.attributes.custom.clone();
    draft
}

/// Applies a PATCH to a group. If no attribute changes, the draft equals the stored group.
///
/// # Errors
/// One error with the details of all errors in operations and the type of the first, or `invalidValue` if the resulting
/// group is invalid.
pub fn patch_group(
    group: &Group,
    view: &View<'_>,
    operations: &[Operation],
    reading: &Reading,
) -> Result<(Draft, MembershipEdit), ScimError> {
    let before = render_group(group, None, view);
    let Patched { resource, members } = patch::apply(ResourceType::Group, &before, operations, reading);
    if resource == before {
        reading.finish(Ok(()))?;
        let external_id = group.external_ids.get(view.source).cloned();
        let source = view.source.to_owned().into();
        let attributes = group.attributes.clone();
        return Ok((Draft { attributes, external_id, source, external_ids: None }, members));
    }
    // The values are already normalized.
    let body = body::read(ResourceType::Group, resource.into(), &Reading::new(Profile::Strict))?;
    Ok((preserve_native_of_group(draft(body, view, reading)?, group), members))
}

fn draft(body: Body, view: &View<'_>, reading: &Reading) -> Result<Draft, ScimError> {
    let draft = body.validate(reading, |native| Draft::read(native, WriteMode::Create))?;
    Ok(Draft { source: view.source.to_owned().into(), ..draft })
}
