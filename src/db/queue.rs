//! The bounded queue between the handlers and the actors of one pool.

use super::Class;
use super::error::DbError;
use super::waiting::{Flow, WaitingRoom};
use std::any::TypeId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the only active actor polls for another call: about as long as a client takes to send its next request.
const POLL_FOR: Duration = Duration::from_micros(100);
/// How long an actor then waits for a notification before it becomes idle.
const PARK_FOR: Duration = Duration::from_millis(20);

/// A call that an actor can run in a batch.
pub(super) trait Batchable {
    /// Calls of the same kind can run in one batch.
    fn kind(&self) -> TypeId;
    /// The maximum number of calls of this kind in one batch.
    fn max_batch(&self) -> usize;
}

/// The calls that an actor runs next.
pub(super) struct Batch<J: ?Sized> {
    /// The call whose turn it is.
    pub(super) first: Box<J>,
    /// Other calls of the same kind, which run in the same batch.
    pub(super) others: Vec<Box<J>>,
    /// Whether an idle actor must be woken for the remaining calls.
    pub(super) wake: bool,
}

/// The waiting calls, in a fair order, and the number of active actors.
///
/// A SyncArbiter's own queue is unbounded and passes each message through the main thread. Calls therefore wait here, and
/// a message is sent only to wake an idle actor.
pub(super) struct Queue<J: ?Sized> {
    state: Mutex<State<J>>,
    /// Whether a call has been added since an actor began to poll. Reading it requires no lock.
    pushed: AtomicBool,
    /// Notified when a parked actor has work.
    work_available: Condvar,
    actors: usize,
}

struct State<J: ?Sized> {
    waiting: WaitingRoom<Box<J>>,
    active: usize,
    /// The number of active actors that poll for work.
    polling: usize,
    /// The number of active actors that wait for a notification.
    parked: usize,
    /// Whether an actor has been woken, and no actor has looked for calls since.
    waking: bool,
    finished: u64,
    succeeded: u64,
    closed: bool,
}

impl<J: Batchable + ?Sized> Queue<J> {
    /// A queue in which `places` calls of each class can wait.
    pub(super) fn new(places: usize, actors: usize) -> Self {
        let state = State {
            waiting: WaitingRoom::new(places),
            active: 0,
            polling: 0,
            parked: 0,
            waking: false,
            finished: 0,
            succeeded: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            pushed: AtomicBool::default(),
            work_available: Condvar::new(),
            actors,
        }
    }

    /// Adds a call. Returns whether the caller must wake an idle actor, and a call to refuse if the class has no place left.
    pub(super) fn push(&self, flow: Flow, job: Box<J>) -> Result<(bool, Option<Box<J>>), DbError> {
        let mut state = self.state();
        if state.closed {
            return Err(DbError::Stopping);
        }
        let refused = state.waiting.push(flow, job);
        self.pushed.store(true, Ordering::Relaxed);
        Ok((self.notify_actor(&mut state), refused))
    }

    /// Whether a call of this flow would be kept. See [`WaitingRoom::has_place`].
    pub(super) fn has_place(&self, flow: &Flow) -> bool {
        self.state().waiting.has_place(flow)
    }

    /// Notifies an active actor without work, if there is one. Otherwise, returns whether an idle actor must be woken.
    /// One actor at a time is enough: it takes as many calls as it can run in a batch, and wakes another for the rest.
    fn notify_actor(&self, state: &mut State<J>) -> bool {
        if state.polling > 0 || state.waking {
            return false;
        }
        let is_parked = state.parked > 0;
        if is_parked {
            self.work_available.notify_one();
        } else if state.active < self.actors {
            state.active += 1;
        } else {
            return false;
        }
        state.waking = true;
        !is_parked
    }

    /// The next batch: the call whose turn it is, with others of its kind up to the maximum. `None` makes the actor idle.
    /// `was_alone` indicates whether no other call was waiting with the actor's last one.
    pub(super) fn next(&self, was_alone: bool) -> Option<Batch<J>> {
        let mut state = self.wait_for_work(was_alone);
        let Some(first) = state.waiting.take(|_| true) else {
            state.active -= 1;
            return None;
        };
        let kind = first.kind();
        let same_kind = std::iter::from_fn(|| state.waiting.take(|job| job.kind() == kind));
        let others = same_kind.take(first.max_batch() - 1).collect();
        let wake = !state.waiting.is_empty() && self.notify_actor(&mut state);
        Some(Batch { first, others, wake })
    }

    /// Waits briefly for work, because an active actor need not be woken through its mailbox. With a single client, the
    /// actor first polls, which is faster than parking the thread. With several, polling would take processor time from
    /// them.
    fn wait_for_work(&self, was_alone: bool) -> MutexGuard<'_, State<J>> {
        let idle = |state: &mut State<J>| {
            state.waking = false;
            state.waiting.is_empty() && !state.closed
        };
        let mut state = self.state();
        if !idle(&mut state) {
            return state;
        }
        if was_alone && state.active - state.parked == 1 {
            state.polling += 1;
            self.pushed.store(false, Ordering::Relaxed);
            drop(state);
            let until = Instant::now() + POLL_FOR;
            while !self.pushed.load(Ordering::Relaxed) && Instant::now() < until {
                std::thread::yield_now();
            }
            state = self.state();
            state.polling -= 1;
        }
        state.parked += 1;
        let waited = self.work_available.wait_timeout_while(state, PARK_FOR, idle);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.parked -= 1;
        state
    }

    /// Adds to the numbers of finished calls and of those that succeeded.
    pub(super) fn finish(&self, calls: usize, succeeded: usize) {
        let mut state = self.state();
        state.finished += calls as u64;
        state.succeeded += succeeded as u64;
    }

    /// The number of waiting calls of a class.
    pub(super) fn waiting(&self, class: Class) -> usize {
        self.state().waiting.count(class)
    }

    /// The number of calls of each class that can wait.
    pub(super) fn places(&self) -> usize {
        self.state().waiting.places()
    }

    /// The number of actors that are running calls.
    pub(super) fn running(&self) -> usize {
        let state = self.state();
        state.active.saturating_sub(state.parked + state.polling)
    }

    /// The number of finished calls. While calls wait, it grows unless the actors are stuck.
    pub(super) fn finished(&self) -> u64 {
        self.state().finished
    }

    /// The number of calls that have succeeded.
    pub(super) fn succeeded(&self) -> u64 {
        self.state().succeeded
    }

    /// Rejects new calls. Waiting calls still run.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.work_available.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::origin::Origin;

    /// A call with the maximum size of its batch.
    struct TestCall(usize);

    impl Batchable for TestCall {
        fn kind(&self) -> TypeId {
            TypeId::of::<Self>()
        }

        fn max_batch(&self) -> usize {
            self.0
        }
    }

    /// Adds a call, and returns whether an idle actor must be woken.
    fn push(queue: &Queue<TestCall>, max_batch: usize) -> bool {
        let flow = Flow::of(&Origin::server(), Class::Read);
        let (wake, refused) = queue.push(flow, Box::new(TestCall(max_batch))).expect("the queue is open");
        assert!(refused.is_none());
        wake
    }

    /// The number of calls in the next batch, and whether another actor must be woken.
    fn next(queue: &Queue<TestCall>) -> (usize, bool) {
        let batch = queue.next(false).expect("a call is waiting");
        (1 + batch.others.len(), batch.wake)
    }

    #[test]
    fn one_actor_is_woken_for_calls_that_fit_into_its_batch() {
        let queue = Queue::new(10, 2);
        assert_eq!([2; 3].map(|max| push(&queue, max)), [true, false, false]);
        assert_eq!(next(&queue), (2, true));
        assert_eq!(next(&queue), (1, false));
    }

    #[test]
    fn a_call_wakes_another_actor_once_the_first_is_running() {
        let queue = Queue::new(10, 2);
        for expected in [true, true, false] {
            assert_eq!(push(&queue, 1), expected);
            if expected {
                assert_eq!(next(&queue), (1, false));
            }
        }
        // The third call waits for an actor to finish.
        assert_eq!(next(&queue), (1, false));
    }
}
