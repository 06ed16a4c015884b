//! Concurrent additions and removals of members: each call has its own result, and no membership is lost.

use crate::contract::edits::edit;
use crate::contract::fixture::{Engine, TestDatabase, if_match, origin, run};
use crate::contract::groups::delete as delete_group;
use crate::contract::members::{add, create_group, create_users, ids, members_and_version, put, remove};
use crate::contract::probes::{FAILING, Failure, call_queued, call_queued_with_failure, succeeded};
use crate::contract::users::delete as delete_user;
use crate::support::sql::Sql;
use futures_util::future::{join, join_all};
use roster::db::Database;
use roster::domain::change::ChangeRecord;
use roster::domain::group::Group;
use roster::domain::member::MembershipEdit;
use roster::domain::user::User;
use roster::ops::OpError;
use roster::ops::members::{Add, Put, Remove};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    a_batch_of_single_additions_rejects_only_the_invalid_ones,
    a_batch_of_removals_rejects_only_the_invalid_ones,
    a_batch_of_bulk_additions_rejects_only_the_invalid_one,
    of_a_batch_with_the_same_condition_one_call_succeeds,
    a_panic_fails_only_its_own_call,
    a_failed_statement_fails_only_its_own_call,
    a_batch_adds_or_removes_the_same_member_once,
);

/// The size of the largest batch.
const CALLS: usize = 200;

/// The request id and version of each change to a group's members, oldest first.
fn member_changes(changes: &[ChangeRecord], group: &Group) -> Vec<(String, i64)> {
    let of_group = changes.iter().filter(|change| change.id == group.id && change.resource == "member");
    of_group.map(|change| (change.request_id.clone(), change.version)).collect()
}

/// The member changes expected from calls that each add one version, beginning with `first`.
fn one_version_each(first: i64, calls: impl Iterator<Item = usize>) -> Vec<(String, i64)> {
    (first..).zip(calls).map(|(version, call)| (format!("call-{call}"), version)).collect()
}

async fn a_batch_of_single_additions_rejects_only_the_invalid_ones(db: &TestDatabase) {
    let users = create_users(db, CALLS).await;
    let [even, odd] = [create_group(db, "a").await, create_group(db, "b").await];
    db.call(put(&even, &users[30])).await.unwrap();
    let group_of = |call: usize| if call.is_multiple_of(2) { &even } else { &odd };
    let puts = users.iter().enumerate().map(|(call, user)| match call {
        10 => Put { user: Uuid::now_v7(), ..put(&even, user) },
        20 => Put { group: Uuid::now_v7(), ..put(&even, user) },
        // Added by call 38 of the same batch.
        40 => put(&even, &users[38]),
        50 => Put { tenant: Uuid::now_v7(), ..put(&even, user) },
        call => put(group_of(call), user),
    });
    let results = call_queued(db, puts.collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        let expected = if [10, 20, 50].contains(&call) { Err(OpError::NotFound) } else { Ok(()) };
        assert_eq!(result, expected, "{call}");
    }
    let adds_to =
        |call: &usize, group: &Group| group_of(*call).id == group.id && ![10, 20, 40, 50].contains(call);
    for group in [&even, &odd] {
        let (members, version) = members_and_version(db, group).await;
        let expected: Vec<_> =
            (0..CALLS).filter(|call| adds_to(call, group)).map(|call| users[call].id).collect();
        assert_eq!(members, expected);
        assert_eq!(version, 1 + i64::try_from(expected.len()).unwrap());
    }
    let changes = db.changes().await;
    assert_eq!(member_changes(&changes, &odd), one_version_each(2, (1..CALLS).step_by(2)));
    let mut expected = vec![("test".to_owned(), 2)];
    let new = (0..CALLS).filter(|call| adds_to(call, &even) && *call != 30);
    expected.extend(one_version_each(3, new));
    assert_eq!(member_changes(&changes, &even), expected);
}

async fn a_batch_of_removals_rejects_only_the_invalid_ones(db: &TestDatabase) {
    let users = create_users(db, CALLS).await;
    let group = create_group(db, "a").await;
    db.call(add(&group, &users)).await.unwrap();
    let removals = users.iter().enumerate().map(|(call, user)| match call {
        10 => Remove { user: Uuid::now_v7(), ..remove(&group, user) },
        20 => Remove { group: Uuid::now_v7(), ..remove(&group, user) },
        // Removed by call 38 of the same batch.
        40 => remove(&group, &users[38]),
        50 => Remove { tenant: Uuid::now_v7(), ..remove(&group, user) },
        _ => remove(&group, user),
    });
    let results = call_queued(db, removals.collect()).await;
    let invalid = [10, 20, 40, 50];
    for (call, result) in results.into_iter().enumerate() {
        let expected = if invalid.contains(&call) { Err(OpError::NotFound) } else { Ok(()) };
        assert_eq!(result, expected, "{call}");
    }
    let remaining: Vec<_> = invalid.iter().map(|call| users[*call].id).collect();
    assert_eq!(members_and_version(db, &group).await, (remaining, 2 + 196));
    let expected = one_version_each(3, (0..CALLS).filter(|call| !invalid.contains(call)));
    assert_eq!(member_changes(&db.changes().await, &group)[CALLS..], expected);
}

/// Every call requires the version that only the first call finds.
async fn of_a_batch_with_the_same_condition_one_call_succeeds(db: &TestDatabase) {
    let users = create_users(db, 50).await;
    let group = create_group(db, "a").await;
    let puts = users.iter().map(|user| Put { conditions: if_match(1), ..put(&group, user) });
    let results = call_queued(db, puts.collect()).await;
    assert_eq!(results.iter().filter(|result| **result == Ok(())).count(), 1);
    let mismatch = Err(OpError::PreconditionFailed(Some(2)));
    assert_eq!(results.iter().filter(|result| **result == mismatch).count(), 49);
    db.call(add(&group, &users)).await.unwrap();
    let removals = users.iter().map(|user| Remove { conditions: if_match(3), ..remove(&group, user) });
    let results = call_queued(db, removals.collect()).await;
    assert_eq!(results.iter().filter(|result| **result == Ok(())).count(), 1);
    assert_eq!(members_and_version(db, &group).await.1, 4);
}

/// Each of 50 calls adds the same ten users and one of its own.
async fn a_batch_of_bulk_additions_rejects_only_the_invalid_one(db: &TestDatabase) {
    let users = create_users(db, 60).await;
    let group = create_group(db, "a").await;
    let addition = |call: usize| {
        let mut ids: Vec<_> = users[..10].iter().chain([&users[10 + call]]).map(|user| user.id).collect();
        if call == 7 {
            ids[3] = Uuid::now_v7();
        }
        Add { users: ids, ..add(&group, &[]) }
    };
    let results = call_queued(db, (0..50).map(addition).collect()).await;
    for (call, result) in results.into_iter().enumerate() {
        match call {
            7 => {
                let Err(OpError::Invalid(errors)) = result else { panic!("{result:?}") };
                assert_eq!((errors.len(), errors[0].pointer.as_str()), (1, "/userIds/3"));
            }
            _ => assert_eq!(result, Ok(())),
        }
    }
    let mut expected = ids(&users);
    expected.remove(17);
    assert_eq!(members_and_version(db, &group).await, (expected, 1 + 49));
    let changes = member_changes(&db.changes().await, &group);
    assert_eq!(changes[..11], vec![("call-0".to_owned(), 2); 11]);
    assert_eq!(changes[10..], one_version_each(2, (0..50).filter(|call| *call != 7)));
}

async fn a_panic_fails_only_its_own_call(db: &TestDatabase) {
    check_one_failure(db, Failure::Panic).await;
}

async fn a_failed_statement_fails_only_its_own_call(db: &TestDatabase) {
    check_one_failure(db, Failure::Statement).await;
}

async fn check_one_failure(db: &TestDatabase, failure: Failure) {
    let users = create_users(db, CALLS).await;
    let group = create_group(db, "a").await;
    call_queued_with_failure(db, users.iter().map(|user| put(&group, user)), failure).await;
    let mut expected = ids(&users);
    expected.remove(FAILING);
    assert_eq!(members_and_version(db, &group).await, (expected, i64::try_from(CALLS).unwrap()));
    let expected = one_version_each(2, (0..CALLS).filter(|call| *call != FAILING));
    assert_eq!(member_changes(&db.changes().await, &group), expected);
}

async fn a_batch_adds_or_removes_the_same_member_once(db: &TestDatabase) {
    let users = create_users(db, 1).await;
    let group = create_group(db, "a").await;
    let results = call_queued(db, (0..CALLS).map(|_| put(&group, &users[0])).collect()).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(members_and_version(db, &group).await, (vec![users[0].id], 2));
    let results = call_queued(db, (0..CALLS).map(|_| remove(&group, &users[0])).collect()).await;
    assert_eq!(succeeded(&results), 1);
    assert_eq!((&results[0], &results[1]), (&Ok(()), &Err(OpError::NotFound)));
    assert_eq!(members_and_version(db, &group).await, (vec![], 3));
    let changes = member_changes(&db.changes().await, &group);
    assert_eq!(changes, [("call-0".to_owned(), 2), ("call-0".to_owned(), 3)]);
}

const TASKS: usize = 64;
const GROUPS: usize = 4;

/// Tasks write through several database handles, each with its own users, and record what they did. In the end the
/// groups have exactly the recorded members.
#[test]
fn concurrent_membership_changes_are_not_lost() {
    for engine in [Engine::Sqlite, Engine::Memory, Engine::Postgres] {
        run(engine, async |db| {
            let others = match engine {
                // Another handle would open another database.
                Engine::Memory => Vec::new(),
                _ => (0..2).map(|_| Database::start(&db.options).unwrap()).collect(),
            };
            let databases: Vec<_> = std::iter::once(&db.database).chain(&others).collect();
            change_concurrently(db, &databases).await;
            for database in others {
                database.close().await;
            }
        });
    }
}

async fn change_concurrently(db: &TestDatabase, databases: &[&Database]) {
    let users = create_users(db, TASKS * 2).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c", "d"] {
        groups.push(create_group(db, name).await);
    }
    let tasks = (0..TASKS).map(|task| {
        let database = databases[task % databases.len()];
        change_memberships(database, task, &groups, [&users[2 * task], &users[2 * task + 1]])
    });
    let done: Vec<_> = join_all(tasks).await;
    for (index, group) in groups.iter().enumerate() {
        let (members, version) = members_and_version(db, group).await;
        let expected: BTreeSet<_> = done.iter().flat_map(|task| task.members[index].clone()).collect();
        assert_eq!(members, expected.into_iter().collect::<Vec<_>>());
        let changes: i64 = done.iter().map(|task| task.changes[index]).sum();
        assert_eq!(version, 1 + changes, "each effective call adds one version");
    }
    let changes = db.changes().await;
    let revisions: Vec<_> = changes.iter().map(|change| change.revision).collect();
    assert_eq!(revisions, (1..).take(changes.len()).collect::<Vec<_>>());
}

/// The members that remain in each group after a task, and how many of its calls changed that group.
#[derive(Default)]
struct TaskResult {
    members: [BTreeSet<Uuid>; GROUPS],
    changes: [i64; GROUPS],
}

impl TaskResult {
    /// Deletes a user, which also removes it from the groups.
    async fn delete(&mut self, database: &Database, user: &User) {
        database.call(&origin("delete"), delete_user(user.id)).await.unwrap();
        for (members, changes) in self.members.iter_mut().zip(&mut self.changes) {
            *changes += i64::from(members.remove(&user.id));
        }
    }
}

async fn change_memberships(
    database: &Database,
    task: usize,
    groups: &[Group],
    users: [&User; 2],
) -> TaskResult {
    let mut result = TaskResult::default();
    let origin = origin(&format!("task-{task}"));
    for round in 0..12 {
        // Most calls contend for the first group, a few for the others.
        let index = if round % 2 == 0 { 0 } else { (task * round) % GROUPS };
        let (group, user) = (&groups[index], users[round % 3 % 2]);
        let (members, changes) = (&mut result.members[index], &mut result.changes[index]);
        let changed = match (task + round) % 6 {
            0 | 1 => {
                database.call(&origin, put(group, user)).await.unwrap();
                members.insert(user.id)
            }
            2 => {
                let both = Add { users: users.map(|user| user.id).to_vec(), ..add(group, &[]) };
                database.call(&origin, both).await.unwrap();
                let before = members.len();
                members.extend(users.map(|user| user.id));
                members.len() > before
            }
            3 => {
                let (added, removed) = (user.id, users[1 - round % 3 % 2].id);
                let swap = move |membership: &mut MembershipEdit| {
                    membership.remove([removed]);
                    membership.add([added]);
                };
                database.call(&origin, edit(group, json!({}), swap)).await.unwrap().unwrap();
                let was_member = members.remove(&removed);
                members.insert(added) || was_member
            }
            _ => {
                let was_member = members.remove(&user.id);
                let expected = if was_member { Ok(()) } else { Err(OpError::NotFound) };
                assert_eq!(database.call(&origin, remove(group, user)).await, expected);
                was_member
            }
        };
        *changes += i64::from(changed);
    }
    if task.is_multiple_of(8) {
        result.delete(database, users[1]).await;
    }
    result
}

/// Users or groups are deleted while calls add the users to the groups.
#[test]
fn additions_concurrent_with_a_delete_leave_no_members() {
    for engine in [Engine::Sqlite, Engine::Memory, Engine::Postgres] {
        run(engine, async |db| {
            for round in 0..10 {
                let user = db.create_user(json!({"userName": format!("r{round}")})).await.unwrap();
                let group = create_group(db, "a").await;
                let puts = join_all((0..20).map(|_| db.call(put(&group, &user))));
                let delete = async {
                    match round % 2 {
                        0 => db.call(delete_group(group.id)).await.unwrap(),
                        _ => db.call(delete_user(user.id)).await.unwrap(),
                    }
                };
                let (results, ()) = join(puts, delete).await;
                assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(OpError::NotFound))));
                if round % 2 == 1 {
                    let (members, _) = members_and_version(db, &group).await;
                    assert!(members.is_empty(), "{members:?}");
                }
            }
        });
    }
}

/// Another session holds a lock on one row: only the call that needs that row waits for it.
#[test]
fn a_locked_group_or_user_delays_only_its_own_call() {
    run(Engine::Postgres, async |db| {
        let users = create_users(db, CALLS).await;
        let [first, other] = [create_group(db, "a").await, create_group(db, "b").await];
        for (table, locked) in [("groups", first.id), ("users", users[0].id)] {
            let mut holder = Sql::open(db.url());
            holder.execute(&format!("BEGIN; SELECT 1 FROM {table} WHERE id = '{locked}' FOR UPDATE"));
            let group_of = |call: usize| if call == 0 { &first } else { &other };
            let puts = users.iter().enumerate().map(|(call, user)| put(group_of(call), user)).collect();
            let unlock = async {
                let added = format!("SELECT count(*) AS number FROM members WHERE group_id = '{}'", other.id);
                let mut watcher = Sql::open(db.url());
                let others_added = async {
                    while watcher.number(&added) != i64::try_from(CALLS).unwrap() - 1 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let waited = tokio::time::timeout(Duration::from_secs(4), others_added).await;
                holder.execute("COMMIT");
                waited.unwrap_or_else(|_| panic!("{table}: the other calls wait as well"));
            };
            let (results, ()) = join(call_queued(db, puts), unlock).await;
            assert!(results.iter().all(Result::is_ok));
            let counts = (
                members_and_version(db, &first).await.0.len(),
                members_and_version(db, &other).await.0.len(),
            );
            assert_eq!(counts, (1, CALLS - 1));
            let removals = users.iter().enumerate().map(|(call, user)| remove(group_of(call), user));
            join_all(removals.map(|call| db.call(call))).await.into_iter().for_each(Result::unwrap);
        }
    });
}
