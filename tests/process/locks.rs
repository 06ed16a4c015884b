//! Locks that others hold for longer than a write waits.

use crate::process::database::{Database, Lock, on_both_engines};
use crate::support::http::Client;
use crate::support::server::Server;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const DEADLINE: Duration = Duration::from_secs(2);

/// What a loaded machine may add.
const MARGIN: Duration = Duration::from_millis(1500);

on_both_engines!(a_write_that_waits_too_long_is_given_up);

fn a_write_that_waits_too_long_is_given_up(database: &Database) {
    Runtime::new().expect("a runtime").block_on(async {
        let server = start(&database.url());
        let client = Client::new(&server);
        let (id, path) = create(&client).await;
        let lock = database.lock(&id);
        let since = Instant::now();
        let refused = client.patch(&path, &json!({ "title": "refused" })).send().await.expect(503);
        let took = since.elapsed();
        assert!(
            took >= DEADLINE / 2 - Duration::from_millis(100) && took < DEADLINE / 2 + MARGIN,
            "{took:?}"
        );
        assert_eq!(refused.json()["code"], "database-busy", "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
        // Readers do not wait, and a busy database is no reason to take the server away.
        assert_eq!(client.get(&path).send().await.expect(200).json()["title"], Value::Null);
        lock.release();
        let patched = client.patch(&path, &json!({ "nickName": "later" })).send().await.expect(200).json();
        let what = (&patched["title"], &patched["nickName"], &patched["version"]);
        assert_eq!(what, (&Value::Null, &json!("later"), &json!(2)), "the refused write is there");
        check_changes(database, &id, &["user.created 1", "user.updated 2"]);
    });
}

/// One write that waits for a row of its own is no reason to doubt the server: probes give up after a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_does_not_delay_the_probe() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).start();
    let client = Client::new(&server);
    let (id, path) = create(&client).await;
    let mut lock = database.lock(&id);
    let patch = client.patch(&path, &json!({ "title": "later" }));
    let patching = tokio::spawn(async move { patch.send().await });
    lock.wait_for_a_waiter();
    let since = Instant::now();
    let ready = client.get("/readyz").send().await;
    let took = since.elapsed();
    lock.release();
    patching.await.expect("an answer");
    assert!(took < MARGIN, "/readyz took {took:?}");
    ready.expect(200);
}

/// The row that orders all commits of a tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_head_row_refuses_writes_and_nothing_else() {
    let database = Database::postgres();
    let server = start(&database.url());
    let client = Client::new(&server);
    let (id, path) = create(&client).await;
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

/// The URL may let a lock last longer than the deadline: then the deadline decides, and the write may still be done.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_under_way_at_the_deadline_is_unknown() {
    let database = Database::postgres();
    let options = "options=-c%20lock_timeout%3D60s%20-c%20statement_timeout%3D60s";
    let server = start(&format!("{}?{options}", database.url()));
    let client = Client::new(&server);
    let (id, path) = create(&client).await;
    let (other, other_path) = create_named(&client, "bob").await;
    let mut locks = [database.lock(&id), database.lock(&other)];
    // One for each writer.
    let mut held = Vec::new();
    for (path, lock) in [&path, &other_path].into_iter().zip(&mut locks) {
        let patch = client.patch(path, &json!({ "title": "late" }));
        let since = Instant::now();
        held.push(tokio::spawn(async move { (patch.send().await, since.elapsed()) }));
        lock.wait_for_a_waiter();
    }
    // It is not begun, so this one is known not to be done.
    let waiting = client.patch(&path, &json!({ "nickName": "never" })).send().await.expect(503);
    assert_eq!(waiting.json()["code"], "deadline-passed", "{}", waiting.text());
    for held in held {
        let (unknown, took) = held.await.expect("an answer");
        let unknown = unknown.expect(504);
        assert!(took >= DEADLINE && took < DEADLINE + MARGIN, "{took:?}");
        assert_eq!(unknown.json()["code"], "outcome-unknown", "{}", unknown.text());
    }
    locks.into_iter().for_each(Lock::release);
    let done = "SELECT min(version) AS number FROM users";
    database.sql().wait_for_number(done, 2, Duration::from_secs(5));
    client.patch(&path, &json!({ "nickName": "last" })).send().await.expect(200);
    check_changes(&database, &id, &["user.created 1", "user.updated 2", "user.updated 3"]);
}

fn start(url: &str) -> Server {
    Server::builder(url).env("ROSTER_REQUEST_DEADLINE", "2s").start()
}

async fn create(client: &Client) -> (String, String) {
    create_named(client, "ada").await
}

async fn create_named(client: &Client, name: &str) -> (String, String) {
    let created = client.post("/users", &json!({ "userName": name })).send().await.expect(201).json();
    let id = created["id"].as_str().expect("an id").to_owned();
    let path = format!("/users/{id}");
    (id, path)
}

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
