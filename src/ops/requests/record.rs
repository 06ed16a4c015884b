//! Writes recorded requests.

use super::rows::Row;
use crate::db::lock::{ForKeyShare, Lock as _};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::inspector::RecordedRequest;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::{connections, heads, requests};
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Inserts requests. Those of connections that no longer exist are left out.
///
/// The connections are locked until the commit, because an erasure locks them before it searches their requests, and sets a
/// time. A request that is inserted later may not be found by the search. It is therefore recorded without its contents if it
/// arrived before this time.
#[derive(Debug)]
pub struct Record(pub Arc<Vec<RecordedRequest>>);

impl Operation for Record {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let keys: BTreeSet<_> =
            self.0.iter().map(|recorded| (recorded.tenant, recorded.connection)).collect();
        let mut erasures = BTreeMap::new();
        for (tenant, connection) in keys {
            let row = connections::table.find((Uid(tenant), Uid(connection))).select(connections::id);
            if tx.optional::<Uid>(ForKeyShare::on(row))?.is_some() {
                // Read after the lock is taken, so that it shows an erasure that held the lock.
                let head = heads::table.find(Uid(tenant)).select(heads::erased_at);
                let erased_at: Option<Option<i64>> = tx.optional(head)?;
                erasures.insert((tenant, connection), erased_at.flatten().map(Timestamp::from));
            }
        }
        let row = |recorded: &RecordedRequest| {
            let erased_at = *erasures.get(&(recorded.tenant, recorded.connection))?;
            Some(match erased_at {
                Some(erased_at) if recorded.time <= erased_at => {
                    let mut erased = recorded.clone();
                    // The erased user and its values are not known here.
                    erased.erase(None);
                    Row::from(&erased)
                }
                _ => Row::from(recorded),
            })
        };
        insert(tx, &self.0.iter().filter_map(row).collect::<Vec<_>>())
    }
}

/// All columns, because a later release may add others that must not be null.
const COLUMNS: &str = "tenant_id, connection_id, id, time, status, resource, resource_id, codes, mentions, method, path, \
                       query, erased, details, request, response";

/// Inserts rows, except those that an earlier attempt with an unknown outcome has inserted.
fn insert(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), OpError> {
    match tx.connection() {
        Connection::Postgres(c) => {
            let mut statement = Fragment::of("INSERT INTO requests (");
            statement.sql(COLUMNS).sql(") SELECT ").sql(COLUMNS).sql(" FROM ");
            statement.rows("requests", rows)?.sql(" ON CONFLICT DO NOTHING RETURNING id");
            Statement::<Id>::of(statement).load::<Uid>(c)?;
        }
        Connection::Sqlite(c) => {
            for row in rows {
                diesel::insert_into(requests::table).values(row).on_conflict_do_nothing().execute(c)?;
            }
        }
    }
    Ok(())
}
