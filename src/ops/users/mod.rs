//! Operations on users.

mod batch;
mod erase;
mod finish_erasure;
mod insert;
mod restore;
mod store;

pub(super) use restore::restore_without_groups;

pub use erase::{Erase, Incomplete, NextErasure, Redact, Remaining, TruncateLog};
pub use finish_erasure::{FinishErasure, search_requests};

use crate::db::{Class, Connection, Operation, Tx, run_each};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, User};
use crate::ops::connections::{creator_without_external_id, record_user};
use crate::ops::resource::{self, Form as _, NewValues, Rewrite, Values};
use crate::ops::{MAX_BATCH, OpError, OptionalResults, Results};
use uuid::Uuid;

/// Creates a user.
#[derive(Debug)]
pub struct Create {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub id: Uuid,
    /// The values of the user.
    pub draft: Draft,
    /// The creation time.
    pub now: Timestamp,
}

impl Create {
    fn user(&self) -> User {
        User::new(self.id, self.draft.clone(), self.now)
    }

    /// Records that the connection that calls has created the user, if this does not follow from an externalId.
    fn record_creator(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        match creator_without_external_id(tx, &self.draft)? {
            Some(source) => record_user(tx, self.tenant, source, self.id),
            None => Ok(()),
        }
    }
}

impl Operation for Create {
    type Output = User;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const IN_ONE_STATEMENT: bool = true;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, OpError> {
        let mut user = self.user();
        insert::insert(tx, self.tenant, &user)?;
        self.record_creator(tx)?;
        tx.record(Change::created(self.tenant, &user));
        User::fill_computed(tx, [(self.tenant, &mut user)])?;
        Ok(user)
    }

    /// Runs one statement for all users on PostgreSQL, to save round trips.
    fn run_batch(creates: &[&Self], tx: &mut Tx<'_>) -> Results<User> {
        let Connection::Postgres(c) = tx.connection() else { return run_each(creates, tx) };
        let users = creates.iter().map(|create| (create.tenant, create.user())).collect();
        let mut results = insert::insert_all(c, users)?;
        for (call, (create, result)) in creates.iter().zip(&results).enumerate() {
            if let Ok(user) = result {
                tx.set_call(call);
                create.record_creator(tx)?;
                tx.record(Change::created(create.tenant, user));
            }
        }
        let created = creates.iter().map(|create| create.tenant).zip(&mut results);
        User::fill_computed(
            tx,
            created.filter_map(|(tenant, result)| Some((tenant, result.as_mut().ok()?))),
        )?;
        Ok(results)
    }

    /// Users whose creator must be recorded need a further statement.
    fn run_in_one_statement(creates: &[&Self], tx: &mut Tx<'_>) -> OptionalResults<User> {
        for (call, create) in creates.iter().enumerate() {
            tx.set_call(call);
            if creator_without_external_id(tx, &create.draft)?.is_some() {
                return Ok(None);
            }
        }
        insert::insert_with_changes(tx, creates.iter().map(|create| (create.tenant, create.user())).collect())
    }
}

/// Reads a user.
pub type Find = resource::Find<User>;

/// Replaces or patches a user. A replacement without `active` keeps the current value.
pub type Update = Rewrite<NewValues<User>>;

/// Rewrites a user with a function of the stored user.
pub type Edit<F> = Rewrite<EditFunction<F>>;

/// A function that returns the new values, or the reason for refusing the edit, which becomes the operation's output. It
/// runs inside the transaction, on the locked user, and again when the transaction is retried, so it must be pure.
#[derive(Debug)]
pub struct EditFunction<F>(pub F);

impl<F, E> Values for EditFunction<F>
where
    F: Fn(&User) -> Result<Draft, E> + Send + Sync + 'static,
    E: Send + 'static,
{
    type Resource = User;
    type Refusal = E;
    type Output = Result<User, E>;

    fn draft(&self, stored: &User) -> Result<Draft, E> {
        (self.0)(stored)
    }

    fn output(result: Result<User, E>) -> Result<Result<User, E>, OpError> {
        Ok(result)
    }
}

/// Deletes a user.
pub type Delete = resource::Delete<User>;
