//! Commands neither create nor migrate a database unless they are told to.

use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::{Database, on_both_engines};
use crate::support::file_names;
use crate::support::server::Server;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// The commands that use an existing database, with arguments that are valid for any database.
const COMMANDS: [&[&str]; 8] = [
    &["key", "list"],
    &["key", "create", "--role", "reader"],
    &["key", "revoke", "01890000-0000-7000-8000-000000000000"],
    &["epoch", "renew"],
    &["check"],
    &["export", "-"],
    &["tenant", "list"],
    &["tenant", "create", "acme"],
];

on_both_engines! {
    Database:
    commands_refuse_a_database_with_pending_migrations,
    commands_refuse_an_empty_database,
    tenants_are_created_and_listed,
    a_server_that_may_not_migrate_names_the_command,
}

fn command(url: &str, arguments: &[&str]) -> CommandOutput {
    let directory = tempfile::tempdir().expect("the directory is created");
    let output = run(roster(directory.path()).args(arguments).env("DATABASE_URL", url), LIMIT);
    assert_eq!(file_names(directory.path()), Vec::<String>::new());
    output
}

/// Deletes the record of the last migration, so that it counts as pending.
fn with_pending_migration(database: &Database) -> Database {
    let database = Database::migrated(database.engine());
    let last = "(SELECT max(version) FROM __diesel_schema_migrations)";
    database.sql().execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = {last}"));
    database
}

fn commands_refuse_a_database_with_pending_migrations(database: &Database) {
    let database = with_pending_migration(database);
    let applied = || database.sql().number("SELECT count(*) AS number FROM __diesel_schema_migrations");
    let before = applied();
    for arguments in COMMANDS {
        // The setting concerns only servers.
        let output = command(&database.url(), arguments).expect_code(1);
        let line = output.error_line();
        assert!(line.contains("pending migrations (1)") && line.contains("`roster migrate`"), "{line}");
        assert_eq!(output.stdout, "");
    }
    assert_eq!(applied(), before);
}

fn tenants_are_created_and_listed(database: &Database) {
    let database = Database::migrated(database.engine());
    let tenant = |arguments: &[&str]| command(&database.url(), &[&["tenant"], arguments].concat());
    let id = tenant(&["create", "acme"]).expect_success().stdout;
    let list = tenant(&["list"]).expect_success().stdout;
    let names: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["NAME", "default", "acme"]);
    assert!(list.lines().last().is_some_and(|line| line.starts_with(id.trim_end())), "{id}{list}");
    for (name, reason) in [("acme", "the tenant 'acme' already exists"), ("Acme", "the name must")] {
        let refused = tenant(&["create", name]).expect_code(1);
        assert!(refused.error_line().contains(reason), "{refused:?}");
    }
    let history = "SELECT actor_type AS line FROM changes WHERE type = 'tenant.created'";
    assert_eq!(database.sql().lines(history), ["cli"]);
}

fn commands_refuse_an_empty_database(database: &Database) {
    database.create_file();
    for arguments in COMMANDS {
        let output = command(&database.url(), arguments).expect_code(1);
        assert!(output.error_line().contains("`roster migrate`"), "{output:#?}");
    }
    let tables = match database {
        Database::Sqlite(_) => "SELECT count(*) AS number FROM sqlite_schema",
        Database::Postgres(_) => "SELECT count(*) AS number FROM pg_tables WHERE schemaname = 'public'",
    };
    assert_eq!(database.sql().number(tables), 0);
}

fn a_server_that_may_not_migrate_names_the_command(database: &Database) {
    let database = with_pending_migration(database);
    let server = Server::builder(&database.url()).env("ROSTER_MIGRATE_ON_START", "false").start();
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("migrations are pending")).collect();
    assert!(matches!(lines[..], [line] if line.contains("`roster migrate`")), "{log}");
}

#[test]
fn commands_do_not_create_a_database() {
    for arguments in COMMANDS.into_iter().chain([&["backup", "copy.db"][..], &["migrate", "--status"]]) {
        let directory: TempDir = tempfile::tempdir().expect("the directory is created");
        let output = run(roster(directory.path()).args(arguments), LIMIT);
        assert_eq!(file_names(directory.path()), Vec::<String>::new(), "{arguments:?}");
        if arguments != ["migrate", "--status"] {
            let line = output.expect_code(1).error_line().to_owned();
            assert!(line.contains("sqlite://roster.db does not exist"), "{line}");
            assert_eq!(line.contains("--init"), arguments.contains(&"--role"), "{line}");
        }
    }
}

#[test]
fn key_create_with_init_creates_a_database() {
    let directory = tempfile::tempdir().expect("the directory is created");
    let key = |arguments: &[&str]| run(roster(directory.path()).arg("key").args(arguments), LIMIT);
    key(&["create", "--init", "--role", "operator"]).expect_success();
    // The option has no effect on an existing database.
    key(&["create", "--init", "--role", "reader"]).expect_success();
    assert_eq!(key(&["list"]).expect_success().stdout.lines().count(), 3);
}

/// A backup is made before an upgrade.
#[test]
fn a_database_with_pending_migrations_can_be_copied() {
    let database = with_pending_migration(&Database::sqlite());
    let directory = tempfile::tempdir().expect("the directory is created");
    let copy = directory.path().join("copy.db");
    let copy = copy.to_str().expect("the path is UTF-8");
    for arguments in [&["backup", copy][..], &["migrate", "--status"]] {
        let output = command(&database.url(), arguments).expect_success();
        let line = output.error_line();
        assert!(line.contains("pending migrations (1)") && line.contains("`roster migrate`"), "{line}");
    }
    let output = command(&format!("sqlite://{copy}"), &["key", "list"]).expect_code(1);
    assert!(output.error_line().contains("pending migrations"), "{output:#?}");
}

#[test]
fn a_server_that_may_not_migrate_creates_no_database() {
    let directory = tempfile::tempdir().expect("the directory is created");
    let mut serve = roster(directory.path());
    serve.args(["serve", "--migrate-on-start=false"]).env("ROSTER_LISTEN", "127.0.0.1:0");
    let output = run(&mut serve, LIMIT).expect_code(1);
    let line = output.error_line();
    assert!(
        line.contains("sqlite://roster.db does not exist") && line.contains("`roster migrate`"),
        "{line}"
    );
    assert_eq!(file_names(directory.path()), Vec::<String>::new());
}

/// Commands that only read change no byte of a SQLite database, not even its journal mode.
#[test]
fn commands_that_only_read_leave_the_database_unchanged() {
    let database = Database::migrated(crate::support::database::Engine::Sqlite);
    let file = database.file().expect("SQLite has a file");
    database.sql().execute("PRAGMA journal_mode = DELETE");
    let before = fs::read(&file).expect("the file can be read");
    for arguments in [&["key", "list"][..], &["check"], &["migrate", "--status"], &["migrate", "--check"]] {
        command(&database.url(), arguments).expect_success();
        assert!(fs::read(&file).expect("the file can be read") == before, "{arguments:?} changed the file");
    }
    assert_eq!(file_names(file.parent().expect("the file is in a directory")), ["roster.db"]);
}
