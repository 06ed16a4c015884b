//! PostgreSQL becomes unavailable and returns while the server keeps running.

use crate::process::check::check_finds_nothing;
use crate::process::cluster::Cluster;
use crate::process::proxy::ProxiedServer;
use crate::process::writers::{Writers, check_history, send_each_kind};
use crate::support::http::{Client, Response};
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::time::{Duration, Instant};

/// Time limit of a response: the deadline of most servers here, plus a margin for a loaded machine.
const RESPONSE_LIMIT: Duration = Duration::from_secs(4);

/// Time limit for a full recovery.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

const WRITERS: usize = 8;

fn server(url: &str) -> Server {
    Server::builder(url).env("ROSTER_REQUEST_DEADLINE", "2s").start()
}

async fn create(client: &Client) -> String {
    let created = client.post("/users", &json!({ "userName": "existing" })).send().await.expect(201).json();
    format!("/users/{}", created["id"].as_str().expect("the user has an id"))
}

/// The condition on `pg_stat_activity` for the server's connections.
const CONNECTIONS: &str = "datname = current_database() AND application_name = 'roster'";

/// Whether all kinds of requests succeed.
///
/// # Panics
/// If a response takes too long or has a status other than success or 503.
async fn all_succeed(client: &Client, path: &str, number: usize) -> bool {
    let responses = send_each_kind(client, path, number).await;
    responses.iter().all(|(kind, response, took)| {
        assert!(*took < RESPONSE_LIMIT, "{kind} took {took:?}");
        match response.code() {
            200 | 201 => true,
            503 => false,
            other => panic!("{kind}: {other} {}", response.text()),
        }
    })
}

/// Waits until all kinds of requests succeed, and checks that they continue to.
async fn check_recovery(client: &Client, path: &str, first: usize) {
    let start = Instant::now();
    let mut number = first;
    while !all_succeed(client, path, number).await {
        assert!(start.elapsed() < RECOVERY_LIMIT, "no recovery within {RECOVERY_LIMIT:?}");
        number += 1;
    }
    for more in 1..=10 {
        assert!(all_succeed(client, path, number + more).await, "requests fail again after the recovery");
    }
    client.get("/readyz").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_idle_connections_are_replaced() {
    let database = Database::create();
    let server = server(&database.url());
    let client = Client::new(&server);
    let path = create(&client).await;
    let mut sql = Sql::open(&database.url());
    for round in 0..4 {
        assert!(all_succeed(&client, &path, 1000 + round).await);
        sql.terminate_sessions(CONNECTIONS);
        // No request had begun on the idle connections, so none may be refused.
        for more in 0..10 {
            let number = 2000 + 10 * round + more;
            assert!(all_succeed(&client, &path, number).await, "a request was refused");
        }
        client.get("/readyz").send().await.expect(200);
    }
    check_history(&mut sql);
    check_finds_nothing(&database.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_terminated_during_writes_lose_no_write() {
    let database = Database::create();
    let server = server(&database.url());
    let mut sql = Sql::open(&database.url());
    let writers = Writers::start(Client::new(&server), WRITERS, RESPONSE_LIMIT);
    for _ in 0..10 {
        writers.wait_for_done(40).await;
        sql.terminate_sessions(CONNECTIONS);
    }
    writers.wait_for_done(40).await;
    let summary = writers.stop_and_check(&mut sql).await;
    assert!(summary.done >= 400, "{summary:?}");
    check_finds_nothing(&database.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_receive_503_while_the_database_is_stopped() {
    let mut cluster = Cluster::start();
    let server = server(cluster.url());
    let client = Client::new(&server);
    let path = create(&client).await;
    for (round, mode) in ["fast", "immediate"].into_iter().enumerate() {
        assert!(all_succeed(&client, &path, 1000 * round).await);
        cluster.stop(mode);
        for number in 1..=2 {
            for (kind, response, took) in send_each_kind(&client, &path, 1000 * round + number).await {
                check_unavailable(kind, &response, took);
            }
            let start = Instant::now();
            let ready = client.get("/readyz").send().await;
            assert_eq!(check_unavailable("readyz", &ready, start.elapsed()), "not-ready");
            client.get("/livez").send().await.expect(200);
        }
        cluster.start_again();
        check_recovery(&client, &path, 1000 * round + 100).await;
    }
    check_history(&mut Sql::open(cluster.url()));
    check_finds_nothing(cluster.url());
    let password = cluster.url().split([':', '@']).nth(2).expect("the URL has a password");
    assert!(!server.log().contains(password), "the password is in the log:\n{}", server.log());
}

/// Checks that a response is 503, and returns the code of its problem.
#[track_caller]
fn check_unavailable(kind: &str, response: &Response, took: Duration) -> String {
    assert_eq!(response.code(), 503, "{kind}: {}", response.text());
    assert!(response.header("retry-after").is_some(), "{kind}: {}", response.text());
    assert!(took < RESPONSE_LIMIT, "{kind} took {took:?}");
    response.json()["code"].as_str().expect("the problem has a code").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_crash_loses_no_acknowledged_write() {
    let mut cluster = Cluster::start();
    let server = server(cluster.url());
    let writers = Writers::start(Client::new(&server), WRITERS, RESPONSE_LIMIT);
    for _ in 0..2 {
        writers.wait_for_done(100).await;
        cluster.stop("immediate");
        writers.wait_for_refused(10).await;
        cluster.start_again();
    }
    writers.wait_for_done(100).await;
    let summary = writers.stop_and_check(&mut Sql::open(cluster.url())).await;
    assert!(summary.done >= 300 && summary.refused >= 20, "{summary:?}");
    check_finds_nothing(cluster.url());
}

/// The network drops packets: no connection breaks, and no response arrives.
#[tokio::test(flavor = "multi_thread")]
async fn requests_meet_their_deadline_while_the_database_is_unresponsive() {
    let server = ProxiedServer::start(&[("ROSTER_REQUEST_DEADLINE", "2s")]);
    let client = &server.client;
    let path = create(client).await;
    assert!(all_succeed(client, &path, 0).await);
    server.proxy.freeze(true);
    for number in 1..=2 {
        for (kind, response, took) in send_each_kind(client, &path, number).await {
            assert!(took < RESPONSE_LIMIT, "{kind} took {took:?}");
            // The first write was sent to the database, so its outcome is unknown.
            let expected: &[u16] = if matches!(kind, "find" | "list") { &[503] } else { &[503, 504] };
            assert!(expected.contains(&response.code()), "{kind}: {} {}", response.code(), response.text());
        }
        client.get("/livez").send().await.expect(200);
    }
    server.proxy.freeze(false);
    let start = Instant::now();
    for number in 100.. {
        let responses = send_each_kind(client, &path, number).await;
        if responses.iter().all(|(_, response, _)| response.status.is_success()) {
            break;
        }
        assert!(start.elapsed() < RECOVERY_LIMIT, "no recovery within {RECOVERY_LIMIT:?}: {responses:?}");
    }
    check_history(&mut server.database.sql());
    check_finds_nothing(&server.database.url());
}

/// A load balancer must not send requests to a server whose database is silent, although this resembles an overload.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_unresponsive_database_is_not_ready() {
    // With a single reader, the probe's connection is already open when the database becomes silent.
    let settings = [("ROSTER_REQUEST_DEADLINE", "1s"), ("ROSTER_DATABASE_READERS", "1")];
    let server = ProxiedServer::start(&settings);
    let client = &server.client;
    client.get("/readyz").send().await.expect(200);
    server.proxy.freeze(true);
    // The previous result may be cached for a second. After that, every probe must fail.
    let silent = Instant::now();
    while client.get("/readyz").send().await.code() == 200 {
        assert!(silent.elapsed() < RESPONSE_LIMIT, "still ready after {:?}", silent.elapsed());
    }
    for number in 1..=4 {
        let (sent, ready) = (Instant::now(), client.get("/readyz").send().await);
        assert!(sent.elapsed() < Duration::from_secs(3), "{:?}", sent.elapsed());
        let since = silent.elapsed();
        assert_eq!(ready.code(), 503, "probe {number}, after {since:?} of silence: {}", ready.text());
        // Longer than a result is cached.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    server.proxy.freeze(false);
    while client.get("/readyz").send().await.code() != 200 {
        assert!(silent.elapsed() < 2 * RECOVERY_LIMIT, "not ready again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
