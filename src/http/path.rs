//! The ids in a path, and the resource that a request addresses.

use super::headers::conditions;
use super::params::NoQuery;
use super::problem::Problem;
use crate::domain::condition::Conditions;
use crate::domain::parse_id;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};
use uuid::Uuid;

/// The parameter `id` of the path. An id that is not a UUID in its usual form is answered with 404, like any other
/// that names no resource.
pub(super) struct PathId(pub(super) Uuid);

/// The parameter `id` of the path and the id after it.
pub(super) struct PathIds(pub(super) Uuid, pub(super) Uuid);

impl FromRequest for PathId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(id(request.match_info().get("id")).map(Self))
    }
}

impl FromRequest for PathIds {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.match_info().iter().map(|(_, value)| value);
        let mut next = || id(values.next());
        ready(next().and_then(|first| Ok(Self(first, next()?))))
    }
}

/// An existing resource that a request addresses: the id in the path, and the conditions in the headers. Query
/// parameters are refused with 400.
pub(super) struct Target {
    pub(super) id: Uuid,
    pub(super) conditions: Conditions,
}

impl FromRequest for Target {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let target = || {
            let conditions = conditions(request.headers())?;
            NoQuery::of(request)?;
            Ok(Self { id: id(request.match_info().get("id"))?, conditions })
        };
        ready(target())
    }
}

fn id(text: Option<&str>) -> Result<Uuid, Problem> {
    text.and_then(parse_id).ok_or_else(Problem::no_such_resource)
}
