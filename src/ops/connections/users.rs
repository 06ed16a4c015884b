//! The users of a connection: those for which it has set an externalId, although it may have removed it since, and those that it
//! has created.

use crate::db::Tx;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::Uid;
use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::connection::Connection;
use crate::domain::filter::Value;
use crate::domain::origin::ActorKind;
use crate::domain::parse_id;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, User};
use crate::ops::history::{Rows, own_kind};
use crate::ops::{OpError, records};
use crate::schema::connection_users;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

/// The source of the connection that creates a user without an externalId. Its users with an externalId are found by that.
pub(in crate::ops) fn creator_without_external_id(
    tx: &Tx<'_>,
    draft: &Draft,
) -> Result<Option<Uuid>, OpError> {
    let by_connection = tx.origin()?.actor.kind == ActorKind::Connection;
    let is_unknown = by_connection && draft.external_id.is_none();
    Ok(if is_unknown { parse_id(&draft.source) } else { None })
}

/// Records that a locked or new user without an externalId belongs to the connection with this source.
pub(in crate::ops) fn record_user(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    source: Uuid,
    user: Uuid,
) -> Result<(), OpError> {
    if is_recorded(tx, tenant, source, user)? {
        return Ok(());
    }
    tx.execute(diesel::insert_into(connection_users::table).values((
        connection_users::tenant_id.eq(Uid(tenant)),
        connection_users::user_id.eq(Uid(user)),
        connection_users::source_id.eq(Uid(source)),
    )))?;
    Ok(())
}

/// Whether a user is one of those of the connection with this source.
pub(in crate::ops) fn owns_user(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    source: Uuid,
    user: &User,
) -> Result<bool, OpError> {
    if user.external_ids.contains_key(&source.to_string()) {
        return Ok(true);
    }
    Ok(is_recorded(tx, tenant, source, user.id)?)
}

fn is_recorded(tx: &mut Tx<'_>, tenant: Uuid, source: Uuid, user: Uuid) -> QueryResult<bool> {
    let row = connection_users::table.find((Uid(tenant), Uid(user), Uid(source)));
    Ok(tx.optional::<Uid>(row.select(connection_users::user_id))?.is_some())
}

/// Counts the users of the connection with this source. The rows are read from indexes only.
pub(super) fn count_users(tx: &mut Tx<'_>, tenant: Uuid, source: Uuid) -> Result<i64, OpError> {
    let (tenant, text) = (|| Value::Id(tenant), || Value::Text(source.to_string()));
    let mut statement = Fragment::of("SELECT (SELECT count(*) FROM user_external_ids WHERE tenant_id = ");
    statement.value(tenant()).sql(" AND source = ").value(text());
    statement.sql(") + (SELECT count(*) FROM connection_users WHERE tenant_id = ").value(tenant());
    statement.sql(" AND source_id = ").value(Value::Id(source));
    statement.sql(
        " AND NOT EXISTS (SELECT 1 FROM user_external_ids WHERE user_external_ids.tenant_id = connection_users.tenant_id \
         AND user_external_ids.user_id = connection_users.user_id AND user_external_ids.source = ",
    );
    statement.value(text()).sql("))");
    count(tx, statement)
}

/// Counts the users that the connection has deleted after this time and that were not restored since, with the one that the
/// current call has deleted, if any.
pub(super) fn count_deleted_users(
    tx: &mut Tx<'_>,
    connection: &Connection,
    after: Timestamp,
    deleted: Option<Uuid>,
) -> Result<i64, OpError> {
    let mut statement =
        Fragment::of("SELECT count(DISTINCT deleted_user) FROM connection_removals WHERE tenant_id = ");
    statement
        .value(Value::Id(connection.tenant))
        .sql(" AND connection_id = ")
        .value(Value::Id(connection.id));
    statement.sql(" AND time > ").value(Value::Integer(after.into()));
    statement.sql(
        " AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = connection_removals.tenant_id \
         AND users.id = connection_removals.deleted_user)",
    );
    if let Some(deleted) = deleted {
        statement.sql(" AND deleted_user <> ").value(Value::Id(deleted));
    }
    Ok(count(tx, statement)? + i64::from(deleted.is_some()))
}

fn count(tx: &mut Tx<'_>, statement: Fragment) -> Result<i64, OpError> {
    tx.load(Statement::<BigInt>::of(statement))?
        .pop()
        .ok_or_else(|| OpError::internal("a count returned no row"))
}

/// Records that a restored user belongs to the connections that have created it, unless they have been deleted.
pub(in crate::ops) fn record_creators(tx: &mut Tx<'_>, rows: Rows, user: &User) -> Result<(), OpError> {
    let mut created = Fragment::of("changes.actor_type = ");
    created.value(Value::Text(ActorKind::Connection.to_string()));
    created.sql(" AND changes.type = ").value(Value::Text(ChangeKind::USER_CREATED.name().to_owned()));
    let mut statement = Fragment::of("SELECT DISTINCT changes.actor_id");
    statement.append(&rows.from(own_kind(ResourceKind::User), &created));
    let creators: Vec<String> = tx.load(Statement::<Text>::of(statement))?;
    for creator in creators.iter().filter_map(|id| parse_id(id)) {
        let source = match records::find::<Connection>(tx, rows.tenant, creator) {
            Ok(connection) => connection.source,
            Err(OpError::NotFound) => continue,
            Err(error) => return Err(error),
        };
        if !owns_user(tx, rows.tenant, source, user)? {
            record_user(tx, rows.tenant, source, user.id)?;
        }
    }
    Ok(())
}
