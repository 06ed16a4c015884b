//! PostgreSQL goes away and comes back; the server stays.

use crate::process::cluster::Cluster;
use crate::process::crew::{Crew, check_history, every_kind};
use crate::process::proxy::Proxy;
use crate::support::http::{Answer, Client};
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::time::{Duration, Instant};

/// The deadline of most of these servers, and what a loaded machine may add.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// How soon everything works again.
const RECOVERY: Duration = Duration::from_secs(10);

const WRITERS: usize = 8;

fn server(url: &str) -> Server {
    Server::builder(url).env("ROSTER_REQUEST_DEADLINE", "2s").start()
}

async fn create(client: &Client) -> String {
    let created = client.post("/users", &json!({ "userName": "kept" })).send().await.expect(201).json();
    format!("/users/{}", created["id"].as_str().expect("an id"))
}

/// Ends all connections of the server and waits until they are gone.
fn terminate(sql: &mut Sql) {
    let of_server =
        "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'roster'";
    let pids = sql.lines(&format!("SELECT pid::text AS line {of_server}")).join(",");
    assert!(!pids.is_empty(), "the server has no connections");
    sql.execute(&format!("SELECT pg_terminate_backend(pid) {of_server} AND pid IN ({pids})"));
    let left = format!("SELECT count(*) AS number FROM pg_stat_activity WHERE pid IN ({pids})");
    sql.wait_for_number(&left, 0, Duration::from_secs(5));
}

/// Whether everything works. Nothing but success and 503 may come, and that in time.
async fn works(client: &Client, path: &str, number: usize) -> bool {
    let answers = every_kind(client, path, number).await;
    answers.iter().all(|(kind, answer, took)| {
        assert!(*took < ANSWER_LIMIT, "{kind} took {took:?}");
        match answer.code() {
            200 | 201 => true,
            503 => false,
            other => panic!("{kind}: {other} {}", answer.text()),
        }
    })
}

/// Waits until everything works, and then wants it to go on working.
async fn recovers(client: &Client, path: &str, first: usize) {
    let since = Instant::now();
    let mut number = first;
    while !works(client, path, number).await {
        assert!(since.elapsed() < RECOVERY, "does not work again after {RECOVERY:?}");
        number += 1;
    }
    for more in 1..=10 {
        assert!(works(client, path, number + more).await, "worked, and then no more");
    }
    client.get("/readyz").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_that_are_ended_are_replaced() {
    let database = Database::create();
    let server = server(&database.url());
    let client = Client::new(&server);
    let path = create(&client).await;
    let mut sql = Sql::open(&database.url());
    for round in 0..4 {
        assert!(works(&client, &path, 1000 + round).await);
        terminate(&mut sql);
        // An idle connection that has gone is no reason to refuse: nothing was begun on it.
        for more in 0..10 {
            assert!(
                works(&client, &path, 2000 + 10 * round + more).await,
                "refused after the connections ended"
            );
        }
        client.get("/readyz").send().await.expect(200);
    }
    check_history(&mut sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_during_writes_lose_nothing() {
    let database = Database::create();
    let server = server(&database.url());
    let mut sql = Sql::open(&database.url());
    let crew = Crew::send_in(Client::new(&server), WRITERS, ANSWER_LIMIT);
    for _ in 0..10 {
        crew.wait_for_done(40).await;
        terminate(&mut sql);
    }
    crew.wait_for_done(40).await;
    let summary = crew.check(&mut sql).await;
    assert!(summary.done >= 400, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_is_answered_with_503_until_it_is_back() {
    let mut cluster = Cluster::start();
    let server = server(cluster.url());
    let client = Client::new(&server);
    let path = create(&client).await;
    for (round, mode) in ["fast", "immediate"].into_iter().enumerate() {
        assert!(works(&client, &path, 1000 * round).await);
        cluster.stop(mode);
        for number in 1..=2 {
            for (kind, answer, took) in every_kind(&client, &path, 1000 * round + number).await {
                unavailable(kind, &answer, took);
            }
            let since = Instant::now();
            let ready = client.get("/readyz").send().await;
            assert_eq!(unavailable("readyz", &ready, since.elapsed()), "not-ready");
            client.get("/livez").send().await.expect(200);
        }
        cluster.start_again();
        recovers(&client, &path, 1000 * round + 100).await;
    }
    check_history(&mut Sql::open(cluster.url()));
    let password = cluster.url().split([':', '@']).nth(2).expect("a password");
    assert!(!server.log().contains(password), "the password is in the log:\n{}", server.log());
}

/// Checks a 503 and gives its code.
#[track_caller]
fn unavailable(kind: &str, answer: &Answer, took: Duration) -> String {
    assert_eq!(answer.code(), 503, "{kind}: {}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{kind}: {}", answer.text());
    assert!(took < ANSWER_LIMIT, "{kind} took {took:?}");
    answer.json()["code"].as_str().expect("a code").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_database_loses_no_acknowledged_write() {
    let mut cluster = Cluster::start();
    let server = server(cluster.url());
    let crew = Crew::send_in(Client::new(&server), WRITERS, ANSWER_LIMIT);
    for _ in 0..2 {
        crew.wait_for_done(100).await;
        cluster.stop("immediate");
        crew.wait_for_refused(10).await;
        cluster.start_again();
    }
    crew.wait_for_done(100).await;
    let summary = crew.check(&mut Sql::open(cluster.url())).await;
    assert!(summary.done >= 300 && summary.refused >= 20, "{summary:?}");
}

/// A network that swallows packets: nothing breaks, and nothing comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_answered_in_time() {
    let database = Database::create();
    let (proxy, url) = Proxy::to(&database.url());
    let server = server(&url);
    let client = Client::new(&server);
    let path = create(&client).await;
    assert!(works(&client, &path, 0).await);
    proxy.freeze(true);
    for number in 1..=2 {
        for (kind, answer, took) in every_kind(&client, &path, number).await {
            assert!(took < ANSWER_LIMIT, "{kind} took {took:?}");
            // The first write was begun; nobody knows what became of it.
            let expected: &[u16] = if matches!(kind, "find" | "list") { &[503] } else { &[503, 504] };
            assert!(expected.contains(&answer.code()), "{kind}: {} {}", answer.code(), answer.text());
        }
        client.get("/livez").send().await.expect(200);
    }
    proxy.freeze(false);
    let since = Instant::now();
    let mut number = 100;
    loop {
        let answers = every_kind(&client, &path, number).await;
        if answers.iter().all(|(_, answer, _)| answer.status.is_success()) {
            break;
        }
        assert!(since.elapsed() < RECOVERY, "does not work again: {answers:?}");
        number += 1;
    }
    check_history(&mut Sql::open(&database.url()));
}

/// Nobody should send requests to a server whose database does not answer, though it looks much like overload.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_not_ready() {
    let database = Database::create();
    let (proxy, url) = Proxy::to(&database.url());
    // One reader, so that it has a connection when the database ceases to answer.
    let builder = Server::builder(&url).env("ROSTER_REQUEST_DEADLINE", "1s");
    let server = builder.env("ROSTER_DATABASE_READERS", "1").start();
    let client = Client::new(&server);
    client.get("/readyz").send().await.expect(200);
    proxy.freeze(true);
    // The answer of before may be kept for a second; from then on every one says no.
    let since = Instant::now();
    while client.get("/readyz").send().await.code() == 200 {
        assert!(since.elapsed() < ANSWER_LIMIT, "ready after {:?}", since.elapsed());
    }
    for number in 1..=4 {
        let (asked, ready) = (Instant::now(), client.get("/readyz").send().await);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        assert_eq!(
            ready.code(),
            503,
            "question {number}, {:?} after the database fell silent: {}",
            since.elapsed(),
            ready.text()
        );
        // Longer than an answer is kept.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    proxy.freeze(false);
    while client.get("/readyz").send().await.code() != 200 {
        assert!(since.elapsed() < 2 * RECOVERY, "not ready again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
