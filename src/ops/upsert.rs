//! Replaces the resource that has a given unique value, or creates one.

use crate::db::{Class, Operation, Tx};
use crate::domain::condition::Conditions;
use crate::domain::fields::FieldError;
use crate::domain::time::Timestamp;
use crate::domain::{NATIVE_SOURCE, parse_id};
use crate::ops::OpError;
use crate::ops::listing::FindUnique;
use crate::ops::resource::{self, Resource, UniqueKey};
use std::marker::PhantomData;
use uuid::Uuid;

/// Replaces the resource that has the given value of a unique key, or creates a resource with that value. Of several
/// concurrent calls with the same value, at most one creates the resource.
#[derive(Debug)]
pub struct Upsert<R: Resource> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The id for the resource if it is created.
    pub id: Uuid,
    /// The id that an existing resource must have, if the body contains one. If the ids differ, the call returns
    /// [`OpError::Invalid`].
    pub expected_id: Option<String>,
    /// The unique key. For `externalId`, only the value of the native source is compared.
    pub key: UniqueKey,
    /// The value of the key in `draft`, folded if the key is compared case-insensitively.
    pub value: String,
    /// The new values.
    pub draft: R::Draft,
    /// The conditions of the request. If no resource exists, `If-Match` is not satisfied.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

/// The result of an [`Upsert`].
#[derive(Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Upserted<R> {
    Created(R),
    Replaced(R),
}

impl<R: Resource> Operation for Upsert<R> {
    type Output = Upserted<R>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Upserted<R>, OpError> {
        match self.find(tx)? {
            Some(found) => self.replace(tx, found).map(Upserted::Replaced),
            None => self.create(tx).map(Upserted::Created),
        }
    }
}

impl<R: Resource> Upsert<R> {
    fn find(&self, tx: &mut Tx<'_>) -> Result<Option<R>, OpError> {
        let (tenant, key, value) = (self.tenant, self.key, self.value.clone());
        FindUnique { tenant, key, value, source: NATIVE_SOURCE.into(), of: PhantomData }.run(tx)
    }

    fn replace(&self, tx: &mut Tx<'_>, found: R) -> Result<R, OpError> {
        let changed = || OpError::retry("the resource was changed concurrently");
        let stored: R = match resource::lock(tx, self.tenant, found.id(), &Conditions::default()) {
            Err(OpError::NotFound) => return Err(changed()),
            stored => stored?,
        };
        if stored.unique_value(self.key, NATIVE_SOURCE).as_ref() != Some(&self.value) {
            return Err(changed());
        }
        let version = stored.stamp().version;
        if !self.conditions.allow_write(version) {
            return Err(OpError::PreconditionFailed(Some(version)));
        }
        if self.expected_id.as_ref().is_some_and(|id| parse_id(id) != Some(stored.id())) {
            let detail = "must be absent or equal the id of the resource that `match` finds";
            return Err(OpError::Invalid(vec![FieldError::new("/id", "read-only", detail)]));
        }
        let draft = stored.complete_replacement(self.draft.clone());
        let mut written = stored.write(tx, self.tenant, draft, self.now)?;
        R::fill_computed(tx, [(self.tenant, &mut written)])?;
        Ok(written)
    }

    fn create(&self, tx: &mut Tx<'_>) -> Result<R, OpError> {
        if self.conditions.if_match.is_some() {
            return Err(OpError::PreconditionFailed(None));
        }
        let insert = |tx: &mut Tx<'_>| R::insert(tx, self.tenant, self.id, self.draft.clone(), self.now);
        match tx.savepoint(insert)? {
            // The conflict, on any unique value, can be with a concurrent call that has just created the same resource.
            Err(OpError::Conflict { .. }) if self.find(tx)?.is_some() => {
                Err(OpError::retry("the resource was created concurrently"))
            }
            result => result,
        }
    }
}
