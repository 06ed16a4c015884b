//! Operations that write a group and its members in one step, or read them in one step.

use crate::contract::fixture::{Engine, NOON, TestDatabase, conflict, if_match, new_group, origin, run};
use crate::contract::groups::find;
use crate::contract::members::{
    add, create_group, create_users, ids, members_and_version, put, remove, summaries,
};
use crate::contract::users::{self, delete as delete_user};
use crate::support::sql::Sql;
use futures_util::future::{join, join_all};
use roster::db::Operation;
use roster::domain::condition::Conditions;
use roster::domain::fields::FieldError;
use roster::domain::group::{Draft, Group};
use roster::domain::member::{Member, MembershipEdit};
use roster::domain::time::Timestamp;
use roster::domain::user::{self, Attributes, User, UserGroup};
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::OpError;
use roster::ops::groups::{Create, Edit};
use roster::ops::listing::{self, Query};
use roster::ops::members::{AllMembers, GroupsOf, GroupsWithMembers, WithGroups};
use roster::ops::resource::Rewrite;
use roster::ops::users::EditFunction;
use roster::ops::write_then_read::WriteThenRead;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    a_patch_and_its_member_changes_are_one_version,
    an_edit_without_effect_records_no_change,
    a_new_member_list_records_only_the_differences,
    member_lists_longer_than_one_lookup_are_replaced,
    an_unknown_member_rejects_the_whole_edit,
    an_edit_that_requires_a_member_fails_if_none_is_present,
    a_constraint_violation_rolls_back_the_members,
    preconditions_are_checked_before_the_edit,
    a_group_is_created_with_its_members,
    concurrent_deletes_leave_no_deleted_user_in_a_list,
    groups_are_read_with_all_their_members,
    a_write_and_its_read_back_share_a_transaction,
    groups_are_read_for_several_users,
    users_are_read_and_edited_together_with_their_groups,
    a_page_with_too_many_groups_is_shorter,
);

/// Patches a group and changes its members.
pub(crate) fn edit(
    group: &Group,
    patch: Value,
    change: impl Fn(&mut MembershipEdit) + Send + Sync + 'static,
) -> impl Operation<Output = Result<Group, Vec<FieldError>>, Error = OpError> {
    edit_if(Conditions::default(), group, patch, change)
}

fn edit_if(
    conditions: Conditions,
    group: &Group,
    patch: Value,
    change: impl Fn(&mut MembershipEdit) + Send + Sync + 'static,
) -> impl Operation<Output = Result<Group, Vec<FieldError>>, Error = OpError> {
    let edit = move |group: &Group| {
        let mut members = MembershipEdit::default();
        change(&mut members);
        Ok((Draft::patch(group, &patch)?, members))
    };
    Edit { tenant: DEFAULT_TENANT, id: group.id, edit, conditions, now: NOON.into() }
}

/// Replaces the members with a list.
fn replace_with(list: &[Uuid]) -> impl Fn(&mut MembershipEdit) + Send + Sync + use<> {
    let list = list.to_vec();
    move |members| {
        members.remove_all();
        members.add(list.iter().copied());
    }
}

/// The ids of new users in ascending order, and a group that contains all of them but the last.
pub(crate) async fn group_with_all_but_last(db: &TestDatabase, count: usize) -> (Group, Vec<Uuid>) {
    let (group, users) = (create_group(db, "a").await, create_users(db, count).await);
    db.call(add(&group, &users[..count - 1])).await.unwrap();
    (group, ids(&users))
}

async fn a_patch_and_its_member_changes_are_one_version(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 4).await;
    let before = db.changes().await.len();
    let (removed, added) = (users[1], users[3]);
    let change = move |members: &mut MembershipEdit| {
        members.add([removed, added]);
        members.remove([removed]);
    };
    let call = edit(&group, json!({"displayName": "b"}), change);
    let after = db.call_as("me", call).await.unwrap().unwrap();
    assert_eq!((after.attributes.display_name.as_str(), after.member_count, after.version), ("b", 3, 3));
    assert_eq!(db.call(find(group.id)).await.unwrap(), after);
    assert_eq!(members_and_version(db, &group).await, (vec![users[0], users[2], users[3]], 3));
    let changes = db.changes().await.split_off(before);
    let expected = [
        ("group.updated", group.id, None, 3, "me"),
        ("member.removed", group.id, Some(removed), 3, "me"),
        ("member.added", group.id, Some(added), 3, "me"),
    ];
    assert_eq!(summaries(&changes), expected);
    assert!(changes.iter().all(|change| change.time == after.updated_at));
    assert_eq!(changes[0].after.as_ref().unwrap().keys().collect::<Vec<_>>(), ["displayName"]);
}

async fn an_edit_without_effect_records_no_change(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let before = db.changes().await.len();
    let (present, absent, unknown) = (users[0], users[2], Uuid::now_v7());
    let change = move |members: &mut MembershipEdit| {
        members.add([present]);
        members.remove([absent, unknown]);
    };
    let after = db.call(edit(&group, json!({"displayName": "a"}), change)).await.unwrap().unwrap();
    assert_eq!((after.version, after.member_count), (2, 2));
    db.call(edit(&group, json!({}), replace_with(&users[..2]))).await.unwrap().unwrap();
    assert_eq!(members_and_version(db, &group).await, (users[..2].to_vec(), 2));
    assert_eq!(db.changes().await.len(), before);
}

async fn a_new_member_list_records_only_the_differences(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 5).await;
    let other = create_group(db, "b").await;
    let first_two = users[..2].to_vec();
    db.call(edit(&other, json!({}), move |members| members.add(first_two.clone()))).await.unwrap().unwrap();
    let before = db.changes().await.len();
    let list = [users[4], users[1], users[4]];
    let change = move |members: &mut MembershipEdit| {
        // Discarded by `remove_all`.
        members.add([Uuid::now_v7()]);
        members.remove_all();
        members.add(list);
    };
    let after = db.call(edit(&group, json!({}), change)).await.unwrap().unwrap();
    assert_eq!((after.version, after.member_count), (3, 2));
    assert_eq!(members_and_version(db, &group).await, (vec![users[1], users[4]], 3));
    let row = |kind, user: usize| (kind, group.id, Some(users[user]), 3, "test");
    let expected = [
        row("member.removed", 0),
        row("member.removed", 2),
        row("member.removed", 3),
        row("member.added", 4),
    ];
    assert_eq!(summaries(&db.changes().await[before..]), expected);
    assert_eq!(members_and_version(db, &other).await, (users[..2].to_vec(), 2));
    db.call(edit(&group, json!({}), MembershipEdit::remove_all)).await.unwrap().unwrap();
    assert_eq!(members_and_version(db, &group).await, (vec![], 4));
}

async fn member_lists_longer_than_one_lookup_are_replaced(db: &TestDatabase) {
    let group = create_group(db, "a").await;
    let mut users = Vec::new();
    for first in (0..2_300).step_by(500) {
        let create = |index| db.create_user(json!({"userName": format!("n{index}")}));
        let created = join_all((first..2_300).take(500).map(create)).await;
        users.extend(created.into_iter().map(|user| user.unwrap().id));
    }
    users.sort_unstable();
    let lists = [&users[..2_100], &users[100..], &users[..1]];
    for (version, list) in (2..).zip(lists) {
        db.call(edit(&group, json!({}), replace_with(list))).await.unwrap().unwrap();
        let whole =
            GroupsWithMembers { tenant: DEFAULT_TENANT, groups: vec![group.id], max_members: i64::MAX };
        let (after, members) = db.call(whole).await.unwrap().remove(&group.id).unwrap();
        assert_eq!((after.version, usize::try_from(after.member_count)), (version, Ok(list.len())));
        assert_eq!(members.iter().map(|member| member.user_id).collect::<Vec<_>>(), list);
    }
}

async fn an_unknown_member_rejects_the_whole_edit(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let before = db.changes().await.len();
    let (unknown, added) = (Uuid::now_v7(), users[2]);
    let name = json!({"displayName": "b"});
    let invalid = edit(&group, name.clone(), move |members| members.add([added, unknown]));
    let Err(OpError::Invalid(errors)) = db.call(invalid).await else { panic!("one user is unknown") };
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((error.pointer.as_str(), error.code), ("/members/value", "unknown-user"));
    assert!(error.detail.contains(&unknown.to_string()));

    let mut members = MembershipEdit::default();
    members.add([added, unknown]);
    let invalid = Create { members, ..new_group(name) };
    let id = invalid.id;
    assert!(matches!(db.call(invalid).await, Err(OpError::Invalid(_))));
    assert_eq!(db.call(find(id)).await, Err(OpError::NotFound));

    let missing = Group { id, ..group.clone() };
    let invalid = edit(&missing, json!({}), move |members| members.add([unknown]));
    assert_eq!(db.call(invalid).await, Err(OpError::NotFound));
    assert_eq!(members_and_version(db, &group).await, (users[..2].to_vec(), 2));
    assert_eq!(db.changes().await.len(), before);
}

async fn an_edit_that_requires_a_member_fails_if_none_is_present(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let (present, absent) = (users[0], users[2]);
    let removal = |required: Vec<Uuid>| {
        edit(&group, json!({"displayName": "b"}), move |members| {
            members.require_any(required.clone());
            members.remove(required.clone());
        })
    };
    for required in [vec![absent], vec![Uuid::now_v7(), absent], vec![]] {
        assert!(matches!(db.call(removal(required)).await, Err(OpError::Refused(_))));
    }
    assert_eq!(members_and_version(db, &group).await, (users[..2].to_vec(), 2));
    db.call(removal(vec![absent, present])).await.unwrap().unwrap();
    assert_eq!(members_and_version(db, &group).await, (vec![users[1]], 3));
}

async fn a_constraint_violation_rolls_back_the_members(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    db.create_group(json!({"displayName": "b", "externalId": "e"})).await.unwrap();
    let before = db.changes().await.len();
    let taken = edit(&group, json!({"externalId": "e"}), replace_with(&users[2..]));
    assert_eq!(db.call(taken).await, Err(conflict("externalId", "e")));
    assert_eq!(members_and_version(db, &group).await, (users[..2].to_vec(), 2));
    assert_eq!(db.changes().await.len(), before);
}

async fn preconditions_are_checked_before_the_edit(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let added = users[2];
    let invalid = |version| edit_if(if_match(version), &group, json!({"displayName": ""}), |_| {});
    let valid = |version| edit_if(if_match(version), &group, json!({}), move |members| members.add([added]));
    assert_eq!(db.call(invalid(1)).await, Err(OpError::PreconditionFailed(Some(2))));
    assert_eq!(db.call(valid(1)).await, Err(OpError::PreconditionFailed(Some(2))));
    assert_eq!(db.call(invalid(2)).await.unwrap().unwrap_err()[0].code, "blank");
    assert_eq!(members_and_version(db, &group).await, (users[..2].to_vec(), 2));
    db.call(valid(2)).await.unwrap().unwrap();
    assert_eq!(members_and_version(db, &group).await, (users, 3));
}

async fn a_group_is_created_with_its_members(db: &TestDatabase) {
    let users = ids(&create_users(db, 3).await);
    let before = db.changes().await.len();
    let mut members = MembershipEdit::default();
    members.add([users[2], users[0]]);
    let group = db.call(Create { members, ..new_group(json!({"displayName": "a"})) }).await.unwrap();
    assert_eq!((group.member_count, group.version), (2, 1));
    assert_eq!(members_and_version(db, &group).await, (vec![users[0], users[2]], 1));
    let expected = [
        ("group.created", group.id, None, 1, "test"),
        ("member.added", group.id, Some(users[0]), 1, "test"),
        ("member.added", group.id, Some(users[2]), 1, "test"),
    ];
    assert_eq!(summaries(&db.changes().await[before..]), expected);
}

/// Writes a list repeatedly while its only user is removed, added, and finally deleted.
async fn concurrent_deletes_leave_no_deleted_user_in_a_list(db: &TestDatabase) {
    for round in 0..5 {
        let group = create_group(db, "a").await;
        let user = db.create_user(json!({"userName": format!("r{round}")})).await.unwrap();
        let lists = join_all((0..20).map(|_| db.call(edit(&group, json!({}), replace_with(&[user.id])))));
        let delete = async {
            // The user may not be a member yet.
            let _ = db.call(remove(&group, &user)).await;
            db.call(put(&group, &user)).await.unwrap();
            db.call(delete_user(user.id)).await.unwrap();
        };
        let (results, ()) = join(lists, delete).await;
        assert!(results.iter().all(|result| matches!(result, Ok(Ok(_)) | Err(OpError::Invalid(_)))));
        assert!(members_and_version(db, &group).await.0.is_empty());
    }
}

/// The user is deleted between the two times at which an edit reads the members, so the edit has to run again.
#[test]
fn a_user_deleted_during_an_edit_is_not_in_the_list() {
    run(Engine::Postgres, async |db| {
        let (group, users) = group_with_all_but_last(db, 3).await;
        let mut other = Sql::open(db.url());
        other.execute(&format!("BEGIN; SELECT 1 FROM groups WHERE id = '{}' FOR UPDATE", group.id));
        let pid = other.number("SELECT CAST(pg_backend_pid() AS bigint) AS number");
        let deleted = users[0];
        let delete = async {
            let waiting = "SELECT count(*) AS number FROM pg_stat_activity";
            let waiting = format!("{waiting} WHERE {pid} = ANY (pg_blocking_pids(pid))");
            let mut watcher = Sql::open(db.url());
            let edit_waits = async {
                while watcher.number(&waiting) == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), edit_waits)
                .await
                .expect("the edit waits for the lock");
            other.execute(&format!("DELETE FROM members WHERE user_id = '{deleted}'"));
            other.execute(&format!("DELETE FROM users WHERE id = '{deleted}'; COMMIT"));
        };
        let list = edit(&group, json!({}), replace_with(&[deleted]));
        let (result, ()) = join(db.call(list), delete).await;
        let Err(OpError::Invalid(errors)) = result else { panic!("{result:?}") };
        assert!(errors[0].detail.contains(&deleted.to_string()));
        assert_eq!(db.call(find(group.id)).await.unwrap().version, 2);
    });
}

async fn groups_are_read_with_all_their_members(db: &TestDatabase) {
    let (full, users) = group_with_all_but_last(db, 4).await;
    let empty = create_group(db, "b").await;
    let whole = |max_members| GroupsWithMembers {
        tenant: DEFAULT_TENANT,
        groups: vec![empty.id, Uuid::now_v7(), full.id],
        max_members,
    };
    let found = db.call(whole(3)).await.unwrap();
    let summary = |(group, members): &(Group, Vec<Member>)| {
        (group.id, group.version, members.iter().map(|member| member.user_id).collect::<Vec<_>>())
    };
    let expected = [(full.id, 2, users[..3].to_vec()), (empty.id, 1, vec![])];
    assert_eq!(found.values().map(summary).collect::<Vec<_>>(), expected);
    assert_eq!(found[&full.id].1[1].user_name, "u001");
    assert!(matches!(db.call(whole(2)).await, Err(OpError::Refused(_))));
}

/// A write is rolled back if the read after it fails.
async fn a_write_and_its_read_back_share_a_transaction(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let (removed, added) = (users[0], users[2]);
    let swap = move |members: &mut MembershipEdit| {
        members.add([added]);
        members.remove([removed]);
    };
    let all_members = AllMembers { tenant: DEFAULT_TENANT, group: group.id };
    let written = WriteThenRead { write: edit(&group, json!({}), swap), read: Some(all_members) };
    let (after, members) = db.call(written).await.unwrap();
    assert_eq!(after.unwrap().version, 3);
    let ids = members.unwrap().iter().map(|member| member.user_id).collect::<Vec<_>>();
    assert_eq!(ids, [users[1], added]);

    let missing = find(Uuid::now_v7());
    let failing =
        WriteThenRead { write: edit(&group, json!({"displayName": "b"}), |_| {}), read: Some(missing) };
    assert!(matches!(db.call(failing).await, Err(OpError::NotFound)));
    assert_eq!(members_and_version(db, &group).await, (vec![users[1], added], 3));

    // Two concurrent edits, which may form a batch.
    let both = ["x", "y"].map(|name| {
        let groups = GroupsOf { tenant: DEFAULT_TENANT, users: vec![added], max_groups: 1 };
        db.call(WriteThenRead { write: new_group(json!({ "displayName": name })), read: Some(groups) })
    });
    for written in join_all(both).await {
        let (_, groups) = written.unwrap();
        assert_eq!(groups.unwrap(), [[shown(&group)]]);
    }
}

/// A group as its members show it.
pub(crate) fn shown(group: &Group) -> UserGroup {
    UserGroup { id: group.id, display_name: group.attributes.display_name.clone() }
}

async fn groups_are_read_for_several_users(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let other = create_group(db, "B").await;
    let first = users[0];
    db.call(edit(&other, json!({}), move |members| members.add([first]))).await.unwrap().unwrap();
    let with_unknown = [users.clone(), vec![Uuid::now_v7()]].concat();
    let groups = |max_groups| GroupsOf { tenant: DEFAULT_TENANT, users: with_unknown.clone(), max_groups };
    let expected = [vec![shown(&group), shown(&other)], vec![shown(&group)], vec![], vec![]];
    assert_eq!(db.call(groups(3)).await.unwrap(), expected);
    assert_eq!(db.call(groups(2)).await.unwrap(), expected[..1]);
    assert!(db.call(groups(1)).await.unwrap().is_empty());
    let other_tenant = GroupsOf { tenant: Uuid::now_v7(), users, max_groups: 0 };
    assert!(db.call(other_tenant).await.unwrap().iter().all(Vec::is_empty));
}

/// Concurrent calls may form a batch.
async fn users_are_read_and_edited_together_with_their_groups(db: &TestDatabase) {
    let (group, users) = group_with_all_but_last(db, 3).await;
    let expected = [Some(vec![shown(&group)]), Some(vec![shown(&group)]), Some(vec![])];
    let tenant = DEFAULT_TENANT;
    let find = |id: Uuid| WithGroups { tenant, operation: users::find(id), max_groups: 1 };
    let found =
        join_all([users.clone(), users.clone()].concat().into_iter().map(|id| db.call(find(id)))).await;
    let groups: Vec<_> = found.into_iter().map(|user| user.unwrap().groups).collect();
    assert_eq!(groups, [expected.clone(), expected.clone()].concat());
    assert_eq!(db.call(find(Uuid::now_v7())).await, Err(OpError::NotFound));
    assert_eq!(db.call(users::find(users[0])).await.unwrap().groups, None);
    let title = |user: &User| {
        let title = Some("t".to_owned());
        let attributes = Attributes { title, ..user.attributes.clone() };
        let (external_id, source) = (None, NATIVE_SOURCE.into());
        let external_ids = None;
        Ok::<_, ()>(user::Draft { attributes, external_id, source, external_ids, has_active: true })
    };
    let edits = users.iter().map(|id| {
        let (conditions, now) = (Conditions::default(), Timestamp::from(NOON + 1));
        let values = EditFunction(title);
        let operation = Rewrite { tenant, id: *id, values, conditions, now };
        db.call(WithGroups { tenant, operation, max_groups: 1 })
    });
    let edited: Vec<_> = join_all(edits).await.into_iter().map(|user| user.unwrap().unwrap()).collect();
    assert!(edited.iter().all(|user| user.version == 2 && user.attributes.title.as_deref() == Some("t")));
    assert_eq!(edited.into_iter().map(|user| user.groups).collect::<Vec<_>>(), expected);
}

async fn a_page_with_too_many_groups_is_shorter(db: &TestDatabase) {
    let (_, users) = group_with_all_but_last(db, 4).await;
    for skip in [None, Some(0)] {
        let page = |max_groups| {
            let query = Query { skip, max_groups: Some(max_groups), ..users::query(4) };
            async { listing::list(&db.database, &origin("list"), query, &mut None).await }
        };
        for (max_groups, count) in [(1, 1), (2, 2), (3, 4)] {
            let page = page(max_groups).await.unwrap();
            assert_eq!(page.items.iter().map(|user| user.id).collect::<Vec<_>>(), users[..count]);
            assert_eq!(page.next.map(|next| next.id), (count < 4).then(|| users[count - 1]));
        }
        assert_eq!(page(0).await, Err(OpError::TooManyGroups));
    }
}
