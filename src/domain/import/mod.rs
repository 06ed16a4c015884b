//! The input of an import: lines of JSON (NDJSON), in the format of an export or with a user each, or CSV with a header.

mod lines;
mod mapping;
mod ndjson;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use lines::{LINE_LIMIT, RawLine, Splitter, Syntax};
pub use mapping::Mapping;
pub use table::Columns;
pub use values::Values;

use super::fields::FieldError;
use derive_more::Display;
use std::ops::Range;
use std::str::FromStr;
use uuid::Uuid;

/// The formats of the input.
#[derive(Clone, Debug)]
pub enum Format {
    /// Lines of JSON.
    Ndjson,
    /// CSV with a header.
    Csv(Mapping),
}

/// The attribute that identifies the existing user or group of a line.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display(rename_all = "camelCase")]
pub enum Match {
    /// The userName, without regard to case. Groups are matched by their ids.
    UserName,
    /// The externalId of the source `native`.
    ExternalId,
    /// The id. A resource that does not exist is created with this id.
    Id,
}

impl FromStr for Match {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found =
            [Self::UserName, Self::ExternalId, Self::Id].into_iter().find(|by| by.to_string() == text);
        found.ok_or("must be userName, externalId or id")
    }
}

/// The treatment of lines whose user or group exists.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq)]
#[display(rename_all = "lowercase")]
pub enum Mode {
    /// The line updates the resource.
    #[default]
    Upsert,
    /// The line is refused.
    Create,
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = [Self::Upsert, Self::Create].into_iter().find(|mode| mode.to_string() == text);
        found.ok_or("must be upsert or create")
    }
}

/// A line that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The number of the line in the input. The first line has number 1.
    pub number: u64,
    /// The position in the input, in bytes.
    pub range: Range<u64>,
    /// The content, or each of its errors.
    pub content: Result<Content, Vec<FieldError>>,
}

/// The content of a line.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Content {
    User(Values),
    Group(Values),
    Member {
        group: Uuid,
        user: Uuid,
    },
    /// The first line of an export.
    Head,
    /// The last line of an export.
    End,
}

/// Reads lines, independently of each other.
#[derive(Debug)]
pub enum Parser {
    /// Reads lines of JSON.
    Ndjson,
    /// Reads the records after a header.
    Csv(Columns),
}

impl Format {
    /// The syntax in which the input is split into lines.
    #[must_use]
    pub fn syntax(&self) -> Syntax {
        match self {
            Self::Ndjson => Syntax::Ndjson,
            Self::Csv(_) => Syntax::Csv,
        }
    }
}

impl Parser {
    /// Reads a line.
    #[must_use]
    pub fn parse(&self, RawLine { number, range, text, is_complete }: RawLine) -> Line {
        let content = valid_text(text).and_then(|text| match self {
            Self::Ndjson => ndjson::parse(&text),
            Self::Csv(columns) => columns.parse(&text),
        });
        let content = content.map_err(|errors| if is_complete { errors } else { as_truncated(errors) });
        Line { number, range, content }
    }
}

/// The text of a line in UTF-8.
fn valid_text(text: Option<Vec<u8>>) -> Result<String, Vec<FieldError>> {
    let too_long = || error("too-large", format!("must not exceed {} KiB", LINE_LIMIT / 1024));
    String::from_utf8(text.ok_or_else(too_long)?).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(position).copied().unwrap_or_default();
        let detail =
            format!("is not UTF-8: byte {byte:#04X} at position {}; save the file as UTF-8", position + 1);
        self::error("encoding", detail)
    })
}

/// The errors of the last line if it does not end with a line feed. If its syntax is valid, the line is complete.
fn as_truncated(mut errors: Vec<FieldError>) -> Vec<FieldError> {
    for error in errors.iter_mut().filter(|error| error.code == "malformed") {
        error.code = "truncated";
        error.detail = format!("is incomplete, because the input ends here: it {}", error.detail);
    }
    errors
}

/// The errors of a line with one error in the line as a whole.
fn error(code: &'static str, detail: impl Into<String>) -> Vec<FieldError> {
    vec![FieldError::new("", code, detail)]
}

/// The error of an input that is not UTF-8 but UTF-16, as some spreadsheets save it. `start` is the start of the input.
///
/// # Errors
/// A [`FieldError`] if the input begins with the byte order mark of UTF-16.
pub fn check_start(start: &[u8]) -> Result<(), Vec<FieldError>> {
    let is_utf16 = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    if is_utf16 { Err(error("encoding", "is UTF-16; save the file as UTF-8")) } else { Ok(()) }
}
