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
    /// Reads a new key and ignores its read-only fields. The key must not have expired at `now`.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        read(body, None, now)
    }

    /// Applies a merge patch (RFC 7396) to a key. A new expiry time must be after `now`.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(key: &Key, patch: &Value, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        apply_patch(key, patch, |merged| read(merged, key.expires_at, now))
    }
}

/// Reads a key. A new expiry time must be in the future.
fn read(body: Value, expiry: Option<Timestamp>, now: Timestamp) -> Result<Draft, Vec<FieldError>> {
    Fields::read(body, |fields| {
        fields.ignore(&["id", "createdAt", "lastUsedAt", "revokedAt", "secret"]);
        Draft {
            name: fields.key_string("name"),
            role: read_role(fields).unwrap_or(Role::Reader),
            expires_at: read_expiry(fields, expiry, now),
        }
    })
}

/// Takes `expiresAt`, which must be in the future unless it equals the current `expiry`.
pub fn read_expiry(fields: &mut Fields<'_>, expiry: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let expires_at = fields.time("expiresAt");
    if expires_at != expiry && expires_at.is_some_and(|time| time <= now) {
        fields.error("expiresAt", "in-the-past", "must be in the future");
    }
    expires_at
}

/// The role; `None` after an error.
fn read_role(fields: &mut Fields<'_>) -> Option<Role> {
    fields.require("role");
    let text = fields.string("role")?;
    let role =
        text.parse().map_err(|error: UnknownRole| fields.error("role", "unknown-role", error.to_string()));
    role.ok()
}
