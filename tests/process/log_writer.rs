//! The thread that writes the log: no line is lost without being counted, and no thread waits for the reader of stderr.

use crate::support::database::Database;
use crate::support::raw::{RawConnection, raw_request, request_head, send_raw};
use crate::support::server::{Builder, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::ChildStderr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Time limit of a shutdown.
const QUICK: Duration = Duration::from_secs(3);

const CLIENTS: usize = 4;

/// More lines than fit into the pipe and the buffers of the server.
const MANY: usize = 4_000;

fn builder(database: &Database) -> Builder {
    Server::builder(&database.url()).env("ROSTER_LOG_FORMAT", "json")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Sends requests one after the other until the server closes the connection. Returns the number of responses.
fn request_until_closed(server: &Server, client: usize, sum: &AtomicUsize) -> usize {
    let mut connection = RawConnection::connect(server.address());
    for number in 0.. {
        let id = format!("X-Request-Id: {client}-{number}.\r\n");
        let request = format!("{}{id}\r\n", request_head("GET", "/users"));
        let response = connection.try_send(request.as_bytes()).ok().and_then(|()| connection.receive());
        let Some(response) = response else { return number };
        sum.fetch_add(1, Ordering::Relaxed);
        if response.header("connection") == Some("close") {
            return number + 1;
        }
    }
    unreachable!("the numbers do not end")
}

#[test]
fn a_clean_stop_under_load_loses_no_line() {
    let database = Database::sqlite();
    let mut server = builder(&database).start();
    let sum = AtomicUsize::new(0);
    let counts: Vec<usize> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let (server, sum) = (&server, &sum);
                    move || request_until_closed(server, client, sum)
                })
            })
            .collect();
        while sum.load(Ordering::Relaxed) < 200 {
            thread::yield_now();
        }
        server.signal("TERM");
        clients.into_iter().map(|client| client.join().expect("the client does not fail")).collect()
    });
    assert_eq!(server.wait(QUICK).code(), Some(0), "{}", server.log());
    let log = server.log();
    for (client, count) in counts.into_iter().enumerate() {
        for number in 0..count {
            let id = format!("\"request_id\":\"{client}-{number}.\"");
            assert_eq!(log.matches(&id).count(), 1, "{id} of {count}");
        }
    }
    assert_eq!(lines(&log).last().map(|line| &line["message"]), Some(&"stopped".into()));
}

/// Sends requests whose log lines are long, and checks that each receives a response.
fn fill_log(server: &Server) {
    let id = "x".repeat(128);
    // A later version of the header can be longer than 55 characters.
    let trace = format!("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-{id}");
    let request =
        format!("{}X-Request-Id: {id}\r\nTraceparent: {trace}\r\n\r\n", request_head("GET", "/none"));
    let mut connection = RawConnection::connect(server.address());
    for _ in 0..MANY / 100 {
        connection.send(request.repeat(100).as_bytes());
        for _ in 0..100 {
            assert_eq!(connection.receive().expect("the server responds").status, 404);
        }
    }
}

/// Reads until a line reports lost lines. Returns the number of lines of requests before it, and the number that it
/// reports.
fn read_report(log: &mut BufReader<ChildStderr>) -> (usize, usize) {
    let mut written = 0;
    loop {
        let mut text = String::new();
        log.read_line(&mut text).expect("the log is UTF-8");
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        if let Some(dropped) = line["dropped"].as_u64() {
            assert_eq!(line["level"], "WARN", "{line}");
            return (written, usize::try_from(dropped).expect("the number is small"));
        }
        written += usize::from(line["message"] == "request");
    }
}

#[test]
fn requests_are_served_while_nobody_reads_the_log_and_lost_lines_are_counted() {
    let database = Database::sqlite();
    let (mut server, mut log) = builder(&database).start_with_unread_log();
    fill_log(&server);
    let (written, dropped) = read_report(&mut log);
    assert!(dropped > 0);
    assert_eq!(written + dropped, MANY);
    server.signal("TERM");
    let mut rest = String::new();
    log.read_to_string(&mut rest).expect("the log is UTF-8");
    assert!(rest.contains("\"stopped\""), "{rest}");
    assert_eq!(server.wait(QUICK).code(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_does_not_prevent_the_exit() {
    let database = Database::sqlite();
    let (mut server, _log) = builder(&database).start_with_unread_log();
    fill_log(&server);
    server.stop(QUICK);
}

#[test]
fn a_closed_log_affects_nothing() {
    let database = Database::sqlite();
    let (mut server, log) = builder(&database).start_with_unread_log();
    drop(log);
    for _ in 0..3 {
        assert_eq!(send_raw(server.address(), &raw_request("GET", "/users")).status, 200);
    }
    server.stop(QUICK);
}

/// Without file descriptors, the runtime panics when it starts.
#[test]
fn a_panic_is_logged_in_the_format_of_the_log() {
    let database = Database::sqlite();
    for (format, backtrace) in [("json", "0"), ("json", "1"), ("text", "0")] {
        let builder = Server::builder_after("ulimit -n 4", &database.url());
        let mut server = builder.env("ROSTER_LOG_FORMAT", format).env("RUST_BACKTRACE", backtrace).spawn();
        assert_eq!(server.wait(QUICK).code(), Some(101), "{}", server.log());
        let log = server.log();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("thread main panicked at"), "{log}");
        if format == "json" {
            assert_eq!(lines(&log)[0]["level"], "ERROR", "{log}");
        }
    }
}
