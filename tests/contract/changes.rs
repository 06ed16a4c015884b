//! What a write leaves in the table of changes.

use crate::contract::bed::{Bed, NOON, origin};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::{postgres, sqlite};
use diesel::prelude::*;
use roster::db::types::{Json, Uid};
use roster::db::{Class, Connection, DatabaseUrl, DbError, Operation, Tx};
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::Conditions;
use roster::ops::users::{Delete, Patch};
use roster::schema::{changes, heads};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

each_engine!(every_write_is_a_fact, what_is_not_done_is_no_fact);

type Document = Option<Json<Map<String, Value>>>;
type Row = ((i64, i64, String, String, String), (String, String, Uid, i64, Document, Document, bool));

/// All changes of the default tenant, oldest first.
struct All;

impl Operation for All {
    type Output = Vec<Row>;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Row>, DbError> {
        let who =
            (changes::revision, changes::time, changes::actor_type, changes::actor_id, changes::request_id);
        let what = (
            changes::kind,
            changes::resource,
            changes::resource_id,
            changes::version,
            changes::before,
            changes::after,
            changes::erased,
        );
        let rows = changes::table
            .filter(changes::tenant_id.eq(Uid(DEFAULT_TENANT)))
            .order(changes::revision)
            .select((who, what));
        Ok(tx.load(rows)?)
    }
}

async fn every_write_is_a_fact(bed: &Bed) {
    let body = json!({"userName": "ada", "externalId": "e", "enterprise": {"manager": {"value": "m"}}});
    let user = bed.create(body).await.unwrap();
    let patch = Patch {
        tenant: DEFAULT_TENANT,
        id: user.id,
        patch: json!({"title": "Countess", "externalId": null, "name": {"givenName": "Ada"}}),
        conditions: Conditions::default(),
        now: (NOON + 5).into(),
    };
    bed.database.call(&origin("request-2"), patch).await.unwrap();
    let delete = Delete {
        tenant: DEFAULT_TENANT,
        id: user.id,
        conditions: Conditions::default(),
        now: (NOON + 9).into(),
    };
    bed.call(delete).await.unwrap();

    let rows = bed.call(All).await.unwrap();
    let [created, updated, deleted] = rows.try_into().expect("three changes");
    check(&created, user.id, (1, NOON, "test", "user.created", 1));
    check(&updated, user.id, (2, NOON + 5, "request-2", "user.updated", 2));
    check(&deleted, user.id, (3, NOON + 9, "test", "user.deleted", 3));

    let (before, after) = (json(&created.1.4), json(&created.1.5));
    assert_eq!(before, Value::Null);
    assert_eq!(after["userName"], "ada");
    assert_eq!(after["externalIds"], json!({"native": "e"}));
    assert_eq!(after["enterprise"]["manager"], json!({"value": "m"}), "computed names are in no change");
    assert_eq!(after["title"], Value::Null);
    for not_a_fact in ["id", "externalId", "version", "createdAt", "updatedAt"] {
        assert_eq!(after.get(not_a_fact), None, "{not_a_fact}");
    }
    let name = |given: Value| {
        json!({"formatted": null, "familyName": null, "givenName": given, "middleName": null,
               "honorificPrefix": null, "honorificSuffix": null})
    };
    let old = json!({"title": null, "externalIds": {"native": "e"}, "name": name(Value::Null)});
    let new = json!({"title": "Countess", "externalIds": {}, "name": name("Ada".into())});
    assert_eq!((json(&updated.1.4), json(&updated.1.5)), (old, new));
    assert_eq!(json(&deleted.1.4)["title"], "Countess");
    assert_eq!(json(&deleted.1.5), Value::Null);
}

fn check(row: &Row, id: Uuid, (revision, time, request, kind, version): (i64, i64, &str, &str, i64)) {
    let (who, what) = row;
    let expected = (revision, time, "key".to_owned(), "tester".to_owned(), request.to_owned());
    assert_eq!(*who, expected);
    let said = (what.0.as_str(), what.1.as_str(), what.2.0, what.3, what.6);
    assert_eq!(said, (kind, "user", id, version, false));
}

fn json(document: &Document) -> Value {
    document.clone().map_or(Value::Null, |Json(map)| map.into())
}

async fn what_is_not_done_is_no_fact(bed: &Bed) {
    let user = bed.create(json!({"userName": "ada"})).await.unwrap();
    bed.create(json!({"userName": "ADA"})).await.unwrap_err();
    let patch = |patch: Value| Patch {
        tenant: DEFAULT_TENANT,
        id: user.id,
        patch,
        conditions: Conditions::default(),
        now: NOON.into(),
    };
    bed.call(patch(json!({"title": null}))).await.unwrap();
    bed.call(patch(json!({"userName": null}))).await.unwrap_err();
    bed.call(crate::contract::probes::PanicInWrite).await.unwrap_err();
    bed.call(patch(json!({"title": "x"}))).await.unwrap();
    let revisions: Vec<i64> = bed.call(All).await.unwrap().iter().map(|row| row.0.0).collect();
    assert_eq!(revisions, [1, 2]);
}

/// 32 clients write through one server on SQLite while a reader polls the table from outside.
#[test]
fn revisions_are_gap_free_and_in_commit_order_on_sqlite() {
    let home = sqlite::Database::create();
    gap_free(&[Server::builder(&home.url()).start()], &home.url());
}

/// The same through two servers on one PostgreSQL.
#[test]
fn revisions_are_gap_free_and_in_commit_order_on_postgres() {
    let home = postgres::Database::create();
    let start = || Server::builder(&home.url()).start();
    gap_free(&[start(), start()], &home.url());
}

const WRITERS: usize = 32;
const USERS_EACH: usize = 12;

fn gap_free(servers: &[Server], url: &str) {
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
    assert_eq!(seen, i64::try_from(writes).unwrap(), "as many changes as acknowledged writes");
    assert!(polls > 10, "the reader read all the while, not only at the end: {polls}");
}

/// Creates, patches and deletes; some writes change nothing or fail, and count for nothing.
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

/// Follows the table: each look must go on exactly where the last one ended. One more look after the end.
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
        assert_eq!(found, expected, "a gap, or a change that came late");
        last = found.last().copied().unwrap_or(last);
        polls += 1;
        if at_end {
            let actors = changes::table.select((changes::actor_type, changes::actor_id)).distinct();
            let actors: Vec<(String, String)> = connection.load(actors).unwrap();
            assert_eq!(
                actors,
                [("admin".to_owned(), "admin".to_owned())],
                "all came with the key of the settings"
            );
            let head = heads::table.find(Uid(DEFAULT_TENANT)).select(heads::revision);
            let newest: i64 = connection.get(head).unwrap();
            assert_eq!(newest, last);
            return (last, polls);
        }
        assert!(Instant::now() < give_up, "the writers do not end");
    }
}
