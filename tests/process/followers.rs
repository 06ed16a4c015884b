//! Followers of `/changes` on several servers, during an outage of the watcher's connection, at shutdown, and in large
//! numbers.

use crate::support::database::{Database, on_both_engines};
use crate::support::raw::{RawConnection, json_request, raw_request, request_head, send_raw};
use crate::support::server::{LOG_FOLLOWERS, Server};
use std::time::{Duration, Instant};

/// Much more than a follower needs, but less than the wait of a poll and the interval of comments.
const LIMIT: Duration = Duration::from_secs(10);

on_both_engines! {
    Database:
    followers_end_at_shutdown,
}

fn server(database: &Database) -> Server {
    Server::builder(&database.url()).env(LOG_FOLLOWERS.0, LOG_FOLLOWERS.1).start()
}

/// Starts a request that waits for changes after a revision.
fn poll(server: &Server, after: usize) -> RawConnection {
    let mut connection = RawConnection::connect(server.address());
    connection.send(raw_request("GET", &format!("/changes?wait=60&after={after}")).as_bytes());
    connection
}

fn create(server: &Server, name: &str) {
    let request = json_request("POST", "/users", &format!(r#"{{"userName":"{name}"}}"#));
    assert_eq!(send_raw(server.address(), &request).status, 201);
}

/// Checks that a poll on `follower` receives the change that `writer` makes.
fn check_wake(follower: &Server, writer: &Server, after: usize, prepare: impl FnOnce()) {
    let mut connection = poll(follower, after);
    follower.wait_for_followers(after + 1);
    prepare();
    create(writer, &format!("user {after}"));
    let response = connection.receive().expect("the server responds");
    assert_eq!(response.json()["next"], after + 1, "{response:?}");
}

#[test]
fn followers_are_woken_by_other_servers_also_after_an_outage() {
    let database = Database::postgres();
    let [follower, writer] = [server(&database), server(&database)];
    check_wake(&follower, &writer, 0, || {});
    let terminate = || {
        database.sql().terminate_sessions("datname = current_database() AND application_name = 'roster'");
    };
    check_wake(&follower, &writer, 1, terminate);
    check_wake(&follower, &writer, 2, || {});
}

fn followers_end_at_shutdown(database: &Database) {
    let mut server = server(database);
    let mut connection = poll(&server, 0);
    let mut stream = RawConnection::connect(server.address());
    let head = request_head("GET", "/changes") + "Accept: text/event-stream\r\n\r\n";
    stream.send(head.as_bytes());
    assert_eq!(stream.receive().expect("the stream begins").status, 200);
    server.wait_for_followers(2);
    server.signal("TERM");
    let response = connection.receive().expect("the poll receives a response");
    assert_eq!((response.status, &response.json()["next"]), (200, &0.into()), "{response:?}");
    assert!(connection.is_closed_cleanly());
    assert_eq!(stream.receive_chunk().as_deref(), Some(&b""[..]));
    assert!(stream.is_closed_cleanly());
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{}", server.log());
}

/// Without parking, each follower would need 25 KiB or more.
#[test]
fn idle_followers_need_little_memory() {
    const FOLLOWERS: usize = 1_000;
    let database = Database::sqlite();
    let server = server(&database);
    // The first requests need memory that is used again.
    for _ in 0..100 {
        assert_eq!(send_raw(server.address(), &raw_request("GET", "/changes")).status, 200);
    }
    let before = server.resident_memory();
    let connect = |index: usize| {
        if index.is_multiple_of(2) {
            return poll(&server, 0);
        }
        let mut stream = RawConnection::connect(server.address());
        stream.send((request_head("GET", "/changes") + "Accept: text/event-stream\r\n\r\n").as_bytes());
        stream
    };
    let mut followers = Vec::new();
    while followers.len() < FOLLOWERS {
        followers.push(connect(followers.len()));
        // Requests that are processed at the same time need more memory.
        if followers.len().is_multiple_of(50) {
            server.wait_for_followers(followers.len());
        }
    }
    let each = || (server.resident_memory() - before) / FOLLOWERS as u64;
    // Freed memory is returned after 100 ms.
    let until = Instant::now() + LIMIT;
    while each() >= 6 * 1024 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let each = each();
    assert!(each < 6 * 1024, "{each} bytes per follower");
}
