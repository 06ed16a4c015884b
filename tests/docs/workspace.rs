//! The working directory in which the commands of a page run.

use crate::support::command::{in_empty_environment, run};
use crate::support::postgres;
use crate::support::repository_root;
use crate::support::server::{ADMIN_KEY, Builder, Server};
use serde_json::Value;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Time limit of each script.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) enum Engine {
    Sqlite,
    Postgres(postgres::Database),
}

/// A working directory with the files of a checkout that operators use, and a database: `roster.db` in the directory, or
/// the PostgreSQL database that `DATABASE_URL` names.
pub(crate) struct Workspace {
    pub(crate) engine: Engine,
    directory: TempDir,
}

impl Workspace {
    pub(crate) fn sqlite() -> Self {
        Self::new(Engine::Sqlite)
    }

    pub(crate) fn postgres() -> Self {
        Self::new(Engine::Postgres(postgres::Database::create()))
    }

    fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        for file in [".env.example", "diesel.toml"] {
            fs::copy(repository_root().join(file), directory.path().join(file)).expect("the file is copied");
        }
        symlink(repository_root().join("migrations"), directory.path().join("migrations"))
            .expect("the link is created");
        Self { engine, directory }
    }

    /// The value of `DATABASE_URL` for a process in another working directory.
    pub(crate) fn url(&self) -> String {
        match &self.engine {
            Engine::Sqlite => format!("sqlite://{}", self.directory.path().join("roster.db").display()),
            Engine::Postgres(database) => database.url(),
        }
    }

    /// Builds a server on the database.
    pub(crate) fn server(&self) -> Builder {
        Server::builder(&self.url())
    }

    /// A shell for an operator's commands that need no server.
    pub(crate) fn shell(&self) -> Shell {
        let mut command = in_empty_environment("bash", self.directory.path());
        command.env("PATH", path()).args(["-euo", "pipefail", "-c"]);
        if let Engine::Postgres(database) = &self.engine {
            command.env("DATABASE_URL", database.url());
        }
        Shell(command)
    }

    /// A shell with the variables `$URL` and `$KEY` of the pages, which name a server and its key.
    pub(crate) fn shell_with(&self, server: &Server) -> Shell {
        let Shell(mut command) = self.shell();
        let listen = server.base().replace("http://", "");
        command.env("URL", server.base()).env("KEY", ADMIN_KEY).env("ROSTER_LISTEN", listen);
        Shell(command)
    }
}

/// A `PATH` that begins with the directories of the binary under test and of the `diesel` command.
fn path() -> std::ffi::OsString {
    let directory =
        |program: &str| Path::new(program).parent().map(PathBuf::from).expect("the path has a directory");
    let diesel = env::var("ROSTER_DIESEL_CLI")
        .expect("ROSTER_DIESEL_CLI does not name the diesel command; run the tests with `tests/run`");
    let first = [directory(env!("CARGO_BIN_EXE_roster")), directory(&diesel)];
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths(first.into_iter().chain(env::split_paths(&rest))).expect("no directory contains a colon")
}

/// A shell that exits at the first command that fails.
pub(crate) struct Shell(Command);

impl Shell {
    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs a script and returns its output.
    #[track_caller]
    pub(crate) fn run(mut self, script: &str) -> String {
        run(self.0.arg(script), LIMIT).expect_success().stdout
    }

    /// Runs a script that prints only JSON, and returns the values.
    #[track_caller]
    pub(crate) fn json_values(self, script: &str) -> Vec<Value> {
        let output = self.run(script);
        let values = serde_json::Deserializer::from_str(&output).into_iter::<Value>();
        values.map(|value| value.unwrap_or_else(|error| panic!("{error}: {output}"))).collect()
    }
}

/// The number of resources in a list.
pub(crate) fn count(list: &Value) -> usize {
    list["items"].as_array().unwrap_or_else(|| panic!("not a list: {list}")).len()
}

/// The resources of a SCIM list response.
pub(crate) fn resources(list: &Value) -> &[Value] {
    list["Resources"].as_array().unwrap_or_else(|| panic!("not a list: {list}"))
}
