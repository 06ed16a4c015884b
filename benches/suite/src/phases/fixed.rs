//! Latencies at half of what Roster can do, of Roster and of the peer at the same rate.

use crate::open::{self, Pace};
use crate::options::Options;
use crate::proc::Steal;
use crate::roles::{PEER, ROSTER, Scenario};
use crate::round::{Bench, Contestant, STOLEN_LIMIT, WARM_UP};
use crate::server::Server;
use crate::stage::{BASE, Stage};
use crate::stats::{Spread, number};
use crate::wrk::Entry;
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The loads that bars speak of.
const SCENARIOS: [Scenario; 3] = [Scenario::Read, Scenario::Mixed, Scenario::Create];
/// A round is so many times as long as one of the closed loop.
const LONGER: u64 = 2;
/// Capacity is what two rounds of the closed loop give, of so many seconds.
const CAPACITY: (u32, u64) = (2, 3);
/// A server keeps a rate when no more than one in so many requests found no connection until the end.
const KEEPS: u64 = 100;

/// The part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Fixed {
    pub loads: Vec<Load>,
}

/// One load.
#[derive(Debug, Deserialize, Serialize)]
pub struct Load {
    pub scenario: Scenario,
    /// Requests a second of Roster in the closed loop with 64 connections.
    pub capacity: f64,
    /// Requests a second of this load: half of it.
    pub rate: f64,
    /// By server.
    pub servers: BTreeMap<String, Vec<FixedRound>>,
}

/// One measurement, in microseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct FixedRound {
    /// Whether the server kept the rate.
    pub kept: bool,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    pub stolen_cores: f64,
}

impl Fixed {
    /// The ratio of Roster's figure to the peer's, and whether the peer kept the rate in every round.
    pub fn ratio(&self, scenario: Scenario, pick: fn(&FixedRound) -> f64) -> Option<(Spread, bool)> {
        let load = self.loads.iter().find(|load| load.scenario == scenario)?;
        let (own, peer) = (load.servers.get(ROSTER)?, load.servers.get(PEER)?);
        let ratio = Spread::of_ratios(own.iter().zip(peer).map(|(own, peer)| (pick(own), pick(peer))))?;
        Some((ratio, peer.iter().all(|round| round.kept)))
    }
}

/// The seconds of measurement.
pub fn planned(options: &Options) -> u64 {
    let (rounds, seconds) = CAPACITY;
    let capacity = u64::from(rounds) * 3 * (WARM_UP + seconds);
    3 * (capacity + 2 * u64::from(options.rounds) * (WARM_UP + LONGER * options.seconds))
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Fixed> {
    for copy in ["open_roster", "open_peer"] {
        stage.databases.copy(BASE, copy)?;
    }
    let roster = stage.roster("open_roster")?;
    let pools = [5, 16].map(|pool| stage.axum_sqlx("open_peer", pool, "one"));
    let pools = pools.into_iter().collect::<Result<Vec<_>>>()?;
    let loads = SCENARIOS.map(|scenario| load(stage, scenario, &roster, &pools));
    Ok(Fixed { loads: loads.into_iter().collect::<Result<_>>()? })
}

fn load(stage: &Stage, scenario: Scenario, roster: &Server, pools: &[Server]) -> Result<Load> {
    let own = stage.roster_asked().load(scenario).context("a load")?;
    let peers = stage.peer_asked().load(scenario).context("a load")?;
    let (capacity, best) = capacities(stage, roster, &own, pools, &peers)?;
    let rate = capacity / 2.0;
    let peer = pools.get(best).context("a pool")?;
    let mut servers = BTreeMap::from([(ROSTER.to_owned(), Vec::new()), (PEER.to_owned(), Vec::new())]);
    for turn in 0..stage.options.rounds {
        let mut order = [(ROSTER, roster, &own), (PEER, peer, &peers)];
        order.rotate_left(turn as usize % 2);
        for (name, server, load) in order {
            let round = unstolen(stage, server, load, rate).with_context(|| format!("{name}, {scenario}"))?;
            servers.entry(name.to_owned()).or_default().push(round);
        }
    }
    tell(stage, scenario, rate, &servers);
    Ok(Load { scenario, capacity, rate, servers })
}

/// What Roster can do, and which of the peer's pools can do most.
fn capacities(
    stage: &Stage,
    roster: &Server,
    own: &[Entry],
    pools: &[Server],
    peers: &[Entry],
) -> Result<(f64, usize)> {
    let (rounds, seconds) = CAPACITY;
    let bench = Bench { rounds, seconds, ..stage.bench() };
    let mut contestants = vec![Contestant { name: ROSTER.to_owned(), server: roster, load: own.to_vec() }];
    for server in pools {
        contestants.push(Contestant { name: PEER.to_owned(), server, load: peers.to_vec() });
    }
    let cells = bench.run(&contestants, u32::try_from(open::CONNECTIONS)?)?;
    let (first, rest) = cells.split_first().context("cells")?;
    let best =
        rest.iter().enumerate().max_by(|(_, a), (_, b)| a.throughput.median.total_cmp(&b.throughput.median));
    Ok((first.throughput.median, best.context("a pool")?.0))
}

/// Measures again, once, when others took too much.
fn unstolen(stage: &Stage, server: &Server, load: &[Entry], rate: f64) -> Result<FixedRound> {
    let round = measure(stage, server, load, rate)?;
    if round.stolen_cores <= STOLEN_LIMIT {
        return Ok(round);
    }
    eprintln!("  a round is repeated: others took more than {STOLEN_LIMIT} cores");
    measure(stage, server, load, rate)
}

fn measure(stage: &Stage, server: &Server, load: &[Entry], rate: f64) -> Result<FixedRound> {
    let length = LONGER * stage.options.seconds;
    let pace = Pace { rate, warm_up: Duration::from_secs(WARM_UP), length: Duration::from_secs(length) };
    let mut latencies = histogram()?;
    let steal = Steal::begin()?;
    let mut record = |sample: open::Sample| latencies.saturating_record(micros(sample.latency));
    let unsent = open::run(server.address, load, &stage.wrk.prefix(), pace, &stage.stop, &mut record)?;
    stage.progress.advance(WARM_UP + length);
    let quantile = |q| number(latencies.value_at_quantile(q));
    Ok(FixedRound {
        kept: unsent * KEEPS <= latencies.len(),
        p50: quantile(0.5),
        p99: quantile(0.99),
        p999: quantile(0.999),
        max: number(latencies.max()),
        stolen_cores: steal.cores()?,
    })
}

/// For latencies up to ten minutes, to three digits.
pub fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(600_000_000, 3)?)
}

/// Whole microseconds.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn tell(stage: &Stage, scenario: Scenario, rate: f64, servers: &BTreeMap<String, Vec<FixedRound>>) {
    let figures = servers.iter().map(|(name, rounds)| {
        let p99 = Spread::of(rounds.iter().map(|round| round.p99 / 1000.0)).unwrap_or_default().median;
        let kept = if rounds.iter().all(|round| round.kept) { "" } else { " (cannot keep it)" };
        format!("{name} p99 {p99:.2} ms{kept}")
    });
    let figures: Vec<String> = figures.collect();
    stage.progress.say(&format!(
        "{}, {scenario}, {rate:.0} requests a second: {}",
        stage.engine.title(),
        figures.join("; ")
    ));
}
