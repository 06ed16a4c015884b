//! Where and with what something was measured.

use crate::cluster::SETTINGS;
use crate::database::Engine;
use crate::stage::Stage;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The crates whose versions tell what the peers are, each in the lock file of its package.
const CRATES: [(&str, &str); 3] = [
    (include_str!("../../peers/axum-sqlx/Cargo.lock"), "axum hyper sqlx tokio libsqlite3-sys"),
    (include_str!("../../peers/axum-tokio-postgres/Cargo.lock"), "tokio-postgres"),
    (include_str!("../../peers/actix-constant/Cargo.lock"), "actix-web"),
];

/// All that a figure depends on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Machine {
    pub date: String,
    pub commit: String,
    pub processor: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    pub filesystem: String,
    pub rustc: String,
    pub engine: String,
    pub settings: Vec<String>,
    pub peers: BTreeMap<String, String>,
    pub rounds: u32,
    pub seconds: u64,
    pub users: u64,
}

impl Machine {
    /// This one, now.
    pub fn of(stage: &Stage) -> Result<Self> {
        let options = &stage.options;
        Ok(Self {
            date: said("date", &["-u", "+%FT%TZ"]),
            commit: said("git", &["describe", "--always", "--dirty"]),
            processor: line_of("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: memory(),
            kernel: said("uname", &["-sr"]),
            filesystem: filesystem(stage.databases.directory()),
            rustc: said("rustc", &["--version"]),
            engine: format!("{} {}", stage.engine.title(), stage.databases.version()?),
            settings: settings(stage.engine),
            peers: peers(),
            rounds: options.rounds,
            seconds: options.seconds,
            users: options.users,
        })
    }
}

fn settings(engine: Engine) -> Vec<String> {
    match engine {
        Engine::Postgres => SETTINGS.map(str::to_owned).to_vec(),
        Engine::Sqlite => vec!["journal_mode=WAL".to_owned(), "synchronous=FULL".to_owned()],
    }
}

/// What a command says, or nothing.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
}

fn memory() -> f64 {
    let total = line_of("/proc/meminfo", "MemTotal");
    total.trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0 / 1024.0
}

/// The type of the file system that a directory is on, and its device.
fn filesystem(directory: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holding = fields.filter(|fields| fields.get(1).is_some_and(|place| directory.starts_with(place)));
    let deepest = holding.max_by_key(|fields| fields.get(1).map(|place| place.len())).unwrap_or_default();
    format!("{} on {}", deepest.get(2).unwrap_or(&""), deepest.first().unwrap_or(&""))
}

fn peers() -> BTreeMap<String, String> {
    let found =
        CRATES.iter().flat_map(|(lock, names)| names.split(' ').map(move |name| (name, version(lock, name))));
    found.map(|(name, version)| (name.to_owned(), version)).collect()
}

fn version(lock: &str, name: &str) -> String {
    let start = format!("name = \"{name}\"\nversion = \"");
    let after = lock.split_once(&start).map(|(_, after)| after);
    after.and_then(|after| after.split('"').next()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_peers_are_known() {
        assert!(peers().values().all(|version| version.contains('.')), "{:?}", peers());
    }
}
