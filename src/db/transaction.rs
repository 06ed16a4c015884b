//! One operation, carried out once on one connection.

use super::conn::Connection;
use super::error::DbError;
use super::types::{Json, Uid};
use super::{Class, Isolation, Operation};
use crate::domain::change::{Change, Origin};
use crate::on_engine;
use crate::schema::{changes, heads};
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What an operation works with: a connection and, when it writes, a transaction on it.
pub struct Tx<'a> {
    connection: &'a mut Connection,
    origin: &'a Origin,
    changes: Vec<Change>,
    /// Whether what was overwritten must leave the file too.
    truncate: bool,
}

impl Tx<'_> {
    /// The connection, for `on_engine!`.
    pub fn connection(&mut self) -> &mut Connection {
        self.connection
    }

    /// Lets a reader's statements see one state of the database.
    ///
    /// # Errors
    /// What `read` says, or the database.
    pub fn in_snapshot<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let begin = match self.connection {
            Connection::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Connection::Sqlite(_) => "BEGIN",
        };
        on_engine!(self.connection, c => AnsiTransactionManager::begin_transaction_sql(c, begin))?;
        let read = read(self);
        on_engine!(self.connection, c => AnsiTransactionManager::rollback_transaction(c))?;
        read
    }

    /// Has SQLite empty its log after the commit: there the old values stand until it is written over.
    pub fn leave_nothing_behind(&mut self) {
        self.truncate = true;
    }

    /// Notes a change. It is numbered and inserted when the operation has succeeded, last of all, because the
    /// number's row lock is held until the commit.
    pub fn record(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// Runs a reader without a transaction (each of its statements sees one state of the database), a writer in one.
pub(super) fn attempt<O: Operation>(
    connection: &mut Connection,
    operation: &O,
    origin: &Origin,
) -> Result<O::Output, DbError> {
    if O::CLASS != Class::Write {
        return operation.run(&mut Tx { connection, origin, changes: Vec::new(), truncate: false });
    }
    begin(connection, O::ISOLATION)?;
    let mut tx = Tx { connection, origin, changes: Vec::new(), truncate: false };
    let output = operation.run(&mut tx).and_then(|output| number_changes(&mut tx).map(|()| output));
    let truncate = tx.truncate;
    match output {
        Ok(output) => {
            commit(connection)?;
            if truncate && let Connection::Sqlite(_) = connection {
                empty_log(connection);
            }
            Ok(output)
        }
        Err(error) => {
            on_engine!(connection, c => AnsiTransactionManager::rollback_transaction(c))
                .map_err(|rollback| DbError::Unavailable(format!("{error}; rolling back: {rollback}")))?;
            Err(error)
        }
    }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

/// Empties SQLite's log. It waits for readers, for as long as a lock is waited for.
fn empty_log(connection: &mut Connection) {
    let checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
    let done: QueryResult<Checkpoint> = on_engine!(connection, c => checkpoint.get_result(c));
    match done {
        Ok(Checkpoint { busy: 0 }) => {}
        Ok(_) => log::warn!("a reader kept erased values in the log of the database: erase once more"),
        Err(error) => log::warn!("erased values are still in the log of the database: {error}"),
    }
}

fn begin(connection: &mut Connection, isolation: Isolation) -> Result<(), DbError> {
    match connection {
        Connection::Postgres(c) => {
            let sql = match isolation {
                Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
                Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
            };
            AnsiTransactionManager::begin_transaction_sql(c, sql)?;
        }
        Connection::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
    }
    Ok(())
}

fn commit(connection: &mut Connection) -> Result<(), DbError> {
    let committed = on_engine!(connection, c => AnsiTransactionManager::commit_transaction(c));
    committed.map_err(|error| {
        let error = match error {
            diesel::result::Error::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
            other => other,
        };
        let alive = connection.execute("SELECT 1").is_ok();
        DbError::from(error).at_commit(alive)
    })
}

/// Takes each tenant's head row, in the order of tenants, and gives its changes the revisions that follow.
fn number_changes(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let mut by_tenant: BTreeMap<Uuid, Vec<Change>> = BTreeMap::new();
    for change in std::mem::take(&mut tx.changes) {
        by_tenant.entry(change.tenant).or_default().push(change);
    }
    for (tenant, changes) in by_tenant {
        let first = advance_head(tx.connection, tenant, &changes)?;
        for (revision, change) in (first..).zip(changes) {
            insert_change(tx.connection, tx.origin, revision, change)?;
        }
    }
    Ok(())
}

/// Moves the head behind these changes and gives the first one's revision. No head row, no tenant.
fn advance_head(connection: &mut Connection, tenant: Uuid, changes: &[Change]) -> Result<i64, DbError> {
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    let growth = |resource: &str| -> i64 {
        let of_resource = changes.iter().filter_map(|change| change.kind.strip_prefix(resource));
        of_resource
            .map(|kind| match kind {
                ".created" => 1,
                ".deleted" => -1,
                _ => 0,
            })
            .sum()
    };
    let query = diesel::update(heads::table.find(Uid(tenant)))
        .set((
            heads::revision.eq(heads::revision + count),
            heads::users.eq(heads::users + growth("user")),
            heads::groups.eq(heads::groups + growth("group")),
        ))
        .returning(heads::revision);
    let newest: i64 = on_engine!(connection, c => query.get_result(c))?;
    Ok(newest - count + 1)
}

#[derive(Insertable)]
#[diesel(table_name = changes)]
struct NewChange<'a> {
    tenant_id: Uid,
    revision: i64,
    time: i64,
    actor_type: String,
    actor_id: &'a str,
    request_id: &'a str,
    kind: &'static str,
    resource: &'static str,
    resource_id: Uid,
    version: i64,
    before: Option<Json<Map<String, Value>>>,
    after: Option<Json<Map<String, Value>>>,
    erased: bool,
}

fn insert_change(
    connection: &mut Connection,
    origin: &Origin,
    revision: i64,
    change: Change,
) -> Result<(), DbError> {
    let row = NewChange {
        tenant_id: Uid(change.tenant),
        revision,
        time: change.time.into(),
        actor_type: origin.actor.kind.to_string(),
        actor_id: &origin.actor.id,
        request_id: &origin.request_id,
        kind: change.kind,
        resource: change.resource,
        resource_id: Uid(change.id),
        version: change.version,
        before: change.before.map(Json),
        after: change.after.map(Json),
        erased: change.erased,
    };
    on_engine!(connection, c => diesel::insert_into(changes::table).values(&row).execute(c))?;
    Ok(())
}
