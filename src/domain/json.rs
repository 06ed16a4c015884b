//! JSON as Roster takes it: stricter than most readers, so that what is stored is what was meant.

use super::fields::{FieldError, token};
use derive_more::{Display, Error};
use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Why bytes are not a value that can be kept.
#[derive(Debug, Display, Error, PartialEq)]
pub enum JsonError {
    /// Not JSON, not UTF-8, or an object that names a key twice.
    #[display("the body is not valid JSON: {_0}")]
    Syntax(#[error(not(source))] String),
    /// JSON, but with a number that no float comes near.
    #[display("the body has a {_0}")]
    OutOfRange(#[error(not(source))] String),
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // The reader has no other sign for it.
        if text.starts_with("number out of range") { Self::OutOfRange(text) } else { Self::Syntax(text) }
    }
}

/// Reads a JSON text (RFC 8259). Two keys of one object must differ.
///
/// # Errors
/// A [`JsonError`] with line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Every place of `value` that cannot be kept exactly: a U+0000, which PostgreSQL has no room for, and,
/// when `source` (the text that `value` was read from) spells an integer too large for 64 bits, the numbers
/// that may have been it.
#[must_use]
pub fn unstorable(value: &Value, source: &[u8]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let overflow = has_integer_beyond_64_bits(source);
    visit(value, &mut String::new(), &mut |pointer, value| {
        let detail = match value {
            Value::String(text) if text.contains('\0') => "must not contain U+0000",
            Value::Object(map) if map.keys().any(|key| key.contains('\0')) => {
                "must not have a key that contains U+0000"
            }
            Value::Number(number) if overflow && is_huge(number) => {
                "must be an integer that fits 64 bits, or be written with an exponent"
            }
            _ => return,
        };
        if errors.len() < MOST_ERRORS {
            errors.push(FieldError::new(nearest(pointer), "unstorable", detail));
        }
    });
    errors
}

/// What is told of a body that is made of errors: each pointer can be nearly as long as the body.
const MOST_ERRORS: usize = 1_000;
const LONGEST_POINTER: usize = 1_024;

/// The pointer, or of one that is too long its nearest ancestor that is not.
fn nearest(pointer: &str) -> &str {
    match pointer.get(..LONGEST_POINTER.min(pointer.len())) {
        Some(whole) if whole.len() == pointer.len() => whole,
        Some(start) => start.rsplit_once('/').map_or("", |(ancestor, _)| ancestor),
        None => "",
    }
}

/// How deep objects and arrays are nested: 0 for a plain value, 1 for `{}`.
#[must_use]
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn visit(value: &Value, pointer: &mut String, see: &mut impl FnMut(&str, &Value)) {
    see(pointer, value);
    let length = pointer.len();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                pointer.push('/');
                pointer.push_str(&token(key));
                visit(inner, pointer, see);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                visit(inner, pointer, see);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

fn is_huge(number: &Number) -> bool {
    number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= i64::MAX as f64)
}

/// Whether a number without fraction and exponent stands in the text that 64 bits cannot hold: the reader made
/// a float of it, and gave no sign.
fn has_integer_beyond_64_bits(text: &[u8]) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    let outside_strings = |byte: &u8| {
        let (was_in, was_escaped) = (in_string, escaped);
        escaped = was_in && !was_escaped && *byte == b'\\';
        in_string = (*byte == b'"' && !was_escaped) != was_in;
        if was_in || in_string { b' ' } else { *byte }
    };
    let bare: Vec<u8> = text.iter().map(outside_strings).collect();
    bare.split(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .filter(|number| number.len() > 18)
        .filter_map(|number| std::str::from_utf8(number).ok())
        .filter(|number| number.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()))
        .any(|number| number.parse::<i64>().is_err() && number.parse::<u64>().is_err())
}

/// Reads a value as `serde_json::Value` does, but refuses duplicate keys.
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

    /// A float that is a whole number of 64 bits becomes the integer: 7.0 and 7 are one value, and jsonb gives some
    /// floats back as integers; they must compare equal, or a write that changes nothing would count.
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

/// A struct of ours as a JSON object. (Such a struct always serializes to one.)
pub(crate) fn to_map(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn pointers(text: &str) -> Vec<String> {
        let value = parse(text.as_bytes()).unwrap();
        let errors = unstorable(&value, text.as_bytes());
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in ["", "{", "{} {}", "{'a':1}", "[1,]", "NaN", "\"\\ud800\"", "\u{feff}{}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn refuses_duplicate_keys_at_any_depth() {
        let error = parse(br#"{"a":[{"b":1,"\u0062":2}]}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate key \"b\""), "{error}");
    }

    #[test]
    fn names_numbers_that_would_change() {
        assert_eq!(pointers(r#"{"a":{"b":[0,18446744073709551616]}}"#), ["/a/b/1"]);
        assert_eq!(pointers(r#"{"a":-9223372036854775809}"#), ["/a"]);
        for kept in ["18446744073709551615", "-9223372036854775808", "1e300", "9007199254740993"] {
            assert!(pointers(&format!(r#"{{"a":{kept}}}"#)).is_empty(), "{kept}");
        }
        assert!(pointers(r#"{"a":"\"18446744073709551616","b":1e300}"#).is_empty());
    }

    #[test]
    fn a_number_that_no_float_comes_near_is_told_apart() {
        let text = format!("[{}]", "9".repeat(400));
        assert!(matches!(parse(text.as_bytes()), Err(JsonError::OutOfRange(_))));
        assert!(matches!(parse(b"[1e999]"), Err(JsonError::OutOfRange(_))));
    }

    #[test]
    fn one_number_is_one_value_however_it_is_spelled() {
        for (one, other) in [("7", "7.0"), ("7", "70e-1"), ("0", "-0.0"), ("1000000000000000", "1e15")] {
            assert_eq!(parse(one.as_bytes()), parse(other.as_bytes()), "{one} {other}");
        }
    }

    #[test]
    fn names_nul_in_text_and_keys() {
        assert_eq!(pointers(r#"{"a/b":"x\u0000"}"#), ["/a~1b"]);
        assert_eq!(pointers(r#"{"a":{"\u0000":1}}"#), ["/a"]);
    }

    #[test]
    fn a_body_made_of_errors_is_told_in_few_words() {
        let key = "k".repeat(100_000);
        let text = format!(r#"{{"a":{{"{key}":[{}]}}}}"#, vec![r#""\u0000""#; 5_000].join(","));
        let pointers = pointers(&text);
        assert_eq!(pointers.len(), MOST_ERRORS);
        assert!(pointers.iter().all(|pointer| pointer == "/a"));
    }

    #[test]
    fn counts_depth() {
        assert_eq!(depth(&json!(1)), 0);
        assert_eq!(depth(&json!({})), 1);
        assert_eq!(depth(&json!({"a": [{"b": 1}]})), 3);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            if let Ok(value) = parse(&bytes) {
                drop(unstorable(&value, &bytes));
            }
        }

        #[test]
        fn keeps_every_float(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let text = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap().as_f64(), Some(number));
        }
    }
}
