//! Measures Roster and its peers. Started by `benches/run`; see `benches/README.md`.

mod bars;
mod builds;
mod cluster;
mod database;
mod http;
mod machine;
mod open;
mod options;
mod phases;
mod plots;
mod proc;
mod progress;
mod report;
mod request;
mod roles;
mod round;
mod rows;
mod server;
mod stage;
mod stats;
mod stop;
mod subset;
mod table;
mod wrk;

use anyhow::Result;
use clap::Parser;
use database::Engine;
use machine::Machine;
use options::{Cli, Command, Options, Phase};
use phases::{closed, fixed, flat, long, start};
use report::{EngineReport, Report};
use stage::Stage;
use std::process::ExitCode;
use stop::Stop;

fn main() -> Result<ExitCode> {
    let Cli { command, mut options } = Cli::parse();
    options.roster = options.roster.canonicalize().unwrap_or(options.roster);
    match command {
        None => return measure(&options),
        Some(Command::Subset) => subset::run(&options, &Stop::listen()?)?,
        Some(Command::Builds { builds }) => builds::run(&options, &builds, &Stop::listen()?)?,
        Some(Command::Plots) => show(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures the selected parts. Fails when a bar that must be met is missed.
fn measure(options: &Options) -> Result<ExitCode> {
    let stop = Stop::listen()?;
    for engine in options.engines() {
        measure_engine(options, engine, &stop)?;
    }
    show(options)?;
    let report = Report::read(&options.results())?;
    let failed = report.engines.values().flat_map(|engine| &engine.bars).filter(|bar| bar.fails()).count();
    println!("\n{failed} of the required bars on p50, p99 and throughput are missed.");
    if !options.is_full() {
        println!("This run was too short to enforce the bars.");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures one engine and saves the results after each part.
fn measure_engine(options: &Options, engine: Engine, stop: &Stop) -> Result<()> {
    let stage = Stage::open(engine, options, stop, planned(options, engine))?;
    let phases = [Phase::Start, Phase::Closed, Phase::Open, Phase::Flat, Phase::Long];
    for phase in phases.into_iter().filter(|phase| options.wants(*phase)) {
        let mut report = Report::read(&options.results())?;
        let found = report.engines.entry(engine).or_default();
        run_phase(&stage, phase, found)?;
        found.measured.insert(format!("{phase:?}").to_lowercase(), Machine::of(&stage)?);
        found.bars = bars::judge(engine, found);
        report.write(&options.results())?;
    }
    Ok(())
}

fn run_phase(stage: &Stage, phase: Phase, found: &mut EngineReport) -> Result<()> {
    match phase {
        Phase::Closed => found.closed = Some(closed::run(stage)?),
        Phase::Open => found.open = Some(fixed::run(stage)?),
        Phase::Flat => found.flat = Some(flat::run(stage)?),
        Phase::Start => found.start = Some(start::run(stage)?),
        Phase::Long => found.long = Some(long::run(stage)?),
    }
    Ok(())
}

/// The planned duration of the measurements, in seconds.
fn planned(options: &Options, engine: Engine) -> u64 {
    let phases = [
        (Phase::Closed, closed::planned(options, engine)),
        (Phase::Open, fixed::planned(options)),
        (Phase::Flat, flat::planned(options)),
        (Phase::Long, long::planned(options)),
    ];
    phases.into_iter().filter(|(phase, _)| options.wants(*phase)).map(|(_, seconds)| seconds).sum()
}

/// Compares the existing results with the bars, prints the tables and draws the plots.
fn show(options: &Options) -> Result<()> {
    let mut report = Report::read(&options.results())?;
    for (engine, found) in &mut report.engines {
        found.bars = bars::judge(*engine, found);
        print!("{}", table::of(*engine, found));
    }
    report.write(&options.results())?;
    plots::draw(&report, &options.results())
}
