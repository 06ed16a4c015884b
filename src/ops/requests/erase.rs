//! Removes the values of an erased user from recorded requests.

use super::rows::{Details, Row, columns};
use crate::db::Tx;
use crate::db::lock::{ForUpdate, Lock as _};
use crate::db::types::{Json, Uid};
use crate::domain::inspector::{RecordedRequest, UserValues};
use crate::schema::{connections, requests};
use diesel::prelude::*;
use std::time::Instant;
use uuid::Uuid;

/// Searches the recorded requests of a tenant for the id and the values of a user, and removes the contents of those that
/// contain one. In doubt, this concerns more requests than necessary.
#[derive(Debug)]
pub struct Search<'s> {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub user: Uuid,
    /// The values of the user.
    pub values: &'s UserValues,
}

/// The connection and the id of a request.
pub(crate) type Position = (Uuid, Uuid);

/// The number of requests that are searched before the time is checked. Each can have two bodies of 16 KiB.
const PER_STATEMENT: i64 = 25;

impl Search<'_> {
    /// Whether the tenant can have recorded requests.
    pub(crate) fn is_needed(&self, tx: &mut Tx<'_>) -> QueryResult<bool> {
        let tenant = Uid(self.tenant);
        let connection = connections::table.filter(connections::tenant_id.eq(tenant)).select(connections::id);
        let request = requests::table.filter(requests::tenant_id.eq(tenant)).select(requests::id);
        Ok(tx.optional::<Uid>(connection.limit(1))?.is_some()
            || tx.optional::<Uid>(request.limit(1))?.is_some())
    }

    /// Searches the requests after a position until a time. Returns the position of the last one that was searched, or `None`
    /// if all have been searched.
    pub(crate) fn run(
        &self,
        tx: &mut Tx<'_>,
        after: Option<Position>,
        until: Instant,
    ) -> QueryResult<Option<Position>> {
        self.lock_connections(tx)?;
        let mut position = after.unwrap_or_default();
        loop {
            let Some(last) = self.search_next(tx, position)? else { return Ok(None) };
            position = last;
            if Instant::now() >= until {
                return Ok(Some(position));
            }
        }
    }

    /// Waits for requests that are being recorded, and whose rows would otherwise not be found.
    fn lock_connections(&self, tx: &mut Tx<'_>) -> QueryResult<()> {
        let all = connections::table.filter(connections::tenant_id.eq(Uid(self.tenant)));
        tx.load::<Uid>(ForUpdate::on(all.order(connections::id).select(connections::id)))?;
        Ok(())
    }

    fn search_next(&self, tx: &mut Tx<'_>, (connection, id): Position) -> QueryResult<Option<Position>> {
        let same = requests::connection_id.eq(Uid(connection)).and(requests::id.gt(Uid(id)));
        let later = requests::connection_id.gt(Uid(connection)).or(same);
        let next = requests::table
            .filter(requests::tenant_id.eq(Uid(self.tenant)))
            .filter(requests::connection_id.ge(Uid(connection)))
            .filter(later)
            .order((requests::connection_id, requests::id))
            .select(columns())
            .limit(PER_STATEMENT);
        let rows: Vec<Row> = tx.load(next)?;
        let last = rows.last().map(|row| (row.connection_id.0, row.id.0));
        for request in rows.into_iter().map(RecordedRequest::from).filter(|request| !request.erased) {
            if request.contains(self.user, self.values) {
                erase(tx, request)?;
            }
        }
        Ok(last)
    }
}

fn erase(tx: &mut Tx<'_>, mut request: RecordedRequest) -> QueryResult<()> {
    request.erase();
    let row = requests::table.find((Uid(request.tenant), Uid(request.connection), Uid(request.id)));
    tx.execute(diesel::update(row).set((
        requests::path.eq(&request.path),
        requests::query.eq(None::<String>),
        requests::mentions.eq(request.mentions.to_text()),
        requests::details.eq(Json(Details::from(&request))),
        requests::request.eq(None::<String>),
        requests::response.eq(None::<String>),
        requests::erased.eq(true),
    )))?;
    Ok(())
}
