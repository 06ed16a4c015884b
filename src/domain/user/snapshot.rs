//! The text of a user's snapshot, as [`Auditable::snapshot`](crate::domain::change::Auditable::snapshot) returns it,
//! without parsing the stored user into values.

use super::StoredUser;
use super::stored::write_json;
use crate::domain::attribute::USER;
use crate::domain::shape::{Columns, Rules, Shape};
use std::sync::LazyLock;

static SNAPSHOT: LazyLock<Shape> = LazyLock::new(|| {
    let columns = &["userName", "displayName", "active", "externalIds"];
    let hidden = &["id", "externalId", "enterprise.manager.displayName", "version", "createdAt", "updatedAt"];
    Shape::of(USER, &Rules { columns, hidden, ..Rules::default() })
});

impl StoredUser {
    /// Appends the snapshot. Returns `None`, after appending a part, if an earlier release wrote the document.
    pub(in crate::domain) fn write_snapshot(&self, out: &mut Vec<u8>) -> Option<()> {
        let (external_ids, attributes) = self.parts()?;
        SNAPSHOT.expand(attributes, &mut Values { user: self, external_ids }, out)
    }
}

/// The values of a snapshot that are not among the attributes of the document.
struct Values<'u> {
    user: &'u StoredUser,
    external_ids: &'u str,
}

impl Columns for Values<'_> {
    fn write(&mut self, path: &str, key: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_bytes());
        match path {
            "userName" => write_json(&self.user.user_name, out),
            "displayName" => write_json(&self.user.display_name, out),
            "active" => write_json(&self.user.active, out),
            _ => out.extend_from_slice(self.external_ids.as_bytes()),
        }
    }
}
