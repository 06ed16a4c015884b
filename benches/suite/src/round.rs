//! Interleaved rounds: every server in turn under the same load, in an order that moves on each round.

use crate::proc::{self, Steal};
use crate::progress::Progress;
use crate::server::Server;
use crate::stats::{Spread, number};
use crate::wrk::{Entry, Outcome, Wrk};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A round with more of a core taken by others is repeated.
pub const STOLEN_LIMIT: f64 = 0.2;
/// The part of a second that the servers run unmeasured before each measurement.
pub const WARM_UP: u64 = 1;

/// One measurement. Latencies in microseconds, processor time in microseconds a request.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Round {
    pub requests_per_second: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    pub cpu_server: Option<f64>,
    pub cpu_database: Option<f64>,
    pub stolen_cores: f64,
}

impl Round {
    /// The time on a processor of server and database together.
    pub fn cpu(&self) -> Option<f64> {
        Some(self.cpu_server? + self.cpu_database?)
    }
}

/// All rounds of one server under one load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Cell {
    /// Who.
    pub server: String,
    /// The rounds in which nothing was stolen, or the last ones.
    pub rounds: Vec<Round>,
    /// The median of the requests a second.
    pub throughput: Spread,
    /// The medians of the rounds' quantiles.
    pub p50: Spread,
    pub p99: Spread,
    pub p999: Spread,
    /// The median processor time a request of the server, and of the database's processes.
    pub cpu_server: Option<Spread>,
    pub cpu_database: Option<Spread>,
}

impl Cell {
    fn of(server: &str, rounds: Vec<Round>) -> Result<Self> {
        let spread = |pick: fn(&Round) -> f64| Spread::of(rounds.iter().map(pick)).context("no rounds");
        Ok(Self {
            server: server.to_owned(),
            throughput: spread(|round| round.requests_per_second)?,
            p50: spread(|round| round.p50)?,
            p99: spread(|round| round.p99)?,
            p999: spread(|round| round.p999)?,
            cpu_server: Spread::of(rounds.iter().filter_map(|round| round.cpu_server)),
            cpu_database: Spread::of(rounds.iter().filter_map(|round| round.cpu_database)),
            rounds,
        })
    }

    /// The ratio of a figure to another server's in the same rounds.
    pub fn against(&self, other: &Self, pick: fn(&Round) -> Option<f64>) -> Option<Spread> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Spread::of_ratios(pairs.filter_map(|(own, other)| Some((pick(own)?, pick(other)?))))
    }
}

/// Who takes part, with what it is asked.
#[derive(Debug)]
pub struct Contestant<'a> {
    pub name: String,
    pub server: &'a Server,
    pub load: Vec<Entry>,
}

/// How to measure.
#[derive(Debug)]
pub struct Bench<'a> {
    pub wrk: &'a Wrk,
    /// The database's parent process, when it is not part of the server.
    pub database: Option<u32>,
    pub rounds: u32,
    pub seconds: u64,
    pub progress: &'a Progress,
}

impl Bench<'_> {
    /// Runs all rounds. Where something was stolen the whole round is run anew, at most as often again.
    pub fn run(&self, contestants: &[Contestant<'_>], connections: u32) -> Result<Vec<Cell>> {
        let mut rounds: Vec<Vec<Round>> = Vec::new();
        let mut repeats = 0;
        while rounds.len() < self.rounds as usize {
            let round = self.round(contestants, connections, rounds.len())?;
            let stolen = round.iter().any(|round| round.stolen_cores > STOLEN_LIMIT);
            if stolen && repeats < self.rounds {
                repeats += 1;
                eprintln!("  a round is repeated: others took more than {STOLEN_LIMIT} cores");
            } else {
                rounds.push(round);
            }
        }
        let of = |index: usize| rounds.iter().filter_map(|round| round.get(index).copied()).collect();
        contestants.iter().enumerate().map(|(index, who)| Cell::of(&who.name, of(index))).collect()
    }

    /// One measurement of each, given back in the order of the contestants.
    fn round(&self, contestants: &[Contestant<'_>], connections: u32, turn: usize) -> Result<Vec<Round>> {
        let count = contestants.len();
        let mut measured = vec![None; count];
        for place in 0..count {
            let index = (place + turn) % count;
            if let (Some(who), Some(slot)) = (contestants.get(index), measured.get_mut(index)) {
                let what = || format!("{} with {connections} connections", who.name);
                *slot = Some(self.measure(who, connections).with_context(what)?);
            }
        }
        Ok(measured.into_iter().flatten().collect())
    }

    fn measure(&self, who: &Contestant<'_>, connections: u32) -> Result<Round> {
        self.wrk.run(who.server.address, &who.load, connections, WARM_UP)?;
        let before = self.used(who)?;
        let steal = Steal::begin()?;
        let outcome = self.wrk.run(who.server.address, &who.load, connections, self.seconds)?;
        let stolen = steal.cores()?;
        let after = self.used(who)?;
        self.progress.advance(WARM_UP + self.seconds);
        Ok(round(&outcome, [used(before.0, after.0), used(before.1, after.1)], stolen))
    }

    /// Processor time so far of the server and the database.
    fn used(&self, who: &Contestant<'_>) -> Result<(Option<Duration>, Option<Duration>)> {
        let server = who.server.pid().map(proc::cpu).transpose()?;
        let database = self.database.map_or(Ok(Duration::ZERO), proc::cpu_of_family)?;
        Ok((server, Some(database)))
    }
}

fn used(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

fn round(outcome: &Outcome, cpu: [Option<Duration>; 2], stolen_cores: f64) -> Round {
    let requests = number(outcome.requests);
    let [cpu_server, cpu_database] = cpu.map(|time| Some(time?.as_secs_f64() * 1e6 / requests));
    Round {
        requests_per_second: requests * 1e6 / number(outcome.micros),
        p50: number(outcome.p50),
        p90: number(outcome.p90),
        p99: number(outcome.p99),
        p999: number(outcome.p999),
        max: number(outcome.max),
        cpu_server,
        cpu_database,
        stolen_cores,
    }
}
