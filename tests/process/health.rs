//! `roster health`, which probes the local server.

use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::{Database, on_both_engines};
use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Time limit of the command, longer than its own timeout.
const LIMIT: Duration = Duration::from_secs(8);

fn health(listen: &str) -> CommandOutput {
    run(roster(Path::new("/")).arg("health").env("ROSTER_LISTEN", listen), LIMIT)
}

fn port(server: &Server) -> String {
    server.base().rsplit_once(':').expect("the URL has a port").1.to_owned()
}

on_both_engines! {
    Database:
    a_ready_server_is_healthy,
    a_server_with_pending_migrations_is_unhealthy,
}

fn a_ready_server_is_healthy(database: &Database) {
    let server = Server::builder(&database.url()).start();
    let output = health(&format!("127.0.0.1:{}", port(&server))).expect_success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    // A server in a container listens on this address.
    health(&format!("0.0.0.0:{}", port(&server))).expect_success();
}

fn a_server_with_pending_migrations_is_unhealthy(database: &Database) {
    database.create_file();
    let server = Server::builder(&database.url()).env("ROSTER_MIGRATE_ON_START", "false").start();
    let output = health(&format!("127.0.0.1:{}", port(&server))).expect_code(1);
    let line = output.error_line();
    assert!(line.contains("not ready") && line.contains("503"), "{line}");
    assert!(line.contains("Database migrations are pending."), "{line}");
}

#[test]
fn a_server_on_all_ipv6_addresses_is_healthy() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_LISTEN", "[::]:0").start();
    health(&format!("[::]:{}", port(&server))).expect_success();
    health(&format!("[::1]:{}", port(&server))).expect_success();
}

#[test]
fn a_server_can_listen_on_a_host_name() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_LISTEN", "localhost:0").start();
    // Clients that do not resolve the name use 127.0.0.1.
    assert_eq!(server.base(), format!("http://127.0.0.1:{}", port(&server)));
    health(&format!("localhost:{}", port(&server))).expect_success();
}

#[test]
fn a_closed_port_is_unhealthy() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port is free")
        .local_addr()
        .expect("the socket has an address");
    let output = health(&closed.to_string()).expect_code(1);
    assert!(output.error_line().contains(&closed.to_string()), "{output:#?}");
}

#[test]
fn a_stopping_server_is_unhealthy() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_DRAIN_DELAY", "30s").start();
    let listen = format!("127.0.0.1:{}", port(&server));
    health(&listen).expect_success();
    server.signal("TERM");
    server.wait_for_log("stopping", LIMIT);
    assert!(health(&listen).expect_code(1).error_line().contains("503"));
}

#[test]
fn an_unresponsive_server_is_unhealthy() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let output = health(&silent.local_addr().expect("the socket has an address").to_string()).expect_code(1);
    assert!(!output.error_line().is_empty());
}

#[test]
fn servers_other_than_roster_are_unhealthy() {
    for response in ["", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 404 Not Found\r\n\r\n"] {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let listen = other.local_addr().expect("the socket has an address").to_string();
        let serving = thread::spawn(move || {
            let (mut stream, _) = other.accept().expect("a client connects");
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).expect("the client sends a request") > 0);
            stream.write_all(response.as_bytes()).expect("the response is sent");
        });
        let output = health(&listen).expect_code(1);
        assert!(!output.error_line().is_empty(), "{response}");
        serving.join().expect("the thread does not panic");
    }
}
