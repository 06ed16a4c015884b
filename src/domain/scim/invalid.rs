//! What is wrong with a native body, told of the SCIM body that it was made of.

use super::error::shown;
use super::{ScimError, ScimType, urn};
use crate::domain::fields::FieldError;
use serde_json::{Map, Value};

/// How many of the errors are told: `detail` is one sentence.
const MOST: usize = 10;

/// The error of a resource whose native body has these.
#[must_use]
pub fn invalid(errors: &[FieldError], native: &Map<String, Value>) -> ScimError {
    let told = errors.iter().take(MOST).map(|error| sentence(error, native));
    ScimType::InvalidValue.error(told.collect::<Vec<_>>().join("; "))
}

fn sentence(error: &FieldError, native: &Map<String, Value>) -> String {
    let name = name(&error.pointer);
    match at(&error.pointer, native).filter(|value| !value.is_null()) {
        _ if name.is_empty() => error.detail.clone(),
        Some(value) => format!("{name} ({}) {}", shown(value), error.detail),
        None => format!("{name} {}", error.detail),
    }
}

/// What a JSON Pointer (RFC 6901) leads to.
fn at<'n>(pointer: &str, native: &'n Map<String, Value>) -> Option<&'n Value> {
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

/// The SCIM name of what stands in a native body.
fn name(pointer: &str) -> String {
    let mut tokens = tokens(pointer).filter(|token| token.parse::<usize>().is_err());
    let top = match tokens.next().as_deref() {
        Some("enterprise") => urn::ENTERPRISE_USER.to_owned(),
        Some("extensions") => tokens.next().unwrap_or_default(),
        Some(top) => top.to_owned(),
        None => return String::new(),
    };
    let inner: Vec<String> = tokens.collect();
    let separator = if top.contains(':') { ":" } else { "." };
    if inner.is_empty() { top } else { format!("{top}{separator}{}", inner.join(".")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn item_51_details_name_attribute_and_value() {
        let native = json!({
            "emails": [{"value": "nobody"}], "title": 7, "extensions": {"urn:x/y:z": {"a": {}}},
            "enterprise": {"manager": {"value": true}},
        });
        for (pointer, says) in [
            ("/emails/0/value", "emails.value (\"nobody\") is wrong"),
            ("/title", "title (7) is wrong"),
            ("/userName", "userName is wrong"),
            ("/extensions/urn:x~1y:z/a", "urn:x/y:z:a (an object) is wrong"),
            (
                "/enterprise/manager/value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value (true) is wrong",
            ),
            ("", "is wrong"),
        ] {
            let error =
                invalid(&[FieldError::new(pointer, "wrong-type", "is wrong")], native.as_object().unwrap());
            assert_eq!(error.detail, says);
        }
    }
}
