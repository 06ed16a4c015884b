//! The operations that keys, connections and tenants share.

use crate::db::query::{Lockable, Select};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{Auditable, Change};
use crate::domain::condition::Conditions;
use crate::domain::fields::FieldError;
use crate::domain::filter::Filter;
use crate::domain::time::Timestamp;
use crate::ops::{OpError, Page, PageQuery};
use serde_json::Value;
use std::fmt::Debug;
use uuid::Uuid;

/// A versioned record that administrators manage.
pub trait Record: Auditable + Clone + Debug + Send + Sync + 'static {
    /// The records that a caller can reach.
    type Scope: Copy + Debug + Send + Sync + 'static;
    /// The writable fields.
    type Draft: PartialEq + Clone + Debug + Send + Sync + 'static;
    /// The values, besides the id, that are set at creation and never change.
    type Fixed: Debug + Send + Sync + 'static;
    /// A row of the record's table.
    type Row: 'static;

    /// Selects the record with this id.
    fn by_id(scope: Self::Scope, id: Uuid) -> impl Lockable<'static, Self::Row>;

    /// Selects the records after an id, in the order of their ids.
    fn after(scope: Self::Scope, id: Uuid, limit: i64) -> impl Select<'static, Self::Row>;

    /// Counts the records.
    fn count(scope: Self::Scope) -> impl Select<'static, i64>;

    /// Whether the record matches a filter.
    fn matches(&self, _: &Filter) -> bool {
        true
    }

    /// Converts a row.
    ///
    /// # Errors
    /// [`OpError::Database`] if the row contains a value that Roster does not write.
    fn from_row(row: Self::Row) -> Result<Self, OpError>;

    /// A new record, at version 1.
    fn new(id: Uuid, fixed: &Self::Fixed, draft: Self::Draft, now: Timestamp) -> Self;

    /// Inserts the row of a new record.
    ///
    /// # Errors
    /// [`OpError::Conflict`] if a unique value belongs to another record.
    fn insert(&self, fixed: &Self::Fixed, tx: &mut Tx<'_>) -> Result<(), OpError>;

    /// The tenant whose history records the changes.
    fn history(&self) -> Uuid;

    /// The current values of the writable fields.
    fn draft(&self) -> Self::Draft;

    /// Applies a JSON Merge Patch (RFC 7396).
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    fn patched(&self, patch: &Value, now: Timestamp) -> Result<Self::Draft, Vec<FieldError>>;

    /// The next version, with the values of a draft.
    fn with(&self, draft: Self::Draft, version: i64, updated_at: Timestamp) -> Self;

    /// Checks that the scope permits writing a record that has, or would have, these values.
    ///
    /// # Errors
    /// [`OpError::Forbidden`] if it does not.
    fn authorize(_: Self::Scope, _: &Self::Draft) -> Result<(), OpError> {
        Ok(())
    }

    /// Checks that the state permits an update, and takes the locks that it needs.
    ///
    /// # Errors
    /// [`OpError::Refused`] if it does not.
    fn prepare_update(_: &mut Tx<'_>, _: &Self, _: &Self::Draft) -> Result<(), OpError> {
        Ok(())
    }

    /// Writes the record over its row.
    ///
    /// # Errors
    /// [`OpError::Conflict`] if a unique value belongs to another record.
    fn update(&self, tx: &mut Tx<'_>) -> Result<(), OpError>;

    /// Deletes the record, and all rows that belong to it, with the time `now`. Returns `false` if the record was
    /// already deleted.
    ///
    /// # Errors
    /// [`OpError::Refused`] if the state does not permit it.
    fn delete(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, OpError>;
}

/// Reads a record.
///
/// # Errors
/// [`OpError::NotFound`] if the scope has no such record.
pub(super) fn find<R: Record>(tx: &mut Tx<'_>, scope: R::Scope, id: Uuid) -> Result<R, OpError> {
    R::from_row(tx.get(R::by_id(scope, id))?)
}

/// Reads a record and locks it for writing.
///
/// # Errors
/// [`OpError::NotFound`], [`OpError::Forbidden`] or [`OpError::PreconditionFailed`].
pub(super) fn lock<R: Record>(
    tx: &mut Tx<'_>,
    scope: R::Scope,
    id: Uuid,
    conditions: &Conditions,
) -> Result<R, OpError> {
    let record = R::from_row(tx.lock(R::by_id(scope, id))?)?;
    check(&record, scope, conditions)?;
    Ok(record)
}

/// Checks that the scope and the conditions permit writing a record.
///
/// # Errors
/// [`OpError::Forbidden`] or [`OpError::PreconditionFailed`].
pub(super) fn check<R: Record>(record: &R, scope: R::Scope, conditions: &Conditions) -> Result<(), OpError> {
    R::authorize(scope, &record.draft())?;
    let version = record.stamp().version;
    let is_allowed = conditions.allow_write(version);
    if is_allowed { Ok(()) } else { Err(OpError::PreconditionFailed(Some(version))) }
}

/// Creates a record.
#[derive(Debug)]
pub struct Create<R: Record> {
    /// The id of the record.
    pub id: Uuid,
    /// The values that never change.
    pub fixed: R::Fixed,
    /// The writable fields.
    pub draft: R::Draft,
    /// The creation time.
    pub now: Timestamp,
}

impl<R: Record> Operation for Create<R> {
    type Output = R;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<R, OpError> {
        let record = R::new(self.id, &self.fixed, self.draft.clone(), self.now);
        record.insert(&self.fixed, tx)?;
        tx.record(Change::created(record.history(), &record));
        Ok(record)
    }
}

/// Reads a record.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Find<R: Record> {
    pub scope: R::Scope,
    pub id: Uuid,
}

impl<R: Record> Operation for Find<R> {
    type Output = R;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<R, OpError> {
        find(tx, self.scope, self.id)
    }
}

/// Reads a page of records.
#[derive(Debug)]
pub struct List<R: Record> {
    /// The records to list.
    pub scope: R::Scope,
    /// The filter. All records are read to evaluate it, so it is only for types of which a scope has few.
    pub filter: Option<Filter>,
    /// The page to read.
    pub page: PageQuery,
}

impl<R: Record> Operation for List<R> {
    type Output = Page<R>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<R>, OpError> {
        if let Some(filter) = &self.filter {
            return self.filtered(tx, filter);
        }
        let limit = i64::try_from(self.page.read_limit()).unwrap_or(i64::MAX);
        let rows = tx.load(R::after(self.scope, self.page.start(), limit))?;
        let records = rows.into_iter().map(R::from_row).collect::<Result<_, _>>()?;
        let total = self.page.total.then(|| tx.get(R::count(self.scope))).transpose()?;
        Ok(self.page.page(records, total))
    }
}

impl<R: Record> List<R> {
    fn filtered(&self, tx: &mut Tx<'_>, filter: &Filter) -> Result<Page<R>, OpError> {
        let rows = tx.load(R::after(self.scope, Uuid::nil(), i64::MAX))?;
        let mut records: Vec<R> = rows.into_iter().map(R::from_row).collect::<Result<_, _>>()?;
        records.retain(|record| record.matches(filter));
        let total = self.page.total.then(|| i64::try_from(records.len()).unwrap_or(i64::MAX));
        records.retain(|record| record.stamp().id > self.page.start());
        Ok(self.page.page(records, total))
    }
}

/// Applies a JSON Merge Patch (RFC 7396) to a record.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Patch<R: Record> {
    pub scope: R::Scope,
    pub id: Uuid,
    pub patch: Value,
    pub conditions: Conditions,
    pub now: Timestamp,
}

impl<R: Record> Operation for Patch<R> {
    type Output = R;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<R, OpError> {
        let before: R = lock(tx, self.scope, self.id, &self.conditions)?;
        let draft = self.draft(&before)?;
        if draft == before.draft() {
            return Ok(before);
        }
        R::prepare_update(tx, &before, &draft)?;
        let stamp = before.stamp();
        let after = before.with(draft, stamp.version + 1, self.now.after(stamp.time));
        after.update(tx)?;
        tx.record(Change::updated(before.history(), &before, &after));
        Ok(after)
    }
}

impl<R: Record> Patch<R> {
    /// The values that the patch would write.
    ///
    /// # Errors
    /// [`OpError::Invalid`] or [`OpError::Forbidden`].
    pub(super) fn draft(&self, before: &R) -> Result<R::Draft, OpError> {
        let draft = before.patched(&self.patch, self.now).map_err(OpError::Invalid)?;
        R::authorize(self.scope, &draft)?;
        Ok(draft)
    }
}

/// Deletes a record and everything that belongs to it.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Delete<R: Record> {
    pub scope: R::Scope,
    pub id: Uuid,
    pub conditions: Conditions,
    pub now: Timestamp,
}

impl<R: Record> Operation for Delete<R> {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let record: R = lock(tx, self.scope, self.id, &self.conditions)?;
        if record.delete(tx, self.now)? {
            tx.record(Change::deleted(record.history(), &record, self.now));
        }
        Ok(())
    }
}
