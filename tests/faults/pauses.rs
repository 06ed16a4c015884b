//! SIGSTOP: a process is paused, as by a hypervisor, and continues after all deadlines have passed.

use crate::faults::subject::{Affected, Subject, builder};
use crate::process::cluster::Cluster;
use crate::process::writers::Writers;
use crate::support::block_on;
use crate::support::database::{Database, Engine, on_both_engines};
use crate::support::http::Client;
use crate::support::sql::Sql;
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

on_both_engines!(Database: a_paused_server_continues);

/// Longer than the deadline of requests, and than the time after which PostgreSQL ends an idle transaction.
const PAUSE: Duration = Duration::from_secs(5);

const LIMIT: Duration = Duration::from_secs(20);

/// Processes that are stopped until this is dropped.
struct Stopped(Vec<String>);

impl Stopped {
    fn stop(processes: Vec<String>) -> Self {
        send("STOP", &processes);
        Self(processes)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        send("CONT", &self.0);
    }
}

fn send(signal: &str, processes: &[String]) {
    let sent = Command::new("kill").args(["-s", signal]).args(processes).status();
    assert!(sent.expect("the kill command runs").success(), "SIG{signal} was not sent");
}

fn a_paused_server_continues(database: &Database) {
    block_on(async {
        let subject = Subject::start(&database.url()).await;
        let other = (database.engine() == Engine::Postgres).then(|| builder(&database.url()).start());
        let writers = Writers::start(subject.client.clone(), 8, PAUSE + LIMIT);
        writers.wait_for_done(50).await;
        let paused = Instant::now();
        let stopped = Stopped::stop(vec![subject.server.pid().to_string()]);
        // A transaction of the paused server must not keep another server from writing.
        if let Some(other) = &other {
            let create = Client::new(other).post("/users", &json!({ "userName": "meanwhile" }));
            while create.send().await.code() != 201 {
                assert!(paused.elapsed() < LIMIT, "the other server cannot write");
            }
        }
        tokio::time::sleep(PAUSE.saturating_sub(paused.elapsed())).await;
        drop(stopped);
        writers.wait_for_done(50).await;
        writers.stop_and_check(&mut database.sql()).await;
        subject.check_recovery().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_processes_of_the_database_are_reported() {
    let cluster = Cluster::start();
    let subject = Subject::start(cluster.url()).await;
    let mut sql = Sql::open(cluster.url());
    subject.open_all_connections(&mut sql).await;
    let sessions =
        sql.lines("SELECT pid::text AS line FROM pg_stat_activity WHERE application_name = 'roster'");
    {
        let _parent = Stopped::stop(vec![cluster.pid()]);
        assert!(subject.all_succeed().await, "open connections do not need the parent process");
        subject.ready().await.expect(200);
        let _sessions = Stopped::stop(sessions);
        subject.check_fault(Affected::Everything).await;
    }
    subject.check_recovery().await;
}
