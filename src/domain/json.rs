//! Strict JSON parsing, and small helpers for JSON values.

use derive_more::{Display, Error};
use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The error for a body that cannot be parsed. The messages contain the line and the column.
#[derive(Debug, Display, Error, PartialEq)]
pub enum JsonError {
    /// The body is not JSON or not UTF-8, or an object contains a key twice.
    #[display("the body is not valid JSON: {_0}")]
    Syntax(#[error(not(source))] String),
    /// The body is JSON, but contains a number beyond the range of a 64-bit float.
    #[display("the body contains a {_0}")]
    OutOfRange(#[error(not(source))] String),
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // serde_json reports this case in no other way.
        if text.starts_with("number out of range") { Self::OutOfRange(text) } else { Self::Syntax(text) }
    }
}

/// Parses a JSON text (RFC 8259) and rejects duplicate keys.
///
/// # Errors
/// A [`JsonError`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// The nesting depth of objects and arrays: 0 for a scalar, 1 for `{}`.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Parses a boolean that was sent as a string, ignoring case.
pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|value| value.to_string().eq_ignore_ascii_case(text))
}

/// Escapes a key as a reference token of a JSON Pointer (RFC 6901, section 3).
pub fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Serializes a struct or a map with string keys to a JSON object.
pub(crate) fn to_map(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Deserializes like `serde_json::Value`, but rejects duplicate keys.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// Converts floats that equal a 64-bit integer to that integer. PostgreSQL's jsonb returns some floats as integers;
    /// without the conversion, writing the same value again would count as a change.
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(if value.fract() != 0.0 {
            value.into()
        } else if value >= 0.0 && value < u64::MAX as f64 {
            (value as u64).into()
        } else if value < 0.0 && value > i64::MIN as f64 {
            (value as i64).into()
        } else {
            value.into()
        })
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format_args!("duplicate key {key:?}")));
            }
            let value = access.next_value_seed(Strict)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn text_that_is_not_json_is_rejected() {
        for text in ["", "{", "{} {}", "{'a':1}", "[1,]", "NaN", "\"\\ud800\"", "\u{feff}{}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn duplicate_keys_are_rejected_at_any_depth() {
        let error = parse(br#"{"a":[{"b":1,"\u0062":2}]}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate key \"b\""), "{error}");
    }

    #[test]
    fn numbers_beyond_the_range_of_floats_are_reported() {
        let text = format!("[{}]", "9".repeat(400));
        assert!(matches!(parse(text.as_bytes()), Err(JsonError::OutOfRange(_))));
        assert!(matches!(parse(b"[1e999]"), Err(JsonError::OutOfRange(_))));
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for (one, other) in [("7", "7.0"), ("7", "70e-1"), ("0", "-0.0"), ("1000000000000000", "1e15")] {
            assert_eq!(parse(one.as_bytes()), parse(other.as_bytes()), "{one} {other}");
        }
    }

    #[test]
    fn depth_counts_nested_objects_and_lists() {
        assert_eq!(depth(&json!(1)), 0);
        assert_eq!(depth(&json!({})), 1);
        assert_eq!(depth(&json!({"a": [{"b": 1}]})), 3);
    }

    proptest! {
        #[test]
        fn every_float_is_preserved(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let text = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap().as_f64(), Some(number));
        }
    }
}
