//! SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) as far as it is a matter of values: the schemas, resources as SCIM shows them,
//! bodies, PATCH, projections and errors. It is another face of the native values: what a body says becomes a native
//! body, so that one validation serves both.

pub mod discovery;
pub mod error;
mod invalid;
mod normal;
pub mod patch;
mod path;
pub mod projection;
pub mod resource;
mod resource_type;
pub mod schema;

pub use error::{ScimError, ScimType};
pub use invalid::invalid;
pub use path::spelling;
pub use resource_type::ResourceType;

use derive_more::Display;
use serde::Serialize;
use serde_json::Value;

/// How strictly requests are read. What is said nowhere to depend on it does not.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// As the big identity providers need it: `"active":"True"` is a boolean, a body may lack `schemas`, and a PATCH
    /// whose filter finds nothing adds what it describes, or has nothing to remove.
    #[default]
    #[display("lenient")]
    Lenient,
    /// To the letter of the RFCs.
    #[display("strict")]
    Strict,
}

/// Checks what a message says it is. Leniently, it need not say it.
///
/// # Errors
/// `invalidSyntax` for `schemas` without the message's URN.
pub fn check_message(schemas: Option<&Value>, urn: &str, profile: Profile) -> Result<(), ScimError> {
    let is_it = |named: &Value| named.as_str().is_some_and(|named| named.eq_ignore_ascii_case(urn));
    match schemas {
        None | Some(Value::Null) if profile == Profile::Lenient => Ok(()),
        Some(Value::Array(urns)) if urns.iter().any(is_it) => Ok(()),
        _ => Err(ScimType::InvalidSyntax.error(format!("schemas must be [\"{urn}\"]"))),
    }
}

/// The URNs of schemas and messages (RFC 7643, section 10.3; RFC 7644, section 8.2).
pub mod urn {
    /// Users (RFC 7643, section 4.1).
    pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    /// Groups (RFC 7643, section 4.2).
    pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
    /// The enterprise extension of users (RFC 7643, section 4.3).
    pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    /// What the service can do (RFC 7643, section 5).
    pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    /// Kinds of resources (RFC 7643, section 6).
    pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    /// Schemas (RFC 7643, section 7).
    pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    /// The body of a PATCH (RFC 7644, section 3.5.2).
    pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    /// The body of a search (RFC 7644, section 3.4.3).
    pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    /// The body of a bulk request (RFC 7644, section 3.7).
    pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    /// The answer to it.
    pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
    /// A list (RFC 7644, section 3.4.2).
    pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    /// An error (RFC 7644, section 3.12).
    pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
    /// What all core schemas begin with: of them, Roster knows those that it has.
    pub(super) const CORE: &str = "urn:ietf:params:scim:schemas:core:";
}
