//! The deadline of a request, which applies to receiving its body and to all of its database calls.

use actix_web::HttpMessage;
use std::time::Instant;

/// The deadline that the middleware assigned to the request.
#[derive(Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

impl Deadline {
    /// The deadline of a request. `None` if the request did not pass through the middleware.
    pub(super) fn of(request: &impl HttpMessage) -> Option<Instant> {
        request.extensions().get::<Self>().map(|deadline| deadline.0)
    }
}
