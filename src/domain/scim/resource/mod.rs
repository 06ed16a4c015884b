//! The SCIM representation of users and groups: rendering native values, and reading bodies into native drafts.

mod body;
mod group;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod tests_groups;
mod user;

pub use group::{patch_group, preserve_native_of_group, read_group, render_group};
pub use user::{patch_user, preserve_native, read_user, render_user};

use super::ResourceType;
use crate::domain::change::Stamp;
use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

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
    let meta = json!({
        "resourceType": kind.name(),
        "created": created,
        "lastModified": stamp.time,
        "location": view.location(kind, &id),
        "version": etag(stamp.version),
    });
    let external_id = external_ids.get(view.source).map(|id| ("externalId", id.as_str().into()));
    let common =
        [("schemas", schemas.into()), ("id", id.into()), ("meta", meta)].into_iter().chain(external_id);
    resource.extend(common.map(|(name, value)| (name.to_owned(), value)));
}

/// Inserts the extensions without a schema in Roster, each with its assigned attributes.
fn insert_extensions(resource: &mut Map<String, Value>, extensions: &Map<String, Value>) {
    let assigned = |(urn, extension): (&String, &Value)| {
        body::assigned(extension).map(|attributes| (urn.clone(), attributes.into()))
    };
    resource.extend(extensions.iter().filter_map(assigned));
}
