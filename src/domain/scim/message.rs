//! Messages (RFC 7644, section 8.2) and their operations: objects whose members have case-insensitive names. The lenient
//! profile converts a member of an unexpected type, and notes the members that are ignored.

use super::error::describe;
use super::normalize::reject_duplicate_names;
use super::reading::NoteCode;
use super::{Reading, ScimError, ScimType, intent};
use serde_json::Value;
use std::collections::BTreeMap;

/// A message or an operation whose members are taken out one by one. A member that is null counts as absent.
pub struct Message<'r> {
    /// The members that have not been taken: their names as sent and their values, by name in lower case.
    members: BTreeMap<String, (String, Value)>,
    reading: &'r Reading,
}

impl<'r> Message<'r> {
    /// Reads the body of a request, which is a message with this URN.
    ///
    /// # Errors
    /// `invalidSyntax` when the body is not an object, contains a name twice or has other `schemas`.
    pub fn of_body(body: Value, urn: &str, reading: &'r Reading) -> Result<Self, ScimError> {
        let mut message = Self::read(body, "The body", reading)?;
        message.check_schemas(urn)?;
        Ok(message)
    }

    /// Reads an operation of a message.
    ///
    /// # Errors
    /// `invalidSyntax` when the operation is not an object or contains a name twice.
    pub fn of_operation(operation: Value, reading: &'r Reading) -> Result<Self, ScimError> {
        Self::read(operation, "An operation", reading)
    }

    fn read(input: Value, subject: &str, reading: &'r Reading) -> Result<Self, ScimError> {
        let name = subject.to_ascii_lowercase();
        let Value::Object(map) = intent::object(input, reading, &name) else {
            return Err(invalid_syntax(format!("{subject} must be an object.")));
        };
        reject_duplicate_names(&map, &name)?;
        let members = map.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), (name, value)));
        Ok(Self { members: members.collect(), reading })
    }

    /// Checks `schemas`. In the lenient profile, they may be absent, empty or a string.
    fn check_schemas(&mut self, urn: &str) -> Result<(), ScimError> {
        let matches = |schema: &Value| schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(urn));
        let lenient = self.reading.is_lenient();
        match intent::list(self.take("schemas"), self.reading, "schemas") {
            Value::Null if lenient => self.reading.note(NoteCode::NoValue, "schemas"),
            Value::Array(urns) if urns.is_empty() && lenient => {
                self.reading.note(NoteCode::NoValue, "schemas");
            }
            single if lenient && matches(&single) => self.reading.note(NoteCode::Converted, "schemas"),
            Value::Array(urns) if urns.iter().any(matches) => {}
            _ => return Err(invalid_syntax(format!("schemas must be [\"{urn}\"]."))),
        }
        Ok(())
    }

    /// Takes a member of any type.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(&name.to_ascii_lowercase()).map(|(_, value)| value)
    }

    fn take(&mut self, name: &str) -> Value {
        self.value(name).unwrap_or_default()
    }

    /// Takes a string. In the lenient profile, an empty string counts as absent.
    ///
    /// # Errors
    /// `invalidSyntax` for a value of another type.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, ScimError> {
        let text = self.text_or_blank(name)?;
        if self.reading.is_lenient() && text.as_ref().is_some_and(String::is_empty) {
            self.reading.note(NoteCode::NoValue, name);
            return Ok(None);
        }
        Ok(text)
    }

    /// Takes a string whose empty value has a meaning.
    ///
    /// # Errors
    /// `invalidSyntax` for a value of another type.
    pub fn text_or_blank(&mut self, name: &str) -> Result<Option<String>, ScimError> {
        match intent::text(self.take(name), self.reading, name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            other => Err(invalid_syntax(format!("{name} must be a string, not {}.", describe(&other)))),
        }
    }

    /// Takes an integer.
    ///
    /// # Errors
    /// `invalidSyntax` for any other value.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, ScimError> {
        match intent::integer(self.take(name), self.reading, name) {
            Value::Null => Ok(None),
            number => {
                let integer = number.as_i64().map(Some);
                integer.ok_or_else(|| invalid_syntax(format!("{name} must be an integer.")))
            }
        }
    }

    /// Takes the names of attributes, as a string or as a list of strings. Returns them separated by commas.
    ///
    /// # Errors
    /// `invalidSyntax` for a value of another type.
    pub fn names(&mut self, name: &str) -> Result<Option<String>, ScimError> {
        match intent::list(self.take(name), self.reading, name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            Value::Array(items) => {
                let names: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                names.map(|names| Some(names.join(","))).ok_or_else(|| not_names(name))
            }
            _ => Err(not_names(name)),
        }
    }

    /// Takes the operations. In the lenient profile, a single operation needs no list.
    ///
    /// # Errors
    /// `invalidSyntax` when there is no list.
    pub fn operations(&mut self) -> Result<Vec<Value>, ScimError> {
        const NAME: &str = "Operations";
        match intent::list(self.take(NAME), self.reading, NAME) {
            Value::Array(operations) => Ok(operations),
            single @ Value::Object(_) if self.reading.is_lenient() => {
                self.reading.note(NoteCode::Converted, NAME);
                Ok(vec![single])
            }
            _ => Err(invalid_syntax("Operations must be a list.")),
        }
    }

    /// The names, as sent, of the members that have not been taken.
    pub fn rest(&self) -> impl Iterator<Item = &str> {
        self.members.values().map(|(name, _)| name.as_str())
    }

    /// Ignores the members that have not been taken. The lenient profile notes them.
    pub fn ignore_rest(self) {
        for name in self.rest().filter(|_| self.reading.is_lenient()) {
            self.reading.note(NoteCode::UnknownAttribute, name);
        }
    }
}

fn not_names(name: &str) -> ScimError {
    invalid_syntax(format!("{name} must be a string or a list of strings."))
}

fn invalid_syntax(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidSyntax.error(detail)
}
