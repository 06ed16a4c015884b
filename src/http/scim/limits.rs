//! The limits of SCIM requests.

use crate::domain::scim::ScimType;
use crate::domain::scim::discovery::Limits;
use crate::http::problem::Problem;
use crate::ops::OpError;

/// The maximum number of operations in a bulk request.
pub(super) const MAX_OPERATIONS: usize = 1_000;
/// The page size of a request without `count`.
pub(super) const DEFAULT_COUNT: usize = 100;
/// The maximum page size. A larger `count` is lowered to it.
pub(super) const MAX_COUNT: usize = 500;

/// The limits that discovery announces, given the maximum size of a body in bytes.
pub(super) fn limits(body: usize) -> Limits {
    Limits {
        bulk_operations: MAX_OPERATIONS,
        bulk_bytes: body,
        default_page: DEFAULT_COUNT,
        max_page: MAX_COUNT,
    }
}

/// Translates the refusal of an operation that would read too many rows.
pub(super) fn too_many(error: OpError, detail: &str) -> Problem {
    match error {
        OpError::Refused(_) => ScimType::TooMany.error(detail).into(),
        error => error.into(),
    }
}
