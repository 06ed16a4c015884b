//! The SCIM representation of users and groups: rendering native values, and reading bodies into native drafts.

mod body;
mod group;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod tests_groups;
mod user;

pub use group::{patch_group, preserve_native_of_group, read_group, render_group};
pub use user::{UserGroup, patch_user, preserve_native, read_user, render_user};

use super::ResourceType;
use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};
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
    #[must_use]
    pub fn location(&self, kind: ResourceType, id: &str) -> String {
        format!("{}{}/{id}", self.base, kind.endpoint())
    }
}

/// The weak ETag of a version (RFC 7644, section 3.14).
#[must_use]
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The values that every resource has (RFC 7643, section 3.1).
struct Common<'r> {
    kind: ResourceType,
    id: Uuid,
    external_ids: &'r BTreeMap<String, String>,
    version: i64,
    created: Timestamp,
    last_modified: Timestamp,
}

impl Common<'_> {
    /// Inserts `schemas` and the common attributes into a resource that is otherwise complete. Keys that are URNs are
    /// extensions and are listed in `schemas`.
    fn insert_into(&self, resource: &mut Map<String, Value>, view: &View<'_>) {
        let extensions = resource.keys().filter(|name| super::resource_type::is_urn(name)).cloned();
        let schemas: Vec<String> = [self.kind.schema().id.to_owned()].into_iter().chain(extensions).collect();
        let id = self.id.to_string();
        let meta = json!({
            "resourceType": self.kind.name(),
            "created": self.created,
            "lastModified": self.last_modified,
            "location": view.location(self.kind, &id),
            "version": etag(self.version),
        });
        resource.extend([
            ("schemas".to_owned(), schemas.into()),
            ("id".to_owned(), id.into()),
            ("meta".to_owned(), meta),
        ]);
        if let Some(external_id) = self.external_ids.get(view.source) {
            resource.insert("externalId".to_owned(), external_id.clone().into());
        }
    }
}

/// Inserts the extensions without a schema in Roster, each with its assigned attributes.
fn insert_extensions(resource: &mut Map<String, Value>, extensions: &Map<String, Value>) {
    let assigned = |(urn, extension): (&String, &Value)| {
        body::assigned(extension).map(|attributes| (urn.clone(), attributes.into()))
    };
    resource.extend(extensions.iter().filter_map(assigned));
}
