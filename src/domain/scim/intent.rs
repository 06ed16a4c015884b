//! Converts values of unexpected types to the types of their attributes, or of the members of a message, in the lenient
//! profile.

use super::reading::{NoteCode, Reading};
use super::schema::{Definition, Type};
use crate::domain::json::{self, parse_boolean};
use crate::domain::unstorable::unstorable;
use serde_json::Value;

/// Converts the value of an attribute. A list with one element, JSON text, a boolean as a string, and a number instead
/// of a string are converted. A blank string becomes null unless the attribute is required.
pub(super) fn value(definition: &Definition, input: Value, reading: &Reading, path: &str) -> Value {
    if definition.multi_valued {
        list(input, reading, path)
    } else {
        element(definition, input, reading, path)
    }
}

/// Converts the value of a single-valued attribute, or an element of a multi-valued attribute.
pub(super) fn element(definition: &Definition, input: Value, reading: &Reading, path: &str) -> Value {
    if !reading.is_lenient() {
        return input;
    }
    let is_object = definition.kind == Type::Complex;
    let accepts_text = match definition.kind {
        Type::Complex => definition.sub_attribute("value").is_some(),
        kind => !matches!(kind, Type::Boolean | Type::Integer),
    };
    match unwrapped(input, is_object, reading, path) {
        Value::String(text) if is_blank(&text) && !definition.required => no_value(reading, path),
        Value::String(text) if definition.kind == Type::Boolean => match parse_boolean(&text) {
            Some(boolean) => converted(boolean.into(), reading, path),
            None => text.into(),
        },
        Value::Number(number) if accepts_text => converted(number.to_string().into(), reading, path),
        other => other,
    }
}

/// Converts a value that should be an object: a body, an operation, an extension, or the value of an operation without a
/// path.
pub fn object(input: Value, reading: &Reading, path: &str) -> Value {
    if !reading.is_lenient() {
        return input;
    }
    match unwrapped(input, true, reading, path) {
        Value::String(text) if is_blank(&text) => no_value(reading, path),
        other => other,
    }
}

/// Converts the value of a member of a message that should be a string.
pub(super) fn text(input: Value, reading: &Reading, name: &str) -> Value {
    if !reading.is_lenient() {
        return input;
    }
    match unwrapped(input, false, reading, name) {
        Value::Number(number) => converted(number.to_string().into(), reading, name),
        other => other,
    }
}

/// Converts the value of a member of a message that should be an integer.
pub(super) fn integer(input: Value, reading: &Reading, name: &str) -> Value {
    if !reading.is_lenient() {
        return input;
    }
    match unwrapped(input, false, reading, name) {
        Value::String(text) if is_blank(&text) => no_value(reading, name),
        Value::String(text) => match parse_integer(&text) {
            Some(integer) => converted(integer.into(), reading, name),
            None => text.into(),
        },
        other => other,
    }
}

/// Parses an integer. A number outside the range of `i64` becomes the nearest one inside.
pub fn parse_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let nearest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer.then(|| text.parse().unwrap_or(nearest))
}

/// Converts a value that should be a list. Its elements, or a single value, are converted separately.
pub(super) fn list(input: Value, reading: &Reading, path: &str) -> Value {
    match input {
        Value::String(text) if reading.is_lenient() && is_blank(&text) => no_value(reading, path),
        Value::String(text) if reading.is_lenient() => match parse(&text) {
            Some(parsed) => converted(parsed, reading, path),
            None => text.into(),
        },
        other => other,
    }
}

/// Replaces a list that has one element with this element and, if the value should be an object, JSON text with the
/// parsed value.
fn unwrapped(input: Value, is_object: bool, reading: &Reading, path: &str) -> Value {
    let inner = match input {
        Value::Array(mut items) if items.len() == 1 => items.pop().unwrap_or_default(),
        Value::String(text) if is_object => match parse(&text) {
            Some(parsed) => parsed,
            None => return text.into(),
        },
        other => return other,
    };
    unwrapped(converted(inner, reading, path), is_object, reading, path)
}

/// Whether a text means no value.
fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Whether a text is an object or a list in JSON.
pub(super) fn is_json(text: &str) -> bool {
    parse(text).is_some()
}

/// Parses an object or a list from text. Returns `None` if the text contains a value that cannot be stored.
fn parse(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let value = json::parse(text.as_bytes()).ok()?;
    unstorable(&value, text.as_bytes()).is_empty().then_some(value)
}

fn converted(value: Value, reading: &Reading, path: &str) -> Value {
    reading.note(NoteCode::Converted, path);
    value
}

fn no_value(reading: &Reading, path: &str) -> Value {
    reading.note(NoteCode::NoValue, path);
    Value::Null
}
