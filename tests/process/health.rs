//! `roster health`, which asks the server of this machine.

use crate::process::database::{Database, on_both_engines};
use crate::support::command::{Ended, roster, run};
use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// It gives up by itself within this time.
const LIMIT: Duration = Duration::from_secs(8);

fn health(listen: &str) -> Ended {
    run(roster(Path::new("/")).arg("health").env("ROSTER_LISTEN", listen), LIMIT)
}

fn port(server: &Server) -> String {
    server.base().rsplit_once(':').expect("a port").1.to_owned()
}

on_both_engines! {
    a_ready_server_is_healthy,
    a_server_with_pending_migrations_is_not,
}

fn a_ready_server_is_healthy(database: &Database) {
    let server = Server::builder(&database.url()).start();
    let ended = health(&format!("127.0.0.1:{}", port(&server))).ok();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    // The address that a server in a container listens on.
    health(&format!("0.0.0.0:{}", port(&server))).ok();
}

fn a_server_with_pending_migrations_is_not(database: &Database) {
    let server = Server::builder(&database.url()).env("ROSTER_MIGRATE_ON_START", "false").start();
    let ended = health(&format!("127.0.0.1:{}", port(&server))).with_code(1);
    assert!(ended.only_line().contains("not ready") && ended.stderr.contains("503"), "{ended:#?}");
}

#[test]
fn a_server_on_all_addresses_of_version_6_is_asked() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_LISTEN", "[::]:0").start();
    health(&format!("[::]:{}", port(&server))).ok();
    health(&format!("[::1]:{}", port(&server))).ok();
}

#[test]
fn nobody_there_is_not_healthy() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let ended = health(&closed.to_string()).with_code(1);
    assert!(ended.only_line().contains(&closed.to_string()), "{ended:#?}");
}

#[test]
fn a_server_that_is_stopping_is_not_healthy() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_DRAIN_DELAY", "30s").start();
    let listen = format!("127.0.0.1:{}", port(&server));
    health(&listen).ok();
    server.signal("TERM");
    server.wait_for_log("stopping", LIMIT);
    assert!(health(&listen).with_code(1).only_line().contains("503"));
}

#[test]
fn whoever_does_not_answer_is_not_healthy() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let ended = health(&silent.local_addr().expect("an address").to_string()).with_code(1);
    assert!(!ended.only_line().is_empty());
}

#[test]
fn whoever_is_no_roster_is_not_healthy() {
    for answer in ["", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 404 Not Found\r\n\r\n"] {
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = other.local_addr().expect("an address").to_string();
        let serving = thread::spawn(move || {
            let (mut stream, _) = other.accept().expect("a connection");
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).expect("a request") > 0);
            stream.write_all(answer.as_bytes()).expect("an answer");
        });
        let ended = health(&listen).with_code(1);
        assert!(!ended.only_line().is_empty(), "{answer}");
        serving.join().expect("one request");
    }
}
