//! Who calls, and what they may do. Rights are types: a handler that writes asks for a [`Writer`].

use super::State;
use super::problem::Problem;
use super::request_id::RequestId;
use super::scim;
use crate::domain::idempotency::{BodyHash, Request};
use crate::domain::key::{Credential, Role, Secret};
use crate::domain::origin::{Actor, ActorKind, Origin};
use crate::domain::scim::Profile;
use crate::domain::time::Timestamp;
use crate::domain::{DEFAULT_TENANT, NATIVE_SOURCE, Source};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use uuid::Uuid;

/// Who calls: made from the request's key, once.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant that the request acts in.
    pub tenant: Uuid,
    /// On whose behalf operations run.
    pub origin: Origin,
    /// What the key may do.
    pub role: Role,
    /// Whose externalIds the caller sees and writes.
    pub source: Source,
    /// How strictly its SCIM requests are read.
    pub profile: Profile,
    /// What a made key was proved by.
    secret: Option<Secret>,
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
pub(super) async fn authenticate(request: &ServiceRequest, state: &State) -> Result<(), Problem> {
    let holder = identify(request, state).await?;
    let tenant = acts_in(request.headers(), state, &holder).await?;
    let Holder { actor, role, source, profile, secret, .. } = holder;
    let origin = Origin { actor, request_id: RequestId::of(request) };
    request.extensions_mut().insert(Caller { tenant, origin, role, source, profile, secret });
    Ok(())
}

/// Whether a key is still what it was when the request began: a body can take its time to come.
pub(super) async fn still_good(request: &HttpRequest, state: &State) -> Result<(), Problem> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::unauthorized)?;
    let Some(secret) = &caller.secret else { return Ok(()) };
    let key = match state.credentials.known(secret) {
        Some(key) => Some(key),
        None => state.credentials.identify(secret).await?,
    };
    let now = state.clock.now();
    let same = |key: &Arc<Credential>| key.role() >= caller.role && key.is_good(now);
    key.filter(same).map(drop).ok_or_else(Problem::unauthorized)
}

/// Who holds the key that a request shows.
struct Holder {
    actor: Actor,
    tenant: Uuid,
    role: Role,
    source: Source,
    profile: Profile,
    secret: Option<Secret>,
}

async fn identify(request: &ServiceRequest, state: &State) -> Result<Holder, Problem> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return Err(Problem::unauthorized());
    }
    let address = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let failed = || match state.auth_throttle.fail(address) {
        None => Problem::unauthorized(),
        Some(wait) => Problem::too_many_attempts(wait),
    };
    let token = bearer(request.headers()).ok_or_else(failed)?;
    if state.admin_key.as_ref().is_some_and(|key| key.is(token)) {
        let actor = Actor { kind: ActorKind::Admin, id: "admin".into() };
        let (tenant, role) = (DEFAULT_TENANT, Role::Operator);
        let (source, profile) = (NATIVE_SOURCE.into(), Profile::default());
        return Ok(Holder { actor, tenant, role, source, profile, secret: None });
    }
    let secret = str::from_utf8(token).ok().and_then(Secret::parse).ok_or_else(failed)?;
    let key = match state.credentials.known(&secret) {
        Some(key) => Some(key),
        None => match state.auth_throttle.refused(address) {
            // Others' failures do not lock out a key that was good before.
            Some(wait) if !state.credentials.was_known(&secret) => {
                return Err(Problem::too_many_attempts(wait));
            }
            _ => state.credentials.identify(&secret).await?,
        },
    };
    let now = state.clock.now();
    let key = key.filter(|key| key.is_good(now)).ok_or_else(failed)?;
    if matches!(*key, Credential::Token(..)) && !scim::is_below(request.path()) {
        return Err(Problem::unauthorized());
    }
    state.credentials.used(key.id(), now);
    let (actor, tenant, role) = (key.actor(), key.tenant(), key.role());
    Ok(Holder { actor, tenant, role, source: key.source(), profile: key.profile(), secret: Some(secret) })
}

/// The token of `Authorization: Bearer`; the scheme's name has no case (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(AUTHORIZATION);
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let (scheme, token) = line.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The key's own tenant, or the one that an operator names. Who is none does not learn whether it exists.
async fn acts_in(headers: &HeaderMap, state: &State, holder: &Holder) -> Result<Uuid, Problem> {
    let mut lines = headers.get_all("roster-tenant");
    let Some(line) = lines.next() else { return Ok(holder.tenant) };
    if holder.role < Role::Operator {
        return Err(Problem::forbidden("only an operator may act in another tenant"));
    }
    if lines.next().is_some() {
        return Err(Problem::invalid_header("Roster-Tenant must come once"));
    }
    let unknown = || Problem::not_found("there is no tenant of the name in Roster-Tenant");
    let name = line.to_str().map_err(|_| unknown())?;
    state.credentials.tenant(name).await?.ok_or_else(unknown)
}

/// Each right is a type that only a caller of its role or a higher one becomes.
macro_rules! rights {
    ($($(#[$doc:meta])* $right:ident;)*) => {$(
        $(#[$doc])*
        pub struct $right(pub Caller);

        impl FromRequest for $right {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(caller(request, Role::$right).map(Self))
            }
        }
    )*};
}

rights! {
    /// A caller that may read.
    Reader;
    /// A caller that may write users and groups.
    Writer;
    /// A caller that may manage its tenant.
    Admin;
    /// A caller that may manage tenants.
    Operator;
}

impl Admin {
    /// A caller whose right turns out to be needed by what it asks for.
    pub(super) fn new(caller: Caller) -> Result<Self, Problem> {
        if caller.role < Role::Admin { Err(too_small()) } else { Ok(Self(caller)) }
    }
}

fn too_small() -> Problem {
    Problem::forbidden("the key's role is too small for this")
}

fn caller(request: &HttpRequest, needed: Role) -> Result<Caller, Problem> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::unauthorized)?;
    if caller.role < needed {
        return Err(too_small());
    }
    Ok(caller)
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
