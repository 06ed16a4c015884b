//! Users (RFC 7643, sections 4.1 and 4.3).

use super::body::{self, Body};
use super::{Membership, View, insert_common, insert_extensions};
use crate::domain::change::Auditable;
use crate::domain::document::compact;
use crate::domain::json::to_map;
use crate::domain::scim::patch::{self, Operation};
use crate::domain::scim::{Profile, Reading, ResourceType, ScimError, urn};
use crate::domain::user::{Draft, Manager, User, WriteMode};
use serde_json::{Map, Value};

/// Renders a user. Unassigned attributes are omitted, and `groups` is present only if the groups were read.
pub fn render_user(user: &User, view: &View<'_>) -> Map<String, Value> {
    let mut resource = compact(&user.attributes);
    for native in ["custom", "extensions"] {
        resource.remove(native);
    }
    insert_extensions(&mut resource, &user.attributes.extensions);
    if let Some(Value::Object(mut enterprise)) = resource.remove("enterprise") {
        let manager = user.attributes.enterprise.manager.as_ref();
        enterprise.extend(manager.map(|manager| ("manager".to_owned(), render_manager(manager, view))));
        resource.insert(urn::ENTERPRISE_USER.to_owned(), enterprise.into());
    }
    if let Some(groups) = user.groups.as_ref().filter(|groups| !groups.is_empty()) {
        let groups = groups.iter().map(|group| Value::from(to_map(&Membership::of(group, view)))).collect();
        resource.insert("groups".to_owned(), groups);
    }
    let (kind, created) = (ResourceType::User, user.created_at);
    insert_common(&mut resource, kind, user.stamp(), created, &user.external_ids, view);
    resource
}

fn render_manager(manager: &Manager, view: &View<'_>) -> Value {
    let mut rendered = Map::from_iter([("value".to_owned(), manager.value.clone().into())]);
    if manager.exists {
        rendered.insert("$ref".to_owned(), view.location(ResourceType::User, &manager.value).into());
    }
    if let Some(Some(name)) = &manager.display_name {
        rendered.insert("displayName".to_owned(), name.clone().into());
    }
    rendered.into()
}

/// Reads a user from the body of a POST or PUT. For a PUT, [`preserve_native`] completes the draft.
///
/// # Errors
/// `invalidSyntax` for an unknown attribute that is not ignored, `invalidValue` for invalid values.
pub fn read_user(body: Value, view: &View<'_>, reading: &Reading) -> Result<Draft, ScimError> {
    draft(body::read(ResourceType::User, body, reading)?, view, reading)
}

fn draft(body: Body, view: &View<'_>, reading: &Reading) -> Result<Draft, ScimError> {
    let draft = body.validate(reading, |native| Draft::read(native, WriteMode::Create))?;
    Ok(Draft { source: view.source.to_owned().into(), ..draft })
}

/// Copies the attributes that SCIM cannot express, and `active` when the body omits it, from the stored user into its
/// replacement.
#[must_use]
pub fn preserve_native(mut draft: Draft, user: &User) -> Draft {
    draft.attributes.custom = user.attributes.custom.clone();
    if !draft.has_active {
        draft.attributes.active = user.attributes.active;
    }
    draft
}

/// Applies a PATCH to a user. If nothing changes, the draft equals the stored user.
///
/// # Errors
/// One error with the details of all errors in operations and the type of the first, or `invalidValue` if the resulting
/// user is invalid.
pub fn patch_user(
    user: &User,
    view: &View<'_>,
    operations: &[Operation],
    reading: &Reading,
) -> Result<Draft, ScimError> {
    let before = render_user(user, view);
    let after = patch::apply(ResourceType::User, &before, operations, reading).resource;
    if after == before {
        reading.finish(Ok(()))?;
        let external_id = user.external_ids.get(view.source).cloned();
        let source = view.source.to_owned().into();
        let (attributes, external_ids) = (user.attributes.clone(), None);
        return Ok(Draft { attributes, external_id, source, external_ids, has_active: true });
    }
    // The values are already normalized. The lenient profile would also convert values that the request does not
    // change.
    let mut body = body::read(ResourceType::User, after.into(), &Reading::new(Profile::Strict))?;
    body.native.insert("custom".to_owned(), user.attributes.custom.clone().into());
    draft(body, view, reading)
}
