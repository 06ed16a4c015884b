//! Resources as SCIM shows and takes them: native values under SCIM's names, and back.

mod body;
mod group;
#[cfg(test)]
mod tests;
mod user;

pub use group::{group, keep_native_of_group, patch_group, read_group};
pub use user::{GroupOf, keep_native, patch_user, read_user, user};

use super::ResourceType;
use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// For whom a resource is shown.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    /// The base of SCIM's URLs, without a slash at its end.
    pub base: &'v str,
    /// Whose externalIds the caller sees.
    pub source: &'v str,
}

impl View<'_> {
    /// The URI of a resource.
    #[must_use]
    pub fn location(&self, kind: ResourceType, id: &str) -> String {
        format!("{}{}/{id}", self.base, kind.endpoint())
    }
}

/// The entity tag of a version (RFC 7644, section 3.14).
#[must_use]
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// What every resource says of itself (RFC 7643, section 3.1).
struct Meta {
    kind: ResourceType,
    id: Uuid,
    version: i64,
    created: Timestamp,
    last_modified: Timestamp,
}

impl Meta {
    /// Writes `schemas`, `id` and `meta` into a resource. What stands under a URN is an extension, and in `schemas`.
    fn write(&self, resource: &mut Map<String, Value>, view: &View<'_>) {
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
    }
}

/// The extensions that Roster does not know, each under its URN; of their attributes those that are assigned.
fn show_extensions(resource: &mut Map<String, Value>, extensions: &Map<String, Value>) {
    let assigned =
        |(urn, extension): (&String, &Value)| body::assigned(extension).map(|own| (urn.clone(), own.into()));
    resource.extend(extensions.iter().filter_map(assigned));
}
