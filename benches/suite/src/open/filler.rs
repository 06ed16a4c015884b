//! Fills the holes of requests.

use crate::request::Part;
use crate::wrk::Entry;
use anyhow::{Context, Result};
use std::fs;

/// Makes one request after the other.
pub struct Filler {
    entries: Vec<Filled>,
    prefix: String,
    count: u64,
    state: u64,
    bytes: Vec<u8>,
}

struct Filled {
    weight: u64,
    parts: Vec<Part>,
    ids: Vec<String>,
}

impl Filler {
    /// Of a load, with what begins its new numbers.
    pub fn new(load: &[Entry], prefix: &str) -> Result<Self> {
        let entries = load.iter().map(|entry| {
            let ids = fs::read_to_string(&entry.ids)?.lines().map(str::to_owned).collect();
            Ok(Filled { weight: entry.weight.into(), parts: entry.request.parts()?, ids })
        });
        let entries = entries.collect::<Result<_>>()?;
        Ok(Self {
            entries,
            prefix: prefix.to_owned(),
            count: 0,
            state: 0x9e37_79b9_7f4a_7c15,
            bytes: Vec::new(),
        })
    }

    /// The bytes of the next request.
    pub fn next(&mut self) -> Result<&[u8]> {
        let (dice, random) = (self.random() % 100, self.random());
        let mut below = 0;
        let entry = self.entries.iter().find(|entry| {
            below += entry.weight;
            dice < below
        });
        let entry = entry.context("weights that make a hundred")?;
        self.bytes.clear();
        for part in &entry.parts {
            match part {
                Part::Text(text) => self.bytes.extend_from_slice(text.as_bytes()),
                Part::Id => self.bytes.extend_from_slice(pick(&entry.ids, random)?.as_bytes()),
                Part::Number => {
                    self.bytes.extend_from_slice(format!("{}{:08}", self.prefix, self.count).as_bytes())
                }
            }
        }
        self.count += 1;
        Ok(&self.bytes)
    }

    /// xorshift64.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

fn pick(ids: &[String], random: u64) -> Result<&str> {
    let index = random % u64::try_from(ids.len())?.max(1);
    Ok(ids.get(usize::try_from(index)?).context("no ids")?)
}
