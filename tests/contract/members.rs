//! The operations on members, called one at a time.

use crate::contract::fixture::{NOON, TestDatabase};
use crate::contract::groups::{delete as delete_group, find as find_group};
use crate::contract::users::delete as delete_user;
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::domain::condition::Conditions;
use roster::domain::group::Group;
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::ops::members::{Add, Find, List, ListGroups, Put, Remove};
use roster::ops::{OpError, PageQuery};
use serde_json::json;
use uuid::Uuid;

each_engine!(
    added_users_are_found,
    unknown_users_reject_the_whole_addition,
    adding_existing_members_changes_nothing,
    a_member_is_removed_once,
    missing_resources_are_not_found,
    members_are_listed_in_pages,
    the_groups_of_a_user_are_listed_in_pages,
    timestamps_never_decrease,
    deleting_a_user_removes_it_from_its_groups,
    deleting_a_group_deletes_its_memberships,
    each_added_or_removed_member_is_one_change,
);

pub(crate) async fn create_users(db: &TestDatabase, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for index in 0..count {
        users.push(db.create_user(json!({"userName": format!("u{index:03}")})).await.unwrap());
    }
    users
}

pub(crate) async fn create_group(db: &TestDatabase, name: &str) -> Group {
    db.create_group(json!({ "displayName": name })).await.unwrap()
}

pub(crate) fn add(group: &Group, users: &[User]) -> Add {
    let users = users.iter().map(|user| user.id).collect();
    Add {
        tenant: DEFAULT_TENANT,
        group: group.id,
        users,
        conditions: Conditions::default(),
        now: NOON.into(),
    }
}

pub(crate) fn put(group: &Group, user: &User) -> Put {
    Put {
        tenant: DEFAULT_TENANT,
        group: group.id,
        user: user.id,
        conditions: Conditions::default(),
        now: NOON.into(),
    }
}

pub(crate) fn remove(group: &Group, user: &User) -> Remove {
    Remove {
        tenant: DEFAULT_TENANT,
        group: group.id,
        user: user.id,
        conditions: Conditions::default(),
        now: NOON.into(),
    }
}

fn list(group: &Group) -> List {
    List { tenant: DEFAULT_TENANT, group: group.id, page: PageQuery { after: None, limit: 500, total: true } }
}

fn groups_of(user: Uuid) -> ListGroups {
    ListGroups { tenant: DEFAULT_TENANT, user, page: PageQuery { after: None, limit: 9, total: true } }
}

/// The ids of a group's members, which must be as many as its `memberCount`, and the group's version.
pub(crate) async fn members_and_version(db: &TestDatabase, group: &Group) -> (Vec<Uuid>, i64) {
    let page = db.call(list(group)).await.unwrap();
    let current = db.call(find_group(group.id)).await.unwrap();
    assert_eq!((page.total, page.more), (Some(current.member_count), false));
    assert_eq!(i64::try_from(page.items.len()), Ok(current.member_count));
    (page.items.into_iter().map(|member| member.user_id).collect(), current.version)
}

pub(crate) fn ids(users: &[User]) -> Vec<Uuid> {
    users.iter().map(|user| user.id).collect()
}

/// A change of a group or a member: type, group, member, version and request id.
pub(crate) type ChangeSummary<'c> = (&'c str, Uuid, Option<Uuid>, i64, &'c str);

pub(crate) fn summaries(changes: &[ChangeRecord]) -> Vec<ChangeSummary<'_>> {
    changes
        .iter()
        .map(|change| {
            (change.kind.as_str(), change.id, change.member, change.version, change.request_id.as_str())
        })
        .collect()
}

async fn added_users_are_found(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 3).await);
    db.call(add(&group, &users[..2])).await.unwrap();
    db.call(put(&group, &users[2])).await.unwrap();
    assert_eq!(members_and_version(db, &group).await, (ids(&users), 3));
    let find = Find { tenant: DEFAULT_TENANT, group: group.id, user: users[1].id };
    let member = db.call(find).await.unwrap();
    assert_eq!((member.user_id, member.user_name.as_str(), member.display_name), (users[1].id, "u001", None));
    assert_eq!(member.added_at, Timestamp::from(NOON));
}

async fn unknown_users_reject_the_whole_addition(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 2).await);
    let unknown = [Uuid::now_v7(), Uuid::now_v7()];
    let mixed = Add { users: vec![users[0].id, unknown[0], users[1].id, unknown[1]], ..add(&group, &[]) };
    let Err(OpError::Invalid(errors)) = db.call(mixed).await else { panic!("two users are unknown") };
    let pointers: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
    assert_eq!(pointers, [("/userIds/1", "unknown-user"), ("/userIds/3", "unknown-user")]);
    assert_eq!(members_and_version(db, &group).await, (vec![], 1));
    assert_eq!(db.changes().await.len(), 3);
}

async fn adding_existing_members_changes_nothing(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 3).await);
    db.call(add(&group, &users[..2])).await.unwrap();
    db.call(add(&group, &users[..2])).await.unwrap();
    db.call(put(&group, &users[0])).await.unwrap();
    db.call(add(&group, &[])).await.unwrap();
    assert_eq!(members_and_version(db, &group).await, (ids(&users[..2]), 2));
    let repeated = Add { users: vec![users[2].id, users[0].id, users[2].id], ..add(&group, &[]) };
    db.call(repeated).await.unwrap();
    assert_eq!(members_and_version(db, &group).await, (ids(&users), 3));
    assert_eq!(db.changes().await.len(), 4 + 3);
}

async fn a_member_is_removed_once(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 2).await);
    db.call(add(&group, &users)).await.unwrap();
    db.call(remove(&group, &users[0])).await.unwrap();
    assert_eq!(db.call(remove(&group, &users[0])).await, Err(OpError::NotFound));
    assert_eq!(members_and_version(db, &group).await, (ids(&users[1..]), 3));
    db.call(put(&group, &users[0])).await.unwrap();
    assert_eq!(members_and_version(db, &group).await, (ids(&users), 4));
}

async fn missing_resources_are_not_found(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 1).await);
    db.call(put(&group, &users[0])).await.unwrap();
    let unknown = Uuid::now_v7();
    let missing = Err(OpError::NotFound);
    assert_eq!(db.call(Put { user: unknown, ..put(&group, &users[0]) }).await, missing);
    assert_eq!(db.call(Put { group: unknown, ..put(&group, &users[0]) }).await, missing);
    assert_eq!(db.call(Put { tenant: unknown, ..put(&group, &users[0]) }).await, missing);
    assert_eq!(db.call(Add { group: unknown, ..add(&group, &users) }).await, missing);
    assert_eq!(db.call(Add { group: unknown, users: vec![unknown], ..add(&group, &[]) }).await, missing);
    assert_eq!(db.call(Remove { group: unknown, ..remove(&group, &users[0]) }).await, missing);
    assert_eq!(db.call(Remove { tenant: unknown, ..remove(&group, &users[0]) }).await, missing);
    assert_eq!(db.call(List { group: unknown, ..list(&group) }).await.map(drop), missing);
    assert_eq!(db.call(List { tenant: unknown, ..list(&group) }).await.map(drop), missing);
    for (tenant, group, user) in [
        (unknown, group.id, users[0].id),
        (DEFAULT_TENANT, unknown, users[0].id),
        (DEFAULT_TENANT, group.id, unknown),
    ] {
        assert_eq!(db.call(Find { tenant, group, user }).await.map(drop), missing);
    }
    assert_eq!(db.call(groups_of(unknown)).await.map(drop), missing);
    assert_eq!(members_and_version(db, &group).await, (ids(&users), 2));
}

async fn members_are_listed_in_pages(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 7).await);
    db.call(add(&group, &users)).await.unwrap();
    let (mut seen, mut after, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = PageQuery { after, limit: 3, total: false };
        let page = db.call(List { page, ..list(&group) }).await.unwrap();
        sizes.push(page.items.len());
        assert_eq!(page.total, None);
        seen.extend(page.items.iter().map(|member| member.user_id));
        after = seen.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!((seen, sizes), (ids(&users), vec![3, 3, 1]));
    let page = PageQuery { after: None, limit: 7, total: true };
    assert!(!db.call(List { page, ..list(&group) }).await.unwrap().more);
}

async fn the_groups_of_a_user_are_listed_in_pages(db: &TestDatabase) {
    let users = create_users(db, 2).await;
    let mut groups = Vec::new();
    for index in 0..7 {
        let group = create_group(db, &format!("g{index}")).await;
        db.call(put(&group, &users[usize::from(index == 3)])).await.unwrap();
        groups.push(group.id);
    }
    groups.remove(3);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = PageQuery { after, limit: 4, total: true };
        let page = db.call(ListGroups { page, ..groups_of(users[0].id) }).await.unwrap();
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

async fn timestamps_never_decrease(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 2).await);
    let early = Timestamp::from(NOON - 99);
    db.call(Put { now: early, ..put(&group, &users[0]) }).await.unwrap();
    db.call(Remove { now: early, ..remove(&group, &users[0]) }).await.unwrap();
    let current = db.call(find_group(group.id)).await.unwrap();
    assert_eq!((current.updated_at, current.version), (Timestamp::from(NOON + 2), 3));
    let times: Vec<_> = db.changes().await.into_iter().rev().take(2).map(|change| change.time).collect();
    assert_eq!(times, [Timestamp::from(NOON + 2), Timestamp::from(NOON + 1)]);
}

/// The user is in more groups than are locked at once.
async fn deleting_a_user_removes_it_from_its_groups(db: &TestDatabase) {
    let users = create_users(db, 2).await;
    let mut groups = Vec::new();
    for index in 0..230 {
        let group = create_group(db, &format!("g{index}")).await;
        db.call(add(&group, &users)).await.unwrap();
        groups.push(group);
    }
    let before = db.changes().await.len();
    db.call(delete_user(users[0].id)).await.unwrap();
    let changes = db.changes().await;
    let mut expected: Vec<_> =
        groups.iter().map(|group| ("member.removed", group.id, Some(users[0].id), 3, "test")).collect();
    expected.push(("user.deleted", users[0].id, None, 2, "test"));
    assert_eq!(summaries(&changes[before..]), expected);
    for group in groups.iter().step_by(20) {
        assert_eq!(members_and_version(db, group).await, (ids(&users[1..]), 3));
    }
    db.call(delete_user(users[0].id)).await.unwrap_err();
    assert_eq!(db.changes().await.len(), changes.len());
}

async fn deleting_a_group_deletes_its_memberships(db: &TestDatabase) {
    let users = create_users(db, 3).await;
    let [deleted, other] = [create_group(db, "a").await, create_group(db, "b").await];
    for group in [&deleted, &other] {
        db.call(add(group, &users)).await.unwrap();
    }
    let before = db.changes().await.len();
    db.call(delete_group(deleted.id)).await.unwrap();
    let expected = [("group.deleted", deleted.id, None, 3, "test")];
    assert_eq!(summaries(&db.changes().await[before..]), expected);
    assert_eq!(db.call(put(&deleted, &users[0])).await, Err(OpError::NotFound));
    assert_eq!(members_and_version(db, &other).await, (ids(&users), 2));
    let page = db.call(groups_of(users[0].id)).await.unwrap();
    assert_eq!((page.items.len(), page.total), (1, Some(1)));
}

async fn each_added_or_removed_member_is_one_change(db: &TestDatabase) {
    let (group, users) = (create_group(db, "a").await, create_users(db, 3).await);
    let before = db.changes().await.len();
    let mixed = Add { users: vec![users[2].id, users[0].id], ..add(&group, &[]) };
    db.call_as("one", mixed).await.unwrap();
    db.call_as("two", add(&group, &users)).await.unwrap();
    db.call_as("three", remove(&group, &users[2])).await.unwrap();
    let changes = db.changes().await.split_off(before);
    let row = |kind, user: &User, version, request| (kind, group.id, Some(user.id), version, request);
    let expected = [
        row("member.added", &users[2], 2, "one"),
        row("member.added", &users[0], 2, "one"),
        row("member.added", &users[1], 3, "two"),
        row("member.removed", &users[2], 4, "three"),
    ];
    assert_eq!(summaries(&changes), expected);
    assert!(changes.iter().all(|change| change.before.is_none() && change.after.is_none() && !change.erased));
}
