//! Merge patches (RFC 7396).

use super::fields::FieldError;
use super::json::{pointer_token, to_map};
use serde::Serialize;
use serde_json::Value;

/// Applies a merge patch (RFC 7396) to the representation of a resource and reads the result with `read`.
///
/// # Errors
/// The errors of `read`, and a [`FieldError`] for each unknown field that the patch sets to null.
pub fn apply_patch<T>(
    representation: &impl Serialize,
    patch: &Value,
    read: impl FnOnce(Value) -> Result<T, Vec<FieldError>>,
) -> Result<T, Vec<FieldError>> {
    let mut merged = Value::Object(to_map(representation));
    let mut errors = Vec::new();
    find_unknown_removals(&merged, patch, "", &mut errors);
    json_patch::merge(&mut merged, patch);
    match read(merged) {
        Ok(read) if errors.is_empty() => Ok(read),
        Ok(_) => Err(errors),
        Err(more) => Err(errors.into_iter().chain(more).collect()),
    }
}

/// The free-form and ignored fields, in which a patch may set anything to null.
const FREE_FORM: [&str; 5] =
    ["/custom", "/extensions", "/externalIds", "/externalIdSources", "/enterprise/manager/displayName"];

/// Reports nulls for fields that do not exist: merging leaves no trace of them, so a misspelt removal would look like a
/// successful one. A representation contains every field of a resource except the free-form ones.
fn find_unknown_removals(target: &Value, patch: &Value, pointer: &str, errors: &mut Vec<FieldError>) {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else { return };
    for (name, value) in patch {
        let at = format!("{pointer}/{}", pointer_token(name));
        match target.get(name) {
            _ if FREE_FORM.contains(&at.as_str()) => {}
            None if value.is_null() => {
                errors.push(FieldError::new(at, "unknown-field", "is not a known field"))
            }
            Some(inner) => find_unknown_removals(inner, value, &at, errors),
            None => {}
        }
    }
}
