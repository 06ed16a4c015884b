//! Clients that send requests slowly, or too much at once, and the maximum number of connections.

use crate::support::database::Database;
use crate::support::raw::{RawConnection, json_request, raw_request, request_head, send_raw};
use crate::support::server::Server;
use std::thread;
use std::time::{Duration, Instant};

/// The time for the head of a request, with a tolerance for a busy machine.
const HEAD: std::ops::Range<u64> = 4..25;

/// Sends the head of a request slowly, and returns how long the server waits before it refuses the request with 408.
fn seconds_until_refused(connection: &mut RawConnection) -> u64 {
    let began = Instant::now();
    for byte in raw_request("GET", "/livez").bytes() {
        // The server closes the connection after the response.
        if connection.try_send(&[byte]).is_err() || began.elapsed() > Duration::from_secs(HEAD.end) {
            break;
        }
        thread::sleep(Duration::from_millis(300));
    }
    let response = connection.receive().expect("the server responds");
    assert_eq!((response.status, response.header("connection")), (408, Some("close")), "{response:?}");
    began.elapsed().as_secs()
}

#[test]
fn a_slow_first_head_is_refused() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let mut connection = RawConnection::connect(server.address());
    connection.send(b"GET /livez HTTP/1.1\r\n");
    let response = connection.receive().expect("the server responds");
    assert_eq!(response.status, 408, "{response:?}");
    assert!(connection.is_closed_cleanly());
}

#[test]
fn a_later_head_that_stops_is_refused() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    for first in [raw_request("GET", "/livez"), json_request("POST", "/users", "{}")] {
        let mut connection = RawConnection::connect(server.address());
        connection.send(first.as_bytes());
        connection.receive().expect("the server responds");
        let began = Instant::now();
        connection.send(b"GET /livez HTTP/1.1\r\n");
        let response = connection.receive().expect("the server responds");
        assert_eq!(response.status, 408, "{response:?}");
        assert_eq!(response.header("connection"), Some("close"), "{response:?}");
        assert!(HEAD.contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert!(connection.is_closed_cleanly());
    }
}

#[test]
fn a_later_head_that_trickles_is_refused() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let mut connection = RawConnection::connect(server.address());
    connection.send(raw_request("GET", "/livez").as_bytes());
    connection.receive().expect("the server responds");
    let seconds = seconds_until_refused(&mut connection);
    assert!(HEAD.contains(&seconds), "{seconds}");
}

/// Longer than the time for a head.
const PAUSE: Duration = Duration::from_secs(6);

#[test]
fn pauses_outside_of_heads_are_permitted() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let mut connection = RawConnection::connect(server.address());
    connection.send(raw_request("GET", "/livez").as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 200);
    thread::sleep(PAUSE);
    connection.send(raw_request("GET", "/changes?wait=6").as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 200);
    let head = request_head("POST", "/import") + "Content-Type: application/x-ndjson\r\n";
    connection.send((head + "Transfer-Encoding: chunked\r\n\r\n").as_bytes());
    for name in ["ada", "grace"] {
        let line = format!("{{\"userName\":\"{name}\"}}\n");
        connection.send(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes());
        thread::sleep(PAUSE);
    }
    connection.send(b"0\r\n\r\n");
    let results = connection.receive_until("\"created\":");
    assert!(results.contains("200 OK") && results.contains("\"created\":2"), "{results}");
}

#[test]
fn slow_bodies_are_refused() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_REQUEST_DEADLINE", "1s").start();
    let json = request_head("POST", "/users") + "Content-Type: application/json\r\n";
    for (body, part) in [
        ("Content-Length: 1000\r\n\r\n", " "),
        ("Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"),
        ("Transfer-Encoding: chunked\r\n\r\n", "0"),
    ] {
        let mut connection = RawConnection::connect(server.address());
        connection.send((json.clone() + body).as_bytes());
        let began = Instant::now();
        while connection.try_send(part.as_bytes()).is_ok() && began.elapsed() < Duration::from_millis(1_500) {
            thread::sleep(Duration::from_millis(100));
        }
        let response = connection.receive().expect("the server responds");
        response.assert_problem(408, "request-timeout");
        assert_eq!(response.header("connection"), Some("close"), "{response:?}");
    }
}

#[test]
fn a_client_that_is_told_to_continue_must_continue() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_REQUEST_DEADLINE", "1s").start();
    let mut connection = RawConnection::connect(server.address());
    let fields = "Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    connection.send((request_head("POST", "/users") + fields).as_bytes());
    let next = connection.receive().expect("the server responds");
    assert_eq!(next.status, 100, "{next:?}");
    connection.receive().expect("the server responds").assert_problem(408, "request-timeout");
}

#[test]
fn an_unread_body_does_not_keep_the_connection_open() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let mut connection = RawConnection::connect(server.address());
    connection.send(b"POST /users HTTP/1.1\r\nHost: roster\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n");
    assert_eq!(connection.receive().expect("the server responds").status, 401);
    let began = Instant::now();
    while connection.try_send(b"1\r\n \r\n").is_ok() {
        assert!(began.elapsed() < Duration::from_secs(HEAD.end), "the connection remains open");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn large_heads_are_refused() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let mut connection = RawConnection::connect(server.address());
    let padded = |bytes| request_head("GET", "/livez") + &format!("X-Padding: {}\r\n\r\n", "x".repeat(bytes));
    connection.send(padded(100_000).as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 200);
    // The server may close the connection before it has read everything.
    drop(connection.try_send(padded(200_000).as_bytes()));
    assert_eq!(connection.receive_status(), 431);
    let fields: String = (0..200).map(|index| format!("X-{index}: x\r\n")).collect();
    let response = send_raw(server.address(), &format!("{}{fields}\r\n", request_head("GET", "/livez")));
    assert_eq!(response.status, 431, "{response:?}");
}

#[test]
fn the_number_of_connections_is_limited() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).env("ROSTER_CONNECTIONS", "32").start();
    let ask = |connection: &mut RawConnection| {
        connection.send(raw_request("GET", "/livez").as_bytes());
        assert_eq!(connection.receive().expect("the server responds").status, 200);
    };
    let mut connections: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = RawConnection::connect(server.address());
            ask(&mut connection);
            connection
        })
        .collect();
    let newest = connections.split_off(90);
    newest.into_iter().for_each(|mut connection| ask(&mut connection));
    // Those that have been idle the longest were closed.
    assert!(connections.into_iter().take(60).all(|mut connection| connection.is_closed_cleanly()));
}
