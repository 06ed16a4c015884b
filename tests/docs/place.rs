//! Where the commands of a page are pasted.

use crate::docs::pages::project;
use crate::support::command::{in_empty_environment, run};
use crate::support::postgres;
use crate::support::server::{ADMIN_KEY, Builder, Server};
use serde_json::Value;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// No block takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// The engines.
pub(crate) enum Engine {
    Sqlite,
    Postgres(postgres::Database),
}

/// A working directory with what a checkout has for operators, and a database: `roster.db` in it, or the one of
/// PostgreSQL that `DATABASE_URL` names.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    directory: TempDir,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::new(Engine::Sqlite)
    }

    pub(crate) fn postgres() -> Self {
        Self::new(Engine::Postgres(postgres::Database::create()))
    }

    fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for file in [".env.example", "diesel.toml"] {
            fs::copy(project().join(file), directory.path().join(file)).expect("a copy");
        }
        symlink(project().join("migrations"), directory.path().join("migrations")).expect("a link");
        Self { engine, directory }
    }

    /// `DATABASE_URL` for a process in another working directory.
    pub(crate) fn url(&self) -> String {
        match &self.engine {
            Engine::Sqlite => format!("sqlite://{}", self.directory.path().join("roster.db").display()),
            Engine::Postgres(database) => database.url(),
        }
    }

    /// A server on the database.
    pub(crate) fn server(&self) -> Builder {
        Server::builder(&self.url())
    }

    /// A shell for commands of an operator, without a server.
    pub(crate) fn shell(&self) -> Shell {
        let mut command = in_empty_environment("bash", self.directory.path());
        command.env("PATH", path()).args(["-euo", "pipefail", "-c"]);
        if let Engine::Postgres(database) = &self.engine {
            command.env("DATABASE_URL", database.url());
        }
        Shell(command)
    }

    /// The same beside a server, of which the pages know `$URL` and `$KEY`.
    pub(crate) fn shell_beside(&self, server: &Server) -> Shell {
        let Shell(mut command) = self.shell();
        let listen = server.base().replace("http://", "");
        command.env("URL", server.base()).env("KEY", ADMIN_KEY).env("ROSTER_LISTEN", listen);
        Shell(command)
    }
}

/// The binary under test and the `diesel` command before what the machine has.
fn path() -> std::ffi::OsString {
    let folder = |program: &str| Path::new(program).parent().map(PathBuf::from).expect("a folder");
    let diesel = env::var("ROSTER_DIESEL_CLI")
        .expect("ROSTER_DIESEL_CLI does not name the diesel command: run the tests by `tests/run`");
    let folders = [folder(env!("CARGO_BIN_EXE_roster")), folder(&diesel)];
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths(folders.into_iter().chain(env::split_paths(&rest))).expect("a path")
}

/// A shell that ends at the first command that fails.
pub(crate) struct Shell(Command);

impl Shell {
    /// Runs a script; gives what it prints.
    #[track_caller]
    pub(crate) fn run(mut self, script: &str) -> String {
        run(self.0.arg(script), LIMIT).ok().stdout
    }

    /// Runs a script that prints nothing but JSON; gives its values.
    #[track_caller]
    pub(crate) fn answers(self, script: &str) -> Vec<Value> {
        let said = self.run(script);
        let values = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
        values.map(|value| value.unwrap_or_else(|error| panic!("{error}: {said}"))).collect()
    }
}

/// Stops a server as an operator does.
pub(crate) fn stop(mut server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(10)).code(), Some(0), "{}", server.log());
}

/// How many resources a list has.
pub(crate) fn count(list: &Value) -> usize {
    list["items"].as_array().unwrap_or_else(|| panic!("no list: {list}")).len()
}

/// The resources of a list of SCIM's.
pub(crate) fn resources(list: &Value) -> &[Value] {
    list["Resources"].as_array().unwrap_or_else(|| panic!("no list: {list}"))
}
