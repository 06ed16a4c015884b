//! The progress of an import on standard error: a bar on a terminal, and log lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// The interval between log lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// Shows the progress of an import.
pub(super) struct Display {
    bar: ProgressBar,
    logged: Instant,
}

impl Display {
    /// `length` is the size of the input in bytes, if it is known.
    pub(super) fn new(length: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let template = "{wide_bar} {bytes}/{total_bytes} {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, logged: Instant::now() }
    }

    /// Shows that the input has been imported up to a position in bytes and up to a line.
    pub(super) fn show(&mut self, position: u64, line: u64) {
        self.bar.set_position(position);
        self.bar.set_message(format!("line {line}"));
        if self.bar.is_hidden() && self.logged.elapsed() >= INTERVAL {
            self.logged = Instant::now();
            let percent = self.bar.length().map(|length| position * 100 / length.max(1));
            log::info!(line, percent; "importing");
        }
    }

    /// Removes the bar, or logs the end.
    pub(super) fn finish(&self, line: u64) {
        self.bar.finish_and_clear();
        if self.bar.is_hidden() {
            log::info!(line; "imported");
        }
    }

    /// Runs a function that prints lines, without the bar.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}
