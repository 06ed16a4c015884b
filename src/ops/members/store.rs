//! The statements that read and write memberships. Except in [`delete_others`], their cost does not depend on the size
//! of the group.

use crate::db::Connection;
use crate::db::rows::NewMemberRow;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::domain::filter::Value;
use crate::ops::by_tenant::{QualifiedId, group_by_tenant};
use crate::ops::{IDS_PER_STATEMENT, OpError};
use crate::schema::{members, users};
use diesel::prelude::*;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// The id of a group and of one of its members.
pub(super) type Membership = (QualifiedId, Uuid);

/// Splits ids into chunks for one statement each, in the order in which their rows are locked.
pub(super) fn chunks(ids: impl Iterator<Item = QualifiedId>) -> Vec<(Uuid, Vec<Uid>)> {
    let mut chunks = Vec::new();
    for (tenant, ids) in group_by_tenant(ids) {
        let ids: Vec<_> = ids.into_iter().map(Uid).collect();
        chunks.extend(ids.chunks(IDS_PER_STATEMENT).map(|ids| (tenant, ids.to_vec())));
    }
    chunks
}

/// How to treat rows that other transactions have locked. It makes no difference on SQLite, which has a single writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum OnLocked {
    /// Wait for them.
    Wait,
    /// Skip them, as if they did not exist.
    Skip,
}

/// Returns the users that exist, and locks them against deletion.
pub(in crate::ops) fn lock_users(
    connection: &mut Connection,
    ids: impl Iterator<Item = QualifiedId>,
    on_locked: OnLocked,
) -> QueryResult<HashSet<QualifiedId>> {
    let mut existing = HashSet::new();
    for (tenant, ids) in chunks(ids) {
        let all = |ids: Vec<Uid>| {
            let rows = users::tenant_id.eq(Uid(tenant)).and(users::id.eq_any(ids));
            users::table.filter(rows).order(users::id).select(users::id).for_key_share()
        };
        let one = |id| users::table.find((Uid(tenant), id)).select(users::id);
        let found: Vec<Uid> = match on_locked {
            OnLocked::Wait => connection.load_ids(ids, all, one)?,
            OnLocked::Skip => connection.load_ids(ids, |ids| all(ids).skip_locked(), one)?,
        };
        existing.extend(found.into_iter().map(|Uid(id)| (tenant, id)));
    }
    Ok(existing)
}

/// Returns the ids of the users that exist, without locking the users.
pub(super) fn find_users(
    connection: &mut Connection,
    ids: impl Iterator<Item = QualifiedId>,
) -> QueryResult<HashSet<Uuid>> {
    let mut existing = HashSet::new();
    for (tenant, ids) in chunks(ids) {
        let all = |ids: Vec<Uid>| {
            let rows = users::tenant_id.eq(Uid(tenant)).and(users::id.eq_any(ids));
            users::table.filter(rows).select(users::id)
        };
        let one = |id| users::table.find((Uid(tenant), id)).select(users::id);
        let found: Vec<Uid> = connection.load_ids(ids, all, one)?;
        existing.extend(found.into_iter().map(|Uid(id)| id));
    }
    Ok(existing)
}

/// The users who are not members of a group.
pub(super) fn non_members(
    connection: &mut Connection,
    (tenant, group): QualifiedId,
    users: &BTreeSet<Uuid>,
) -> QueryResult<BTreeSet<Uuid>> {
    let mut non_members = users.clone();
    for users in users.iter().copied().collect::<Vec<_>>().chunks(ROWS_PER_STATEMENT) {
        let mut statement = Fragment::of("SELECT members.user_id FROM members WHERE members.tenant_id = ");
        statement.value(Value::Id(tenant)).sql(" AND members.group_id = ").value(Value::Id(group));
        statement.sql(" AND members.user_id").is_one_of(users);
        let members: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
        members.iter().for_each(|Uid(user)| {
            non_members.remove(user);
        });
    }
    Ok(non_members)
}

/// The maximum number of memberships that one statement looks up or inserts.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Inserts the memberships that do not exist yet, and returns them. On PostgreSQL, one statement inserts many rows, to
/// save round trips.
pub(super) fn insert(
    connection: &mut Connection,
    rows: &[NewMemberRow],
) -> Result<HashSet<Membership>, OpError> {
    match connection {
        Connection::Postgres(c) => {
            let mut inserted = HashSet::new();
            for rows in rows.chunks(ROWS_PER_STATEMENT) {
                inserted.extend(insert_in_one_statement(c, rows)?);
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

fn insert_in_one_statement(
    c: &mut PgConnection,
    rows: &[NewMemberRow],
) -> Result<HashSet<Membership>, OpError> {
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

/// Deletes members of a group, and returns the users who were members.
pub(super) fn delete(
    connection: &mut Connection,
    (tenant, group): QualifiedId,
    users: &BTreeSet<Uuid>,
) -> QueryResult<Vec<Uuid>> {
    let mut deleted: Vec<Uid> = Vec::new();
    for (_, users) in chunks(users.iter().map(|user| (tenant, *user))) {
        match connection {
            Connection::Postgres(c) => deleted.extend(match users.as_slice() {
                // With `= ANY`, PostgreSQL may read all members of a group whose size it underestimates.
                [user] => {
                    let row = members::table.find((Uid(tenant), Uid(group), *user));
                    diesel::delete(row).returning(members::user_id).load::<Uid>(c)?
                }
                users => {
                    let of_group = members::tenant_id.eq(Uid(tenant)).and(members::group_id.eq(Uid(group)));
                    let rows = members::table.filter(of_group.and(members::user_id.eq_any(users)));
                    diesel::delete(rows).returning(members::user_id).load::<Uid>(c)?
                }
            }),
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

/// Deletes all members of a group except these users, and returns the deleted members.
pub(super) fn delete_others(
    connection: &mut Connection,
    (tenant, group): QualifiedId,
    users: &BTreeSet<Uuid>,
) -> QueryResult<Vec<Uuid>> {
    let mut statement = Fragment::of("DELETE FROM members WHERE members.tenant_id = ");
    statement.value(Value::Id(tenant)).sql(" AND members.group_id = ").value(Value::Id(group));
    let users: Vec<_> = users.iter().copied().collect();
    // With a prepared plan, PostgreSQL would compare each member with all values one by one.
    statement
        .sql(" AND NOT (members.user_id")
        .is_one_of(&users)
        .sql(") RETURNING members.user_id")
        .unprepared();
    let deleted: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
    Ok(deleted.into_iter().map(|Uid(user)| user).collect())
}

/// The groups of a user.
pub(super) fn groups_of(connection: &mut Connection, (tenant, user): QualifiedId) -> QueryResult<Vec<Uuid>> {
    let of_user = members::tenant_id.eq(Uid(tenant)).and(members::user_id.eq(Uid(user)));
    let query = members::table.filter(of_user).select(members::group_id);
    let groups: Vec<Uid> = connection.load(query)?;
    Ok(groups.into_iter().map(|Uid(group)| group).collect())
}

/// Deletes all memberships of a user, and returns the groups in id order.
pub(super) fn delete_all(
    connection: &mut Connection,
    (tenant, user): QualifiedId,
) -> QueryResult<BTreeSet<Uuid>> {
    let of_user = members::tenant_id.eq(Uid(tenant)).and(members::user_id.eq(Uid(user)));
    let delete = diesel::delete(members::table.filter(of_user)).returning(members::group_id);
    let groups: Vec<Uid> = connection.load(delete)?;
    Ok(groups.into_iter().map(|Uid(group)| group).collect())
}
