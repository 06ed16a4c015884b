//! Phases in which the server ends in the middle of writes, and starts again on what it left.

use crate::journey::population::Known;
use crate::journey::scenario::{Journey, bounded};
use crate::journey::writer::{Crew, Legacy, Writer};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

const WRITERS: u32 = 16;

/// How many existing users each writer may change besides its new ones.
const LENT: usize = 20;

/// How many writes are acknowledged before the signal comes.
const BEFORE: u64 = 500;

/// Longer than `ROSTER_SHUTDOWN_TIMEOUT`, which is 8 s.
const END_LIMIT: Duration = Duration::from_secs(20);

impl Journey {
    /// Sends the signal while 16 clients write, starts the server again, and asks for what was not acknowledged.
    pub(crate) fn interrupt(&mut self, signal: &str, round: u32) {
        let crew = self.crew();
        let writers = self.send_in_writers(&crew, round);
        let runtime = self.runtime.clone();
        runtime.block_on(self.wait_for_writes(&crew, BEFORE));
        self.server.signal(signal);
        check_end(signal, self.server.wait(END_LIMIT), &self.server.log());
        // The server is gone, so each of them finds out at its next write.
        let legacies = runtime.block_on(bounded(self.limit, writers.join_all()));
        let end = format!("SIG{signal} {round}");
        self.restart(&format!("exec to ready after {end}"));
        let limit = self.limit;
        let check = async {
            self.settle(&end, &crew, legacies).await;
            self.census(&format!("list after {end}"), Some(500), None).await;
        };
        runtime.block_on(bounded(limit, check));
    }

    fn send_in_writers(&mut self, crew: &Crew, round: u32) -> JoinSet<Legacy> {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let own: Vec<Known> = self.population.lend(LENT, &mut self.rng);
            let rng = self.people.rng(u32::MAX - round, writer);
            let writer = Writer { crew: crew.clone(), rng, own };
            writers.spawn_on(writer.run(u64::MAX), self.runtime.handle());
        }
        writers
    }

    /// What was acknowledged joins the model; what was not is asked for once more.
    async fn settle(&mut self, end: &str, crew: &Crew, legacies: Vec<Legacy>) {
        let (mut refused, mut unknown, mut done) = (0, 0, 0);
        for legacy in legacies {
            self.population.extend(legacy.own);
            for doubt in legacy.doubts {
                *if doubt.refused { &mut refused } else { &mut unknown } += 1;
                done += u32::from(doubt.settle(&self.api, self.people, &mut self.population).await);
            }
        }
        let acknowledged = crew.acknowledged.load(Ordering::Relaxed);
        let text = format!(
            "{acknowledged} acknowledged, {refused} refused, {unknown} unknown, of which {done} done"
        );
        self.report.fact(&format!("writes around {end}"), text);
    }
}

/// An asked server ends well, a killed one as it must.
fn check_end(signal: &str, status: ExitStatus, log: &str) {
    let expected = if signal == "KILL" { (None, Some(9)) } else { (Some(0), None) };
    assert_eq!((status.code(), status.signal()), expected, "after SIG{signal}:\n{log}");
    assert!(!log.contains("panicked"), "a panic in the log:\n{log}");
}
