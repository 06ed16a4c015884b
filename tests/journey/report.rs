//! The measurements of a journey, as a table.

use std::fmt;
use std::time::Duration;

/// One phase of the journey.
#[derive(Debug)]
struct Phase {
    name: String,
    requests: u64,
    time: Duration,
    refused: u64,
}

/// All measurements of a journey. Server, database and clients share one machine, so the times of phases with many clients
/// include the generation and the comparison of users.
#[derive(Debug)]
pub(crate) struct Report {
    title: String,
    facts: Vec<(String, String)>,
    phases: Vec<Phase>,
}

impl Report {
    pub(crate) fn new(title: String) -> Self {
        Self { title, facts: Vec::new(), phases: Vec::new() }
    }

    pub(crate) fn fact(&mut self, name: &str, value: impl fmt::Display) {
        self.facts.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn memory(&mut self, name: &str, bytes: u64) {
        self.fact(name, format_args!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
    }

    pub(crate) fn milliseconds(&mut self, name: &str, time: Duration) {
        self.fact(name, format_args!("{:.1} ms", time.as_secs_f64() * 1e3));
    }

    pub(crate) fn phase(&mut self, name: &str, requests: u64, time: Duration, refused: u64) {
        self.phases.push(Phase { name: name.to_owned(), requests, time, refused });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        for (name, value) in &self.facts {
            writeln!(f, "  {name:<36} {value}")?;
        }
        writeln!(f, "  {:<36} {:>9} {:>9} {:>9} {:>8}", "phase", "requests", "seconds", "per s", "refused")?;
        self.phases.iter().try_for_each(|phase| writeln!(f, "  {phase}"))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, requests, time, refused } = self;
        let seconds = time.as_secs_f64();
        let rate = *requests as f64 / seconds.max(1e-9);
        write!(f, "{name:<36} {requests:>9} {seconds:>9.2} {rate:>9.0} {refused:>8}")
    }
}
