//! What a run finds, as it stands in the file of results.

use crate::bars::Judged;
use crate::database::Engine;
use crate::machine::Machine;
use crate::phases::{closed::Closed, fixed::Fixed, flat::Flat, long::Long, start::Start};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The name of the file.
pub const FILE: &str = "results.json";
/// How long a line may be, without its indentation.
const LINE: usize = 240;

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
        let mut value = serde_json::to_value(self)?;
        round(&mut value);
        Ok(fs::write(directory.join(FILE), lines(&value, 0) + "\n")?)
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

/// Four significant digits of every number that is no whole one.
fn round(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(round),
        Value::Object(map) => map.values_mut().for_each(round),
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|number| format!("{number:.3e}").parse().ok());
            if let Some(short) = short.and_then(serde_json::Number::from_f64) {
                *number = short;
            }
        }
        _ => {}
    }
}

/// JSON with a line for whatever fits on one.
fn lines(value: &Value, depth: usize) -> String {
    let short = value.to_string();
    let inner = match value {
        _ if short.len() <= LINE => return short,
        Value::Array(list) => list.iter().map(|value| lines(value, depth + 1)).collect::<Vec<_>>(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), lines(value, depth + 1)))
            .collect(),
        _ => return short,
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    let (indent, outer) = (" ".repeat(depth + 1), " ".repeat(depth));
    format!("{open}\n{indent}{}\n{outer}{close}", inner.join(&format!(",\n{indent}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut value =
            serde_json::json!({"a \"b\"": (0..200).collect::<Vec<_>>(), "c": {"d": 1.234_567, "e": null}});
        round(&mut value);
        assert_eq!(value["c"]["d"], 1.235);
        assert_eq!(serde_json::from_str::<Value>(&lines(&value, 0)).unwrap(), value);
    }
}
