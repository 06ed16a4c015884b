//! The brake of connections: a model of it, and batches.

use crate::contract::fixture::{Engine, NOON, TestDatabase, new_user, origin, run};
use crate::contract::probes::{WRITE, occupy, succeeded};
use crate::support::sql::Sql;
use futures_util::future::{join, join_all, join3};
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use roster::domain::DEFAULT_TENANT;
use roster::domain::brake::Brake;
use roster::domain::condition::Conditions;
use roster::domain::connection::{Connection, Draft, Mode};
use roster::domain::origin::{Actor, ActorKind, Origin};
use roster::domain::scim::Profile;
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::ops::OpError;
use roster::ops::connections::{Create, Hold, Release};
use roster::ops::resource::NewValues;
use roster::ops::users::Update;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

each_engine!(the_brake_agrees_with_a_model, a_batch_of_removals_keeps_the_limit);

/// The brake of the model's connection, without a percentage.
const BRAKE: Brake = Brake { users: 4, percent: 0, hours: 5 };

async fn connect(db: &TestDatabase, brake: Brake) -> (Connection, Origin) {
    let (profile, mode) = (Profile::Lenient, Mode::Live);
    let draft = Draft { name: "Okta".to_owned(), profile, mode, replaces: None, brake: Some(brake) };
    let create = Create { tenant: DEFAULT_TENANT, id: Uuid::now_v7(), draft, now: NOON.into() };
    let connection = db.call(create).await.unwrap();
    let actor = Actor { kind: ActorKind::Connection, id: connection.id.to_string().into() };
    (connection, Origin { actor, ..origin("sync") })
}

async fn create_users(db: &TestDatabase, count: usize) -> Vec<User> {
    let create = |number| db.call(new_user(json!({ "userName": format!("u{number}") })));
    join_all((0..count).map(create)).await.into_iter().map(|user| user.unwrap()).collect()
}

fn set_active(user: &User, active: bool, now: Timestamp) -> Update {
    let values = NewValues::MergePatch(json!({ "active": active }));
    Update { tenant: DEFAULT_TENANT, id: user.id, values, conditions: Conditions::default(), now }
}

/// What the brake remembers.
#[derive(Default)]
struct Model {
    removals: Vec<Timestamp>,
    counted_after: Option<Timestamp>,
    allowance: i64,
    held: bool,
}

impl Model {
    /// The number of removals within the period.
    fn count(&self, now: Timestamp) -> usize {
        let start = self.counted_after.max(Some(now.minus(BRAKE.period())));
        self.removals.iter().filter(|time| Some(**time) > start).count()
    }

    /// Whether a removal is permitted, which is then counted.
    fn remove(&mut self, now: Timestamp) -> bool {
        let is_within_limit = i64::try_from(self.count(now)).unwrap() < BRAKE.users;
        if self.held || (self.allowance == 0 && !is_within_limit) {
            self.held = true;
            return false;
        }
        self.allowance = (self.allowance - 1).max(0);
        self.removals.push(now);
        true
    }

    fn release(&mut self, allow: Option<i64>, now: Timestamp) {
        (self.held, self.allowance) = (false, allow.unwrap_or(0));
        if allow.is_none() {
            self.counted_after = Some(now);
        }
    }
}

async fn the_brake_agrees_with_a_model(db: &TestDatabase) {
    let (connection, sync) = connect(db, BRAKE).await;
    let user = &create_users(db, 1).await[0];
    let mut random = XorShiftRng::seed_from_u64(19);
    let (mut model, mut now, mut refused) = (Model::default(), Timestamp::from(NOON), 0);
    for step in 0..400 {
        now = now.plus(Duration::from_secs(random.random_range(1..=90 * 60)));
        if random.random_ratio(1, 6) {
            let allow = random.random_bool(0.7).then(|| random.random_range(0..6));
            let (tenant, conditions) = (DEFAULT_TENANT, Conditions::default());
            let release = Release { tenant, id: connection.id, allow, conditions, now };
            let released = db.call(release).await.unwrap();
            assert_eq!(released.held, None);
            model.release(allow, now);
            continue;
        }
        // Reactivations are neither counted nor refused.
        db.database.call(&sync, set_active(user, true, now)).await.unwrap();
        let was_held = model.held;
        let removed = db.database.call(&sync, set_active(user, false, now)).await;
        match (model.remove(now), removed) {
            (true, Ok(user)) => assert!(!user.attributes.active),
            (false, Err(OpError::Held(_))) if was_held => refused += 1,
            (false, Err(OpError::BrakeReached)) if !was_held => {
                refused += 1;
                let hold = || Hold { tenant: DEFAULT_TENANT, now };
                let held = db.database.call(&sync, hold()).await.unwrap().expect("the limit is reached");
                assert_eq!((held.since, held.count), (now, i64::try_from(model.count(now)).unwrap()));
                let again = db.database.call(&sync, hold()).await.unwrap();
                assert_eq!(again, Some(held), "a hold is recorded once");
            }
            (expected, result) => panic!("step {step}: {expected} {result:?}"),
        }
    }
    assert!(refused > 50 && model.removals.len() > 100, "{refused} {}", model.removals.len());
    let hold = Hold { tenant: DEFAULT_TENANT, now: now.plus(BRAKE.period()) };
    if !model.held {
        let held = db.database.call(&sync, hold).await.unwrap();
        assert_eq!(held, None, "a limit that is not reached holds nothing");
    }
}

async fn a_batch_of_removals_keeps_the_limit(db: &TestDatabase) {
    let (connection, sync) = connect(db, Brake { users: 7, ..BRAKE }).await;
    let users = create_users(db, 40).await;
    let occupied = occupy::<WRITE>(db).await;
    // Half of the calls are those of a key, which is not limited.
    let others = origin("other");
    let call = |(number, user)| {
        let origin = if number % 2 == 0 { &sync } else { &others };
        db.database.call(origin, set_active(user, false, NOON.into()))
    };
    let (results, ()) = join(join_all(users.iter().enumerate().map(call)), occupied.release()).await;
    let (by_sync, by_others): (Vec<_>, Vec<_>) =
        results.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    assert!(by_others.iter().all(|(_, result)| result.is_ok()), "{by_others:?}");
    let removed = by_sync.iter().filter(|(_, result)| result.is_ok()).count();
    let refused = by_sync.iter().filter(|(_, result)| *result == Err(OpError::BrakeReached)).count();
    assert_eq!((removed, refused), (7, 13));
    // The connection is the only caller of the next batch. The first 27 users are inactive already.
    let (tenant, conditions, now) = (DEFAULT_TENANT, Conditions::default(), NOON.into());
    db.call(Release { tenant, id: connection.id, allow: None, conditions, now }).await.unwrap();
    let occupied = occupy::<WRITE>(db).await;
    let deactivate = |user| db.database.call(&sync, set_active(user, false, now));
    let (results, ()) = join(join_all(users.iter().map(deactivate)), occupied.release()).await;
    let refused = results.iter().filter(|result| **result == Err(OpError::BrakeReached)).count();
    assert_eq!((succeeded(&results), refused), (27 + 7, 6));
    // Once the connection is held, its calls are refused within the batch.
    let hold = Hold { tenant: DEFAULT_TENANT, now: NOON.into() };
    let held = db.database.call(&sync, hold).await.unwrap().expect("the limit is reached");
    let occupied = occupy::<WRITE>(db).await;
    let (results, ()) = join(join_all(users.iter().map(deactivate)), occupied.release()).await;
    let refused = |result: &&Result<User, OpError>| **result == Err(OpError::Held(Box::new(held.clone())));
    assert_eq!((succeeded(&results), results.iter().filter(refused).count()), (27 + 7, 6));
}

#[test]
fn a_counted_removal_does_not_wait_for_a_unique_value() {
    run(Engine::Postgres, check_unique_values);
}

/// The row of the connection is locked once a removal is counted. A call that then waited for another transaction could deadlock
/// with it.
async fn check_unique_values(db: &TestDatabase) {
    let (_, sync) = connect(db, BRAKE).await;
    let users = create_users(db, 3).await;
    let mut other = Sql::open(db.url());
    other.execute("BEGIN; UPDATE users SET user_name_key = 'taken' WHERE user_name_key = 'u2'");
    let occupied = occupy::<WRITE>(db).await;
    let values = NewValues::MergePatch(json!({ "userName": "taken" }));
    let rename = Update { values, ..set_active(&users[1], true, NOON.into()) };
    let deactivate = set_active(&users[0], false, NOON.into());
    let lock_connection = async {
        occupied.release().await;
        let waiting = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock'";
        Sql::open(db.url()).wait_for_number(waiting, 1, Duration::from_secs(20));
        other.execute("SELECT id FROM connections FOR UPDATE NOWAIT; ROLLBACK");
    };
    let calls = (db.database.call(&sync, deactivate), db.database.call(&sync, rename));
    let (deactivated, renamed, ()) = join3(calls.0, calls.1, lock_connection).await;
    assert!(!deactivated.unwrap().attributes.active);
    assert_eq!(renamed.unwrap().attributes.user_name, "taken");
}

#[test]
fn old_counts_are_deleted() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, check_old_counts);
    }
}

/// The rows of more than 30 days ago are deleted, except the last one, which has the totals at the beginning of this period.
async fn check_old_counts(db: &TestDatabase) {
    let brake = Brake { users: 1_000, percent: 0, hours: 720 };
    let (_, sync) = connect(db, brake).await;
    let user = &create_users(db, 1).await[0];
    let remove = async |day: u64| {
        let now = Timestamp::from(NOON).plus(Duration::from_secs(day * 24 * 60 * 60));
        for active in [true, false] {
            db.database.call(&sync, set_active(user, active, now)).await.unwrap();
        }
    };
    let mut sql = Sql::open(db.url());
    let rows = "SELECT count(*) AS number FROM connection_removals";
    for day in 0..99 {
        remove(day).await;
    }
    assert_eq!(sql.number(rows), 99);
    // The 100th row deletes the old ones.
    remove(99).await;
    assert_eq!(sql.number(rows), 31);
    let total = "SELECT max(number) - min(number) AS number FROM connection_removals";
    assert_eq!(sql.number(total), 30);
}
