//! Ten minutes at half of the capacity: whether latency stays as it is.

use super::fixed::{histogram, micros};
use crate::open::{self, Pace};
use crate::options::Options;
use crate::proc::Steal;
use crate::roles::{ROSTER, Scenario};
use crate::round::{Bench, Contestant, WARM_UP};
use crate::stage::{BASE, Stage};
use crate::stats::number;
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Seconds of a histogram.
const SLOT: u64 = 10;
const CAPACITY_ROUNDS: u32 = 2;

/// The part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Long {
    /// Requests a second: reads and creates, nine to one.
    pub rate: f64,
    /// Each ten seconds.
    pub slots: Vec<Latency>,
    /// Each minute.
    pub minutes: Vec<Latency>,
    /// Requests that found no connection until the end.
    pub unsent: u64,
    pub stolen_cores: f64,
}

/// A part of the time, in microseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Latency {
    pub requests: u64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Long {
    /// The p99 of the last minute against that of the second.
    pub fn drift(&self) -> Option<f64> {
        let second = self.minutes.get(1)?;
        (second.p99 > 0.0).then(|| self.minutes.last().map(|last| last.p99 / second.p99))?
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let quantile = |q| number(histogram.value_at_quantile(q));
        let (requests, max) = (histogram.len(), number(histogram.max()));
        Self { requests, p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max }
    }
}

/// The seconds of measurement.
pub fn planned(options: &Options) -> u64 {
    options.minutes * 60 + u64::from(CAPACITY_ROUNDS) * (WARM_UP + options.seconds)
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Long> {
    stage.databases.copy(BASE, "long")?;
    let server = stage.roster("long")?;
    let load = stage.roster_asked().load(Scenario::Mixed).context("a load")?;
    let bench = Bench { rounds: CAPACITY_ROUNDS, ..stage.bench() };
    let contestant = Contestant { name: ROSTER.to_owned(), server: &server, load: load.clone() };
    let cells = bench.run(&[contestant], u32::try_from(open::CONNECTIONS)?)?;
    let rate = cells.first().context("a cell")?.throughput.median / 2.0;
    let length = stage.options.minutes * 60;
    stage.progress.say(&format!("{}: {length} s of {rate:.0} requests a second", stage.engine.title()));
    let empty = histogram()?;
    let mut slots = vec![empty; usize::try_from(length / SLOT)?];
    let mut told = 0;
    let mut record = |sample: open::Sample| {
        let slot = sample.offset.as_secs() / SLOT;
        if slot > told {
            told = slot;
            stage.progress.advance(SLOT);
        }
        if let Some(histogram) = usize::try_from(slot).ok().and_then(|slot| slots.get_mut(slot)) {
            histogram.saturating_record(micros(sample.latency));
        }
    };
    let steal = Steal::begin()?;
    let pace = Pace { rate, warm_up: Duration::from_secs(WARM_UP), length: Duration::from_secs(length) };
    let unsent = open::run(server.address, &load, &stage.wrk.prefix(), pace, &stage.stop, &mut record)?;
    let minutes = slots.chunks(usize::try_from(60 / SLOT)?).map(minute).collect::<Result<_>>()?;
    let slots = slots.iter().map(Latency::of).collect();
    Ok(Long { rate, slots, minutes, unsent, stolen_cores: steal.cores()? })
}

fn minute(slots: &[Histogram<u64>]) -> Result<Latency> {
    let mut whole = histogram()?;
    for slot in slots {
        whole.add(slot)?;
    }
    Ok(Latency::of(&whole))
}
