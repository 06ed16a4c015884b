//! The command line.

use crate::database::Engine;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures Roster and its peers on this machine. `benches/run` builds everything and starts this program.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

/// Commands other than the full measurement.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measures ratios to the peers in two minutes: reads and creates with 64 connections. Enforces no bar.
    Subset,
    /// Compares builds of Roster: memory, p50, p99, throughput.
    Builds {
        /// The builds, each as NAME=BINARY.
        #[arg(required = true, value_parser = pair)]
        builds: Vec<(String, String)>,
    },
    /// Draws the plots and prints the tables of existing results.
    Plots,
}

/// A part of the full measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Phase {
    /// Every scenario by number of connections, with wrk.
    Closed,
    /// Latencies at half of Roster's capacity.
    Open,
    /// Latencies by size of the table and number of the page.
    Flat,
    /// The time from exec to ready.
    Start,
    /// Latencies over ten minutes.
    Long,
}

/// The options of a measurement.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The engine to measure; both by default.
    #[arg(long, global = true)]
    pub engine: Option<Engine>,
    /// The parts to measure, separated by commas; all by default.
    #[arg(long, global = true, value_delimiter = ',')]
    pub only: Vec<Phase>,
    /// Rounds per measurement.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Seconds per round.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Users in the database; `flat` also measures a tenth and ten times as many.
    #[arg(long, global = true, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(200..))]
    pub users: u64,
    /// Minutes of the `long` part.
    #[arg(long, global = true, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..))]
    pub minutes: u64,
    /// Numbers of connections to measure, separated by commas.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    pub connections: Vec<u32>,
    /// Another running server, as NAME=URL; needs a --describe.
    #[arg(long, global = true, value_parser = pair)]
    pub server: Vec<(String, String)>,
    /// The requests of the other server: see benches/servers/example.toml.
    #[arg(long, global = true)]
    pub describe: Vec<PathBuf>,
    /// The release binary of Roster.
    #[arg(long, global = true, env = "ROSTER_BINARY", default_value = "target/release/roster")]
    pub roster: PathBuf,
    /// Directory for the databases, on a real disk.
    #[arg(long, global = true)]
    pub data: Option<PathBuf>,
    /// Directory for the results; by default benches/results, or benches/results/trial for shorter runs.
    #[arg(long, global = true)]
    pub results: Option<PathBuf>,
}

impl Options {
    /// The engines to measure.
    pub fn engines(&self) -> Vec<Engine> {
        self.engine.map_or_else(|| vec![Engine::Sqlite, Engine::Postgres], |engine| vec![engine])
    }

    /// Whether a part is to be measured.
    pub fn wants(&self, phase: Phase) -> bool {
        self.only.is_empty() || self.only.contains(&phase)
    }

    /// Whether the run is long enough for its results to be compared with the bars and kept.
    pub fn is_full(&self) -> bool {
        self.rounds >= 5 && self.seconds >= 5 && self.users >= 100_000 && self.minutes >= 10
    }

    /// The directory of results.
    pub fn results(&self) -> PathBuf {
        let default = if self.is_full() { "benches/results" } else { "benches/results/trial" };
        self.results.clone().unwrap_or_else(|| PathBuf::from(default))
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
