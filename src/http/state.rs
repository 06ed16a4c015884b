//! The state that all handlers share.

use super::api::SCIM_BASE;
use super::auth_throttle::AuthThrottle;
use super::credentials::Credentials;
use super::followers::Followers;
use super::in_flight::InFlight;
use super::inspector::Inspector;
use super::metrics::Metrics;
use super::rate_limit::RateLimit;
use super::readiness::Readiness;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::Database;
use crate::domain::key::AdminKeys;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// The state of a running server.
pub struct State {
    /// The database.
    pub database: Database,
    /// The source of the current time.
    pub clock: Clock,
    /// The keys of `ROSTER_ADMIN_KEY`, if it is set.
    pub admin_keys: Option<AdminKeys>,
    /// The cache of keys, tokens and tenant names.
    pub credentials: Credentials,
    /// The failed authentication attempts of each client address.
    pub auth_throttle: AuthThrottle,
    /// The limit on the requests of each caller, if there is one.
    pub rate_limit: Option<RateLimit>,
    /// The largest accepted request body, in bytes after decompression.
    pub body_limit: usize,
    /// The time from the arrival of a request within which its body must arrive and its database calls must finish.
    pub deadline: Duration,
    /// The base URL under which clients reach the server, without a trailing slash.
    pub public_url: String,
    /// The base URL of SCIM, without a trailing slash. It is never derived from a request.
    pub scim_url: String,
    /// Notified when a request may have left an erasure incomplete.
    pub incomplete_erasures: Notify,
    /// The requests that wait for changes.
    pub followers: Arc<Followers>,
    /// The requests of connections that wait to be recorded.
    pub(crate) inspector: Inspector,
    /// Whether the admin page is served.
    pub(super) admin_page: bool,
    /// The time after which a stream without events sends a comment.
    pub(super) stream_keep_alive: Duration,
    pub(super) readiness: Readiness,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) metrics: Metrics,
    /// The permits of the imports and reverts that can run at once.
    pub(super) imports: Arc<Semaphore>,
    stopping: AtomicBool,
}

/// The maximum number of imports and reverts at once. Each holds a few batches in memory, and one call in the queue of
/// writes.
const MAX_IMPORTS: usize = 4;

impl State {
    /// The state of a server that accepts requests.
    pub fn new(database: Database, clock: Clock, settings: &Settings, public_url: String) -> Self {
        let credentials = Credentials::new(database.clone());
        let followers = Arc::new(Followers::new(&database, settings.followers, settings.followers_per_key));
        let inspector = Inspector::new(settings.inspector);
        let metrics = Metrics::new(super::urls().flat_map(|url| url.routes()), |registry| {
            database.register(registry);
            credentials.register(registry);
            followers.register(registry);
            inspector.register(registry);
        });
        Self {
            credentials,
            auth_throttle: AuthThrottle::new(settings.failed_attempts),
            rate_limit: RateLimit::of(settings.rate_limit),
            followers,
            inspector,
            admin_page: settings.admin_page,
            metrics,
            stream_keep_alive: settings.stream_keep_alive,
            database,
            clock,
            admin_keys: settings.admin_keys().cloned(),
            body_limit: settings.body_limit,
            deadline: settings.request_deadline,
            scim_url: format!("{public_url}{SCIM_BASE}"),
            public_url,
            incomplete_erasures: Notify::new(),
            readiness: Readiness::default(),
            in_flight: Arc::new(InFlight::new(settings.unread_limit)),
            imports: Arc::new(Semaphore::new(MAX_IMPORTS)),
            stopping: AtomicBool::new(false),
        }
    }

    /// Marks the server as stopping: `/readyz` returns 503, every response asks the client to close its connection, and
    /// followers no longer wait.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.followers.wake_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
