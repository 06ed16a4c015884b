//! Ctrl-C ends a run in good order: what waits looks here, fails, and everything that was started is stopped.

use anyhow::{Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(20);
const FIRST_STEP: Duration = Duration::from_micros(500);

/// Whether the run is to end.
#[derive(Clone, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for SIGINT, SIGTERM and SIGHUP.
    pub fn listen() -> Result<Self> {
        let stop = Self(Arc::default());
        let told = stop.clone();
        ctrlc::set_handler(move || told.0.store(true, Ordering::Relaxed))?;
        Ok(stop)
    }

    /// Fails when the run is to end.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("stopped");
        }
        Ok(())
    }

    /// Waits until something is there; fails after a while.
    pub fn wait_for<T>(&self, what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
        let began = Instant::now();
        loop {
            self.check()?;
            if let Some(found) = look() {
                return Ok(found);
            }
            if began.elapsed() > limit {
                bail!("{what}: not within {limit:?}");
            }
            // Often at first: a start of some milliseconds is measured by this.
            thread::sleep((began.elapsed() / 50).clamp(FIRST_STEP, STEP));
        }
    }

    /// Sleeps.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < time {
            self.check()?;
            thread::sleep(STEP.min(time));
        }
        Ok(())
    }
}
