//! Reads groups from request bodies.

use super::{Attributes, Group, Representation, WriteMode};
use crate::domain::body::{self, SIZE_LIMIT};
use crate::domain::document::compact;
use crate::domain::fields::{FieldError, Fields};
use crate::domain::merge_patch::apply_patch;
use crate::domain::{NATIVE_SOURCE, Source};
use serde_json::Value;
use std::collections::BTreeMap;

/// The writable part of a group, as read from a body.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The attributes.
    pub attributes: Attributes,
    /// The externalId of the source.
    pub external_id: Option<String>,
    /// The source of the externalId; [`NATIVE_SOURCE`] unless the caller is a connection.
    pub source: Source,
    /// The externalIds of all sources, in an import. `None` if the draft has only that of its source.
    pub external_ids: Option<BTreeMap<String, String>>,
}

impl Draft {
    /// Reads a group and ignores its read-only fields.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value, mode: WriteMode) -> Result<Self, Vec<FieldError>> {
        Fields::read(body, |fields| {
            body::check_id(fields, mode);
            fields.ignore(&body::READ_ONLY);
            fields.ignore(&["memberCount"]);
            let external_id = fields.key_string("externalId");
            let attributes = Attributes {
                display_name: fields.required_key_string("displayName"),
                custom: body::read_custom(fields),
                extensions: body::read_extensions(fields),
            };
            fields.reject_unknown();
            if body::length(&compact(&attributes)) > SIZE_LIMIT {
                fields.error_in_whole("too-large", "A group must not exceed 64 KiB of JSON");
            }
            Self { attributes, external_id, source: NATIVE_SOURCE.into(), external_ids: None }
        })
    }

    /// Applies a merge patch (RFC 7396) to a group.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(group: &Group, patch: &Value) -> Result<Self, Vec<FieldError>> {
        apply_patch(&Representation::from(group), patch, |merged| {
            Self::read(merged, WriteMode::Patch(group.id))
        })
    }
}
