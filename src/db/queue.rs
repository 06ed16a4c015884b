//! The bounded queue between the handlers and the actors of one lane.

use super::error::DbError;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Calls in the order in which they came, and how many actors work on them.
///
/// A SyncArbiter's own queue has no bound, and each of its messages is pumped through the main thread: so calls
/// wait here, and an actor is only woken when one of them is idle.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    capacity: usize,
    actors: usize,
}

struct State<J> {
    waiting: VecDeque<J>,
    at_work: usize,
    finished: u64,
    closed: bool,
}

impl<J> Queue<J> {
    pub(super) fn new(capacity: usize, actors: usize) -> Self {
        let state = State { waiting: VecDeque::new(), at_work: 0, finished: 0, closed: false };
        Self { state: Mutex::new(state), capacity, actors }
    }

    /// Adds a call; `true` asks for an actor to be woken.
    pub(super) fn push(&self, job: J) -> Result<bool, DbError> {
        let mut state = self.state();
        if state.closed {
            return Err(DbError::Stopping);
        }
        if state.waiting.len() >= self.capacity {
            return Err(DbError::Overloaded);
        }
        state.waiting.push_back(job);
        let wake = state.at_work < self.actors;
        if wake {
            state.at_work += 1;
        }
        Ok(wake)
    }

    /// The next call for an actor at work; `None` sends it to rest.
    pub(super) fn next(&self) -> Option<J> {
        let mut state = self.state();
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.at_work -= 1;
        }
        job
    }

    /// Notes that an actor has finished a call.
    pub(super) fn finish(&self) {
        self.state().finished += 1;
    }

    /// How many calls the actors have finished: while it grows, they are alive.
    pub(super) fn finished(&self) -> u64 {
        self.state().finished
    }

    /// Takes no more calls; those that wait are still carried out.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
