//! Normalizes JSON values from clients to the form that the schema defines: attribute names in the schema's case,
//! unassigned values removed (RFC 7643, section 2.5), read-only attributes ignored (RFC 7644, section 3.5.1), and the
//! shapes that identity providers send converted.

use super::error::describe;
use super::reading::NoteCode;
use super::schema::{Definition, Mutability, Type};
use super::{Reading, ScimError, ScimType, intent};
use crate::domain::excerpt;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Normalizes the value of an attribute; `None` when it is unassigned. `path` names the attribute in errors.
pub(super) fn value(
    definition: &Definition,
    input: Value,
    reading: &Reading,
    path: &str,
) -> Result<Option<Value>, ScimError> {
    let input = intent::value(definition, input, reading, path);
    if definition.multi_valued {
        let mut items = elements(definition, input, reading, path);
        // An element without any assigned sub-attribute is itself unassigned.
        items.retain(|item| item.as_object().is_none_or(|element| !element.is_empty()));
        if reading.is_lenient() {
            retain_elements(definition, &mut items, &[], reading);
        }
        return Ok((!items.is_empty()).then(|| items.into()));
    }
    match (definition.kind, input) {
        (_, Value::Null) => Ok(None),
        (_, Value::Array(items)) if items.is_empty() => Ok(None),
        (Type::Complex, input) => {
            let object = complex(definition, input, reading, path)?;
            Ok((!object.is_empty()).then(|| object.into()))
        }
        (_, input) => simple(definition, input, path).map(Some),
    }
}

/// Drops the elements of a list that have no value (see `has_value`), except elements that are also in `before`, where
/// `primary` may differ.
pub(super) fn retain_elements(
    definition: &Definition,
    items: &mut Vec<Value>,
    before: &[Value],
    reading: &Reading,
) {
    let count = items.len();
    // A new primary element changes `primary` of the others.
    let before: Vec<Value> = before.iter().map(without_primary).collect();
    items.retain(|item| has_value(definition, item) || before.contains(&without_primary(item)));
    if items.len() < count {
        reading.note(NoteCode::NoValue, definition.name);
    }
}

fn without_primary(element: &Value) -> Value {
    let mut element = element.clone();
    element.as_object_mut().map(|parts| parts.remove("primary"));
    element
}

/// Whether an element has a `value` or, if the attribute has no sub-attribute `value`, anything besides `type` and
/// `primary`.
fn has_value(definition: &Definition, item: &Value) -> bool {
    let names = || item.as_object().into_iter().flat_map(|element| element.keys());
    match definition.sub_attribute("value") {
        Some(_) => names().any(|name| name == "value"),
        None => names().any(|name| name != "type" && name != "primary"),
    }
}

/// Whether a value means that the attribute is unassigned (RFC 7643, section 2.5).
pub(super) fn is_unassigned(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Normalizes the elements of a multi-valued attribute. A value that is not a list is treated as a list with one
/// element. The errors of elements are recorded in `reading`.
pub(super) fn elements(definition: &Definition, input: Value, reading: &Reading, path: &str) -> Vec<Value> {
    let items = match intent::value(definition, input, reading, path) {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        single => vec![single],
    };
    let normalize = |item| match definition.kind {
        Type::Complex => Ok(complex(definition, item, reading, path)?.into()),
        _ => simple(definition, item, path),
    };
    let items = items.into_iter().map(|item| intent::element(definition, item, reading, path));
    items.filter(|item| !item.is_null()).filter_map(|item| reading.check(normalize(item))).collect()
}

/// Normalizes a complex value to its assigned, writable sub-attributes. Errors in sub-attributes are recorded in
/// `reading`.
fn complex(
    definition: &Definition,
    input: Value,
    reading: &Reading,
    path: &str,
) -> Result<Map<String, Value>, ScimError> {
    let mut normalized = Map::new();
    for (name, inner) in object(definition, input, path)? {
        let Some(Some(sub_attribute)) = reading.check(sub_attribute(definition, &name, reading, path)) else {
            continue;
        };
        let path = format!("{path}.{}", sub_attribute.name);
        if sub_attribute.mutability == Mutability::ReadOnly {
            reading.ignored_read_only(&path, &inner);
            continue;
        }
        if let Some(Some(inner)) = reading.check(value(sub_attribute, inner, reading, &path)) {
            normalized.insert(sub_attribute.name.to_owned(), inner);
        }
    }
    Ok(normalized)
}

/// Converts a complex value to an object. A string becomes the sub-attribute `value`, since Entra ID sends managers in this
/// form.
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
        // JSON text that remains is not a value: the strict profile does not convert it.
        Value::String(text) if definition.sub_attribute("value").is_some() && !intent::is_json(&text) => {
            Ok(Map::from_iter([("value".to_owned(), text.into())]))
        }
        other => Err(wrong_type(path, "an object", &other)),
    }
}

/// Finds a sub-attribute by its name, ignoring case. Returns `None` for an unknown sub-attribute that is ignored.
pub(super) fn sub_attribute<'d>(
    definition: &'d Definition,
    name: &str,
    reading: &Reading,
    path: &str,
) -> Result<Option<&'d Definition>, ScimError> {
    match definition.sub_attribute(name) {
        Some(found) => Ok(Some(found)),
        None => reading.unknown(&format!("{path}.{name}")).map(|()| None),
    }
}

fn simple(definition: &Definition, input: Value, path: &str) -> Result<Value, ScimError> {
    match (definition.kind, input) {
        (Type::Boolean, Value::Bool(value)) => Ok(value.into()),
        (Type::Boolean, input) => Err(wrong_type(path, "true or false", &input)),
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
        Some(duplicate) => Err(duplicate_name(duplicate, path)),
    }
}

pub(super) fn duplicate_name(name: &str, path: &str) -> ScimError {
    ScimType::InvalidSyntax.error(format!("'{}' occurs more than once in {path}.", excerpt(name)))
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
    use crate::domain::scim::Profile;
    use crate::domain::scim::schema::{ENTERPRISE_USER, USER};
    use serde_json::json;

    fn normalize(name: &str, input: Value, profile: Profile) -> Result<Option<Value>, ScimError> {
        let definition = USER.attribute(name).or_else(|| ENTERPRISE_USER.attribute(name)).unwrap();
        let reading = Reading::new(profile);
        let value = value(definition, input, &reading, name);
        reading.finish(value)
    }

    fn notes(name: &str, input: Value) -> String {
        let reading = Reading::new(Profile::Lenient);
        value(USER.attribute(name).unwrap(), input, &reading, name).unwrap();
        reading.into_notes().to_string()
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
    fn the_lenient_profile_converts_strings_to_booleans() {
        for (text, value) in [("True", true), ("False", false), ("true", true), ("FALSE", false)] {
            assert_eq!(lenient("active", text.into()), Some(value.into()));
            let error = normalize("active", text.into(), Profile::Strict).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        }
        assert_eq!(lenient("active", json!("")), None);
        for other in [json!("yes"), json!(1), json!({})] {
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
            json!(271),
            json!("{\"value\": 271}"),
        ] {
            assert_eq!(lenient("manager", input), Some(json!({"value": "271"})));
        }
        for input in [json!([{"value": "271"}]), json!(271), json!({"value": 271})] {
            assert!(normalize("manager", input.clone(), Profile::Strict).is_err(), "{input}");
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
    fn an_unknown_sub_attribute_is_noted_or_named_in_the_error() {
        let email = json!([{"value": "a@x", "operation": "add"}]);
        assert_eq!(lenient("emails", email.clone()), Some(json!([{"value": "a@x"}])));
        assert_eq!(notes("emails", email.clone()), "unknown-attribute emails.operation");
        let error = normalize("emails", email, Profile::Strict).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
        assert!(error.detail.contains("'emails.operation'"), "{error}");
    }

    #[test]
    fn the_lenient_profile_reads_an_empty_string_as_no_value() {
        for (name, input) in [
            ("title", json!("")),
            ("title", json!([""])),
            ("name", json!("")),
            ("name", json!({"givenName": "", "familyName": [""]})),
            ("emails", json!("")),
            ("emails", json!([""])),
            ("emails", json!([{"value": "", "type": "work", "primary": true}])),
            ("emails", json!([{"type": "work", "display": "no value"}])),
            ("addresses", json!([{"type": "work", "locality": "", "primary": "True"}])),
            ("manager", json!({"value": ""})),
            ("password", json!("")),
        ] {
            assert_eq!(lenient(name, input.clone()), None, "{name} {input}");
        }
        let emails = json!([{"value": "a@x", "type": "", "primary": ""}, {"value": ""}]);
        assert_eq!(lenient("emails", emails), Some(json!([{"value": "a@x"}])));
        assert_eq!(lenient("userName", json!("")), Some(json!("")), "a required attribute must not be blank");
        assert_eq!(notes("title", json!("")), "no-value title");
        // The strict profile keeps an empty string, which is a value (RFC 7643, section 2.3.1).
        assert_eq!(normalize("title", json!(""), Profile::Strict), Ok(Some(json!(""))));
    }

    #[test]
    fn the_lenient_profile_converts_wrapped_values_json_text_and_numbers() {
        for (name, input, expected) in [
            ("title", json!(["x"]), json!("x")),
            ("title", json!([["x"]]), json!("x")),
            ("title", json!(7), json!("7")),
            ("title", json!(1.5), json!("1.5")),
            ("title", json!("{\"a\": 1}"), json!("{\"a\": 1}")),
            ("active", json!(["False"]), json!(false)),
            ("name", json!([{"givenName": "A"}]), json!({"givenName": "A"})),
            ("name", json!("{\"givenName\":\"A\"}"), json!({"givenName": "A"})),
            ("emails", json!("[{\"value\":\"a@x\"}]"), json!([{"value": "a@x"}])),
            (
                "emails",
                json!(["{\"value\":\"a@x\"}", [{"value": ["b@x"]}]]),
                json!([{"value": "a@x"}, {"value": "b@x"}]),
            ),
            ("phoneNumbers", json!([{"value": 44}, 45]), json!([{"value": "44"}, {"value": "45"}])),
            ("roles", json!("[not JSON"), json!([{"value": "[not JSON"}])),
        ] {
            assert_eq!(lenient(name, input.clone()), Some(expected.clone()), "{name} {input}");
            // The strict profile reads a string as the `value` of an element.
            let is_json = input == expected || ["emails", "roles"].contains(&name);
            assert!(is_json || normalize(name, input.clone(), Profile::Strict).is_err(), "{name} {input}");
        }
        assert_eq!(notes("title", json!([7])), "converted title");
        for input in [json!(["a", "b"]), json!(true), json!({"a": 1})] {
            assert!(normalize("title", input.clone(), Profile::Lenient).is_err(), "{input}");
        }
        // The parsed values must be storable.
        assert!(normalize("name", json!("{\"givenName\":\"a\\u0000\"}"), Profile::Lenient).is_err());
    }

    #[test]
    fn every_invalid_sub_attribute_is_reported() {
        let error =
            normalize("name", json!({"givenName": true, "familyName": {}}), Profile::Lenient).unwrap_err();
        assert!(
            error.detail.contains("name.givenName") && error.detail.contains("name.familyName"),
            "{error}"
        );
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
            let error = normalize("password", input.clone(), Profile::Strict).unwrap_err();
            assert!(!error.detail.contains("7654321"), "{error}");
            assert!(!notes("password", json!([input["none"]])).contains("7654321"));
        }
    }
}
