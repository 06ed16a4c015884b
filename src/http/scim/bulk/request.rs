//! Parses a BulkRequest (RFC 7644, section 3.7).

use crate::domain::scim::{Profile, ScimError, ScimType, check_message, urn};
use crate::http::scim::limits::MAX_OPERATIONS;
use crate::http::scim::search::integer;
use serde_json::{Map, Value};

/// An operation as the client sent it, with its method in upper case.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) bulk_id: Option<String>,
    /// The ETag that the resource must have.
    pub(super) version: Option<String>,
    pub(super) data: Value,
}

/// Parses the body. Returns the operations and the number of errors after which no further operation runs. Member names are
/// case-insensitive.
pub(super) fn read(body: Value, profile: Profile) -> Result<(Vec<Operation>, usize), ScimError> {
    let mut map = lowercase_names(body, "The body")?;
    check_message(map.get("schemas"), urn::BULK_REQUEST, profile)?;
    let fail_on_errors = match map.remove("failonerrors").unwrap_or_default() {
        Value::Null => usize::MAX,
        number => {
            let limit = integer(&number, profile).and_then(|number| usize::try_from(number).ok());
            match limit.ok_or_else(|| invalid_syntax("failOnErrors must be an integer of at least 0."))? {
                // Clients that send 0 do not intend the request to stop at the first error.
                0 if profile == Profile::Lenient => usize::MAX,
                // 0 errors are accepted, so the first error ends the request (RFC 7644, section 3.7).
                limit => limit.max(1),
            }
        }
    };
    let Some(Value::Array(operations)) = map.remove("operations") else {
        return Err(invalid_syntax("Operations must be a list."));
    };
    if operations.len() > MAX_OPERATIONS {
        let detail =
            format!("A bulk request can have at most {MAX_OPERATIONS} operations. Split the request.");
        return Err(ScimError::of_status(413, detail));
    }
    Ok((operations.into_iter().map(operation).collect::<Result<_, _>>()?, fail_on_errors))
}

fn operation(input: Value) -> Result<Operation, ScimError> {
    let mut map = lowercase_names(input, "An operation")?;
    let mut text = |name: &str| match map.remove(&name.to_ascii_lowercase()).unwrap_or_default() {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(invalid_syntax(format!("The {name} of an operation must be a string."))),
    };
    let method = text("method")?.ok_or_else(|| invalid_syntax("An operation must have a method."))?;
    let path = text("path")?.ok_or_else(|| invalid_syntax("An operation must have a path."))?;
    let (bulk_id, version) = (text("bulkId")?, text("version")?);
    let data = map.remove("data").unwrap_or_default();
    Ok(Operation { method: method.to_ascii_uppercase(), path, bulk_id, version, data })
}

fn lowercase_names(input: Value, subject: &str) -> Result<Map<String, Value>, ScimError> {
    let Value::Object(map) = input else {
        return Err(invalid_syntax(format!("{subject} must be an object.")));
    };
    Ok(map.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

pub(super) fn invalid_syntax(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidSyntax.error(detail)
}
