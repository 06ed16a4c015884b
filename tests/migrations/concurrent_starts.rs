//! Several servers that start concurrently on one empty database. On SQLite, all but one are refused.

use crate::migrations::directories::versions;
use crate::migrations::workspace::{Workspace, get};
use crate::support::server::Server;
use crate::support::sql::wait_until;
use serde_json::Value;
use std::thread;
use std::time::Duration;

const SERVERS: usize = 3;
const ROUNDS: usize = 5;

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn one_of_three_concurrent_starts_on_a_sqlite_file_succeeds() {
    for _ in 0..ROUNDS {
        let workspace = Workspace::sqlite();
        let mut servers: Vec<_> = (0..SERVERS).map(|_| workspace.server().spawn()).collect();
        let count = |text: &str| servers.iter().filter(|server| server.log().contains(text)).count();
        let (listening, refused) = ("listening on", "another server uses the database");
        wait_until(LIMIT, "each server listens or is refused", || {
            count(listening) + count(refused) == SERVERS
        });
        assert_eq!(count(listening), 1);
        assert_eq!(workspace.applied(), versions());
        for server in servers.iter_mut().filter(|server| server.log().contains(refused)) {
            assert_eq!(server.wait(LIMIT).code(), Some(1));
        }
    }
}

#[test]
fn three_concurrent_starts_on_postgres_succeed() {
    for _ in 0..ROUNDS {
        let workspace = Workspace::postgres();
        let mut servers = start_concurrently(&workspace);
        for server in &servers {
            get(server, "/readyz").expect(200);
        }
        assert_eq!(workspace.applied(), versions());
        for server in &mut servers {
            server.stop(LIMIT);
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
