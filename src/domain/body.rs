//! The fields that bodies of users and of groups share.

use super::document::compact;
use super::fields::{FieldError, Fields};
use super::json::{self, pointer_token};
use super::{Source, parse_id};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// The write for which a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Creates a resource. An `id` in the body is ignored.
    Create,
    /// Replaces the resource with this id. An `id` in the body must be the same.
    Replace(Uuid),
    /// Patches the resource with this id. The body is the patched representation, which must contain every required
    /// field and the same `id`.
    Patch(Uuid),
}

/// The read-only fields, which a body may contain as they were read.
pub const READ_ONLY: [&str; 5] = ["version", "createdAt", "updatedAt", "externalIds", "externalIdSources"];

/// The maximum size of a resource, in bytes of JSON without absent values.
pub const SIZE_LIMIT: usize = 64 * 1024;
/// The maximum size of `custom`, in bytes of JSON.
const CUSTOM_LIMIT: usize = 16 * 1024;
/// The maximum nesting depth of `custom` and of each extension.
const DEPTH_LIMIT: usize = 8;

/// The size of a user or group with this snapshot, as [`SIZE_LIMIT`] counts it.
pub(crate) fn size(mut snapshot: Map<String, Value>) -> usize {
    snapshot.remove("externalIds");
    length(&compact(&snapshot))
}

/// Rejects a patch that is larger than any resource, before it enters the write queue.
///
/// # Errors
/// A [`FieldError`] for the whole patch.
pub fn check_patch_size(patch: Value) -> Result<Value, Vec<FieldError>> {
    if length(&patch) > SIZE_LIMIT {
        return Err(vec![FieldError::new("", "too-large", "a patch must not exceed 64 KiB of JSON")]);
    }
    Ok(patch)
}

/// Takes the id, which must be absent or equal to the id of the resource.
pub(super) fn check_id(fields: &mut Fields<'_>, mode: WriteMode) {
    let (WriteMode::Replace(id) | WriteMode::Patch(id)) = mode else {
        return fields.ignore(&["id"]);
    };
    if fields.string("id").is_some_and(|text| parse_id(&text) != Some(id)) {
        fields.error("id", "read-only", "must be absent or equal the id in the path");
    }
}

/// Takes `custom`: free-form JSON.
pub(super) fn read_custom(fields: &mut Fields<'_>) -> Map<String, Value> {
    let custom = fields.raw_object("custom");
    if length(&custom) > CUSTOM_LIMIT {
        fields.error("custom", "too-large", "must not exceed 16 KiB of JSON");
    }
    check_depth(fields, "custom", 1 + deepest(&custom));
    custom
}

/// Takes `extensions`: SCIM extensions other than the enterprise extension, by URN.
pub(super) fn read_extensions(fields: &mut Fields<'_>) -> Map<String, Value> {
    let extensions = fields.raw_object("extensions");
    let mut names = HashSet::new();
    for (urn, value) in &extensions {
        let at = format!("extensions/{}", pointer_token(urn));
        let lower = urn.to_ascii_lowercase();
        if !names.insert(lower.clone()) {
            fields.error_at(&at, "invalid-urn", "differs from another URN only in case");
        } else if !lower.starts_with("urn:") || lower.len() < 7 {
            fields.error_at(&at, "invalid-urn", "must have a URN as its name");
        } else if lower.starts_with("urn:ietf:params:scim:schemas:core:")
            || lower == "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user"
        {
            let detail = "is a built-in schema; use the resource's own fields for its attributes";
            fields.error_at(&at, "known-schema", detail);
        } else if !value.is_object() {
            fields.error_at(&at, "wrong-type", "must be an object");
        } else {
            check_depth(fields, &at, json::depth(value));
        }
    }
    extensions
}

/// The depth of the deepest value.
fn deepest(map: &Map<String, Value>) -> usize {
    map.values().map(json::depth).max().unwrap_or(0)
}

fn check_depth(fields: &mut Fields<'_>, at: &str, depth: usize) {
    if depth > DEPTH_LIMIT {
        fields.error_at(at, "too-deep", "must be nested at most 8 levels deep");
    }
}

/// The externalIds after a write: those of all sources, if they are given, and otherwise the stored ones with that of a
/// source set or removed.
pub(super) fn written_external_ids(
    mut stored: BTreeMap<String, String>,
    all: Option<BTreeMap<String, String>>,
    source: Source,
    id: Option<String>,
) -> BTreeMap<String, String> {
    match id {
        Some(id) => stored.insert(source.into_owned(), id),
        None => stored.remove(&*source),
    };
    all.unwrap_or(stored)
}

/// The size of a value in bytes of JSON.
pub(crate) fn length(value: &impl Serialize) -> usize {
    struct Length(usize);

    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_or(usize::MAX, |()| length.0)
}
