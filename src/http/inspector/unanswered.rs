//! Records requests that end without a response, because the client has closed the connection.

use super::{RequestNotes, complete, connection_of, received};
use crate::domain::inspector::{Note, Received};
use crate::domain::origin::Origin;
use crate::http::deadline::Deadline;
use crate::http::request_id::RequestId;
use crate::http::state::State;
use actix_web::dev::ServiceRequest;
use actix_web::web;
use std::time::Instant;

/// The status that is recorded. It is never sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;

const DETAIL: &str =
    "The client closed the connection before the response. Writes that had begun may have been committed.";

/// A request that is recorded when this is dropped, unless it has been answered.
pub(in crate::http) struct Unanswered(Option<Box<Request>>);

struct Request {
    state: web::Data<State>,
    notes: RequestNotes,
    origin: Option<Origin>,
    arrival: Instant,
    received: Received,
}

impl Unanswered {
    /// The request, if it is recorded.
    pub(in crate::http) fn of(request: &ServiceRequest) -> Option<Self> {
        let state = request.app_data::<web::Data<State>>()?.clone();
        let request = request.request();
        let notes = RequestNotes::of_recorded(request)?;
        let (ids, origin) = connection_of(request)?;
        let arrival = Deadline::arrival_of(request)?;
        let received =
            Received { status: CLIENT_CLOSED_REQUEST, ..received(request, &RequestId::of(request), ids) };
        Some(Self(Some(Box::new(Request { state, notes, origin, arrival, received }))))
    }

    /// The request has been answered.
    pub(in crate::http) fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let Some(request) = self.0.take() else { return };
        let Request { state, notes, origin, arrival, received } = *request;
        let mut received = complete(received, &state, &notes, origin.as_ref(), arrival.elapsed());
        received.rejections.push(Note { code: "cancelled".to_owned(), detail: Some(DETAIL.to_owned()) });
        state.inspector.add(received);
    }
}
