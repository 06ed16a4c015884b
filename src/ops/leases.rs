//! Leases: the right of one server at a time to do some work, until it releases the lease or the lease expires.
//!
//! A lease saves duplicate work; it does not replace locks. Its times are those of the servers' clocks, so while clocks
//! differ by more than [`MARGIN`], two servers can do the same work.

use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::leases;
use diesel::prelude::*;
use diesel::query_dsl::methods;
use diesel::upsert::excluded;
use std::time::Duration;
use uuid::Uuid;

/// The time after which a lease that is not renewed expires.
pub const DURATION: Duration = Duration::from_secs(30 * 60);
/// The time after the expiry at which another server can take the lease.
pub const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A lease and the server that takes, renews or releases it.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The name of the work.
    pub name: &'static str,
    /// The id of the server, which differs at each start.
    pub holder: Uuid,
}

/// Takes a lease, or renews it if the server already holds it.
#[derive(Debug)]
pub struct Take {
    /// The lease.
    pub lease: Lease,
    /// The current time.
    pub now: Timestamp,
}

impl Operation for Take {
    /// Whether the server holds the lease.
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let Lease { name, holder } = self.lease;
        let expires_at = self.now.plus(DURATION);
        let row = (
            leases::name.eq(name),
            leases::holder.eq(Uid(holder)),
            leases::expires_at.eq(i64::from(expires_at)),
        );
        let insert =
            diesel::insert_into(leases::table).values(row).on_conflict(leases::name).do_update().set((
                leases::holder.eq(excluded(leases::holder)),
                leases::expires_at.eq(excluded(leases::expires_at)),
            ));
        let expired = leases::expires_at.lt(i64::from(self.now.minus(MARGIN)));
        // Otherwise, a server whose clock was years ahead would hold the lease for years.
        let invalid = leases::expires_at.gt(i64::from(expires_at.plus(MARGIN)));
        let available = leases::holder.eq(Uid(holder)).or(expired).or(invalid);
        Ok(tx.execute(methods::FilterDsl::filter(insert, available))? == 1)
    }
}

/// Releases a lease, if the server holds it.
#[derive(Debug)]
pub struct Release(pub Lease);

impl Operation for Release {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let held = leases::name.eq(self.0.name).and(leases::holder.eq(Uid(self.0.holder)));
        tx.execute(diesel::delete(leases::table.filter(held)))?;
        Ok(())
    }
}
