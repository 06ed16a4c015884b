//! What SCIM says of what was not done (RFC 7644, section 3.12).

use super::urn;
use derive_more::{Display, Error};
use serde_json::{Map, Value, json};

/// The detail error types of RFC 7644, table 9, and of RFC 9865, section 2.1.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum ScimType {
    /// The filter is none, or asks of an attribute what it does not have.
    #[display("invalidFilter")]
    InvalidFilter,
    /// The filter finds more than the server is willing to process.
    #[display("tooMany")]
    TooMany,
    /// A value belongs to another resource.
    #[display("uniqueness")]
    Uniqueness,
    /// The attribute cannot be changed in this way.
    #[display("mutability")]
    Mutability,
    /// The body is not what the schema says.
    #[display("invalidSyntax")]
    InvalidSyntax,
    /// The path of a PATCH is none.
    #[display("invalidPath")]
    InvalidPath,
    /// The path of a PATCH leads nowhere.
    #[display("noTarget")]
    NoTarget,
    /// A value is missing, or not one that the attribute can have.
    #[display("invalidValue")]
    InvalidValue,
    /// The version of the protocol is not supported.
    #[display("invalidVers")]
    InvalidVers,
    /// The request's URI has what should not stand in one.
    #[display("sensitive")]
    Sensitive,
    /// The cursor is not one of this list.
    #[display("invalidCursor")]
    InvalidCursor,
    /// The cursor is too old.
    #[display("expiredCursor")]
    ExpiredCursor,
    /// The count is not one that a page behind a cursor can have.
    #[display("invalidCount")]
    InvalidCount,
}

/// All of them.
pub const SCIM_TYPES: [ScimType; 13] = [
    ScimType::InvalidFilter,
    ScimType::TooMany,
    ScimType::Uniqueness,
    ScimType::Mutability,
    ScimType::InvalidSyntax,
    ScimType::InvalidPath,
    ScimType::NoTarget,
    ScimType::InvalidValue,
    ScimType::InvalidVers,
    ScimType::Sensitive,
    ScimType::InvalidCursor,
    ScimType::ExpiredCursor,
    ScimType::InvalidCount,
];

impl ScimType {
    /// The status that it is answered with: 400, but 409 for what another resource has (RFC 7644, section 3.3).
    #[must_use]
    pub fn status(self) -> u16 {
        if self == Self::Uniqueness { 409 } else { 400 }
    }

    /// An error of this type.
    pub fn error(self, detail: impl Into<String>) -> ScimError {
        ScimError { status: self.status(), scim_type: Some(self), detail: detail.into() }
    }
}

/// Why a request was not carried out.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[display("{detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: u16,
    /// Tells errors of one status apart, where the RFC has a word.
    pub scim_type: Option<ScimType>,
    /// A sentence for people that names attribute and value.
    pub detail: String,
}

impl ScimError {
    /// An error for whose kind the RFC has no word.
    #[must_use]
    pub fn of_status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// The same under another word.
    pub(super) fn with_type(self, scim_type: ScimType) -> Self {
        scim_type.error(self.detail)
    }

    /// The body of the answer; `status` is a string there.
    #[must_use]
    pub fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("schemas".to_owned(), json!([urn::ERROR]));
        body.insert("status".to_owned(), self.status.to_string().into());
        if let Some(scim_type) = self.scim_type {
            body.insert("scimType".to_owned(), scim_type.to_string().into());
        }
        body.insert("detail".to_owned(), self.detail.clone().into());
        body
    }
}

/// As much of a name that a client sent as an error needs.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The same of a value.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        // A long one would be written out only to be cut.
        Value::String(text) => Value::from(excerpt(text)).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_51_an_error_has_a_word_of_the_table_and_its_status_as_a_string() {
        let error = ScimType::InvalidValue.error("active must be true or false, not \"maybe\"");
        assert_eq!(
            Value::Object(error.body()),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400",
                "scimType": "invalidValue",
                "detail": "active must be true or false, not \"maybe\"",
            })
        );
        let words: Vec<String> = SCIM_TYPES.iter().map(ToString::to_string).collect();
        assert_eq!(
            words.join(" "),
            "invalidFilter tooMany uniqueness mutability invalidSyntax invalidPath noTarget invalidValue \
             invalidVers sensitive invalidCursor expiredCursor invalidCount"
        );
    }

    #[test]
    fn item_21_what_another_has_is_a_conflict() {
        assert_eq!(ScimType::Uniqueness.error("").status, 409);
        let others = SCIM_TYPES.iter().filter(|scim_type| **scim_type != ScimType::Uniqueness);
        assert!(others.map(|scim_type| scim_type.status()).all(|status| status == 400));
    }

    #[test]
    fn item_2_an_error_without_a_word_has_none() {
        let body = ScimError::of_status(404, "there is no such user").body();
        assert_eq!(body["status"], "404");
        assert!(!body.contains_key("scimType"));
    }
}
