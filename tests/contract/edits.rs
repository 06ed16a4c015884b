//! Groups written together with who is in them, and read so.

use crate::contract::bed::{Bed, Engine, NOON, create_group, origin, run};
use crate::contract::members::{add, group, ids, people, put, remove, state, told};
use crate::support::sql::Sql;
use futures_util::future::join_all;
use roster::db::{DbError, Operation};
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::{Conditions, Tags};
use roster::domain::fields::FieldError;
use roster::domain::group::{Draft, Group};
use roster::domain::member::{Member, Membership};
use roster::ops::groups::{Create, Edit, Find};
use roster::ops::members::{Everybody, NamesOf, Whole};
use roster::ops::read_back::ReadBack;
use roster::ops::users;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    all_is_written_in_one_step,
    what_changes_nothing_moves_nothing,
    a_list_replaces_who_is_there,
    longer_lists_than_are_looked_up_at_once_are_replaced,
    nothing_is_done_when_somebody_is_not_there,
    nothing_is_done_when_nobody_needed_is_there,
    what_the_database_refuses_leaves_the_members,
    a_refusal_comes_after_the_conditions,
    a_group_is_created_with_its_members,
    whoever_is_deleted_meanwhile_is_in_no_list,
    groups_are_read_with_all_their_members,
    what_was_written_is_read_in_the_same_transaction,
    users_are_told_what_their_groups_are_called,
);

/// Patches a group, and changes who is in it.
pub(crate) fn edit(
    group: &Group,
    patch: Value,
    change: impl Fn(&mut Membership) + Send + Sync + 'static,
) -> impl Operation<Output = Result<Group, Vec<FieldError>>> {
    edit_on(group, Conditions::default(), patch, change)
}

fn edit_on(
    group: &Group,
    conditions: Conditions,
    patch: Value,
    change: impl Fn(&mut Membership) + Send + Sync + 'static,
) -> impl Operation<Output = Result<Group, Vec<FieldError>>> {
    let edit = move |group: &Group| {
        let mut members = Membership::default();
        change(&mut members);
        Ok((Draft::patch(group, &patch)?, members))
    };
    Edit { tenant: DEFAULT_TENANT, id: group.id, edit, conditions, now: NOON.into() }
}

/// The users in the order of their ids, in a group with all but the last.
async fn settled(bed: &Bed, count: usize) -> (Group, Vec<Uuid>) {
    let (group, users) = (group(bed, "a").await, people(bed, count).await);
    bed.call(add(&group, &users[..count - 1])).await.unwrap();
    (group, ids(&users))
}

async fn all_is_written_in_one_step(bed: &Bed) {
    let (group, users) = settled(bed, 4).await;
    let before = bed.facts().await.len();
    let (gone, new) = (users[1], users[3]);
    let swap = move |members: &mut Membership| {
        members.add([gone, new]);
        members.remove([gone]);
    };
    let call = edit(&group, json!({"displayName": "b"}), swap);
    let after = bed.database.call(&origin("me"), call).await.unwrap().unwrap();
    assert_eq!((after.attributes.display_name.as_str(), after.member_count, after.version), ("b", 3, 3));
    assert_eq!(bed.call(Find { tenant: DEFAULT_TENANT, id: group.id }).await.unwrap(), after);
    assert_eq!(state(bed, &group).await, (vec![users[0], users[2], users[3]], 3));
    let facts = bed.facts().await.split_off(before);
    let expected = [
        ("group.updated", group.id, None, 3, "me"),
        ("member.removed", group.id, Some(gone), 3, "me"),
        ("member.added", group.id, Some(new), 3, "me"),
    ];
    assert_eq!(told(&facts), expected);
    assert!(facts.iter().all(|fact| fact.time == after.updated_at));
    assert_eq!(facts[0].after.as_ref().unwrap().keys().collect::<Vec<_>>(), ["displayName"]);
}

async fn what_changes_nothing_moves_nothing(bed: &Bed) {
    let (group, users) = settled(bed, 3).await;
    let before = bed.facts().await.len();
    let (there, absent, nobody) = (users[0], users[2], Uuid::now_v7());
    let same = move |members: &mut Membership| {
        members.add([there]);
        members.remove([absent, nobody]);
    };
    let after = bed.call(edit(&group, json!({"displayName": "a"}), same)).await.unwrap().unwrap();
    assert_eq!((after.version, after.member_count), (2, 2));
    let list = users[..2].to_vec();
    let exactly = move |members: &mut Membership| {
        members.remove_all();
        members.add(list.clone());
    };
    bed.call(edit(&group, json!({}), exactly)).await.unwrap().unwrap();
    assert_eq!(state(bed, &group).await, (users[..2].to_vec(), 2));
    assert_eq!(bed.facts().await.len(), before);
}

/// Only who comes and who goes is told; who stays keeps the time since when.
async fn a_list_replaces_who_is_there(bed: &Bed) {
    let (group, users) = settled(bed, 5).await;
    let [other, before] = [crate::contract::members::group(bed, "b").await, group.clone()];
    let everyone = users[..2].to_vec();
    bed.call(edit(&other, json!({}), move |members| members.add(everyone.clone()))).await.unwrap().unwrap();
    let count = bed.facts().await.len();
    let list = [users[4], users[1], users[4]];
    let exactly = move |members: &mut Membership| {
        members.add([Uuid::now_v7()]);
        members.remove_all();
        members.add(list);
    };
    let after = bed.call(edit(&before, json!({}), exactly)).await.unwrap().unwrap();
    assert_eq!((after.version, after.member_count), (3, 2));
    assert_eq!(state(bed, &group).await, (vec![users[1], users[4]], 3));
    let row = |kind, user: usize| (kind, group.id, Some(users[user]), 3, "test");
    let expected = [
        row("member.removed", 0),
        row("member.removed", 2),
        row("member.removed", 3),
        row("member.added", 4),
    ];
    assert_eq!(told(&bed.facts().await[count..]), expected);
    assert_eq!(state(bed, &other).await, (users[..2].to_vec(), 2));
    bed.call(edit(&before, json!({}), Membership::remove_all)).await.unwrap().unwrap();
    assert_eq!(state(bed, &group).await, (vec![], 4));
}

async fn longer_lists_than_are_looked_up_at_once_are_replaced(bed: &Bed) {
    let group = group(bed, "a").await;
    let mut users = Vec::new();
    for first in (0..2_300).step_by(500) {
        let create = |index| bed.create(json!({"userName": format!("n{index}")}));
        let created = join_all((first..2_300).take(500).map(create)).await;
        users.extend(created.into_iter().map(|user| user.unwrap().id));
    }
    users.sort_unstable();
    let lists = [&users[..2_100], &users[100..], &users[..1]];
    for (version, list) in (2..).zip(lists) {
        let exact = list.to_vec();
        let exactly = move |members: &mut Membership| {
            members.remove_all();
            members.add(exact.clone());
        };
        bed.call(edit(&group, json!({}), exactly)).await.unwrap().unwrap();
        let whole = Whole { tenant: DEFAULT_TENANT, groups: vec![group.id], most: i64::MAX };
        let (after, members) = bed.call(whole).await.unwrap().remove(&group.id).unwrap();
        assert_eq!((after.version, usize::try_from(after.member_count)), (version, Ok(list.len())));
        assert_eq!(members.iter().map(|member| member.user_id).collect::<Vec<_>>(), list);
    }
}

async fn nothing_is_done_when_somebody_is_not_there(bed: &Bed) {
    let (group, users) = settled(bed, 3).await;
    let before = bed.facts().await.len();
    let (nobody, new) = (Uuid::now_v7(), users[2]);
    let name = json!({"displayName": "b"});
    let wrong = edit(&group, name.clone(), move |members| members.add([new, nobody]));
    let Err(DbError::Invalid(errors)) = bed.call(wrong).await else { panic!("one is not there") };
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((error.pointer.as_str(), error.code), ("/members", "unknown-user"));
    assert!(error.detail.contains(&nobody.to_string()));
    let mut members = Membership::default();
    members.add([new, nobody]);
    let wrong = Create { members, ..create_group(name) };
    let id = wrong.id;
    assert!(matches!(bed.call(wrong).await, Err(DbError::Invalid(_))));
    assert_eq!(bed.call(Find { tenant: DEFAULT_TENANT, id }).await, Err(DbError::NotFound));
    let missing = Group { id, ..group.clone() };
    let wrong = edit(&missing, json!({}), move |members| members.add([nobody]));
    assert_eq!(bed.call(wrong).await, Err(DbError::NotFound));
    assert_eq!(state(bed, &group).await, (users[..2].to_vec(), 2));
    assert_eq!(bed.facts().await.len(), before);
}

async fn nothing_is_done_when_nobody_needed_is_there(bed: &Bed) {
    let (group, users) = settled(bed, 3).await;
    let (there, absent) = (users[0], users[2]);
    let removal = |needed: Vec<Uuid>| {
        edit(&group, json!({"displayName": "b"}), move |members| {
            members.need(needed.clone());
            members.remove(needed.clone());
        })
    };
    for needed in [vec![absent], vec![Uuid::now_v7(), absent], vec![]] {
        assert!(matches!(bed.call(removal(needed)).await, Err(DbError::Refused(_))));
    }
    assert_eq!(state(bed, &group).await, (users[..2].to_vec(), 2));
    bed.call(removal(vec![absent, there])).await.unwrap().unwrap();
    assert_eq!(state(bed, &group).await, (vec![users[1]], 3));
}

async fn what_the_database_refuses_leaves_the_members(bed: &Bed) {
    let (group, users) = settled(bed, 3).await;
    bed.create_group(json!({"displayName": "b", "externalId": "e"})).await.unwrap();
    let before = bed.facts().await.len();
    let new = users[2];
    let taken = edit(&group, json!({"externalId": "e"}), move |members| {
        members.remove_all();
        members.add([new]);
    });
    assert_eq!(bed.call(taken).await, Err(DbError::Taken { attribute: "externalId" }));
    assert_eq!(state(bed, &group).await, (users[..2].to_vec(), 2));
    assert_eq!(bed.facts().await.len(), before);
}

async fn a_refusal_comes_after_the_conditions(bed: &Bed) {
    let (group, users) = settled(bed, 3).await;
    let tag = |version: i64| Some(Tags::parse(&format!("\"{version}\"")).unwrap());
    let on = |version| Conditions { if_match: tag(version), ..Conditions::default() };
    let new = users[2];
    let wrong = |version| edit_on(&group, on(version), json!({"displayName": ""}), |_| {});
    let right = |version| edit_on(&group, on(version), json!({}), move |members| members.add([new]));
    assert_eq!(bed.call(wrong(1)).await, Err(DbError::Precondition));
    assert_eq!(bed.call(right(1)).await, Err(DbError::Precondition));
    assert_eq!(bed.call(wrong(2)).await.unwrap().unwrap_err()[0].code, "blank");
    assert_eq!(state(bed, &group).await, (users[..2].to_vec(), 2));
    bed.call(right(2)).await.unwrap().unwrap();
    assert_eq!(state(bed, &group).await, (users, 3));
}

async fn a_group_is_created_with_its_members(bed: &Bed) {
    let users = ids(&people(bed, 3).await);
    let before = bed.facts().await.len();
    let mut members = Membership::default();
    members.add([users[2], users[0]]);
    let group = bed.call(Create { members, ..create_group(json!({"displayName": "a"})) }).await.unwrap();
    assert_eq!((group.member_count, group.version), (2, 1));
    assert_eq!(state(bed, &group).await, (vec![users[0], users[2]], 1));
    let expected = [
        ("group.created", group.id, None, 1, "test"),
        ("member.added", group.id, Some(users[0]), 1, "test"),
        ("member.added", group.id, Some(users[2]), 1, "test"),
    ];
    assert_eq!(told(&bed.facts().await[before..]), expected);
}

/// A list is written again and again while one of its users is removed, added and at last deleted.
async fn whoever_is_deleted_meanwhile_is_in_no_list(bed: &Bed) {
    for round in 0..5 {
        let group = group(bed, "a").await;
        let user = bed.create(json!({"userName": format!("r{round}")})).await.unwrap();
        let id = user.id;
        let exactly = move |members: &mut Membership| {
            members.remove_all();
            members.add([id]);
        };
        let lists = join_all((0..20).map(|_| bed.call(edit(&group, json!({}), exactly))));
        let goes = async {
            let _ = bed.call(remove(&group, &user)).await;
            bed.call(put(&group, &user)).await.unwrap();
            let (conditions, now) = (Conditions::default(), NOON.into());
            bed.call(users::Delete { tenant: DEFAULT_TENANT, id, conditions, now }).await.unwrap();
        };
        let (results, ()) = futures_util::future::join(lists, goes).await;
        assert!(results.iter().all(|result| matches!(result, Ok(Ok(_)) | Err(DbError::Invalid(_)))));
        assert!(state(bed, &group).await.0.is_empty());
    }
}

/// The same between the two looks that are taken at who is there: the write is tried again.
#[test]
fn whoever_is_deleted_between_two_looks_is_in_no_list() {
    run(Engine::Postgres, async |bed| {
        let (group, users) = settled(bed, 3).await;
        let mut other = Sql::open(bed.url());
        other.execute(&format!("BEGIN; SELECT 1 FROM groups WHERE id = '{}' FOR UPDATE", group.id));
        let pid = other.number("SELECT CAST(pg_backend_pid() AS bigint) AS number");
        let there = users[0];
        let list = edit(&group, json!({}), move |members| {
            members.remove_all();
            members.add([there]);
        });
        let goes = async {
            let waiting = "SELECT count(*) AS number FROM pg_stat_activity";
            let waiting = format!("{waiting} WHERE {pid} = ANY (pg_blocking_pids(pid))");
            let mut watcher = Sql::open(bed.url());
            let until_it_waits = async {
                while watcher.number(&waiting) == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), until_it_waits).await.expect("somebody waits");
            other.execute(&format!("DELETE FROM members WHERE user_id = '{there}'"));
            other.execute(&format!("DELETE FROM users WHERE id = '{there}'; COMMIT"));
        };
        let (result, ()) = futures_util::future::join(bed.call(list), goes).await;
        let Err(DbError::Invalid(errors)) = result else { panic!("{result:?}") };
        assert!(errors[0].detail.contains(&there.to_string()));
        assert_eq!(bed.call(Find { tenant: DEFAULT_TENANT, id: group.id }).await.unwrap().version, 2);
    });
}

async fn groups_are_read_with_all_their_members(bed: &Bed) {
    let (full, users) = settled(bed, 4).await;
    let empty = group(bed, "b").await;
    let whole =
        |most| Whole { tenant: DEFAULT_TENANT, groups: vec![empty.id, Uuid::now_v7(), full.id], most };
    let seen = bed.call(whole(3)).await.unwrap();
    let of = |(group, members): &(Group, Vec<Member>)| {
        (group.id, group.version, members.iter().map(|member| member.user_id).collect::<Vec<_>>())
    };
    let expected = [(full.id, 2, users[..3].to_vec()), (empty.id, 1, vec![])];
    assert_eq!(seen.values().map(of).collect::<Vec<_>>(), expected);
    assert_eq!(seen[&full.id].1[1].user_name, "u001");
    assert!(matches!(bed.call(whole(2)).await, Err(DbError::Refused(_))));
}

/// Of a write whose reading fails nothing is there.
async fn what_was_written_is_read_in_the_same_transaction(bed: &Bed) {
    let (group, users) = settled(bed, 3).await;
    let (gone, new) = (users[0], users[2]);
    let swap = move |members: &mut Membership| {
        members.add([new]);
        members.remove([gone]);
    };
    let everybody = Everybody { tenant: DEFAULT_TENANT, group: group.id };
    let written = ReadBack { write: edit(&group, json!({}), swap), read: Some(everybody) };
    let (after, members) = bed.call(written).await.unwrap();
    assert_eq!(after.unwrap().version, 3);
    let ids = members.unwrap().iter().map(|member| member.user_id).collect::<Vec<_>>();
    assert_eq!(ids, [users[1], new]);
    let missing = Find { tenant: DEFAULT_TENANT, id: Uuid::now_v7() };
    let failing = ReadBack { write: edit(&group, json!({"displayName": "b"}), |_| {}), read: Some(missing) };
    assert!(matches!(bed.call(failing).await, Err(DbError::NotFound)));
    assert_eq!(state(bed, &group).await, (vec![users[1], new], 3));
    let names = NamesOf { tenant: DEFAULT_TENANT, users: vec![new], most: 1 };
    let twins = ["x", "y"].map(|name| {
        let create =
            Create { members: Membership::default(), ..create_group(json!({ "displayName": name })) };
        bed.call(ReadBack { write: create, read: Some(NamesOf { users: names.users.clone(), ..names }) })
    });
    for written in join_all(twins).await {
        let (_, groups) = written.unwrap();
        assert_eq!(groups.unwrap()[&new], [(group.id, "a".to_owned())]);
    }
}

async fn users_are_told_what_their_groups_are_called(bed: &Bed) {
    let (one, users) = settled(bed, 3).await;
    let other = group(bed, "B").await;
    let first = users[0];
    bed.call(edit(&other, json!({}), move |members| members.add([first]))).await.unwrap().unwrap();
    let everyone = [users.clone(), vec![Uuid::now_v7()]].concat();
    let names = |most| NamesOf { tenant: DEFAULT_TENANT, users: everyone.clone(), most };
    let (a, b) = ((one.id, "a".to_owned()), (other.id, "B".to_owned()));
    let expected = [(users[0], vec![a.clone(), b]), (users[1], vec![a])];
    assert_eq!(bed.call(names(3)).await.unwrap(), expected.into());
    assert!(matches!(bed.call(names(2)).await, Err(DbError::Refused(_))));
    let elsewhere = NamesOf { tenant: Uuid::now_v7(), users, most: usize::MAX };
    assert!(bed.call(elsewhere).await.unwrap().is_empty());
}
