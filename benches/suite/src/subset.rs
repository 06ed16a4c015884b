//! Measures ratios to the peers in two minutes, without comparing them with the bars.

use crate::options::Options;
use crate::phases::closed::Group;
use crate::roles::{CONSTANT, PEER, ROSTER, Scenario};
use crate::round::{Bench, Contestant};
use crate::server::Server;
use crate::stage::{BASE, Stage};
use crate::stop::Stop;
use crate::table;
use anyhow::{Context, Result};

const CONNECTIONS: u32 = 64;
const USERS: u64 = 20_000;
const ROUNDS: u32 = 2;
const SECONDS: u64 = 3;
const POOL: u32 = 16;
/// Servers that take part in the read, and in the create.
const MEASUREMENTS: u64 = 3 + 2;

/// Measures and prints the ratios.
pub fn run(options: &Options, stop: &Stop) -> Result<()> {
    let options = Options { users: options.users.min(USERS), ..options.clone() };
    for engine in options.engines() {
        let planned = MEASUREMENTS * u64::from(ROUNDS) * (crate::round::WARM_UP + SECONDS);
        let stage = Stage::open(engine, &options, stop, planned)?;
        let groups = groups(&stage)?;
        println!("\n## {}: subset\n{}", engine.title(), table::groups(&groups));
    }
    Ok(())
}

fn groups(stage: &Stage) -> Result<Vec<Group>> {
    for copy in ["roster", "peers"] {
        stage.databases.copy(BASE, copy)?;
    }
    let servers = [
        (ROSTER, stage.roster("roster")?),
        (PEER, stage.axum_sqlx("peers", POOL, "one")?),
        (CONSTANT, stage.constant()?),
    ];
    let (all, writers) = (servers.iter().collect::<Vec<_>>(), servers.iter().take(2).collect::<Vec<_>>());
    Ok(vec![group(stage, Scenario::Read, &all)?, group(stage, Scenario::Create, &writers)?])
}

fn group(stage: &Stage, scenario: Scenario, servers: &[&(&str, Server)]) -> Result<Group> {
    let contestants = servers.iter().map(|(name, server)| {
        let asked = if *name == ROSTER { stage.roster_asked() } else { stage.peer_asked() };
        Ok(Contestant { name: (*name).to_owned(), server, load: asked.load(scenario).context("a load")? })
    });
    let bench = Bench { rounds: ROUNDS, seconds: SECONDS, ..stage.bench() };
    let cells = bench.run(&contestants.collect::<Result<Vec<_>>>()?, CONNECTIONS)?;
    Ok(Group { scenario, connections: CONNECTIONS, cells })
}
