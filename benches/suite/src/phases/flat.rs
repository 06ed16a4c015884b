//! Whether cost stays as it is: a read among more users, a page further into a walk, a member of a larger group.

use super::members::{self, Filled};
use super::search::{self, Search};
use crate::http::Http;
use crate::options::Options;
use crate::roles::{Asked, Scenario};
use crate::round::{Cell, Contestant, WARM_UP};
use crate::server::Server;
use crate::stage::{BASE, Stage, ask, walk};
use crate::stats::{Spread, number};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The connections of the reads.
const CONNECTIONS: u32 = 64;
/// The pages that are timed; those that the table does not have are left out.
const PAGES: [usize; 6] = [1, 10, 100, 500, 1000, 2000];
/// How often each page is timed in a block, in turn with the others.
const REPEATS: usize = 60;

/// The part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Flat {
    /// Reads by id with 64 connections, by the number of users.
    pub sizes: Vec<Size>,
    /// Pages of 50 over one connection, by their number in a walk.
    pub pages: Vec<Page>,
    /// Adding one member over one connection, by the number of members.
    #[serde(default)]
    pub groups: Vec<Filled>,
    /// A search by e-mail over one connection.
    pub search: Option<Search>,
}

/// A table's size.
#[derive(Debug, Deserialize, Serialize)]
pub struct Size {
    pub users: u64,
    pub cell: Cell,
}

/// A page, in microseconds: the median of each block of repeats.
#[derive(Debug, Deserialize, Serialize)]
pub struct Page {
    pub number: usize,
    pub blocks: Vec<f64>,
    pub latency: Spread,
}

impl Flat {
    /// The time of a read among most users against that among fewest, in the same rounds.
    pub fn read_ratio(&self) -> Option<Spread> {
        let (small, large) = (self.sizes.first()?, self.sizes.last()?);
        small.cell.against(&large.cell, |round| Some(round.requests_per_second))
    }

    /// The time of page 1,000 (or the last before) against page 1, in the same blocks.
    pub fn page_ratio(&self) -> Option<Spread> {
        let far = self.pages.iter().rfind(|page| page.number <= 1000)?;
        let near = self.pages.first()?;
        Spread::of_ratios(far.blocks.iter().copied().zip(near.blocks.iter().copied()))
    }

    /// The time of adding a member to the largest group against that of the smallest, in the same blocks.
    pub fn member_ratio(&self) -> Option<Spread> {
        let (small, large) = (self.groups.first()?, self.groups.last()?);
        Spread::of_ratios(large.blocks.iter().copied().zip(small.blocks.iter().copied()))
    }
}

/// The numbers of users.
fn sizes(options: &Options) -> [u64; 3] {
    [options.users / 10, options.users, options.users * 10]
}

/// The seconds of measurement, with a guess for making the large table.
pub fn planned(options: &Options) -> u64 {
    3 * u64::from(options.rounds) * (WARM_UP + options.seconds) + options.users / 1000
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Flat> {
    let pages = pages(stage)?;
    let groups = members::run(stage)?;
    let search = Some(search::run(stage)?);
    let sizes = reads(stage)?;
    Ok(Flat { sizes, pages, groups, search })
}

fn reads(stage: &Stage) -> Result<Vec<Size>> {
    let [small, medium, large] = sizes(&stage.options);
    stage.settle("small", small)?;
    stage.settle("large", large)?;
    stage.progress.advance(stage.options.users / 1000);
    let named = [("small", small), (BASE, medium), ("large", large)];
    let servers = named.map(|(name, _)| stage.roster(name)).into_iter().collect::<Result<Vec<Server>>>()?;
    let contestants = named.iter().zip(&servers).map(|((name, users), server)| {
        let asked = Asked::roster(&stage.ids(name), &stage.ids(name));
        let load = asked.load(Scenario::Read).context("a load")?;
        Ok(Contestant { name: format!("roster, {users} users"), server, load })
    });
    let contestants = contestants.collect::<Result<Vec<_>>>()?;
    let cells = stage.bench().run(&contestants, CONNECTIONS)?;
    servers.into_iter().try_for_each(Server::end)?;
    for name in ["small", "large"] {
        stage.databases.remove(name)?;
    }
    let figures = cells.iter().map(|cell| format!("{} {:.0}/s", cell.server, cell.throughput.median));
    stage.progress.say(&figures.collect::<Vec<_>>().join("; "));
    Ok(named.into_iter().zip(cells).map(|((_, users), cell)| Size { users, cell }).collect())
}

fn pages(stage: &Stage) -> Result<Vec<Page>> {
    let server = stage.roster(BASE)?;
    let mut http = Http::open(server.address)?;
    let cursors = walk(&mut http, PAGES.into_iter().max().unwrap_or_default())?;
    let numbers: Vec<usize> = PAGES.into_iter().filter(|page| *page <= cursors.len()).collect();
    let mut blocks = vec![Vec::new(); numbers.len()];
    for _ in 0..stage.options.rounds.max(3) {
        let medians = block(stage, &mut http, &numbers, &cursors)?;
        blocks.iter_mut().zip(medians).for_each(|(block, median)| block.push(median));
    }
    server.end()?;
    let page = |(number, blocks): (usize, Vec<f64>)| {
        let latency = Spread::of(blocks.iter().copied()).context("blocks")?;
        Ok(Page { number, blocks, latency })
    };
    numbers.into_iter().zip(blocks).map(page).collect()
}

/// The median of each page, asked for in turn.
fn block(stage: &Stage, http: &mut Http, numbers: &[usize], cursors: &[String]) -> Result<Vec<f64>> {
    let mut times = vec![Vec::new(); numbers.len()];
    for _ in 0..REPEATS {
        stage.stop.check()?;
        for (page, times) in numbers.iter().zip(&mut times) {
            // Page 1 has no cursor, page 2 the first.
            let cursor = page.checked_sub(2).and_then(|index| cursors.get(index));
            let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let began = Instant::now();
            ask(http, &format!("/users?limit=50{cursor}"))?;
            times.push(number(super::fixed::micros(began.elapsed())));
        }
    }
    times.into_iter().map(|times| Ok(Spread::of(times).context("times")?.median)).collect()
}
