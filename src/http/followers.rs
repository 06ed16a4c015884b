//! The followers of `/changes`: requests that wait for changes. They are limited in number, and they are woken by commits
//! and when their keys change.

use super::auth::Caller;
use super::problem::Problem;
use super::state::State;
use crate::db::commits::{Commits, Head, Subscription};
use crate::db::{Class, Database, Flow, Turn, Turns};
use crate::domain::change::ChangeRecord;
use crate::domain::key::Role;
use crate::domain::origin::{Actor, Origin};
use crate::domain::time::Timestamp;
use crate::metrics::Computed;
use crate::ops::OpError;
use crate::ops::changes::Heads;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use uuid::Uuid;

/// The number of followers that read at the same time after a commit. It bounds their memory and
/// the time for which other requests wait for them.
const READERS: usize = 16;
/// The maximum number of tenants in one read of heads.
const BATCH: usize = 1_000;
/// The upper bounds of the buckets for delays, in seconds.
const DELAYS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The followers of this server.
pub struct Followers {
    commits: Arc<Commits>,
    /// The maximum number of followers.
    limit: AtomicUsize,
    /// The maximum number of followers with the same key.
    limit_per_key: usize,
    waiting: Mutex<Waiting>,
    /// Notified when there is a follower.
    arrived: Notify,
    turns: Turns,
    polls: Gauge,
    streams: Gauge,
    delays: Histogram,
}

/// A kind of follower.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A long poll.
    Poll,
    /// A stream of events.
    Stream,
}

#[derive(Default)]
struct Waiting {
    total: usize,
    by_key: HashMap<Actor, usize>,
    by_caller: HashMap<(Actor, Uuid), Watched>,
}

/// A caller with followers in one tenant.
struct Watched {
    caller: Caller,
    followers: usize,
}

/// A request that follows the changes of a tenant.
pub(super) struct Follower {
    followers: Arc<Followers>,
    subscription: Subscription,
    /// The caller that the follower is counted for, once it waits.
    counted: Option<(Actor, Uuid)>,
    /// The number of followers of this kind.
    number: Gauge,
}

impl Followers {
    pub(super) fn new(database: &Database, limit: usize, limit_per_key: usize) -> Self {
        Self {
            commits: database.commits().clone(),
            limit: limit.into(),
            limit_per_key,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            turns: Turns::new(READERS, limit),
            polls: Gauge::default(),
            streams: Gauge::default(),
            delays: Histogram::new(DELAYS),
        }
    }

    /// Adds the metrics of followers.
    pub(super) fn register(&self, registry: &mut Registry) {
        let (polls, streams) = (self.polls.clone(), self.streams.clone());
        let numbers = Computed::gauge(move || {
            [("poll", polls.get()), ("stream", streams.get())]
                .map(|(kind, number)| ([("kind", kind)], number as f64))
        });
        registry.register("followers", "Requests that wait for changes or receive a stream of them", numbers);
        let help = "Time from a change until a waiting follower is sent it";
        registry.register_with_unit("follower_delay", help, Unit::Seconds, self.delays.clone());
    }

    /// Lowers the maximum number of followers, so that they leave connections for other requests.
    pub(super) fn lower_limit(&self, limit: usize) {
        if self.limit.fetch_min(limit, Ordering::Relaxed) > limit {
            log::info!(limit; "the limit on open files permits fewer followers than ROSTER_FOLLOWERS");
        }
    }

    /// Follows a tenant. The follower is woken by commits after this call.
    pub(super) fn follow(self: &Arc<Self>, tenant: Uuid, kind: Kind) -> Follower {
        let number = match kind {
            Kind::Poll => self.polls.clone(),
            Kind::Stream => self.streams.clone(),
        };
        let subscription = self.commits.subscribe(tenant);
        Follower { followers: self.clone(), subscription, counted: None, number }
    }

    /// Wakes all followers.
    pub(super) fn wake_all(&self) {
        self.commits.wake_all();
    }

    /// Waits until there is a follower.
    pub async fn any(&self) {
        loop {
            let arrived = self.arrived.notified();
            if self.lock().total > 0 {
                return;
            }
            arrived.await;
        }
    }

    /// Wakes the followers of tenants in which another process has committed.
    ///
    /// # Errors
    /// Any error of the database.
    pub async fn check_heads(&self, database: &Database) -> Result<(), OpError> {
        for tenants in self.commits.tenants().chunks(BATCH) {
            let heads = database.call(&Origin::server(), Heads(tenants.to_vec())).await?;
            let heads: HashMap<_, _> = heads.into_iter().collect();
            for tenant in tenants {
                match heads.get(tenant) {
                    Some(head) => self.commits.set_head(*tenant, *head),
                    // The tenant was deleted. Its followers end when they read it again.
                    None => self.commits.wake(*tenant),
                }
            }
        }
        Ok(())
    }

    /// Wakes the followers whose key has expired, been revoked or been given another role. They then check it themselves.
    pub async fn check_keys(&self, state: &State) {
        let callers: Vec<_> = self.lock().by_caller.values().map(|watched| watched.caller.clone()).collect();
        for caller in callers {
            let role = match caller.check_role(state, Role::Reader).await {
                Ok(role) => Some(role),
                Err(problem) if problem.is_refusal() => None,
                Err(_) => continue,
            };
            if role != Some(caller.role) {
                if let Some(role) = role
                    && let Some(watched) = self.lock().by_caller.get_mut(&key_of(&caller))
                {
                    watched.caller.role = role;
                }
                self.commits.wake(caller.origin.tenant);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(caller: &Caller) -> (Actor, Uuid) {
    (caller.origin.actor.clone(), caller.origin.tenant)
}

impl Follower {
    /// Counts the follower, which is about to wait.
    ///
    /// # Errors
    /// 429 if there are too many followers.
    pub(super) fn count(&mut self, caller: &Caller) -> Result<(), Problem> {
        if self.counted.is_some() {
            return Ok(());
        }
        let key = key_of(caller);
        let mut waiting = self.followers.lock();
        let of_key = waiting.by_key.get(&key.0).copied().unwrap_or_default();
        if of_key >= self.followers.limit_per_key {
            return Err(Problem::too_many_of_key(self.followers.limit_per_key));
        }
        let limit = self.followers.limit.load(Ordering::Relaxed);
        if waiting.total >= limit {
            return Err(Problem::too_many_in_total(limit));
        }
        waiting.total += 1;
        log::debug!(followers = waiting.total; "a follower waits");
        waiting.by_key.insert(key.0.clone(), of_key + 1);
        let watched = waiting.by_caller.entry(key.clone());
        watched.or_insert_with(|| Watched { caller: caller.without_deadline(), followers: 0 }).followers += 1;
        drop(waiting);
        self.number.inc();
        self.counted = Some(key);
        self.followers.arrived.notify_waiters();
        Ok(())
    }

    /// Waits until there is a reason to read again. The follower has read up to `read`.
    pub(super) async fn changed(&mut self, read: Head) {
        self.subscription.changed(read).await;
    }

    /// Records how old the first change is that the follower is sent after it has waited.
    pub(super) fn sends(&self, changes: &[ChangeRecord], now: Timestamp) {
        if let Some(first) = changes.first() {
            let microseconds = i64::from(now).saturating_sub(first.time.into()).max(0);
            self.followers.delays.observe(microseconds as f64 / 1e6);
        }
    }

    /// Waits until the follower may read. It also may, without a turn, if many others of its caller have stopped waiting.
    pub(super) fn turn(&self) -> impl Future<Output = Option<Turn>> + use<> {
        let (turns, counted) = (self.followers.turns.clone(), self.counted.clone());
        async move {
            let (actor, tenant) = counted?;
            turns.wait(Flow { class: Class::Poll, tenant, actor }).await.ok()
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let Some(key) = self.counted.take() else { return };
        self.number.dec();
        let mut waiting = self.followers.lock();
        waiting.total -= 1;
        if let Some(count) = waiting.by_key.get_mut(&key.0) {
            *count -= 1;
            if *count == 0 {
                waiting.by_key.remove(&key.0);
            }
        }
        if let Some(watched) = waiting.by_caller.get_mut(&key) {
            watched.followers -= 1;
            if watched.followers == 0 {
                waiting.by_caller.remove(&key);
            }
        }
    }
}
