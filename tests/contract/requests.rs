//! The recorded requests of connections: recording, deletion, and the revisions that they show.

use crate::contract::fixture::{NOON, TestDatabase, new_user, origin};
use roster::clock::Clock;
use roster::db::DbError;
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::Conditions;
use roster::domain::connection::Draft;
use roster::domain::id;
use roster::domain::inspector::{Captured, Received, RecordedRequest};
use roster::domain::origin::{Origin, Revisions};
use roster::domain::scim::reading::Notes;
use roster::domain::time::Timestamp;
use roster::ops::OpError;
use roster::ops::connections::Create;
use roster::ops::requests::{
    BeginSearch, DeleteOld, EraseRequests, Filter, FindRequests, Found, KEPT, List, Next, Position, Record,
};
use roster::ops::users::{Erase, FinishErasure, Remaining, search_requests};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    a_batch_is_recorded_once,
    requests_of_unknown_connections_are_not_recorded,
    requests_recorded_after_an_erasure_began_are_blanked,
    an_erasure_searches_requests_in_portions,
    requests_recorded_during_a_search_are_blanked,
    old_requests_are_deleted_in_portions,
    a_short_page_has_a_successor,
    calls_of_a_batch_collect_their_own_revisions,
);

async fn create_connection(db: &TestDatabase, name: &str) -> Uuid {
    let draft = Draft::read(json!({ "name": name })).expect("the body is a valid connection");
    let create = Create { tenant: DEFAULT_TENANT, id: Uuid::now_v7(), draft, now: NOON.into() };
    db.call(create).await.unwrap().id
}

/// A request that arrived at a time after noon, with a body.
fn request(connection: Uuid, seconds: i64, body: &str) -> RecordedRequest {
    let time = Timestamp::from(NOON + seconds * 1_000_000);
    let received = Received {
        id: id::created_at(time, Uuid::new_v4()),
        tenant: DEFAULT_TENANT,
        connection,
        time,
        duration: Duration::from_millis(1),
        method: "POST".to_owned(),
        path: "/scim/v2/Users".to_owned(),
        query: String::new(),
        status: 200,
        request_id: "x".into(),
        location: None,
        request: Captured::of(body.as_bytes()),
        response: None,
        revisions: vec![1, 2],
        revision_count: 2,
        deviations: Notes::default(),
        rejections: Vec::new(),
        plan: Some(json!({ "changes": [] })),
    };
    received.into_recorded()
}

async fn record(db: &TestDatabase, requests: Vec<RecordedRequest>) {
    for batch in requests.chunks(500) {
        db.call(Record(Arc::new(batch.to_vec()))).await.unwrap();
    }
}

async fn list(db: &TestDatabase, connection: Uuid, limit: usize) -> Vec<RecordedRequest> {
    let (tenant, filter) = (DEFAULT_TENANT, Filter::default());
    db.call(List { tenant, connection, filter, before: None, limit }).await.unwrap().items
}

async fn a_batch_is_recorded_once(db: &TestDatabase) {
    let connection = create_connection(db, "a").await;
    let batch = vec![request(connection, 1, "{\"a\":\"\\u0000\"}"), request(connection, 2, "é")];
    for _ in 0..2 {
        record(db, batch.clone()).await;
    }
    let [first, second] = &batch[..] else { panic!("there are two requests") };
    assert_eq!(list(db, connection, 10).await, [second.clone(), first.clone()]);
}

async fn requests_of_unknown_connections_are_not_recorded(db: &TestDatabase) {
    let connection = create_connection(db, "a").await;
    let other_tenant = RecordedRequest { tenant: Uuid::now_v7(), ..request(connection, 1, "x") };
    record(db, vec![request(Uuid::now_v7(), 1, "x"), request(connection, 2, "y"), other_tenant]).await;
    assert_eq!(list(db, connection, 10).await.len(), 1);
    assert_eq!(
        db.call(Next { after: (Uuid::nil(), Uuid::nil()) }).await.unwrap(),
        Some((DEFAULT_TENANT, connection))
    );
    assert_eq!(db.call(Next { after: (DEFAULT_TENANT, connection) }).await.unwrap(), None);
}

/// A time after noon.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from(NOON + seconds * 1_000_000)
}

/// Erases a user that is created first, at a time after noon.
async fn erase(db: &TestDatabase, name: &str, seconds: i64) {
    let id = begin_erasure(db, name, seconds).await;
    let clock = Clock::from_fn(move || at(seconds));
    let check = async || Ok::<_, OpError>(());
    search_requests(&db.database, &origin("test"), &clock, (DEFAULT_TENANT, id), check).await.unwrap();
}

async fn requests_recorded_after_an_erasure_began_are_blanked(db: &TestDatabase) {
    let connection = create_connection(db, "a").await;
    erase(db, "ada", 100).await;
    let seconds = [0, 99, 105, 106];
    record(db, seconds.map(|seconds| request(connection, seconds, "{\"userName\":\"ada\"}")).to_vec()).await;
    let erased: Vec<_> = list(db, connection, 10).await.iter().map(|request| request.erased).collect();
    // Newest first. The last two may have been sent before the erasure began, by the clock of another server.
    assert_eq!(erased, [false, true, true, true]);
}

/// Deletes a user that is created first, and begins the search of requests.
async fn begin_erasure(db: &TestDatabase, name: &str, seconds: i64) -> Uuid {
    let id = db.create_user(json!({ "userName": name })).await.unwrap().id;
    let erase = Erase { tenant: DEFAULT_TENANT, id, conditions: Conditions::default(), now: at(seconds) };
    assert_eq!(db.call(erase).await, Ok(Remaining::Requests));
    let begin = || db.call(BeginSearch { tenant: DEFAULT_TENANT, now: at(seconds) });
    assert_eq!(begin().await, Ok(()));
    id
}

async fn find(db: &TestDatabase, user: Uuid, seconds: i64, after: Position) -> Found {
    db.call(FindRequests { tenant: DEFAULT_TENANT, user, since: at(seconds), after }).await.unwrap()
}

async fn an_erasure_searches_requests_in_portions(db: &TestDatabase) {
    let connections = [create_connection(db, "a").await, create_connection(db, "b").await];
    for connection in connections {
        let name = |seconds| if seconds < 150 { "x ADA\\u0020y" } else { "bob" };
        let body = |seconds| format!("{{\"displayName\":\"{}\"}}", name(seconds));
        let requests = (0..300).map(|seconds| request(connection, seconds, &body(seconds)));
        record(db, requests.collect()).await;
    }
    let user = begin_erasure(db, "ada", 1_000).await;
    let (mut after, mut portions) = (Position::default(), Vec::new());
    loop {
        let found = find(db, user, 0, after).await;
        portions.push(found.requests.len());
        let erase = EraseRequests { tenant: DEFAULT_TENANT, user, requests: found.requests };
        db.call(erase).await.unwrap();
        let Some(next) = found.next else { break };
        after = next;
    }
    assert_eq!(portions.iter().sum::<usize>(), 300);
    assert!(portions.len() >= 3 && portions.iter().all(|count| *count <= 124), "{portions:?}");
    for connection in connections {
        let requests = list(db, connection, 500).await;
        let erased = requests.iter().rev().map(|request| request.erased && request.request.text.is_none());
        assert!(erased.eq((0..300).map(|seconds| seconds < 150)));
    }
    assert!(find(db, user, 0, Position::default()).await.requests.is_empty());
}

/// Requests that are recorded during and after a search, whose user's values they contain or not.
async fn requests_recorded_during_a_search_are_blanked(db: &TestDatabase) {
    let connections = [create_connection(db, "a").await, create_connection(db, "b").await];
    let record_each = async |seconds: &[i64], name: &str| {
        let body = format!("{{\"userName\":\"{name}\"}}");
        let requests = |connection| seconds.iter().map(|at| request(connection, *at, &body)).collect();
        for connection in connections {
            record(db, requests(connection)).await;
        }
    };
    record_each(&[50], "ada").await;
    let user = begin_erasure(db, "ada", 100).await;
    let found = find(db, user, 0, Position::default()).await;
    assert_eq!((found.requests.len(), found.next), (2, None));
    db.call(EraseRequests { tenant: DEFAULT_TENANT, user, requests: found.requests }).await.unwrap();
    record_each(&[100], "bob").await;
    record_each(&[101], "ada").await;
    record_each(&[102], "bob").await;
    let clock = Clock::from_fn(|| at(200));
    let finish = FinishErasure { tenant: DEFAULT_TENANT, id: user, since: at(100), clock };
    assert_ne!(db.call(finish).await, Ok(Remaining::Requests));
    record_each(&[199, 205, 206], "bob").await;
    for connection in connections {
        let requests = list(db, connection, 10).await;
        let mut erased: Vec<_> = requests
            .iter()
            .filter(|request| request.erased)
            .map(|request| (i64::from(request.time) - NOON) / 1_000_000)
            .collect();
        erased.sort_unstable();
        // Those of 100 and 199 had arrived before the search began and before the erasure was complete. The last one may have
        // been sent before this by the clock of another server.
        assert_eq!(erased, [50, 100, 101, 199, 205]);
    }
}

async fn old_requests_are_deleted_in_portions(db: &TestDatabase) {
    let [connection, other] = [create_connection(db, "a").await, create_connection(db, "b").await];
    let count = i64::try_from(KEPT).unwrap() + 300;
    record(db, (0..count).map(|seconds| request(connection, seconds, "x")).collect()).await;
    record(db, vec![request(other, 0, "x")]).await;
    let delete = async |connection, seconds: i64| {
        let now = Timestamp::from(NOON + seconds * 1_000_000);
        db.call(DeleteOld { tenant: DEFAULT_TENANT, connection, now, limit: 200 }).await.unwrap()
    };
    assert_eq!([delete(connection, count).await, delete(connection, count).await], [200, 100]);
    assert_eq!(delete(connection, count).await, 0);
    // Thirty days later, the oldest of the rest is old.
    let month = 30 * 24 * 60 * 60;
    assert_eq!([delete(connection, month + 301).await, delete(other, month).await], [1, 0]);
    assert_eq!(delete(other, month + 1).await, 1);
    let newest = &list(db, connection, 1).await[0];
    assert_eq!(i64::from(newest.time), NOON + (count - 1) * 1_000_000);
}

async fn a_short_page_has_a_successor(db: &TestDatabase) {
    let connection = create_connection(db, "a").await;
    let text = "x".repeat(16 * 1024);
    record(db, (0..400).map(|seconds| request(connection, seconds, &text)).collect()).await;
    let (mut before, mut seen, mut pages) = (None, 0, 0);
    loop {
        let (tenant, filter) = (DEFAULT_TENANT, Filter::default());
        let page = db.call(List { tenant, connection, filter, before, limit: 500 }).await.unwrap();
        (seen, pages, before) = (seen + page.items.len(), pages + 1, page.next);
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, 400);
    assert!(pages >= 2, "{pages} pages of 6.5 MB");
}

async fn calls_of_a_batch_collect_their_own_revisions(db: &TestDatabase) {
    let collections: Vec<_> = (0..20).map(|_| Revisions::default()).collect();
    let calls =
        collections.iter().enumerate().map(|(number, revisions)| {
            let origin = Origin { revisions: Some(revisions.clone()), ..origin("x") };
            // Every fifth call fails.
            let name = if number % 5 == 4 { "taken".to_owned() } else { format!("user{number}") };
            async move {
                db.database.call(&origin, new_user(json!({ "userName": name }))).await.map(|user| user.id)
            }
        });
    db.create_user(json!({ "userName": "taken" })).await.unwrap();
    let results = futures_util::future::join_all(calls).await;
    let changes = db.changes().await;
    for (number, (result, revisions)) in results.into_iter().zip(&collections).enumerate() {
        let expected: Vec<_> = match result {
            Ok(id) => changes.iter().filter(|change| change.id == id).map(|change| change.revision).collect(),
            Err(OpError::Conflict { .. }) => Vec::new(),
            Err(OpError::Database(DbError::Internal(error))) => panic!("{error}"),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(revisions.first(10).0, expected, "{number}");
        assert_eq!(expected.len(), usize::from(number % 5 != 4));
    }
}
