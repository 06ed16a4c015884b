//! Reads a key from a body.

use super::{Key, Role};
use crate::domain::fields::{FieldError, Fields, patched, wrong_type};
use crate::domain::time::Timestamp;
use serde_json::Value;

/// What a caller writes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What people call it.
    pub name: Option<String>,
    /// What it may do.
    pub role: Role,
    /// From when on it is good no longer.
    pub expires_at: Option<Timestamp>,
}

impl Draft {
    /// Reads a whole key. What an answer shows besides is ignored.
    ///
    /// # Errors
    /// One [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        if !body.is_object() {
            return Err(vec![wrong_type("", "an object", &body)]);
        }
        let mut errors = Vec::new();
        let mut fields = Fields::new(body, &mut errors);
        fields.ignore(&["id", "createdAt", "lastUsedAt", "secret"]);
        let name = fields.key_string("name");
        let role = read_role(&mut fields);
        let expires_at = fields.time("expiresAt");
        fields.finish();
        match role {
            Some(role) if errors.is_empty() => Ok(Self { name, role, expires_at }),
            _ => Err(errors),
        }
    }

    /// Merges a patch (RFC 7396) into a key and reads the result.
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(key: &Key, patch: &Value) -> Result<Self, Vec<FieldError>> {
        patched(key, patch, Self::read)
    }
}

fn read_role(fields: &mut Fields<'_>) -> Option<Role> {
    if !fields.has("role") {
        fields.ignore(&["role"]);
        fields.error("role", "required", "must be present");
        return None;
    }
    let text = fields.string("role")?;
    text.parse()
        .map_err(|error: super::UnknownRole| fields.error("role", "unknown-role", error.to_string()))
        .ok()
}
