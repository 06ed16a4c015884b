//! Users: created, read, listed, replaced, patched, deleted.

mod erase;
mod store;

pub use erase::{Blank, Erase};

use crate::db::types::Uid;
use crate::db::{Class, Connection, DbError, Operation, Results, Tx, run_each};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, User};
use crate::ops::resource::{Found, by_tenant};
use crate::ops::{MAX_BATCH, members};
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
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
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
fn of_result((tenant, result): (Uuid, &mut Result<User, DbError>)) -> Option<(Uuid, &mut User)> {
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
    const CLASS: Class = Class::Read;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
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
    Ok(names.map(|name| users.get(&name).cloned().ok_or(DbError::NotFound)).collect())
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

impl Edit for Replace {
    fn target(&self) -> Target<'_> {
        Target { name: (self.tenant, self.id), conditions: &self.conditions, now: self.now }
    }

    fn draft(&self, user: &User) -> Result<Draft, DbError> {
        let mut draft = self.draft.clone();
        if !draft.has_active {
            draft.attributes.active = user.attributes.active;
        }
        Ok(draft)
    }
}

impl Operation for Replace {
    type Output = User;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
        edit(self, tx)
    }

    fn run_batch(replaces: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        edit_all(replaces, tx)
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

impl Edit for Patch {
    fn target(&self) -> Target<'_> {
        Target { name: (self.tenant, self.id), conditions: &self.conditions, now: self.now }
    }

    fn draft(&self, user: &User) -> Result<Draft, DbError> {
        Draft::patch(user, &self.patch).map_err(DbError::Invalid)
    }
}

impl Operation for Patch {
    type Output = User;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
        edit(self, tx)
    }

    fn run_batch(patches: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        edit_all(patches, tx)
    }
}

/// A write of a user that is there.
trait Edit: Operation<Output = User> {
    fn target(&self) -> Target<'_>;
    /// What becomes of the user.
    fn draft(&self, user: &User) -> Result<Draft, DbError>;
}

/// Which user is written, by its tenant's and its own id, on which conditions, and when.
struct Target<'e> {
    name: (Uuid, Uuid),
    conditions: &'e Conditions,
    now: Timestamp,
}

fn edit(edit: &impl Edit, tx: &mut Tx<'_>) -> Result<User, DbError> {
    let Target { name: (tenant, id), conditions, now } = edit.target();
    let user = store::lock(tx, tenant, id, conditions)?;
    let mut user = store::write(tx, tenant, &user, edit.draft(&user)?, now)?;
    name_managers(tx, [(tenant, &mut user)])?;
    Ok(user)
}

/// The users are locked together, with one statement a tenant on PostgreSQL, unless what one call writes is taken.
fn edit_all<E: Edit>(edits: &[&E], tx: &mut Tx<'_>) -> Results<User> {
    match tx.savepoint(|tx| edit_locked(edits, tx))? {
        Ok(results) => Ok(results),
        Err(_taken) => run_each(edits, tx),
    }
}

fn edit_locked<E: Edit>(edits: &[&E], tx: &mut Tx<'_>) -> Results<User> {
    let mut users = by_tenant(tx, edits.iter().map(|edit| edit.target().name), store::lock_all)?;
    let mut results = Vec::with_capacity(edits.len());
    for (turn, edit) in edits.iter().enumerate() {
        tx.set_call(turn);
        results.push(edit_one(*edit, &mut users, tx)?);
    }
    let tenants = edits.iter().map(|edit| edit.target().name.0);
    name_managers(tx, tenants.zip(&mut results).filter_map(of_result))?;
    Ok(results)
}

/// What is the call's own fault, before anything is written, is given back inside.
fn edit_one(
    edit: &impl Edit,
    users: &mut Found<User>,
    tx: &mut Tx<'_>,
) -> Result<Result<User, DbError>, DbError> {
    let Target { name, conditions, now } = edit.target();
    let Some(user) = users.get_mut(&name) else {
        return Ok(Err(DbError::Serialization("the user is locked, or not there".to_owned())));
    };
    if !conditions.allow_write(user.version) {
        return Ok(Err(DbError::Precondition));
    }
    let draft = match edit.draft(user) {
        Ok(draft) => draft,
        Err(error) => return Ok(Err(error)),
    };
    *user = store::write(tx, name.0, user, draft, now)?;
    Ok(Ok(user.clone()))
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
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let user = store::lock(tx, self.tenant, self.id, &self.conditions)?;
        members::leave_all(tx, (self.tenant, self.id), self.now)?;
        let row = users::table.find((Uid(self.tenant), Uid(self.id)));
        tx.execute(diesel::delete(row))?;
        tx.record(Change::deleted(self.tenant, &user, self.now));
        Ok(())
    }
}
