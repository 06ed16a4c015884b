//! Every scenario against the number of connections.

use crate::database::Engine;
use crate::options::Options;
use crate::proc::{self, Memory};
use crate::roles::{Asked, CONSTANT, PEER, PIPELINED, ROSTER, SAME_ROWS, SCIM, SCIM2_SERVER, Scenario};
use crate::round::{Bench, Cell, Contestant, WARM_UP};
use crate::server::Server;
use crate::stage::{BASE, Stage};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The sizes of the peer's pool of which the better one counts.
const POOLS: [u32; 2] = [5, 16];
/// What decides which pool is better.
const CALIBRATION: (u32, u64, u32) = (2, 2, 64);
/// From so many connections on, memory is that of a loaded server.
const MANY: u32 = 256;

/// The part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Closed {
    /// The size of the peer's pool that was better for each scenario.
    pub pools: BTreeMap<Scenario, u32>,
    /// The measurements.
    pub groups: Vec<Group>,
    /// What servers took, in MiB.
    pub memory: BTreeMap<String, Resident>,
}

/// All servers under the same load.
#[derive(Debug, Deserialize, Serialize)]
pub struct Group {
    pub scenario: Scenario,
    pub connections: u32,
    pub cells: Vec<Cell>,
}

/// Resident memory of a server, in MiB.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Resident {
    /// When it was ready.
    pub idle: f64,
    /// The most that it had after a load of 256 connections.
    pub after_256: Option<f64>,
    /// The most that it ever had.
    pub peak: f64,
}

impl Closed {
    /// The cell of a server.
    pub fn cell(&self, scenario: Scenario, connections: u32, server: &str) -> Option<&Cell> {
        let group = self.groups.iter().find(|g| g.scenario == scenario && g.connections == connections)?;
        group.cells.iter().find(|cell| cell.server == server)
    }
}

/// The seconds of measurement.
pub fn planned(options: &Options, engine: Engine) -> u64 {
    let (rounds, seconds, _) = CALIBRATION;
    let calibration = 4 * 2 * u64::from(rounds) * (WARM_UP + seconds);
    let cells = Scenario::ALL.into_iter().flat_map(|scenario| {
        let others = options.server.len();
        options.connections.iter().map(move |connections| who(engine, scenario, *connections).len() + others)
    });
    calibration + cells.sum::<usize>() as u64 * u64::from(options.rounds) * (WARM_UP + options.seconds)
}

/// Who takes part in a cell, of those that are started here. What no bar speaks of is measured where it tells most.
fn who(engine: Engine, scenario: Scenario, connections: u32) -> Vec<&'static str> {
    let mut names = vec![ROSTER, PEER];
    if engine == Engine::Postgres && connections >= 64 && scenario != Scenario::Mixed {
        names.push(PIPELINED);
    }
    if scenario == Scenario::Read {
        names.push(CONSTANT);
    }
    if scenario == Scenario::Create && (connections == 1 || connections == 64) {
        names.push(SAME_ROWS);
    }
    if connections >= 64 && matches!(scenario, Scenario::Read | Scenario::Create) {
        names.extend([SCIM, SCIM2_SERVER]);
    }
    names
}

/// The servers, all running all the time: an idle one costs nothing.
struct Crew {
    started: BTreeMap<String, Server>,
    pools: Vec<(u32, Server)>,
    others: Vec<(String, Server, Asked)>,
}

impl Crew {
    fn start(stage: &Stage) -> Result<Self> {
        for copy in ["roster", "scim", "peers", "same_rows"] {
            stage.databases.copy(BASE, copy)?;
        }
        let mut started = BTreeMap::from([
            (ROSTER.to_owned(), stage.roster("roster")?),
            // One of its own, so that the memory and the rows of the other are those of the native API alone.
            (SCIM.to_owned(), stage.roster("scim")?),
            (SCIM2_SERVER.to_owned(), stage.scim2_server()?),
            (CONSTANT.to_owned(), stage.constant()?),
            (SAME_ROWS.to_owned(), stage.axum_sqlx("same_rows", 16, "same")?),
        ]);
        if stage.engine == Engine::Postgres {
            started.insert(PIPELINED.to_owned(), stage.pipelined("peers")?);
        }
        let pool = |size| Ok((size, stage.axum_sqlx("peers", size, "one")?));
        let pools = POOLS.into_iter().map(pool).collect::<Result<_>>()?;
        Ok(Self { started, pools, others: stage.others()? })
    }

    fn server(&self, name: &str, pool: u32) -> Result<&Server> {
        if name == PEER {
            return self.pool(pool);
        }
        self.started.get(name).with_context(|| name.to_owned())
    }

    fn pool(&self, size: u32) -> Result<&Server> {
        let found = self.pools.iter().find(|(found, _)| *found == size);
        found.map(|(_, server)| server).context("a pool of that size")
    }
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Closed> {
    let crew = Crew::start(stage)?;
    stage.stop.sleep(Duration::from_secs(1))?;
    let mut closed = Closed::default();
    for (name, server) in watched(&crew) {
        let now = memory(server)?;
        closed.memory.insert(name, Resident { idle: now.resident, after_256: None, peak: now.peak });
    }
    for scenario in Scenario::ALL {
        let pool = better_pool(stage, &crew, scenario)?;
        closed.pools.insert(scenario, pool);
        for connections in stage.options.connections.clone() {
            let cells = group(stage, &crew, scenario, connections, pool)?;
            closed.groups.push(Group { scenario, connections, cells });
            look_at_memory(&crew, connections, &mut closed.memory)?;
        }
    }
    Ok(closed)
}

/// Tries each size of the pool, and gives the one with the higher throughput.
fn better_pool(stage: &Stage, crew: &Crew, scenario: Scenario) -> Result<u32> {
    let (rounds, seconds, connections) = CALIBRATION;
    let load = stage.peer_asked().load(scenario).context("a peer's load")?;
    let contestants: Vec<Contestant<'_>> = crew
        .pools
        .iter()
        .map(|(size, server)| Contestant { name: size.to_string(), server, load: load.clone() })
        .collect();
    let cells = Bench { rounds, seconds, ..stage.bench() }.run(&contestants, connections)?;
    let best = cells.iter().max_by(|a, b| a.throughput.median.total_cmp(&b.throughput.median));
    let size = best.context("a pool")?.server.parse()?;
    stage.progress.say(&format!("{}, {scenario}: the peer's pool is {size}", stage.engine.title()));
    Ok(size)
}

fn group(stage: &Stage, crew: &Crew, scenario: Scenario, connections: u32, pool: u32) -> Result<Vec<Cell>> {
    let mut contestants = Vec::new();
    for name in who(stage.engine, scenario, connections) {
        let load = asked(stage, name).load(scenario).context("a load")?;
        contestants.push(Contestant { name: name.to_owned(), server: crew.server(name, pool)?, load });
    }
    for (name, server, asked) in &crew.others {
        if let Some(load) = asked.load(scenario) {
            contestants.push(Contestant { name: name.clone(), server, load });
        }
    }
    let what = format!("{}, {scenario}, {connections} connections", stage.engine.title());
    let cells = stage.bench().run(&contestants, connections).with_context(|| what.clone())?;
    let figures = cells.iter().map(|cell| {
        format!("{} {:.0}/s p99 {:.1} ms", cell.server, cell.throughput.median, cell.p99.median / 1000.0)
    });
    stage.progress.say(&format!("{what}: {}", figures.collect::<Vec<_>>().join("; ")));
    Ok(cells)
}

fn asked(stage: &Stage, name: &str) -> Asked {
    match name {
        ROSTER => stage.roster_asked(),
        SCIM => stage.scim_asked(),
        SCIM2_SERVER => stage.scim2_asked(),
        _ => stage.peer_asked(),
    }
}

/// Those whose memory is told.
fn watched(crew: &Crew) -> Vec<(String, &Server)> {
    let peers = crew.pools.iter().map(|(size, server)| (format!("{PEER}, pool of {size}"), server));
    let started = crew.started.iter().map(|(name, server)| (name.clone(), server));
    started.chain(peers).collect()
}

fn memory(server: &Server) -> Result<Memory> {
    proc::memory(server.pid().context("a process")?)
}

fn look_at_memory(crew: &Crew, connections: u32, known: &mut BTreeMap<String, Resident>) -> Result<()> {
    for (name, server) in watched(crew) {
        let (now, resident) = (memory(server)?, known.entry(name).or_default());
        resident.peak = now.peak;
        if connections >= MANY {
            resident.after_256 = Some(resident.after_256.unwrap_or_default().max(now.resident));
        }
    }
    Ok(())
}
