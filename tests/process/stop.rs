//! SIGTERM and SIGINT: accepted requests finish, and nothing else delays the exit of the process.

use crate::support::database::{Database, Lock, on_both_engines};
use crate::support::file_names;
use crate::support::raw::{RawConnection, RawResponse, json_request, raw_request, request_head, send_raw};
use crate::support::server::{ADMIN_KEY, Server};
use crate::support::sql::wait_until;
use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

const DRAIN: Duration = Duration::from_secs(2);

/// Time limit of a shutdown without requests in progress.
const QUICK: Duration = Duration::from_secs(3);

/// A value that occurs nowhere else in the database file.
const TITLE: &str = "written-while-the-server-stopped";

/// The number of the server's connections to PostgreSQL.
const CONNECTIONS: &str = "SELECT count(*) AS number FROM pg_stat_activity \
                           WHERE datname = current_database() AND application_name = 'roster'";

on_both_engines! {
    Database:
    sigterm_lets_a_request_finish,
    sigint_lets_a_request_finish,
    idle_connections_do_not_delay_the_exit,
    a_request_that_exceeds_the_shutdown_timeout_is_aborted,
    a_second_signal_ends_the_process_at_once,
    a_signal_directly_after_the_start_stops_gracefully,
}

fn sigterm_lets_a_request_finish(database: &Database) {
    check_graceful_stop(database, "TERM");
}

fn sigint_lets_a_request_finish(database: &Database) {
    check_graceful_stop(database, "INT");
}

fn check_graceful_stop(database: &Database, signal: &str) {
    let mut server = Server::builder(&database.url()).env("ROSTER_DRAIN_DELAY", "2s").start();
    let user = create(&server, "ada");
    let (mut connection, lock) = start_waiting_write(&server, database, &user);
    let signalled = Instant::now();
    server.signal(signal);
    server.wait_for_log(&format!("SIG{signal}"), QUICK);
    check_draining(&server, &user);
    assert!(signalled.elapsed() < DRAIN, "the machine is too slow for this test");
    wait_until(DRAIN + QUICK, "new connections are refused", || is_refused(server.address()));
    let refused = signalled.elapsed();
    assert!(refused >= DRAIN, "new connections were refused after only {refused:?}");
    lock.release();
    let response = connection.receive().expect("the accepted request receives a response");
    assert_eq!((response.status, &response.json()["title"]), (200, &TITLE.into()), "{response:?}");
    check_connection_close(&response);
    assert_eq!(server.wait(QUICK).code(), Some(0), "{}", server.log());
    assert!(server.log().contains("stopped") && !server.log().contains("ERROR"), "{}", server.log());
    check_database_is_closed(database);
    assert_eq!(database.sql().number("SELECT version AS number FROM users"), 2);
}

/// During the drain delay, the readiness probe fails and all other requests still succeed.
fn check_draining(server: &Server, user: &str) {
    let ready = send_raw(server.address(), &raw_request("GET", "/readyz"));
    ready.assert_problem(503, "stopping");
    assert!(ready.header("retry-after").is_some(), "{ready:?}");
    check_connection_close(&ready);
    for path in ["/livez", &format!("/users/{user}"), "/users"] {
        let response = send_raw(server.address(), &raw_request("GET", path));
        assert_eq!(response.status, 200, "{path}: {response:?}");
        check_connection_close(&response);
    }
}

#[track_caller]
fn check_connection_close(response: &RawResponse) {
    let value = response.header("connection").map(str::to_ascii_lowercase);
    assert_eq!(value.as_deref(), Some("close"), "{response:?}");
}

/// Checks that no connection or temporary file of the server is left.
fn check_database_is_closed(database: &Database) {
    let Some(file) = database.file() else {
        return database.sql().wait_for_number(CONNECTIONS, 0, Duration::from_secs(2));
    };
    assert_eq!(
        file_names(file.parent().expect("the file is in a directory")),
        ["roster.db", "roster.db.lock"]
    );
    let bytes = fs::read(&file).expect("the database can be read");
    let contains = bytes.windows(TITLE.len()).any(|window| window == TITLE.as_bytes());
    assert!(contains, "the write is not in the file");
}

fn idle_connections_do_not_delay_the_exit(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    let _silent = RawConnection::connect(server.address());
    let mut idle: Vec<_> = (0..8).map(|_| RawConnection::connect(server.address())).collect();
    for connection in &mut idle {
        connection.send(raw_request("GET", "/users").as_bytes());
        assert_eq!(connection.receive().expect("the server responds").status, 200);
    }
    server.stop(QUICK);
    // Clients see an orderly close instead of a reset.
    assert!(idle.iter_mut().all(RawConnection::is_closed_cleanly));
}

/// The final checkpoint needs the log for itself, so it is left out.
#[test]
fn a_reader_in_another_process_does_not_delay_the_exit() {
    let database = Database::sqlite();
    let mut server = Server::builder(&database.url()).start();
    let _ada = create(&server, "ada");
    let mut reader = database.sql();
    reader.execute("BEGIN; SELECT count(*) FROM users");
    let _bob = create(&server, "bob");
    server.stop(QUICK);
    reader.execute("COMMIT");
    assert_eq!(reader.number("SELECT count(*) AS number FROM users"), 2);
}

fn a_request_that_exceeds_the_shutdown_timeout_is_aborted(database: &Database) {
    let mut server = Server::builder(&database.url())
        .env("ROSTER_SHUTDOWN_TIMEOUT", "1s")
        .env("ROSTER_REQUEST_DEADLINE", "60s")
        .start();
    let user = create(&server, "ada");
    let (_connection, lock) = start_waiting_write(&server, database, &user);
    server.signal("TERM");
    let status = server.wait(Duration::from_secs(5));
    assert_eq!(status.signal(), None, "{}", server.log());
    assert_ne!(status.code(), Some(0), "the exit code hides the lost request:\n{}", server.log());
    lock.release();
    check_nothing_was_written(database);
}

fn a_second_signal_ends_the_process_at_once(database: &Database) {
    for second in ["TERM", "INT"] {
        let database = Database::create(database.engine());
        let mut server = Server::builder(&database.url())
            .env("ROSTER_DRAIN_DELAY", "60s")
            .env("ROSTER_SHUTDOWN_TIMEOUT", "60s")
            .start();
        let user = create(&server, "ada");
        let (_connection, lock) = start_waiting_write(&server, &database, &user);
        server.signal("TERM");
        server.wait_for_log("SIGTERM", QUICK);
        server.signal(second);
        let status = server.wait(Duration::from_secs(1));
        assert_ne!(status.code(), Some(0), "{}", server.log());
        lock.release();
        check_nothing_was_written(&database);
    }
}

/// A supervisor may stop a server as soon as it listens.
fn a_signal_directly_after_the_start_stops_gracefully(database: &Database) {
    for round in 0..20 {
        let mut server = Server::builder(&database.url()).start();
        server.signal(["TERM", "INT"][round % 2]);
        let status = server.wait(QUICK);
        assert_eq!(status.code(), Some(0), "round {round}: {status}\n{}", server.log());
    }
}

/// A probe that started before the signal must not report readiness after it.
#[test]
fn a_readiness_probe_in_progress_at_the_signal_fails() {
    let database = Database::postgres();
    let mut server = Server::builder(&database.url()).env("ROSTER_DRAIN_DELAY", "60s").start();
    // One write for each of the two writers.
    let writes = ["ada", "bob"].map(|name| start_waiting_write(&server, &database, &create(&server, name)));
    let mut probe = RawConnection::connect(server.address());
    probe.send(raw_request("GET", "/readyz").as_bytes());
    // The probe has read the migrations and now waits for a writer.
    let has_read = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'roster' AND state = 'idle' AND query LIKE '%\\_\\_diesel\\_schema%'";
    database.sql().wait_for_number(has_read, 1, Duration::from_secs(4));
    server.signal("TERM");
    server.wait_for_log("SIGTERM", QUICK);
    writes.into_iter().for_each(|(_connection, lock)| lock.release());
    probe.receive().expect("the server responds").assert_problem(503, "stopping");
    server.signal("TERM");
    server.wait(QUICK);
}

/// The server waits while another process migrates the database.
#[test]
fn a_server_that_waits_for_the_migration_lock_can_be_stopped() {
    let database = Database::postgres();
    let mut holder = database.sql();
    holder.execute(
        "CREATE TABLE migration_lock (id smallint PRIMARY KEY); INSERT INTO migration_lock VALUES (1)",
    );
    holder.execute("BEGIN; SELECT id FROM migration_lock FOR UPDATE");
    let mut server = Server::builder(&database.url()).spawn();
    database.sql().wait_for_lock_waiters(1);
    server.signal("TERM");
    server.wait(Duration::from_secs(1));
    holder.execute("ROLLBACK");
    assert_eq!(database.sql().number("SELECT count(*) AS number FROM pg_class WHERE relname = 'users'"), 0);
}

/// An incomplete request delays the exit at most for the shutdown timeout.
#[test]
fn incomplete_requests_do_not_prevent_the_exit() {
    let database = Database::sqlite();
    let mut server = Server::builder(&database.url()).env("ROSTER_SHUTDOWN_TIMEOUT", "2s").start();
    let mut partial_head = RawConnection::connect(server.address());
    partial_head.send(b"POST /users HTTP/1.1\r\nHost: roster\r\nContent-");
    let mut missing_body = RawConnection::connect(server.address());
    let fields = "Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    missing_body.send(format!("{}{fields}", request_head("POST", "/users")).as_bytes());
    assert_eq!(missing_body.receive().expect("the server responds").status, 100);
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    assert_eq!(database.sql().lines("SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
}

#[test]
fn serve_is_the_default_command() {
    for command in [None, Some("serve")] {
        let database = Database::sqlite();
        let mut builder = Server::builder(&database.url());
        if let Some(name) = command {
            builder = builder.arg(name);
        }
        let mut server = builder.start();
        assert_eq!(send_raw(server.address(), &raw_request("GET", "/readyz")).status, 200);
        server.stop(QUICK);
    }
}

fn is_refused(address: SocketAddr) -> bool {
    match TcpStream::connect(address) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => true,
        // The listener was closed before it accepted this connection.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("{error}"),
    }
}

/// Creates a user and returns its id.
fn create(server: &Server, name: &str) -> String {
    let request = json_request("POST", "/users", &format!(r#"{{"userName":"{name}"}}"#));
    let response = send_raw(server.address(), &request);
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["id"].as_str().expect("the user has an id").to_owned()
}

/// Sends a write that waits until the returned lock is released. The server has accepted it when this returns.
fn start_waiting_write(server: &Server, database: &Database, user: &str) -> (RawConnection, Lock) {
    let mut lock = database.lock(user);
    let body = format!(r#"{{"title":"{TITLE}"}}"#);
    let head = format!(
        "PATCH /users/{user} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Type: application/merge-patch+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut connection = RawConnection::connect(server.address());
    connection.send(head.as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 100);
    connection.send(body.as_bytes());
    lock.wait_for_waiter();
    (connection, lock)
}

fn check_nothing_was_written(database: &Database) {
    let mut sql = database.sql();
    if matches!(database, Database::Postgres(_)) {
        // The statement that waited for the lock continues without a client, and is rolled back.
        sql.wait_for_number(CONNECTIONS, 0, Duration::from_secs(5));
    }
    assert_eq!(sql.number("SELECT version AS number FROM users"), 1);
    assert_eq!(sql.number("SELECT count(*) AS number FROM changes"), 1);
}
