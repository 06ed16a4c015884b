//! Members added and removed by many at once: each call keeps its own result, and nobody is lost.

use crate::contract::batches::together;
use crate::contract::bed::{Bed, Engine, NOON, origin, run};
use crate::contract::edits::edit;
use crate::contract::members::{add, group, people, put, remove, state};
use crate::contract::probes::{Break, Brittle};
use crate::support::sql::Sql;
use futures_util::future::join_all;
use roster::db::{Database, DbError};
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::domain::group::Group;
use roster::domain::member::Membership;
use roster::domain::user::User;
use roster::ops::members::{Add, Put, Remove};
use roster::ops::{groups, users};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    a_batch_of_additions_leaves_out_what_cannot_be,
    a_batch_of_removals_leaves_out_what_cannot_be,
    a_batch_of_bodies_leaves_out_what_cannot_be,
    a_panic_among_many_is_the_callers_own,
    a_failed_statement_among_many_is_the_callers_own,
    one_wins_what_all_of_a_batch_want,
);

/// How many calls are carried out together.
const CALLS: usize = 200;

/// The requests and versions of what happened to a group, in their order.
fn told(facts: &[ChangeRecord], group: &Group) -> Vec<(String, i64)> {
    let of_group = facts.iter().filter(|fact| fact.id == group.id && fact.resource == "member");
    of_group.map(|fact| (fact.request_id.clone(), fact.version)).collect()
}

/// What calls that moved a group's version by one each told of it.
fn one_by_one(calls: impl Iterator<Item = usize>) -> Vec<(String, i64)> {
    (2..).zip(calls).map(|(version, call)| (format!("call-{call}"), version)).collect()
}

async fn a_batch_of_additions_leaves_out_what_cannot_be(bed: &Bed) {
    let users = people(bed, CALLS).await;
    let [one, other] = [group(bed, "a").await, group(bed, "b").await];
    bed.call(put(&one, &users[30])).await.unwrap();
    let of = |call: usize| if call.is_multiple_of(2) { &one } else { &other };
    let puts = users.iter().enumerate().map(|(call, user)| match call {
        10 => Put { user: Uuid::now_v7(), ..put(&one, user) },
        20 => Put { group: Uuid::now_v7(), ..put(&one, user) },
        40 => put(&one, &users[38]),
        50 => Put { tenant: Uuid::now_v7(), ..put(&one, user) },
        call => put(of(call), user),
    });
    let results = together::<2, _>(bed, puts.collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        let expected = if [10, 20, 50].contains(&call) { Err(DbError::NotFound) } else { Ok(()) };
        assert_eq!(result, expected, "{call}");
    }
    let is_in = |call: &usize, group: &Group| of(*call).id == group.id && ![10, 20, 40, 50].contains(call);
    for group in [&one, &other] {
        let (members, version) = state(bed, group).await;
        let expected: Vec<_> =
            (0..CALLS).filter(|call| is_in(call, group)).map(|call| users[call].id).collect();
        assert_eq!(members, expected);
        assert_eq!(version, 1 + i64::try_from(expected.len()).unwrap());
    }
    let facts = bed.facts().await;
    assert_eq!(told(&facts, &other), one_by_one((1..CALLS).step_by(2)));
    let mut expected = vec![("test".to_owned(), 2)];
    let calls = (0..CALLS).filter(|call| is_in(call, &one) && *call != 30);
    expected.extend(calls.zip(3..).map(|(call, version)| (format!("call-{call}"), version)));
    assert_eq!(told(&facts, &one), expected);
}

async fn a_batch_of_removals_leaves_out_what_cannot_be(bed: &Bed) {
    let users = people(bed, CALLS).await;
    let group = group(bed, "a").await;
    bed.call(add(&group, &users)).await.unwrap();
    let removals = users.iter().enumerate().map(|(call, user)| match call {
        10 => Remove { user: Uuid::now_v7(), ..remove(&group, user) },
        20 => Remove { group: Uuid::now_v7(), ..remove(&group, user) },
        40 => remove(&group, &users[38]),
        50 => Remove { tenant: Uuid::now_v7(), ..remove(&group, user) },
        _ => remove(&group, user),
    });
    let results = together::<2, _>(bed, removals.collect()).await;
    let stay = [10, 20, 40, 50];
    for (call, result) in results.into_iter().enumerate() {
        let expected = if stay.contains(&call) { Err(DbError::NotFound) } else { Ok(()) };
        assert_eq!(result, expected, "{call}");
    }
    let left: Vec<_> = stay.iter().map(|call| users[*call].id).collect();
    assert_eq!(state(bed, &group).await, (left, 2 + 196));
    let facts = bed.facts().await;
    let calls = (0..CALLS).filter(|call| !stay.contains(call));
    let expected: Vec<_> = calls.zip(3..).map(|(call, version)| (format!("call-{call}"), version)).collect();
    assert_eq!(told(&facts, &group)[CALLS..], expected);
}

/// Additions of several users each: more than are carried out together, all of the same ten users and one of their own.
async fn a_batch_of_bodies_leaves_out_what_cannot_be(bed: &Bed) {
    let users = people(bed, 60).await;
    let group = group(bed, "a").await;
    let body = |call: usize| {
        let mut ids: Vec<_> = users[..10].iter().chain([&users[10 + call]]).map(|user| user.id).collect();
        if call == 7 {
            ids[3] = Uuid::now_v7();
        }
        Add { users: ids, ..add(&group, &[]) }
    };
    let results = together::<2, _>(bed, (0..50).map(body).collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        match call {
            7 => {
                let Err(DbError::Invalid(errors)) = result else { panic!("{result:?}") };
                assert_eq!((errors.len(), errors[0].pointer.as_str()), (1, "/userIds/3"));
            }
            _ => assert_eq!(result, Ok(())),
        }
    }
    let mut expected: Vec<_> = users.iter().map(|user| user.id).collect();
    expected.remove(17);
    assert_eq!(state(bed, &group).await, (expected, 1 + 49));
    let told = told(&bed.facts().await, &group);
    assert_eq!(told[..11], vec![("call-0".to_owned(), 2); 11]);
    let rest: Vec<_> = told[10..].to_vec();
    assert_eq!(rest, one_by_one((0..50).filter(|call| *call != 7)));
}

async fn a_panic_among_many_is_the_callers_own(bed: &Bed) {
    breaks(bed, Break::Panic).await;
}

async fn a_failed_statement_among_many_is_the_callers_own(bed: &Bed) {
    breaks(bed, Break::Statement).await;
}

async fn breaks(bed: &Bed, how: Break) {
    let users = people(bed, CALLS).await;
    let group = group(bed, "a").await;
    let brittle =
        |(call, user)| Brittle { operation: put(&group, user), breaks: (call == 77).then_some(how) };
    let results = together::<2, _>(bed, users.iter().enumerate().map(brittle).collect()).await;
    assert!(matches!(results[77], Err(DbError::Internal(_))), "{:?}", results[77]);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), CALLS - 1);
    let mut expected: Vec<_> = users.iter().map(|user| user.id).collect();
    expected.remove(77);
    assert_eq!(state(bed, &group).await, (expected, i64::try_from(CALLS).unwrap()));
    assert_eq!(told(&bed.facts().await, &group), one_by_one((0..CALLS).filter(|call| *call != 77)));
}

async fn one_wins_what_all_of_a_batch_want(bed: &Bed) {
    let users = people(bed, 1).await;
    let group = group(bed, "a").await;
    let results = together::<2, _>(bed, (0..CALLS).map(|_| put(&group, &users[0])).collect()).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(state(bed, &group).await, (vec![users[0].id], 2));
    let results = together::<2, _>(bed, (0..CALLS).map(|_| remove(&group, &users[0])).collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!((&results[0], &results[1]), (&Ok(()), &Err(DbError::NotFound)));
    assert_eq!(state(bed, &group).await, (vec![], 3));
    let told = told(&bed.facts().await, &group);
    assert_eq!(told, [("call-0".to_owned(), 2), ("call-0".to_owned(), 3)]);
}

/// How many tasks there are, and how many groups.
const TASKS: usize = 64;
const GROUPS: usize = 4;

/// Tasks over several doors, each with users of its own: what each has done last is what is there in the end.
#[test]
fn nobody_is_lost_whoever_comes_and_goes() {
    for engine in [Engine::Sqlite, Engine::Memory, Engine::Postgres] {
        run(engine, async |bed| {
            let others = match engine {
                // Another door would be to another database.
                Engine::Memory => Vec::new(),
                _ => (0..2).map(|_| Database::start(&bed.options).unwrap()).collect(),
            };
            let doors: Vec<_> = std::iter::once(&bed.database).chain(&others).collect();
            come_and_go(bed, &doors).await;
            for door in others {
                door.close().await;
            }
        });
    }
}

async fn come_and_go(bed: &Bed, doors: &[&Database]) {
    let users = people(bed, TASKS * 2).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c", "d"] {
        groups.push(group(bed, name).await);
    }
    let tasks = (0..TASKS).map(|task| {
        let door = doors[task % doors.len()];
        come_and_go_as(door, task, &groups, [&users[2 * task], &users[2 * task + 1]])
    });
    // Whoever was deleted meanwhile has left, too.
    let done: Vec<_> = join_all(tasks).await;
    for (index, group) in groups.iter().enumerate() {
        let (members, version) = state(bed, group).await;
        let expected: BTreeSet<_> = done.iter().flat_map(|task| task.members[index].clone()).collect();
        assert_eq!(members, expected.into_iter().collect::<Vec<_>>());
        let changes: i64 = done.iter().map(|task| task.changes[index]).sum();
        assert_eq!(version, 1 + changes, "each request that changed something moved it once");
    }
    let facts = bed.facts().await;
    let revisions: Vec<_> = facts.iter().map(|fact| fact.revision).collect();
    assert_eq!(revisions, (1..).take(facts.len()).collect::<Vec<_>>());
}

/// What a task has left behind in each group, and how many of its requests have changed it.
#[derive(Default)]
struct Done {
    members: [BTreeSet<Uuid>; GROUPS],
    changes: [i64; GROUPS],
}

async fn come_and_go_as(door: &Database, task: usize, groups: &[Group], users: [&User; 2]) -> Done {
    let mut done = Done::default();
    let me = origin(&format!("task-{task}"));
    for round in 0..12 {
        // All want the first group, and a few the last.
        let index = if round % 2 == 0 { 0 } else { (task * round) % GROUPS };
        let (group, user) = (&groups[index], users[round % 3 % 2]);
        let (members, changes) = (&mut done.members[index], &mut done.changes[index]);
        let changed = match (task + round) % 6 {
            0 | 1 => {
                door.call(&me, put(group, user)).await.unwrap();
                members.insert(user.id)
            }
            2 => {
                let both = Add { users: users.map(|user| user.id).to_vec(), ..add(group, &[]) };
                door.call(&me, both).await.unwrap();
                let before = members.len();
                members.extend(users.map(|user| user.id));
                members.len() > before
            }
            3 => {
                let (comes, goes) = (user.id, users[1 - round % 3 % 2].id);
                let swap = move |membership: &mut Membership| {
                    membership.remove([goes]);
                    membership.add([comes]);
                };
                door.call(&me, edit(group, json!({}), swap)).await.unwrap().unwrap();
                let went = members.remove(&goes);
                members.insert(comes) || went
            }
            _ => {
                let was_in = members.remove(&user.id);
                let expected = if was_in { Ok(()) } else { Err(DbError::NotFound) };
                assert_eq!(door.call(&me, remove(group, user)).await, expected);
                was_in
            }
        };
        *changes += i64::from(changed);
    }
    if task.is_multiple_of(8) {
        delete(door, users[1], &mut done).await;
    }
    done
}

async fn delete(door: &Database, user: &User, done: &mut Done) {
    let (id, conditions, now) = (user.id, Default::default(), NOON.into());
    door.call(&origin("delete"), users::Delete { tenant: DEFAULT_TENANT, id, conditions, now })
        .await
        .unwrap();
    for (members, changes) in done.members.iter_mut().zip(&mut done.changes) {
        *changes += i64::from(members.remove(&user.id));
    }
}

/// Users and groups go while others put the ones into the others: whoever is answered that it was done was right.
#[test]
fn what_goes_while_it_is_wanted_leaves_nothing() {
    for engine in [Engine::Sqlite, Engine::Memory, Engine::Postgres] {
        run(engine, async |bed| {
            for round in 0..10 {
                let user = bed.create(json!({"userName": format!("r{round}")})).await.unwrap();
                let group = group(bed, "a").await;
                let (id, conditions, now) = (group.id, Default::default(), NOON.into());
                let gone = groups::Delete { tenant: DEFAULT_TENANT, id, conditions, now };
                let puts = join_all((0..20).map(|_| bed.call(put(&group, &user))));
                let goes = async {
                    if round % 2 == 0 {
                        bed.call(gone).await.unwrap();
                    } else {
                        let mut done = Done::default();
                        delete(&bed.database, &user, &mut done).await;
                    }
                };
                let (results, ()) = futures_util::future::join(puts, goes).await;
                assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(DbError::NotFound))));
                if round % 2 == 1 {
                    let (members, _) = state(bed, &group).await;
                    assert!(members.is_empty(), "{members:?}");
                }
            }
        });
    }
}

/// A row that somebody else holds is waited for by who wants it, and by nobody else.
#[test]
fn who_wants_a_locked_group_or_user_waits_alone() {
    run(Engine::Postgres, async |bed| {
        let users = people(bed, CALLS).await;
        let [one, other] = [group(bed, "a").await, group(bed, "b").await];
        for (table, locked) in [("groups", one.id), ("users", users[0].id)] {
            let mut holder = Sql::open(bed.url());
            holder.execute(&format!("BEGIN; SELECT 1 FROM {table} WHERE id = '{locked}' FOR UPDATE"));
            let of = |call: usize| if call == 0 { &one } else { &other };
            let puts = users.iter().enumerate().map(|(call, user)| put(of(call), user)).collect();
            let done = async {
                let written =
                    format!("SELECT count(*) AS number FROM members WHERE group_id = '{}'", other.id);
                let mut watcher = Sql::open(bed.url());
                let until_they_are = async {
                    while watcher.number(&written) != i64::try_from(CALLS).unwrap() - 1 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let waited = tokio::time::timeout(Duration::from_secs(4), until_they_are).await;
                holder.execute("COMMIT");
                waited.unwrap_or_else(|_| panic!("{table}: the others wait, too"));
            };
            let (results, ()) = futures_util::future::join(together::<2, _>(bed, puts), done).await;
            assert!(results.iter().all(Result::is_ok));
            assert_eq!((state(bed, &one).await.0.len(), state(bed, &other).await.0.len()), (1, CALLS - 1));
            let leave = users.iter().enumerate().map(|(call, user)| remove(of(call), user));
            join_all(leave.map(|call| bed.call(call))).await.into_iter().for_each(Result::unwrap);
        }
    });
}
