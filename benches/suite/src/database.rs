//! The databases of a run, on either engine, in a directory that goes with them.

use crate::cluster::Cluster;
use crate::stop::Stop;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rustix::fs::statfs;
use serde::{Deserialize, Serialize};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// What keeps the rows.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The databases.
#[derive(Debug)]
pub struct Databases {
    // Fields are dropped in this order: the server before its files.
    cluster: Option<Cluster>,
    directory: TempDir,
    stop: Stop,
}

impl Databases {
    /// None yet, on a real disk.
    pub fn open(engine: Engine, place: Option<&Path>, stop: &Stop) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("roster-bench-").tempdir_in(disk(place)?)?;
        // PostgreSQL may run as another user, who must get through.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711))?;
        let cluster = match engine {
            Engine::Postgres => Some(Cluster::start(directory.path(), stop)?),
            Engine::Sqlite => None,
        };
        Ok(Self { cluster, directory, stop: stop.clone() })
    }

    /// The directory, for other files of the run.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The server's process, where there is one.
    pub fn pid(&self) -> Option<u32> {
        self.cluster.as_ref().map(Cluster::pid)
    }

    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        match &self.cluster {
            Some(cluster) => cluster.url(name),
            None => format!("sqlite://{}", self.file(name).display()),
        }
    }

    /// The version of the engine.
    pub fn version(&self) -> Result<String> {
        match &self.cluster {
            Some(cluster) => cluster.version(),
            None => Ok(rusqlite::version().to_owned()),
        }
    }

    /// Makes an empty database. A file makes itself.
    pub fn create(&self, name: &str) -> Result<()> {
        self.administer(&format!("CREATE DATABASE {name} TEMPLATE template0"))
    }

    /// Makes a copy of a database that nobody is to be connected to.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        if self.cluster.is_none() {
            fs::copy(self.file(from), self.file(to))?;
            return Ok(());
        }
        let idle = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'");
        let copy = format!("CREATE DATABASE {to} TEMPLATE {from} STRATEGY file_copy");
        self.stop.wait_for("a copy of a database", Duration::from_secs(60), || {
            self.administer(&idle).ok().and_then(|()| self.administer(&copy).ok())
        })
    }

    /// Removes a database.
    pub fn remove(&self, name: &str) -> Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = self.file(name).into_os_string();
            file.push(suffix);
            let _ = fs::remove_file(file);
        }
        self.administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    }

    /// Runs statements whose rows do not matter.
    pub fn execute(&self, name: &str, sql: &str) -> Result<()> {
        match &self.cluster {
            Some(cluster) => cluster.query(name, sql).map(drop),
            None => Ok(rusqlite::Connection::open(self.file(name))?.execute_batch(sql)?),
        }
    }

    /// The values of a column of texts.
    pub fn column(&self, name: &str, sql: &str) -> Result<Vec<String>> {
        if let Some(cluster) = &self.cluster {
            return Ok(cluster.query(name, sql)?.lines().map(str::to_owned).collect());
        }
        let connection = rusqlite::Connection::open(self.file(name))?;
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn administer(&self, sql: &str) -> Result<()> {
        self.cluster.as_ref().map_or(Ok(()), |cluster| cluster.query("postgres", sql).map(drop))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.db"))
    }
}

/// A place on a disk: what was asked for, else the first that is no memory.
fn disk(place: Option<&Path>) -> Result<PathBuf> {
    let temporary = std::env::temp_dir();
    let places = [place.unwrap_or(&temporary), Path::new("/var/tmp"), Path::new("/tmp")];
    let real = |place: &&Path| statfs(*place).is_ok_and(|found| found.f_type != TMPFS);
    let Some(found) = places.into_iter().find(real) else {
        bail!("no disk for the databases: name one with --data");
    };
    found.canonicalize().context("the directory for databases")
}
