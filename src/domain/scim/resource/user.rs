//! Users (RFC 7643, sections 4.1 and 4.3).

use super::{Meta, View, body, show_extensions};
use crate::domain::document::compact;
use crate::domain::scim::invalid::invalid;
use crate::domain::scim::patch::{self, Operation};
use crate::domain::scim::{Profile, ResourceType, ScimError, urn};
use crate::domain::user::{Draft, Enterprise, ReadAs, User};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A group that a user is in: its id and its name.
pub type GroupOf = (Uuid, String);

/// A user as SCIM shows it, without attributes that have no value. `groups` are shown when they are given: they come
/// only when they are asked for.
#[must_use]
pub fn user(user: &User, groups: Option<&[GroupOf]>, view: &View<'_>) -> Map<String, Value> {
    let mut shown = compact(&user.attributes);
    for native in ["custom", "extensions", "enterprise"] {
        shown.remove(native);
    }
    show_extensions(&mut shown, &user.attributes.extensions);
    let enterprise = enterprise(&user.attributes.enterprise, view);
    if !enterprise.is_empty() {
        shown.insert(urn::ENTERPRISE_USER.to_owned(), enterprise.into());
    }
    if let Some(external_id) = user.external_ids.get(view.source) {
        shown.insert("externalId".to_owned(), external_id.clone().into());
    }
    if let Some(groups) = groups.filter(|groups| !groups.is_empty()) {
        shown.insert("groups".to_owned(), groups.iter().map(|group| group_of(group, view)).collect());
    }
    let (created, last_modified) = (user.created_at, user.updated_at);
    let meta = Meta { kind: ResourceType::User, id: user.id, version: user.version, created, last_modified };
    meta.write(&mut shown, view);
    shown
}

fn enterprise(enterprise: &Enterprise, view: &View<'_>) -> Map<String, Value> {
    let mut shown = crate::domain::json::to_map(enterprise);
    if let Some(manager) = &enterprise.manager {
        let mut parts = Map::from_iter([("value".to_owned(), manager.value.clone().into())]);
        if manager.exists {
            parts.insert("$ref".to_owned(), view.location(ResourceType::User, &manager.value).into());
        }
        if let Some(Some(name)) = &manager.display_name {
            parts.insert("displayName".to_owned(), name.clone().into());
        }
        shown.insert("manager".to_owned(), parts.into());
    }
    shown.retain(|_, value| !value.is_null());
    shown
}

fn group_of((id, display_name): &GroupOf, view: &View<'_>) -> Value {
    let id = id.to_string();
    let location = view.location(ResourceType::Group, &id);
    json!({ "value": id, "$ref": location, "display": display_name, "type": "direct" })
}

/// Reads a user from the body of a POST or PUT. What SCIM does not know of a user that is replaced is kept by
/// [`keep_native`].
///
/// # Errors
/// `invalidSyntax` for what is not a user's, `invalidValue` for values that a user cannot have.
pub fn read_user(sent: Value, view: &View<'_>, profile: Profile) -> Result<Draft, ScimError> {
    draft(body::read(ResourceType::User, sent, profile)?.native, view)
}

/// The same rules for values as the native API has.
fn draft(native: Map<String, Value>, view: &View<'_>) -> Result<Draft, ScimError> {
    let read = Draft::read(native.clone().into(), ReadAs::New).map_err(|errors| invalid(&errors, &native))?;
    Ok(Draft { source: view.source.to_owned().into(), ..read })
}

/// What a replacement of a user leaves: what SCIM does not know, and `active` when the body did not say it.
#[must_use]
pub fn keep_native(mut draft: Draft, user: &User) -> Draft {
    draft.attributes.custom = user.attributes.custom.clone();
    if !draft.says_active {
        draft.attributes.active = user.attributes.active;
    }
    draft
}

/// What becomes of a user by a PATCH; of one that changes nothing, the user as it is.
///
/// # Errors
/// The first operation that cannot be carried out, or what would be wrong with the user.
pub fn patch_user(
    user: &User,
    view: &View<'_>,
    operations: &[Operation],
    profile: Profile,
) -> Result<Draft, ScimError> {
    let before = self::user(user, None, view);
    let after = patch::apply(ResourceType::User, &before, operations, profile)?.resource;
    if after == before {
        let external_id = user.external_ids.get(view.source).cloned();
        let source = view.source.to_owned().into();
        return Ok(Draft { attributes: user.attributes.clone(), external_id, source, says_active: true });
    }
    let mut native = body::read(ResourceType::User, after.into(), profile)?.native;
    native.insert("custom".to_owned(), user.attributes.custom.clone().into());
    draft(native, view)
}
