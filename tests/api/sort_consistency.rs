//! Walks through the list in every order while others write: who is there throughout and keeps_position_in the sorted value comes
//! exactly once.

use crate::api::query::{list_users, names};
use crate::support::api::{Api, path, text};
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

/// How many users nobody deletes.
const BASE: usize = 60;

/// How often writers may write while one walk lasts: in the order of updatedAt, users that are patched run before it.
const ROUNDS: usize = 120;

/// How many users the writers create at least before the last walk.
const MIN_CREATED: usize = 300;

const ORDERS: [&str; 10] = [
    "id",
    "-id",
    "userName",
    "-userName",
    "displayName",
    "-displayName",
    "createdAt",
    "-createdAt",
    "updatedAt",
    "-updatedAt",
];

/// Found by reading everybody.
const MATCHES_ALL: &str = r#"nickName eq "WALKER""#;

/// What is done to a user as long as it lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Unchanged,
    /// Other values than userName and displayName change.
    Edited,
    /// userName and displayName change.
    Renamed,
}

impl Kind {
    fn of(number: usize) -> Self {
        [Self::Unchanged, Self::Edited, Self::Renamed][number % 3]
    }

    /// Whether such a user stays where it is in an order.
    fn keeps_position_in(self, order: &str) -> bool {
        match order.trim_start_matches('-') {
            "id" | "createdAt" => true,
            "updatedAt" => self == Self::Unchanged,
            _ => self != Self::Renamed,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Lifetime {
    kind: Kind,
    born: u64,
    dies: u64,
}

/// What is known of each user: what is done to it, since when it is there for sure, and since when no longer.
#[derive(Clone, Debug)]
struct Register {
    clock: Arc<AtomicU64>,
    lifetimes: Arc<Mutex<BTreeMap<String, Lifetime>>>,
    /// What the writers may still do.
    permits: Arc<Semaphore>,
}

impl Register {
    fn new() -> Self {
        let permits = Arc::new(Semaphore::new(0));
        Self { clock: Arc::default(), lifetimes: Arc::default(), permits }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn lifetimes(&self) -> MutexGuard<'_, BTreeMap<String, Lifetime>> {
        self.lifetimes.lock().expect("no holder panics")
    }

    /// A user's creation has been answered.
    fn born(&self, user: &Value, kind: Kind) {
        let life = Lifetime { kind, born: self.now(), dies: u64::MAX };
        self.lifetimes().insert(text(&user["id"]).to_owned(), life);
    }

    /// A user's deletion is about to be asked for.
    fn dies(&self, user: &Value) {
        let now = self.now();
        self.lifetimes().get_mut(text(&user["id"])).expect("it was born").dies = now;
    }

    /// Who was there from before `start` until after `end`, and stayed in its place.
    fn stable_users(&self, order: &str, start: u64, end: u64) -> BTreeSet<String> {
        let lifetimes = self.lifetimes();
        let stable_users = lifetimes
            .iter()
            .filter(|(_, life)| life.born < start && life.dies > end && life.kind.keeps_position_in(order));
        stable_users.map(|(id, _)| id.clone()).collect()
    }
}

/// Different in each round, all over the alphabet.
fn letter(round: usize) -> char {
    char::from(b'a' + u8::try_from(round * 7 % 26).expect("a letter"))
}

/// Many are equal, and some are absent.
fn display_name(number: usize) -> Value {
    match number % 5 {
        0 | 1 => Value::Null,
        2 => json!("Equal"),
        _ => json!(format!("{} {}", letter(number), number % 3)),
    }
}

async fn create(client: &Client, register: &Register, name: &str, number: usize) -> (Value, Kind) {
    let body = json!({ "userName": name, "displayName": display_name(number), "nickName": "walker" });
    let user = client.post("/users", &body).send().await.expect(201).json();
    let kind = Kind::of(number);
    register.born(&user, kind);
    (user, kind)
}

/// Patches as becomes the kind.
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

/// Creates, patches and deletes as often as it is permitted. What it begins with it never deletes.
async fn write(client: Client, register: Register, writer: usize, base: Vec<(Value, Kind)>) {
    let mut own = Vec::new();
    let mut round = 0;
    while let Ok(permit) = register.permits.acquire().await {
        permit.forget();
        own.push(create(&client, &register, &format!("{}w{writer}-{round}", letter(round)), round).await);
        patch_user(&client, &base[round % base.len()], writer, round).await;
        patch_user(&client, &own[round * 7 % own.len()], writer, round + 1_000_000).await;
        if own.len() > 6 {
            let (user, _) = own.remove(round * 5 % own.len());
            register.dies(&user);
            client.delete(&path(&user)).send().await.expect(204);
        }
        round += 1;
    }
}

/// A walk, and whether those came once who had to.
async fn check_list(client: &Client, register: &Register, order: &str, limit: &str, filtered: bool) {
    let spare = register.permits.available_permits();
    register.permits.add_permits(ROUNDS.saturating_sub(spare));
    let mut query = vec![("sort", order), ("limit", limit)];
    query.extend(filtered.then_some(("filter", MATCHES_ALL)));
    let start = register.now();
    let seen = list_users(client, &query).await;
    let stable_users = register.stable_users(order, start, register.now());
    assert!(stable_users.len() >= BASE / 3, "only {} stable_users their places", stable_users.len());
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for user in &seen {
        *times.entry(text(&user["id"])).or_default() += 1;
    }
    let wrong: Vec<_> = stable_users.iter().filter(|id| times.get(id.as_str()) != Some(&1)).collect();
    let told: Vec<_> =
        wrong.iter().map(|id| (id, times.get(id.as_str()), register.lifetimes()[id.as_str()])).collect();
    assert!(wrong.is_empty(), "not once, in the order of {order} by {limit}: {told:?} in {:?}", names(&seen));
}

async fn users_with_unchanged_values_are_listed_exactly_once_in_every_order(api: Api) {
    let register = Register::new();
    let mut bases = vec![Vec::new(); WRITERS];
    for number in 0..BASE {
        let user = create(&api.client, &register, &format!("{}base-{number}", letter(number)), number).await;
        bases[number % WRITERS].push(user);
    }
    let mut writers = JoinSet::new();
    for (writer, base) in bases.into_iter().enumerate() {
        writers.spawn(write(api.client.clone(), register.clone(), writer, base));
    }
    let since = Instant::now();
    for limit in ["3", "1", "20", "1", "7"].into_iter().cycle().take(100) {
        for order in ORDERS {
            for filtered in [false, true] {
                check_list(&api.client, &register, order, limit, filtered).await;
            }
        }
        assert!(since.elapsed().as_secs() < 120, "the writers hardly write");
        if limit == "20" && register.lifetimes().len() > BASE + MIN_CREATED {
            break;
        }
    }
    assert!(register.lifetimes().len() > BASE + MIN_CREATED, "the writers hardly wrote");
    register.permits.close();
    writers.join_all().await;
    // At rest every order has exactly those who live.
    let now = register.now();
    let alive: BTreeSet<_> = register.stable_users("id", now, now);
    for order in ORDERS {
        let seen = list_users(&api.client, &[("sort", order), ("limit", "7")]).await;
        assert_eq!(seen.len(), alive.len(), "{order}");
        assert!(seen.iter().all(|user| alive.contains(text(&user["id"]))), "{order}");
    }
}
