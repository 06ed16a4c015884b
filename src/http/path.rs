//! The ids in a path, and the resource that a request addresses.

use super::extractor::extractor;
use super::params::NoQuery;
use super::problem::Problem;
use crate::domain::condition::Conditions;
use crate::domain::parse_id;
use actix_web::HttpRequest;
use uuid::Uuid;

/// The parameter `id` of the path. An id that is not a canonical UUID returns 404, like the id of a resource that
/// does not exist.
pub(super) struct PathId(pub(super) Uuid);

extractor!(PathId);

impl PathId {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        id(request.match_info().get("id")).map(Self)
    }
}

/// The parameter `id` of the path and the id after it.
pub(super) struct PathIds(pub(super) Uuid, pub(super) Uuid);

extractor!(PathIds);

impl PathIds {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut values = request.match_info().iter().map(|(_, value)| value);
        Ok(Self(id(values.next())?, id(values.next())?))
    }
}

/// An existing resource that a request addresses: the id in the path, and the conditions in the headers. Query
/// parameters are refused with 400.
pub(super) struct Target {
    pub(super) id: Uuid,
    pub(super) conditions: Conditions,
}

extractor!(Target);

impl Target {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let conditions = Conditions::of(request)?;
        NoQuery::of(request)?;
        let PathId(id) = PathId::of(request)?;
        Ok(Self { id, conditions })
    }
}

fn id(text: Option<&str>) -> Result<Uuid, Problem> {
    text.and_then(parse_id).ok_or_else(Problem::no_such_resource)
}
