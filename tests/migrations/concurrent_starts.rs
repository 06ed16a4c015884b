//! Several servers that start concurrently on one empty database.

use crate::migrations::directories::versions;
use crate::migrations::workspace::{Workspace, get};
use crate::support::database::on_both_engines;
use crate::support::server::Server;
use serde_json::Value;
use std::thread;
use std::time::Duration;

const SERVERS: usize = 3;
const ROUNDS: usize = 5;

on_both_engines!(Workspace: three_concurrent_starts_succeed);

fn three_concurrent_starts_succeed(workspace: &Workspace) {
    for _ in 0..ROUNDS {
        let workspace = workspace.another();
        let mut servers = start_concurrently(&workspace);
        for server in &servers {
            get(server, "/readyz").expect(200);
        }
        assert_eq!(workspace.applied(), versions());
        for server in &mut servers {
            server.stop(Duration::from_secs(10));
            for line in server.log().lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                // `tests/run` starts PostgreSQL without fsync, which causes a warning.
                let expected =
                    line["level"] == "WARN" && line["message"].to_string().contains("fsync is off");
                assert!(line["level"] == "INFO" || expected, "{line}");
            }
        }
    }
}

fn start_concurrently(workspace: &Workspace) -> Vec<Server> {
    thread::scope(|scope| {
        let start = || workspace.server().env("ROSTER_LOG_FORMAT", "json").start();
        let starting: Vec<_> = (0..SERVERS).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|server| server.join().expect("the server starts")).collect()
    })
}
