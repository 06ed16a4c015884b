//! Records requests with the token of a connection to the discovery endpoints of SCIM, which need no token. The token is looked
//! up after the response, so that it affects neither the response nor its duration.

use super::{Outcome, RequestNotes};
use crate::domain::inspector::Received;
use crate::domain::key::{Credential, Secret};
use crate::domain::parse_id;
use crate::http::api::Api;
use crate::http::auth::presented_secret;
use crate::http::deadline::Deadline;
use crate::http::state::State;
use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, HttpRequest, rt, web};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// The maximum number of requests that wait for the look-up of their tokens. Further ones are dropped.
pub(super) const MAX_WAITING: usize = 256;

/// The secret that a request to a public path presents.
struct Presented(Secret);

/// Begins to collect what is recorded of a request to a public path, if it may present the token of a connection.
pub(in crate::http) fn begin(request: &ServiceRequest, state: &State) {
    if state.inspector.is_enabled
        && Api::of(request.path()) == Api::Scim
        && let Some(secret) = presented_secret(request.headers())
    {
        let mut extensions = request.extensions_mut();
        extensions.insert(Presented(secret));
        extensions.insert(RequestNotes::recorded());
    }
}

/// Adds a request whose connection is not known, if it presents the token of one.
pub(super) fn add(state: &web::Data<State>, request: &HttpRequest, received: Received) {
    let Some(Presented(secret)) = request.extensions_mut().remove() else { return };
    if let Some(credential) = state.credentials.cached(&secret) {
        return add_of(state, &credential, received);
    }
    let address = request.peer_addr().map(|address| address.ip());
    let is_refused = |address: IpAddr| state.auth_throttle.refused(address, Instant::now()).is_some();
    let Ok(permit) = state.inspector.places.clone().try_acquire_owned() else {
        return state.inspector.count(Outcome::Dropped, 1);
    };
    if address.is_some_and(is_refused) {
        return;
    }
    let (state, deadline) = (state.clone(), Deadline::of(request));
    rt::spawn(async move {
        let _permit = permit;
        // Anyone can send such requests, so they never occupy more than one reader of the database.
        let _turn = state.inspector.turn.lock().await;
        let credential = match state.credentials.cached(&secret) {
            Some(credential) => Some(credential),
            None => state.credentials.load(&secret, deadline).await.ok().flatten(),
        };
        if let Some(credential) = credential {
            add_of(&state, &credential, received);
        }
    });
}

fn add_of(state: &State, credential: &Arc<Credential>, received: Received) {
    if credential.is_token()
        && let Some(connection) = parse_id(&credential.actor.id)
    {
        state.inspector.add(Received { tenant: credential.tenant, connection, ..received });
    }
}
