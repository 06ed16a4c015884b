//! PostgreSQL fails. `process::outage` has further tests, with restarts, terminated connections and an unresponsive
//! network.

use crate::faults::subject::{Affected, Subject};
use crate::process::cluster::Cluster;
use crate::process::writers::Writers;
use crate::support::postgres::Database;
use crate::support::sql::{Sql, wait_until};
use diesel::{Connection, PgConnection};
use std::fs;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// The condition on `pg_stat_activity` for the server's sessions.
const SESSIONS: &str = "datname = current_database() AND application_name = 'roster'";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_server_loses_no_acknowledged_write() {
    let mut cluster = Cluster::start();
    let subject = Subject::start(cluster.url()).await;
    let writers = Writers::start(subject.client.clone(), 8, Duration::from_secs(6));
    for _ in 0..2 {
        writers.wait_for_done(100).await;
        cluster.kill();
        writers.wait_for_refused(10).await;
        subject.check_fault(Affected::Everything).await;
        cluster.start_again();
    }
    writers.wait_for_done(100).await;
    writers.stop_and_check(&mut Sql::open(cluster.url())).await;
    subject.check_recovery().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_without_free_connections_is_reported() {
    let cluster = Cluster::start_with(&["max_connections=20"]);
    let subject = Subject::start(cluster.url()).await;
    let (mut sql, mut others) = (Sql::open(cluster.url()), Vec::new());
    let sessions = format!("SELECT count(*) AS number FROM pg_stat_activity WHERE {SESSIONS}");
    // Takes each connection that the server loses.
    wait_until(LIMIT, "the server has no connection", || {
        sql.execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {SESSIONS}"));
        others.extend(std::iter::from_fn(|| PgConnection::establish(cluster.url()).ok()));
        sql.number(&sessions) == 0
    });
    subject.check_fault(Affected::Everything).await;
    subject.server.wait_for_log("too many clients", LIMIT);
    drop(others);
    subject.check_recovery().await;
}

/// A hot standby accepts connections and reads. It becomes the primary when it is promoted.
#[tokio::test(flavor = "multi_thread")]
async fn a_hot_standby_refuses_writes_and_no_reads() {
    let mut cluster = Cluster::start();
    let subject = Subject::start(cluster.url()).await;
    cluster.stop("fast");
    fs::write(cluster.data().join("standby.signal"), "").expect("the file is written");
    cluster.start_again();
    let reason = subject.check_fault(Affected::Writes).await;
    assert_eq!(reason, "The database cannot be reached or accepts no writes.");
    Sql::open(cluster.url()).execute("SELECT pg_promote()");
    subject.check_recovery().await;
}

/// Hosting providers set this when a disk is almost full.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_transactions_are_read_only_refuses_writes_and_no_reads() {
    let database = Database::create();
    let url = database.url();
    let subject = Subject::start(&url).await;
    let name = url.rsplit('/').next().expect("the URL names a database");
    let mut sql = Sql::open(&url);
    let mut set = |value: &str| {
        sql.execute(&format!(
            "SET default_transaction_read_only = off; ALTER DATABASE {name} SET default_transaction_read_only = {value}"
        ));
        sql.terminate_sessions(SESSIONS);
    };
    set("on");
    let reason = subject.check_fault(Affected::Writes).await;
    assert_eq!(reason, "The database cannot be reached or accepts no writes.");
    set("off");
    subject.check_recovery().await;
}
