//! The rows that writes add to the table of changes.

use crate::contract::fixture::{NOON, TestDatabase};
use crate::contract::probes::{Panic, WRITE};
use crate::contract::users::{delete, patch};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::{postgres, sqlite};
use diesel::prelude::*;
use roster::db::types::Uid;
use roster::db::{Connection, DatabaseUrl};
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::ops::users::{Delete, Update};
use roster::schema::{changes, heads};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

each_engine!(every_write_is_recorded_with_its_differences, failed_and_ineffective_writes_record_no_change);

async fn every_write_is_recorded_with_its_differences(db: &TestDatabase) {
    let body = json!({"userName": "ada", "externalId": "e", "enterprise": {"manager": {"value": "m"}}});
    let user = db.create_user(body).await.unwrap();
    let change = json!({"title": "Countess", "externalId": null, "name": {"givenName": "Ada"}});
    db.call_as("request-2", Update { now: (NOON + 5).into(), ..patch(user.id, change) }).await.unwrap();
    db.call(Delete { now: (NOON + 9).into(), ..delete(user.id) }).await.unwrap();

    let [created, updated, deleted] = db.changes().await.try_into().expect("there are three changes");
    check(&created, user.id, (1, NOON, "test", "user.created", 1));
    check(&updated, user.id, (2, NOON + 5, "request-2", "user.updated", 2));
    check(&deleted, user.id, (3, NOON + 9, "test", "user.deleted", 3));

    let (before, after) = (json(created.before), json(created.after));
    assert_eq!(before, Value::Null);
    assert_eq!(after["userName"], "ada");
    assert_eq!(after["externalIds"], json!({"native": "e"}));
    assert_eq!(after["enterprise"]["manager"], json!({"value": "m"}), "computed names are not recorded");
    assert_eq!(after["title"], Value::Null);
    for unrecorded in ["id", "externalId", "version", "createdAt", "updatedAt"] {
        assert_eq!(after.get(unrecorded), None, "{unrecorded}");
    }
    let name = |given: Value| {
        json!({"formatted": null, "familyName": null, "givenName": given, "middleName": null,
               "honorificPrefix": null, "honorificSuffix": null})
    };
    let old = json!({"title": null, "externalIds": {"native": "e"}, "name": name(Value::Null)});
    let new = json!({"title": "Countess", "externalIds": {}, "name": name("Ada".into())});
    assert_eq!((json(updated.before), json(updated.after)), (old, new));
    assert_eq!(json(deleted.before)["title"], "Countess");
    assert_eq!(json(deleted.after), Value::Null);
}

#[track_caller]
fn check(
    change: &ChangeRecord,
    id: Uuid,
    (revision, time, request, kind, version): (i64, i64, &str, &str, i64),
) {
    assert_eq!((change.revision, change.time, change.version), (revision, time.into(), version));
    assert_eq!((change.actor_type.as_str(), change.actor_id.as_str()), ("key", "tester"));
    assert_eq!((change.request_id.as_str(), change.kind.as_str()), (request, kind));
    assert_eq!(
        (change.resource.as_str(), change.id, change.member, change.erased),
        ("user", id, None, false)
    );
}

fn json(document: Option<Map<String, Value>>) -> Value {
    document.map_or(Value::Null, Value::Object)
}

async fn failed_and_ineffective_writes_record_no_change(db: &TestDatabase) {
    let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
    db.create_user(json!({"userName": "ADA"})).await.unwrap_err();
    db.call(patch(user.id, json!({"title": null}))).await.unwrap();
    db.call(patch(user.id, json!({"userName": null}))).await.unwrap_err();
    db.call(Panic::<WRITE>).await.unwrap_err();
    db.call(patch(user.id, json!({"title": "x"}))).await.unwrap();
    let revisions: Vec<i64> = db.changes().await.iter().map(|change| change.revision).collect();
    assert_eq!(revisions, [1, 2]);
}

/// 32 clients write through one server while a reader polls the table over its own connection.
#[test]
fn revisions_are_gap_free_and_in_commit_order_on_sqlite() {
    let database = sqlite::Database::create();
    check_revisions(&[Server::builder(&database.url()).start()], &database.url());
}

/// The clients write through two servers.
#[test]
fn revisions_are_gap_free_and_in_commit_order_on_postgres() {
    let database = postgres::Database::create();
    let start = || Server::builder(&database.url()).start();
    check_revisions(&[start(), start()], &database.url());
}

const WRITERS: usize = 32;
const USERS_EACH: usize = 12;

fn check_revisions(servers: &[Server], url: &str) {
    let done = Arc::new(AtomicBool::new(false));
    let poller = std::thread::spawn({
        let (url, done) = (url.parse::<DatabaseUrl>().unwrap(), done.clone());
        move || poll(&url, &done)
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let writes: usize = runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let client = Client::new(&servers[writer % servers.len()]);
            writers.spawn(async move { write(&client, writer).await });
        }
        writers.join_all().await.into_iter().sum()
    });
    done.store(true, Ordering::SeqCst);
    let (seen, polls) = poller.join().unwrap();
    assert_eq!(seen, i64::try_from(writes).unwrap(), "each acknowledged write is one change");
    assert!(polls > 10, "the reader polled only {polls} times during the writes");
}

/// Creates, patches and deletes users. Returns the number of writes with an effect; others fail or change nothing.
async fn write(client: &Client, writer: usize) -> usize {
    let mut writes = 0;
    for n in 0..USERS_EACH {
        let body = json!({"userName": format!("writer {writer} user {n}")});
        let user = client.post("/users", &body).send().await.expect(201).json();
        client.post("/users", &body).send().await.expect(409);
        let path = format!("/users/{}", user["id"].as_str().unwrap());
        client.patch(&path, &json!({"title": "x"})).send().await.expect(200);
        client.patch(&path, &json!({"title": "x"})).send().await.expect(200);
        writes += 2;
        if n % 3 == 0 {
            client.delete(&path).send().await.expect(204);
            writes += 1;
        }
    }
    writes
}

/// Polls the table until `done`, and once more after that. Each poll must find the revisions that directly follow
/// those of the previous poll. Returns the last revision and the number of polls.
fn poll(url: &DatabaseUrl, done: &AtomicBool) -> (i64, usize) {
    let mut connection = Connection::open(url).unwrap();
    let (mut last, mut polls) = (0, 0);
    let give_up = Instant::now() + Duration::from_secs(120);
    loop {
        let at_end = done.load(Ordering::SeqCst);
        let query = changes::table
            .filter(changes::tenant_id.eq(Uid(DEFAULT_TENANT)).and(changes::revision.gt(last)))
            .order(changes::revision)
            .select(changes::revision);
        let found: Vec<i64> = connection.load(query).unwrap();
        let expected: Vec<i64> = (last + 1..=last + i64::try_from(found.len()).unwrap()).collect();
        assert_eq!(found, expected, "a revision is missing, or was committed out of order");
        last = found.last().copied().unwrap_or(last);
        polls += 1;
        if at_end {
            let actors = changes::table.select((changes::actor_type, changes::actor_id)).distinct();
            let actors: Vec<(String, String)> = connection.load(actors).unwrap();
            assert_eq!(
                actors,
                [("admin".to_owned(), "admin".to_owned())],
                "every change was made with the admin key"
            );
            let head = heads::table.find(Uid(DEFAULT_TENANT)).select(heads::revision);
            let newest: i64 = connection.get(head).unwrap();
            assert_eq!(newest, last);
            return (last, polls);
        }
        assert!(Instant::now() < give_up, "the writers did not finish in time");
    }
}
