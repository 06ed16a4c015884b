//! What adding a member costs in a small group and in a large one.

use super::fixed::micros;
use crate::http::Http;
use crate::stage::{BASE, Stage, tell};
use crate::stats::{Spread, number};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::time::Instant;

/// How many members the groups have; where there are fewer users, those.
const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// How many users come into each group and leave it in a block, one after the other.
const COMERS: usize = 60;
/// How many members a request brings at most.
const BATCH: usize = 1_000;

/// A group, and the time of adding one member in microseconds: the median of each block.
#[derive(Debug, Deserialize, Serialize)]
pub struct Filled {
    pub members: usize,
    pub blocks: Vec<f64>,
    pub latency: Spread,
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Vec<Filled>> {
    stage.databases.copy(BASE, "members")?;
    let server = stage.roster("members")?;
    let mut http = Http::open(server.address)?;
    let ids = fs::read_to_string(stage.ids(BASE))?;
    let ids: Vec<&str> = ids.lines().collect();
    let sizes = SIZES.map(|size| size.min(ids.len()));
    let groups = sizes.map(|size| fill(stage, &mut http, ids.get(..size).unwrap_or_default()));
    let groups = groups.into_iter().collect::<Result<Vec<String>>>()?;
    let comers = (0..COMERS).map(|comer| {
        create(&mut http, "/users", &json!({ "userName": format!("comer-{comer}@example.com") }))
    });
    let comers = comers.collect::<Result<Vec<_>>>()?;
    let mut blocks = vec![Vec::new(); groups.len()];
    for _ in 0..stage.options.rounds.max(3) {
        let medians = block(stage, &mut http, &groups, &comers)?;
        blocks.iter_mut().zip(medians).for_each(|(block, median)| block.push(median));
    }
    server.end()?;
    stage.databases.remove("members")?;
    let filled = |(members, blocks): (usize, Vec<f64>)| {
        let latency = Spread::of(blocks.iter().copied()).context("blocks")?;
        Ok(Filled { members, blocks, latency })
    };
    let filled = sizes.into_iter().zip(blocks).map(filled).collect::<Result<Vec<_>>>()?;
    let figures = filled.iter().map(|group| format!("of {} {:.0} µs", group.members, group.latency.median));
    stage.progress.say(&format!("adding a member to a group {}", figures.collect::<Vec<_>>().join("; ")));
    Ok(filled)
}

/// Makes a group with these members.
fn fill(stage: &Stage, http: &mut Http, members: &[&str]) -> Result<String> {
    let group = create(http, "/groups", &json!({ "displayName": format!("{} members", members.len()) }))?;
    for batch in members.chunks(BATCH) {
        stage.stop.check()?;
        tell(http, "POST", &format!("/groups/{group}/members"), Some(&json!({ "userIds": batch })))?;
    }
    Ok(group)
}

/// Gives the id of what was made.
fn create(http: &mut Http, path: &str, body: &Value) -> Result<String> {
    let made = tell(http, "POST", path, Some(body))?.json()?;
    Ok(made.get("id").and_then(Value::as_str).context("an id")?.to_owned())
}

/// The median of each group. A member leaves untimed, so that the next finds a group of the same size.
fn block(stage: &Stage, http: &mut Http, groups: &[String], comers: &[String]) -> Result<Vec<f64>> {
    let mut times = vec![Vec::new(); groups.len()];
    for (turn, comer) in comers.iter().enumerate() {
        stage.stop.check()?;
        let in_turn = groups.iter().enumerate().cycle().skip(turn % groups.len()).take(groups.len());
        for (index, group) in in_turn {
            let path = format!("/groups/{group}/members/{comer}");
            let began = Instant::now();
            tell(http, "PUT", &path, None)?;
            let time = number(micros(began.elapsed()));
            times.get_mut(index).context("a group")?.push(time);
            tell(http, "DELETE", &path, None)?;
        }
    }
    times.into_iter().map(|times| Ok(Spread::of(times).context("times")?.median)).collect()
}
