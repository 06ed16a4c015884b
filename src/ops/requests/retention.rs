//! Deletes old recorded requests, and those of deleted connections.

use super::rows::of_connection;
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::id;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::{connections, requests};
use diesel::prelude::*;
use std::time::Duration;
use uuid::Uuid;

/// The number of requests of a connection that are kept.
pub const KEPT: usize = 10_000;
/// The age at which requests are deleted.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Finds the next connection that has recorded requests, in the order of tenant and connection ids.
#[derive(Debug)]
pub struct Next {
    /// The tenant and the id of the previous connection; nil for the first.
    pub after: (Uuid, Uuid),
}

impl Operation for Next {
    type Output = Option<(Uuid, Uuid)>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let (tenant, connection) = (Uid(self.after.0), Uid(self.after.1));
        let key = (requests::tenant_id, requests::connection_id);
        // Two statements, because a single condition on both columns would not be a search of the index.
        let in_tenant = requests::tenant_id.eq(tenant).and(requests::connection_id.gt(connection));
        let next = requests::table.filter(in_tenant).order(requests::connection_id).select(key).limit(1);
        let mut found: Option<(Uid, Uid)> = tx.optional(next)?;
        if found.is_none() {
            let others = requests::table.filter(requests::tenant_id.gt(tenant)).order(key).select(key);
            found = tx.optional(others.limit(1))?;
        }
        Ok(found.map(|(Uid(tenant), Uid(connection))| (tenant, connection)))
    }
}

/// Deletes the oldest requests of a connection: those older than 30 days, those beyond the newest [`KEPT`], or all if the
/// connection does not exist. Each call deletes a limited number, so that other writes do not wait long.
#[derive(Debug)]
pub struct DeleteOld {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub connection: Uuid,
    /// The current time.
    pub now: Timestamp,
    /// The maximum number of requests to delete.
    pub limit: u32,
}

impl Operation for DeleteOld {
    /// The number of deleted requests.
    type Output = usize;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, OpError> {
        let newest = Uid(self.newest_old(tx)?);
        let old = of_connection!(self.tenant, self.connection).filter(requests::id.le(newest));
        let first = old.order(requests::id).select(requests::id).limit(self.limit.into());
        let first: Vec<Uid> = tx.load(first)?;
        let Some(last) = first.last() else { return Ok(0) };
        let old = of_connection!(self.tenant, self.connection).filter(requests::id.le(*last));
        Ok(tx.execute(diesel::delete(old))?)
    }
}

impl DeleteOld {
    /// The largest id that an old request can have.
    fn newest_old(&self, tx: &mut Tx<'_>) -> QueryResult<Uuid> {
        let row = connections::table.find((Uid(self.tenant), Uid(self.connection))).select(connections::id);
        if tx.optional::<Uid>(row)?.is_none() {
            return Ok(Uuid::max());
        }
        let (expired, _) = id::range_of(self.now.minus(RETENTION));
        let ids =
            of_connection!(self.tenant, self.connection).order(requests::id.desc()).select(requests::id);
        let beyond = ids.offset(i64::try_from(KEPT).unwrap_or(i64::MAX)).limit(1);
        let beyond: Option<Uid> = tx.optional(beyond)?;
        Ok(beyond.map_or(expired, |Uid(id)| id.max(expired)))
    }
}
