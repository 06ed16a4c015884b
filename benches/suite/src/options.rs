//! The command line.

use crate::database::Engine;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures Roster beside its peers, on this machine. `benches/run` builds all and starts this.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

/// What else can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Two minutes of ratios: reads and creates at 64 connections. Reports, and judges nothing.
    Subset,
    /// Several builds of Roster side by side: memory, p50, p99, throughput.
    Builds {
        /// Each as NAME=BINARY.
        #[arg(required = true, value_parser = pair)]
        builds: Vec<(String, String)>,
    },
    /// Draws the plots and prints the tables of the results that are there.
    Plots,
}

/// A part of the whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Phase {
    /// Every scenario against connections, with wrk.
    Closed,
    /// Latencies at half of Roster's capacity.
    Open,
    /// Against the size of the table and the number of the page.
    Flat,
    /// From exec to ready.
    Start,
    /// Ten minutes.
    Long,
}

/// How to measure.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// One engine; both without it.
    #[arg(long, global = true)]
    pub engine: Option<Engine>,
    /// Some parts; all without it.
    #[arg(long, global = true, value_delimiter = ',')]
    pub only: Vec<Phase>,
    /// How many rounds a cell has.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How long a round is measured.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// How many users there are; for the flatness a tenth and ten times as many, too.
    #[arg(long, global = true, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(200..))]
    pub users: u64,
    /// How long the long run is.
    #[arg(long, global = true, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..))]
    pub minutes: u64,
    /// How many connections, each.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    pub connections: Vec<u32>,
    /// Another server that runs already, as NAME=URL; with a --describe for each.
    #[arg(long, global = true, value_parser = pair)]
    pub server: Vec<(String, String)>,
    /// What the other server is asked: see benches/servers/example.toml.
    #[arg(long, global = true)]
    pub describe: Vec<PathBuf>,
    /// The release binary of Roster.
    #[arg(long, global = true, env = "ROSTER_BINARY", default_value = "target/release/roster")]
    pub roster: PathBuf,
    /// Where the databases go: a directory on a disk.
    #[arg(long, global = true)]
    pub data: Option<PathBuf>,
    /// Where results go: benches/results, but benches/results/trial for what is no full run.
    #[arg(long, global = true)]
    pub results: Option<PathBuf>,
}

impl Options {
    /// The engines.
    pub fn engines(&self) -> Vec<Engine> {
        self.engine.map_or_else(|| vec![Engine::Sqlite, Engine::Postgres], |engine| vec![engine])
    }

    /// Whether a part is wanted.
    pub fn wants(&self, phase: Phase) -> bool {
        self.only.is_empty() || self.only.contains(&phase)
    }

    /// Whether the figures are good enough to be judged and kept.
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
    let (name, value) = text.split_once('=').ok_or("NAME=… is wanted")?;
    Ok((name.to_owned(), value.to_owned()))
}
