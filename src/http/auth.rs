//! Who calls, and what they may do. Rights are types: a handler that writes asks for a [`Writer`].

use super::State;
use super::problem::Problem;
use super::request_id::RequestId;
use crate::domain::DEFAULT_TENANT;
use crate::domain::change::{Actor, ActorKind, Origin};
use crate::domain::idempotency::{BodyHash, Request};
use crate::domain::key::Role;
use crate::domain::time::Timestamp;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};
use uuid::Uuid;

/// Who calls: made from the request's key, once.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant that the request acts in.
    pub tenant: Uuid,
    /// On whose behalf operations run.
    pub origin: Origin,
    role: Role,
}

impl Caller {
    /// A request of the caller's, by the key that it carries.
    pub(super) fn request(
        &self,
        method: &'static str,
        path: &'static str,
        key: String,
        body: BodyHash,
        now: Timestamp,
    ) -> Request {
        let Actor { kind, id } = &self.origin.actor;
        Request { tenant: self.tenant, caller: format!("{kind}:{id}"), method, path, key, body, now }
    }
}

/// Finds out who calls and notes it on the request.
pub(super) fn authenticate(request: &ServiceRequest, state: &State) -> Result<(), Problem> {
    let secret = bearer(request.headers()).ok_or_else(Problem::unauthorized)?;
    if !state.admin_key.as_ref().is_some_and(|key| key.is(secret)) {
        return Err(Problem::unauthorized());
    }
    let actor = Actor { kind: ActorKind::Admin, id: "admin".into() };
    let origin = Origin { actor, request_id: RequestId::of(request) };
    let tenant = acts_in(request.headers())?;
    request.extensions_mut().insert(Caller { tenant, origin, role: Role::Operator });
    Ok(())
}

/// The token of `Authorization: Bearer`; the scheme's name has no case (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(AUTHORIZATION);
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let (scheme, token) = line.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// An operator may act in another tenant. Until tenants can be made there is only the one.
fn acts_in(headers: &HeaderMap) -> Result<Uuid, Problem> {
    match headers.get("roster-tenant").map(|name| name.as_bytes()) {
        None | Some(b"default") => Ok(DEFAULT_TENANT),
        Some(_) => Err(Problem::not_found("there is no tenant of the name in Roster-Tenant")),
    }
}

/// A caller that may read.
pub struct Reader(pub Caller);

/// A caller that may write users and groups.
pub struct Writer(pub Caller);

fn caller(request: &HttpRequest, needed: Role) -> Result<Caller, Problem> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::unauthorized)?;
    if caller.role < needed {
        return Err(Problem::forbidden("the key's role is too small for this"));
    }
    Ok(caller)
}

impl FromRequest for Reader {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request, Role::Reader).map(Self))
    }
}

impl FromRequest for Writer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request, Role::Writer).map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_takes_one_token() {
        let headers = |lines: &[&'static str]| {
            let mut map = HeaderMap::new();
            for line in lines {
                map.append(AUTHORIZATION, actix_web::http::header::HeaderValue::from_static(line));
            }
            map
        };
        assert_eq!(bearer(&headers(&["Bearer x"])), Some(b"x".as_slice()));
        assert_eq!(bearer(&headers(&["bEARER  x "])), Some(b"x".as_slice()));
        for bad in [&["Basic eDp4"][..], &["Bearer"], &["x"], &["Bearer x", "Bearer y"], &[]] {
            assert_eq!(bearer(&headers(bad)), None, "{bad:?}");
        }
    }
}
