//! Parses a BulkRequest (RFC 7644, section 3.7).

use crate::domain::scim::message::Message;
use crate::domain::scim::patch;
use crate::domain::scim::reading::NoteCode;
use crate::domain::scim::{Reading, ScimError, ScimType, intent, urn};
use crate::http::scim::limits::MAX_OPERATIONS;
use serde_json::Value;

/// An operation as the client sent it, with its method in upper case.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) bulk_id: Option<String>,
    /// The ETag that the resource must have.
    pub(super) version: Option<String>,
    pub(super) data: Data,
}

/// The `data` of an operation.
#[derive(Clone)]
pub(super) enum Data {
    /// The body of a POST or PUT.
    Body(Value),
    /// The operations of a PATCH, or the error with which this operation fails.
    Patch(Result<Vec<patch::Operation>, ScimError>),
}

/// Parses the body. Returns the operations and the number of errors after which no further operation runs. Member names are
/// case-insensitive.
pub(super) fn read(body: Value, reading: &Reading) -> Result<(Vec<Operation>, usize), ScimError> {
    let mut message = Message::of_body(body, urn::BULK_REQUEST, reading)?;
    let fail_on_errors = fail_on_errors(&mut message, reading)?;
    let operations = message.operations()?;
    message.ignore_rest();
    if operations.len() > MAX_OPERATIONS {
        let detail =
            format!("A bulk request can have at most {MAX_OPERATIONS} operations. Split the request.");
        return Err(ScimError::of_status(413, detail));
    }
    let operations = operations.into_iter().map(|input| operation(input, reading));
    Ok((operations.collect::<Result<_, _>>()?, fail_on_errors))
}

fn fail_on_errors(message: &mut Message<'_>, reading: &Reading) -> Result<usize, ScimError> {
    let Some(number) = message.integer("failOnErrors")? else { return Ok(usize::MAX) };
    let limit = usize::try_from(number)
        .map_err(|_| invalid_syntax("failOnErrors must be an integer of at least 0."))?;
    match limit {
        // Clients that send 0 do not intend the request to stop at the first error.
        0 if reading.is_lenient() => {
            reading.note(NoteCode::NoValue, "failOnErrors");
            Ok(usize::MAX)
        }
        // 0 errors are accepted, so the first error ends the request (RFC 7644, section 3.7).
        limit => Ok(limit.max(1)),
    }
}

fn operation(input: Value, reading: &Reading) -> Result<Operation, ScimError> {
    let mut message = Message::of_operation(input, reading)?;
    let mut required = |name: &str| {
        message.text(name)?.ok_or_else(|| invalid_syntax(format!("An operation must have a {name}.")))
    };
    let (method, path) = (required("method")?.to_ascii_uppercase(), required("path")?);
    let bulk_id = message.text("bulkId")?;
    let version = message.text("version")?.map(|version| etag(version, reading));
    let data = message.value("data").unwrap_or_default();
    message.ignore_rest();
    let data = match method.as_str() {
        "PATCH" => Data::Patch(patch::read(data, reading)),
        "DELETE" => Data::Body(Value::Null),
        _ => Data::Body(intent::object(data, reading, "data")),
    };
    Ok(Operation { method, path, bulk_id, version, data })
}

/// Converts a version number to an ETag, in the lenient profile.
fn etag(version: String, reading: &Reading) -> String {
    if !reading.is_lenient() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return version;
    }
    reading.note(NoteCode::Converted, "version");
    format!("W/\"{version}\"")
}

pub(super) fn invalid_syntax(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidSyntax.error(detail)
}
