//! Users erased: deleted, their values taken out of what is kept of them.

use super::store::lock;
use crate::db::types::{Json, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Change, ChangeKind, Stamp};
use crate::domain::condition::Conditions;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::members;
use crate::schema::{changes, heads, idempotency, users};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// Deletes a user, if it is still there, and notes that its values are erased. [`RedactHistory`] takes them out of its history.
#[derive(Debug)]
pub struct Erase {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// On these conditions, when it is still there.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Erase {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let (tenant, id) = (Uid(self.tenant), Uid(self.id));
        tx.truncate_wal();
        let deleted = match lock(tx, self.tenant, self.id, &self.conditions) {
            Ok(user) => {
                members::leave_all(tx, (self.tenant, self.id), self.now)?;
                let row = users::table.find((tenant, id));
                tx.execute(diesel::delete(row))?;
                let deleted = Change::deleted(self.tenant, &user, self.now);
                tx.record(Change { before: None, erased: true, ..deleted.clone() });
                Some((deleted.version, deleted.time))
            }
            Err(OpError::NotFound) => None,
            Err(error) => return Err(error),
        };
        // Where the user is somebody's manager, the answer shows its name beside its id.
        let text = self.id.to_string();
        let shows = |text: &str| idempotency::body.like(format!("%{text}%"));
        let of_user = idempotency::resource_id.eq(Some(id));
        let answers = idempotency::table
            .filter(idempotency::tenant_id.eq(tenant))
            .filter(of_user.or(shows(&text)).or(shows(&text.to_uppercase())));
        let blank = diesel::update(answers).set(idempotency::body.eq(None::<String>));
        tx.execute(blank)?;
        // Of two at once both would be told: whoever comes second waits here until the first has committed. The user's own
        // row, which every other write locks before the head's, may be gone.
        tx.lock::<i64>(heads::table.find(tenant).select(heads::revision))?;
        let history = changes::table
            .filter(changes::tenant_id.eq(tenant).and(changes::resource_id.eq(id)))
            .filter(changes::resource.eq("user"));
        let last = history.order(changes::revision.desc()).select((changes::kind, changes::version)).limit(1);
        let last: Option<(String, i64)> = tx.optional(last)?;
        let (version, time) = match (deleted, last) {
            (Some(deleted), _) => deleted,
            (None, Some((kind, _))) if kind == ChangeKind::USER_ERASED.name() => return Ok(()),
            (None, Some((_, version))) => (version, self.now),
            (None, None) => return Err(OpError::NotFound),
        };
        tx.record(Change::user_erased(self.tenant, Stamp { id: self.id, version, time }));
        Ok(())
    }
}

/// Takes an erased user's values out of its history, some rows at a time: a history can be long.
#[derive(Debug)]
pub struct RedactHistory {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
}

/// How many rows of a history are blanked at once.
const REDACTED_PER_CALL: i64 = 500;

impl Operation for RedactHistory {
    /// Whether there may be more.
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let of_user = changes::tenant_id.eq(Uid(self.tenant)).and(changes::resource_id.eq(Uid(self.id)));
        let shown = changes::before.is_not_null().or(changes::after.is_not_null());
        let history = changes::table.filter(of_user.and(changes::resource.eq("user")).and(shown));
        let some = history.order(changes::revision).select(changes::revision).limit(REDACTED_PER_CALL);
        let some: Vec<i64> = tx.load(some)?;
        let Some(last) = some.last() else { return Ok(false) };
        let blank = diesel::update(history.filter(changes::revision.le(last))).set((
            changes::before.eq(None::<Json<Value>>),
            changes::after.eq(None::<Json<Value>>),
            changes::erased.eq(true),
        ));
        tx.execute(blank)?;
        tx.truncate_wal();
        Ok(true)
    }
}
