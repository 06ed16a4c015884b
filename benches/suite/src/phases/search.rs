//! A search by e-mail through SCIM: how an identity provider looks for whom it has. `tests/plans` has its plan.

use super::fixed::micros;
use crate::http::Http;
use crate::stage::{BASE, Stage, ask};
use crate::stats::{Spread, number};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::time::Instant;

/// How many addresses are looked for in a block, each of another user.
const ADDRESSES: usize = 100;

/// The time in microseconds: the median of each block.
#[derive(Debug, Deserialize, Serialize)]
pub struct Search {
    pub users: u64,
    pub blocks: Vec<f64>,
    pub latency: Spread,
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Search> {
    let server = stage.roster(BASE)?;
    let mut http = Http::open(server.address)?;
    let ids = fs::read_to_string(stage.ids(BASE))?;
    let addresses = ids.lines().take(ADDRESSES).map(|id| address(&mut http, id));
    let addresses = addresses.collect::<Result<Vec<_>>>()?;
    let mut blocks = Vec::new();
    for _ in 0..stage.options.rounds.max(3) {
        stage.stop.check()?;
        let times = addresses.iter().map(|address| find(&mut http, address)).collect::<Result<Vec<_>>>()?;
        blocks.push(Spread::of(times).context("times")?.median);
    }
    server.end()?;
    let latency = Spread::of(blocks.iter().copied()).context("blocks")?;
    let users = stage.options.users;
    stage.progress.say(&format!("SCIM, an e-mail among {users} users: {:.0} µs", latency.median));
    Ok(Search { users, blocks, latency })
}

/// The first e-mail of a user.
fn address(http: &mut Http, id: &str) -> Result<String> {
    let user = ask(http, &format!("/users/{id}"))?.json()?;
    Ok(user.pointer("/emails/0/value").and_then(Value::as_str).context("an e-mail")?.to_owned())
}

/// The time of finding one user by an e-mail.
fn find(http: &mut Http, address: &str) -> Result<f64> {
    let path = format!("/scim/v2/Users?filter=emails.value%20eq%20%22{address}%22");
    let began = Instant::now();
    let answer = ask(http, &path)?;
    let time = number(micros(began.elapsed()));
    if answer.json()?.get("totalResults").and_then(Value::as_u64) != Some(1) {
        bail!("{address}: not one user");
    }
    Ok(time)
}
