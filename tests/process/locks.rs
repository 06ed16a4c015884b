//! Locks that other sessions hold for longer than a write waits.

use crate::support::block_on;
use crate::support::database::{Database, Lock, on_both_engines};
use crate::support::http::{Client, Request};
use crate::support::server::Server;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const DEADLINE: Duration = Duration::from_secs(2);

/// Additional time for a loaded machine.
const MARGIN: Duration = Duration::from_millis(1500);

on_both_engines! {
    Database:
    a_write_gives_up_after_half_its_deadline,
    a_lock_that_prevents_all_writes_makes_the_server_unready,
    an_overloaded_server_that_writes_stays_ready,
}

fn a_write_gives_up_after_half_its_deadline(database: &Database) {
    block_on(async {
        let server = Server::builder(&database.url()).env("ROSTER_REQUEST_DEADLINE", "2s");
        let server = server.env("ROSTER_SLOW_OPERATION", "0s").start();
        // When the server starts, it deletes expired rows. A write that waits behind such a deletion only learns that its
        // deadline has passed.
        server.wait_for_log("NextHistory", Duration::from_secs(30));
        let client = Client::new(&server);
        let (id, path) = create(&client, "ada").await;
        let lock = database.lock(&id);
        let start = Instant::now();
        let refused = client.patch(&path, &json!({ "title": "rejected" })).send().await.expect(503);
        let took = start.elapsed();
        let expected = DEADLINE / 2 - Duration::from_millis(100)..DEADLINE / 2 + MARGIN;
        assert!(expected.contains(&took), "{took:?}");
        assert_eq!(refused.json()["code"], "database-busy", "{}", refused.text());
        assert!(refused.text().contains("Another session has locked the data."), "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
        // Reads do not wait.
        assert_eq!(client.get(&path).send().await.expect(200).json()["title"], Value::Null);
        lock.release();
        let patched = client.patch(&path, &json!({ "nickName": "later" })).send().await.expect(200).json();
        let values = (&patched["title"], &patched["nickName"], &patched["version"]);
        assert_eq!(values, (&Value::Null, &json!("later"), &json!(2)), "the rejected write took effect");
        check_changes(database, &id, &["user.created 1", "user.updated 2"]);
    });
}

/// A write that waits for a row lock does not make the server unhealthy.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_write_does_not_delay_the_readiness_probe() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).start();
    let client = Client::new(&server);
    let (id, path) = create(&client, "ada").await;
    let mut lock = database.lock(&id);
    let patch = client.patch(&path, &json!({ "title": "later" }));
    let patching = tokio::spawn(async move { patch.send().await });
    lock.wait_for_waiter();
    let start = Instant::now();
    let ready = client.get("/readyz").send().await;
    let took = start.elapsed();
    lock.release();
    patching.await.expect("the request does not panic");
    assert!(took < MARGIN, "/readyz took {took:?}");
    ready.expect(200);
}

/// The lock delays the search for conflicts, and with it all scans.
#[tokio::test(flavor = "multi_thread")]
async fn renaming_a_tenant_does_not_wait_for_scans() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).start();
    let (client, mut sql, mut holder) = (Client::new(&server), database.sql(), database.sql());
    let mut paths = Vec::new();
    for name in ["acme", "globex"] {
        let tenant = client.post("/tenants", &json!({ "name": name })).send().await.expect(201).json();
        paths.push(format!("/tenants/{}", tenant["id"].as_str().expect("the id is a string")));
    }
    holder.execute("BEGIN; LOCK TABLE user_emails");
    let enable = client.patch(&paths[0], &json!({ "uniqueEmails": true }));
    let enabling = tokio::spawn(async move { enable.send().await });
    sql.wait_for_lock_waiters(1);
    client.patch(&paths[1], &json!({ "name": "initech", "uniqueEmails": false })).send().await.expect(200);
    holder.execute("ROLLBACK");
    enabling.await.expect("the request does not panic").expect(200);
}

fn a_lock_that_prevents_all_writes_makes_the_server_unready(database: &Database) {
    block_on(async {
        let server = start(&database.url());
        let client = Client::new(&server);
        client.get("/readyz").send().await.expect(200);
        let mut holder = database.sql();
        holder.execute(match database {
            Database::Sqlite(_) => "BEGIN IMMEDIATE",
            Database::Postgres(_) => "BEGIN; LOCK TABLE idempotency IN SHARE MODE",
        });
        let mut ready = client.get("/readyz").send().await;
        while ready.code() == 200 {
            ready = client.get("/readyz").send().await;
        }
        let detail = "The database does not accept writes: no row could be written within a second.";
        assert_eq!(ready.expect(503).json()["detail"], detail);
        holder.execute("ROLLBACK");
        while client.get("/readyz").send().await.code() != 200 {}
    });
}

/// Many writes wait in a short queue, which has no place for that of the probe.
fn an_overloaded_server_that_writes_stays_ready(database: &Database) {
    block_on(async {
        let server = Server::builder(&database.url()).env("ROSTER_QUEUE_SIZE", "2").start();
        let client = Client::new(&server);
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for writer in 0..24 {
            let (client, stop) = (client.clone(), stop.clone());
            writers.spawn(async move {
                let mut refused = 0;
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let user = json!({ "userName": format!("{writer}-{number}") });
                    refused += usize::from(client.post("/users", &user).send().await.code() == 503);
                }
                refused
            });
        }
        for _ in 0..2 {
            client.get("/readyz").send().await.expect(200);
            // The result is cached for a second.
            tokio::time::sleep(Duration::from_millis(1010)).await;
        }
        stop.store(true, Ordering::Relaxed);
        let refused = writers.join_all().await.into_iter().sum::<usize>();
        assert!(refused > 0, "the server was not overloaded");
    });
}

/// The lock timeout is longer than the time that remains after a wait in the queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_starts_late_gives_up_before_its_deadline() {
    let database = Database::postgres();
    let server = start(&database.url());
    let client = Client::new(&server);
    let users = [create(&client, "ada").await, create(&client, "bob").await];
    let mut locks = users.each_ref().map(|(id, _)| database.lock(id));
    let patch = |path: &str| client.patch(path, &json!({ "title": "rejected" }));
    // One write for each of the two writers.
    let mut running = JoinSet::new();
    for ((_, path), lock) in users.iter().zip(&mut locks) {
        let patch = patch(path);
        running.spawn(async move { patch.send().await });
        lock.wait_for_waiter();
    }
    let late = patch(&users[0].1).send().await.expect(503);
    assert_eq!(late.json()["code"], "database-busy", "{}", late.text());
    assert!(late.text().contains("Another session has locked the data."), "{}", late.text());
    for response in running.join_all().await {
        response.expect(503);
    }
    locks.into_iter().for_each(Lock::release);
    check_changes(&database, &users[0].0, &["user.created 1"]);
}

/// None of the writes behind the first one starts, and neither does the first.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_for_a_locked_sqlite_file_are_refused() {
    let database = Database::sqlite();
    let server = start(&database.url());
    let client = Client::new(&server);
    let (id, path) = create(&client, "ada").await;
    let lock = database.lock(&id);
    // Some are of one kind and form batches; others wait behind them.
    let requests = (0..24).map(|number| match number % 3 {
        0 => client.patch(&path, &json!({ "title": "lost" })),
        1 => client.post("/groups", &json!({ "displayName": number.to_string() })),
        _ => client.post("/users", &json!({ "userName": number.to_string() })),
    });
    let send = |request: Request| async move { request.send().await };
    let start = Instant::now();
    let refused = requests.map(send).collect::<JoinSet<_>>().join_all().await;
    assert!(start.elapsed() < DEADLINE + MARGIN, "{:?}", start.elapsed());
    for response in refused {
        let code = response.expect(503).json()["code"].clone();
        assert!(code == "database-busy" || code == "deadline-passed", "{code}");
    }
    server.wait_for_log("the database is locked", MARGIN);
    lock.release();
    client.patch(&path, &json!({ "nickName": "later" })).send().await.expect(200);
    check_changes(&database, &id, &["user.created 1", "user.updated 2"]);
    assert_eq!(
        database.sql().number("SELECT revision AS number FROM heads"),
        2,
        "a refused write took effect"
    );
}

/// The head row orders all commits of a tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_head_row_refuses_only_writes() {
    let database = Database::postgres();
    let server = start(&database.url());
    let client = Client::new(&server);
    let (id, path) = create(&client, "ada").await;
    let mut holder = database.sql();
    holder.execute("BEGIN; SELECT revision FROM heads FOR UPDATE");
    let create = client.post("/users", &json!({ "userName": "bob" }));
    assert_eq!(create.send().await.expect(503).json()["code"], "database-busy");
    client.delete(&path).send().await.expect(503);
    client.get(&path).send().await.expect(200);
    holder.execute("ROLLBACK");
    create.send().await.expect(201);
    assert_eq!(database.sql().number("SELECT count(*) AS number FROM users"), 2);
    assert_eq!(database.sql().number("SELECT revision AS number FROM heads"), 2);
    check_changes(&database, &id, &["user.created 1"]);
}

/// The URL lets lock waits last longer than the deadline, so a write may still be committed after its deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_runs_past_its_deadline_has_an_unknown_outcome() {
    let database = Database::postgres();
    let options = "options=-c%20lock_timeout%3D60s%20-c%20statement_timeout%3D60s";
    let server = start(&format!("{}?{options}", database.url()));
    let client = Client::new(&server);
    let (id, path) = create(&client, "ada").await;
    let (other, other_path) = create(&client, "bob").await;
    let mut locks = [database.lock(&id), database.lock(&other)];
    // One write for each of the two writers.
    let mut running = Vec::new();
    for (path, lock) in [&path, &other_path].into_iter().zip(&mut locks) {
        let patch = client.patch(path, &json!({ "title": "late" }));
        let start = Instant::now();
        running.push(tokio::spawn(async move { (patch.send().await, start.elapsed()) }));
        lock.wait_for_waiter();
    }
    // This write never starts, so its outcome is known.
    let queued = client.patch(&path, &json!({ "nickName": "never" })).send().await.expect(503);
    assert_eq!(queued.json()["code"], "deadline-passed", "{}", queued.text());
    for running in running {
        let (unknown, took) = running.await.expect("the request does not panic");
        let unknown = unknown.expect(504);
        assert!(took >= DEADLINE && took < DEADLINE + MARGIN, "{took:?}");
        assert_eq!(unknown.json()["code"], "outcome-unknown", "{}", unknown.text());
    }
    locks.into_iter().for_each(Lock::release);
    let lowest_version = "SELECT min(version) AS number FROM users";
    database.sql().wait_for_number(lowest_version, 2, Duration::from_secs(5));
    client.patch(&path, &json!({ "nickName": "last" })).send().await.expect(200);
    check_changes(&database, &id, &["user.created 1", "user.updated 2", "user.updated 3"]);
}

fn start(url: &str) -> Server {
    Server::builder(url).env("ROSTER_REQUEST_DEADLINE", "2s").start()
}

/// Creates a user and returns its id and path.
async fn create(client: &Client, name: &str) -> (String, String) {
    let created = client.post("/users", &json!({ "userName": name })).send().await.expect(201).json();
    let id = created["id"].as_str().expect("the user has an id").to_owned();
    let path = format!("/users/{id}");
    (id, path)
}

/// Checks the types and versions of a user's changes.
#[track_caller]
fn check_changes(database: &Database, id: &str, expected: &[&str]) {
    let id = match database {
        Database::Sqlite(_) => format!("x'{}'", id.replace('-', "")),
        Database::Postgres(_) => format!("'{id}'"),
    };
    let changes = database.sql().lines(&format!(
        "SELECT type || ' ' || CAST(version AS text) AS line FROM changes WHERE resource_id = {id} ORDER BY revision"
    ));
    assert_eq!(changes, expected);
}
