//! A failed start exits within seconds with a one-line error, in either log format.

use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::Database;
use crate::support::{file_names, percent_encoded};
use serde_json::Value;
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
    metrics_listen: String,
    directory: TempDir,
}

impl Start {
    /// The last command skips the migrations, so the server itself has to detect the error.
    const COMMANDS: [&str; 3] = ["migrate", "serve", "serve --migrate-on-start=false"];

    fn new(command: &'static str, url: &str) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        let [listen, metrics_listen] = [(); 2].map(|()| "127.0.0.1:0".to_owned());
        Self { command, url: url.to_owned(), listen, metrics_listen, directory }
    }

    /// Checks that the command fails in each format, with one line that contains all of `words` and no secret.
    #[track_caller]
    fn check_error(&self, words: &[&str]) {
        for format in ["text", "json"] {
            let output = self.run(format);
            assert!(output.code.is_some_and(|code| code != 0), "{output:#?}");
            let line = output.error_line();
            check_format(line, format);
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
        command.env("ROSTER_LISTEN", &self.listen).env("ROSTER_METRICS_LISTEN", &self.metrics_listen);
        command.env("ROSTER_ADMIN_KEY", ADMIN_KEY);
        // Logs only errors.
        command.env("RUST_LOG", "error").env("ROSTER_LOG_FORMAT", format);
        run(&mut command, LIMIT)
    }
}

/// Checks that an error has the format of log lines.
#[track_caller]
pub(crate) fn check_format(line: &str, format: &str) {
    if format == "text" {
        return assert!(line.starts_with("roster: "), "{line}");
    }
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!((&line["level"], &line["target"]), (&"ERROR".into(), &"roster".into()), "{line}");
    assert!(line["message"].is_string() && line["time"].is_string(), "{line}");
}

/// Checks the errors of all commands for an unusable database.
#[track_caller]
fn check_commands(url: &str, words: &[&str]) {
    for command in Start::COMMANDS {
        Start::new(command, url).check_error(words);
    }
}

#[test]
fn a_port_in_use_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let listen = listener.local_addr().expect("the socket has an address").to_string();
    for database in [Database::sqlite(), Database::postgres()] {
        for start in [
            Start { listen: listen.clone(), ..Start::new("serve", &database.url()) },
            Start { metrics_listen: listen.clone(), ..Start::new("serve", &database.url()) },
        ] {
            start.check_error(&["cannot listen", &listen, "in use"]);
        }
        // The port is checked first.
        match database.file() {
            Some(file) => assert!(!file.exists(), "the database was created"),
            None => assert_eq!(database.sql().number(TABLES), 0, "the database was migrated"),
        }
    }
}

const TABLES: &str = "SELECT count(*) AS number FROM pg_tables WHERE schemaname = 'public'";

#[test]
fn an_address_of_another_machine_is_reported() {
    let database = Database::sqlite();
    let start = Start { listen: "192.0.2.1:3000".to_owned(), ..Start::new("serve", &database.url()) };
    start.check_error(&["cannot listen", "192.0.2.1:3000"]);
}

#[test]
fn refused_connections_are_reported() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let closed = free.local_addr().expect("the socket has an address");
    drop(free);
    let url = format!("postgres://roster:{PASSWORD}@{closed}/roster");
    check_commands(&url, &["cannot connect to the database", &closed.port().to_string(), "refused"]);
}

#[test]
fn a_database_server_that_does_not_respond_is_reported() {
    // The operating system completes the TCP handshake, but no process accepts the connection.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("the socket has an address");
    let url = format!("postgres://roster:{PASSWORD}@{address}/roster");
    check_commands(&url, &["cannot connect to the database", "timeout"]);
}

#[test]
fn a_wrong_password_is_reported() {
    let database = Database::postgres();
    let password = std::env::var("PGPASSWORD").expect("PGPASSWORD is set");
    let correct = format!(":{}@", percent_encoded(&password));
    let url = database.url().replace(&correct, &format!(":{PASSWORD}@"));
    assert!(url.contains(PASSWORD));
    check_commands(&url, &["cannot connect to the database", "password authentication failed"]);
}

/// libpq misparses a password with a character that is not percent-encoded, and its error quotes a part of the URL.
#[test]
fn a_password_that_is_not_percent_encoded_is_not_revealed() {
    for rest in ["/rest", "%zz", ":rest", "#rest"] {
        check_commands(&format!("postgres://roster:{PASSWORD}{rest}@127.0.0.1:1/roster"), &[]);
    }
}

#[test]
fn a_missing_database_is_reported() {
    let url = Database::postgres().url();
    check_commands(&url, &["cannot connect to the database", "does not exist"]);
}

#[test]
fn a_missing_directory_is_reported() {
    check_commands("sqlite://no/such/directory/roster.db", &["no/such/directory/roster.db"]);
}

#[test]
fn an_unwritable_directory_is_reported() {
    // Not even root can create a file there.
    check_commands("sqlite:///proc/roster.db", &["/proc/roster.db"]);
}

#[test]
fn a_directory_in_place_of_the_database_file_is_reported() {
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    let path = directory.path().display().to_string();
    check_commands(&format!("sqlite://{path}"), &[&path]);
}

#[test]
fn a_file_that_is_not_a_database_is_reported() {
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
fn a_failed_migration_is_reported() {
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
