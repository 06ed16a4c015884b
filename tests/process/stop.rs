//! SIGTERM and SIGINT: accepted requests finish, nothing else keeps the process.

use crate::process::database::{Database, Lock, on_both_engines};
use crate::support::raw::{RawAnswer, Wire, ask, head, whole};
use crate::support::server::{ADMIN_KEY, Server};
use crate::support::sql::wait_until;
use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

const DRAIN: Duration = Duration::from_secs(2);

/// How long the end may take when nothing is under way.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Only what is nowhere else in the file.
const TITLE: &str = "written-while-the-server-stopped";

on_both_engines! {
    sigterm_lets_a_request_finish,
    sigint_lets_a_request_finish,
    idle_connections_do_not_delay_the_end,
    a_request_that_never_ends_is_given_up,
    a_second_signal_ends_at_once,
    a_signal_right_after_the_start_ends_well,
}

fn sigterm_lets_a_request_finish(database: &Database) {
    lets_a_request_finish(database, "TERM");
}

fn sigint_lets_a_request_finish(database: &Database) {
    lets_a_request_finish(database, "INT");
}

fn lets_a_request_finish(database: &Database, signal: &str) {
    let mut server = Server::builder(&database.url()).env("ROSTER_DRAIN_DELAY", "2s").start();
    let user = create(&server, "ada");
    let (mut wire, lock) = hold_a_write(&server, database, &user);
    let signalled = Instant::now();
    server.signal(signal);
    server.wait_for_log(&format!("SIG{signal}"), AT_ONCE);
    check_draining(&server, &user);
    assert!(signalled.elapsed() < DRAIN, "this machine is too slow for the test");
    wait_until(DRAIN + AT_ONCE, "new connections are refused", || is_refused(address(&server)));
    let refused = signalled.elapsed();
    assert!(refused >= DRAIN, "new connections were refused after {refused:?} already");
    lock.release();
    let answer = wire.answer().expect("an answer to the accepted request");
    assert_eq!((answer.status, &answer.json()["title"]), (200, &TITLE.into()), "{answer:?}");
    assert_closing(&answer);
    assert_eq!(server.wait(AT_ONCE).code(), Some(0), "{}", server.log());
    assert!(server.log().contains("stopped") && !server.log().contains("ERROR"), "{}", server.log());
    check_is_closed(database);
    assert_eq!(database.sql().number("SELECT version AS number FROM users"), 2);
}

/// During the drain delay balancers are told, and clients are still served.
fn check_draining(server: &Server, user: &str) {
    let ready = ask(address(server), &get("/readyz"));
    ready.problem(503, "stopping");
    assert!(ready.header("retry-after").is_some(), "{ready:?}");
    assert_closing(&ready);
    for path in ["/livez", &format!("/users/{user}"), "/users"] {
        let answer = ask(address(server), &get(path));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_closing(&answer);
    }
}

#[track_caller]
fn assert_closing(answer: &RawAnswer) {
    let value = answer.header("connection").map(str::to_ascii_lowercase);
    assert_eq!(value.as_deref(), Some("close"), "{answer:?}");
}

/// Nothing of the server is left in the database.
fn check_is_closed(database: &Database) {
    let Some(file) = database.file() else {
        let connections = "SELECT count(*) AS number FROM pg_stat_activity \
                           WHERE datname = current_database() AND application_name = 'roster'";
        return database.sql().wait_for_number(connections, 0, Duration::from_secs(2));
    };
    let directory = fs::read_dir(file.parent().expect("a directory")).expect("the directory");
    let left: Vec<_> = directory.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["roster.db"], "all is in one file");
    let bytes = fs::read(&file).expect("the database");
    assert!(
        bytes.windows(TITLE.len()).any(|window| window == TITLE.as_bytes()),
        "the write is not in the file"
    );
}

fn idle_connections_do_not_delay_the_end(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    let _silent = Wire::connect(address(&server));
    let mut kept: Vec<_> = (0..8).map(|_| Wire::connect(address(&server))).collect();
    for wire in &mut kept {
        wire.send(get("/users").as_bytes());
        assert_eq!(wire.answer().expect("an answer").status, 200);
    }
    server.signal("TERM");
    assert_eq!(server.wait(AT_ONCE).code(), Some(0), "{}", server.log());
    // Whoever was connected sees the end, and not a reset.
    assert!(kept.iter_mut().all(Wire::is_closed_cleanly));
}

fn a_request_that_never_ends_is_given_up(database: &Database) {
    let mut server = Server::builder(&database.url())
        .env("ROSTER_SHUTDOWN_TIMEOUT", "1s")
        .env("ROSTER_REQUEST_DEADLINE", "60s")
        .start();
    let user = create(&server, "ada");
    let (_wire, lock) = hold_a_write(&server, database, &user);
    server.signal("TERM");
    let status = server.wait(Duration::from_secs(5));
    assert_eq!(status.signal(), None, "{}", server.log());
    assert_ne!(status.code(), Some(0), "a request was lost, and nobody is told:\n{}", server.log());
    lock.release();
    check_nothing_was_written(database);
}

fn a_second_signal_ends_at_once(database: &Database) {
    for second in ["TERM", "INT"] {
        let database = match database {
            Database::Sqlite(_) => Database::sqlite(),
            Database::Postgres(_) => Database::postgres(),
        };
        let mut server = Server::builder(&database.url())
            .env("ROSTER_DRAIN_DELAY", "60s")
            .env("ROSTER_SHUTDOWN_TIMEOUT", "60s")
            .start();
        let user = create(&server, "ada");
        let (_wire, lock) = hold_a_write(&server, &database, &user);
        server.signal("TERM");
        server.wait_for_log("SIGTERM", AT_ONCE);
        server.signal(second);
        let status = server.wait(Duration::from_secs(1));
        assert_ne!(status.code(), Some(0), "{}", server.log());
        lock.release();
        check_nothing_was_written(&database);
    }
}

/// Whoever starts a server may end it as soon as it listens.
fn a_signal_right_after_the_start_ends_well(database: &Database) {
    for round in 0..20 {
        let mut server = Server::builder(&database.url()).start();
        server.signal(["TERM", "INT"][round % 2]);
        let status = server.wait(AT_ONCE);
        assert_eq!(status.code(), Some(0), "round {round}: {status}\n{}", server.log());
    }
}

/// Whoever asks just before the signal must not be told afterwards that the server is ready.
#[test]
fn a_probe_under_way_at_the_signal_says_no() {
    let database = Database::postgres();
    let mut server = Server::builder(&database.url()).env("ROSTER_DRAIN_DELAY", "60s").start();
    // As many writes as there are writers.
    let held = ["ada", "bob"].map(|name| hold_a_write(&server, &database, &create(&server, name)));
    let mut probe = Wire::connect(address(&server));
    probe.send(get("/readyz").as_bytes());
    // It has read, and now waits for the writer.
    let has_read = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'roster' AND state = 'idle' AND query LIKE '%\\_\\_diesel\\_schema%'";
    database.sql().wait_for_number(has_read, 1, Duration::from_secs(4));
    server.signal("TERM");
    server.wait_for_log("SIGTERM", AT_ONCE);
    held.into_iter().for_each(|(_wire, lock)| lock.release());
    probe.answer().expect("an answer").problem(503, "stopping");
    server.signal("TERM");
    server.wait(AT_ONCE);
}

/// While another process migrates, the server waits; it can be ended there.
#[test]
fn a_server_that_waits_for_the_migration_lock_can_be_ended() {
    let database = Database::postgres();
    let mut holder = database.sql();
    holder.execute(
        "CREATE TABLE migration_lock (id smallint PRIMARY KEY); INSERT INTO migration_lock VALUES (1)",
    );
    holder.execute("BEGIN; SELECT id FROM migration_lock FOR UPDATE");
    let mut server = Server::builder(&database.url()).spawn();
    let waiters = "SELECT count(*) AS number FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    database.sql().wait_for_number(waiters, 1, Duration::from_secs(10));
    server.signal("TERM");
    server.wait(Duration::from_secs(1));
    holder.execute("ROLLBACK");
    assert_eq!(database.sql().number("SELECT count(*) AS number FROM pg_class WHERE relname = 'users'"), 0);
}

/// Half a request is none: its sender does not keep the server longer than the shutdown timeout.
#[test]
fn half_a_request_does_not_keep_the_server() {
    let database = Database::sqlite();
    let mut server = Server::builder(&database.url()).env("ROSTER_SHUTDOWN_TIMEOUT", "2s").start();
    let mut half = Wire::connect(address(&server));
    half.send(b"POST /users HTTP/1.1\r\nHost: roster\r\nContent-");
    let mut headed = Wire::connect(address(&server));
    headed.send(
        format!(
            "{}Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
            head("POST", "/users")
        )
        .as_bytes(),
    );
    assert_eq!(headed.answer().expect("an answer").status, 100);
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    check_file_is_whole(&database);
}

fn check_file_is_whole(database: &Database) {
    assert_eq!(database.sql().lines("SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
}

#[test]
fn serve_is_what_roster_does_alone() {
    for command in [None, Some("serve")] {
        let database = Database::sqlite();
        let builder = Server::builder(&database.url());
        let mut server =
            command.map_or_else(|| Server::builder(&database.url()), |name| builder.arg(name)).start();
        assert_eq!(ask(address(&server), &get("/readyz")).status, 200);
        server.signal("TERM");
        assert_eq!(server.wait(AT_ONCE).code(), Some(0));
    }
}

/// A whole GET request.
fn get(path: &str) -> String {
    head("GET", path) + "\r\n"
}

fn address(server: &Server) -> SocketAddr {
    server.base().strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address")
}

fn is_refused(address: SocketAddr) -> bool {
    match TcpStream::connect(address) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => true,
        // The listener closed while the connection waited to be taken.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("{error}"),
    }
}

/// Creates a user and gives its id.
fn create(server: &Server, name: &str) -> String {
    let answer = ask(address(server), &whole("POST", "/users", &format!(r#"{{"userName":"{name}"}}"#)));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Sends a write that waits until the lock is released. The server has accepted it when this returns.
fn hold_a_write(server: &Server, database: &Database, user: &str) -> (Wire, Lock) {
    let mut lock = database.lock(user);
    let body = format!(r#"{{"title":"{TITLE}"}}"#);
    let head = format!(
        "PATCH /users/{user} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Type: application/merge-patch+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut wire = Wire::connect(address(server));
    wire.send(head.as_bytes());
    assert_eq!(wire.answer().expect("an answer").status, 100);
    wire.send(body.as_bytes());
    lock.wait_for_a_waiter();
    (wire, lock)
}

fn check_nothing_was_written(database: &Database) {
    let mut sql = database.sql();
    if matches!(database, Database::Postgres(_)) {
        // What waited for the lock goes on, and finds that nobody will commit.
        let others = "SELECT count(*) AS number FROM pg_stat_activity \
                      WHERE datname = current_database() AND application_name = 'roster'";
        sql.wait_for_number(others, 0, Duration::from_secs(5));
    }
    assert_eq!(sql.number("SELECT version AS number FROM users"), 1);
    assert_eq!(sql.number("SELECT count(*) AS number FROM changes"), 1);
}
