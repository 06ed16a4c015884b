//! Batches of queued calls: each call has its own result, and a failing call does not affect the others.

use crate::contract::edits::{edit, group_with_all_but_last, shown};
use crate::contract::fixture::{Engine, NOON, TestDatabase, conflict, if_match, new_user, origin, run_with};
use crate::contract::members::create_group;
use crate::contract::probes::{
    Failure, RecordBatchSize, RecordUnbatched, WRITE, call_queued, call_queued_with_failure, occupy,
    succeeded,
};
use crate::contract::users::{find, patch};
use crate::support::sql;
use futures_util::future::{join, join_all, join4};
use roster::db::{DbError, Options};
use roster::domain::idempotency::{BodyHash, Request, StoredResponse};
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::OpError;
use roster::ops::idempotency::{Idempotent, IdempotentResponse};
use roster::ops::listing::unique::FindUnique;
use roster::ops::members::WithGroups;
use roster::ops::resource::UniqueKey;
use roster::ops::users::{Create, Find, Update};
use serde_json::{Value, json};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The number of queued calls in most tests, and the size of the largest batch.
const CALLS: usize = 200;

each_engine!(
    with super::one_reader:
    a_batch_takes_queued_calls_up_to_its_limit,
    batches_do_not_overtake_a_call_that_has_waited_longer,
    a_batch_of_creates_rejects_only_the_taken_names,
    one_of_several_conflicting_creates_in_a_batch_succeeds,
    a_missing_tenant_fails_only_its_own_create,
    a_batch_of_patches_rejects_only_the_invalid_ones,
    patches_of_one_user_in_a_batch_apply_in_order,
    a_panic_fails_only_its_own_call,
    a_failed_statement_fails_only_its_own_call,
    retries_with_an_idempotency_key_in_a_batch_are_carried_out_once,
    late_and_abandoned_calls_do_not_join_a_batch,
    a_batch_of_finds_returns_each_caller_its_user,
    a_batch_of_name_lookups_returns_each_caller_its_user,
    the_groups_of_a_user_in_too_many_are_not_read_in_the_same_call,
);

fn one_reader(options: &mut Options) {
    options.readers = 1;
}

fn creates(count: usize) -> Vec<Create> {
    (0..count)
        .map(|n| new_user(json!({"userName": format!("u{n:03}"), "externalId": format!("e{n:03}")})))
        .collect()
}

async fn create_batch(db: &TestDatabase, count: usize) -> Vec<User> {
    let results = call_queued(db, creates(count)).await;
    results.into_iter().map(|result| result.expect("the user is created")).collect()
}

/// Checks that the revisions have no gap, and that the changes after the first `before` are exactly those of the
/// successful calls, each with its caller's request id.
async fn assert_changes(db: &TestDatabase, before: usize, results: &[Result<User, OpError>]) {
    let changes = db.changes().await;
    let revisions: Vec<_> = changes.iter().map(|change| usize::try_from(change.revision).unwrap()).collect();
    assert_eq!(revisions, (1..=changes.len()).collect::<Vec<_>>());
    let mut recorded: Vec<_> =
        changes[before..].iter().map(|change| (change.request_id.clone(), change.id)).collect();
    let done = results.iter().enumerate().filter_map(|(call, result)| Some((call, result.as_ref().ok()?)));
    let mut expected: Vec<_> = done.map(|(call, user)| (format!("call-{call}"), user.id)).collect();
    recorded.sort();
    expected.sort();
    assert_eq!(recorded, expected);
}

async fn a_batch_takes_queued_calls_up_to_its_limit(db: &TestDatabase) {
    let sizes = Arc::default();
    let calls: Vec<_> = (0..CALLS + 50).map(|_| RecordBatchSize(Arc::clone(&sizes))).collect();
    let results = call_queued(db, calls).await;
    assert_eq!(succeeded(&results), CALLS + 50);
    assert_eq!(*sizes.lock().unwrap(), [CALLS, 50]);
    db.call(RecordBatchSize(Arc::clone(&sizes))).await.unwrap();
    assert_eq!(*sizes.lock().unwrap(), [CALLS, 50, 1], "a single call runs alone");
}

/// A batch starts ahead of a call of another kind only if the batch's first call has waited longer.
async fn batches_do_not_overtake_a_call_that_has_waited_longer(db: &TestDatabase) {
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let occupied = occupy::<WRITE>(db).await;
    let batched = |count| join_all((0..count).map(|_| db.call(RecordBatchSize(Arc::clone(&sizes)))));
    let (first, second) = (batched(CALLS + 1), batched(2 * CALLS));
    let unbatched = db.call(RecordUnbatched(Arc::clone(&sizes)));
    let (first, unbatched, second, ()) = join4(first, unbatched, second, occupied.release()).await;
    unbatched.unwrap();
    assert_eq!(succeeded(&first) + succeeded(&second), 3 * CALLS + 1);
    // The second batch starts with the last call of `first` and fills up with calls of `second`.
    let expected = [CALLS, CALLS, RecordUnbatched::MARK, CALLS, 1];
    assert_eq!(*sizes.lock().unwrap(), expected);
}

async fn a_batch_of_creates_rejects_only_the_taken_names(db: &TestDatabase) {
    db.create_user(json!({"userName": "U057", "externalId": "e111"})).await.unwrap();
    let results = call_queued(db, creates(CALLS)).await;
    for (call, result) in results.iter().enumerate() {
        match (call, result) {
            (57, Err(OpError::Conflict { attribute: "userName", .. })) => {}
            (111, Err(OpError::Conflict { attribute: "externalId", .. })) => {}
            (_, Ok(user)) => assert_eq!(user.attributes.user_name, format!("u{call:03}")),
            (_, error) => panic!("{call}: {error:?}"),
        }
    }
    assert_eq!(succeeded(&results), CALLS - 2);
    assert_changes(db, 1, &results).await;
    let rejected = vec![find_unique(UniqueKey::UserName, "u111"), find_unique(UniqueKey::ExternalId, "e057")];
    assert_eq!(call_queued(db, rejected).await, [Ok(None), Ok(None)]);
    for user in results.into_iter().flatten() {
        assert_eq!(db.call(find(user.id)).await, Ok(user));
    }
}

async fn one_of_several_conflicting_creates_in_a_batch_succeeds(db: &TestDatabase) {
    let body = |call: usize| match call % 4 {
        0 => json!({"userName": "Ada", "externalId": call.to_string()}),
        1 => json!({"userName": call.to_string(), "externalId": "same"}),
        2 => json!({"userName": "ADA", "externalId": "same"}),
        _ => json!({"userName": call.to_string()}),
    };
    let results = call_queued(db, (0..CALLS).map(|call| new_user(body(call))).collect()).await;
    let taken = |name: &str| {
        let conflicts = |result: &&Result<_, _>| matches!(result, Err(OpError::Conflict { attribute, .. }) if *attribute == name);
        results.iter().filter(conflicts).count()
    };
    assert!(results.iter().skip(3).step_by(4).all(Result::is_ok));
    assert_eq!(results.iter().step_by(4).filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().skip(1).step_by(4).filter(|result| result.is_ok()).count(), 1);
    assert_eq!((taken("userName"), taken("externalId")), (99, 49));
    assert_changes(db, 0, &results).await;
}

async fn a_missing_tenant_fails_only_its_own_create(db: &TestDatabase) {
    let mut calls = creates(CALLS);
    calls[63].tenant = Uuid::now_v7();
    let results = call_queued(db, calls).await;
    assert_eq!(results[63], Err(OpError::NotFound));
    assert_eq!(succeeded(&results), CALLS - 1);
    assert_changes(db, 0, &results).await;
}

async fn a_batch_of_patches_rejects_only_the_invalid_ones(db: &TestDatabase) {
    let users = create_batch(db, CALLS).await;
    let patches = users.iter().enumerate().map(|(call, user)| match call {
        10 => Update { conditions: if_match(7), ..patch(user.id, json!({"title": "x"})) },
        20 => patch(user.id, json!({"userName": null})),
        30 => patch(Uuid::now_v7(), json!({"title": "x"})),
        40 => patch(user.id, json!({"userName": "U041"})),
        50 => patch(user.id, json!({"externalId": "e051"})),
        60 => Update { tenant: Uuid::now_v7(), ..patch(user.id, json!({"title": "x"})) },
        _ => patch(user.id, json!({"title": format!("t{call}"), "emails": [{"value": format!("{call}@x")}]})),
    });
    let results = call_queued(db, patches.collect()).await;
    assert_eq!(results[10], Err(OpError::PreconditionFailed(Some(1))));
    assert!(matches!(results[20], Err(OpError::Invalid(_))));
    assert_eq!((&results[30], &results[60]), (&Err(OpError::NotFound), &Err(OpError::NotFound)));
    assert_eq!(results[40], Err(conflict("userName", "U041")));
    assert_eq!(results[50], Err(conflict("externalId", "e051")));
    for (call, (result, before)) in results.iter().zip(users).enumerate() {
        let now = db.call(find(before.id)).await.unwrap();
        match result {
            Ok(user) => {
                assert_eq!(user.attributes.title, Some(format!("t{call}")));
                assert_eq!((user.version, &now), (2, user));
            }
            Err(_) => assert_eq!(now, before, "{call}"),
        }
    }
    assert_eq!(succeeded(&results), CALLS - 6);
    assert_changes(db, CALLS, &results).await;
}

async fn patches_of_one_user_in_a_batch_apply_in_order(db: &TestDatabase) {
    let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
    let nth = |call: usize| {
        let patch = patch(user.id, json!({"custom": {call.to_string(): call}}));
        if call == 1 { Update { conditions: if_match(2), ..patch } } else { patch }
    };
    let results = call_queued(db, (0..CALLS).map(nth).collect()).await;
    for (call, result) in results.iter().enumerate() {
        let user = result.as_ref().expect("each patch is valid after the one before it");
        let version = i64::try_from(call).unwrap() + 2;
        assert_eq!((user.version, user.attributes.custom.len()), (version, call + 1));
    }
    assert_eq!(db.call(find(user.id)).await.ok(), results[CALLS - 1].clone().ok());
    assert_changes(db, 1, &results).await;
}

async fn a_panic_fails_only_its_own_call(db: &TestDatabase) {
    let results = call_queued_with_failure(db, creates(CALLS), Failure::Panic).await;
    assert_changes(db, 0, &results).await;
}

async fn a_failed_statement_fails_only_its_own_call(db: &TestDatabase) {
    let results = call_queued_with_failure(db, creates(CALLS), Failure::Statement).await;
    assert_changes(db, 0, &results).await;
}

async fn retries_with_an_idempotency_key_in_a_batch_are_carried_out_once(db: &TestDatabase) {
    const TAKEN: usize = CALLS - 4;
    const OTHER_BODY: usize = CALLS - 2;
    let respond = |user: &User| StoredResponse {
        status: 201,
        headers: Vec::new(),
        body: Some(user.attributes.user_name.clone()),
        resource: user.id,
    };
    // Calls 2n and 2n + 1 share a key.
    let request = |call: usize, body: &Value| Request {
        tenant: DEFAULT_TENANT,
        caller: "key:tester".to_owned(),
        method: "POST",
        path: "/users",
        key: (call / 2).to_string(),
        body: BodyHash::of(body),
        now: Timestamp::from(NOON),
    };
    let once = |call: usize| {
        let name = match call {
            0..TAKEN => call / 2,
            // Taken by the first call.
            TAKEN..OTHER_BODY => 0,
            // The same key, but different bodies.
            _ => call,
        };
        let body = json!({"userName": name.to_string()});
        let users = Vec::new();
        Idempotent {
            request: request(call, &body),
            users,
            operation: new_user(body),
            respond: Box::new(respond),
        }
    };
    let results = call_queued(db, (0..CALLS).map(once).collect()).await;
    for pair in results[..TAKEN].chunks(2) {
        let [Ok(first), Ok(second)] = pair else { panic!("{pair:?}") };
        assert_eq!((first.replayed, second.replayed, &first.response), (false, true, &second.response));
    }
    let taken = Err(conflict("userName", "0"));
    assert_eq!(
        (&results[TAKEN], &results[TAKEN + 1]),
        (&taken, &taken),
        "a failed call does not consume its key"
    );
    assert!(matches!(results[OTHER_BODY], Ok(IdempotentResponse { replayed: false, .. })));
    assert_eq!(results[OTHER_BODY + 1], Err(OpError::KeyReused));
}

async fn late_and_abandoned_calls_do_not_join_a_batch(db: &TestDatabase) {
    let mut calls = creates(4).into_iter();
    let occupied = occupy::<WRITE>(db).await;
    let caller = origin("caller");
    let soon = Instant::now() + Duration::from_millis(300);
    let mut next = || calls.next().unwrap();
    let (first, last) = (db.call(next()), db.call(next()));
    let abandoned = tokio::time::timeout(Duration::from_millis(1), db.call(next()));
    let late = async {
        let result = db.database.call_until(&caller, next(), soon).await;
        occupied.release().await;
        result
    };
    let (first, last, abandoned, late) = join4(first, last, abandoned, late).await;
    assert_eq!(late, Err(OpError::Database(DbError::DeadlinePassed)));
    assert!(abandoned.is_err());
    let created: Vec<_> = db.changes().await.into_iter().map(|change| change.id).collect();
    assert_eq!(created, [first.unwrap().id, last.unwrap().id]);
}

async fn a_batch_of_finds_returns_each_caller_its_user(db: &TestDatabase) {
    let users = create_batch(db, 50).await;
    let manager = json!({"enterprise": {"manager": {"value": users[1].id}}});
    let managed = db.call(patch(users[0].id, manager)).await.unwrap();
    let find = |call: usize| match call % 52 {
        50 => find(Uuid::now_v7()),
        51 => Find { tenant: Uuid::now_v7(), ..find(users[3].id) },
        known => find(users[known].id),
    };
    let results = call_queued(db, (0..CALLS).map(find).collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        match call % 52 {
            0 => assert_eq!(result, Ok(managed.clone())),
            50 | 51 => assert_eq!(result, Err(OpError::NotFound)),
            known => assert_eq!(result, Ok(users[known].clone())),
        }
    }
}

fn find_unique(key: UniqueKey, value: &str) -> FindUnique<User> {
    FindUnique {
        tenant: DEFAULT_TENANT,
        key,
        value: value.to_owned(),
        source: NATIVE_SOURCE.into(),
        of: PhantomData,
    }
}

async fn a_batch_of_name_lookups_returns_each_caller_its_user(db: &TestDatabase) {
    let users = create_batch(db, 50).await;
    let lookup = |call: usize| match call % 4 {
        0 => find_unique(UniqueKey::UserName, &format!("u{:03}", call % 50)),
        1 => find_unique(UniqueKey::ExternalId, &format!("e{:03}", call % 50)),
        2 => find_unique(UniqueKey::UserName, &format!("e{:03}", call % 50)),
        _ => FindUnique { tenant: Uuid::now_v7(), ..find_unique(UniqueKey::UserName, "u001") },
    };
    let results = call_queued(db, (0..CALLS).map(lookup).collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        let expected = (call % 4 < 2).then(|| users[call % 50].clone());
        assert_eq!(result, Ok(expected), "{call}");
    }
}

/// Another session holds a lock on one user: only the call that needs that user waits for it.
#[test]
fn a_locked_user_delays_only_its_own_patch() {
    run_with(Engine::Postgres, one_reader, async |db| {
        let users = create_batch(db, CALLS).await;
        let mut other = sql::Sql::open(db.url());
        other.execute(&format!("BEGIN; SELECT 1 FROM users WHERE id = '{}' FOR UPDATE", users[5].id));
        let patches = users.iter().map(|user| patch(user.id, json!({"title": "x"}))).collect();
        let unlock = async {
            let number = "SELECT count(*) AS number FROM users WHERE version = 2";
            let mut written = 0;
            while written == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                written = sql::Sql::open(db.url()).number(number);
            }
            other.execute("COMMIT");
            written
        };
        let (results, written) = join(call_queued(db, patches), unlock).await;
        assert_eq!(written, i64::try_from(CALLS).unwrap() - 1);
        assert!(results.iter().all(Result::is_ok));
    });
}

/// On PostgreSQL the rows carry one transaction id; on SQLite the write-ahead log holds one commit.
#[test]
fn a_batch_is_one_transaction() {
    run_with(Engine::Postgres, one_reader, async |db| {
        create_batch(db, CALLS).await;
        let number = "SELECT count(DISTINCT xmin::text) AS number FROM users";
        assert_eq!(sql::Sql::open(db.url()).number(number), 1);
    });
    run_with(Engine::Sqlite, one_reader, async |db| {
        db.create_user(json!({"userName": "first"})).await.unwrap();
        let before = commits(db.url());
        create_batch(db, CALLS).await;
        // The other commit is that of the operation that occupied the writer.
        assert_eq!(commits(db.url()) - before, 2);
    });
}

/// The number of commits in a write-ahead log. The last frame of a commit carries the size of the database in pages;
/// in all other frames that field is 0.
fn commits(url: &str) -> usize {
    let log = std::fs::read(format!("{}-wal", url.strip_prefix("sqlite://").unwrap())).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (number(8) as usize, &log[16..24]);
    let frames = (32..log.len()).step_by(24 + page);
    frames.filter(|at| number(at + 4) != 0 && log[at + 8..at + 16] == *salt).count()
}

/// The queued calls form a batch.
async fn the_groups_of_a_user_in_too_many_are_not_read_in_the_same_call(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let (other, first) = (create_group(db, "B").await, users[0]);
    db.call(edit(&other, json!({}), move |members| members.add([first]))).await.unwrap().unwrap();
    let (tenant, max_groups) = (DEFAULT_TENANT, 1);
    let read = |id: &Uuid| WithGroups { tenant, operation: find(*id), max_groups };
    let found = call_queued(db, users.iter().map(read).collect()).await;
    let groups = |user: Result<User, OpError>| user.map(|user| user.groups);
    let expected = [Ok(None), Ok(Some(vec![shown(&group)])), Ok(Some(vec![]))];
    assert_eq!(found.into_iter().map(groups).collect::<Vec<_>>(), expected);
    let deactivate = |id: &Uuid| patch(*id, json!({ "active": false }));
    let write = |id: &Uuid| WithGroups { tenant, operation: deactivate(id), max_groups };
    let patched = call_queued(db, users.iter().map(write).collect()).await;
    assert!(patched.iter().all(|user| user.as_ref().is_ok_and(|user| !user.attributes.active)));
    assert_eq!(patched.into_iter().map(groups).collect::<Vec<_>>(), expected);
}
