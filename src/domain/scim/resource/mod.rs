//! The SCIM representation of users and groups: rendering native values, and reading bodies into native drafts.

mod body;
mod group;
mod stored;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod tests_groups;
mod user;

pub use group::{patch_group, preserve_native_of_group, read_group, render_group};
pub use stored::write_user;
pub use user::{patch_user, preserve_native, read_user, render_user};

use super::ResourceType;
use crate::domain::change::Stamp;
use crate::domain::json::to_map;
use crate::domain::time::Timestamp;
use crate::domain::user::UserGroup;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The caller-dependent parts of a representation.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    /// The base of SCIM's URLs, without a trailing slash.
    pub base: &'v str,
    /// The source whose externalIds the caller reads and writes.
    pub source: &'v str,
}

impl View<'_> {
    /// The URI of a resource.
    pub fn location(&self, kind: ResourceType, id: &str) -> String {
        format!("{}{}/{id}", self.base, kind.endpoint())
    }
}

/// The weak ETag of a version (RFC 7644, section 3.14).
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The metadata of a resource (RFC 7643, section 3.1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    resource_type: &'static str,
    created: Timestamp,
    last_modified: Timestamp,
    location: String,
    version: String,
}

/// An element of a user's `groups` (RFC 7643, section 4.1.2).
#[derive(Serialize)]
struct Membership<'g> {
    value: Uuid,
    #[serde(rename = "$ref")]
    location: String,
    display: &'g str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'g> Membership<'g> {
    fn of(UserGroup { id, display_name }: &'g UserGroup, view: &View<'_>) -> Self {
        let location = view.location(ResourceType::Group, &id.to_string());
        Self { value: *id, location, display: display_name, kind: "direct" }
    }
}

/// Inserts `schemas` and the common attributes (RFC 7643, section 3.1) into a resource that is otherwise complete. Keys
/// that are URNs are extensions and are listed in `schemas`.
fn insert_common(
    resource: &mut Map<String, Value>,
    kind: ResourceType,
    stamp: Stamp,
    created: Timestamp,
    external_ids: &BTreeMap<String, String>,
    view: &View<'_>,
) {
    let extensions = resource.keys().filter(|name| super::resource_type::is_urn(name)).cloned();
    let schemas: Vec<String> = [kind.schema().id.to_owned()].into_iter().chain(extensions).collect();
    let id = stamp.id.to_string();
    let meta = Meta {
        resource_type: kind.name(),
        created,
        last_modified: stamp.time,
        location: view.location(kind, &id),
        version: etag(stamp.version),
    };
    let external_id = external_ids.get(view.source).map(|id| ("externalId", id.as_str().into()));
    let common = [("schemas", schemas.into()), ("id", id.into()), ("meta", to_map(&meta).into())]
        .into_iter()
        .chain(external_id);
    resource.extend(common.map(|(name, value)| (name.to_owned(), value)));
}

/// Inserts the extensions without a schema in Roster, each with its assigned attributes.
fn insert_extensions(resource: &mut Map<String, Value>, extensions: &Map<String, Value>) {
    let assigned = |(urn, extension): (&String, &Value)| {
        body::assigned(extension).map(|attributes| (urn.clone(), attributes.into()))
    };
    resource.extend(extensions.iter().filter_map(assigned));
}
