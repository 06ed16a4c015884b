//! Reads a JSON object field by field and reports every error with its JSON Pointer; a derived deserializer would stop
//! at the first error.

use super::casefold::casefold;
use super::json::pointer_token;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;
use std::ops::RangeInclusive;

/// An error in one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// A JSON Pointer (RFC 6901) into the body; empty for the body itself.
    pub pointer: String,
    /// One of [`CODES`].
    pub code: &'static str,
    /// A human-readable description that follows the name of the field, such as "must not be blank".
    pub detail: String,
}

/// The codes of field errors. docs/api.md describes each of them.
pub const CODES: [&str; 31] = [
    "required",
    "wrong-type",
    "blank",
    "too-long",
    "too-large",
    "too-many",
    "too-deep",
    "unknown-field",
    "read-only",
    "invalid-email",
    "two-primaries",
    "invalid-urn",
    "known-schema",
    "unstorable",
    "taken",
    "unknown-user",
    "unknown-role",
    "unknown-profile",
    "unknown-mode",
    "invalid-time",
    "in-the-past",
    "invalid-name",
    "reserved",
    "malformed",
    "truncated",
    "encoding",
    "unknown-group",
    "unknown-connection",
    "out-of-range",
    "unknown-actor",
    "invalid-range",
];

impl FieldError {
    /// An error at `pointer`, with one of the [`CODES`].
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(CODES.contains(&code), "{code} is not listed");
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// The maximum number of values in a list.
const MAX_LIST: usize = 100;

/// The location of a value. It is formatted as a pointer only for an error, because most bodies have none.
#[derive(Clone, Copy)]
enum Location<'p> {
    Body,
    Field(&'p Location<'p>, &'p str),
    Element(&'p Location<'p>, usize),
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => Ok(()),
            Self::Field(object, name) => write!(f, "{object}/{}", pointer_token(name)),
            Self::Element(list, index) => write!(f, "{list}/{index}"),
        }
    }
}

/// An object whose fields are taken out one by one. Fields that remain are unknown.
pub struct Fields<'e> {
    location: Location<'e>,
    map: Map<String, Value>,
    errors: &'e mut Vec<FieldError>,
}

impl<'e> Fields<'e> {
    /// Reads a body with `read`. The value that `read` returns is discarded if there is any error.
    ///
    /// # Errors
    /// A [`FieldError`] for each error that `read` reports and for each unknown field, or one for a body that is not an
    /// object.
    pub fn read<T>(body: Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Vec<FieldError>> {
        if !body.is_object() {
            return Err(vec![wrong_type("", "an object", &body)]);
        }
        let mut errors = Vec::new();
        let value = Fields::inside(Location::Body, body, &mut errors, read);
        if errors.is_empty() { Ok(value) } else { Err(errors) }
    }

    fn inside<T>(
        location: Location<'_>,
        value: Value,
        errors: &mut Vec<FieldError>,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let map = match value {
            Value::Object(map) => map,
            other => {
                errors.push(wrong_type(location.to_string(), "an object", &other));
                Map::new()
            }
        };
        let mut fields = Fields { location, map, errors };
        let value = read(&mut fields);
        fields.reject_unknown();
        value
    }

    /// Takes a field; null means absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Takes a field if it is null. Returns whether it was.
    pub fn take_null(&mut self, name: &str) -> bool {
        let is_null = self.map.get(name).is_some_and(Value::is_null);
        is_null && self.map.remove(name).is_some()
    }

    /// Takes fields that a body may contain but that have no effect.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.map.remove(*name);
        }
    }

    /// Ignores the fields that have not been taken.
    pub fn ignore_rest(&mut self) {
        self.map.clear();
    }

    /// Takes a string.
    pub fn string(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => self.wrong_type(name, "a string", &other),
        }
    }

    /// Takes a string that identifies something: not blank, at most 256 characters, and at most 1,024 bytes after case
    /// folding.
    pub fn key_string(&mut self, name: &str) -> Option<String> {
        let text = self.string(name)?;
        if text.trim().is_empty() {
            self.error(name, "blank", "must not be blank");
        } else if text.chars().count() > 256 || casefold(&text).len() > 1024 {
            let detail =
                "must have at most 256 characters, and at most 1,024 bytes of UTF-8 after case folding";
            self.error(name, "too-long", detail);
        }
        Some(text)
    }

    /// Takes a required string with the rules of [`key_string`](Self::key_string).
    pub fn required_key_string(&mut self, name: &str) -> String {
        self.require(name);
        self.key_string(name).unwrap_or_default()
    }

    /// Reports an error if a field is absent.
    pub fn require(&mut self, name: &str) {
        if !self.has(name) {
            self.error(name, "required", "is required");
        }
    }

    /// Takes a point in time (RFC 3339).
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.string(name)?;
        let time = Timestamp::parse(&text);
        if time.is_none() {
            let detail = "must be an RFC 3339 time, such as 2026-01-02T03:04:05Z";
            self.error(name, "invalid-time", detail);
        }
        time
    }

    /// Takes a boolean.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            other => self.wrong_type(name, "true or false", &other),
        }
    }

    /// Takes a whole number in a range.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        match self.take(name)? {
            Value::Number(number) if !number.is_f64() => {
                let value = number.as_i64().filter(|value| range.contains(value));
                if value.is_none() {
                    let detail = format!("must be from {} to {}", range.start(), range.end());
                    self.error(name, "out-of-range", detail);
                }
                value
            }
            other => self.wrong_type(name, "a whole number", &other),
        }
    }

    /// Takes an object and reads it with `read`; an absent one is read as empty.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        let value = self.take(name).unwrap_or_else(|| Map::new().into());
        Fields::inside(Location::Field(&self.location, name), value, self.errors, read)
    }

    /// Takes an object without reading its fields; an absent one is empty.
    pub fn raw_object(&mut self, name: &str) -> Map<String, Value> {
        match self.take(name) {
            None => Map::new(),
            Some(Value::Object(map)) => map,
            Some(other) => self.wrong_type(name, "an object", &other).unwrap_or_default(),
        }
    }

    /// Takes a list of at most 100 objects and reads each with `read`; an absent one is empty.
    pub fn list<T>(&mut self, name: &str, read: impl Fn(&mut Fields<'_>) -> T) -> Vec<T> {
        let items = match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => self.wrong_type(name, "a list", &other).unwrap_or_default(),
        };
        if items.len() > MAX_LIST {
            self.error(name, "too-many", "must have at most 100 values");
            return Vec::new();
        }
        let list = Location::Field(&self.location, name);
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            values.push(Fields::inside(Location::Element(&list, index), item, self.errors, &read));
        }
        values
    }

    /// Reports an error in a field.
    pub fn error(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.error_at(&pointer_token(name), code, detail);
    }

    /// Reports an error inside a field. `path` is a JSON Pointer without its leading `/`.
    pub fn error_at(&mut self, path: &str, code: &'static str, detail: impl Into<String>) {
        let pointer = format!("{}/{path}", self.location);
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    /// Reports an error in the object as a whole.
    pub fn error_in_whole(&mut self, code: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(self.location.to_string(), code, detail));
    }

    /// Reports every field that has not been taken.
    pub fn reject_unknown(&mut self) {
        for name in std::mem::take(&mut self.map).keys() {
            let pointer = Location::Field(&self.location, name).to_string();
            self.errors.push(FieldError::new(pointer, "unknown-field", "is not a known field"));
        }
    }

    /// Reports that a field has a type other than the expected one.
    pub fn wrong_type<T>(&mut self, name: &str, expected: &str, found: &Value) -> Option<T> {
        let pointer = Location::Field(&self.location, name).to_string();
        self.errors.push(wrong_type(pointer, expected, found));
        None
    }
}

/// The error for a value whose type is not the expected one.
pub fn wrong_type(pointer: impl Into<String>, expected: &str, found: &Value) -> FieldError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    FieldError::new(pointer, "wrong-type", format!("must be {expected}, not {found}"))
}
