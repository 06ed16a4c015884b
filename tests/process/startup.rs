//! A start that fails ends within seconds with a one-line error, in either log format.

use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::Database;
use crate::support::{file_names, percent_encoded};
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Time limit of each command.
const LIMIT: Duration = Duration::from_secs(5);

const PASSWORD: &str = "s3cr3t-w0rd";
const ADMIN_KEY: &str = "s3cr3t-k3y-0123456789-abcdefghijk";

/// A command that must fail.
struct Start {
    command: &'static str,
    url: String,
    listen: String,
    directory: TempDir,
}

impl Start {
    /// The last one skips the migrations, so the server itself has to detect the error.
    const COMMANDS: [&str; 3] = ["migrate", "serve", "serve --migrate-on-start=false"];

    fn new(command: &'static str, url: &str) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        Self { command, url: url.to_owned(), listen: "127.0.0.1:0".to_owned(), directory }
    }

    /// Checks that the command fails in each format, with one line that contains all of `words` and no secret.
    #[track_caller]
    fn check_error(&self, words: &[&str]) {
        for format in ["text", "json"] {
            let output = self.run(format);
            assert!(output.code.is_some_and(|code| code != 0), "{output:#?}");
            let line = output.error_line();
            for word in words {
                assert!(line.contains(word), "the error of {} lacks {word:?}: {line}", self.command);
            }
            for secret in [PASSWORD, ADMIN_KEY] {
                assert!(!format!("{output:?}").contains(secret), "the output contains a secret: {output:#?}");
            }
        }
    }

    fn run(&self, format: &str) -> CommandOutput {
        let mut command: Command = roster(self.directory.path());
        command.args(self.command.split(' ')).env("DATABASE_URL", &self.url);
        command.env("ROSTER_LISTEN", &self.listen).env("ROSTER_ADMIN_KEY", ADMIN_KEY);
        // Logs only errors.
        command.env("RUST_LOG", "error").env("ROSTER_LOG_FORMAT", format);
        run(&mut command, LIMIT)
    }
}

/// Checks the errors of all commands on a database that is broken in some way.
#[track_caller]
fn check_commands(url: &str, words: &[&str]) {
    for command in Start::COMMANDS {
        Start::new(command, url).check_error(words);
    }
}

#[test]
fn a_port_in_use() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let listen = listener.local_addr().expect("the socket has an address").to_string();
    for database in [Database::sqlite(), Database::postgres()] {
        let start = Start { listen: listen.clone(), ..Start::new("serve", &database.url()) };
        start.check_error(&["cannot listen", &listen, "in use"]);
    }
}

#[test]
fn an_address_of_another_machine() {
    let database = Database::sqlite();
    let start = Start { listen: "192.0.2.1:3000".to_owned(), ..Start::new("serve", &database.url()) };
    start.check_error(&["cannot listen", "192.0.2.1:3000"]);
}

#[test]
fn postgres_that_refuses_connections() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let closed = free.local_addr().expect("the socket has an address");
    drop(free);
    let url = format!("postgres://roster:{PASSWORD}@{closed}/roster");
    check_commands(&url, &["cannot connect to the database", &closed.port().to_string(), "refused"]);
}

#[test]
fn postgres_that_does_not_respond() {
    // The operating system completes the TCP handshake, but no process accepts the connection.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("the socket has an address");
    let url = format!("postgres://roster:{PASSWORD}@{address}/roster");
    check_commands(&url, &["cannot connect to the database", "timeout"]);
}

#[test]
fn postgres_with_another_password() {
    let database = Database::postgres();
    let password = std::env::var("PGPASSWORD").expect("PGPASSWORD is set");
    let correct = format!(":{}@", percent_encoded(&password));
    let url = database.url().replace(&correct, &format!(":{PASSWORD}@"));
    assert!(url.contains(PASSWORD));
    check_commands(&url, &["cannot connect to the database", "password authentication failed"]);
}

/// libpq misparses a password with a character that is not percent-encoded, and its error quotes a part of the URL.
#[test]
fn a_password_that_is_not_percent_encoded() {
    for rest in ["/rest", "%zz", ":rest", "#rest"] {
        check_commands(&format!("postgres://roster:{PASSWORD}{rest}@127.0.0.1:1/roster"), &[]);
    }
}

#[test]
fn postgres_without_the_database() {
    let url = Database::postgres().url();
    check_commands(&url, &["cannot connect to the database", "does not exist"]);
}

#[test]
fn sqlite_in_a_missing_directory() {
    check_commands("sqlite://no/such/directory/roster.db", &["no/such/directory/roster.db"]);
}

#[test]
fn sqlite_in_an_unwritable_directory() {
    // Not even root can create a file there.
    check_commands("sqlite:///proc/roster.db", &["/proc/roster.db"]);
}

#[test]
fn sqlite_that_is_a_directory() {
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    let path = directory.path().display().to_string();
    check_commands(&format!("sqlite://{path}"), &[&path]);
}

#[test]
fn a_file_that_is_not_a_database() {
    for command in Start::COMMANDS {
        let start = Start::new(command, "sqlite://notes.db");
        let notes = start.directory.path().join("notes.db");
        fs::write(&notes, "Dear diary, this is no database. ".repeat(100)).expect("the file is written");
        start.check_error(&["not a database"]);
        let content = fs::read_to_string(&notes).expect("the file can be read");
        assert!(content.starts_with("Dear diary"), "the file was changed");
    }
}

#[test]
fn a_migration_that_fails() {
    for database in [Database::sqlite(), Database::postgres()] {
        database.sql().execute("CREATE TABLE users (id BIGINT)");
        for command in ["migrate", "serve"] {
            Start::new(command, &database.url()).check_error(&["create_users", "already exists"]);
        }
    }
}

#[test]
fn a_failed_start_leaves_no_files() {
    let url = format!("postgres://roster:{PASSWORD}@127.0.0.1:1/roster");
    let start = Start::new("serve", &url);
    start.run("text");
    assert_eq!(file_names(start.directory.path()), Vec::<String>::new());
}
