//! Operations on the digests of tenants.

use crate::db::{Class, Operation, Tx, digests};
use crate::ops::OpError;
use uuid::Uuid;

/// Finds the next tenant, in the order of ids, whose digest is unknown.
#[derive(Debug)]
pub struct NextUnknownDigest {
    /// The tenant of the previous call; nil for the first.
    pub after: Uuid,
}

impl Operation for NextUnknownDigest {
    type Output = Option<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Uuid>, OpError> {
        Ok(digests::next_unknown(tx, self.after)?)
    }
}

/// Counts and stores the digest of a tenant, while other writes of the tenant wait.
#[derive(Debug)]
pub struct CountDigest {
    /// The id of the tenant.
    pub tenant: Uuid,
}

impl Operation for CountDigest {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        Ok(digests::store(tx, self.tenant)?)
    }
}
