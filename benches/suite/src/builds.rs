//! Compares builds of Roster, such as allocators, profiles or versions.

use crate::database::Engine;
use crate::options::Options;
use crate::proc;
use crate::roles::Scenario;
use crate::round::{Cell, Contestant, WARM_UP};
use crate::server::Server;
use crate::stage::{BASE, Stage};
use crate::stats::Spread;
use crate::stop::Stop;
use crate::table::{short, spread};
use anyhow::{Context, Result};
use serde::Serialize;
use std::fs;
use std::path::Path;

const SCENARIOS: [Scenario; 2] = [Scenario::Read, Scenario::Create];
const CONNECTIONS: u32 = 256;

/// The results of a build on an engine. Memory is in MiB.
#[derive(Debug, Serialize)]
struct Build {
    engine: Engine,
    name: String,
    idle: f64,
    after_256: f64,
    peak: f64,
    cells: Vec<(Scenario, Cell)>,
    /// Throughput relative to the first build, in the same rounds.
    ratios: Vec<(Scenario, Option<Spread>)>,
}

/// Measures the builds, prints a table and writes `builds.json`.
pub fn run(options: &Options, builds: &[(String, String)], stop: &Stop) -> Result<()> {
    let (_, first) = builds.first().context("a build")?;
    let options = Options { roster: Path::new(first).canonicalize()?, ..options.clone() };
    let mut found = Vec::new();
    for engine in options.engines() {
        let planned = builds.len() as u64 * 2 * u64::from(options.rounds) * (WARM_UP + options.seconds);
        found.extend(measure(&Stage::open(engine, &options, stop, planned)?, builds)?);
    }
    print(&found);
    fs::create_dir_all(options.results())?;
    Ok(fs::write(options.results().join("builds.json"), serde_json::to_vec_pretty(&found)?)?)
}

fn measure(stage: &Stage, builds: &[(String, String)]) -> Result<Vec<Build>> {
    let mut servers = Vec::new();
    for (index, (name, binary)) in builds.iter().enumerate() {
        let database = format!("build_{index}");
        stage.databases.copy(BASE, &database)?;
        let binary = Path::new(binary).canonicalize().with_context(|| binary.clone())?;
        let server = Server::roster(&binary, &stage.databases.url(&database), &stage.stop)?;
        servers.push((name.clone(), server));
    }
    stage.stop.sleep(std::time::Duration::from_secs(1))?;
    let idle = memories(&servers)?;
    let mut cells = Vec::new();
    for scenario in SCENARIOS {
        let load = stage.roster_asked().load(scenario).context("a load")?;
        let contestants: Vec<Contestant<'_>> = servers
            .iter()
            .map(|(name, server)| Contestant { name: name.clone(), server, load: load.clone() })
            .collect();
        cells.push((scenario, stage.bench().run(&contestants, CONNECTIONS)?));
        stage.progress.say(&format!("{}: {scenario}", stage.engine.title()));
    }
    let after = memories(&servers)?;
    let build = |(index, (name, _)): (usize, &(String, Server))| {
        let (idle, after) = (idle.get(index)?, after.get(index)?);
        let own = |(scenario, cells): &(Scenario, Vec<Cell>)| Some((*scenario, cells.get(index)?.clone()));
        let ratio = |(scenario, cells): &(Scenario, Vec<Cell>)| {
            let (own, first) = (cells.get(index)?, cells.first()?);
            Some((*scenario, own.against(first, |round| Some(round.requests_per_second))))
        };
        Some(Build {
            engine: stage.engine,
            name: name.clone(),
            idle: idle.resident,
            after_256: after.resident,
            peak: after.peak,
            cells: cells.iter().filter_map(own).collect(),
            ratios: cells.iter().filter_map(ratio).collect(),
        })
    };
    Ok(servers.iter().enumerate().filter_map(build).collect())
}

fn memories(servers: &[(String, Server)]) -> Result<Vec<proc::Memory>> {
    servers.iter().map(|(_, server)| proc::memory(server.pid().context("a process")?)).collect()
}

fn print(builds: &[Build]) {
    println!(
        "\n| engine | build | idle MiB | after 256 connections | peak | load | requests/s | ratio to the first | p50 ms | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for build in builds {
        for ((scenario, cell), (_, ratio)) in build.cells.iter().zip(&build.ratios) {
            println!(
                "| {} | {} | {} | {} | {} | {scenario} | {} | {} | {} | {} |",
                build.engine.title(),
                build.name,
                short(build.idle),
                short(build.after_256),
                short(build.peak),
                spread(&cell.throughput),
                ratio.as_ref().map(spread).unwrap_or_default(),
                short(cell.p50.median / 1000.0),
                short(cell.p99.median / 1000.0),
            );
        }
    }
}
