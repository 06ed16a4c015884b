//! Rewrites several users in one batch.

use crate::db::rows::{UserRow, user_columns};
use crate::db::types::Uid;
use crate::db::{CallError as _, Connection, Tx, run_each};
use crate::domain::user::{Draft, User};
use crate::ops::by_tenant::{QualifiedId, load_by_tenant};
use crate::ops::connections::Removal;
use crate::ops::resource::{Form as _, Resource, Rewrite, UniqueKey, Values};
use crate::ops::{OpError, Results};
use crate::schema::users;
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Locks all users together, with one statement per tenant on PostgreSQL. If a write violates a unique constraint, the
/// rewrites run one by one instead.
pub(super) fn rewrite_all<V: Values<Resource = User>>(
    rewrites: &[&Rewrite<V>],
    tx: &mut Tx<'_>,
) -> Results<V::Output> {
    match tx.savepoint(|tx| rewrite_locked(rewrites, tx))? {
        Ok(results) => Ok(results.into_iter().map(|result| result.and_then(V::output)).collect()),
        Err(_conflict) => run_each(rewrites, tx),
    }
}

/// The rewritten user, or the reason for leaving it unchanged.
type Rewritten<V> = Result<User, <V as Values>::Refusal>;

fn rewrite_locked<V: Values<Resource = User>>(
    rewrites: &[&Rewrite<V>],
    tx: &mut Tx<'_>,
) -> Results<Rewritten<V>> {
    let ids = rewrites.iter().map(|rewrite| (rewrite.tenant, rewrite.id));
    let mut users = load_by_tenant(tx, ids, lock_all)?;
    let mut results: Vec<Result<Rewritten<V>, OpError>> = Vec::with_capacity(rewrites.len());
    let mut has_counted = false;
    for (call, rewrite) in rewrites.iter().enumerate() {
        tx.set_call(call);
        results.push(rewrite_one(rewrite, &mut users, &mut has_counted, tx)?);
    }
    let written = rewrites.iter().zip(&mut results).filter_map(|(rewrite, result)| {
        let user = result.as_mut().ok()?.as_mut().ok()?;
        Some((rewrite.tenant, user))
    });
    User::fill_computed(tx, written)?;
    Ok(results)
}

/// Locks and reads users in id order. Skips those that other transactions have locked. SQLite has a single writer, so no
/// lock is needed there.
fn lock_all(connection: &mut Connection, tenant: Uuid, ids: &BTreeSet<Uuid>) -> QueryResult<Vec<User>> {
    let Connection::Postgres(c) = connection else { return User::load_by_ids(connection, tenant, ids) };
    let ids: Vec<_> = ids.iter().copied().map(Uid).collect();
    let condition = users::tenant_id.eq(Uid(tenant)).and(users::id.eq_any(ids));
    let query = users::table.filter(condition).order(users::id).select(user_columns());
    let rows: Vec<UserRow> = query.for_update().skip_locked().load(c)?;
    rows.into_iter().map(User::from_row).collect()
}

/// Rewrites one of the locked users. An error that concerns only this call and occurs before any write is returned as
/// the inner result. `has_counted` states whether a removal of the batch has been counted.
fn rewrite_one<V: Values<Resource = User>>(
    rewrite: &Rewrite<V>,
    users: &mut HashMap<QualifiedId, User>,
    has_counted: &mut bool,
    tx: &mut Tx<'_>,
) -> Result<Result<Rewritten<V>, OpError>, OpError> {
    let Some(user) = users.get_mut(&(rewrite.tenant, rewrite.id)) else {
        return Ok(Err(OpError::retry("the user is locked or does not exist")));
    };
    if !rewrite.conditions.allow_write(user.version) {
        return Ok(Err(OpError::PreconditionFailed(Some(user.version))));
    }
    let draft = match rewrite.values.draft(user) {
        Ok(draft) => draft,
        Err(refusal) => return Ok(Ok(Err(refusal))),
    };
    let removal = if user.is_deactivated_by(&draft) { Removal::begin(tx, rewrite.tenant) } else { Ok(None) };
    let is_counted = matches!(removal, Ok(Some(_)));
    // The users of all calls are locked, but batches that lock several connections could deadlock.
    if is_counted && !tx.has_one_caller() {
        return Ok(Err(OpError::retry("the removals of several connections run alone")));
    }
    // So could a write that waits for the transaction of another one with the same unique value.
    *has_counted |= is_counted;
    if *has_counted && changes_unique_values(user, &draft) {
        return Ok(Err(OpError::retry("a write of a unique value runs alone once a removal is counted")));
    }
    let count = |removal: Removal| removal.count_after_locks(tx, None, rewrite.now);
    match removal.and_then(|removal| removal.map_or(Ok(()), count)) {
        Err(refusal) if refusal.database().is_none() => return Ok(Err(refusal)),
        counted => counted?,
    }
    *user = user.write(tx, rewrite.tenant, draft, rewrite.now)?;
    Ok(Ok(Ok(user.clone())))
}

/// Whether a write changes a value that must be unique, or an e-mail address, which can have to be.
fn changes_unique_values(user: &User, draft: &Draft) -> bool {
    let has_changed = |key| user.unique_value(key, &draft.source) != User::unique_value_of(draft, key);
    [UniqueKey::UserName, UniqueKey::ExternalId].into_iter().any(has_changed)
        || user.attributes.emails != draft.attributes.emails
}
