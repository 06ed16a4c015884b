//! Groups (RFC 7643, section 4.2).

use super::{Meta, View, body, show_extensions};
use crate::domain::group::{Draft, Group, ReadAs};
use crate::domain::member::{Member, Membership};
use crate::domain::scim::invalid::invalid;
use crate::domain::scim::patch::{self, Operation, Patched};
use crate::domain::scim::{Profile, ResourceType, ScimError};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A group as SCIM shows it, without attributes that have no value. Its members are shown when they are given.
#[must_use]
pub fn group(group: &Group, members: Option<&[Member]>, view: &View<'_>) -> Map<String, Value> {
    let display_name = group.attributes.display_name.clone();
    let mut shown = Map::from_iter([("displayName".to_owned(), display_name.into())]);
    show_extensions(&mut shown, &group.attributes.extensions);
    if let Some(external_id) = group.external_ids.get(view.source) {
        shown.insert("externalId".to_owned(), external_id.clone().into());
    }
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        shown.insert("members".to_owned(), members.iter().map(|one| member(one, view)).collect());
    }
    let (created, last_modified) = (group.created_at, group.updated_at);
    let meta =
        Meta { kind: ResourceType::Group, id: group.id, version: group.version, created, last_modified };
    meta.write(&mut shown, view);
    shown
}

fn member(member: &Member, view: &View<'_>) -> Value {
    let id = member.user_id.to_string();
    let mut shown = json!({ "$ref": view.location(ResourceType::User, &id), "type": "User", "value": id });
    if let (Value::Object(shown), Some(display)) = (&mut shown, &member.display_name) {
        shown.insert("display".to_owned(), display.clone().into());
    }
    shown
}

/// Reads a group and its members from the body of a POST or PUT; none when the body does not name them.
///
/// # Errors
/// `invalidSyntax` for what is not a group's, `invalidValue` for values that a group cannot have.
pub fn read_group(
    sent: Value,
    view: &View<'_>,
    profile: Profile,
) -> Result<(Draft, Option<Vec<Uuid>>), ScimError> {
    let body = body::read(ResourceType::Group, sent, profile)?;
    Ok((draft(body.native, view)?, body.members))
}

/// The same rules for values as the native API has.
fn draft(native: Map<String, Value>, view: &View<'_>) -> Result<Draft, ScimError> {
    let read = Draft::read(native.clone().into(), ReadAs::New).map_err(|errors| invalid(&errors, &native))?;
    Ok(Draft { source: view.source.to_owned().into(), ..read })
}

/// What a replacement leaves of a group: what SCIM does not know.
#[must_use]
pub fn keep_native_of_group(mut draft: Draft, group: &Group) -> Draft {
    draft.attributes.custom = group.attributes.custom.clone();
    draft
}

/// What becomes of a group, and of who is in it, by a PATCH; of one that changes no attribute, the group as it is.
///
/// # Errors
/// The first operation that cannot be carried out, or what would be wrong with the group.
pub fn patch_group(
    group: &Group,
    view: &View<'_>,
    operations: &[Operation],
    profile: Profile,
) -> Result<(Draft, Membership), ScimError> {
    let before = self::group(group, None, view);
    let Patched { resource, members } = patch::apply(ResourceType::Group, &before, operations, profile)?;
    if resource == before {
        let external_id = group.external_ids.get(view.source).cloned();
        let source = view.source.to_owned().into();
        return Ok((Draft { attributes: group.attributes.clone(), external_id, source }, members));
    }
    let native = body::read(ResourceType::Group, resource.into(), profile)?.native;
    Ok((keep_native_of_group(draft(native, view)?, group), members))
}
