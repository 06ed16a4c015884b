//! What bodies of users and of groups have in common.

use super::fields::{FieldError, Fields, token};
use super::json;
use super::parse_id;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What a body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// A new resource: an `id` in the body is ignored.
    New,
    /// The resource of this id, replaced: an `id` in the body must be this one.
    Replacement(Uuid),
    /// The resource of this id with a patch merged in: nothing that it must have may have been removed.
    Patched(Uuid),
}

/// The most bytes of JSON that a resource may have, absent values not counted.
pub const SIZE_LIMIT: usize = 64 * 1024;
/// The most bytes of JSON that `custom` may have.
const CUSTOM_LIMIT: usize = 16 * 1024;
/// How deep `custom` and each extension may be nested.
const DEPTH_LIMIT: usize = 8;

/// Refuses a patch that is larger than any resource, before it waits for one.
///
/// # Errors
/// A [`FieldError`] for the whole patch.
pub fn admit_patch(patch: Value) -> Result<Value, Vec<FieldError>> {
    if length(&patch) > SIZE_LIMIT {
        return Err(vec![FieldError::new("", "too-large", "a patch must have at most 64 KiB")]);
    }
    Ok(patch)
}

/// Takes `id`, which may only say what is known.
pub(super) fn check_id(fields: &mut Fields<'_>, read_as: ReadAs) {
    let (ReadAs::Replacement(id) | ReadAs::Patched(id)) = read_as else {
        return fields.ignore(&["id"]);
    };
    let matches = |text: &str| parse_id(text) == Some(id);
    if fields.string("id").is_some_and(|text| !matches(&text)) {
        fields.error("id", "read-only", "must be absent or the id in the path");
    }
}

/// Takes the caller's own JSON.
pub(super) fn read_custom(fields: &mut Fields<'_>) -> Map<String, Value> {
    let custom = fields.raw_object("custom");
    if length(&custom) > CUSTOM_LIMIT {
        fields.error("custom", "too-large", "must have at most 16 KiB");
    }
    check_depth(fields, "custom", &custom);
    custom
}

/// Takes the SCIM extensions that Roster does not know.
pub(super) fn read_extensions(fields: &mut Fields<'_>) -> Map<String, Value> {
    let extensions = fields.raw_object("extensions");
    for (urn, value) in &extensions {
        let at = format!("extensions/{}", token(urn));
        let folded = urn.to_ascii_lowercase();
        if !folded.starts_with("urn:") || folded.len() < 7 {
            fields.error_at(&at, "invalid-urn", "must be named by a URN");
        } else if folded.starts_with("urn:ietf:params:scim:schemas:core:")
            || folded == "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user"
        {
            fields.error_at(
                &at,
                "known-schema",
                "belongs to a schema whose attributes have fields of their own",
            );
        } else if !value.is_object() {
            fields.error_at(&at, "wrong-type", "must be an object");
        }
    }
    let deepest = extensions.values().map(json::depth).max();
    if deepest.is_some_and(|depth| depth > DEPTH_LIMIT) {
        fields.error("extensions", "too-deep", "must be nested at most 8 deep");
    }
    extensions
}

fn check_depth(fields: &mut Fields<'_>, name: &str, map: &Map<String, Value>) {
    let inner = map.values().map(json::depth).max().unwrap_or(0);
    if inner + 1 > DEPTH_LIMIT {
        fields.error(name, "too-deep", "must be nested at most 8 deep");
    }
}

/// How many bytes of JSON a value is.
pub(super) fn length(value: &impl Serialize) -> usize {
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
