//! Translates the field errors of a native body into errors about the SCIM body that it was made from.

use super::error::describe;
use super::{Errors, ScimError, ScimType, urn};
use crate::domain::fields::FieldError;
use serde_json::{Map, Value};

/// Combines the field errors into one `invalidValue` error; `None` if there are no errors.
pub fn from_field_errors(fields: &[FieldError]) -> Option<ScimError> {
    let mut errors = Errors::default();
    errors.extend(fields.iter().map(|error| from_field_error(error, &Map::new())));
    errors.combine()
}

/// Translates a field error of a native body.
pub(super) fn from_field_error(error: &FieldError, native: &Map<String, Value>) -> ScimError {
    ScimType::InvalidValue.error(sentence(error, native))
}

fn sentence(error: &FieldError, native: &Map<String, Value>) -> String {
    let name = scim_name(&error.pointer);
    match resolve(&error.pointer, native).filter(|value| !value.is_null()) {
        _ if name.is_empty() => error.detail.clone(),
        Some(value) => format!("{name} ({}) {}", describe(value), error.detail),
        None => format!("{name} {}", error.detail),
    }
}

/// The value that a JSON Pointer (RFC 6901) refers to.
fn resolve<'n>(pointer: &str, native: &'n Map<String, Value>) -> Option<&'n Value> {
    let mut tokens = tokens(pointer);
    let top = native.get(&tokens.next()?)?;
    tokens.try_fold(top, |value, token| match value {
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        value => value.get(&token),
    })
}

fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// The SCIM name of the field that a pointer into a native or SCIM body refers to; empty for the body itself.
fn scim_name(pointer: &str) -> String {
    let names: Vec<_> = tokens(pointer).filter(|token| token.parse::<usize>().is_err()).collect();
    // In a PATCH, the attributes are inside the values of operations.
    let names = match names.as_slice() {
        [operations, value, rest @ ..]
            if operations == "Operations" && value == "value" && !rest.is_empty() =>
        {
            rest
        }
        names => names,
    };
    let mut tokens = names.iter().cloned();
    let top = match tokens.next().as_deref() {
        Some("enterprise") => urn::ENTERPRISE_USER.to_owned(),
        Some("extensions") => tokens.next().unwrap_or_default(),
        Some(top) => top.to_owned(),
        None => return String::new(),
    };
    let inner: Vec<String> = tokens.map(quoted_unless_name).collect();
    let separator = if top.contains(':') { ":" } else { "." };
    if inner.is_empty() { top } else { format!("{top}{separator}{}", inner.join(".")) }
}

/// A member's name, in quotes if it is not an attribute name (RFC 7643, section 2.1).
fn quoted_unless_name(name: String) -> String {
    let is_name =
        name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '$' | '-' | '_'));
    if is_name { name } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn details_name_the_scim_attribute_and_the_value() {
        let native = json!({
            "emails": [{"value": "nobody"}], "title": 7, "extensions": {"urn:x/y:z": {"a": {}}},
            "enterprise": {"manager": {"value": true}},
        });
        for (pointer, detail) in [
            ("/emails/0/value", "emails.value (\"nobody\") is wrong"),
            ("/title", "title (7) is wrong"),
            ("/userName", "userName is wrong"),
            ("/Operations/0/value/name/givenName", "name.givenName is wrong"),
            ("/Operations/0/value", "Operations.value is wrong"),
            ("/extensions/urn:x~1y:z/a", "urn:x/y:z:a (an object) is wrong"),
            ("/extensions/urn:x~1y:z/a@b", "urn:x/y:z:\"a@b\" is wrong"),
            (
                "/enterprise/manager/value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value (true) is wrong",
            ),
            ("", "is wrong"),
        ] {
            let error = FieldError::new(pointer, "wrong-type", "is wrong");
            assert_eq!(from_field_error(&error, native.as_object().unwrap()).detail, detail);
        }
    }
}
