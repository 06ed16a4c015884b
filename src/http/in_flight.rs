//! Limits the total size of the responses that clients have not read yet.

use super::auth::Caller;
use super::problem::Problem;
use super::state::State;
use crate::domain::origin::Actor;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpMessage};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// The size in bytes up to which responses are not counted and are always sent. It is also the size of the parts in
/// which a larger response is passed to the connection.
const SMALL: usize = 32 * 1024;

/// The total size of the responses that are being sent.
pub(super) struct InFlight {
    /// The maximum total size, in bytes.
    limit: usize,
    sizes: Mutex<Sizes>,
}

#[derive(Default)]
struct Sizes {
    total: usize,
    /// The sizes for each caller. Requests without a key count as those of one caller.
    callers: HashMap<Option<Actor>, usize>,
}

/// The size of one response that is counted in [`InFlight`] until this value is dropped.
struct Reservation {
    in_flight: Arc<InFlight>,
    caller: Option<Actor>,
    size: usize,
}

impl InFlight {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, sizes: Mutex::default() }
    }

    /// Counts a response. Returns `None` if the response is refusable and would exceed the limit in total, or half of
    /// it for its caller. A limit never refuses the only response that it applies to, whatever its size.
    fn reserve(self: &Arc<Self>, caller: Option<Actor>, size: usize, refusable: bool) -> Option<Reservation> {
        let mut sizes = self.lock();
        let of_caller = sizes.callers.get(&caller).copied().unwrap_or_default();
        let exceeds = |current: usize, limit: usize| current > 0 && current.saturating_add(size) > limit;
        if refusable && (exceeds(sizes.total, self.limit) || exceeds(of_caller, self.limit / 2)) {
            return None;
        }
        sizes.total += size;
        sizes.callers.insert(caller.clone(), of_caller + size);
        Some(Reservation { in_flight: self.clone(), caller, size })
    }

    fn lock(&self) -> MutexGuard<'_, Sizes> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut sizes = self.in_flight.lock();
        sizes.total -= self.size;
        if let Some(of_caller) = sizes.callers.get_mut(&self.caller) {
            *of_caller -= self.size;
            if *of_caller == 0 {
                sizes.callers.remove(&self.caller);
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
        let length = self.left.len().min(SMALL);
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

/// Counts a response until it is sent. If the response exceeds the limit, a 503 replaces it, unless the request may
/// have been a write: a 503 means that nothing was done.
pub(super) fn count(response: ServiceResponse) -> ServiceResponse {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let whole = match body.try_into_bytes() {
        Ok(bytes) if bytes.len() > SMALL => bytes,
        Ok(bytes) => return ServiceResponse::new(request, response.set_body(BoxBody::new(bytes))),
        Err(body) => return ServiceResponse::new(request, response.set_body(body)),
    };
    let caller = request.extensions().get::<Caller>().map(|caller| caller.origin.actor.clone());
    let state = request.app_data::<web::Data<State>>();
    let Some(state) = state else {
        return ServiceResponse::new(request, response.set_body(BoxBody::new(whole)));
    };
    let refusable = request.method() == Method::GET || request.path().ends_with("/.search");
    match state.in_flight.reserve(caller, whole.len(), refusable) {
        Some(reservation) => {
            let body = BoxBody::new(CountedBody { left: whole, reservation });
            ServiceResponse::new(request, response.set_body(body))
        }
        None => ServiceResponse::from_err(Problem::too_much_unread(), request),
    }
}
