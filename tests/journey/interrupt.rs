//! Phases in which the server is stopped or killed during writes, and started again on the same database.

use crate::journey::model::KnownUser;
use crate::journey::scenario::{Journey, with_limit};
use crate::journey::writer::{Shared, Writer, WriterResult};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

const WRITERS: u32 = 16;

/// Number of existing users that each writer may change in addition to its own new users.
const TAKEN: usize = 20;

/// Number of acknowledged writes before the signal.
const BEFORE: u64 = 500;

/// Longer than `ROSTER_SHUTDOWN_TIMEOUT`, which is 8 s.
const END_LIMIT: Duration = Duration::from_secs(20);

impl Journey {
    /// Sends the signal while 16 clients write, starts the server again, and repeats the unacknowledged writes.
    pub(crate) fn interrupt(&mut self, signal: &str, round: u32) {
        let shared = self.shared();
        let writers = self.start_writers(&shared, round);
        let runtime = self.runtime.clone();
        runtime.block_on(self.wait_for_writes(&shared, BEFORE));
        self.server.signal(signal);
        check_end(signal, self.server.wait(END_LIMIT), &self.server.log());
        // The server has ended, so the next write of each writer fails.
        let results = runtime.block_on(with_limit(self.limit, writers.join_all()));
        let end = format!("SIG{signal} {round}");
        self.restart(&format!("exec to ready after {end}"));
        let limit = self.limit;
        let check = async {
            self.resolve(&end, &shared, results).await;
            self.verify(&format!("list after {end}"), Some(500), None).await;
        };
        runtime.block_on(with_limit(limit, check));
    }

    fn start_writers(&mut self, shared: &Shared, round: u32) -> JoinSet<WriterResult> {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let own: Vec<KnownUser> = self.model.take(TAKEN, &mut self.rng);
            let rng = self.people.rng(u32::MAX - round, writer);
            let writer = Writer { shared: shared.clone(), rng, own };
            writers.spawn_on(writer.run(u64::MAX), self.runtime.handle());
        }
        writers
    }

    /// Adds the acknowledged writes to the model, and repeats the others.
    async fn resolve(&mut self, end: &str, shared: &Shared, results: Vec<WriterResult>) {
        let (mut refused, mut unknown, mut done) = (0, 0, 0);
        for result in results {
            self.model.extend(result.own);
            for write in result.unacknowledged {
                *if write.refused { &mut refused } else { &mut unknown } += 1;
                done += u32::from(write.resolve(&self.api, self.people, &mut self.model).await);
            }
        }
        let acknowledged = shared.acknowledged.load(Ordering::Relaxed);
        let text = format!(
            "{acknowledged} acknowledged, {refused} refused, {unknown} unknown, {done} of them carried out"
        );
        self.report.fact(&format!("writes around {end}"), text);
    }
}

/// Checks that a stopped server exits with 0 and a killed one ends by the signal.
fn check_end(signal: &str, status: ExitStatus, log: &str) {
    let expected = if signal == "KILL" { (None, Some(9)) } else { (Some(0), None) };
    assert_eq!((status.code(), status.signal()), expected, "after SIG{signal}:\n{log}");
    assert!(!log.contains("panicked"), "the log contains a panic:\n{log}");
}
