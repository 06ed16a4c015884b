//! Writes users from their stored text.

use super::{Membership, Meta, View, etag, render_user};
use crate::domain::attribute::USER;
use crate::domain::scim::{ResourceType, urn};
use crate::domain::shape::scanner::find;
use crate::domain::shape::{Columns, Rules, Shape};
use crate::domain::user::{COLUMNS, StoredUser, write_json};
use serde::Serialize;
use serde_json::Error;
use std::sync::LazyLock;

/// The attributes in the order of the native API, under their SCIM names.
static RESOURCE: LazyLock<Shape> = LazyLock::new(|| {
    let rules = Rules {
        columns: COLUMNS,
        hidden: &["custom"],
        unsupported: &["extensions"],
        names: &[("enterprise", urn::ENTERPRISE_USER)],
        omits_absent: true,
    };
    Shape::of(USER, &rules)
});

/// Appends the resource that [`render_user`] renders. The order of the attributes differs.
///
/// # Errors
/// The document is not that of a user.
pub fn write_user(user: &StoredUser, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    if expand(user, view, out).is_some() {
        return Ok(());
    }
    out.truncate(start);
    serde_json::to_writer(out, &render_user(&user.parse()?, view))
}

fn expand(user: &StoredUser, view: &View<'_>, out: &mut Vec<u8>) -> Option<()> {
    let (external_ids, attributes) = user.parts()?;
    RESOURCE.expand(attributes, &mut Values { user, view, external_ids }, out)
}

/// The values of a resource that are not in the stored text, or not among the attributes.
struct Values<'u> {
    user: &'u StoredUser,
    view: &'u View<'u>,
    external_ids: &'u str,
}

impl Columns for Values<'_> {
    fn write(&mut self, path: &str, key: &str, out: &mut Vec<u8>) {
        let user = self.user;
        match path {
            "id" => write_member(key, &user.id, out),
            "userName" => write_member(key, &user.user_name, out),
            "active" => write_member(key, &user.active, out),
            "externalId" => {
                if let Some(id) = find(self.external_ids, &[self.view.source]) {
                    out.extend_from_slice(key.as_bytes());
                    out.extend_from_slice(id.as_bytes());
                }
            }
            "displayName" => write_optional(key, user.display_name.as_deref(), out),
            "enterprise.manager.displayName" => {
                let exists = user.manager_value().filter(|_| user.manager_name.is_some());
                let reference = exists.map(|id| self.view.location(ResourceType::User, id));
                write_optional(",\"$ref\":", reference.as_deref(), out);
                write_optional(key, user.manager_name.as_ref().and_then(|name| name.as_deref()), out);
            }
            "updatedAt" => self.write_common(out),
            _ => {}
        }
    }
}

impl Values<'_> {
    /// Writes the attributes that are not stored with the user.
    fn write_common(&self, out: &mut Vec<u8>) {
        let Self { user, view, .. } = self;
        if let Some(groups) = user.groups.as_ref().filter(|groups| !groups.is_empty()) {
            let groups: Vec<_> = groups.iter().map(|group| Membership::of(group, view)).collect();
            write_member(",\"groups\":", &groups, out);
        }
        let schemas: &[&str] =
            if user.has_enterprise() { &[urn::USER, urn::ENTERPRISE_USER] } else { &[urn::USER] };
        write_member(",\"schemas\":", &schemas, out);
        let meta = Meta {
            resource_type: ResourceType::User.name(),
            created: user.created_at,
            last_modified: user.updated_at,
            location: view.location(ResourceType::User, &user.id.to_string()),
            version: etag(user.version),
        };
        write_member(",\"meta\":", &meta, out);
    }
}

fn write_member(key: &str, value: &impl Serialize, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    write_json(value, out);
}

fn write_optional(key: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        write_member(key, &value, out);
    }
}
