//! The open connections of the process. When there are too many, those that have been idle the longest are closed.

use futures_util::task::AtomicWaker;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Instant;

/// When there are too many connections, `limit / CLOSED_AT_ONCE` idle ones are closed at once, so that the search for
/// idle connections runs only for a few of the new connections.
const CLOSED_AT_ONCE: usize = 16;

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
    closing: AtomicBool,
    /// Whether a request that waits is parked. The connection is then not idle.
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
        let entry = Arc::new(Entry { active: self.now().into(), ..Entry::default() });
        let mut open = self.lock();
        if open.entries.len() >= self.limit {
            close_idle(open.entries.values(), self.limit);
        }
        let id = open.next_id;
        open.next_id += 1;
        open.entries.insert(id, entry.clone());
        Registration { connections: self.clone(), id, entry }
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

    /// Sets whether a request that waits is parked.
    pub(super) fn set_waiting(&self, waiting: bool) {
        self.entry.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Whether the connection must close. The task of `context` is woken when this becomes true.
    pub(super) fn is_closing(&self, context: &Context<'_>) -> bool {
        self.entry.reader.register(context.waker());
        self.entry.closing.load(Ordering::Acquire)
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
    use std::time::Duration;

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
