//! A working directory as an operator has it, with a fresh database, and the two tools that migrate it.

use crate::migrations::folders;
use crate::support::command::{Ended, in_empty_environment, roster, run};
use crate::support::http::{Answer, Client};
use crate::support::postgres;
use crate::support::server::{Builder, Server};
use crate::support::sql::Sql;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// No command here takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// The two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A working directory with `diesel.toml` and `migrations`. For SQLite it also has a `.env`, which is `.env.example`,
/// so the database is `roster.db` in it; the one of PostgreSQL is named to each command.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    directory: TempDir,
    postgres: Option<postgres::Database>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let place = Self::new(Engine::Sqlite, None);
        fs::copy(project().join(".env.example"), place.path().join(".env")).expect(".env.example is copied");
        place
    }

    pub(crate) fn postgres() -> Self {
        Self::new(Engine::Postgres, Some(postgres::Database::create()))
    }

    fn new(engine: Engine, postgres: Option<postgres::Database>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = Self { engine, directory, postgres };
        fs::copy(project().join("diesel.toml"), place.path().join("diesel.toml")).expect("a copy");
        symlink(project().join("migrations"), place.path().join("migrations")).expect("a link");
        place
    }

    /// Another one of the same engine.
    pub(crate) fn another(&self) -> Self {
        match self.engine {
            Engine::Sqlite => Self::sqlite(),
            Engine::Postgres => Self::postgres(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The URL for a process in another working directory.
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
    pub(crate) fn roster(&self, arguments: &[&str]) -> Ended {
        let mut command = roster(self.path());
        if let Some(database) = &self.postgres {
            command.env("DATABASE_URL", database.url());
        }
        run(command.args(arguments), LIMIT)
    }

    /// Runs `diesel migration ARGUMENTS`.
    pub(crate) fn diesel(&self, arguments: &[&str]) -> Ended {
        let program = env::var("ROSTER_DIESEL_CLI").unwrap_or_else(|_| {
            panic!("ROSTER_DIESEL_CLI does not name the diesel command: run the tests by `tests/run`")
        });
        let mut command = in_empty_environment(&program, self.path());
        command.arg("migration");
        if let Some(database) = &self.postgres {
            command.args(["--migration-dir", "migrations/postgres", "--database-url", &database.url()]);
        }
        run(command.args(arguments), LIMIT)
    }

    /// A server on this database that gets everything else from the builder.
    pub(crate) fn server(&self) -> Builder {
        Server::builder(&self.url())
    }

    /// Has a server get ready on this database, and stops it again.
    pub(crate) fn serve(&self) {
        let mut server = self.server().start();
        ask(&server, "/readyz").expect(200);
        stop(&mut server);
    }

    /// Everything that the schema consists of, in an order that depends on nothing else.
    pub(crate) fn schema(&self) -> Vec<String> {
        match &self.postgres {
            Some(database) => dumped(&database.url()),
            None => self.sql().lines(
                "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '-') AS line \
                 FROM sqlite_master ORDER BY 1",
            ),
        }
    }

    /// Versions that the database says are applied, oldest first.
    pub(crate) fn applied(&self) -> Vec<String> {
        self.sql().lines("SELECT version AS line FROM __diesel_schema_migrations ORDER BY version")
    }

    /// Versions by `roster migrate --status`: those that are applied, and those that are pending.
    pub(crate) fn status(&self) -> (Vec<String>, Vec<String>) {
        let ended = self.roster(&["migrate", "--status"]).ok();
        sort_by_mark(&ended.stdout, "applied ", "pending ", str::to_owned)
    }

    /// The same by `diesel migration list`.
    pub(crate) fn list(&self) -> (Vec<String>, Vec<String>) {
        let ended = self.diesel(&["list"]).ok();
        let (_, list) = ended.stdout.split_once("Migrations:\n").expect("a list of migrations");
        sort_by_mark(list, "[X] ", "[ ] ", folders::version)
    }
}

/// Stops a server as an operator does.
#[track_caller]
pub(crate) fn stop(server: &mut Server) {
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(10)).code(), Some(0), "{}", server.log());
}

/// Gets a path that needs no key.
pub(crate) fn ask(server: &Server, path: &str) -> Answer {
    let runtime = Runtime::new().expect("a runtime");
    let client = Client::anonymous(server);
    runtime.block_on(async { client.get(path).send().await })
}

/// The directory of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sort_by_mark(
    text: &str,
    applied: &str,
    pending: &str,
    version: impl Fn(&str) -> String,
) -> (Vec<String>, Vec<String>) {
    let mut sorted = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (line.strip_prefix(applied), line.strip_prefix(pending)) {
            (Some(name), None) => sorted.0.push(version(name)),
            (None, Some(name)) => sorted.1.push(version(name)),
            _ => panic!("{line:?} is neither applied nor pending in {text}"),
        }
    }
    sorted
}

/// What `pg_dump` says of the schema, without comments and settings of the session.
fn dumped(url: &str) -> Vec<String> {
    let mut command = in_empty_environment("pg_dump", Path::new("/"));
    command.args(["--schema-only", "--no-owner", "--no-privileges", "--dbname", url]);
    let dump = run(&mut command, LIMIT).ok().stdout;
    let noise = |line: &&str| {
        let starts = |start| line.starts_with(start);
        line.is_empty()
            || starts("--")
            || starts("SET ")
            || starts("SELECT pg_catalog.set_config")
            || starts("\\")
    };
    dump.lines().filter(|line| !noise(line)).map(str::to_owned).collect()
}
