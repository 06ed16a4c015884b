//! The requests of the load.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;

/// One kind of request.
#[derive(Deserialize)]
pub(crate) struct Entry {
    /// The share of the load, in percent.
    weight: u64,
    /// The whole request. `{id}` stands for the id of an existing user, and `{n}` for a new number.
    template: String,
    /// A file of the ids, one per line.
    ids: PathBuf,
}

/// Generates the requests, chosen at random.
pub(crate) struct Requests {
    entries: Vec<(u64, String, Vec<String>)>,
    prefix: String,
    count: u64,
    random: u64,
}

impl Requests {
    pub(crate) fn new(entries: &[Entry], prefix: String) -> Result<Self> {
        let load = |entry: &Entry| {
            let ids = fs::read_to_string(&entry.ids)?.lines().map(str::to_owned).collect();
            Ok((entry.weight, entry.template.clone(), ids))
        };
        let entries = entries.iter().map(load).collect::<Result<_>>()?;
        Ok(Self { entries, prefix, count: 0, random: 0x9e37_79b9_7f4a_7c15 })
    }

    pub(crate) fn next(&mut self) -> Result<String> {
        let (percent, random) = (self.random() % 100, self.random());
        let mut below = 0;
        let chosen = self.entries.iter().find(|(weight, ..)| {
            below += weight;
            percent < below
        });
        let (_, template, ids) = chosen.context("the weights do not add up to 100")?;
        let index = usize::try_from(random)? % ids.len().max(1);
        self.count += 1;
        let number = format!("{}{:08}", self.prefix, self.count);
        Ok(template.replace("{id}", ids.get(index).context("no ids")?).replace("{n}", &number))
    }

    /// xorshift64
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
