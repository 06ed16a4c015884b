//! What keeps the server from starting is told in one line within seconds, whatever the format of the log.

use crate::process::database::Database;
use crate::support::command::{Ended, roster, run};
use crate::support::percent_encoded;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A start fails within this time.
const LIMIT: Duration = Duration::from_secs(5);

const PASSWORD: &str = "s3cr3t-w0rd";
const ADMIN_KEY: &str = "s3cr3t-k3y-0123456789-abcdefghijk";

/// A start that must fail.
struct Start {
    command: &'static str,
    url: String,
    listen: String,
    directory: TempDir,
}

impl Start {
    /// Without migrations the server itself must find out.
    const COMMANDS: [&str; 3] = ["migrate", "serve", "serve --migrate-on-start=false"];

    fn new(command: &'static str, url: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { command, url: url.to_owned(), listen: "127.0.0.1:0".to_owned(), directory }
    }

    /// Fails, in each format, with one line that says all of `words`.
    #[track_caller]
    fn fails(&self, words: &[&str]) {
        for format in ["text", "json"] {
            let ended = self.run(format);
            assert!(ended.code.is_some_and(|code| code != 0), "{ended:#?}");
            let line = ended.only_line();
            for word in words {
                assert!(line.contains(word), "{} does not say {word:?}: {line}", self.command);
            }
            for secret in [PASSWORD, ADMIN_KEY] {
                assert!(!format!("{ended:?}").contains(secret), "tells a secret: {ended:#?}");
            }
        }
    }

    fn run(&self, format: &str) -> Ended {
        let mut command: Command = roster(self.directory.path());
        command.args(self.command.split(' ')).env("DATABASE_URL", &self.url);
        command.env("ROSTER_LISTEN", &self.listen).env("ROSTER_ADMIN_KEY", ADMIN_KEY);
        // Only what went wrong is to be seen.
        command.env("RUST_LOG", "error").env("ROSTER_LOG_FORMAT", format);
        run(&mut command, LIMIT)
    }
}

#[test]
fn a_port_in_use() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = listener.local_addr().expect("an address").to_string();
    for database in [Database::sqlite(), Database::postgres()] {
        let start = Start { listen: listen.clone(), ..Start::new("serve", &database.url()) };
        start.fails(&["cannot listen", &listen, "in use"]);
    }
}

#[test]
fn an_address_of_another_machine() {
    let database = Database::sqlite();
    let start = Start { listen: "192.0.2.1:3000".to_owned(), ..Start::new("serve", &database.url()) };
    start.fails(&["cannot listen", "192.0.2.1:3000"]);
}

#[test]
fn postgres_that_refuses_connections() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    for command in Start::COMMANDS {
        let url = format!("postgres://roster:{PASSWORD}@{closed}/roster");
        Start::new(command, &url).fails(&[
            "cannot connect to the database",
            &closed.port().to_string(),
            "refused",
        ]);
    }
}

#[test]
fn postgres_that_does_not_answer() {
    // The connection is made by the system, and nobody ever takes it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    for command in Start::COMMANDS {
        let url = format!("postgres://roster:{PASSWORD}@{address}/roster");
        Start::new(command, &url).fails(&["cannot connect to the database", "timeout"]);
    }
}

#[test]
fn postgres_that_does_not_know_the_password() {
    let database = Database::postgres();
    let right =
        format!(":{}@", percent_encoded(&std::env::var("PGPASSWORD").expect("a server with passwords")));
    let url = database.url().replace(&right, &format!(":{PASSWORD}@"));
    assert!(url.contains(PASSWORD));
    for command in Start::COMMANDS {
        Start::new(command, &url)
            .fails(&["cannot connect to the database", "password authentication failed"]);
    }
}

/// A password with a character that a URL wants encoded: libpq takes it for something else, and would cite it.
#[test]
fn a_password_that_breaks_the_url() {
    for broken in ["/rest", "%zz", ":rest", "#rest"] {
        for command in Start::COMMANDS {
            let url = format!("postgres://roster:{PASSWORD}{broken}@127.0.0.1:1/roster");
            Start::new(command, &url).fails(&[]);
        }
    }
}

#[test]
fn postgres_without_the_database() {
    let url = Database::postgres().url();
    for command in Start::COMMANDS {
        Start::new(command, &url).fails(&["cannot connect to the database", "does not exist"]);
    }
}

#[test]
fn sqlite_in_a_missing_directory() {
    for command in Start::COMMANDS {
        Start::new(command, "sqlite://no/such/directory/roster.db").fails(&["no/such/directory/roster.db"]);
    }
}

#[test]
fn sqlite_where_nothing_can_be_written() {
    // Not even root makes a file there.
    for command in Start::COMMANDS {
        Start::new(command, "sqlite:///proc/roster.db").fails(&["/proc/roster.db"]);
    }
}

#[test]
fn sqlite_that_is_a_directory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().display().to_string();
    for command in Start::COMMANDS {
        Start::new(command, &format!("sqlite://{path}")).fails(&[&path]);
    }
}

#[test]
fn a_file_that_is_no_database() {
    for command in Start::COMMANDS {
        let start = Start::new(command, "sqlite://notes.db");
        let notes = start.directory.path().join("notes.db");
        fs::write(&notes, "Dear diary, this is no database. ".repeat(100)).expect("a file");
        start.fails(&["not a database"]);
        assert!(fs::read_to_string(&notes).expect("a text").starts_with("Dear diary"), "it was written");
    }
}

#[test]
fn a_migration_that_fails() {
    for database in [Database::sqlite(), Database::postgres()] {
        database.sql().execute("CREATE TABLE users (id BIGINT)");
        for command in ["migrate", "serve"] {
            Start::new(command, &database.url()).fails(&["create_users", "already exists"]);
        }
    }
}

#[test]
fn nothing_is_left_in_the_working_directory() {
    let url = format!("postgres://roster:{PASSWORD}@127.0.0.1:1/roster");
    let start = Start::new("serve", &url);
    start.run("text");
    assert_eq!(fs::read_dir(Path::new(start.directory.path())).expect("a directory").count(), 0);
}
