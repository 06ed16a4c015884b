//! The bounded queue between the handlers and the actors of one lane.

use super::error::DbError;
use std::any::TypeId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the only actor at work stays awake after a call: about as long as a client takes to come back.
const STAY_AWAKE: Duration = Duration::from_micros(100);
/// How long it stays after that.
const LINGER: Duration = Duration::from_millis(20);

/// A call that an actor can run together with others of its kind.
pub(super) trait Batchable {
    /// Calls of the same kind can run in one batch.
    fn kind(&self) -> TypeId;
    /// The most calls of this kind in one batch.
    fn max_batch(&self) -> usize;
}

/// The calls that an actor runs next.
pub(super) struct Batch<J: ?Sized> {
    /// The call that has waited longest.
    pub(super) first: Box<J>,
    /// Other calls of the same kind, to run in the same batch.
    pub(super) alike: Vec<Box<J>>,
    /// Whether another actor must be woken for what is left.
    pub(super) wake: bool,
}

/// Calls in the order in which they came, and how many actors work on them.
///
/// A SyncArbiter's own queue has no bound, and each of its messages is pumped through the main thread: so calls
/// wait here, and an actor is only woken when one of them is idle.
pub(super) struct Queue<J: ?Sized> {
    state: Mutex<State<J>>,
    /// Whether a call was added since the last actor began to linger: to look takes no lock.
    pushed: AtomicBool,
    /// Rung when there is something to do for an actor that lingers.
    bell: Condvar,
    capacity: usize,
    actors: usize,
}

struct State<J: ?Sized> {
    waiting: VecDeque<Box<J>>,
    at_work: usize,
    /// Those at work that have nothing to do and look for it.
    awake: usize,
    /// Those at work that have nothing to do and wait for the bell.
    asleep: usize,
    finished: u64,
    closed: bool,
}

impl<J: Batchable + ?Sized> Queue<J> {
    pub(super) fn new(capacity: usize, actors: usize) -> Self {
        let state =
            State { waiting: VecDeque::new(), at_work: 0, awake: 0, asleep: 0, finished: 0, closed: false };
        Self {
            state: Mutex::new(state),
            pushed: AtomicBool::default(),
            bell: Condvar::new(),
            capacity,
            actors,
        }
    }

    /// Adds a call; `true` asks for an actor to be woken.
    pub(super) fn push(&self, job: Box<J>) -> Result<bool, DbError> {
        let mut state = self.state();
        if state.closed {
            return Err(DbError::Stopping);
        }
        if state.waiting.len() >= self.capacity {
            return Err(DbError::Overloaded);
        }
        state.waiting.push_back(job);
        self.pushed.store(true, Ordering::Relaxed);
        Ok(self.call_somebody(&mut state))
    }

    /// Sees to it that an idle actor comes, if there is one; `true` asks for one at rest to be woken.
    fn call_somebody(&self, state: &mut State<J>) -> bool {
        if state.awake > 0 {
            return false;
        }
        if state.asleep > 0 {
            self.bell.notify_one();
            return false;
        }
        let wake = state.at_work < self.actors;
        if wake {
            state.at_work += 1;
        }
        wake
    }

    /// What an actor at work does next, `None` sends it to rest: the call that has waited longest, and with it those of
    /// its kind, as many as are carried out together. `was_alone` is whether nothing else waited beside its last call.
    pub(super) fn next(&self, was_alone: bool) -> Option<Batch<J>> {
        let mut state = self.linger(was_alone);
        let Some(first) = state.waiting.pop_front() else {
            state.at_work -= 1;
            return None;
        };
        let (mut alike, most) = (Vec::new(), first.max_batch() - 1);
        if most > 0 && !state.waiting.is_empty() {
            let waiting = std::mem::take(&mut state.waiting);
            for job in waiting {
                match alike.len() < most && job.kind() == first.kind() {
                    true => alike.push(job),
                    false => state.waiting.push_back(job),
                }
            }
        }
        let wake = !state.waiting.is_empty() && self.call_somebody(&mut state);
        Some(Batch { first, alike, wake })
    }

    /// Waits a moment for something to do: who is still there need not be woken through the mailbox. Where one client
    /// seems to be alone, its actor at first only lets other threads go first: to be put to sleep and woken takes longer.
    /// Where there are several, it would take the processors from them.
    fn linger(&self, was_alone: bool) -> MutexGuard<'_, State<J>> {
        let idle = |state: &mut State<J>| state.waiting.is_empty() && !state.closed;
        let mut state = self.state();
        if !idle(&mut state) {
            return state;
        }
        if was_alone && state.at_work - state.asleep == 1 {
            state.awake += 1;
            self.pushed.store(false, Ordering::Relaxed);
            drop(state);
            let until = Instant::now() + STAY_AWAKE;
            while !self.pushed.load(Ordering::Relaxed) && Instant::now() < until {
                std::thread::yield_now();
            }
            state = self.state();
            state.awake -= 1;
        }
        state.asleep += 1;
        let waited = self.bell.wait_timeout_while(state, LINGER, idle);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.asleep -= 1;
        state
    }

    /// Notes that an actor has finished so many calls.
    pub(super) fn finish(&self, calls: usize) {
        self.state().finished += calls as u64;
    }

    /// How many calls the actors have finished: while it grows, they are alive.
    pub(super) fn finished(&self) -> u64 {
        self.state().finished
    }

    /// Takes no more calls; those that wait are still carried out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.bell.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
