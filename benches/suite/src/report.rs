//! What a run finds, as it stands in the file of results.

use crate::bars::Judged;
use crate::database::Engine;
use crate::machine::Machine;
use crate::phases::{closed::Closed, fixed::Fixed, flat::Flat, long::Long, start::Start};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The name of the file.
pub const FILE: &str = "results.json";

/// The whole file: a run of one engine, or of one part, replaces what it measured and leaves the rest.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// How to read it.
    pub about: Vec<String>,
    /// By engine.
    pub engines: BTreeMap<Engine, EngineReport>,
}

/// All of one engine.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct EngineReport {
    /// Where each part was measured, and with what.
    pub measured: BTreeMap<String, Machine>,
    /// The bars.
    pub bars: Vec<Judged>,
    /// The parts.
    pub closed: Option<Closed>,
    pub open: Option<Fixed>,
    pub flat: Option<Flat>,
    pub start: Option<Start>,
    pub long: Option<Long>,
}

impl Report {
    /// What is in a directory, or nothing yet.
    pub fn read(directory: &Path) -> Result<Self> {
        match fs::read(directory.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).context("the results that are there cannot be read"),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Writes the file.
    pub fn write(&mut self, directory: &Path) -> Result<()> {
        self.about = about();
        fs::create_dir_all(directory)?;
        let mut bytes = serde_json::to_vec_pretty(&Rounded::of(self)?.0)?;
        bytes.push(b'\n');
        Ok(fs::write(directory.join(FILE), bytes)?)
    }
}

fn about() -> Vec<String> {
    [
        "Latencies and processor times are in microseconds, memory is in MiB, each spread is of rounds.",
        "A ratio is of two servers in the same round; its median, lowest and highest stand here.",
        "cpu_database is of all processes of PostgreSQL; SQLite is part of the server.",
        "stolen_cores: cores that the hypervisor gave to others. A round with more than 0.2 is repeated, at most as \
         often as there are rounds; those that stand here with more had no repeats left.",
        "closed: wrk, one thread, no pause between requests; its latencies are corrected for omission by itself.",
        "open: requests leave by the clock, 64 connections; a latency counts from when the request should have left.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// JSON without digits that mean nothing.
struct Rounded(serde_json::Value);

impl Rounded {
    fn of(report: &Report) -> Result<Self> {
        let mut value = serde_json::to_value(report)?;
        round(&mut value);
        Ok(Self(value))
    }
}

/// Four significant digits of every number that is no whole one.
fn round(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(list) => list.iter_mut().for_each(round),
        serde_json::Value::Object(map) => map.values_mut().for_each(round),
        serde_json::Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|number| format!("{number:.3e}").parse().ok());
            if let Some(short) = short.and_then(serde_json::Number::from_f64) {
                *number = short;
            }
        }
        _ => {}
    }
}
