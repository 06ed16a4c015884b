//! The open connections of the process. When there are too many, those that have been idle the longest are closed. Those
//! whose next request is late are woken.

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// When there are too many connections, `limit / CLOSED_AT_ONCE` idle ones are closed at once, so that the search for
/// idle connections runs only for a few of the new connections.
const CLOSED_AT_ONCE: usize = 16;

/// The interval at which late connections are woken.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The time of an event that is not expected.
const NEVER: u64 = u64::MAX;

/// The open connections.
pub(super) struct OpenConnections {
    /// The number of connections beyond which idle ones are closed.
    limit: usize,
    started: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    entries: HashMap<u64, Arc<Entry>>,
}

/// The state of a connection that other connections can see.
#[derive(Default)]
struct Entry {
    /// When the connection was opened, began to receive a request, or last sent a part of a response, in milliseconds since
    /// the server started.
    active: AtomicU64,
    /// When the next request must have begun, in the same unit, or [`NEVER`].
    due: AtomicU64,
    closing: AtomicBool,
    /// Whether requests wait that may wait for long. The connection is then not idle.
    waiting: AtomicBool,
    reader: AtomicWaker,
}

/// The entry of a connection in [`OpenConnections`], which is removed when this value is dropped.
pub(super) struct Registration {
    connections: Arc<OpenConnections>,
    id: u64,
    entry: Arc<Entry>,
}

impl OpenConnections {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, started: Instant::now(), open: Mutex::default() }
    }

    /// Adds a connection. If there are too many, asks idle ones to close.
    pub(super) fn open(self: &Arc<Self>) -> Registration {
        // Another thread may look for idle connections as soon as the entry is visible to it.
        let entry = Arc::new(Entry { active: self.now().into(), due: NEVER.into(), ..Entry::default() });
        let mut open = self.lock();
        if open.entries.len() >= self.limit {
            close_idle(open.entries.values(), self.limit);
        }
        let id = open.next_id;
        open.next_id += 1;
        open.entries.insert(id, entry.clone());
        Registration { connections: self.clone(), id, entry }
    }

    /// Wakes the connections whose next request is late, until the server has ended.
    pub(super) fn watch(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let connections = Arc::downgrade(self);
        async move {
            while let Some(connections) = connections.upgrade() {
                let now = connections.now();
                let is_late = |entry: &&Arc<Entry>| entry.due.load(Ordering::Relaxed) <= now;
                connections.lock().entries.values().filter(is_late).for_each(|entry| entry.reader.wake());
                drop(connections);
                sleep(CHECK_INTERVAL).await;
            }
        }
    }

    /// The number of milliseconds since the server started.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the connections that have been idle the longest to close, so that fewer than `limit` connections remain.
fn close_idle<'e>(entries: impl Iterator<Item = &'e Arc<Entry>>, limit: usize) {
    let mut entries: Vec<_> = entries.filter(|entry| !entry.closing.load(Ordering::Acquire)).collect();
    let Some(excess) = (entries.len() + 1).checked_sub(limit).filter(|excess| *excess > 0) else { return };
    entries.retain(|entry| !entry.waiting.load(Ordering::Relaxed));
    let count = excess.max(limit / CLOSED_AT_ONCE).min(entries.len());
    entries.sort_unstable_by_key(|entry| entry.active.load(Ordering::Relaxed));
    for entry in entries.iter().take(count) {
        entry.closing.store(true, Ordering::Release);
        entry.reader.wake();
    }
}

impl Registration {
    /// Records that the connection is in use.
    pub(super) fn touch(&self) {
        self.entry.active.store(self.connections.now(), Ordering::Relaxed);
    }

    /// Sets the time within which the next request must begin. `None` while a request is in progress.
    pub(super) fn expect_within(&self, time: Option<Duration>) {
        let due = time.map_or(NEVER, |time| self.connections.now().saturating_add(time.as_millis() as u64));
        self.entry.due.store(due, Ordering::Relaxed);
    }

    /// Whether the next request should have begun.
    pub(super) fn is_late(&self) -> bool {
        let due = self.entry.due.load(Ordering::Relaxed);
        due != NEVER && due <= self.connections.now()
    }

    /// Sets whether requests wait that may wait for long. The connection is then not closed for being idle.
    pub(super) fn set_waiting(&self, waiting: bool) {
        self.entry.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Whether the connection must close because there are too many. The task of `context` is woken when this becomes true,
    /// and when the next request is late.
    pub(super) fn is_closing(&self, context: &Context<'_>) -> bool {
        self.entry.reader.register(context.waker());
        self.entry.closing.load(Ordering::Acquire)
    }

    /// Waits until the connection must close because there are too many.
    pub(super) async fn closing(&self) {
        poll_fn(|context| if self.is_closing(context) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.lock().entries.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_closing(registration: &Registration) -> bool {
        registration.entry.closing.load(Ordering::Acquire)
    }

    #[test]
    fn only_the_connections_that_have_been_idle_for_longest_are_closed() {
        let mut connections = OpenConnections::new(64);
        connections.started -= Duration::from_secs(1);
        let connections = Arc::new(connections);
        let open: Vec<_> = (0..64).map(|_| connections.open()).collect();
        assert!(!open.iter().any(is_closing));
        for (index, registration) in open.iter().enumerate() {
            registration.entry.active.store((index as u64 + 32) % 64, Ordering::Relaxed);
        }
        let new = connections.open();
        let closing = |registrations: &[Registration]| -> Vec<usize> {
            (0..registrations.len()).filter(|index| is_closing(&registrations[*index])).collect()
        };
        assert_eq!(closing(&open), [32, 33, 34, 35]);
        assert!(!is_closing(&new));
        // Connections that have been asked to close are no longer counted.
        let more = [connections.open(), connections.open(), connections.open()];
        assert_eq!((closing(&open).len(), closing(&more).len()), (4, 0));
        open[36].set_waiting(true);
        let last = connections.open();
        assert_eq!(closing(&open), [32, 33, 34, 35, 37, 38, 39, 40]);
        drop((open, new, more, last));
        assert!(connections.lock().entries.is_empty());
    }
}
