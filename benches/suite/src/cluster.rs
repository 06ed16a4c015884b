//! A PostgreSQL server of the suite's own, as safe as a production one.

use crate::stop::Stop;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// What differs from PostgreSQL's defaults: memory and a log as large as one gives to a server of this size. Commits
/// are as durable as they are by default.
pub const SETTINGS: [&str; 5] =
    ["fsync=on", "synchronous_commit=on", "shared_buffers=1GB", "max_wal_size=4GB", "max_connections=200"];

const START: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Child,
    port: u16,
    programs: PathBuf,
}

impl Cluster {
    /// Makes and starts one below a directory.
    pub fn start(directory: &Path, stop: &Stop) -> Result<Self> {
        let programs = programs()?;
        let data = directory.join("cluster");
        fs::create_dir(&data)?;
        let owner = owner(&data)?;
        let initdb = as_owner(&programs.join("initdb"), owner)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        if !initdb.success() {
            bail!("initdb failed");
        }
        let port = crate::server::free_port()?;
        let mut command = as_owner(&programs.join("postgres"), owner);
        command.arg("-D").arg(&data).arg("-k").arg(&data).args(["-p", &port.to_string()]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let postmaster = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()?;
        let cluster = Self { postmaster, port, programs };
        stop.wait_for("PostgreSQL", START, || cluster.query("postgres", "SELECT 1").ok())?;
        Ok(cluster)
    }

    /// The process that is the parent of all others.
    pub fn pid(&self) -> u32 {
        self.postmaster.id()
    }

    /// Where a database is.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements and gives what they print: rows as lines.
    pub fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-f", "-"]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("psql's stdin")?.write_all(sql.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What `postgres --version` says.
    pub fn version(&self) -> Result<String> {
        Ok(self.query("postgres", "SHOW server_version")?.trim().to_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nothing is kept, so nothing is written: SIGQUIT is the immediate shutdown.
        if let Some(pid) = i32::try_from(self.postmaster.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::QUIT);
        }
        for _ in 0..200 {
            if !matches!(self.postmaster.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.postmaster.kill();
        let _ = self.postmaster.wait();
    }
}

/// Where the programs of the newest server are.
fn programs() -> Result<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let debian = versions.max().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let Some(programs) = debian else {
        let output = Command::new("pg_config").arg("--bindir").output().context("no PostgreSQL here")?;
        return Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()));
    };
    Ok(programs)
}

/// PostgreSQL refuses to be root: then its directory goes to the user that its package makes.
fn owner(data: &Path) -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:")).context("no user postgres")?;
    let field =
        |index: usize| Ok::<u32, anyhow::Error>(line.split(':').nth(index).context("a short line")?.parse()?);
    let ids = (field(2)?, field(3)?);
    chown(data, Some(ids.0), Some(ids.1))?;
    Ok(Some(ids))
}

fn as_owner(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}
