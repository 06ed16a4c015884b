//! Reads a JSON object field by field and collects every error with its pointer, where a derived reader would
//! stop at the first.

use super::fold::fold;
use super::json::to_map;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the body; empty for the body itself.
    pub pointer: String,
    /// Tells errors apart; listed in docs/api.md.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

/// The codes of fields. docs/api.md has a line for each.
pub const CODES: [&str; 21] = [
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
    "invalid-time",
    "invalid-name",
    "reserved",
];

impl FieldError {
    /// An error at `pointer`, with one of the [`CODES`].
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(CODES.contains(&code), "{code} is not listed");
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// The most values that a list may hold.
const LIST_LIMIT: usize = 100;

/// Where a value stands. Written out only for an error: most bodies have none.
#[derive(Clone, Copy)]
enum Place<'p> {
    Body,
    Field(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => Ok(()),
            Self::Field(object, name) => write!(f, "{object}/{}", token(name)),
            Self::Element(list, index) => write!(f, "{list}/{index}"),
        }
    }
}

/// An object that is being read. What has not been taken when [`Fields::finish`] is called is an unknown field.
pub struct Fields<'e> {
    place: Place<'e>,
    map: Map<String, Value>,
    errors: &'e mut Vec<FieldError>,
}

impl<'e> Fields<'e> {
    /// Starts to read a body; anything but an object is an error.
    pub fn new(body: Value, errors: &'e mut Vec<FieldError>) -> Self {
        Self::inside(Place::Body, body, errors)
    }

    fn inside(place: Place<'e>, value: Value, errors: &'e mut Vec<FieldError>) -> Self {
        let map = match value {
            Value::Object(map) => map,
            other => {
                errors.push(wrong_type(place.to_string(), "an object", &other));
                Map::new()
            }
        };
        Self { place, map, errors }
    }

    /// Takes a field; null means absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there and not null.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Takes fields that a body may carry but that say nothing.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.map.remove(*name);
        }
    }

    /// Takes a string.
    pub fn string(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => self.refuse_type(name, "a string", &other),
        }
    }

    /// Takes a string that becomes a key: not blank, at most 256 characters and, folded, 1,024 bytes.
    pub fn key_string(&mut self, name: &str) -> Option<String> {
        let text = self.string(name)?;
        if text.trim().is_empty() {
            self.error(name, "blank", "must not be blank");
        } else if text.chars().count() > 256 || fold(&text).len() > 1024 {
            let detail = "must have at most 256 characters and, folded, at most 1,024 bytes of UTF-8";
            self.error(name, "too-long", detail);
        }
        Some(text)
    }

    /// The same of what must be there.
    pub fn required_key_string(&mut self, name: &str) -> String {
        if !self.has(name) {
            self.error(name, "required", "must be present");
        }
        self.key_string(name).unwrap_or_default()
    }

    /// Takes a point in time (RFC 3339, with an offset).
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.string(name)?;
        let time = Timestamp::parse(&text);
        if time.is_none() {
            self.error(
                name,
                "invalid-time",
                "must be a time with an offset, such as 2026-01-02T03:04:05Z (RFC 3339)",
            );
        }
        time
    }

    /// Takes a boolean.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            other => self.refuse_type(name, "true or false", &other),
        }
    }

    /// Takes an object and reads it with `read`; an absent one is read as empty.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        let value = self.take(name).unwrap_or_else(|| Map::new().into());
        let mut fields = Fields::inside(Place::Field(&self.place, name), value, self.errors);
        let read = read(&mut fields);
        fields.finish();
        read
    }

    /// Takes an object as it is; an absent one is empty.
    pub fn raw_object(&mut self, name: &str) -> Map<String, Value> {
        match self.take(name) {
            None => Map::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.refuse(name, "an object", &other);
                Map::new()
            }
        }
    }

    /// Takes a list of at most 100 objects and reads each with `read`; an absent one is empty.
    pub fn list<T>(&mut self, name: &str, read: impl Fn(&mut Fields<'_>) -> T) -> Vec<T> {
        let items = match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.refuse(name, "a list", &other);
                Vec::new()
            }
        };
        if items.len() > LIST_LIMIT {
            self.error(name, "too-many", "must have at most 100 values");
            return Vec::new();
        }
        let place = Place::Field(&self.place, name);
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let mut fields = Fields::inside(Place::Element(&place, index), item, self.errors);
            values.push(read(&mut fields));
            fields.finish();
        }
        values
    }

    /// Notes an error of a field.
    pub fn error(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.error_at(&token(name), code, detail);
    }

    /// Notes an error further inside: `path` is a pointer without its first `/`.
    pub fn error_at(&mut self, path: &str, code: &'static str, detail: impl Into<String>) {
        let pointer = format!("{}/{path}", self.place);
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    /// Every field that was not taken is unknown.
    pub fn finish(self) {
        for name in self.map.keys() {
            let pointer = Place::Field(&self.place, name).to_string();
            self.errors.push(FieldError::new(pointer, "unknown-field", "is not a known field"));
        }
    }

    /// Notes that a field is of another type.
    pub fn refuse(&mut self, name: &str, expected: &str, found: &Value) {
        let error = wrong_type(Place::Field(&self.place, name).to_string(), expected, found);
        self.errors.push(error);
    }

    fn refuse_type<T>(&mut self, name: &str, expected: &str, found: &Value) -> Option<T> {
        self.refuse(name, expected, found);
        None
    }
}

/// Merges a patch (RFC 7396) into a resource, as it is shown, and reads what becomes of it.
///
/// # Errors
/// What `read` says, and a [`FieldError`] for each unknown field that the patch would remove.
pub fn patched<T>(
    shown: &impl Serialize,
    patch: &Value,
    read: impl FnOnce(Value) -> Result<T, Vec<FieldError>>,
) -> Result<T, Vec<FieldError>> {
    let mut merged = Value::Object(to_map(shown));
    let mut errors = Vec::new();
    find_unknown_removals(&merged, patch, "", &mut errors);
    json_patch::merge(&mut merged, patch);
    match read(merged) {
        Ok(read) if errors.is_empty() => Ok(read),
        Ok(_) => Err(errors),
        Err(more) => Err(errors.into_iter().chain(more).collect()),
    }
}

/// What is free to have any field, and what is ignored.
const NOT_LOOKED_INTO: [&str; 4] =
    ["/custom", "/extensions", "/externalIds", "/enterprise/manager/displayName"];

/// Merging leaves no trace of a null, so a misspelt removal would look like one that was done. The representation
/// shows every field of a resource but the computed one; what is free to have any is the caller's own JSON.
fn find_unknown_removals(target: &Value, patch: &Value, pointer: &str, errors: &mut Vec<FieldError>) {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else { return };
    for (name, value) in patch {
        let at = format!("{pointer}/{}", token(name));
        match target.get(name) {
            _ if NOT_LOOKED_INTO.contains(&at.as_str()) => {}
            None if value.is_null() => {
                errors.push(FieldError::new(at, "unknown-field", "is not a known field"))
            }
            Some(inner) => find_unknown_removals(inner, value, &at, errors),
            None => {}
        }
    }
}

/// The error of a value at `pointer` that should have been `expected`.
#[must_use]
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

/// One reference token of a JSON Pointer (RFC 6901), escaped.
#[must_use]
pub fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
