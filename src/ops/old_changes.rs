//! Deletes old changes.
//!
//! Only the first changes of a tenant are deleted, so that its revisions have no gaps: a change is kept as long as any
//! earlier one. The times of changes need not increase with their revisions, because clocks and `updatedAt` can be ahead.
//!
//! While a user's values are being removed from a tenant's history, no change of the tenant is deleted: the erasure walks
//! the history in the same order and would wait for the deletion.

use crate::db::sql::Fragment;
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::{changes, erasures, heads};
use diesel::prelude::*;
use uuid::Uuid;

/// Finds the next tenant, in the order of ids, whose first change is old.
#[derive(Debug)]
pub struct Next {
    /// The previous tenant; nil for the first.
    pub after: Uuid,
    /// The time before which changes are old.
    pub before: Timestamp,
}

impl Operation for Next {
    type Output = Option<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Uuid>, OpError> {
        let mut is_old = Fragment::of(
            "(SELECT time FROM changes WHERE changes.tenant_id = heads.tenant_id ORDER BY changes.revision LIMIT 1) < ",
        );
        is_old.value(Value::Integer(self.before.into()));
        let next = heads::table
            .filter(heads::tenant_id.gt(Uid(self.after)).and(is_old))
            .order(heads::tenant_id)
            .select(heads::tenant_id)
            .limit(1);
        let next: Option<Uid> = tx.optional(next)?;
        Ok(next.map(|Uid(id)| id))
    }
}

/// Deletes the first changes of a tenant, up to the first one that is not old. Each call deletes a limited number, so that
/// other writes do not wait long.
#[derive(Debug)]
pub struct Delete {
    /// The tenant.
    pub tenant: Uuid,
    /// The last revision that the previous call deleted; 0 for the first call. The search does not start at the first
    /// revision again, where PostgreSQL would pass over the deleted rows.
    pub after: i64,
    /// The time before which changes are old.
    pub before: Timestamp,
    /// The maximum number of changes to delete.
    pub limit: u32,
}

impl Operation for Delete {
    /// The last revision that was deleted, and the number of deleted changes; `None` if no old change is left, or the
    /// tenant has an erasure in progress.
    type Output = Option<(i64, usize)>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        if self.is_erasing(tx)? {
            return Ok(None);
        }
        let later = changes::tenant_id.eq(Uid(self.tenant)).and(changes::revision.gt(self.after));
        let first = changes::table.filter(later).order(changes::revision).limit(self.limit.into());
        let first: Vec<(i64, i64)> = tx.load(first.select((changes::revision, changes::time)))?;
        let before = i64::from(self.before);
        let Some((last, _)) = first.into_iter().take_while(|(_, time)| *time < before).last() else {
            return Ok(None);
        };
        let old = changes::table.filter(later.and(changes::revision.le(last)));
        Ok(Some((last, tx.execute(diesel::delete(old))?)))
    }
}

impl Delete {
    fn is_erasing(&self, tx: &mut Tx<'_>) -> QueryResult<bool> {
        let of_tenant = erasures::tenant_id.eq(Uid(self.tenant));
        let incomplete =
            erasures::table.filter(of_tenant.and(erasures::redacted.eq(false))).select(erasures::user_id);
        Ok(tx.optional::<Uid>(incomplete.limit(1))?.is_some())
    }
}
