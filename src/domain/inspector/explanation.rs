//! The codes of notes, with the sections of the RFCs that apply and the settings of identity providers to change.

/// What a code means to an administrator. docs/inspector.md has the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// Whether the request, or an operation of it, was rejected.
    pub is_rejection: bool,
    /// The section of the RFC that applies.
    pub section: Option<&'static str>,
    /// The setting to change, where it is known.
    pub hint: Option<&'static str>,
}

/// The explanation of a code.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code == code)
}

const fn deviation(code: &'static str, section: &'static str, hint: &'static str) -> Explanation {
    Explanation { code, is_rejection: false, section: Some(section), hint: Some(hint) }
}

const fn rejection(code: &'static str, section: &'static str, hint: Option<&'static str>) -> Explanation {
    Explanation { code, is_rejection: true, section: Some(section), hint }
}

/// The hint for failures that end by themselves.
const RETRIED: Option<&str> = Some("None: nothing was done, and identity providers retry.");

/// The hint for a wrong base URL.
const BASE_URL: Option<&str> =
    Some("Check the base URL, which must end in `/scim/v2`, and whether the resource was deleted in Roster.");

/// The hint for values in the attribute mapping.
const MAPPING: Option<&str> =
    Some("Correct the value or the attribute mapping (Okta: Profile Editor; Entra ID: Attribute mapping).");

/// Every code of a note.
pub const EXPLANATIONS: &[Explanation] = &[
    deviation(
        "unknown-attribute",
        "RFC 7644, section 3.12",
        "Remove the attribute from the mapping, or give it the URN of an extension (Okta: Profile Editor, External namespace; \
         Entra ID: Edit attribute list).",
    ),
    deviation("read-only", "RFC 7644, section 3.3", "Remove the attribute from the mapping."),
    deviation(
        "no-value",
        "RFC 7643, section 2.5",
        "Do not send empty values (Entra ID: Default value if null).",
    ),
    deviation(
        "converted",
        "RFC 7643, section 2.3",
        "Send values of the types in the schema (Entra ID: append `?aadOptscim062020` to the tenant URL).",
    ),
    rejection(
        "invalid-syntax",
        "RFC 7644, section 3.12",
        Some("Use the profile `lenient`, or correct the mapping."),
    ),
    rejection(
        "invalid-filter",
        "RFC 7644, section 3.4.2.2",
        Some(
            "Match by an attribute of the schema (Okta: Unique identifier field; Entra ID: Matching precedence).",
        ),
    ),
    rejection("invalid-path", "RFC 7644, section 3.10", MAPPING),
    rejection("invalid-value", "RFC 7644, section 3.12", MAPPING),
    rejection("no-target", "RFC 7644, section 3.5.2", Some("Use the profile `lenient`.")),
    rejection(
        "mutability",
        "RFC 7644, section 3.5.2",
        Some("Map `active` to true or false, and remove read-only attributes."),
    ),
    rejection(
        "uniqueness",
        "RFC 7644, section 3.3",
        Some(
            "Match the existing resource instead of creating another one (Okta: Import; Entra ID: Matching precedence), or rename one.",
        ),
    ),
    rejection(
        "too-many",
        "RFC 7644, section 3.4.2",
        Some("Exclude members, page with `cursor`, or filter by an indexed attribute."),
    ),
    rejection("invalid-cursor", "RFC 9865, section 2.1", None),
    rejection("expired-cursor", "RFC 9865, section 2.1", None),
    rejection("invalid-count", "RFC 9865, section 2.1", None),
    rejection("invalid-vers", "RFC 7644, section 3.13", BASE_URL),
    rejection("sensitive", "RFC 7644, section 7.5.2", None),
    rejection("invalid-header", "RFC 9110, section 15.5.1", None),
    rejection(
        "unauthorized",
        "RFC 7644, section 2",
        Some(
            "Create a token, and enter it without `Bearer` (Okta: API Token; Entra ID: Secret Token). The base URL must end in `/scim/v2`.",
        ),
    ),
    rejection("forbidden", "RFC 7644, section 3.12", None),
    rejection("not-found", "RFC 7644, section 3.12", BASE_URL),
    rejection("method-not-allowed", "RFC 9110, section 15.5.6", BASE_URL),
    rejection("not-acceptable", "RFC 9110, section 15.5.7", None),
    rejection("request-timeout", "RFC 9110, section 15.5.9", None),
    rejection("conflict", "RFC 7644, section 3.12", None),
    rejection("precondition-failed", "RFC 7644, section 3.14", RETRIED),
    rejection(
        "body-too-large",
        "RFC 7644, section 3.12",
        Some("Send fewer members or operations per request, or raise `ROSTER_BODY_LIMIT`."),
    ),
    rejection("unsupported-media-type", "RFC 7644, section 8.1", None),
    rejection("idempotency-key-reused", "RFC 7644, section 3.12", None),
    rejection("too-many-attempts", "RFC 6585, section 4", Some("Correct the token.")),
    rejection("rate-limited", "RFC 6585, section 4", RETRIED),
    rejection(
        "connection-held",
        "RFC 6585, section 4",
        Some("Correct the scope or the filter of the identity provider, and then release the connection."),
    ),
    rejection("not-implemented", "RFC 7644, section 3.11", None),
    rejection(
        "internal",
        "RFC 9110, section 15.6.1",
        Some("None: this is a defect of Roster. Its log contains the request id."),
    ),
    rejection(
        "cancelled",
        "RFC 9110, section 2.4",
        Some("Increase the timeout of the identity provider, or send fewer operations per request."),
    ),
    rejection("overloaded", "RFC 9110, section 15.6.4", RETRIED),
    rejection("deadline-passed", "RFC 9110, section 15.6.4", RETRIED),
    rejection("database-busy", "RFC 9110, section 15.6.4", RETRIED),
    rejection("database-unavailable", "RFC 9110, section 15.6.4", RETRIED),
    rejection("stopping", "RFC 9110, section 15.6.4", RETRIED),
    rejection(
        "outcome-unknown",
        "RFC 9110, section 15.6.5",
        Some("None: identity providers retry, and a repeated write changes nothing."),
    ),
];
