//! Removes the values of an erased user from recorded requests.
//!
//! A tenant can have many requests, so they are searched by a reader, and only those that contain a value are written. This
//! alone would miss requests that are recorded during the search. Therefore, a search [begins](BeginSearch) by setting a time:
//! requests that arrived until then, but have not been recorded yet, are recorded without their contents. Those that arrive
//! later are [searched](Search::run) in the transaction that completes the erasure, while no others can be recorded.

use super::rows::{Details, Row, columns, of_connection};
use crate::db::lock::{ForUpdate, Lock as _};
use crate::db::types::{Json, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::id;
use crate::domain::inspector::{RecordedRequest, UserValues};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::{connections, erasures, heads, requests};
use diesel::prelude::*;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The connection and the id of a request.
pub type Position = (Uuid, Uuid);

/// The number of requests that are searched before the time is checked. Each can have two bodies of 16 KiB.
const PER_STATEMENT: i64 = 25;
/// The time after which [`FindRequests`] ends.
const TIME_TO_FIND: Duration = Duration::from_millis(100);
/// The number of requests that [`FindRequests`] returns, so that other writes do not wait long while they are written.
const MAX_FOUND: usize = 100;

/// Begins a search of the recorded requests of a tenant: waits for requests that are being recorded, and sets the time until
/// which requests that are recorded from now on are recorded without their contents.
#[derive(Debug)]
pub struct BeginSearch {
    /// The tenant of the erased user.
    pub tenant: Uuid,
    /// The current time.
    pub now: Timestamp,
}

impl Operation for BeginSearch {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        lock_connections(tx, self.tenant)?;
        Ok(mark_time(tx, self.tenant, self.now)?)
    }
}

/// Locks the connections of a tenant, so that no requests are recorded until the end of the transaction.
pub(crate) fn lock_connections(tx: &mut Tx<'_>, tenant: Uuid) -> QueryResult<()> {
    let all = connections::table.filter(connections::tenant_id.eq(Uid(tenant)));
    tx.load::<Uid>(ForUpdate::on(all.order(connections::id).select(connections::id)))?;
    Ok(())
}

/// Sets the time until which requests that are recorded later are recorded without their contents, unless a later one is set.
/// It is in the head row, which is locked last.
pub(crate) fn mark_time(tx: &mut Tx<'_>, tenant: Uuid, time: Timestamp) -> QueryResult<()> {
    let time = Some(i64::from(time));
    let is_earlier = heads::erased_at.is_null().or(heads::erased_at.lt(time));
    let head = heads::table.filter(heads::tenant_id.eq(Uid(tenant)).and(is_earlier));
    tx.execute(diesel::update(head).set(heads::erased_at.eq(time)))?;
    Ok(())
}

/// Finds the next recorded requests that contain the id or a value of a user whose erasure has begun. In doubt, these are more
/// than necessary.
#[derive(Debug)]
pub struct FindRequests {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub user: Uuid,
    /// The time of arrival from which requests are searched.
    pub since: Timestamp,
    /// The position after which the search continues; nil at first.
    pub after: Position,
}

/// Requests that contain values of a user.
#[derive(Debug, Default)]
pub struct Found {
    /// The requests.
    pub requests: Vec<Position>,
    /// The position after which the search continues; `None` if it is complete.
    pub next: Option<Position>,
}

impl Operation for FindRequests {
    type Output = Found;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Found, OpError> {
        let until = Instant::now() + TIME_TO_FIND;
        let Some(values) = values(tx, self.tenant, self.user)? else { return Ok(Found::default()) };
        let search = Search { tenant: self.tenant, user: self.user, values: &values, since: self.since };
        let (mut requests, mut after) = (Vec::new(), self.after);
        while let Some(rows) = search.next(tx, &mut after)? {
            let found = rows.iter().filter(|request| request.contains(self.user, &values));
            requests.extend(found.map(|request| (request.connection, request.id)));
            if requests.len() >= MAX_FOUND || Instant::now() >= until {
                return Ok(Found { requests, next: Some(after) });
            }
        }
        Ok(Found { requests, next: None })
    }
}

/// Removes the contents of recorded requests that contain values of a user whose erasure has begun.
#[derive(Debug)]
pub struct EraseRequests {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub user: Uuid,
    /// The requests.
    pub requests: Vec<Position>,
}

impl Operation for EraseRequests {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let Some(values) = values(tx, self.tenant, self.user)? else { return Ok(()) };
        for (connection, id) in &self.requests {
            let row = requests::table.find((Uid(self.tenant), Uid(*connection), Uid(*id)));
            // The request may have been deleted since.
            if let Some(row) = tx.optional::<Row>(row.select(columns()))? {
                erase(tx, row.into(), (self.user, &values))?;
            }
        }
        Ok(())
    }
}

/// The values of a user whose erasure has begun, or `None` if the erasure is complete.
fn values(tx: &mut Tx<'_>, tenant: Uuid, user: Uuid) -> QueryResult<Option<UserValues>> {
    let row = erasures::table.find((Uid(tenant), Uid(user))).filter(erasures::redacted.eq(false));
    let values: Option<Option<Json<UserValues>>> = tx.optional(row.select(erasures::texts))?;
    Ok(values.map(|values| values.map(|Json(values)| values).unwrap_or_default()))
}

/// A search of the recorded requests of a tenant for the id and the values of a user.
#[derive(Debug)]
pub(crate) struct Search<'s> {
    pub(crate) tenant: Uuid,
    pub(crate) user: Uuid,
    pub(crate) values: &'s UserValues,
    /// The time of arrival from which requests are searched.
    pub(crate) since: Timestamp,
}

/// Whether a tenant can have recorded requests.
pub(crate) fn has_requests(tx: &mut Tx<'_>, tenant: Uuid) -> QueryResult<bool> {
    let connection =
        connections::table.filter(connections::tenant_id.eq(Uid(tenant))).select(connections::id);
    let request = requests::table.filter(requests::tenant_id.eq(Uid(tenant))).select(requests::id);
    Ok(tx.optional::<Uid>(connection.limit(1))?.is_some() || tx.optional::<Uid>(request.limit(1))?.is_some())
}

impl Search<'_> {
    /// Removes the contents of all requests that contain a value. Returns whether this was completed before a time.
    pub(crate) fn run(&self, tx: &mut Tx<'_>, until: Instant) -> QueryResult<bool> {
        let mut after = Position::default();
        while let Some(rows) = self.next(tx, &mut after)? {
            for request in rows.into_iter().filter(|request| request.contains(self.user, self.values)) {
                erase(tx, request, (self.user, self.values))?;
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next requests after a position, which is moved, or `None` if there are none.
    fn next(&self, tx: &mut Tx<'_>, after: &mut Position) -> QueryResult<Option<Vec<RecordedRequest>>> {
        let (since, _) = id::range_of(self.since);
        loop {
            let (connection, id) = *after;
            // Each statement is a search of the index.
            let next = of_connection!(self.tenant, connection)
                .filter(requests::id.gt(Uid(id)).and(requests::id.ge(Uid(since))))
                .order(requests::id)
                .select(columns())
                .limit(PER_STATEMENT);
            let rows: Vec<Row> = tx.load(next)?;
            if let Some(last) = rows.last() {
                *after = (connection, last.id.0);
                return Ok(Some(rows.into_iter().map(RecordedRequest::from).collect()));
            }
            let of_tenant = requests::table.filter(requests::tenant_id.eq(Uid(self.tenant)));
            let connections = of_tenant.filter(requests::connection_id.gt(Uid(connection)));
            let next = connections.order(requests::connection_id).select(requests::connection_id).limit(1);
            let Some(Uid(connection)) = tx.optional(next)? else { return Ok(None) };
            *after = (connection, Uuid::nil());
        }
    }
}

fn erase(tx: &mut Tx<'_>, mut request: RecordedRequest, user: (Uuid, &UserValues)) -> QueryResult<()> {
    request.erase(Some(user));
    let row = requests::table.find((Uid(request.tenant), Uid(request.connection), Uid(request.id)));
    tx.execute(diesel::update(row).set((
        requests::resource_id.eq(request.subject.id.map(Uid)),
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
