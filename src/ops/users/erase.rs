//! Erases users: deletes them and removes their values from the history and from stored responses.

use crate::db::types::{Json, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Change, ChangeKind, Stamp};
use crate::domain::condition::Conditions;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::OpError;
use crate::ops::resource::{self, Resource};
use crate::schema::{changes, heads, idempotency};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// Deletes a user, if it exists, and records the erasure. [`RedactHistory`] removes the user's values from the history.
#[derive(Debug)]
pub struct Erase {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// The conditions, which are checked if the user exists.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

impl Operation for Erase {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.truncate_wal();
        let deleted = self.delete(tx)?;
        self.remove_responses(tx)?;
        let last = self.last_change(tx)?;
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

impl Erase {
    /// Deletes the user. Returns its last version and the time of the deletion, or `None` if it does not exist.
    fn delete(&self, tx: &mut Tx<'_>) -> Result<Option<(i64, Timestamp)>, OpError> {
        let user: User = match resource::lock(tx, self.tenant, self.id, &self.conditions) {
            Err(OpError::NotFound) => return Ok(None),
            user => user?,
        };
        user.delete(tx, self.tenant, self.now)?;
        let deleted = Change::deleted(self.tenant, &user, self.now);
        let (version, time) = (deleted.version, deleted.time);
        tx.record(Change { before: None, erased: true, ..deleted });
        Ok(Some((version, time)))
    }

    /// Removes the bodies of stored responses about the user, and of those that contain its id, because they may also
    /// contain its name as the name of a manager.
    fn remove_responses(&self, tx: &mut Tx<'_>) -> QueryResult<()> {
        let text = self.id.to_string();
        let contains = |text: &str| idempotency::body.like(format!("%{text}%"));
        let of_user = idempotency::resource_id.eq(Some(Uid(self.id)));
        let responses = idempotency::table
            .filter(idempotency::tenant_id.eq(Uid(self.tenant)))
            .filter(of_user.or(contains(&text)).or(contains(&text.to_uppercase())));
        tx.execute(diesel::update(responses).set(idempotency::body.eq(None::<String>)))?;
        Ok(())
    }

    /// The type and version of the user's last change. The head row is locked first, so that only one of two concurrent
    /// erasures is recorded. The user's own row, which other writes lock before the head row, may no longer exist.
    fn last_change(&self, tx: &mut Tx<'_>) -> QueryResult<Option<(String, i64)>> {
        let tenant = Uid(self.tenant);
        tx.lock::<i64>(heads::table.find(tenant).select(heads::revision))?;
        let history = changes::table
            .filter(changes::tenant_id.eq(tenant).and(changes::resource_id.eq(Uid(self.id))))
            .filter(changes::resource.eq("user"));
        tx.optional(
            history.order(changes::revision.desc()).select((changes::kind, changes::version)).limit(1),
        )
    }
}

/// Removes an erased user's values from its history, a limited number of changes per call because a history can be long.
#[derive(Debug)]
pub struct RedactHistory {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
}

/// The number of changes that one call redacts.
const REDACTED_PER_CALL: i64 = 500;

impl Operation for RedactHistory {
    /// Whether changes may remain.
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let of_user = changes::tenant_id.eq(Uid(self.tenant)).and(changes::resource_id.eq(Uid(self.id)));
        let has_values = changes::before.is_not_null().or(changes::after.is_not_null());
        let history = changes::table.filter(of_user.and(changes::resource.eq("user")).and(has_values));
        let revisions = history.order(changes::revision).select(changes::revision).limit(REDACTED_PER_CALL);
        let revisions: Vec<i64> = tx.load(revisions)?;
        let Some(last) = revisions.last() else { return Ok(false) };
        let redaction = diesel::update(history.filter(changes::revision.le(last))).set((
            changes::before.eq(None::<Json<Value>>),
            changes::after.eq(None::<Json<Value>>),
            changes::erased.eq(true),
        ));
        tx.execute(redaction)?;
        tx.truncate_wal();
        Ok(true)
    }
}
