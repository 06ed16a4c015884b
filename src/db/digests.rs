//! Counts the digests of tenants. Writes keep a known digest up to date. It is unknown after a write by a server of the
//! previous release, which does not know the digest, and in a database that such a server created.

use super::conn::Connection;
use super::error::DbError;
use super::query::Select;
use super::sql::{Fragment, Statement};
use super::types::{Id, Uid};
use crate::domain::digest::Digest;
use crate::domain::filter::Value;
use crate::schema::heads;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use uuid::Uuid;

/// The number of rows that one statement reads.
const PAGE: usize = 1_000;

/// The id of the next tenant after `after`, in the order of ids, whose digest is unknown.
///
/// # Errors
/// The engine's error.
pub fn next_unknown(connection: &mut Connection, after: Uuid) -> QueryResult<Option<Uuid>> {
    let is_unknown = heads::digest.is_null().or(heads::digest_revision.ne(heads::revision.nullable()));
    let unknown = heads::table.filter(heads::tenant_id.gt(Uid(after))).filter(is_unknown);
    let next = unknown.order(heads::tenant_id).limit(1).select(heads::tenant_id);
    let next: Option<Uid> = connection.optional(next)?;
    Ok(next.map(|Uid(tenant)| tenant))
}

/// Counts and stores the digest of a tenant. Must run in a transaction: the locked head row keeps other writes of the
/// tenant from committing meanwhile, for a few seconds per million users, groups and members.
///
/// # Errors
/// Any error of the database. [`DbError::NoRow`] if the tenant does not exist.
pub fn store(connection: &mut Connection, tenant: Uuid) -> Result<(), DbError> {
    let head = heads::table.find(Uid(tenant));
    let columns = (heads::revision, heads::digest, heads::digest_revision);
    let (revision, known, known_at): (i64, Option<i64>, Option<i64>) =
        connection.lock(head.select(columns))?;
    if known.is_some() && known_at == Some(revision) {
        // Another server has counted it while this one waited for the lock.
        return Ok(());
    }
    let digest = i64::from(count(connection, tenant)?);
    let values = (heads::digest.eq(digest), heads::digest_revision.eq(revision));
    connection.execute(diesel::update(head).set(values))?;
    Ok(())
}

/// Counts the digest of a tenant from its users, groups and members, in pages.
///
/// # Errors
/// The engine's error.
pub fn count(connection: &mut Connection, tenant: Uuid) -> QueryResult<Digest> {
    let users = count_versions(connection, tenant, "users", Digest::of_user)?;
    let groups = count_versions(connection, tenant, "groups", Digest::of_group)?;
    Ok(users ^ groups ^ count_members(connection, tenant)?)
}

fn count_versions(
    connection: &mut Connection,
    tenant: Uuid,
    table: &'static str,
    of: impl Fn(Uuid, i64) -> Digest,
) -> QueryResult<Digest> {
    let page = |after: Option<(Uid, i64)>| {
        let mut statement = Fragment::of("SELECT id, version FROM ");
        statement.sql(table).sql(" WHERE tenant_id = ").value(Value::Id(tenant));
        statement.sql(" AND id > ").value(Value::Id(after.map_or(Uuid::nil(), |(Uid(id), _)| id)));
        statement.sql(" ORDER BY id");
        Statement::<(Id, BigInt)>::of(statement)
    };
    count_pages(connection, page, |(Uid(id), version)| of(id, version))
}

fn count_members(connection: &mut Connection, tenant: Uuid) -> QueryResult<Digest> {
    let page = |after: Option<(Uid, Uid)>| {
        let (Uid(group), Uid(user)) = after.unwrap_or((Uid(Uuid::nil()), Uid(Uuid::nil())));
        let mut statement = Fragment::of("SELECT group_id, user_id FROM members WHERE tenant_id = ");
        statement.value(Value::Id(tenant)).sql(" AND (group_id, user_id) > (").value(Value::Id(group));
        statement.sql(", ").value(Value::Id(user)).sql(") ORDER BY group_id, user_id");
        Statement::<(Id, Id)>::of(statement)
    };
    count_pages(connection, page, |(Uid(group), Uid(user))| Digest::of_member(group, user))
}

/// The digest of all rows. `page` selects the rows after a row.
fn count_pages<ST: 'static, Row: Copy + 'static>(
    connection: &mut Connection,
    page: impl Fn(Option<Row>) -> Statement<ST>,
    of: impl Fn(Row) -> Digest,
) -> QueryResult<Digest>
where
    Statement<ST>: Select<'static, Row>,
{
    let (mut digest, mut last) = (Digest::default(), None);
    loop {
        let rows = connection.load_first(page(last), PAGE)?;
        rows.iter().for_each(|row| digest ^= of(*row));
        last = rows.last().copied();
        if rows.len() < PAGE {
            return Ok(digest);
        }
    }
}
