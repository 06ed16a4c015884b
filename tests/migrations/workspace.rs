//! A working directory with a new database, and the two commands that migrate it.

use crate::migrations::directories;
use crate::support::block_on;
use crate::support::command::{CommandOutput, in_empty_environment, roster, run};
use crate::support::database::Engine;
use crate::support::http::{Client, Response};
use crate::support::postgres;
use crate::support::repository_root;
use crate::support::server::{Builder, Server};
use crate::support::sql::Sql;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Time limit of each command.
const LIMIT: Duration = Duration::from_secs(60);

/// A working directory with `diesel.toml` and `migrations`. For SQLite it also has a copy of `.env.example` as `.env`, which
/// names `roster.db` as the database. For PostgreSQL, each command receives the URL of the database.
pub(crate) struct Workspace {
    pub(crate) engine: Engine,
    directory: TempDir,
    postgres: Option<postgres::Database>,
}

impl Workspace {
    pub(crate) fn sqlite() -> Self {
        let workspace = Self::new(Engine::Sqlite, None);
        fs::copy(repository_root().join(".env.example"), workspace.path().join(".env"))
            .expect("the file is copied");
        workspace
    }

    pub(crate) fn postgres() -> Self {
        Self::new(Engine::Postgres, Some(postgres::Database::create()))
    }

    fn new(engine: Engine, postgres: Option<postgres::Database>) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        let workspace = Self { engine, directory, postgres };
        fs::copy(repository_root().join("diesel.toml"), workspace.path().join("diesel.toml"))
            .expect("the file is copied");
        symlink(repository_root().join("migrations"), workspace.path().join("migrations"))
            .expect("the link is created");
        workspace
    }

    /// Another workspace with the same engine.
    pub(crate) fn another(&self) -> Self {
        match self.engine {
            Engine::Sqlite => Self::sqlite(),
            Engine::Postgres => Self::postgres(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The value of `DATABASE_URL` for a process in another working directory.
    pub(crate) fn url(&self) -> String {
        match &self.postgres {
            Some(database) => database.url(),
            None => format!("sqlite://{}", self.path().join("roster.db").display()),
        }
    }

    pub(crate) fn sql(&self) -> Sql {
        Sql::open(&self.url())
    }

    /// Runs `roster ARGUMENTS`.
    pub(crate) fn roster(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = roster(self.path());
        if let Some(database) = &self.postgres {
            command.env("DATABASE_URL", database.url());
        }
        run(command.args(arguments), LIMIT)
    }

    /// Runs `roster migrate`, which must succeed.
    pub(crate) fn migrate(&self) {
        self.roster(&["migrate"]).expect_success();
    }

    /// Runs `diesel migration ARGUMENTS`.
    pub(crate) fn diesel(&self, arguments: &[&str]) -> CommandOutput {
        let program = env::var("ROSTER_DIESEL_CLI").unwrap_or_else(|_| {
            panic!("ROSTER_DIESEL_CLI does not name the diesel command; run the tests with `tests/run`")
        });
        let mut command = in_empty_environment(&program, self.path());
        command.arg("migration");
        if let Some(database) = &self.postgres {
            command.args(["--migration-dir", "migrations/postgres", "--database-url", &database.url()]);
        }
        run(command.args(arguments), LIMIT)
    }

    /// Builds a server on the database.
    pub(crate) fn server(&self) -> Builder {
        Server::builder(&self.url())
    }

    /// Starts a server on the database, waits until it is ready, and stops it.
    pub(crate) fn serve(&self) {
        let mut server = self.server().start();
        get(&server, "/readyz").expect(200);
        server.stop(Duration::from_secs(10));
    }

    /// A description of the whole schema, in a stable order.
    pub(crate) fn schema(&self) -> Vec<String> {
        match &self.postgres {
            Some(database) => dump_schema(&database.url()),
            None => self.sql().lines(
                "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '-') AS line \
                 FROM sqlite_master ORDER BY 1",
            ),
        }
    }

    /// The applied versions according to the database, oldest first.
    pub(crate) fn applied(&self) -> Vec<String> {
        self.sql().lines("SELECT version AS line FROM __diesel_schema_migrations ORDER BY version")
    }

    /// The applied and the pending versions according to `roster migrate --status`.
    pub(crate) fn status(&self) -> (Vec<String>, Vec<String>) {
        let output = self.roster(&["migrate", "--status"]).expect_success();
        split_by_prefix(&output.stdout, "applied ", "pending ", str::to_owned)
    }

    /// The applied and the pending versions according to `diesel migration list`.
    pub(crate) fn list(&self) -> (Vec<String>, Vec<String>) {
        let output = self.diesel(&["list"]).expect_success();
        let (_, list) = output.stdout.split_once("Migrations:\n").expect("the output has a list");
        split_by_prefix(list, "[X] ", "[ ] ", directories::version)
    }
}

/// Sends a GET request without a key.
pub(crate) fn get(server: &Server, path: &str) -> Response {
    block_on(Client::anonymous(server).get(path).send())
}

/// Splits a list by the prefixes of its lines into the versions of applied and of pending migrations.
fn split_by_prefix(
    text: &str,
    applied: &str,
    pending: &str,
    version: impl Fn(&str) -> String,
) -> (Vec<String>, Vec<String>) {
    let mut split = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (line.strip_prefix(applied), line.strip_prefix(pending)) {
            (Some(name), None) => split.0.push(version(name)),
            (None, Some(name)) => split.1.push(version(name)),
            _ => panic!("{line:?} is neither applied nor pending in {text}"),
        }
    }
    split
}

/// The schema as `pg_dump` prints it, without comments and session settings.
fn dump_schema(url: &str) -> Vec<String> {
    let mut command = in_empty_environment("pg_dump", Path::new("/"));
    command.args(["--schema-only", "--no-owner", "--no-privileges", "--dbname", url]);
    let dump = run(&mut command, LIMIT).expect_success().stdout;
    let prefixes = ["--", "SET ", "SELECT pg_catalog.set_config", "\\"];
    let is_noise = |line: &&str| line.is_empty() || prefixes.iter().any(|prefix| line.starts_with(prefix));
    dump.lines().filter(|line| !is_noise(line)).map(str::to_owned).collect()
}
