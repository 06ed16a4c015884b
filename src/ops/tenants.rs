//! Tenants: made, read, listed, changed, deleted when they are empty.

use crate::db::lock::{ForUpdate, Lock as _};
use crate::db::types::Uid;
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::DEFAULT_TENANT;
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::tenant::{Draft, Tenant};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::Page;
use crate::schema::{changes, connection_tokens, connections, heads, idempotency, keys, tenants};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

type TenantRow = (Uid, String, bool, i64, i64, i64);

fn tenant((id, name, unique_group_names, version, created_at, updated_at): TenantRow) -> Tenant {
    let (created_at, updated_at) = (created_at.into(), updated_at.into());
    Tenant { id: id.0, name, unique_group_names, version, created_at, updated_at }
}

/// Makes a tenant.
#[derive(Debug)]
pub struct Create {
    /// Under this id.
    pub id: Uuid,
    /// Its history is called so.
    pub epoch: Uuid,
    /// With these values.
    pub draft: Draft,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Create {
    type Output = Tenant;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Tenant, OpError> {
        let Draft { name, unique_group_names } = self.draft.clone();
        let (created_at, updated_at) = (self.now, self.now);
        let tenant = Tenant { id: self.id, name, unique_group_names, version: 1, created_at, updated_at };
        let insert = diesel::insert_into(tenants::table).values((
            tenants::id.eq(Uid(tenant.id)),
            tenants::name.eq(&tenant.name),
            tenants::unique_group_names.eq(tenant.unique_group_names),
            tenants::version.eq(tenant.version),
            tenants::created_at.eq(i64::from(tenant.created_at)),
            tenants::updated_at.eq(i64::from(tenant.updated_at)),
        ));
        tx.execute(insert).map_err(|error| name_conflict(error, &tenant))?;
        let head = diesel::insert_into(heads::table).values((
            heads::tenant_id.eq(Uid(tenant.id)),
            heads::epoch.eq(Uid(self.epoch)),
            heads::revision.eq(0),
            heads::users.eq(0),
            heads::groups.eq(0),
        ));
        tx.execute(head)?;
        tx.record(Change::created(DEFAULT_TENANT, &tenant));
        Ok(tenant)
    }
}

/// Reads a tenant.
#[derive(Debug)]
pub struct Find {
    /// Its id.
    pub id: Uuid,
}

impl Operation for Find {
    type Output = Tenant;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Tenant, OpError> {
        let query = tenants::table.find(Uid(self.id));
        Ok(tenant(tx.get(query)?))
    }
}

/// Finds a tenant's id by its name.
#[derive(Debug)]
pub struct Named {
    /// The name.
    pub name: String,
}

impl Operation for Named {
    type Output = Option<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Uuid>, OpError> {
        let query = tenants::table.filter(tenants::name.eq(&self.name)).select(tenants::id);
        let found: Option<Uid> = tx.optional(query)?;
        Ok(found.map(|Uid(id)| id))
    }
}

/// Reads tenants in the order of their ids.
#[derive(Debug)]
pub struct List {
    /// Behind this id.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Whether all are to be counted.
    pub total: bool,
}

impl Operation for List {
    type Output = Page<Tenant>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Tenant>, OpError> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1);
        let after = Uid(self.after.unwrap_or(Uuid::nil()));
        let query = tenants::table.filter(tenants::id.gt(after)).order(tenants::id).limit(limit);
        let rows: Vec<TenantRow> = tx.load(query)?;
        let tenants: Vec<_> = rows.into_iter().map(tenant).collect();
        let count = |connection: &mut Connection| connection.get(tenants::table.count());
        let total = self.total.then(|| count(tx)).transpose()?;
        Ok(Page::of(tenants, self.limit, total))
    }
}

/// Patches a tenant by JSON Merge Patch (RFC 7396).
#[derive(Debug)]
pub struct Patch {
    /// Its id.
    pub id: Uuid,
    /// The merge patch.
    pub patch: Value,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Patch {
    type Output = Tenant;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Tenant, OpError> {
        let before = lock(tx, self.id, &self.conditions)?;
        let draft = Draft::patch(&before, &self.patch).map_err(OpError::Invalid)?;
        if draft == before.draft() {
            return Ok(before);
        }
        if draft.name != before.name && before.id == DEFAULT_TENANT {
            return Err(OpError::Refused("the tenant default keeps its name"));
        }
        let Draft { name, unique_group_names } = draft;
        lock_head(tx, DEFAULT_TENANT)?;
        if unique_group_names != before.unique_group_names && lock_head(tx, self.id)?.groups > 0 {
            return Err(OpError::Refused("uniqueGroupNames changes only while the tenant has no group"));
        }
        let (version, updated_at) = (before.version + 1, self.now.after(before.updated_at));
        let after = Tenant { name, unique_group_names, version, updated_at, ..before.clone() };
        let update = diesel::update(tenants::table.find(Uid(after.id))).set((
            tenants::name.eq(&after.name),
            tenants::unique_group_names.eq(after.unique_group_names),
            tenants::version.eq(after.version),
            tenants::updated_at.eq(i64::from(after.updated_at)),
        ));
        tx.execute(update).map_err(|error| name_conflict(error, &after))?;
        tx.record(Change::updated(DEFAULT_TENANT, &before, &after));
        Ok(after)
    }
}

/// Deletes a tenant that has no user and no group, with its keys and connections. What else is left of it, [`Purge`] removes.
#[derive(Debug)]
pub struct Delete {
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
        let tenant = lock(tx, self.id, &self.conditions)?;
        if tenant.id == DEFAULT_TENANT {
            return Err(OpError::Refused("the tenant default always exists"));
        }
        let of_tenant = keys::table.filter(keys::tenant_id.eq(Uid(self.id))).order(keys::id).select(keys::id);
        tx.load::<Uid>(ForUpdate::on(of_tenant))?;
        // The head of `default`, which the change is numbered by, comes first in the order of tenants.
        lock_head(tx, DEFAULT_TENANT)?;
        // Whoever is creating a user needs the head after this, and will find none.
        let Head { users, groups } = lock_head(tx, self.id)?;
        if users > 0 || groups > 0 {
            return Err(OpError::Refused("the tenant has users or groups"));
        }
        let id = Uid(self.id);
        tx.execute(diesel::delete(keys::table.filter(keys::tenant_id.eq(id))))?;
        let links = connections::table.filter(connections::tenant_id.eq(id));
        tx.execute(diesel::delete(links))?;
        let tokens = connection_tokens::table.filter(connection_tokens::tenant_id.eq(id));
        tx.execute(diesel::delete(tokens))?;
        tx.execute(diesel::delete(heads::table.find(id)))?;
        tx.execute(diesel::delete(tenants::table.find(id)))?;
        tx.record(Change::deleted(DEFAULT_TENANT, &tenant, self.now));
        Ok(())
    }
}

/// Removes what is left of a deleted tenant, some rows at a time: a history can be long.
#[derive(Debug)]
pub struct Purge {
    /// Its id.
    pub id: Uuid,
}

/// How many rows of a history go at once.
const AT_ONCE: i64 = 500;

impl Operation for Purge {
    /// Whether something may be left.
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let id = Uid(self.id);
        let answers = idempotency::table.filter(idempotency::tenant_id.eq(id));
        tx.execute(diesel::delete(answers))?;
        let first =
            changes::table.filter(changes::tenant_id.eq(id)).select(diesel::dsl::min(changes::revision));
        let first: Option<i64> = tx.get(first)?;
        let Some(first) = first else { return Ok(false) };
        let some =
            changes::table.filter(changes::tenant_id.eq(id).and(changes::revision.lt(first + AT_ONCE)));
        tx.execute(diesel::delete(some))?;
        Ok(true)
    }
}

/// Looks for a history whose tenant was deleted.
#[derive(Debug)]
pub struct FindLeft {
    /// Behind this tenant's history.
    pub after: Uuid,
}

impl Operation for FindLeft {
    /// The next history's tenant, and whether it is still there.
    type Output = Option<(Uuid, bool)>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let next = changes::table
            .filter(changes::tenant_id.gt(Uid(self.after)))
            .order((changes::tenant_id, changes::revision))
            .select(changes::tenant_id)
            .limit(1);
        let next: Option<Uid> = tx.optional(next)?;
        let Some(Uid(id)) = next else { return Ok(None) };
        let tenant = tenants::table.find(Uid(id)).select(tenants::id);
        let tenant: Option<Uid> = tx.optional(tenant)?;
        Ok(Some((id, tenant.is_some())))
    }
}

/// Names the tenant whose name another tenant has.
fn name_conflict(error: diesel::result::Error, tenant: &Tenant) -> OpError {
    let conflict = |constraint| (constraint == "tenants_name").then(|| ("name", tenant.name.clone()));
    OpError::from(error).on_unique(conflict)
}

fn lock(tx: &mut Tx<'_>, id: Uuid, conditions: &Conditions) -> Result<Tenant, OpError> {
    let query = tenants::table.find(Uid(id));
    let tenant = tenant(tx.lock(query)?);
    if conditions.allow_write(tenant.version) { Ok(tenant) } else { Err(OpError::PreconditionFailed) }
}

/// How many users and groups a tenant has.
#[derive(Queryable)]
struct Head {
    users: i64,
    groups: i64,
}

fn lock_head(tx: &mut Tx<'_>, id: Uuid) -> Result<Head, OpError> {
    let query = heads::table.find(Uid(id)).select((heads::users, heads::groups));
    Ok(tx.lock(query)?)
}
