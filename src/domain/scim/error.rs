//! Errors (RFC 7644, section 3.12).

use super::urn;
use crate::domain::excerpt;
use derive_more::{Display, Error};
use serde_json::{Map, Value, json};

/// The detail error types of RFC 7644, table 9, and of RFC 9865, section 2.1.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display(rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7644, table 9, and RFC 9865, section 2.1, define them")]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

/// Every [`ScimType`].
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
    /// The HTTP status: 409 for `uniqueness` (RFC 7644, section 3.3), otherwise 400.
    pub fn status(self) -> u16 {
        if self == Self::Uniqueness { 409 } else { 400 }
    }

    /// Creates an error of this type.
    pub fn error(self, detail: impl Into<String>) -> ScimError {
        ScimError { status: self.status(), scim_type: Some(self), detail: detail.into() }
    }
}

/// The reason why a request failed.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[display("{detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: u16,
    /// The detail error type, where the RFCs define one for this error.
    pub scim_type: Option<ScimType>,
    /// A human-readable sentence that names the attribute and the value.
    pub detail: String,
}

impl ScimError {
    /// Creates an error for which the RFCs define no detail error type.
    pub fn of_status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// Replaces the detail error type and keeps the detail.
    #[must_use]
    pub fn with_type(self, scim_type: ScimType) -> Self {
        scim_type.error(self.detail)
    }

    /// Adds the request id to the detail, because the detail is the only part of a response that identity providers
    /// show to administrators.
    #[must_use]
    pub fn with_request_id(self, id: &str) -> Self {
        let detail = self.detail.strip_suffix('.').unwrap_or(&self.detail);
        Self { detail: format!("{detail}. Request id: {id}."), ..self }
    }

    /// The response body. Its `status` is a string, as the RFC requires.
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

/// A short description of a value from the client, for use in an error detail.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        // Truncated first, so that a long text is not serialized in full.
        Value::String(text) => Value::from(excerpt(text)).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_a_scim_type_of_the_rfc_and_a_string_status() {
        let error = ScimType::InvalidValue.error("active must be true or false, not \"maybe\".");
        assert_eq!(
            Value::Object(error.body()),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400",
                "scimType": "invalidValue",
                "detail": "active must be true or false, not \"maybe\".",
            })
        );
        let names: Vec<String> = SCIM_TYPES.iter().map(ToString::to_string).collect();
        assert_eq!(
            names.join(" "),
            "invalidFilter tooMany uniqueness mutability invalidSyntax invalidPath noTarget invalidValue \
             invalidVers sensitive invalidCursor expiredCursor invalidCount"
        );
    }

    #[test]
    fn only_uniqueness_errors_are_conflicts() {
        assert_eq!(ScimType::Uniqueness.error("").status, 409);
        let others = SCIM_TYPES.iter().filter(|scim_type| **scim_type != ScimType::Uniqueness);
        assert!(others.map(|scim_type| scim_type.status()).all(|status| status == 400));
    }

    #[test]
    fn an_error_without_a_scim_type_omits_it_from_the_body() {
        let body = ScimError::of_status(404, "No user has this id.").body();
        assert_eq!(body["status"], "404");
        assert!(!body.contains_key("scimType"));
    }
}
