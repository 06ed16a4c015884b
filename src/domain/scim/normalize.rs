//! Normalizes JSON values from clients to the form that the schema defines: attribute names in the schema's case,
//! unassigned values removed (RFC 7643, section 2.5), read-only attributes ignored (RFC 7644, section 3.5.1), and the
//! shapes that identity providers send converted.

use super::error::describe;
use super::schema::{Definition, Mutability, Type};
use super::{Profile, ScimError, ScimType};
use crate::domain::excerpt;
use crate::domain::json::parse_boolean;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Normalizes the value of an attribute; `None` when it is unassigned. `path` names the attribute in errors.
pub(super) fn value(
    definition: &Definition,
    input: Value,
    profile: Profile,
    path: &str,
) -> Result<Option<Value>, ScimError> {
    if definition.multi_valued {
        let mut items = elements(definition, input, profile, path)?;
        // An element without any assigned sub-attribute is itself unassigned.
        items.retain(|item| item.as_object().is_none_or(|element| !element.is_empty()));
        return Ok((!items.is_empty()).then(|| items.into()));
    }
    match (definition.kind, input) {
        (_, Value::Null) => Ok(None),
        (_, Value::Array(items)) if items.is_empty() => Ok(None),
        (Type::Complex, input) => {
            let object = complex(definition, input, profile, path)?;
            Ok((!object.is_empty()).then(|| object.into()))
        }
        (_, input) => simple(definition, input, profile, path).map(Some),
    }
}

/// Whether a value means that the attribute is unassigned (RFC 7643, section 2.5).
pub(super) fn is_unassigned(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Normalizes the elements of a multi-valued attribute. A value that is not a list counts as a list of one.
pub(super) fn elements(
    definition: &Definition,
    input: Value,
    profile: Profile,
    path: &str,
) -> Result<Vec<Value>, ScimError> {
    let items = match input {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        single => vec![single],
    };
    let normalize = |item| match definition.kind {
        Type::Complex => Ok(complex(definition, item, profile, path)?.into()),
        _ => simple(definition, item, profile, path),
    };
    items.into_iter().filter(|item| !item.is_null()).map(normalize).collect()
}

/// Normalizes a complex value to its assigned, writable sub-attributes.
fn complex(
    definition: &Definition,
    input: Value,
    profile: Profile,
    path: &str,
) -> Result<Map<String, Value>, ScimError> {
    let mut normalized = Map::new();
    for (name, inner) in object(definition, input, path)? {
        let sub_attribute = sub_attribute(definition, &name, path)?;
        if sub_attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        let path = format!("{path}.{}", sub_attribute.name);
        if let Some(inner) = value(sub_attribute, inner, profile, &path)? {
            normalized.insert(sub_attribute.name.to_owned(), inner);
        }
    }
    Ok(normalized)
}

/// Converts a complex value to an object. A string becomes the sub-attribute `value`, and a list of one is unwrapped, since
/// Entra ID sends managers in these forms.
pub(super) fn object(
    definition: &Definition,
    input: Value,
    path: &str,
) -> Result<Map<String, Value>, ScimError> {
    match input {
        Value::Object(map) => {
            reject_duplicate_names(&map, path)?;
            Ok(map)
        }
        Value::String(_) if definition.sub_attribute("value").is_some() => {
            Ok(Map::from_iter([("value".to_owned(), input)]))
        }
        Value::Array(mut items) if !definition.multi_valued && items.len() == 1 => {
            object(definition, items.pop().unwrap_or_default(), path)
        }
        other => Err(wrong_type(path, "an object", &other)),
    }
}

/// Finds a sub-attribute by its name, ignoring case.
pub(super) fn sub_attribute<'d>(
    definition: &'d Definition,
    name: &str,
    path: &str,
) -> Result<&'d Definition, ScimError> {
    definition.sub_attribute(name).ok_or_else(|| unknown_attribute(&format!("{path}.{name}")))
}

fn simple(definition: &Definition, input: Value, profile: Profile, path: &str) -> Result<Value, ScimError> {
    match (definition.kind, input) {
        (Type::Boolean, Value::Bool(value)) => Ok(value.into()),
        (Type::Boolean, input) => {
            // Entra ID sends booleans as strings.
            let text = input.as_str().filter(|_| profile == Profile::Lenient);
            let boolean = text.and_then(parse_boolean).map(Value::from);
            boolean.ok_or_else(|| wrong_type(path, "true or false", &input))
        }
        (Type::Integer, Value::Number(number)) => Ok(number.into()),
        (Type::Integer, other) => Err(wrong_type(path, "a number", &other)),
        (_, Value::String(text)) => Ok(text.into()),
        // The value may contain a password, so the error must not repeat it.
        _ if definition.mutability == Mutability::WriteOnly => {
            Err(ScimType::InvalidValue.error(format!("{path} must be a string.")))
        }
        (_, other) => Err(wrong_type(path, "a string", &other)),
    }
}

/// Returns an error when two names in an object differ only in case: attribute names are case-insensitive.
pub(super) fn reject_duplicate_names(map: &Map<String, Value>, path: &str) -> Result<(), ScimError> {
    let mut names = HashSet::new();
    match map.keys().find(|name| !names.insert(name.to_ascii_lowercase())) {
        None => Ok(()),
        Some(duplicate) => {
            let detail = format!("'{}' occurs more than once in {path}.", excerpt(duplicate));
            Err(ScimType::InvalidSyntax.error(detail))
        }
    }
}

/// The error for a name that no schema defines.
pub(super) fn unknown_attribute(name: &str) -> ScimError {
    ScimType::InvalidSyntax.error(format!("No schema defines the attribute '{}'.", excerpt(name)))
}

fn wrong_type(path: &str, expected: &str, found: &Value) -> ScimError {
    ScimType::InvalidValue.error(format!("{path} must be {expected}, not {}.", describe(found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::schema::{ENTERPRISE_USER, USER};
    use serde_json::json;

    fn normalize(name: &str, input: Value, profile: Profile) -> Result<Option<Value>, ScimError> {
        let definition = USER.attribute(name).or_else(|| ENTERPRISE_USER.attribute(name)).unwrap();
        value(definition, input, profile, name)
    }

    fn lenient(name: &str, input: Value) -> Option<Value> {
        normalize(name, input, Profile::Lenient).unwrap()
    }

    #[test]
    fn null_and_empty_lists_are_unassigned() {
        for (name, input) in [
            ("title", json!(null)),
            ("title", json!([])),
            ("emails", json!(null)),
            ("emails", json!([])),
            ("emails", json!([null])),
            ("emails", json!([{}, {"value": null}, {"value": [], "type": null}])),
            ("name", json!({"honorificPrefix": null, "familyName": []})),
            ("manager", json!({"$ref": null, "value": null})),
        ] {
            assert_eq!(lenient(name, input.clone()), None, "{name} {input}");
        }
        let email = json!({"value": "a@x", "display": null});
        assert_eq!(lenient("emails", json!([email])), Some(json!([{"value": "a@x"}])));
    }

    #[test]
    fn lenient_converts_strings_to_booleans() {
        for (text, value) in [("True", true), ("False", false), ("true", true), ("FALSE", false)] {
            assert_eq!(lenient("active", text.into()), Some(value.into()));
            let error = normalize("active", text.into(), Profile::Strict).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        }
        for other in [json!("yes"), json!(""), json!(1), json!({})] {
            let error = normalize("active", other, Profile::Lenient).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
            assert!(error.detail.starts_with("active must be true or false, not "), "{error}");
        }
        let primary = json!([{"value": "a@x", "primary": "True"}]);
        assert_eq!(lenient("emails", primary), Some(json!([{"value": "a@x", "primary": true}])));
    }

    #[test]
    fn a_manager_is_accepted_in_every_form_that_clients_send() {
        for input in [
            json!("271"),
            json!({"value": "271"}),
            json!([{"value": "271", "$ref": "../Users/271"}]),
            json!({"VALUE": "271", "displayName": "x"}),
            json!(["271"]),
        ] {
            assert_eq!(lenient("manager", input), Some(json!({"value": "271"})));
        }
        assert!(normalize("manager", json!([{"value": "1"}, {"value": "2"}]), Profile::Lenient).is_err());
    }

    #[test]
    fn a_single_value_becomes_a_list_of_one() {
        let work = json!({"value": "a@x", "Type": "work"});
        assert_eq!(lenient("emails", work), Some(json!([{"value": "a@x", "type": "work"}])));
        assert_eq!(
            lenient("roles", json!(["Admin", "Owner"])),
            Some(json!([{"value": "Admin"}, {"value": "Owner"}]))
        );
        assert_eq!(lenient("roles", json!("Admin")), Some(json!([{"value": "Admin"}])));
        let address = normalize("addresses", json!("Paris"), Profile::Lenient);
        assert!(address.is_err(), "addresses have no sub-attribute named value");
    }

    #[test]
    fn an_unknown_sub_attribute_is_named_in_the_error() {
        let error = normalize("emails", json!([{"vlaue": null}]), Profile::Lenient).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
        assert!(error.detail.contains("'emails.vlaue'"), "{error}");
    }

    #[test]
    fn names_that_differ_only_in_case_are_duplicates() {
        let input = json!({"givenName": "a", "GIVENNAME": "b"});
        let error = normalize("name", input, Profile::Lenient).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    }

    #[test]
    fn errors_never_contain_a_password() {
        for input in [json!(7_654_321), json!(["7654321"]), json!({"7654321": 1})] {
            let error = normalize("password", input, Profile::Lenient).unwrap_err();
            assert!(!error.detail.contains("7654321"), "{error}");
        }
    }
}
