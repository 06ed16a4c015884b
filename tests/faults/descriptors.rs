//! No file descriptor is free, so the server can open neither files nor connections. `process::open_files` has tests with
//! many client connections.

use crate::faults::subject::{Subject, builder};
use crate::support::block_on;
use crate::support::database::{Database, Engine, on_both_engines};
use crate::support::raw::{RawConnection, RawResponse, json_request, raw_request};
use crate::support::server::Server;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

on_both_engines! {
    Database:
    connections_to_the_database_wait_for_a_free_descriptor,
    open_connections_need_no_free_descriptor,
}

/// Sets the limit on open files, or restores a high one.
fn limit_files(server: &Server, limit: usize) {
    let limit = format!("--nofile={limit}:");
    let limited = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status();
    assert!(limited.expect("prlimit runs").success());
}

/// Leaves the process no free descriptor.
fn exhaust(server: &Server) {
    let mut limit = usize::MAX;
    // A connection that is being opened can still close files.
    while first_free(server) < limit {
        limit = first_free(server);
        limit_files(server, limit);
        thread::sleep(Duration::from_millis(200));
    }
}

/// The lowest number that no descriptor has.
fn first_free(server: &Server) -> usize {
    let entries = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the process runs");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("the directory can be read").file_name();
    let open: BTreeSet<usize> =
        entries.map(|entry| name(entry).to_string_lossy().parse().expect("the name is a number")).collect();
    (0..).find(|number| !open.contains(number)).expect("a number is free")
}

const MANY: usize = 1024;

/// Opens a connection, which the server accepts. An ordinary client could open another one at any time.
fn connect(server: &Server) -> RawConnection {
    let mut connection = RawConnection::connect(server.address());
    assert_eq!(send(&mut connection, &raw_request("GET", "/livez")).status, 200);
    connection
}

fn send(connection: &mut RawConnection, request: &str) -> RawResponse {
    connection.send(request.as_bytes());
    connection.receive().expect("the server responds")
}

/// Sends two reads and two writes. The writes can be repeated with another `number`.
fn send_each_kind(connection: &mut RawConnection, user: &str, number: usize) -> [RawResponse; 4] {
    [
        raw_request("GET", user),
        raw_request("GET", "/users"),
        json_request("POST", "/users", &json!({ "userName": format!("user-{number}") }).to_string()),
        json_request("PATCH", user, &json!({ "title": format!("title-{number}") }).to_string()),
    ]
    .map(|request| send(connection, &request))
}

/// A server opens the connection for pages when it receives the first request for a page.
fn connections_to_the_database_wait_for_a_free_descriptor(database: &Database) {
    block_on(async {
        let mut subject = Subject::start(&database.url()).await;
        subject.restart_with(builder(&database.url()));
        let mut connection = connect(&subject.server);
        exhaust(&subject.server);
        let mut waiting = RawConnection::connect(subject.server.address());
        waiting.send(raw_request("GET", "/livez").as_bytes());
        // No background task has opened this connection yet.
        let refused = send(&mut connection, &raw_request("GET", "/users"));
        refused.assert_problem(503, "database-unavailable");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        limit_files(&subject.server, MANY);
        assert_eq!(waiting.receive().expect("the server responds").status, 200);
        subject.check_recovery().await;
        let failures = subject.server.log().matches("Error accepting").count();
        assert!(failures < 100, "{failures} lines about failed accepts");
    });
}

fn open_connections_need_no_free_descriptor(database: &Database) {
    block_on(async {
        let subject = Subject::start(&database.url()).await;
        if database.engine() == Engine::Postgres {
            subject.open_all_connections(&mut database.sql()).await;
        }
        let mut connection = connect(&subject.server);
        exhaust(&subject.server);
        for number in 0..10 {
            for response in send_each_kind(&mut connection, &subject.user, number) {
                assert!([200, 201].contains(&response.status), "{response:?}");
            }
            assert_eq!(send(&mut connection, &raw_request("GET", "/readyz")).status, 200);
        }
        limit_files(&subject.server, MANY);
        subject.check_recovery().await;
    });
}
