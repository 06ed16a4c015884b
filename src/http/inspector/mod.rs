//! The inspector: records the requests of connections. A background task writes them to the database, so that requests do
//! not wait. If it cannot keep up, requests are dropped and counted.

mod notes;
mod unanswered;
mod unauthenticated;

pub(super) use notes::RequestNotes;
pub(super) use unanswered::Unanswered;
pub(super) use unauthenticated::begin as begin_unauthenticated;

use super::auth::{Caller, RefusedCaller};
use super::context::new_id;
use super::state::State;
use crate::domain::inspector::{MAX_REVISIONS, Received};
use crate::domain::origin::{Actor, ActorKind, Origin, Revisions};
use crate::domain::parse_id;
use crate::domain::plan::Plan;
use crate::domain::scim::reading::Notes;
use crate::domain::time::Timestamp;
use crate::metrics::{Computed, Counters, UNLABELLED};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::LOCATION;
use actix_web::{HttpMessage, HttpRequest, web};
use notes::Collected;
use prometheus_client::registry::Registry;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

/// The limits on the requests that wait to be written.
const MAX_WAITING: usize = 16_384;
const MAX_WAITING_BYTES: usize = 32 * 1024 * 1024;

/// The requests that wait to be written.
pub(crate) struct Inspector {
    is_enabled: bool,
    waiting: Arc<Mutex<Waiting>>,
    arrived: Notify,
    closed: Notify,
    is_closed: AtomicBool,
    counts: Counters,
    /// Places for requests whose tokens are looked up, and the turn of the one whose token is being looked up.
    places: Arc<Semaphore>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    /// The requests, each with its size in bytes.
    requests: VecDeque<(Received, usize)>,
    /// The total size.
    bytes: usize,
}

/// What became of a request.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// It was written to the database.
    Recorded,
    /// It was dropped, because too many were waiting or the database rejected it.
    Dropped,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Dropped => "dropped",
        }
    }
}

impl Inspector {
    pub(super) fn new(is_enabled: bool) -> Self {
        let outcomes = [Outcome::Recorded, Outcome::Dropped].map(Outcome::name);
        Self {
            is_enabled,
            waiting: Arc::default(),
            arrived: Notify::new(),
            closed: Notify::new(),
            is_closed: AtomicBool::new(false),
            counts: Counters::new("result", outcomes),
            places: Arc::new(Semaphore::new(unauthenticated::MAX_WAITING)),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Adds the metrics of the inspector.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests of connections that were recorded or dropped";
        self.counts.register("inspector_requests", help, registry);
        let waiting = self.waiting.clone();
        let waiting = Computed::gauge(move || [(UNLABELLED, lock(&waiting).requests.len() as f64)]);
        registry.register(
            "inspector_waiting_requests",
            "Requests of connections that wait to be recorded",
            waiting,
        );
    }

    /// Adds a request, or drops it if too many are waiting.
    fn add(&self, received: Received) {
        let size = received.size();
        let mut waiting = lock(&self.waiting);
        let bytes = waiting.bytes.saturating_add(size);
        if waiting.requests.len() >= MAX_WAITING || bytes > MAX_WAITING_BYTES {
            return self.count(Outcome::Dropped, 1);
        }
        waiting.bytes = bytes;
        waiting.requests.push_back((received, size));
        self.arrived.notify_one();
    }

    /// Takes the oldest requests: at most `count`, and of `about` this many bytes in total.
    pub(crate) fn take(&self, count: usize, about: usize) -> Vec<Received> {
        let mut waiting = lock(&self.waiting);
        let (mut taken, mut size) = (Vec::new(), 0);
        while taken.len() < count
            && size < about
            && let Some((next, bytes)) = waiting.requests.pop_front()
        {
            size += bytes;
            taken.push(next);
        }
        waiting.bytes = waiting.bytes.saturating_sub(size);
        taken
    }

    /// Counts requests that have been recorded or dropped.
    pub(crate) fn count(&self, outcome: Outcome, count: usize) {
        self.counts.add(outcome.name(), count);
    }

    /// Waits until a request has been added, or the inspector is closed.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Lets the background task end once no requests wait.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.arrived.notify_one();
        self.closed.notify_one();
    }

    /// Waits for this time, or until the inspector is closed.
    pub(crate) async fn pause(&self, time: Duration) {
        if !self.is_closed() {
            drop(tokio::time::timeout(time, self.closed.notified()).await);
        }
    }

    /// Whether the background task should end.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Begins to collect what is recorded of a request, if its caller is a connection. Returns the collection of its
    /// revisions.
    pub(super) fn begin(&self, request: &ServiceRequest, actor: &Actor) -> Option<Revisions> {
        let is_recorded = self.is_enabled && actor.kind == ActorKind::Connection;
        is_recorded.then(|| {
            request.extensions_mut().insert(RequestNotes::recorded());
            Revisions::default()
        })
    }

    /// Adds a request, if it is recorded, with its response.
    pub(super) fn end(
        state: &web::Data<State>,
        response: &ServiceResponse,
        request_id: &Arc<str>,
        duration: Duration,
    ) {
        let request = response.request();
        let Some(notes) = RequestNotes::of_recorded(request) else { return };
        let connection = connection_of(request);
        let (ids, origin) = connection.map_or((None, None), |(ids, origin)| (Some(ids), origin));
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let received = Received {
            status: response.status().as_u16(),
            location: location.map(str::to_owned),
            ..received(request, request_id, ids.unwrap_or_default())
        };
        let received = complete(received, state, &notes, origin.as_ref(), duration);
        match ids {
            Some(_) => state.inspector.add(received),
            None => unauthenticated::add(state, request, received),
        }
    }
}

/// What is known of a request before its response. `ids` are those of the tenant and the connection.
fn received(request: &HttpRequest, request_id: &Arc<str>, (tenant, connection): (Uuid, Uuid)) -> Received {
    Received {
        id: Uuid::nil(),
        tenant,
        connection,
        time: Timestamp::from(0),
        duration: Duration::ZERO,
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        status: 0,
        request_id: request_id.clone(),
        location: None,
        request: None,
        response: None,
        revisions: Vec::new(),
        revision_count: 0,
        deviations: Notes::default(),
        rejections: Vec::new(),
        plan: None,
    }
}

/// Adds what has been collected during a request that ends now.
fn complete(
    received: Received,
    state: &State,
    notes: &RequestNotes,
    origin: Option<&Origin>,
    duration: Duration,
) -> Received {
    let Collected { deviations, rejections, request, response, .. } = notes.take();
    let time = state.clock.now().minus(duration);
    let revisions = origin.and_then(|origin| origin.revisions.as_ref());
    let (revisions, revision_count) =
        revisions.map(|revisions| revisions.first(MAX_REVISIONS)).unwrap_or_default();
    let plan = origin.and_then(|origin| origin.plan.as_ref()).map(Plan::to_json);
    let id = new_id(time);
    Received {
        id,
        time,
        duration,
        deviations,
        rejections,
        request,
        response,
        revisions,
        revision_count,
        plan,
        ..received
    }
}

/// The ids of the tenant and of the connection that sent a request, and the origin of its operations, unless its token was
/// refused.
fn connection_of(request: &HttpRequest) -> Option<((Uuid, Uuid), Option<Origin>)> {
    let extensions = request.extensions();
    let caller = || {
        let Caller { origin, .. } = extensions.get::<Caller>()?;
        Some(((origin.tenant, parse_id(&origin.actor.id)?), Some(origin.clone())))
    };
    let refused = || {
        let RefusedCaller { tenant, actor } = extensions.get::<RefusedCaller>()?;
        Some(((*tenant, parse_id(&actor.id)?), None))
    };
    caller().or_else(refused)
}

/// Notes on a request that is recorded that it was rejected.
pub(super) fn note_rejection(response: &ServiceResponse, problem: &super::problem::Problem) {
    if let Some(notes) = RequestNotes::of_recorded(response.request()) {
        notes.reject(problem);
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inspector::Captured;
    use prometheus_client::encoding::text;

    fn received(body: usize) -> Received {
        Received { request: Captured::of(&vec![b'x'; body]), ..Received::example() }
    }

    fn waiting(inspector: &Inspector) -> usize {
        lock(&inspector.waiting).requests.len()
    }

    fn dropped(inspector: &Inspector) -> u64 {
        let mut registry = Registry::default();
        inspector.register(&mut registry);
        let mut metrics = String::new();
        text::encode(&mut metrics, &registry).unwrap();
        let line = metrics.lines().find(|line| line.contains("result=\"dropped\"")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn requests_beyond_the_limits_are_dropped_and_counted() {
        let inspector = Inspector::new(true);
        (0..MAX_WAITING + 10).for_each(|_| inspector.add(received(1)));
        assert_eq!((waiting(&inspector), dropped(&inspector)), (MAX_WAITING, 10));
        while !inspector.take(1_000, usize::MAX).is_empty() {}
        assert_eq!(lock(&inspector.waiting).bytes, 0);
        let large = received(100_000);
        let fitting = MAX_WAITING_BYTES / large.size();
        (0..fitting + 5).for_each(|_| inspector.add(received(100_000)));
        assert_eq!((waiting(&inspector), dropped(&inspector)), (fitting, 15));
        // A batch ends once it reaches the size.
        assert_eq!(inspector.take(100, 2 * large.size()).len(), 2);
    }
}
