//! Authentication: the caller of a request, from its key or token.

use super::api::Api;
use super::changes::Resumed;
use super::deadline::Deadline;
use super::problem::Problem;
use super::rate_limit;
use super::request_id::RequestId;
use super::state::State;
use super::traceparent::traceparent;
use crate::domain::connection::Mode;
use crate::domain::key::{Credential, Role, Secret};
use crate::domain::origin::{Actor, ActorKind, Origin};
use crate::domain::plan::Plan;
use crate::domain::scim::Profile;
use crate::domain::time::Timestamp;
use crate::domain::{DEFAULT_TENANT, NATIVE_SOURCE, Source};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{HttpMessage, HttpRequest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use uuid::Uuid;

/// The authenticated caller of a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The actor and the request id that are recorded with the caller's changes, and the tenant that the request acts in.
    pub(super) origin: Origin,
    /// The role of the key. A connection's token has the role `writer`.
    pub(super) role: Role,
    /// The source of the externalIds that the caller reads and writes.
    pub(super) source: Source,
    /// The strictness with which the caller's SCIM requests are validated.
    pub(super) profile: Profile,
    /// When the key or token expires; `None` means never.
    pub(super) expires_at: Option<Timestamp>,
    /// The secret of the key or token; none for `ROSTER_ADMIN_KEY`.
    secret: Option<Secret>,
}

/// The owner of a key or token that has expired. Only the log names it.
pub(super) struct RefusedCaller {
    pub(super) tenant: Uuid,
    pub(super) actor: Actor,
}

/// Authenticates the caller, counts the request, and stores the caller in the request's extensions.
pub(super) async fn authenticate(request: &ServiceRequest, state: &State) -> Result<(), Problem> {
    let mut caller = identify(request, state).await?;
    let named = match rate_limit::count(request, state, &caller) {
        Ok(()) => named_tenant(request.headers(), state, &caller).await,
        Err(problem) => Err(problem),
    };
    if let Ok(Some(tenant)) = named {
        caller.origin.tenant = tenant;
    }
    let permitted = check_path(request, &caller);
    // The access log must name the caller even if the request is refused.
    request.extensions_mut().insert(caller);
    named.map(drop).and(permitted)
}

/// Checks that a connection's token is used only for SCIM and for `/me`.
fn check_path(request: &ServiceRequest, caller: &Caller) -> Result<(), Problem> {
    let is_token = caller.origin.actor.kind == ActorKind::Connection;
    if !is_token || Api::of(request.path()) == Api::Scim || request.path() == "/me" {
        return Ok(());
    }
    let is_path = request.match_pattern().is_some();
    Err(if is_path { Problem::token_outside_scim() } else { Problem::no_such_path_for_token() })
}

/// The lowest role that the handler of a request requires. It is stored in the request's extensions.
pub(super) struct RequiredRole(Role);

impl RequiredRole {
    /// Records that the handler requires this role, in addition to others.
    pub(super) fn raise(request: &HttpRequest, role: Role) {
        let mut extensions = request.extensions_mut();
        let Self(required) = extensions.get_or_insert_with(|| Self(role));
        *required = role.max(*required);
    }
}

/// Checks the key again once the body has arrived. In the meantime, the key may have expired, been revoked, or been given a
/// role that is too low.
pub(super) async fn reauthenticate(request: &HttpRequest, state: &State) -> Result<(), Problem> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::no_valid_key)?;
    let required = request.extensions().get::<RequiredRole>().map_or(caller.role, |RequiredRole(role)| *role);
    caller.check_role(state, required).await.map(drop)
}

impl Caller {
    /// Whether the caller's writes are rolled back, because its connection has the mode `dry`.
    pub(super) fn is_dry(&self) -> bool {
        self.origin.plan.is_some()
    }

    /// The same caller, for checks after the request's deadline.
    pub(super) fn without_deadline(&self) -> Self {
        Self { origin: Origin { deadline: None, ..self.origin.clone() }, ..self.clone() }
    }

    /// Returns the current role of the key, which may have changed since the request arrived.
    ///
    /// # Errors
    /// 401 when the key has expired or been revoked, 403 when its role is lower than `required`, and 503 when the mode of the
    /// connection has become `dry`.
    pub(super) async fn check_role(&self, state: &State, required: Role) -> Result<Role, Problem> {
        let Some(secret) = &self.secret else { return Ok(self.role) };
        let credential = match state.credentials.cached(secret) {
            Some(credential) => Some(credential),
            None => state.credentials.load(secret, self.origin.deadline).await?,
        };
        let credential = credential.filter(|credential| credential.is_active(state.clock.now()));
        let credential = credential.ok_or_else(Problem::no_valid_key)?;
        if !self.is_dry() && credential.mode == Mode::Dry {
            return Err(Problem::mode_changed());
        }
        // Only operators can act in a tenant other than that of their key.
        let required = if credential.tenant == self.origin.tenant { required } else { Role::Operator };
        if credential.role < required {
            Err(Problem::insufficient_role(required))
        } else {
            Ok(credential.role)
        }
    }
}

/// The caller, acting in the tenant of its key.
async fn identify(request: &ServiceRequest, state: &State) -> Result<Caller, Problem> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return Err(Problem::no_valid_key());
    }
    let address = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    // A parked request that runs again was authenticated before, so it is not another attempt.
    let is_resumed = request.extensions().contains::<Resumed>();
    let fail = || (!is_resumed).then(|| state.auth_throttle.fail(address, Instant::now())).flatten();
    let failed = || match fail() {
        None => Problem::no_valid_key(),
        Some(wait) => Problem::throttled(wait),
    };
    let (scheme, token) = presented(request.headers()).ok_or_else(failed)?;
    let is_admin_key = || state.admin_keys.as_ref().is_some_and(|keys| keys.contain(&token));
    if scheme == Scheme::Bearer && is_admin_key() {
        return Ok(Caller {
            origin: origin(request, Actor { kind: ActorKind::Admin, id: "admin".into() }, DEFAULT_TENANT),
            role: Role::Operator,
            source: NATIVE_SOURCE.into(),
            profile: Profile::default(),
            expires_at: None,
            secret: None,
        });
    }
    let secret = str::from_utf8(&token).ok().and_then(Secret::parse).ok_or_else(failed)?;
    let credential = match state.credentials.cached(&secret) {
        Some(credential) => Some(credential),
        None => match state.auth_throttle.refused(address, Instant::now()) {
            // Failures of other clients behind the same address do not lock out a key that was valid before.
            Some(wait) if !is_resumed && !state.credentials.was_cached(&secret) => {
                return Err(Problem::throttled(wait));
            }
            _ => state.credentials.load(&secret, Deadline::of(request)).await?,
        },
    };
    let now = state.clock.now();
    let credential = credential.filter(|credential| scheme == Scheme::Bearer || credential.is_token());
    let credential = credential.ok_or_else(failed)?;
    if !credential.is_active(now) {
        let (tenant, actor) = (credential.tenant, credential.actor.clone());
        state.inspector.begin(request, &actor);
        request.extensions_mut().insert(RefusedCaller { tenant, actor });
        return Err(failed());
    }
    state.credentials.used(credential.id, now);
    let Credential { tenant, role, profile, mode, expires_at, .. } = *credential;
    let (plan, revisions) =
        ((mode == Mode::Dry).then(Plan::default), state.inspector.begin(request, &credential.actor));
    let origin = Origin { plan, revisions, ..origin(request, credential.actor.clone(), tenant) };
    let source = credential.source.clone();
    Ok(Caller { origin, role, source, profile, expires_at, secret: Some(secret) })
}

fn origin(request: &ServiceRequest, actor: Actor, tenant: Uuid) -> Origin {
    let (request_id, deadline) = (RequestId::of(request), Deadline::of(request));
    let trace_id = traceparent(request.headers()).map(|(_, id)| id);
    let (bulk, plan, revisions) = (false, None, None);
    Origin { actor, tenant, request_id, trace_id, deadline, bulk, plan, revisions }
}

/// The authentication scheme of a request. Its name is case-insensitive (RFC 9110, section 11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    /// Only for tokens of connections, because some identity providers offer no other scheme.
    Basic,
}

/// The scheme of `Authorization`, and the key or token: with Basic, the password (RFC 7617, section 2). The user name is
/// ignored.
fn presented(headers: &HeaderMap) -> Option<(Scheme, Cow<'_, [u8]>)> {
    let mut lines = headers.get_all(AUTHORIZATION);
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let line = line.as_bytes();
    let (scheme, value) = line.split_at_checked(line.iter().position(|byte| *byte == b' ')?)?;
    let value = value.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some((Scheme::Bearer, value.into()));
    }
    let mut pair = scheme.eq_ignore_ascii_case(b"basic").then(|| STANDARD.decode(value).ok()).flatten()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some((Scheme::Basic, pair.split_off(colon + 1).into()))
}

/// The well-formed secret of a key or token that a request presents.
pub(super) fn presented_secret(headers: &HeaderMap) -> Option<Secret> {
    let (_, token) = presented(headers)?;
    Secret::parse(str::from_utf8(&token).ok()?)
}

/// The tenant that an operator names in `Roster-Tenant`. The role is checked first, so that other callers cannot learn
/// which tenants exist.
async fn named_tenant(headers: &HeaderMap, state: &State, caller: &Caller) -> Result<Option<Uuid>, Problem> {
    let mut lines = headers.get_all("roster-tenant");
    let Some(line) = lines.next() else { return Ok(None) };
    if caller.role < Role::Operator {
        let detail = "This key's role does not permit the header `Roster-Tenant` (requires `operator`).";
        return Err(Problem::forbidden(detail));
    }
    if lines.next().is_some() {
        return Err(Problem::invalid_header("`Roster-Tenant` must not be repeated."));
    }
    let unknown = || Problem::not_found("The tenant named in `Roster-Tenant` does not exist.");
    let name = line.to_str().map_err(|_| unknown())?;
    state.credentials.tenant(name, caller.origin.deadline).await?.map(Some).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_contains_exactly_one_key_or_token() {
        let headers = |lines: &[&'static str]| {
            let mut map = HeaderMap::new();
            for line in lines {
                map.append(AUTHORIZATION, actix_web::http::header::HeaderValue::from_static(line));
            }
            map
        };
        for (line, scheme, token) in [
            ("Bearer x", Scheme::Bearer, "x"),
            ("bEARER  x ", Scheme::Bearer, "x"),
            ("Basic dXNlcjp4", Scheme::Basic, "x"),
            ("bASIC  Onk6eg== ", Scheme::Basic, "y:z"),
        ] {
            assert_eq!(presented(&headers(&[line])), Some((scheme, token.as_bytes().into())), "{line}");
        }
        for bad in [
            // Invalid base64, base64 without padding, and a pair without a colon.
            &["Basic dXNlcjp4!"][..],
            &["Basic Onk6eg"],
            &["Basic dXNlcg=="],
            &["Basic"],
            &["Bearer"],
            &["x"],
            &["Digest x"],
            &["Bearer x", "Bearer y"],
            &["Basic dXNlcjp4", "Bearer x"],
            &[],
        ] {
            assert_eq!(presented(&headers(bad)), None, "{bad:?}");
        }
    }
}
