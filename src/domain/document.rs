//! The stored documents of a resource: its attributes without absent values, and a copy with case-folded strings for
//! comparisons.

use super::attribute::{Attribute, Kind};
use super::casefold::casefold;
use super::json::to_map;
use serde::Serialize;
use serde_json::{Map, Value};

/// The attributes that filters compare in the document rather than in a column, with case-insensitive strings folded.
/// `compact` holds them without absent values.
pub fn folded(mut compact: Map<String, Value>, attributes: &[Attribute]) -> Map<String, Value> {
    fold_parts(&mut compact, attributes);
    compact
}

/// The attributes as JSON without absent values. The content of `custom` and `extensions` is free-form and unchanged.
pub(crate) fn compact(attributes: &impl Serialize) -> Map<String, Value> {
    let mut map = to_map(attributes);
    for (name, value) in &mut map {
        if name != "custom" && name != "extensions" {
            drop_absent(value);
        }
    }
    map.retain(|_, value| !is_absent(value));
    map
}

fn drop_absent(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(drop_absent);
            map.retain(|_, inner| !is_absent(inner));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_absent),
        _ => {}
    }
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Folds the values of an object and removes those that cannot be compared.
fn fold_parts(map: &mut Map<String, Value>, attributes: &[Attribute]) {
    map.retain(|name, value| {
        let attribute = attributes.iter().find(|attribute| attribute.name == name);
        attribute.is_some_and(|attribute| fold_value(value, &attribute.kind))
    });
}

/// Folds a value of this kind. Returns whether it can be compared.
pub(crate) fn fold_value(value: &mut Value, kind: &Kind) -> bool {
    match (kind, value) {
        (Kind::Opaque, _) => return false,
        (Kind::Text, Value::String(text)) => *text = casefold(text),
        (Kind::Object(parts) | Kind::List(parts), Value::Object(map)) => fold_parts(map, parts),
        (Kind::List(_), Value::Array(items)) => items.iter_mut().for_each(|item| {
            fold_value(item, kind);
        }),
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribute::USER;
    use crate::domain::user::{Attributes, Valued};
    use serde_json::json;

    #[test]
    fn case_insensitive_strings_are_folded_and_absent_values_are_omitted() {
        let attributes = Attributes {
            user_name: "ADA".to_owned(),
            profile_url: Some("https://X".to_owned()),
            photos: vec![Valued {
                value: Some("https://P".to_owned()),
                kind: Some("THUMBNAIL".to_owned()),
                ..Valued::default()
            }],
            custom: json!({"A": "B"}).as_object().cloned().unwrap(),
            ..Attributes::default()
        };
        let expected = json!({
            "userName": "ada",
            "profileUrl": "https://X",
            "active": false,
            "photos": [{"value": "https://P", "type": "thumbnail", "primary": false}],
        });
        assert_eq!(Value::Object(folded(compact(&attributes), USER)), expected);
    }

    #[test]
    fn free_form_json_is_left_as_it_is() {
        let custom = json!({"a": null, "b": [], "c": {"d": null}});
        let attributes = Attributes { custom: custom.as_object().cloned().unwrap(), ..Attributes::default() };
        assert_eq!(compact(&attributes)["custom"], custom);
    }
}
