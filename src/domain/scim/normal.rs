//! Values as their definitions want them: names in their spelling, what is unassigned left out (RFC 7643, section 2.5),
//! what is read-only ignored (RFC 7644, section 3.5.1), and the shapes that identity providers give them undone.

use super::error::{excerpt, shown};
use super::schema::{Definition, Mutability, Type};
use super::{Profile, ScimError, ScimType};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The value of the attribute named `at`; none when it is unassigned.
pub(super) fn value(
    definition: &Definition,
    sent: Value,
    profile: Profile,
    at: &str,
) -> Result<Option<Value>, ScimError> {
    if definition.multi_valued {
        let mut items = elements(definition, sent, profile, at)?;
        // An element of which nothing is assigned is none.
        items.retain(|item| item.as_object().is_none_or(|parts| !parts.is_empty()));
        return Ok((!items.is_empty()).then(|| items.into()));
    }
    match (definition.kind, sent) {
        (_, Value::Null) => Ok(None),
        (_, Value::Array(items)) if items.is_empty() => Ok(None),
        (Type::Complex, sent) => {
            let parts = parts(definition, sent, profile, at)?;
            Ok((!parts.is_empty()).then(|| parts.into()))
        }
        (_, sent) => simple(definition, sent, profile, at).map(Some),
    }
}

/// Whether a value says that there is none (RFC 7643, section 2.5).
pub(super) fn is_unassigned(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// The elements of a list. One that is sent without a list is meant to be one in it.
pub(super) fn elements(
    definition: &Definition,
    sent: Value,
    profile: Profile,
    at: &str,
) -> Result<Vec<Value>, ScimError> {
    let items = match sent {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        one => vec![one],
    };
    let read = |item| match definition.kind {
        Type::Complex => Ok(parts(definition, item, profile, at)?.into()),
        _ => simple(definition, item, profile, at),
    };
    items.into_iter().filter(|item| !item.is_null()).map(read).collect()
}

/// The assigned parts of an object that clients may write.
fn parts(
    definition: &Definition,
    sent: Value,
    profile: Profile,
    at: &str,
) -> Result<Map<String, Value>, ScimError> {
    let mut parts = Map::new();
    for (name, inner) in object(definition, sent, at)? {
        let part = part(definition, &name, at)?;
        if part.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(inner) = value(part, inner, profile, &format!("{at}.{}", part.name))? {
            parts.insert(part.name.to_owned(), inner);
        }
    }
    Ok(parts)
}

/// A complex value as an object. A string is meant to be its `value`, and a list of one what is in it: so Entra ID
/// sends managers.
pub(super) fn object(
    definition: &Definition,
    sent: Value,
    at: &str,
) -> Result<Map<String, Value>, ScimError> {
    match sent {
        Value::Object(map) => {
            refuse_twins(&map, at)?;
            Ok(map)
        }
        Value::String(_) if definition.part("value").is_some() => {
            Ok(Map::from_iter([("value".to_owned(), sent)]))
        }
        Value::Array(mut items) if !definition.multi_valued && items.len() == 1 => {
            object(definition, items.pop().unwrap_or_default(), at)
        }
        other => Err(wrong(at, "an object", &other)),
    }
}

/// The part of a name, which has no case.
pub(super) fn part<'d>(
    definition: &'d Definition,
    name: &str,
    at: &str,
) -> Result<&'d Definition, ScimError> {
    definition.part(name).ok_or_else(|| unknown(&format!("{at}.{name}")))
}

fn simple(definition: &Definition, sent: Value, profile: Profile, at: &str) -> Result<Value, ScimError> {
    match (definition.kind, sent) {
        (Type::Boolean, Value::Bool(value)) => Ok(value.into()),
        (Type::Boolean, Value::String(text)) if profile == Profile::Lenient && boolean(&text).is_some() => {
            Ok(boolean(&text).into())
        }
        (Type::Boolean, other) => Err(wrong(at, "true or false", &other)),
        (Type::Integer, Value::Number(number)) => Ok(number.into()),
        (Type::Integer, other) => Err(wrong(at, "a number", &other)),
        (_, Value::String(text)) => Ok(text.into()),
        // It may be a password that stands in a list.
        _ if definition.mutability == Mutability::WriteOnly => {
            Err(ScimType::InvalidValue.error(format!("{at} must be a string")))
        }
        (_, other) => Err(wrong(at, "a string", &other)),
    }
}

/// A boolean as Entra ID spells it.
fn boolean(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|value| value.to_string().eq_ignore_ascii_case(text))
}

/// Names have no case, so two of an object that differ in it only are the same key twice.
pub(super) fn refuse_twins(map: &Map<String, Value>, at: &str) -> Result<(), ScimError> {
    let mut names = HashSet::new();
    match map.keys().find(|name| !names.insert(name.to_ascii_lowercase())) {
        None => Ok(()),
        Some(twin) => {
            let detail = format!("'{}' comes twice in {at}", excerpt(twin));
            Err(ScimType::InvalidSyntax.error(detail))
        }
    }
}

/// The error of an attribute that no schema has.
pub(super) fn unknown(name: &str) -> ScimError {
    ScimType::InvalidSyntax.error(format!("'{}' is not an attribute of any schema", excerpt(name)))
}

fn wrong(at: &str, expected: &str, found: &Value) -> ScimError {
    ScimType::InvalidValue.error(format!("{at} must be {expected}, not {}", shown(found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::schema::{ENTERPRISE_USER, USER};
    use serde_json::json;

    fn read(name: &str, sent: Value, profile: Profile) -> Result<Option<Value>, ScimError> {
        let definition = USER.attribute(name).or_else(|| ENTERPRISE_USER.attribute(name)).unwrap();
        value(definition, sent, profile, name)
    }

    fn lenient(name: &str, sent: Value) -> Option<Value> {
        read(name, sent, Profile::Lenient).unwrap()
    }

    #[test]
    fn item_24_null_and_the_empty_list_are_unassigned() {
        for (name, sent) in [
            ("title", json!(null)),
            ("title", json!([])),
            ("emails", json!(null)),
            ("emails", json!([])),
            ("emails", json!([null])),
            ("emails", json!([{}, {"value": null}, {"value": [], "type": null}])),
            ("name", json!({"honorificPrefix": null, "familyName": []})),
            ("manager", json!({"$ref": null, "value": null})),
        ] {
            assert_eq!(lenient(name, sent.clone()), None, "{name} {sent}");
        }
        let email = json!({"value": "a@x", "display": null});
        assert_eq!(lenient("emails", json!([email])), Some(json!([{"value": "a@x"}])));
    }

    #[test]
    fn item_25_booleans_may_be_strings_where_that_is_let_pass() {
        for (text, value) in [("True", true), ("False", false), ("true", true), ("FALSE", false)] {
            assert_eq!(lenient("active", text.into()), Some(value.into()));
            let error = read("active", text.into(), Profile::Strict).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        }
        for other in [json!("yes"), json!(""), json!(1), json!({})] {
            let error = read("active", other, Profile::Lenient).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
            assert!(error.detail.starts_with("active must be true or false, not "), "{error}");
        }
        let primary = json!([{"value": "a@x", "primary": "True"}]);
        assert_eq!(lenient("emails", primary), Some(json!([{"value": "a@x", "primary": true}])));
    }

    #[test]
    fn item_41_a_manager_is_sent_in_many_forms() {
        for sent in [
            json!("271"),
            json!({"value": "271"}),
            json!([{"value": "271", "$ref": "../Users/271"}]),
            json!({"VALUE": "271", "displayName": "x"}),
            json!(["271"]),
        ] {
            assert_eq!(lenient("manager", sent), Some(json!({"value": "271"})));
        }
        assert!(read("manager", json!([{"value": "1"}, {"value": "2"}]), Profile::Lenient).is_err());
    }

    #[test]
    fn what_stands_alone_is_one_of_a_list() {
        let work = json!({"value": "a@x", "Type": "work"});
        assert_eq!(lenient("emails", work), Some(json!([{"value": "a@x", "type": "work"}])));
        assert_eq!(
            lenient("roles", json!(["Admin", "Owner"])),
            Some(json!([{"value": "Admin"}, {"value": "Owner"}]))
        );
        assert_eq!(lenient("roles", json!("Admin")), Some(json!([{"value": "Admin"}])));
        assert!(read("addresses", json!("Paris"), Profile::Lenient).is_err(), "an address has no value");
    }

    #[test]
    fn item_58_an_unknown_part_is_named() {
        let error = read("emails", json!([{"vlaue": null}]), Profile::Lenient).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
        assert!(error.detail.contains("'emails.vlaue'"), "{error}");
    }

    #[test]
    fn item_52_a_name_comes_once_whatever_its_case() {
        let error = read("name", json!({"givenName": "a", "GIVENNAME": "b"}), Profile::Lenient).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    }

    #[test]
    fn item_28_a_password_is_not_told() {
        for sent in [json!(7_654_321), json!(["7654321"]), json!({"7654321": 1})] {
            let error = read("password", sent, Profile::Lenient).unwrap_err();
            assert!(!error.detail.contains("7654321"), "{error}");
        }
    }
}
