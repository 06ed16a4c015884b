//! The closed loop: wrk, with a plan of requests that it fills.

use crate::request::{Part, Request};
use crate::stop::Stop;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A share of the load.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Of a hundred requests so many.
    pub weight: u32,
    /// What is asked.
    pub request: Request,
    /// A file of ids.
    pub ids: PathBuf,
}

/// What wrk says at its end. Times are in microseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Outcome {
    pub requests: u64,
    pub micros: u64,
    pub errors: u64,
    pub statuses: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// Runs wrk.
#[derive(Debug)]
pub struct Wrk {
    directory: PathBuf,
    stop: Stop,
    runs: Cell<u32>,
    epoch: u64,
}

impl Wrk {
    /// With a directory for its script and plans.
    pub fn new(directory: &Path, stop: &Stop) -> Result<Self> {
        fs::write(directory.join("load.lua"), include_str!("load.lua"))?;
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self { directory: directory.to_owned(), stop: stop.clone(), runs: Cell::new(0), epoch })
    }

    /// What begins the numbers of the next run, unlike all before: ten characters.
    pub fn prefix(&self) -> String {
        self.runs.set(self.runs.get() + 1);
        format!("{:06x}{:04x}", self.epoch & 0xff_ffff, self.runs.get() & 0xffff)
    }

    /// Loads a server, and fails when it failed to answer one request well.
    pub fn run(
        &self,
        address: SocketAddr,
        load: &[Entry],
        connections: u32,
        seconds: u64,
    ) -> Result<Outcome> {
        let plan = self.directory.join("plan.lua");
        fs::write(&plan, plan_of(load)?)?;
        let prefix = self.prefix();
        let mut command = Command::new("wrk");
        command.args([
            "-t",
            "1",
            "-c",
            &connections.to_string(),
            "-d",
            &format!("{seconds}s"),
            "--timeout",
            "30s",
        ]);
        command.arg("-s").arg(self.directory.join("load.lua")).arg(format!("http://{address}")).arg("--");
        command.arg(plan).arg(prefix).arg(self.runs.get().to_string());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let text = self.output(child.context("wrk")?, Duration::from_secs(seconds + 60))?;
        let json = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let outcome: Outcome = serde_json::from_str(json.with_context(|| format!("wrk said: {text}"))?)?;
        if outcome.errors + outcome.statuses > 0 || outcome.requests == 0 {
            bail!("not every request was answered well: {outcome:?}");
        }
        Ok(outcome)
    }

    fn output(&self, mut child: Child, limit: Duration) -> Result<String> {
        let ended = self.stop.wait_for("wrk", limit, || child.try_wait().transpose());
        if ended.is_err() {
            child.kill()?;
        }
        let output = child.wait_with_output()?;
        ended??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(text(&output.stdout) + &text(&output.stderr))
    }
}

/// A Lua table of the load.
fn plan_of(load: &[Entry]) -> Result<String> {
    let mut plan = "return {\n".to_owned();
    for entry in load {
        let parts: Vec<String> = entry.request.parts()?.iter().map(lua).collect();
        let ids = quoted(&entry.ids.to_string_lossy());
        plan +=
            &format!("{{ weight = {}, ids = {ids}, parts = {{ {} }} }},\n", entry.weight, parts.join(", "));
    }
    Ok(plan + "}\n")
}

fn lua(part: &Part) -> String {
    match part {
        Part::Text(text) => quoted(text),
        Part::Id => "1".to_owned(),
        Part::Number => "2".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | 0..0x20 | 0x7f.. => format!("\\{byte:03}"),
        plain => char::from(plain).to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_for_lua() {
        assert_eq!(quoted("a\"b\r\n"), "\"a\\034b\\013\\010\"");
    }
}
