//! Limits the total size of the responses that clients have not read yet.

use super::auth::Caller;
use super::inspector::RequestNotes;
use super::problem::Problem;
use super::state::State;
use crate::domain::origin::Actor;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpMessage, HttpRequest};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use uuid::Uuid;

/// The size in bytes up to which responses are not counted and are always sent.
const SMALL: usize = 32 * 1024;

/// The size, in bytes, of the parts in which a larger response is passed to the connection.
pub(super) const PART: usize = SMALL;

/// The total size of the responses that are being sent.
pub(super) struct InFlight {
    /// The maximum total size, in bytes.
    limit: usize,
    sizes: Mutex<HashMap<Scope, usize>>,
}

/// A set of responses whose total size is limited. Every response belongs to several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Scope {
    /// All responses.
    All,
    /// The responses to requests without a key.
    Anonymous,
    /// The responses to requests that act in a tenant.
    Tenant(Uuid),
    /// The responses to requests of a caller.
    Caller(Actor),
}

/// The size of one response that is counted in [`InFlight`] until this value is dropped.
pub(super) struct Reservation {
    in_flight: Arc<InFlight>,
    scopes: Vec<Scope>,
    size: usize,
}

impl InFlight {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, sizes: Mutex::default() }
    }

    /// The maximum total size of the responses in a scope, in bytes.
    fn limit(&self, scope: &Scope) -> usize {
        match scope {
            Scope::All => self.limit,
            Scope::Tenant(_) => self.limit / 4 * 3,
            Scope::Anonymous | Scope::Caller(_) => self.limit / 2,
        }
    }

    /// Checks that a write may start. Its response will be sent whatever its size is.
    ///
    /// # Errors
    /// 503 if a limit that applies to the caller has been reached.
    pub(super) fn check(&self, caller: Option<&Caller>) -> Result<(), Problem> {
        let sizes = self.lock();
        if sizes.is_empty() {
            return Ok(());
        }
        let is_reached =
            |scope: &Scope| sizes.get(scope).is_some_and(|current| *current >= self.limit(scope));
        if scopes(caller).iter().any(is_reached) { Err(Problem::too_much_unread()) } else { Ok(()) }
    }

    /// Counts a part of the response to a caller, unless it is small.
    ///
    /// # Errors
    /// 503 if the part would exceed a limit that applies to the caller.
    pub(super) fn reserve_part(
        self: &Arc<Self>,
        caller: &Caller,
        size: usize,
    ) -> Result<Option<Reservation>, Problem> {
        if size <= SMALL {
            return Ok(None);
        }
        self.reserve(Some(caller), size, true).map(Some).ok_or_else(Problem::too_much_unread)
    }

    /// Counts a response. Returns `None` if the response is refusable and would exceed a limit that applies to the
    /// caller. A limit never refuses the only response that it applies to, whatever its size.
    pub(super) fn reserve(
        self: &Arc<Self>,
        caller: Option<&Caller>,
        size: usize,
        refusable: bool,
    ) -> Option<Reservation> {
        let (mut sizes, scopes) = (self.lock(), scopes(caller));
        let exceeds = |scope: &Scope| {
            let current = sizes.get(scope).copied().unwrap_or_default();
            current > 0 && current.saturating_add(size) > self.limit(scope)
        };
        if refusable && scopes.iter().any(exceeds) {
            return None;
        }
        for scope in &scopes {
            *sizes.entry(scope.clone()).or_default() += size;
        }
        Some(Reservation { in_flight: self.clone(), scopes, size })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Scope, usize>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scopes of the responses to a caller.
fn scopes(caller: Option<&Caller>) -> Vec<Scope> {
    match caller {
        None => vec![Scope::All, Scope::Anonymous],
        Some(Caller { origin, .. }) => {
            vec![Scope::All, Scope::Tenant(origin.tenant), Scope::Caller(origin.actor.clone())]
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut sizes = self.in_flight.lock();
        for scope in &self.scopes {
            if let Some(current) = sizes.get_mut(scope) {
                *current -= self.size;
                if *current == 0 {
                    sizes.remove(scope);
                }
            }
        }
    }
}

/// A body that is counted until the connection has finished or is closed.
struct CountedBody {
    left: Bytes,
    reservation: Reservation,
}

impl MessageBody for CountedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.reservation.size as u64)
    }

    /// Returns the next part. The connection requests it after it has sent the previous one.
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.left.len().min(PART);
        Poll::Ready((length > 0).then(|| Ok(self.left.split_to(length))))
    }
}

/// The middleware of routes whose responses may be compressed. It counts responses before they are compressed.
pub(super) async fn count_uncompressed(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    Ok(count(next.call(request).await?.map_into_boxed_body()))
}

/// Checks that a request may start. A read always may, because its response can still be refused.
///
/// # Errors
/// 503 if the request is a write and the caller has too many unread responses.
pub(super) fn check(request: &HttpRequest, state: &State) -> Result<(), Problem> {
    if is_read(request) { Ok(()) } else { state.in_flight.check(request.extensions().get::<Caller>()) }
}

pub(super) fn is_read(request: &HttpRequest) -> bool {
    request.method().is_safe() || request.path().ends_with("/.search")
}

/// Counts a response until it is sent. If the response to a read exceeds a limit, a 503 replaces it. The response to a
/// write is always sent, because a 503 means that nothing was done.
pub(super) fn count(response: ServiceResponse) -> ServiceResponse {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let whole = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return ServiceResponse::new(request, response.set_body(body)),
    };
    if let Some(notes) = RequestNotes::of_recorded(&request) {
        notes.capture_response(&whole);
    }
    if whole.len() <= SMALL {
        return ServiceResponse::new(request, response.set_body(BoxBody::new(whole)));
    }
    let Some(state) = request.app_data::<web::Data<State>>() else {
        return ServiceResponse::new(request, response.set_body(BoxBody::new(whole)));
    };
    let (caller, refusable) = (request.extensions().get::<Caller>().cloned(), is_read(&request));
    match state.in_flight.reserve(caller.as_ref(), whole.len(), refusable) {
        Some(reservation) => {
            let body = BoxBody::new(CountedBody { left: whole, reservation });
            ServiceResponse::new(request, response.set_body(body))
        }
        None => ServiceResponse::from_err(Problem::too_much_unread(), request),
    }
}
