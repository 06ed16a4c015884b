//! Users: created, read, listed, replaced, patched, deleted.

mod erase;
mod store;

pub use erase::{Erase, RedactHistory};

use crate::db::types::Uid;
use crate::db::{Class, Connection, Operation, Tx, run_each};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, User};
use crate::ops::resource::{Found, by_tenant};
use crate::ops::{MAX_BATCH, members};
use crate::ops::{OpError, Results};
use crate::schema::users;
use diesel::prelude::*;
use serde_json::Value;
use store::name_managers;
use uuid::Uuid;

/// Creates a user.
#[derive(Debug)]
pub struct Create {
    /// In this tenant.
    pub tenant: Uuid,
    /// Under this id.
    pub id: Uuid,
    /// With these values.
    pub draft: Draft,
    /// At this time.
    pub now: Timestamp,
}

impl Create {
    fn user(&self) -> User {
        User::new(self.id, self.draft.clone(), self.now)
    }
}

impl Operation for Create {
    type Output = User;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, OpError> {
        let mut user = self.user();
        store::insert(tx, self.tenant, &user)?;
        tx.record(Change::created(self.tenant, &user));
        name_managers(tx, [(self.tenant, &mut user)])?;
        Ok(user)
    }

    /// With one statement for all on PostgreSQL, where a statement is a round trip.
    fn run_batch(creates: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        let Connection::Postgres(c) = tx.connection() else { return run_each(creates, tx) };
        let users = creates.iter().map(|create| (create.tenant, create.user())).collect();
        let mut results = store::insert_all(c, users)?;
        let created = || creates.iter().map(|create| create.tenant);
        for (turn, (tenant, result)) in created().zip(&results).enumerate() {
            if let Ok(user) = result {
                tx.set_call(turn);
                tx.record(Change::created(tenant, user));
            }
        }
        name_managers(tx, created().zip(&mut results).filter_map(of_result))?;
        Ok(results)
    }
}

/// The user of a result, with its tenant, if there is one.
fn of_result((tenant, result): (Uuid, &mut Result<User, OpError>)) -> Option<(Uuid, &mut User)> {
    Some((tenant, result.as_mut().ok()?))
}

/// Reads a user.
#[derive(Debug)]
pub struct Find {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
}

impl Operation for Find {
    type Output = User;
    type Error = OpError;
    const CLASS: Class = Class::Read;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, OpError> {
        store::find(tx, self.tenant, self.id)
    }

    /// With one statement a tenant on PostgreSQL, in one transaction on SQLite.
    fn run_batch(finds: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        tx.in_sqlite_snapshot(|tx| find_all(finds, tx))
    }
}

fn find_all(finds: &[&Find], tx: &mut Tx<'_>) -> Results<User> {
    let names = finds.iter().map(|find| (find.tenant, find.id));
    let mut users = by_tenant(tx, names.clone(), store::find_all)?;
    name_managers(tx, users.iter_mut().map(|((tenant, _), user)| (*tenant, user)))?;
    Ok(names.map(|name| users.get(&name).cloned().ok_or(OpError::NotFound)).collect())
}

/// Replaces what callers write of a user.
#[derive(Debug)]
pub struct Replace {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// With these values; `active` stays what it is when the draft does not say it.
    pub draft: Draft,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Rewrite for Replace {
    type Refusal = OpError;

    fn target(&self) -> Target<'_> {
        Target { name: (self.tenant, self.id), conditions: &self.conditions, now: self.now }
    }

    fn draft(&self, user: &User) -> Result<Draft, OpError> {
        let mut draft = self.draft.clone();
        if !draft.has_active {
            draft.attributes.active = user.attributes.active;
        }
        Ok(draft)
    }

    fn output(rewritten: Result<User, OpError>) -> Result<User, OpError> {
        rewritten
    }
}

impl Operation for Replace {
    type Output = User;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, OpError> {
        rewrite(self, tx)
    }

    fn run_batch(replaces: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        rewrite_all(replaces, tx)
    }
}

/// Patches a user by JSON Merge Patch (RFC 7396).
#[derive(Debug)]
pub struct Patch {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The merge patch.
    pub patch: Value,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Rewrite for Patch {
    type Refusal = OpError;

    fn target(&self) -> Target<'_> {
        Target { name: (self.tenant, self.id), conditions: &self.conditions, now: self.now }
    }

    fn draft(&self, user: &User) -> Result<Draft, OpError> {
        Draft::patch(user, &self.patch).map_err(OpError::Invalid)
    }

    fn output(rewritten: Result<User, OpError>) -> Result<User, OpError> {
        rewritten
    }
}

impl Operation for Patch {
    type Output = User;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, OpError> {
        rewrite(self, tx)
    }

    fn run_batch(patches: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        rewrite_all(patches, tx)
    }
}

/// Rewrites a user with a function of the stored user.
pub struct Edit<F> {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// Returns the new values, or the reason for refusing the edit, which is returned as the operation's output. It runs
    /// inside the transaction, on the locked user, and again when the transaction is retried, so it must be a pure function.
    pub edit: F,
    /// Checked before `edit` runs.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

impl<F, E> Rewrite for Edit<F>
where
    F: Fn(&User) -> Result<Draft, E> + Send + Sync + 'static,
    E: Send + 'static,
{
    type Refusal = E;

    fn target(&self) -> Target<'_> {
        Target { name: (self.tenant, self.id), conditions: &self.conditions, now: self.now }
    }

    fn draft(&self, user: &User) -> Result<Draft, E> {
        (self.edit)(user)
    }

    fn output(rewritten: Result<User, E>) -> Result<Result<User, E>, OpError> {
        Ok(rewritten)
    }
}

impl<F, E> Operation for Edit<F>
where
    F: Fn(&User) -> Result<Draft, E> + Send + Sync + 'static,
    E: Send + 'static,
{
    type Output = Result<User, E>;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        rewrite(self, tx)
    }

    fn run_batch(edits: &[&Self], tx: &mut Tx<'_>) -> Results<Self::Output> {
        rewrite_all(edits, tx)
    }
}

/// An operation that computes a user's new values from the stored user.
trait Rewrite: Operation<Error = OpError> {
    /// The reason for leaving the user unchanged.
    type Refusal;

    fn target(&self) -> Target<'_>;
    fn draft(&self, user: &User) -> Result<Draft, Self::Refusal>;
    fn output(rewritten: Result<User, Self::Refusal>) -> Result<Self::Output, OpError>;
}

/// The user that is rewritten, by its tenant's id and its own, with the conditions and the time of the write.
struct Target<'r> {
    name: (Uuid, Uuid),
    conditions: &'r Conditions,
    now: Timestamp,
}

fn rewrite<R: Rewrite>(rewrite: &R, tx: &mut Tx<'_>) -> Result<R::Output, OpError> {
    let Target { name: (tenant, id), conditions, now } = rewrite.target();
    let user = store::lock(tx, tenant, id, conditions)?;
    let draft = match rewrite.draft(&user) {
        Ok(draft) => draft,
        Err(refusal) => return R::output(Err(refusal)),
    };
    let mut user = store::write(tx, tenant, &user, draft, now)?;
    name_managers(tx, [(tenant, &mut user)])?;
    R::output(Ok(user))
}

/// Locks all users together, with one statement per tenant on PostgreSQL. If a write violates a unique constraint, the
/// rewrites run one by one instead.
fn rewrite_all<R: Rewrite>(rewrites: &[&R], tx: &mut Tx<'_>) -> Results<R::Output> {
    match tx.savepoint(|tx| rewrite_locked(rewrites, tx))? {
        Ok(results) => Ok(results.into_iter().map(|result| result.and_then(R::output)).collect()),
        Err(_taken) => run_each(rewrites, tx),
    }
}

/// The rewritten user, or the reason for leaving it unchanged.
type Rewritten<R> = Result<User, <R as Rewrite>::Refusal>;

fn rewrite_locked<R: Rewrite>(rewrites: &[&R], tx: &mut Tx<'_>) -> Results<Rewritten<R>> {
    let names = rewrites.iter().map(|rewrite| rewrite.target().name);
    let mut users = by_tenant(tx, names, store::lock_all)?;
    let mut results = Vec::with_capacity(rewrites.len());
    for (call, rewrite) in rewrites.iter().enumerate() {
        tx.set_call(call);
        results.push(rewrite_one(*rewrite, &mut users, tx)?);
    }
    let tenants = rewrites.iter().map(|rewrite| rewrite.target().name.0);
    let users = results
        .iter_mut()
        .map(|result: &mut Result<Rewritten<R>, OpError>| result.as_mut().ok()?.as_mut().ok());
    name_managers(tx, tenants.zip(users).filter_map(|(tenant, user)| Some((tenant, user?))))?;
    Ok(results)
}

/// Rewrites one of the locked users. An error that concerns only this call and comes before any write is returned inside.
fn rewrite_one<R: Rewrite>(
    rewrite: &R,
    users: &mut Found<User>,
    tx: &mut Tx<'_>,
) -> Result<Result<Rewritten<R>, OpError>, OpError> {
    let Target { name, conditions, now } = rewrite.target();
    let Some(user) = users.get_mut(&name) else {
        return Ok(Err(OpError::retry("the user is locked or does not exist")));
    };
    if !conditions.allow_write(user.version) {
        return Ok(Err(OpError::PreconditionFailed));
    }
    let draft = match rewrite.draft(user) {
        Ok(draft) => draft,
        Err(refusal) => return Ok(Ok(Err(refusal))),
    };
    *user = store::write(tx, name.0, user, draft, now)?;
    Ok(Ok(Ok(user.clone())))
}

/// Deletes a user for good; its memberships go first.
#[derive(Debug)]
pub struct Delete {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Delete {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let user = store::lock(tx, self.tenant, self.id, &self.conditions)?;
        members::leave_all(tx, (self.tenant, self.id), self.now)?;
        let row = users::table.find((Uid(self.tenant), Uid(self.id)));
        tx.execute(diesel::delete(row))?;
        tx.record(Change::deleted(self.tenant, &user, self.now));
        Ok(())
    }
}
