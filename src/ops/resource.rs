//! The operations that users and groups share.

use crate::db::budget::{Budget, StoredSize};
use crate::db::query::{Lockable, Select};
use crate::db::sql::{Fragment, Statement};
use crate::db::table::Table;
use crate::db::{Class, Connection, Dialect, Operation, Tx, run_each};
use crate::domain::change::{Auditable, Change};
use crate::domain::condition::Conditions;
use crate::domain::digest::Digest;
use crate::domain::fields::FieldError;
use crate::domain::schema::Schema;
use crate::domain::sort::Sorted;
use crate::domain::time::Timestamp;
use crate::domain::user::UserGroup;
use crate::ops::by_tenant::load_by_tenant;
use crate::ops::connections::Removal;
use crate::ops::{MAX_BATCH, OpError, Results};
use diesel::QueryResult;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::query_dsl::LoadQuery;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::marker::PhantomData;
use uuid::Uuid;

/// A key whose values are unique among the resources of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UniqueKey {
    /// The userName of a user, folded.
    UserName,
    /// An externalId, which is unique within its source.
    ExternalId,
}

impl UniqueKey {
    /// The attribute's name in the native API.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::UserName => "userName",
            Self::ExternalId => "externalId",
        }
    }
}

/// A form in which resources are read: the resources themselves, or their stored text.
pub trait Form: Sorted + Clone + Debug + Send + Sync + 'static {
    /// The type of the resources.
    type Resource: Resource;

    /// Converts a row.
    ///
    /// # Errors
    /// The document of the row is invalid.
    fn from_row(row: <Self::Resource as Resource>::Row) -> QueryResult<Self>;

    /// Fills in attributes that are computed instead of stored. Each resource is given with its tenant.
    ///
    /// # Errors
    /// [`OpError::Database`].
    fn fill_computed<'f>(
        tx: &mut Tx<'_>,
        forms: impl IntoIterator<Item = (Uuid, &'f mut Self)>,
    ) -> Result<(), OpError>;

    /// The id and the groups, if the resource is a user.
    fn user_groups(&mut self) -> Option<UserGroups<'_>> {
        None
    }
}

/// The id and the groups of a user; the groups are `None` until they are read.
pub type UserGroups<'u> = (Uuid, &'u mut Option<Vec<UserGroup>>);

/// A resource with its own table and lists: a user or a group.
pub trait Resource: Form<Resource = Self> + Auditable + PartialEq {
    /// The attributes.
    const SCHEMA: &'static Schema;
    /// The table.
    const TABLE: &'static Table;
    /// The maximum number of [`Rewrite`] calls in a batch.
    const MAX_REWRITES: usize = 1;

    /// A row of the table.
    type Row: 'static;
    /// The writable values.
    type Draft: Clone + Debug + Send + Sync + 'static;

    /// The value of a unique key, folded if the key is compared case-insensitively. `source` is the source of an
    /// externalId.
    fn unique_value(&self, key: UniqueKey, source: &str) -> Option<String>;

    /// The value of a unique key in a draft, as [`Resource::unique_value`] returns it once the draft is written.
    fn unique_value_of(draft: &Self::Draft, key: UniqueKey) -> Option<String>;

    /// The attribute that a unique constraint protects, and the value that another resource already has. `before` is the
    /// resource before the write, if it existed.
    fn conflict(&self, before: Option<&Self>, constraint: &str) -> Option<(&'static str, String)>;

    /// Selects the resource with this id.
    fn by_id(tenant: Uuid, id: Uuid) -> impl Lockable<'static, Self::Row>;

    /// Loads the resources of a statement that selects rows of the table, at most `limit` if given, until the budget is
    /// spent.
    ///
    /// # Errors
    /// The engine's error.
    fn load<F: Form<Resource = Self>>(
        connection: &mut Connection,
        statement: Fragment,
        limit: Option<usize>,
        budget: &mut Budget,
    ) -> QueryResult<Vec<F>>;

    /// Loads the resources with these ids that exist, in any order.
    ///
    /// # Errors
    /// The engine's error.
    fn load_by_ids<F: Form<Resource = Self>>(
        connection: &mut Connection,
        tenant: Uuid,
        ids: &BTreeSet<Uuid>,
    ) -> QueryResult<Vec<F>>;

    /// The other users whose values are part of a resource that is created from a draft.
    fn named_users(_: &Self::Draft) -> Vec<Uuid> {
        Vec::new()
    }

    /// Inserts a new resource and records the change.
    ///
    /// # Errors
    /// [`OpError::Conflict`] if a unique value belongs to another resource.
    fn insert(
        tx: &mut Tx<'_>,
        tenant: Uuid,
        id: Uuid,
        draft: Self::Draft,
        now: Timestamp,
    ) -> Result<Self, OpError>;

    /// Adds the current values that a replacement keeps because it does not set them.
    fn complete_replacement(&self, draft: Self::Draft) -> Self::Draft;

    /// Applies a JSON Merge Patch (RFC 7396).
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    fn patched(&self, patch: &Value) -> Result<Self::Draft, Vec<FieldError>>;

    /// Writes new values over the locked row and records the change. Does nothing if no value changes.
    ///
    /// # Errors
    /// [`OpError::Conflict`] if a unique value belongs to another resource.
    fn write(
        &self,
        tx: &mut Tx<'_>,
        tenant: Uuid,
        draft: Self::Draft,
        now: Timestamp,
    ) -> Result<Self, OpError>;

    /// Runs a batch of rewrites.
    ///
    /// # Errors
    /// See [`Operation::run_batch`].
    fn rewrite_batch<V: Values<Resource = Self>>(
        rewrites: &[&Rewrite<V>],
        tx: &mut Tx<'_>,
    ) -> Results<V::Output> {
        run_each(rewrites, tx)
    }

    /// Whether writing a draft deactivates the resource.
    fn is_deactivated_by(&self, _: &Self::Draft) -> bool {
        false
    }

    /// Whether the resource is a user that belongs to the connection with this source.
    ///
    /// # Errors
    /// [`OpError::Database`].
    fn is_user_of(&self, _: &mut Tx<'_>, _tenant: Uuid, _source: Uuid) -> Result<bool, OpError> {
        Ok(false)
    }

    /// Deletes the locked row and the memberships. Returns the digest of the memberships for whose removal no change was
    /// recorded.
    ///
    /// # Errors
    /// [`OpError::Database`].
    fn delete(&self, tx: &mut Tx<'_>, tenant: Uuid, now: Timestamp) -> Result<Digest, OpError>;
}

/// Reads a resource.
#[derive(Debug)]
pub struct Find<F> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The id of the resource.
    pub id: Uuid,
    /// The form in which the resource is read.
    pub of: PhantomData<F>,
}

impl<F: Form> Operation for Find<F> {
    type Output = F;
    type Error = OpError;
    const CLASS: Class = Class::Read;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<F, OpError> {
        let row = tx.get(F::Resource::by_id(self.tenant, self.id))?;
        let mut form = F::from_row(row)?;
        F::fill_computed(tx, [(self.tenant, &mut form)])?;
        Ok(form)
    }

    /// Reads the resources with one statement per tenant on PostgreSQL, and in one transaction on SQLite.
    fn run_batch(finds: &[&Self], tx: &mut Tx<'_>) -> Results<F> {
        tx.in_sqlite_snapshot(|tx| {
            let ids = finds.iter().map(|find| (find.tenant, find.id));
            let mut found = load_by_tenant(tx, ids.clone(), F::Resource::load_by_ids::<F>)?;
            F::fill_computed(tx, found.iter_mut().map(|((tenant, _), form)| (*tenant, form)))?;
            // A resource that several calls read is copied for each.
            let is_shared = ids.clone().collect::<HashSet<_>>().len() < finds.len();
            let form = |id| if is_shared { found.get(&id).cloned() } else { found.remove(&id) };
            Ok(ids.map(form).map(|form| form.ok_or(OpError::NotFound)).collect())
        })
    }
}

/// Reads a resource, without its computed attributes.
pub(super) fn find<R: Resource>(tx: &mut Tx<'_>, tenant: Uuid, id: Uuid) -> Result<R, OpError> {
    Ok(R::from_row(tx.get(R::by_id(tenant, id))?)?)
}

/// Reads a resource, without its computed attributes, and locks it for writing.
pub(super) fn lock<R: Resource>(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    id: Uuid,
    conditions: &Conditions,
) -> Result<R, OpError> {
    let resource = R::from_row(tx.lock(R::by_id(tenant, id))?)?;
    let version = resource.stamp().version;
    let is_allowed = conditions.allow_write(version);
    if is_allowed { Ok(resource) } else { Err(OpError::PreconditionFailed(Some(version))) }
}

/// Writes new values of a resource, which are computed from the stored resource.
#[derive(Debug)]
pub struct Rewrite<V> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The id of the resource.
    pub id: Uuid,
    /// The new values.
    pub values: V,
    /// The conditions, which are checked before the new values are computed.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
}

/// The new values of a [`Rewrite`].
pub trait Values: Send + Sync + 'static {
    /// The type of the resource.
    type Resource: Resource;
    /// The reason for leaving the resource unchanged.
    type Refusal: Send + 'static;
    /// The output of the operation.
    type Output: Send + 'static;

    /// Computes the new values. It is called again when the transaction is retried.
    ///
    /// # Errors
    /// The reason for leaving the resource unchanged.
    fn draft(&self, stored: &Self::Resource) -> Result<<Self::Resource as Resource>::Draft, Self::Refusal>;

    /// Converts the written resource, or the refusal, to the result of the operation.
    ///
    /// # Errors
    /// The refusal, if it is an error of the operation.
    fn output(result: Result<Self::Resource, Self::Refusal>) -> Result<Self::Output, OpError>;
}

impl<V: Values> Operation for Rewrite<V> {
    type Output = V::Output;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = V::Resource::MAX_REWRITES;

    fn run(&self, tx: &mut Tx<'_>) -> Result<V::Output, OpError> {
        let stored: V::Resource = lock(tx, self.tenant, self.id, &self.conditions)?;
        let draft = match self.values.draft(&stored) {
            Ok(draft) => draft,
            Err(refusal) => return V::output(Err(refusal)),
        };
        let deactivates = stored.is_deactivated_by(&draft);
        let removal = if deactivates { Removal::begin(tx, self.tenant)? } else { None };
        let mut written = stored.write(tx, self.tenant, draft, self.now)?;
        if let Some(removal) = removal {
            removal.count(tx, None, self.now)?;
        }
        V::Resource::fill_computed(tx, [(self.tenant, &mut written)])?;
        V::output(Ok(written))
    }

    fn run_batch(rewrites: &[&Self], tx: &mut Tx<'_>) -> Results<V::Output> {
        V::Resource::rewrite_batch(rewrites, tx)
    }
}

/// The new values of a resource in the native API.
#[derive(Debug)]
pub enum NewValues<R: Resource> {
    /// Replaces all writable values.
    Replacement(R::Draft),
    /// A JSON Merge Patch (RFC 7396).
    MergePatch(Value),
}

impl<R: Resource> Values for NewValues<R> {
    type Resource = R;
    type Refusal = OpError;
    type Output = R;

    fn draft(&self, stored: &R) -> Result<R::Draft, OpError> {
        match self {
            Self::Replacement(draft) => Ok(stored.complete_replacement(draft.clone())),
            Self::MergePatch(patch) => stored.patched(patch).map_err(OpError::Invalid),
        }
    }

    fn output(result: Result<R, OpError>) -> Result<R, OpError> {
        result
    }
}

/// Deletes a resource and its memberships permanently.
#[derive(Debug)]
pub struct Delete<R> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The id of the resource.
    pub id: Uuid,
    /// The conditions, which are checked before the resource is deleted.
    pub conditions: Conditions,
    /// The time of the change.
    pub now: Timestamp,
    /// The type of the resource.
    pub of: PhantomData<R>,
}

impl<R: Resource> Operation for Delete<R> {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let resource: R = lock(tx, self.tenant, self.id, &self.conditions)?;
        let removal = match Removal::begin(tx, self.tenant)? {
            Some(removal) => {
                let is_own = resource.is_user_of(tx, self.tenant, removal.source)?;
                Some((is_own.then_some(self.id), removal))
            }
            None => None,
        };
        let memberships = resource.delete(tx, self.tenant, self.now)?;
        if let Some((deleted, removal)) = removal {
            removal.count(tx, deleted, self.now)?;
        }
        tx.record(Change { memberships, ..Change::deleted(self.tenant, &resource, self.now) });
        Ok(())
    }
}

/// The externalId that a write introduces.
pub(super) fn new_external_id(
    before: Option<&BTreeMap<String, String>>,
    after: &BTreeMap<String, String>,
) -> String {
    let is_new = |(source, id): &(&String, &String)| before.and_then(|ids| ids.get(*source)) != Some(*id);
    after.iter().find(is_new).map(|(_, id)| id.clone()).unwrap_or_default()
}

/// Loads the resources of a statement, at most `limit` if given, until the budget is spent.
pub(super) fn load_rows<ST: 'static, Row: StoredSize + 'static, F: Form>(
    connection: &mut Connection,
    statement: Fragment,
    limit: Option<usize>,
    budget: &mut Budget,
) -> QueryResult<Vec<F>>
where
    F::Resource: Resource<Row = Row>,
    Statement<ST>: Select<'static, Row> + LoadQuery<'static, PgConnection, Row, PgRowByRowLoadingMode>,
{
    let statement = Statement::<ST>::of(statement);
    let statement = match (limit, connection.dialect()) {
        (Some(limit), Dialect::Postgres) => statement.limited(limit),
        _ => statement,
    };
    let rows: Vec<Row> = connection.load_within(statement, limit.unwrap_or(usize::MAX), budget)?;
    rows.into_iter().map(F::from_row).collect()
}
