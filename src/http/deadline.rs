//! The deadline of a request, which applies to receiving its body and to all of its database calls.

use actix_web::HttpMessage;
use std::time::Instant;

/// The deadline that the middleware assigned to the request.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    /// When the request arrived.
    pub(super) arrival: Instant,
    pub(super) end: Instant,
}

impl Deadline {
    /// The deadline of a request. `None` if the request did not pass through the middleware.
    pub(super) fn of(request: &impl HttpMessage) -> Option<Instant> {
        request.extensions().get::<Self>().map(|deadline| deadline.end)
    }

    /// When a request arrived. A request that was parked arrived before it began to run again.
    pub(super) fn arrival_of(request: &impl HttpMessage) -> Option<Instant> {
        request.extensions().get::<Self>().map(|deadline| deadline.arrival)
    }
}
