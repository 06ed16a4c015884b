//! A write of one resource, sent as a separate request or as an operation of a bulk request.

use super::context::{Context, WriteContext};
use super::search::Search;
use crate::domain::condition::Conditions;
use crate::domain::idempotency;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{ResourceType, patch};
use crate::domain::time::Timestamp;
use crate::http::extractor::extractor;
use crate::http::path::PathId;
use crate::http::problem::Problem;
use actix_web::HttpRequest;
use serde_json::Value;
use uuid::Uuid;

/// The resource to write, with the context, the conditions and the response fields of the request. As an extractor, it
/// requires the role `writer` and an id in the path.
pub(super) struct Target {
    pub(super) context: Context,
    pub(super) kind: ResourceType,
    /// The id of the existing resource, or of the one to create.
    pub(super) id: Uuid,
    /// The conditions, from the headers or from the `version` of a bulk operation.
    pub(super) conditions: Conditions,
    pub(super) fields: ResponseFields,
}

extractor!(Target);

impl Target {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let WriteContext(context) = WriteContext::of(request)?;
        let conditions = Conditions::of(request)?.weakly();
        let PathId(id) = PathId::of(request)?;
        let fields = ResponseFields::of(request, &context)?;
        Ok(Self { context, kind: resource_type(request), id, conditions, fields })
    }
}

/// The values of a new resource.
pub(super) struct Creation {
    /// The `Idempotency-Key`, if the request has one.
    pub(super) key: Option<idempotency::Request>,
    pub(super) body: Value,
    /// The time that the id of the target contains.
    pub(super) now: Timestamp,
}

/// The method of a write, with its body.
pub(super) enum Action {
    /// RFC 7644, section 3.3. A repeated request with the same idempotency key returns the first response.
    Create(Creation),
    /// RFC 7644, section 3.5.1.
    Replace(Value),
    /// RFC 7644, section 3.5.2.
    Patch(Vec<patch::Operation>),
    /// RFC 7644, section 3.6.
    Delete,
}

/// The attributes of a resource that the response contains (RFC 7644, section 3.9).
pub(super) struct ResponseFields {
    pub(super) projection: Projection,
    /// Whether the client named them with `attributes`. A PATCH of a group then returns the group.
    pub(super) are_requested: bool,
}

impl ResponseFields {
    /// Reads `attributes` and `excludedAttributes` of the query.
    pub(super) fn of(request: &HttpRequest, context: &Context) -> Result<Self, Problem> {
        let search = Search::from_query(request)?;
        let projection = context.read(|reading| search.projection(resource_type(request), reading))?;
        Ok(Self { projection, are_requested: search.has_attributes() })
    }
}

/// The resource type in the path of a request.
pub(super) fn resource_type(request: &HttpRequest) -> ResourceType {
    match request.match_info().get("type") {
        Some("Groups") => ResourceType::Group,
        _ => ResourceType::User,
    }
}
