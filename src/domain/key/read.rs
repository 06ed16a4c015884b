//! Reads keys from request bodies.

use super::{Key, Role, UnknownRole};
use crate::domain::fields::{FieldError, Fields};
use crate::domain::merge_patch::apply_patch;
use crate::domain::time::Timestamp;
use serde_json::Value;

/// The writable fields of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Key`")]
pub struct Draft {
    pub name: Option<String>,
    pub role: Role,
    pub expires_at: Option<Timestamp>,
}

impl Draft {
    /// Reads a key and ignores its read-only fields.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        Fields::read(body, |fields| {
            fields.ignore(&["id", "createdAt", "lastUsedAt", "secret"]);
            Self {
                name: fields.key_string("name"),
                role: read_role(fields).unwrap_or(Role::Reader),
                expires_at: fields.time("expiresAt"),
            }
        })
    }

    /// Applies a merge patch (RFC 7396) to a key.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(key: &Key, patch: &Value) -> Result<Self, Vec<FieldError>> {
        apply_patch(key, patch, Self::read)
    }
}

/// The role; `None` after an error.
fn read_role(fields: &mut Fields<'_>) -> Option<Role> {
    fields.require("role");
    let text = fields.string("role")?;
    let role =
        text.parse().map_err(|error: UnknownRole| fields.error("role", "unknown-role", error.to_string()));
    role.ok()
}
