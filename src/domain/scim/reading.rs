//! The state of reading one request: its profile, what has been ignored or converted, and which parts are invalid.

use super::normalize::{is_unassigned, unknown_attribute};
use super::{Errors, Profile, ScimError, ScimType};
use derive_more::Display;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

/// Collects the notes and the errors of a request while it is read, so that a response reports all of them at once.
#[derive(Debug)]
pub struct Reading {
    profile: Profile,
    notes: RefCell<Notes>,
    errors: RefCell<Errors>,
}

/// The notes on what the lenient profile ignored or converted: at most 20, without duplicates. They contain names but
/// no values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(BTreeSet<Note>);

/// A part of a request that was ignored or converted.
#[derive(Clone, Debug, Display, PartialEq, Eq, PartialOrd, Ord)]
#[display("{code} {name}")]
pub struct Note {
    /// The kind of deviation.
    pub code: NoteCode,
    /// The name of the attribute: at most 128 characters, without a value filter or control characters.
    pub name: String,
}

/// The kinds of deviations that the lenient profile tolerates. Their names are stable.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord)]
#[display(rename_all = "kebab-case")]
pub enum NoteCode {
    /// An attribute, or a member of a message, that no schema defines was ignored.
    UnknownAttribute,
    /// A write of a read-only attribute was ignored.
    ReadOnly,
    /// An empty string was treated as no value, a list element without a value was dropped, or a required value was absent.
    NoValue,
    /// A value was converted to the type of its attribute, or of its member of a message.
    Converted,
}

/// The maximum number of notes on a request.
const MAX_NOTES: usize = 20;
/// The maximum length of a name in a note, in characters.
const MAX_NAME: usize = 128;

impl Notes {
    /// Adds notes, up to the maximum number.
    pub fn add(&mut self, notes: Self) {
        let rest = MAX_NOTES.saturating_sub(self.0.len());
        let new: Vec<_> = notes.0.into_iter().filter(|note| !self.0.contains(note)).take(rest).collect();
        self.0.extend(new);
    }

    /// Whether there are no notes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The notes, in the order of their codes and names.
    pub fn iter(&self) -> impl Iterator<Item = &Note> {
        self.0.iter()
    }
}

impl NoteCode {
    /// A sentence about the part with this name.
    pub fn sentence(self, name: &str) -> String {
        match self {
            Self::UnknownAttribute => format!("No schema defines `{name}`, so it was ignored."),
            Self::ReadOnly => format!("`{name}` is read-only, so its value was ignored."),
            Self::NoValue => format!("`{name}` is empty or absent, which was accepted as no value."),
            Self::Converted => {
                format!("The value of `{name}` was converted to the type that the schema defines.")
            }
        }
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&notes.join(", "))
    }
}

impl Reading {
    /// Begins to read a request.
    pub fn new(profile: Profile) -> Self {
        Self { profile, notes: RefCell::default(), errors: RefCell::default() }
    }

    /// The profile that applies to the request.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Whether the profile is lenient.
    pub fn is_lenient(&self) -> bool {
        self.profile == Profile::Lenient
    }

    /// The notes so far.
    pub fn into_notes(self) -> Notes {
        self.notes.into_inner()
    }

    /// Notes a deviation.
    pub fn note(&self, code: NoteCode, name: &str) {
        let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        // A value filter contains values.
        let name = name.split('[').next().unwrap_or_default();
        let name = name.chars().take(MAX_NAME).map(visible).collect();
        self.notes.borrow_mut().add(Notes(BTreeSet::from([Note { code, name }])));
    }

    /// Ignores and notes an attribute that no schema defines.
    ///
    /// # Errors
    /// `invalidSyntax` in the strict profile.
    pub fn unknown(&self, name: &str) -> Result<(), ScimError> {
        if !self.is_lenient() {
            return Err(unknown_attribute(name));
        }
        self.note(NoteCode::UnknownAttribute, name);
        Ok(())
    }

    /// Ignores and notes a write of a read-only attribute. In the strict profile, returns the error `mutability`.
    pub(super) fn read_only(&self, name: &str) -> Result<(), ScimError> {
        if !self.is_lenient() {
            return Err(ScimType::Mutability.error(format!("{name} is read-only.")));
        }
        self.note(NoteCode::ReadOnly, name);
        Ok(())
    }

    /// Notes a read-only attribute that a body may contain but that is ignored (RFC 7644, section 3.3).
    pub(super) fn ignored_read_only(&self, name: &str, value: &Value) {
        if self.is_lenient() && !is_unassigned(value) {
            self.note(NoteCode::ReadOnly, name);
        }
    }

    /// Records the error of a part, so that the other parts can still be read.
    pub(super) fn check<T>(&self, part: Result<T, ScimError>) -> Option<T> {
        part.map_err(|error| self.record(error)).ok()
    }

    pub(super) fn record(&self, error: ScimError) {
        self.errors.borrow_mut().add(error);
    }

    /// Returns the result of the reading, unless any error was recorded.
    ///
    /// # Errors
    /// The combined errors.
    pub fn finish<T>(&self, read: Result<T, ScimError>) -> Result<T, ScimError> {
        let read = self.check(read).filter(|_| self.errors.borrow().is_empty());
        read.ok_or_else(|| self.error())
    }

    /// The combined errors.
    pub(super) fn error(&self) -> ScimError {
        let combined = self.errors.borrow().combine();
        combined.unwrap_or_else(|| ScimType::InvalidValue.error("The request is invalid."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_contain_no_control_characters() {
        let reading = Reading::new(Profile::Lenient);
        for n in 0..100 {
            reading.unknown(&format!("a\n{n}{}", "x".repeat(1_000))).unwrap();
            reading.unknown("same").unwrap();
        }
        let text = reading.into_notes().to_string();
        assert_eq!(text.matches("unknown-attribute").count(), MAX_NOTES);
        assert_eq!(text.matches("unknown-attribute same").count(), 1);
        assert!(text.len() < MAX_NOTES * (MAX_NAME + 24) && !text.contains(char::is_control), "{text}");
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let reading = Reading::new(Profile::Strict);
        assert_eq!(reading.finish(Ok(7)), Ok(7));
        let error = reading.unknown("nope").unwrap_err();
        reading.check::<()>(Err(error.clone()));
        assert_eq!(reading.finish(Ok(7)), Err(error));
        let error = reading.finish::<()>(Err(ScimType::InvalidValue.error("title is wrong"))).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
        assert_eq!(error.detail, "No schema defines the attribute 'nope'; title is wrong.");
    }
}
