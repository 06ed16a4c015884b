//! The limit on open files, of which every connection needs one.

use crate::support::database::Database;
use crate::support::raw::{RawConnection, raw_request};
use crate::support::server::Server;
use std::fs;

/// The soft limit and the hard limit of a process.
fn limits(server: &Server) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("the process runs");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .expect("the file contains the limit");
    let mut columns = line.split_whitespace().map(str::to_owned);
    (
        columns.next().expect("the line contains the soft limit"),
        columns.next().expect("the line contains the hard limit"),
    )
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_limit() {
    let database = Database::sqlite();
    let server = Server::builder_after("ulimit -Sn 128; ulimit -Hn 512", &database.url()).start();
    assert_eq!(limits(&server), ("512".to_owned(), "512".to_owned()));
}

#[test]
fn idle_connections_are_closed_before_the_files_are_exhausted() {
    let database = Database::sqlite();
    let server = Server::builder_after("ulimit -n 160", &database.url()).start();
    let mut busy = RawConnection::connect(server.address());
    let ask = |connection: &mut RawConnection, path: &str| {
        connection.send(raw_request("GET", path).as_bytes());
        assert_eq!(connection.receive().expect("the server responds").status, 200);
    };
    let mut idle: Vec<_> = (0..400)
        .map(|_| {
            let mut connection = RawConnection::connect(server.address());
            ask(&mut connection, "/livez");
            ask(&mut busy, "/users");
            connection
        })
        .collect();
    let (oldest, newest) = (idle.swap_remove(0), idle.pop());
    assert!({ oldest }.is_closed_cleanly());
    ask(&mut newest.expect("a connection was opened"), "/livez");
    ask(&mut busy, "/readyz");
    assert!(!server.log().contains("Error accepting"), "{}", server.log());
}

#[test]
fn connections_that_send_nothing_are_closed_before_the_files_are_exhausted() {
    let database = Database::sqlite();
    let server = Server::builder_after("ulimit -n 160", &database.url()).start();
    let _silent: Vec<_> = (0..400).map(|_| RawConnection::connect(server.address())).collect();
    let mut connection = RawConnection::connect(server.address());
    connection.send(raw_request("GET", "/livez").as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 200);
    assert!(!server.log().contains("Error accepting"), "{}", server.log());
}
