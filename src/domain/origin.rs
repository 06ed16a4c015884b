//! The origin of an operation: the caller and the request.

use super::plan::Plan;
use super::trace::TraceId;
use derive_more::{Display, FromStr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use uuid::Uuid;

/// The caller and the request on whose behalf an operation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The caller.
    pub actor: Actor,
    /// The tenant that the request acts in. Tenants take turns when calls wait.
    pub tenant: Uuid,
    /// The request's `X-Request-Id`: at most 128 visible ASCII characters.
    pub request_id: Arc<str>,
    /// The trace that the request belongs to.
    pub trace_id: Option<TraceId>,
    /// The deadline that all operations of the request share. `None` gives each operation its own.
    pub deadline: Option<Instant>,
    /// Whether the request writes many resources. Its writes and those of other requests then take turns.
    pub bulk: bool,
    /// The plan of the request, if its writes are rolled back instead of committed.
    pub plan: Option<Plan>,
    /// Collects the revisions of the request's changes, if the request is recorded.
    pub revisions: Option<Revisions>,
}

/// The revisions of the committed changes of a request. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Revisions(Arc<Mutex<Vec<i64>>>);

impl Revisions {
    /// Adds the revision of a committed change.
    pub fn add(&self, revision: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(revision);
    }

    /// The first revisions, in ascending order, and the number of all.
    pub fn first(&self, limit: usize) -> (Vec<i64>, usize) {
        let mut revisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        revisions.sort_unstable();
        (revisions.iter().take(limit).copied().collect(), revisions.len())
    }
}

/// Collections are equal if they belong to the same request.
impl PartialEq for Revisions {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Revisions {}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The kind of caller.
    pub kind: ActorKind,
    /// The id within the kind: a key's or a connection's id, or `admin` for the key from the settings.
    pub id: Arc<str>,
}

/// The kinds of callers, with the stable names that changes record.
#[derive(Clone, Copy, Debug, Display, FromStr, PartialEq, Eq, Hash)]
#[display(rename_all = "lowercase")]
pub enum ActorKind {
    /// The key from the settings.
    Admin,
    /// A stored key.
    Key,
    /// A SCIM connection, authenticated by one of its tokens.
    Connection,
    /// The command line.
    Cli,
    /// The server itself, which records no changes.
    Server,
}

impl Origin {
    /// The origin of operations that the server runs for itself, such as probes.
    pub fn server() -> Self {
        let actor = Actor { kind: ActorKind::Server, id: "roster".into() };
        // Its calls must not wait for those of any tenant.
        let tenant = Uuid::nil();
        let (request_id, trace_id, deadline) = ("-".into(), None, None);
        Self { actor, tenant, request_id, trace_id, deadline, bulk: false, plan: None, revisions: None }
    }
}
