//! Calls that are carried out together: each keeps its own result, and what one asks in vain touches no other.

use crate::contract::bed::{Bed, Engine, NOON, create, origin, run_with};
use crate::contract::probes::{Break, Brittle, Held, Noted, Together};
use crate::contract::users::patch;
use crate::support::sql;
use futures_util::future::join_all;
use roster::db::{DbError, Operation, Options};
use roster::domain::condition::{Conditions, Tags};
use roster::domain::idempotency::{BodyHash, Request, StoredResponse};
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::changes::Read;
use roster::ops::idempotency::{Answered, Once};
use roster::ops::listing::named::Named;
use roster::ops::resource::UniqueKey;
use roster::ops::users::{Create, Find, Patch};
use serde_json::{Value, json};
use std::marker::PhantomData;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many calls wait in most tests, which is also how many of them are carried out together.
const CALLS: usize = 200;

/// The same on every engine, with one reader.
macro_rules! each_engine_alone {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            use crate::contract::bed::{Engine, run_with};
            use super::one_reader;

            #[test]
            fn sqlite() {
                run_with(Engine::Sqlite, one_reader, super::$test);
            }

            #[test]
            fn memory() {
                run_with(Engine::Memory, one_reader, super::$test);
            }

            #[test]
            fn postgres() {
                run_with(Engine::Postgres, one_reader, super::$test);
            }
        }
    )*};
}

each_engine_alone!(
    what_waits_is_carried_out_together_and_nothing_more,
    whoever_waited_longest_is_not_overtaken_for_long,
    a_batch_of_creates_leaves_out_who_wants_what_is_taken,
    two_of_a_batch_that_want_the_same_get_it_once,
    a_tenant_that_is_not_there_spoils_nobody_elses_create,
    a_batch_of_patches_leaves_out_what_cannot_be,
    patches_of_one_user_follow_each_other,
    a_panic_among_many_is_the_callers_own,
    a_failed_statement_among_many_is_the_callers_own,
    twins_in_a_batch_are_made_once,
    a_batch_begins_no_call_that_is_late_or_left,
    users_are_read_together_each_its_own,
    users_are_found_by_their_names_together,
);

fn one_reader(options: &mut Options) {
    options.readers = 1;
}

/// Has calls carried out that all wait before the first begins: `C` is 0 for readers, 2 for writers.
pub(crate) async fn together<const C: usize, O: Operation>(
    bed: &Bed,
    operations: Vec<O>,
) -> Vec<Result<O::Output, DbError>> {
    let (held, has_begun, end) = Held::<C>::new();
    let holding = {
        let database = bed.database.clone();
        actix_web::rt::spawn(async move { database.call(&origin("held"), held).await })
    };
    until_begun(&has_begun).await;
    let origins: Vec<_> = (0..operations.len()).map(|call| origin(&format!("call-{call}"))).collect();
    let calls = operations.into_iter().zip(&origins).map(|(call, origin)| bed.database.call(origin, call));
    // Each call is polled once, which puts it in the queue, before the other future lets the actor go on.
    let (results, ()) = futures_util::future::join(join_all(calls), async { drop(end) }).await;
    holding.await.unwrap().unwrap();
    results
}

fn creates(count: usize) -> Vec<Create> {
    (0..count)
        .map(|n| create(json!({"userName": format!("u{n:03}"), "externalId": format!("e{n:03}")})))
        .collect()
}

async fn made(bed: &Bed, count: usize) -> Vec<User> {
    let results = together::<2, _>(bed, creates(count)).await;
    results.into_iter().map(|result| result.expect("a new user")).collect()
}

/// Every change so far: the revision, the request it was made by, and whose.
async fn history(bed: &Bed) -> Vec<(i64, String, Uuid)> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |(revision, ..): &(i64, String, Uuid)| *revision);
        let read =
            Read { tenant: DEFAULT_TENANT, after, limit: 500, types: None, resource: None, admin: true };
        let facts = bed.call(read).await.unwrap().unwrap().facts;
        if facts.is_empty() {
            return all;
        }
        all.extend(facts.into_iter().map(|fact| (fact.revision, fact.request_id, fact.id)));
    }
}

/// That the history is without a gap, and just what these calls made, each in its caller's name.
async fn assert_history(bed: &Bed, before: usize, results: &[Result<User, DbError>]) {
    let history = history(bed).await;
    let revisions: Vec<_> =
        history.iter().map(|(revision, ..)| usize::try_from(*revision).unwrap()).collect();
    assert_eq!(revisions, (1..=history.len()).collect::<Vec<_>>());
    let mut told: Vec<_> = history[before..].iter().map(|(_, request, id)| (request.clone(), *id)).collect();
    let done = results.iter().enumerate().filter_map(|(call, result)| Some((call, result.as_ref().ok()?)));
    let mut expected: Vec<_> = done.map(|(call, user)| (format!("call-{call}"), user.id)).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

fn stale() -> Conditions {
    Conditions { if_match: Some(Tags::parse("\"7\"").unwrap()), if_none_match: None }
}

async fn what_waits_is_carried_out_together_and_nothing_more(bed: &Bed) {
    let sizes = Arc::default();
    let calls: Vec<_> = (0..CALLS + 50).map(|_| Together(Arc::clone(&sizes))).collect();
    let results = together::<2, _>(bed, calls).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(*sizes.lock().unwrap(), [CALLS, 50]);
    bed.call(Together(Arc::clone(&sizes))).await.unwrap();
    assert_eq!(*sizes.lock().unwrap(), [CALLS, 50, 1], "who comes alone is carried out alone");
}

/// Calls of a kind that is carried out together come past another kind's only as long as their first has waited longer.
async fn whoever_waited_longest_is_not_overtaken_for_long(bed: &Bed) {
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (held, has_begun, end) = Held::<2>::new();
    let many = |count| (0..count).map(|_| bed.call(Together(Arc::clone(&sizes)))).collect::<Vec<_>>();
    let waiting = async {
        until_begun(&has_begun).await;
        let (first, second) = (many(CALLS + 1), many(2 * CALLS));
        let other = bed.call(Noted(Arc::clone(&sizes)));
        let ended = async { drop(end) };
        futures_util::future::join4(join_all(first), other, join_all(second), ended).await.1
    };
    let (held, other) = futures_util::future::join(bed.call(held), waiting).await;
    held.unwrap();
    other.unwrap();
    let expected = [CALLS, CALLS, Noted::SIZE, CALLS, 1];
    assert_eq!(*sizes.lock().unwrap(), expected, "after who had waited longer, and who fits beside them");
}

/// Waits until a held operation has begun, and lets the actors' mailbox be pumped meanwhile.
async fn until_begun(has_begun: &Receiver<()>) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while has_begun.try_recv().is_err() {
        assert!(Instant::now() < give_up, "the actor did not begin");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn a_batch_of_creates_leaves_out_who_wants_what_is_taken(bed: &Bed) {
    let there = create(json!({"userName": "U057", "externalId": "e111"}));
    bed.call(there).await.unwrap();
    let results = together::<2, _>(bed, creates(CALLS)).await;
    for (call, result) in results.iter().enumerate() {
        match (call, result) {
            (57, Err(DbError::Taken { attribute: "userName" })) => {}
            (111, Err(DbError::Taken { attribute: "externalId" })) => {}
            (_, Ok(user)) => assert_eq!(user.attributes.user_name, format!("u{call:03}")),
            (_, error) => panic!("{call}: {error:?}"),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), CALLS - 2);
    assert_history(bed, 1, &results).await;
    let left_out =
        together::<0, _>(bed, vec![named(UniqueKey::UserName, "u111"), named(UniqueKey::ExternalId, "e057")])
            .await;
    assert_eq!(left_out, [Ok(None), Ok(None)]);
    for user in results.into_iter().flatten() {
        assert_eq!(bed.call(Find { tenant: DEFAULT_TENANT, id: user.id }).await, Ok(user));
    }
}

async fn two_of_a_batch_that_want_the_same_get_it_once(bed: &Bed) {
    let body = |call: usize| match call % 4 {
        0 => json!({"userName": "Ada", "externalId": call.to_string()}),
        1 => json!({"userName": call.to_string(), "externalId": "same"}),
        2 => json!({"userName": "ADA", "externalId": "same"}),
        _ => json!({"userName": call.to_string()}),
    };
    let results = together::<2, _>(bed, (0..CALLS).map(|call| create(body(call))).collect()).await;
    let taken =
        |attribute| results.iter().filter(|result| **result == Err(DbError::Taken { attribute })).count();
    assert!(results.iter().skip(3).step_by(4).all(Result::is_ok));
    assert_eq!(results.iter().step_by(4).filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().skip(1).step_by(4).filter(|result| result.is_ok()).count(), 1);
    assert_eq!((taken("userName"), taken("externalId")), (99, 49));
    assert_history(bed, 0, &results).await;
}

async fn a_tenant_that_is_not_there_spoils_nobody_elses_create(bed: &Bed) {
    let mut calls = creates(CALLS);
    calls[63].tenant = Uuid::now_v7();
    let results = together::<2, _>(bed, calls).await;
    assert_eq!(results[63], Err(DbError::NotFound));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), CALLS - 1);
    assert_history(bed, 0, &results).await;
}

async fn a_batch_of_patches_leaves_out_what_cannot_be(bed: &Bed) {
    let users = made(bed, CALLS).await;
    let patches = users.iter().enumerate().map(|(call, user)| match call {
        10 => Patch { conditions: stale(), ..patch(user.id, json!({"title": "x"})) },
        20 => patch(user.id, json!({"userName": null})),
        30 => patch(Uuid::now_v7(), json!({"title": "x"})),
        40 => patch(user.id, json!({"userName": "U041"})),
        50 => patch(user.id, json!({"externalId": "e051"})),
        60 => Patch { tenant: Uuid::now_v7(), ..patch(user.id, json!({"title": "x"})) },
        _ => patch(user.id, json!({"title": format!("t{call}"), "emails": [{"value": format!("{call}@x")}]})),
    });
    let results = together::<2, _>(bed, patches.collect()).await;
    assert_eq!(results[10], Err(DbError::Precondition));
    assert!(matches!(results[20], Err(DbError::Invalid(_))));
    assert_eq!((&results[30], &results[60]), (&Err(DbError::NotFound), &Err(DbError::NotFound)));
    assert_eq!(results[40], Err(DbError::Taken { attribute: "userName" }));
    assert_eq!(results[50], Err(DbError::Taken { attribute: "externalId" }));
    for (call, (result, before)) in results.iter().zip(users).enumerate() {
        let now = bed.call(Find { tenant: DEFAULT_TENANT, id: before.id }).await.unwrap();
        match result {
            Ok(user) => {
                assert_eq!(user.attributes.title, Some(format!("t{call}")));
                assert_eq!((user.version, &now), (2, user));
            }
            Err(_) => assert_eq!(now, before, "{call}"),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), CALLS - 6);
    assert_history(bed, CALLS, &results).await;
}

async fn patches_of_one_user_follow_each_other(bed: &Bed) {
    let user = bed.create(json!({"userName": "ada"})).await.unwrap();
    let nth = |call: usize| {
        let patch = patch(user.id, json!({"custom": {call.to_string(): call}}));
        let second = Conditions { if_match: Some(Tags::parse("\"2\"").unwrap()), if_none_match: None };
        if call == 1 { Patch { conditions: second, ..patch } } else { patch }
    };
    let results = together::<2, _>(bed, (0..CALLS).map(nth).collect()).await;
    for (call, result) in results.iter().enumerate() {
        let user = result.as_ref().expect("all are right one after the other");
        let after = i64::try_from(call).unwrap() + 2;
        assert_eq!((user.version, user.attributes.custom.len()), (after, call + 1));
    }
    assert_eq!(
        bed.call(Find { tenant: DEFAULT_TENANT, id: user.id }).await.ok(),
        results[CALLS - 1].clone().ok()
    );
    assert_history(bed, 1, &results).await;
}

async fn a_panic_among_many_is_the_callers_own(bed: &Bed) {
    breaks(bed, Break::Panic).await;
}

async fn a_failed_statement_among_many_is_the_callers_own(bed: &Bed) {
    breaks(bed, Break::Statement).await;
}

async fn breaks(bed: &Bed, how: Break) {
    let calls = creates(CALLS).into_iter().enumerate();
    let calls =
        calls.map(|(call, create)| Brittle { operation: create, breaks: (call == 77).then_some(how) });
    let results = together::<2, _>(bed, calls.collect()).await;
    assert!(matches!(results[77], Err(DbError::Internal(_))), "{:?}", results[77]);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), CALLS - 1);
    assert_history(bed, 0, &results).await;
}

async fn twins_in_a_batch_are_made_once(bed: &Bed) {
    let answer = |user: &User| StoredResponse {
        status: 201,
        headers: Vec::new(),
        body: Some(user.attributes.user_name.clone()),
        resource: user.id,
    };
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
        // The last two have the same key for different bodies, those before them want a name that is taken.
        let name = if call < CALLS - 4 { call / 2 } else { call.max(CALLS - 3) / (CALLS - 2) * call };
        let body = json!({"userName": name.to_string()});
        Once { request: request(call, &body), operation: create(body), answer: Box::new(answer) }
    };
    let results = together::<2, _>(bed, (0..CALLS).map(once).collect()).await;
    let (twins, odd) = results.split_at(CALLS - 4);
    for pair in twins.chunks(2) {
        let [Ok(first), Ok(second)] = pair else { panic!("{pair:?}") };
        assert_eq!((first.replayed, second.replayed, &first.answer), (false, true, &second.answer));
    }
    let taken = Err(DbError::Taken { attribute: "userName" });
    assert_eq!(
        (&odd[0], &odd[1]),
        (&taken, &taken),
        "what fails leaves its name free for its twin to fail too"
    );
    assert!(matches!(odd[2], Ok(Answered { replayed: false, .. })));
    assert_eq!(odd[3], Err(DbError::KeyReused));
}

async fn a_batch_begins_no_call_that_is_late_or_left(bed: &Bed) {
    let mut calls = creates(4).into_iter();
    let (held, has_begun, end) = Held::<2>::new();
    let caller = origin("caller");
    let soon = Instant::now() + Duration::from_millis(300);
    let waiting = async {
        until_begun(&has_begun).await;
        let mut next = || calls.next().unwrap();
        let (first, last) = (bed.call(next()), bed.call(next()));
        let left = tokio::time::timeout(Duration::from_millis(1), bed.call(next()));
        let late = async {
            let result = bed.database.call_by(&caller, next(), soon).await;
            drop(end);
            result
        };
        futures_util::future::join4(first, last, left, late).await
    };
    let (held, (first, last, left, late)) = futures_util::future::join(bed.call(held), waiting).await;
    held.unwrap();
    assert_eq!(late, Err(DbError::DeadlinePassed));
    assert!(left.is_err());
    let made: Vec<_> = history(bed).await.into_iter().map(|(.., id)| id).collect();
    assert_eq!(made, [first.unwrap().id, last.unwrap().id]);
}

async fn users_are_read_together_each_its_own(bed: &Bed) {
    let users = made(bed, 50).await;
    let boss = json!({"enterprise": {"manager": {"value": users[1].id}}});
    let named = bed.call(patch(users[0].id, boss)).await.unwrap();
    let find = |call: usize| match call % 52 {
        50 => Find { tenant: DEFAULT_TENANT, id: Uuid::now_v7() },
        51 => Find { tenant: Uuid::now_v7(), id: users[3].id },
        known => Find { tenant: DEFAULT_TENANT, id: users[known].id },
    };
    let results = together::<0, _>(bed, (0..CALLS).map(find).collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        match call % 52 {
            0 => assert_eq!(result, Ok(named.clone())),
            50 | 51 => assert_eq!(result, Err(DbError::NotFound)),
            known => assert_eq!(result, Ok(users[known].clone())),
        }
    }
}

fn named(by: UniqueKey, name: &str) -> Named<User> {
    Named { tenant: DEFAULT_TENANT, by, name: name.to_owned(), source: NATIVE_SOURCE.into(), of: PhantomData }
}

async fn users_are_found_by_their_names_together(bed: &Bed) {
    let users = made(bed, 50).await;
    let of = |call: usize| match call % 4 {
        0 => named(UniqueKey::UserName, &format!("u{:03}", call % 50)),
        1 => named(UniqueKey::ExternalId, &format!("e{:03}", call % 50)),
        2 => named(UniqueKey::UserName, &format!("e{:03}", call % 50)),
        _ => Named { tenant: Uuid::now_v7(), ..named(UniqueKey::UserName, "u001") },
    };
    let results = together::<0, _>(bed, (0..CALLS).map(of).collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        let expected = (call % 4 < 2).then(|| users[call % 50].clone());
        assert_eq!(result, Ok(expected), "{call}");
    }
}

/// A row that somebody else holds is waited for by who wants it, and by nobody else.
#[test]
fn who_wants_a_locked_user_waits_alone() {
    run_with(Engine::Postgres, one_reader, async |bed| {
        let users = made(bed, CALLS).await;
        let mut other = sql::Sql::open(bed.url());
        other.execute(&format!("BEGIN; SELECT 1 FROM users WHERE id = '{}' FOR UPDATE", users[5].id));
        let patches = users.iter().map(|user| patch(user.id, json!({"title": "x"}))).collect();
        let done = async {
            let number = "SELECT count(*) AS number FROM users WHERE version = 2";
            let mut written = 0;
            while written == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                written = sql::Sql::open(bed.url()).number(number);
            }
            other.execute("COMMIT");
            written
        };
        let (results, written) = futures_util::future::join(together::<2, _>(bed, patches), done).await;
        assert_eq!(written, i64::try_from(CALLS).unwrap() - 1);
        assert!(results.iter().all(Result::is_ok));
    });
}

/// A batch is one transaction: PostgreSQL tells by its number, SQLite by the commits in its log.
#[test]
fn a_batch_is_one_transaction() {
    run_with(Engine::Postgres, one_reader, async |bed| {
        made(bed, CALLS).await;
        let number = "SELECT count(DISTINCT xmin::text) AS number FROM users";
        assert_eq!(sql::Sql::open(bed.url()).number(number), 1);
    });
    run_with(Engine::Sqlite, one_reader, async |bed| {
        bed.create(json!({"userName": "first"})).await.unwrap();
        let before = commits(bed.url());
        made(bed, CALLS).await;
        // One for who held the writer meanwhile.
        assert_eq!(commits(bed.url()) - before, 2);
    });
}

/// How many frames of a write-ahead log end a transaction: those that say how many pages the database has then.
fn commits(url: &str) -> usize {
    let log = std::fs::read(format!("{}-wal", url.strip_prefix("sqlite://").unwrap())).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (number(8) as usize, &log[16..24]);
    let frames = (32..log.len()).step_by(24 + page);
    frames.filter(|at| number(at + 4) != 0 && log[at + 8..at + 16] == *salt).count()
}
