//! A walk through the list while others write: who is there throughout comes exactly once.

use crate::support::api::{Api, path, text};
use crate::support::http::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

both_engines! {
    who_is_there_throughout_comes_once
    a_walk_backed_by_no_snapshot_ends
}

/// How many write at once.
const WRITERS: usize = 8;
/// How often they write during a walk at most, all together: who creates faster than one walks makes a walk endless.
const ROUNDS: usize = 50;
/// How many users nobody deletes.
const BASE: usize = 60;

/// What is known of each user: since when it is there for sure, and since when no longer.
#[derive(Clone, Debug, Default)]
struct Register {
    clock: Arc<AtomicU64>,
    lives: Arc<Mutex<BTreeMap<String, (u64, u64)>>>,
}

impl Register {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn lives(&self) -> MutexGuard<'_, BTreeMap<String, (u64, u64)>> {
        self.lives.lock().expect("no holder panics")
    }

    /// A user's creation has been answered.
    fn born(&self, id: &str) {
        let now = self.now();
        self.lives().insert(id.to_owned(), (now, u64::MAX));
    }

    /// A user's deletion is about to be asked for.
    fn dies(&self, id: &str) {
        let now = self.now();
        self.lives().get_mut(id).expect("it was born").1 = now;
    }

    /// Who was there from before `start` until after `end`.
    fn throughout(&self, start: u64, end: u64) -> Vec<String> {
        let lives = self.lives();
        let there = lives.iter().filter(|(_, (born, dies))| *born < start && *dies > end);
        there.map(|(id, _)| id.clone()).collect()
    }
}

/// Creates, patches and deletes as often as it may; at the end a few of its users are left.
async fn write(client: Client, register: Register, rounds: Arc<Semaphore>, writer: usize) {
    let mut own: Vec<Value> = Vec::new();
    let mut round = 0;
    while let Ok(permit) = rounds.acquire().await {
        permit.forget();
        let body =
            json!({ "userName": format!("w{writer}-{round}"), "displayName": "x".repeat(round % 50 + 1) });
        let user = client.post("/users", &body).send().await.expect(201).json();
        register.born(text(&user["id"]));
        own.push(user);
        let patched = &own[(round * 7) % own.len()];
        let patch = json!({ "userName": format!("p{writer}-{round}"), "custom": { "round": round } });
        client.patch(&path(patched), &patch).send().await.expect(200);
        if own.len() > 10 {
            let user = own.remove((round * 5) % own.len());
            register.dies(text(&user["id"]));
            client.delete(&path(&user)).send().await.expect(204);
        }
        round += 1;
    }
}

/// Follows the cursors from the start to the end of the list.
async fn walk(client: &Client, limit: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut target = format!("/users?limit={limit}");
    loop {
        let page = client.get(&target).send().await.expect(200).json();
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= limit, "{} of {limit}", items.len());
        ids.extend(items.iter().map(|user| text(&user["id"]).to_owned()));
        let Some(cursor) = page.get("nextCursor") else { return ids };
        assert_eq!(items.len(), limit, "only the last page is short");
        target = format!("/users?limit={limit}&cursor={}", text(cursor));
    }
}

/// A walk, and whether it saw in their order all those who were there while it lasted.
async fn check_a_walk(client: &Client, register: &Register, limit: usize) {
    let start = register.now();
    let seen = walk(client, limit).await;
    let there = register.throughout(start, register.now());
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "ids out of order or twice, by {limit}");
    assert!(there.len() >= BASE, "only {} were there throughout", there.len());
    let missing: Vec<_> = there.iter().filter(|id| seen.binary_search(id).is_err()).collect();
    assert!(missing.is_empty(), "{missing:?} did not come, by {limit}");
}

async fn who_is_there_throughout_comes_once(api: Api) {
    let (register, rounds) = (Register::default(), Arc::new(Semaphore::new(0)));
    for index in 0..BASE {
        let user = api.named(&format!("base-{index}")).await;
        register.born(text(&user["id"]));
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(api.client.clone(), register.clone(), rounds.clone(), writer));
    }
    for limit in [1, 2, 7, 3, 20, 5] {
        rounds.add_permits(ROUNDS);
        check_a_walk(&api.client, &register, limit).await;
    }
    rounds.close();
    writers.join_all().await;
    // At rest the list is exactly who lives.
    let now = register.now();
    assert_eq!(walk(&api.client, 9).await, register.throughout(now, now));
    let total = api.page("?include=total&limit=1").await["total"].clone();
    assert_eq!(total, register.throughout(now, now).len());
}

async fn a_walk_backed_by_no_snapshot_ends(api: Api) {
    let mut users = Vec::new();
    for index in 0..10 {
        users.push(api.named(&format!("u{index}")).await);
    }
    let first = api.page("?limit=4").await;
    // The user that the cursor names goes, so do all before, and a later one; another comes.
    for user in [&users[3], &users[0], &users[1], &users[2], &users[5]] {
        api.client.delete(&path(user)).send().await.expect(204);
    }
    users.push(api.named("late").await);
    let second = api.page(&format!("?limit=4&cursor={}", text(&first["nextCursor"]))).await;
    assert_eq!(second["items"], json!([users[4], users[6], users[7], users[8]]));
    let third = api.page(&format!("?limit=4&cursor={}", text(&second["nextCursor"]))).await;
    assert_eq!(third, json!({ "items": [users[9], users[10]] }));
}
