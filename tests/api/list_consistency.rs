//! Pagination during concurrent writes: a user who exists throughout is listed exactly once.

use crate::support::api::{Api, path, text};
use crate::support::http::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

engine_tests! {
    users_present_throughout_are_listed_exactly_once
    pagination_continues_after_deletions_and_ends
}

/// Number of concurrent writers.
const WRITERS: usize = 8;
/// Maximum rounds of all writers while one list is read. A list that grows faster than it is read would never end.
const ROUNDS: usize = 50;
/// Number of users that no writer deletes.
const BASE: usize = 60;

/// The logical times between which each user certainly exists.
#[derive(Clone, Debug, Default)]
struct UserTracker {
    clock: Arc<AtomicU64>,
    lifetimes: Arc<Mutex<BTreeMap<String, (u64, u64)>>>,
}

impl UserTracker {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn lifetimes(&self) -> MutexGuard<'_, BTreeMap<String, (u64, u64)>> {
        self.lifetimes.lock().expect("no writer panicked")
    }

    /// Records that a creation was acknowledged.
    fn record_creation(&self, id: &str) {
        let now = self.now();
        self.lifetimes().insert(id.to_owned(), (now, u64::MAX));
    }

    /// Records that a deletion is about to be requested.
    fn record_deletion(&self, id: &str) {
        let now = self.now();
        self.lifetimes().get_mut(id).expect("the user is recorded").1 = now;
    }

    /// The users that existed from before `start` until after `end`.
    fn present_throughout(&self, start: u64, end: u64) -> Vec<String> {
        let lifetimes = self.lifetimes();
        let present = lifetimes.iter().filter(|(_, (created, deleted))| *created < start && *deleted > end);
        present.map(|(id, _)| id.clone()).collect()
    }
}

/// Creates, patches and deletes users, one round per permit. A few of its users remain at the end.
async fn write(client: Client, tracker: UserTracker, rounds: Arc<Semaphore>, writer: usize) {
    let mut own: Vec<Value> = Vec::new();
    let mut round = 0;
    while let Ok(permit) = rounds.acquire().await {
        permit.forget();
        let body =
            json!({ "userName": format!("w{writer}-{round}"), "displayName": "x".repeat(round % 50 + 1) });
        let user = client.post("/users", &body).send().await.expect(201).json();
        tracker.record_creation(text(&user["id"]));
        own.push(user);
        let patched = &own[(round * 7) % own.len()];
        let patch = json!({ "userName": format!("p{writer}-{round}"), "custom": { "round": round } });
        client.patch(&path(patched), &patch).send().await.expect(200);
        if own.len() > 10 {
            let user = own.remove((round * 5) % own.len());
            tracker.record_deletion(text(&user["id"]));
            client.delete(&path(&user)).send().await.expect(204);
        }
        round += 1;
    }
}

/// Reads the whole list by following the cursors, and returns the ids.
async fn list_ids(client: &Client, limit: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut target = format!("/users?limit={limit}");
    loop {
        let page = client.get(&target).send().await.expect(200).json();
        let items = page["items"].as_array().expect("the value is a list");
        assert!(items.len() <= limit, "{} of {limit}", items.len());
        ids.extend(items.iter().map(|user| text(&user["id"]).to_owned()));
        let Some(cursor) = page.get("nextCursor") else { return ids };
        assert_eq!(items.len(), limit, "only the last page can be shorter");
        target = format!("/users?limit={limit}&cursor={}", text(cursor));
    }
}

/// Reads the list, and checks that it is in order and has every user who existed throughout.
async fn check_list(client: &Client, tracker: &UserTracker, limit: usize) {
    let start = tracker.now();
    let seen = list_ids(client, limit).await;
    let present = tracker.present_throughout(start, tracker.now());
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "ids out of order or repeated with limit {limit}");
    assert!(present.len() >= BASE, "only {} users existed throughout", present.len());
    let missing: Vec<_> = present.iter().filter(|id| seen.binary_search(id).is_err()).collect();
    assert!(missing.is_empty(), "missing with limit {limit}: {missing:?}");
}

async fn users_present_throughout_are_listed_exactly_once(api: Api) {
    let (tracker, rounds) = (UserTracker::default(), Arc::new(Semaphore::new(0)));
    for index in 0..BASE {
        let user = api.create_named(&format!("base-{index}")).await;
        tracker.record_creation(text(&user["id"]));
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(api.client.clone(), tracker.clone(), rounds.clone(), writer));
    }
    for limit in [1, 2, 7, 3, 20, 5] {
        rounds.add_permits(ROUNDS);
        check_list(&api.client, &tracker, limit).await;
    }
    rounds.close();
    writers.join_all().await;
    // Without writers the list has exactly the existing users.
    let now = tracker.now();
    assert_eq!(list_ids(&api.client, 9).await, tracker.present_throughout(now, now));
    let total = api.page("?include=total&limit=1").await["total"].clone();
    assert_eq!(total, tracker.present_throughout(now, now).len());
}

async fn pagination_continues_after_deletions_and_ends(api: Api) {
    let mut users = Vec::new();
    for index in 0..10 {
        users.push(api.create_named(&format!("u{index}")).await);
    }
    let first = api.page("?limit=4").await;
    // The user that the cursor names is deleted, with all before it and a later one. Another is created.
    for user in [&users[3], &users[0], &users[1], &users[2], &users[5]] {
        api.client.delete(&path(user)).send().await.expect(204);
    }
    users.push(api.create_named("late").await);
    let second = api.page(&format!("?limit=4&cursor={}", text(&first["nextCursor"]))).await;
    assert_eq!(second["items"], json!([users[4], users[6], users[7], users[8]]));
    let third = api.page(&format!("?limit=4&cursor={}", text(&second["nextCursor"]))).await;
    assert_eq!(third, json!({ "items": [users[9], users[10]] }));
}
