//! Sorted pagination during concurrent writes: a user who exists throughout with an unchanged sort value is listed
//! exactly once.

use crate::api::query::{list_users, names};
use crate::support::api::{Api, ORDERS, path, text};
use crate::support::http::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

engine_tests! {
    users_with_unchanged_values_are_listed_exactly_once_in_every_order
}

const WRITERS: usize = 6;

/// Number of users that no writer deletes.
const BASE: usize = 60;

/// Maximum rounds of all writers while one list is read. Ordered by updatedAt, patched users move ahead of the reader.
const ROUNDS: usize = 120;

/// Minimum number of users that the writers create before the last list is read.
const MIN_CREATED: usize = 300;

/// A filter that no index supports and all users match.
const MATCHES_ALL: &str = r#"nickName eq "WALKER""#;

/// The changes that the writers make to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// None.
    Unchanged,
    /// Changes of attributes other than userName and displayName.
    Edited,
    /// Changes of userName and displayName.
    Renamed,
}

impl Kind {
    fn of(number: usize) -> Self {
        [Self::Unchanged, Self::Edited, Self::Renamed][number % 3]
    }

    /// Whether such a user keeps its position in an order.
    fn keeps_position_in(self, order: &str) -> bool {
        match order.trim_start_matches('-') {
            "id" | "createdAt" => true,
            "updatedAt" => self == Self::Unchanged,
            _ => self != Self::Renamed,
        }
    }
}

/// The logical times between which a user certainly exists.
#[derive(Clone, Copy, Debug)]
struct Lifetime {
    kind: Kind,
    created: u64,
    deleted: u64,
}

/// The kind and lifetime of each user.
#[derive(Clone, Debug)]
struct UserTracker {
    clock: Arc<AtomicU64>,
    lifetimes: Arc<Mutex<BTreeMap<String, Lifetime>>>,
    /// One permit per round of a writer.
    permits: Arc<Semaphore>,
}

impl UserTracker {
    fn new() -> Self {
        let permits = Arc::new(Semaphore::new(0));
        Self { clock: Arc::default(), lifetimes: Arc::default(), permits }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn lifetimes(&self) -> MutexGuard<'_, BTreeMap<String, Lifetime>> {
        self.lifetimes.lock().expect("no writer panicked")
    }

    /// Records that a creation was acknowledged.
    fn record_creation(&self, user: &Value, kind: Kind) {
        let lifetime = Lifetime { kind, created: self.now(), deleted: u64::MAX };
        self.lifetimes().insert(text(&user["id"]).to_owned(), lifetime);
    }

    /// Records that a deletion is about to be requested.
    fn record_deletion(&self, user: &Value) {
        let now = self.now();
        self.lifetimes().get_mut(text(&user["id"])).expect("the user is recorded").deleted = now;
    }

    /// The users that existed from before `start` until after `end` and kept their position in an order.
    fn stable_users(&self, order: &str, start: u64, end: u64) -> BTreeSet<String> {
        let lifetimes = self.lifetimes();
        let stable = lifetimes.iter().filter(|(_, user)| {
            user.created < start && user.deleted > end && user.kind.keeps_position_in(order)
        });
        stable.map(|(id, _)| id.clone()).collect()
    }
}

/// A letter that differs from round to round.
fn letter(round: usize) -> char {
    char::from(b'a' + u8::try_from(round * 7 % 26).expect("the number is less than 26"))
}

/// A name that is often equal to others and often absent.
fn display_name(number: usize) -> Value {
    match number % 5 {
        0 | 1 => Value::Null,
        2 => json!("Equal"),
        _ => json!(format!("{} {}", letter(number), number % 3)),
    }
}

async fn create(client: &Client, tracker: &UserTracker, name: &str, number: usize) -> (Value, Kind) {
    let body = json!({ "userName": name, "displayName": display_name(number), "nickName": "walker" });
    let user = client.post("/users", &body).send().await.expect(201).json();
    let kind = Kind::of(number);
    tracker.record_creation(&user, kind);
    (user, kind)
}

/// Patches a user as its kind requires.
async fn patch_user(client: &Client, (user, kind): &(Value, Kind), writer: usize, round: usize) {
    let patch = match kind {
        Kind::Unchanged => return,
        Kind::Edited => json!({ "title": format!("{writer} {round}"), "custom": { "round": round } }),
        Kind::Renamed => {
            json!({ "userName": format!("{}{writer}-{round}", letter(round)), "displayName": display_name(round) })
        }
    };
    client.patch(&path(user), &patch).send().await.expect(200);
}

/// Creates, patches and deletes users, one round per permit. The users in `base` are never deleted.
async fn write(client: Client, tracker: UserTracker, writer: usize, base: Vec<(Value, Kind)>) {
    let mut own = Vec::new();
    let mut round = 0;
    while let Ok(permit) = tracker.permits.acquire().await {
        permit.forget();
        own.push(create(&client, &tracker, &format!("{}w{writer}-{round}", letter(round)), round).await);
        patch_user(&client, &base[round % base.len()], writer, round).await;
        patch_user(&client, &own[round * 7 % own.len()], writer, round + 1_000_000).await;
        if own.len() > 6 {
            let (user, _) = own.remove(round * 5 % own.len());
            tracker.record_deletion(&user);
            client.delete(&path(&user)).send().await.expect(204);
        }
        round += 1;
    }
}

/// Reads the list, and checks that it has every stable user exactly once.
async fn check_list(client: &Client, tracker: &UserTracker, order: &str, limit: &str, filtered: bool) {
    let spare = tracker.permits.available_permits();
    tracker.permits.add_permits(ROUNDS.saturating_sub(spare));
    let mut query = vec![("sort", order), ("limit", limit)];
    query.extend(filtered.then_some(("filter", MATCHES_ALL)));
    let start = tracker.now();
    let seen = list_users(client, &query).await;
    let stable = tracker.stable_users(order, start, tracker.now());
    assert!(stable.len() >= BASE / 3, "only {} users kept their position", stable.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for user in &seen {
        *counts.entry(text(&user["id"])).or_default() += 1;
    }
    let wrong: Vec<_> = stable.iter().filter(|id| counts.get(id.as_str()) != Some(&1)).collect();
    let details: Vec<_> =
        wrong.iter().map(|id| (id, counts.get(id.as_str()), tracker.lifetimes()[id.as_str()])).collect();
    assert!(
        wrong.is_empty(),
        "not listed exactly once by {order} with limit {limit}: {details:?} in {:?}",
        names(&seen)
    );
}

async fn users_with_unchanged_values_are_listed_exactly_once_in_every_order(api: Api) {
    let tracker = UserTracker::new();
    let mut bases = vec![Vec::new(); WRITERS];
    for number in 0..BASE {
        let user = create(&api.client, &tracker, &format!("{}base-{number}", letter(number)), number).await;
        bases[number % WRITERS].push(user);
    }
    let mut writers = JoinSet::new();
    for (writer, base) in bases.into_iter().enumerate() {
        writers.spawn(write(api.client.clone(), tracker.clone(), writer, base));
    }
    let since = Instant::now();
    for limit in ["3", "1", "20", "1", "7"].into_iter().cycle().take(100) {
        for order in ORDERS {
            for filtered in [false, true] {
                check_list(&api.client, &tracker, order, limit, filtered).await;
            }
        }
        assert!(since.elapsed().as_secs() < 120, "the writers make no progress");
        if limit == "20" && tracker.lifetimes().len() > BASE + MIN_CREATED {
            break;
        }
    }
    assert!(tracker.lifetimes().len() > BASE + MIN_CREATED, "the writers created too few users");
    tracker.permits.close();
    writers.join_all().await;
    // Without writers every order has exactly the existing users.
    let now = tracker.now();
    let existing: BTreeSet<_> = tracker.stable_users("id", now, now);
    for order in ORDERS {
        let seen = list_users(&api.client, &[("sort", order), ("limit", "7")]).await;
        assert_eq!(seen.len(), existing.len(), "{order}");
        assert!(seen.iter().all(|user| existing.contains(text(&user["id"]))), "{order}");
    }
}
