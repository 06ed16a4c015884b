//! The operations on members, one after the other.

use crate::contract::bed::{Bed, NOON, origin};
use roster::db::DbError;
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::domain::condition::Conditions;
use roster::domain::group::Group;
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::ops::members::{Add, Find, GroupsOf, List, Put, Remove};
use roster::ops::{groups, users};
use serde_json::json;
use uuid::Uuid;

each_engine!(
    users_are_added_and_found,
    all_are_added_or_none,
    what_is_there_already_moves_nothing,
    one_is_removed_once,
    what_is_not_there_is_not_found,
    members_are_listed_page_by_page,
    groups_of_a_user_are_listed_page_by_page,
    times_never_go_back,
    a_deleted_user_leaves_all_its_groups,
    a_deleted_group_takes_its_members_along,
    facts_tell_who_came_and_went,
);

pub(crate) async fn people(bed: &Bed, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for index in 0..count {
        users.push(bed.create(json!({"userName": format!("u{index:03}")})).await.unwrap());
    }
    users
}

pub(crate) async fn group(bed: &Bed, name: &str) -> Group {
    bed.create_group(json!({ "displayName": name })).await.unwrap()
}

pub(crate) fn add(group: &Group, users: &[User]) -> Add {
    let users = users.iter().map(|user| user.id).collect();
    Add { tenant: DEFAULT_TENANT, group: group.id, users, now: NOON.into() }
}

pub(crate) fn put(group: &Group, user: &User) -> Put {
    Put { tenant: DEFAULT_TENANT, group: group.id, user: user.id, now: NOON.into() }
}

pub(crate) fn remove(group: &Group, user: &User) -> Remove {
    Remove { tenant: DEFAULT_TENANT, group: group.id, user: user.id, now: NOON.into() }
}

fn list(group: &Group) -> List {
    List { tenant: DEFAULT_TENANT, group: group.id, after: None, limit: 500, total: true }
}

/// Who is in a group, which its count must agree with, and its version.
pub(crate) async fn state(bed: &Bed, group: &Group) -> (Vec<Uuid>, i64) {
    let page = bed.call(list(group)).await.unwrap();
    let now = bed.call(groups::Find { tenant: DEFAULT_TENANT, id: group.id }).await.unwrap();
    assert_eq!((page.total, page.more), (Some(now.member_count), false));
    assert_eq!(i64::try_from(page.items.len()), Ok(now.member_count));
    (page.items.into_iter().map(|member| member.user_id).collect(), now.version)
}

pub(crate) fn ids(users: &[User]) -> Vec<Uuid> {
    users.iter().map(|user| user.id).collect()
}

async fn users_are_added_and_found(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 3).await);
    bed.call(add(&group, &users[..2])).await.unwrap();
    bed.call(put(&group, &users[2])).await.unwrap();
    assert_eq!(state(bed, &group).await, (ids(&users), 3));
    let find = Find { tenant: DEFAULT_TENANT, group: group.id, user: users[1].id };
    let member = bed.call(find).await.unwrap();
    assert_eq!((member.user_id, member.user_name.as_str(), member.display_name), (users[1].id, "u001", None));
    assert_eq!(member.added_at, Timestamp::from(NOON));
}

async fn all_are_added_or_none(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 2).await);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let some = Add { users: vec![users[0].id, one, users[1].id, other], ..add(&group, &[]) };
    let Err(DbError::Invalid(errors)) = bed.call(some).await else { panic!("two are not there") };
    let pointers: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
    assert_eq!(pointers, [("/userIds/1", "unknown-user"), ("/userIds/3", "unknown-user")]);
    assert_eq!(state(bed, &group).await, (vec![], 1));
    assert_eq!(bed.facts().await.len(), 3);
}

async fn what_is_there_already_moves_nothing(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 3).await);
    bed.call(add(&group, &users[..2])).await.unwrap();
    bed.call(add(&group, &users[..2])).await.unwrap();
    bed.call(put(&group, &users[0])).await.unwrap();
    bed.call(Add { users: Vec::new(), ..add(&group, &[]) }).await.unwrap();
    assert_eq!(state(bed, &group).await, (ids(&users[..2]), 2));
    let twice = Add { users: vec![users[2].id, users[0].id, users[2].id], ..add(&group, &[]) };
    bed.call(twice).await.unwrap();
    assert_eq!(state(bed, &group).await, (ids(&users), 3));
    assert_eq!(bed.facts().await.len(), 4 + 3);
}

async fn one_is_removed_once(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 2).await);
    bed.call(add(&group, &users)).await.unwrap();
    bed.call(remove(&group, &users[0])).await.unwrap();
    assert_eq!(bed.call(remove(&group, &users[0])).await, Err(DbError::NotFound));
    assert_eq!(state(bed, &group).await, (ids(&users[1..]), 3));
    bed.call(put(&group, &users[0])).await.unwrap();
    assert_eq!(state(bed, &group).await, (ids(&users), 4));
}

async fn what_is_not_there_is_not_found(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 1).await);
    bed.call(put(&group, &users[0])).await.unwrap();
    let nobody = Uuid::now_v7();
    let missing = Err(DbError::NotFound);
    assert_eq!(bed.call(Put { user: nobody, ..put(&group, &users[0]) }).await, missing);
    assert_eq!(bed.call(Put { group: nobody, ..put(&group, &users[0]) }).await, missing);
    assert_eq!(bed.call(Put { tenant: nobody, ..put(&group, &users[0]) }).await, missing);
    assert_eq!(bed.call(Add { group: nobody, ..add(&group, &users) }).await, missing);
    assert_eq!(bed.call(Add { group: nobody, users: vec![nobody], ..add(&group, &[]) }).await, missing);
    assert_eq!(bed.call(Remove { group: nobody, ..remove(&group, &users[0]) }).await, missing);
    assert_eq!(bed.call(Remove { tenant: nobody, ..remove(&group, &users[0]) }).await, missing);
    assert_eq!(bed.call(List { group: nobody, ..list(&group) }).await.map(drop), missing);
    assert_eq!(bed.call(List { tenant: nobody, ..list(&group) }).await.map(drop), missing);
    let find = |tenant, group, user| Find { tenant, group, user };
    for (tenant, group, user) in [
        (nobody, group.id, users[0].id),
        (DEFAULT_TENANT, nobody, users[0].id),
        (DEFAULT_TENANT, group.id, nobody),
    ] {
        assert_eq!(bed.call(find(tenant, group, user)).await.map(drop), missing);
    }
    let of = GroupsOf { tenant: DEFAULT_TENANT, user: nobody, after: None, limit: 9, total: true };
    assert_eq!(bed.call(of).await.map(drop), missing);
    assert_eq!(state(bed, &group).await, (ids(&users), 2));
}

async fn members_are_listed_page_by_page(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 7).await);
    bed.call(add(&group, &users)).await.unwrap();
    let (mut seen, mut after, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = bed.call(List { after, limit: 3, total: false, ..list(&group) }).await.unwrap();
        sizes.push(page.items.len());
        assert_eq!(page.total, None);
        seen.extend(page.items.iter().map(|member| member.user_id));
        after = seen.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!((seen, sizes), (ids(&users), vec![3, 3, 1]));
    assert!(!bed.call(List { limit: 7, ..list(&group) }).await.unwrap().more);
}

async fn groups_of_a_user_are_listed_page_by_page(bed: &Bed) {
    let users = people(bed, 2).await;
    let mut groups = Vec::new();
    for index in 0..7 {
        let group = group(bed, &format!("g{index}")).await;
        bed.call(put(&group, &users[usize::from(index == 3)])).await.unwrap();
        groups.push(group.id);
    }
    groups.remove(3);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let of = GroupsOf { tenant: DEFAULT_TENANT, user: users[0].id, after, limit: 4, total: true };
        let page = bed.call(of).await.unwrap();
        assert_eq!(page.total, Some(6));
        assert!(page.items.iter().all(|group| group.member_count == 1));
        seen.extend(page.items.iter().map(|group| group.id));
        after = seen.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, groups);
}

async fn times_never_go_back(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 2).await);
    let early = Timestamp::from(NOON - 99);
    bed.call(Put { now: early, ..put(&group, &users[0]) }).await.unwrap();
    bed.call(Remove { now: early, ..remove(&group, &users[0]) }).await.unwrap();
    let now = bed.call(groups::Find { tenant: DEFAULT_TENANT, id: group.id }).await.unwrap();
    assert_eq!((now.updated_at, now.version), (Timestamp::from(NOON + 2), 3));
    let times: Vec<_> = bed.facts().await.into_iter().rev().take(2).map(|fact| fact.time).collect();
    assert_eq!(times, [Timestamp::from(NOON + 2), Timestamp::from(NOON + 1)]);
}

/// What facts say of members: what, of which group, who, in which version, at whose request.
pub(crate) fn told(facts: &[ChangeRecord]) -> Vec<(&str, Uuid, Option<Uuid>, i64, &str)> {
    let rows = facts.iter();
    rows.map(|fact| (fact.kind.as_str(), fact.id, fact.member, fact.version, fact.request_id.as_str()))
        .collect()
}

fn delete(user: &User) -> users::Delete {
    users::Delete { tenant: DEFAULT_TENANT, id: user.id, conditions: Conditions::default(), now: NOON.into() }
}

/// Also of more groups than are locked at once.
async fn a_deleted_user_leaves_all_its_groups(bed: &Bed) {
    let users = people(bed, 2).await;
    let mut groups = Vec::new();
    for index in 0..230 {
        let group = group(bed, &format!("g{index}")).await;
        bed.call(add(&group, &users)).await.unwrap();
        groups.push(group);
    }
    let before = bed.facts().await.len();
    bed.call(delete(&users[0])).await.unwrap();
    let facts = bed.facts().await;
    let mut expected: Vec<_> =
        groups.iter().map(|group| ("member.removed", group.id, Some(users[0].id), 3, "test")).collect();
    expected.push(("user.deleted", users[0].id, None, 2, "test"));
    assert_eq!(told(&facts[before..]), expected);
    for group in groups.iter().step_by(20) {
        assert_eq!(state(bed, group).await, (ids(&users[1..]), 3));
    }
    bed.call(delete(&users[0])).await.unwrap_err();
    assert_eq!(bed.facts().await.len(), facts.len());
}

async fn a_deleted_group_takes_its_members_along(bed: &Bed) {
    let users = people(bed, 3).await;
    let [one, other] = [group(bed, "a").await, group(bed, "b").await];
    for group in [&one, &other] {
        bed.call(add(group, &users)).await.unwrap();
    }
    let before = bed.facts().await.len();
    let (id, conditions, now) = (one.id, Conditions::default(), NOON.into());
    bed.call(groups::Delete { tenant: DEFAULT_TENANT, id, conditions, now }).await.unwrap();
    assert_eq!(told(&bed.facts().await[before..]), [("group.deleted", one.id, None, 3, "test")]);
    assert_eq!(bed.call(put(&one, &users[0])).await, Err(DbError::NotFound));
    assert_eq!(state(bed, &other).await, (ids(&users), 2));
    let of = GroupsOf { tenant: DEFAULT_TENANT, user: users[0].id, after: None, limit: 9, total: true };
    let page = bed.call(of).await.unwrap();
    assert_eq!((page.items.len(), page.total), (1, Some(1)));
}

async fn facts_tell_who_came_and_went(bed: &Bed) {
    let (group, users) = (group(bed, "a").await, people(bed, 3).await);
    let before = bed.facts().await.len();
    let (one, two, three) = (origin("one"), origin("two"), origin("three"));
    let mixed = Add { users: vec![users[2].id, users[0].id], ..add(&group, &[]) };
    bed.database.call(&one, mixed).await.unwrap();
    bed.database.call(&two, add(&group, &users)).await.unwrap();
    bed.database.call(&three, remove(&group, &users[2])).await.unwrap();
    let facts = bed.facts().await.split_off(before);
    let row = |kind, user: &User, version, request| (kind, group.id, Some(user.id), version, request);
    let expected = [
        row("member.added", &users[2], 2, "one"),
        row("member.added", &users[0], 2, "one"),
        row("member.added", &users[1], 3, "two"),
        row("member.removed", &users[2], 4, "three"),
    ];
    assert_eq!(told(&facts), expected);
    assert!(facts.iter().all(|fact| fact.before.is_none() && fact.after.is_none() && !fact.erased));
}
