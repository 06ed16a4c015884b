//! How far a run has come, on stderr.

use std::cell::Cell;
use std::time::Instant;

/// Counts seconds of measurement against those that were planned.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    planned: Cell<u64>,
    done: Cell<u64>,
}

impl Progress {
    /// With so many seconds of measurement to come.
    pub fn new(planned: u64) -> Self {
        Self { began: Instant::now(), planned: Cell::new(planned), done: Cell::new(0) }
    }

    /// Some seconds of measurement are over.
    pub fn advance(&self, seconds: u64) {
        self.done.set(self.done.get() + seconds);
        self.planned.set(self.planned.get().max(self.done.get()));
    }

    /// Says something, with the time that passed and the time that is left.
    pub fn say(&self, text: &str) {
        let passed = self.began.elapsed().as_secs();
        let left = self.planned.get() - self.done.get();
        eprintln!("[{} passed, about {} left] {text}", clock(passed), clock(left + left / 10));
    }
}

fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
