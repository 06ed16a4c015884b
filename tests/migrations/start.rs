//! Several servers that start at once on one empty database.

use crate::migrations::folders::versions;
use crate::migrations::on_both_engines;
use crate::migrations::place::{Place, ask, stop};
use crate::support::server::Server;
use serde_json::Value;
use std::thread;

const SERVERS: usize = 3;
const ROUNDS: usize = 5;

on_both_engines!(three_at_once_get_ready);

fn three_at_once_get_ready(place: &Place) {
    for _ in 0..ROUNDS {
        let place = place.another();
        let mut servers = start_at_once(&place);
        for server in &servers {
            ask(server, "/readyz").expect(200);
        }
        assert_eq!(place.applied(), versions());
        for server in &mut servers {
            stop(server);
            for line in server.log().lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                // The tests' PostgreSQL runs with fsync off, which is warned about.
                let warned = line["level"] == "WARN" && line["message"].to_string().contains("fsync is off");
                assert!(line["level"] == "INFO" || warned, "{line}");
            }
        }
    }
}

fn start_at_once(place: &Place) -> Vec<Server> {
    thread::scope(|scope| {
        let start = || place.server().env("ROSTER_LOG_FORMAT", "json").start();
        let starting: Vec<_> = (0..SERVERS).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|server| server.join().expect("a server that listens")).collect()
    })
}
