//! The statements that change who is in a group. None reads more of it than what is asked for.

use super::Name;
use super::groups::Changed;
use crate::db::Connection;
use crate::db::rows::NewMemberRow;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::domain::filter::Value;
use crate::domain::time::Timestamp;
use crate::ops::AT_ONCE;
use crate::ops::OpError;
use crate::schema::{groups, members, users};
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

/// Who is in which group.
pub(super) type Membership = (Name, Uuid);

/// Names in the order in which their rows are locked, as many together as are looked up at once.
fn portions(names: impl Iterator<Item = Name>) -> Vec<(Uuid, Vec<Uid>)> {
    let mut by_tenant: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for (tenant, id) in names {
        by_tenant.entry(tenant).or_default().insert(id);
    }
    let mut portions = Vec::new();
    for (tenant, ids) in by_tenant {
        let ids: Vec<_> = ids.into_iter().map(Uid).collect();
        portions.extend(ids.chunks(AT_ONCE).map(|ids| (tenant, ids.to_vec())));
    }
    portions
}

/// What is done about rows that others have locked (SQLite has one writer anyway).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locked {
    /// They are waited for.
    Wait,
    /// They are left out, as if they were not there.
    Skip,
}

/// Tells which of the users there are, and sees to it that they stay: who wants to delete one waits.
pub(super) fn lock_users(
    connection: &mut Connection,
    names: impl Iterator<Item = Name>,
    locked: Locked,
) -> QueryResult<HashSet<Name>> {
    let mut there = HashSet::new();
    for (tenant, ids) in portions(names) {
        let all = |ids: Vec<Uid>| {
            let rows = users::tenant_id.eq(Uid(tenant)).and(users::id.eq_any(ids));
            users::table.filter(rows).order(users::id).select(users::id).for_key_share()
        };
        let one = |id| users::table.find((Uid(tenant), id)).select(users::id);
        let found: Vec<Uid> = match locked {
            Locked::Wait => connection.load_ids(ids, all, one)?,
            Locked::Skip => connection.load_ids(ids, |ids| all(ids).skip_locked(), one)?,
        };
        there.extend(found.into_iter().map(|Uid(id)| (tenant, id)));
    }
    Ok(there)
}

/// Locks groups so that nobody else changes them or who is in them, and gives their versions and times.
pub(super) fn lock_groups(
    connection: &mut Connection,
    names: impl Iterator<Item = Name>,
    locked: Locked,
) -> QueryResult<Vec<(Name, i64, Timestamp)>> {
    let columns = (groups::id, groups::version, groups::updated_at);
    let mut found = Vec::new();
    for (tenant, ids) in portions(names) {
        let all = |ids: Vec<Uid>| {
            let rows = groups::tenant_id.eq(Uid(tenant)).and(groups::id.eq_any(ids));
            groups::table.filter(rows).order(groups::id).select(columns).for_no_key_update()
        };
        let one = |id| groups::table.find((Uid(tenant), id)).select(columns);
        let rows: Vec<(Uid, i64, i64)> = match locked {
            Locked::Wait => connection.load_ids(ids, all, one)?,
            Locked::Skip => connection.load_ids(ids, |ids| all(ids).skip_locked(), one)?,
        };
        let group = |(Uid(id), version, time): (Uid, i64, i64)| ((tenant, id), version, time.into());
        found.extend(rows.into_iter().map(group));
    }
    Ok(found)
}

/// Those of the users who are not in a group.
pub(super) fn absent(
    connection: &mut Connection,
    (tenant, group): Name,
    users: &BTreeSet<Uuid>,
) -> QueryResult<BTreeSet<Uuid>> {
    let mut absent = users.clone();
    for users in users.iter().copied().collect::<Vec<_>>().chunks(ROWS_AT_ONCE) {
        let mut statement = Fragment::of("SELECT members.user_id FROM members WHERE members.tenant_id = ");
        statement.value(Value::Id(tenant)).sql(" AND members.group_id = ").value(Value::Id(group));
        statement.sql(" AND members.user_id").is_one_of(users);
        let there: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
        there.iter().for_each(|Uid(user)| {
            absent.remove(user);
        });
    }
    Ok(absent)
}

/// How many memberships are looked up, or inserted, with one statement.
const ROWS_AT_ONCE: usize = 1_000;

/// Inserts the memberships that are not there, and tells which: on PostgreSQL, where a statement is a round trip, many with
/// one.
pub(super) fn insert(
    connection: &mut Connection,
    rows: &[NewMemberRow],
) -> Result<HashSet<Membership>, OpError> {
    match connection {
        Connection::Postgres(c) => {
            let mut inserted = HashSet::new();
            for rows in rows.chunks(ROWS_AT_ONCE) {
                inserted.extend(insert_at_once(c, rows)?);
            }
            Ok(inserted)
        }
        Connection::Sqlite(c) => {
            let mut inserted = HashSet::new();
            for row in rows {
                let insert = diesel::insert_into(members::table).values(row).on_conflict_do_nothing();
                if insert.execute(c)? == 1 {
                    inserted.insert(((row.tenant_id.0, row.group_id.0), row.user_id.0));
                }
            }
            Ok(inserted)
        }
    }
}

fn insert_at_once(c: &mut PgConnection, rows: &[NewMemberRow]) -> Result<HashSet<Membership>, OpError> {
    let mut statement = Fragment::of(
        "INSERT INTO members (tenant_id, group_id, user_id, added_at) \
         SELECT tenant_id, group_id, user_id, added_at FROM ",
    );
    statement.rows("members", rows)?;
    statement.sql(" ON CONFLICT DO NOTHING RETURNING tenant_id, group_id, user_id");
    let inserted: Vec<(Uid, Uid, Uid)> = Statement::<(Id, Id, Id)>::of(statement).load(c)?;
    let membership = |(Uid(tenant), Uid(group), Uid(user))| ((tenant, group), user);
    Ok(inserted.into_iter().map(membership).collect())
}

/// Removes users from a group, and tells which were in it.
pub(super) fn delete(
    connection: &mut Connection,
    (tenant, group): Name,
    users: &BTreeSet<Uuid>,
) -> QueryResult<Vec<Uuid>> {
    let mut deleted: Vec<Uid> = Vec::new();
    for (_, users) in portions(users.iter().map(|user| (tenant, *user))) {
        match connection {
            Connection::Postgres(c) => {
                let of_group = members::tenant_id.eq(Uid(tenant)).and(members::group_id.eq(Uid(group)));
                let rows = members::table.filter(of_group.and(members::user_id.eq_any(users)));
                deleted.extend(diesel::delete(rows).returning(members::user_id).load::<Uid>(c)?);
            }
            Connection::Sqlite(c) => {
                for user in users {
                    let row = members::table.find((Uid(tenant), Uid(group), user));
                    if diesel::delete(row).execute(c)? == 1 {
                        deleted.push(user);
                    }
                }
            }
        }
    }
    Ok(deleted.into_iter().map(|Uid(user)| user).collect())
}

/// Removes from a group all but these users, and tells who that was.
pub(super) fn delete_others(
    connection: &mut Connection,
    (tenant, group): Name,
    users: &BTreeSet<Uuid>,
) -> QueryResult<Vec<Uuid>> {
    let mut statement = Fragment::of("DELETE FROM members WHERE members.tenant_id = ");
    statement.value(Value::Id(tenant)).sql(" AND members.group_id = ").value(Value::Id(group));
    let users: Vec<_> = users.iter().copied().collect();
    // Prepared without its values, PostgreSQL would look through all of them for each member.
    statement
        .sql(" AND NOT (members.user_id")
        .is_one_of(&users)
        .sql(") RETURNING members.user_id")
        .unprepared();
    let deleted: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
    Ok(deleted.into_iter().map(|Uid(user)| user).collect())
}

/// The groups that a user is in.
pub(super) fn groups_of(connection: &mut Connection, (tenant, user): Name) -> QueryResult<Vec<Uuid>> {
    let of_user = members::tenant_id.eq(Uid(tenant)).and(members::user_id.eq(Uid(user)));
    let query = members::table.filter(of_user).select(members::group_id);
    let groups: Vec<Uid> = connection.load(query)?;
    Ok(groups.into_iter().map(|Uid(group)| group).collect())
}

/// Removes a user from every group, and tells from which, in the order of their ids.
pub(super) fn delete_all(connection: &mut Connection, (tenant, user): Name) -> QueryResult<BTreeSet<Uuid>> {
    let of_user = members::tenant_id.eq(Uid(tenant)).and(members::user_id.eq(Uid(user)));
    let delete = diesel::delete(members::table.filter(of_user)).returning(members::group_id);
    let groups: Vec<Uid> = connection.load(delete)?;
    Ok(groups.into_iter().map(|Uid(group)| group).collect())
}

/// Writes what has become of locked groups: on PostgreSQL, where a statement is a round trip, with one.
pub(super) fn write_groups(connection: &mut Connection, rows: &[Changed]) -> Result<(), OpError> {
    match connection {
        Connection::Postgres(c) => {
            let mut statement = Fragment::of(
                "UPDATE groups SET version = changed.version, updated_at = changed.updated_at, \
                 member_count = groups.member_count + changed.member_count FROM ",
            );
            statement.rows("groups", rows)?;
            statement
                .sql(" AS changed WHERE groups.tenant_id = changed.tenant_id AND groups.id = changed.id");
            Statement::<()>::of(statement).execute(c)?;
        }
        Connection::Sqlite(c) => {
            for row in rows {
                let update = diesel::update(groups::table.find((row.tenant_id, row.id))).set((
                    groups::version.eq(row.version),
                    groups::updated_at.eq(row.updated_at),
                    groups::member_count.eq(groups::member_count + row.member_count),
                ));
                update.execute(c)?;
            }
        }
    }
    Ok(())
}
