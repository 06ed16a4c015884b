//! SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) as pure functions of values: schemas, the representation of resources, request
//! bodies, PATCH, projections and errors.
//!
//! A SCIM body is translated into a native body, so that one validation serves both APIs.

pub mod discovery;
pub mod error;
mod errors;
mod field_errors;
pub mod intent;
pub mod message;
mod normalize;
pub mod patch;
mod path;
pub mod projection;
pub mod reading;
pub mod references;
pub mod resource;
mod resource_type;
pub mod schema;

pub use error::{ScimError, ScimType};
pub use errors::Errors;
pub use field_errors::from_field_errors;
#[cfg(any(test, fuzzing))]
pub(crate) use path::check as check_path;
pub use reading::Reading;
pub use resource_type::ResourceType;

use crate::domain::filter::Literals;
use derive_more::Display;
use serde::Serialize;

/// The strictness of request validation. Rules that mention no profile apply to both.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[display(rename_all = "lowercase")]
pub enum Profile {
    /// Accepts common deviations of identity providers, and notes most of them: unknown and read-only attributes are
    /// ignored, `""` is treated as no value, values are converted to the type of their attribute, a body may omit
    /// `schemas`, and a PATCH whose value filter matches nothing adds the element that the filter describes, or removes
    /// nothing.
    #[default]
    Lenient,
    /// Refuses what the RFCs do not permit.
    Strict,
}

impl Profile {
    /// The types of literals that a filter may contain.
    pub fn literals(self) -> Literals {
        match self {
            Self::Lenient => Literals::Converted,
            Self::Strict => Literals::Typed,
        }
    }
}

/// The URNs of schemas and messages (RFC 7643, section 10.3; RFC 7644, section 8.2).
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub mod urn {
    pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
    pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
    pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
    /// The prefix of all core schemas. A URN with this prefix that is not listed above is an error, not an extension.
    pub(super) const CORE: &str = "urn:ietf:params:scim:schemas:core:";
}
