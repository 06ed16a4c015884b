//! Reads a group from a body, with every error at once.

use super::{Attributes, Group, ReadAs, Representation};
use crate::domain::body::{self, SIZE_LIMIT};
use crate::domain::document::compact;
use crate::domain::fields::{FieldError, Fields, patched, wrong_type};
use crate::domain::{NATIVE_SOURCE, Source};
use serde_json::Value;

/// What the caller's body says, valid: all that a caller writes of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The attributes.
    pub attributes: Attributes,
    /// The externalId of the caller's own source.
    pub external_id: Option<String>,
    /// The caller's source: native, unless it is said otherwise.
    pub source: Source,
}

impl Draft {
    /// Reads a whole group.
    ///
    /// # Errors
    /// One [`FieldError`] for each invalid field.
    pub fn read(body: Value, read_as: ReadAs) -> Result<Self, Vec<FieldError>> {
        if !body.is_object() {
            return Err(vec![wrong_type("", "an object", &body)]);
        }
        let mut errors = Vec::new();
        let mut fields = Fields::new(body, &mut errors);
        body::check_id(&mut fields, read_as);
        fields.ignore(&["version", "createdAt", "updatedAt", "externalIds", "memberCount"]);
        let external_id = fields.key_string("externalId");
        let attributes = Attributes {
            display_name: fields.required_key_string("displayName"),
            custom: body::read_custom(&mut fields),
            extensions: body::read_extensions(&mut fields),
        };
        fields.finish();
        if body::length(&compact(&attributes)) > SIZE_LIMIT {
            errors.push(FieldError::new("", "too-large", "a group must have at most 64 KiB"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { attributes, external_id, source: NATIVE_SOURCE.into() })
    }

    /// Merges a patch (RFC 7396) into `group` and reads the result.
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(group: &Group, patch: &Value) -> Result<Self, Vec<FieldError>> {
        patched(&Representation::from(group), patch, |merged| Self::read(merged, ReadAs::Patched(group.id)))
    }
}
