//! The thread that writes log lines. A thread that logs only adds its line to a buffer in memory.

use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The maximum size in bytes of the lines in the buffer. As many can be in the process of being written.
const CAPACITY: usize = 1 << 20;
/// The size in bytes from which the lines are written without a pause.
const ENOUGH: usize = CAPACITY / 4;
/// The size in bytes of the memory that a buffer keeps when it is empty.
const KEPT: usize = 1 << 16;
/// How long lines are collected after each write. Without this pause, the thread would be woken for almost every line.
const PAUSE: Duration = Duration::from_millis(5);
/// The time limit for writing the remaining lines before the process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// The number of lines that the process has lost. Like the log itself, it belongs to the process.
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// The number of log lines that the process has lost.
pub(crate) fn dropped_lines() -> usize {
    DROPPED.load(Ordering::Relaxed)
}

/// The buffer of the lines to write. Clones share it.
#[derive(Clone)]
pub(super) struct LineWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when the thread has work.
    work: Condvar,
    /// Notified when lines have been written while a thread waits for that.
    written: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// The number of lines that were lost and not yet reported.
    dropped: usize,
    /// Whether the next line must wake the thread.
    is_idle: bool,
    /// Whether lines that were taken from the buffer are being written.
    is_writing: bool,
    /// The number of threads that wait for the lines to be written.
    flushing: usize,
}

impl State {
    /// Counts lost lines.
    fn lose(&mut self, lines: usize) {
        self.dropped += lines;
        DROPPED.fetch_add(lines, Ordering::Relaxed);
    }
}

impl LineWriter {
    /// Starts the thread, which writes to `out`.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let in_thread = shared.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || in_thread.run(out))?;
        Ok(Self(shared))
    }

    /// Adds a line, or drops it if the buffer is full.
    pub(super) fn add(&self, line: &[u8]) {
        let mut state = self.0.state();
        let (before, after) = (state.lines.len(), state.lines.len() + line.len());
        if after > CAPACITY {
            state.lose(1);
            return;
        }
        state.lines.extend_from_slice(line);
        let is_enough = before < ENOUGH && after >= ENOUGH;
        let wake = mem::take(&mut state.is_idle) || is_enough;
        drop(state);
        if wake {
            self.0.work.notify_one();
        }
    }

    /// Waits until all lines have been written, but not for long: stderr can be a pipe that nobody reads.
    pub(super) fn wait_until_written(&self) {
        let mut state = self.0.state();
        state.flushing += 1;
        self.0.work.notify_one();
        let unwritten = |state: &mut State| state.is_writing || !state.lines.is_empty();
        let waited = self.0.written.wait_timeout_while(state, FLUSH_WITHIN, unwritten);
        waited.unwrap_or_else(PoisonError::into_inner).0.flushing -= 1;
    }
}

/// env_logger writes each line with one call, and then calls `flush`.
impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn run(&self, mut out: impl Write) {
        let (mut lines, mut failed) = (Vec::new(), false);
        loop {
            let dropped = self.take(&mut lines, failed);
            if dropped > 0 {
                log::warn!(dropped; "log lines were lost, because stderr was not read fast enough or failed");
            }
            failed = out.write_all(&lines).is_err();
            let lost = if failed { lines.iter().filter(|byte| **byte == b'\n').count() } else { 0 };
            lines.clear();
            lines.shrink_to(KEPT);
            self.finish(lost);
        }
    }

    /// Waits for lines and exchanges them for an empty buffer. Returns the number of lines that were lost, which is to be
    /// logged, unless the last write failed.
    fn take(&self, empty: &mut Vec<u8>, failed: bool) -> usize {
        let mut state = self.state();
        state.is_idle = state.lines.is_empty();
        let waited = self.work.wait_while(state, |state| state.lines.is_empty());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.lines, empty);
        state.is_writing = true;
        if failed { 0 } else { mem::take(&mut state.dropped) }
    }

    /// Records that the taken lines have been written, and pauses unless there is enough to write.
    fn finish(&self, lost: usize) {
        let mut state = self.state();
        state.is_writing = false;
        state.lose(lost);
        if state.flushing > 0 {
            self.written.notify_all();
        }
        let can_wait = |state: &mut State| state.flushing == 0 && state.lines.len() < ENOUGH;
        drop(self.work.wait_timeout_while(state, PAUSE, can_wait));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
