//! Operations on tenants.

use crate::db::lock::{ForUpdate, Lock as _};
use crate::db::query::{Lockable, Select};
use crate::db::types::Uid;
use crate::db::unique::{self, UniqueRule};
use crate::db::{Class, Operation, Tx};
use crate::domain::DEFAULT_TENANT;
use crate::domain::digest::Digest;
use crate::domain::fields::FieldError;
use crate::domain::tenant::{Draft, Duplicates, Tenant};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::records::{self, Record};
use crate::schema::{
    changes, connection_removals, connection_tokens, connections, heads, idempotency, keys, tenants,
};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

impl Record for Tenant {
    type Scope = ();
    type Draft = Draft;
    /// The epoch of the history.
    type Fixed = Uuid;
    type Row = (Uid, String, bool, i64, i64, i64, bool);

    fn by_id((): (), id: Uuid) -> impl Lockable<'static, Self::Row> {
        tenants::table.find(Uid(id))
    }

    fn after((): (), id: Uuid, limit: i64) -> impl Select<'static, Self::Row> {
        tenants::table.filter(tenants::id.gt(Uid(id))).order(tenants::id).limit(limit)
    }

    fn count((): ()) -> impl Select<'static, i64> {
        tenants::table.count()
    }

    fn from_row(row: Self::Row) -> Result<Self, OpError> {
        let (Uid(id), name, unique_group_names, version, created_at, updated_at, unique_emails) = row;
        let (created_at, updated_at) = (created_at.into(), updated_at.into());
        Ok(Self { id, name, unique_group_names, unique_emails, version, created_at, updated_at })
    }

    fn new(id: Uuid, _: &Uuid, draft: Draft, now: Timestamp) -> Self {
        let Draft { name, unique_group_names, unique_emails } = draft;
        let (created_at, updated_at) = (now, now);
        Self { id, name, unique_group_names, unique_emails, version: 1, created_at, updated_at }
    }

    fn insert(&self, epoch: &Uuid, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let insert = diesel::insert_into(tenants::table).values((
            tenants::id.eq(Uid(self.id)),
            tenants::name.eq(&self.name),
            tenants::unique_group_names.eq(self.unique_group_names),
            tenants::version.eq(self.version),
            tenants::created_at.eq(i64::from(self.created_at)),
            tenants::updated_at.eq(i64::from(self.updated_at)),
            tenants::unique_emails.eq(self.unique_emails),
        ));
        tx.execute(insert).map_err(|error| name_conflict(error, self))?;
        tx.execute(diesel::insert_into(heads::table).values((
            heads::tenant_id.eq(Uid(self.id)),
            heads::epoch.eq(Uid(*epoch)),
            heads::revision.eq(0),
            heads::users.eq(0),
            heads::groups.eq(0),
            heads::unique_values.eq(self.draft().unique_rules().contains(&true)),
            heads::digest.eq(i64::from(Digest::default())),
            heads::digest_revision.eq(0),
        )))?;
        Ok(())
    }

    /// The history of `default`, the tenant that always exists, records the changes of all tenants.
    fn history(&self) -> Uuid {
        DEFAULT_TENANT
    }

    fn draft(&self) -> Draft {
        self.draft()
    }

    fn patched(&self, patch: &Value, _: Timestamp) -> Result<Draft, Vec<FieldError>> {
        Draft::patch(self, patch)
    }

    fn with(&self, draft: Draft, version: i64, updated_at: Timestamp) -> Self {
        let Draft { name, unique_group_names, unique_emails } = draft;
        Self { name, unique_group_names, unique_emails, version, updated_at, ..self.clone() }
    }

    fn prepare_update(tx: &mut Tx<'_>, before: &Self, draft: &Draft) -> Result<(), OpError> {
        if draft.name != before.name && before.id == DEFAULT_TENANT {
            return Err(OpError::Refused("the tenant `default` cannot be renamed"));
        }
        lock_head(tx, DEFAULT_TENANT)?;
        let (old, new) = (before.draft().unique_rules(), draft.unique_rules());
        if old != new {
            // Locked before the search, so that none of the tenant's other writes can commit before the settings have
            // changed: earlier writes are visible to the search, and later writes are checked.
            lock_head(tx, before.id)?;
            search_duplicates(tx, before.id, old, new)?;
            let update = diesel::update(heads::table.find(Uid(before.id)));
            tx.execute(update.set(heads::unique_values.eq(new.contains(&true))))?;
        }
        Ok(())
    }

    fn update(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let update = diesel::update(tenants::table.find(Uid(self.id))).set((
            tenants::name.eq(&self.name),
            tenants::unique_group_names.eq(self.unique_group_names),
            tenants::unique_emails.eq(self.unique_emails),
            tenants::version.eq(self.version),
            tenants::updated_at.eq(i64::from(self.updated_at)),
        ));
        tx.execute(update).map_err(|error| name_conflict(error, self))?;
        Ok(())
    }

    /// Deletes a tenant without users and groups, and its keys and connections. [`Purge`] deletes the rest.
    fn delete(&self, tx: &mut Tx<'_>, _: Timestamp) -> Result<bool, OpError> {
        if self.id == DEFAULT_TENANT {
            return Err(OpError::Refused("the tenant `default` cannot be deleted"));
        }
        let id = Uid(self.id);
        let of_tenant = keys::table.filter(keys::tenant_id.eq(id)).order(keys::id).select(keys::id);
        tx.load::<Uid>(ForUpdate::on(of_tenant))?;
        // The change is recorded in the history of `default`, whose id comes first in lock order.
        lock_head(tx, DEFAULT_TENANT)?;
        // A concurrent creation of a user fails, because it needs this head row to commit.
        let Head { users, groups } = lock_head(tx, self.id)?;
        if users > 0 || groups > 0 {
            return Err(OpError::Refused("the tenant has users or groups"));
        }
        tx.execute(diesel::delete(keys::table.filter(keys::tenant_id.eq(id))))?;
        tx.execute(diesel::delete(connections::table.filter(connections::tenant_id.eq(id))))?;
        tx.execute(diesel::delete(connection_tokens::table.filter(connection_tokens::tenant_id.eq(id))))?;
        tx.execute(diesel::delete(connection_removals::table.filter(connection_removals::tenant_id.eq(id))))?;
        tx.execute(diesel::delete(heads::table.find(id)))?;
        tx.execute(diesel::delete(tenants::table.find(id)))?;
        Ok(true)
    }
}

/// Creates a tenant.
pub type Create = records::Create<Tenant>;

/// Finds the id of a tenant by its name.
#[derive(Debug)]
pub struct FindByName {
    /// The name of the tenant.
    pub name: String,
}

impl Operation for FindByName {
    type Output = Option<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Uuid>, OpError> {
        let query = tenants::table.filter(tenants::name.eq(&self.name)).select(tenants::id);
        let found: Option<Uid> = tx.optional(query)?;
        Ok(found.map(|Uid(id)| id))
    }
}

/// Deletes remaining rows of a deleted tenant. Each call deletes a limited number of changes, because a history can be
/// long.
#[derive(Debug)]
pub struct Purge {
    /// The id of the tenant.
    pub id: Uuid,
}

/// The number of changes that one call deletes.
const PURGED_PER_CALL: i64 = 500;

impl Operation for Purge {
    /// Whether rows may remain.
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let id = Uid(self.id);
        let responses = idempotency::table.filter(idempotency::tenant_id.eq(id));
        tx.execute(diesel::delete(responses))?;
        let first =
            changes::table.filter(changes::tenant_id.eq(id)).select(diesel::dsl::min(changes::revision));
        let first: Option<i64> = tx.get(first)?;
        let Some(first) = first else { return Ok(false) };
        let some = changes::table
            .filter(changes::tenant_id.eq(id).and(changes::revision.lt(first + PURGED_PER_CALL)));
        tx.execute(diesel::delete(some))?;
        Ok(true)
    }
}

/// Finds the next history in the order of tenant ids, to detect histories of deleted tenants.
#[derive(Debug)]
pub struct NextHistory {
    /// The tenant of the previous history.
    pub after: Uuid,
}

impl Operation for NextHistory {
    /// The tenant of the history, and whether the tenant exists.
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

/// Checks whether a patch of a tenant can enable uniqueness settings. The patch repeats the search for duplicates while
/// other writes wait, so this search comes first: it blocks no write, however many duplicates it finds.
#[derive(Debug)]
pub struct CheckPatch(pub records::Patch<Tenant>);

impl Operation for CheckPatch {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let before: Tenant = records::find(tx, (), self.0.id)?;
        records::check(&before, (), &self.0.conditions)?;
        let draft = self.0.draft(&before)?;
        let (old, new) = (before.draft().unique_rules(), draft.unique_rules());
        tx.in_snapshot(|tx| search_duplicates(tx, before.id, old, new))
    }
}

/// Searches for values that prevent the uniqueness settings from being changed from `old` to `new`.
fn search_duplicates(tx: &mut Tx<'_>, tenant: Uuid, old: [bool; 2], new: [bool; 2]) -> Result<(), OpError> {
    let mut found = Duplicates::default();
    for (rule, applies) in [unique::EMAILS, unique::GROUP_NAMES].iter().zip(old.into_iter().zip(new)) {
        if applies == (false, true) {
            find_duplicates(tx, tenant, rule, &mut found)?;
        }
    }
    if found.conflict_count > 0 { Err(OpError::NotUnique(Box::new(found))) } else { Ok(()) }
}

fn find_duplicates(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    rule: &UniqueRule,
    found: &mut Duplicates,
) -> Result<(), OpError> {
    let limit = Duplicates::MAX_LISTED.saturating_sub(found.conflicts.len());
    let duplicates = rule.duplicates(tx, tenant, limit)?;
    found.conflict_count += match duplicates.len() {
        listed if listed < limit => i64::try_from(listed).unwrap_or(i64::MAX),
        _ => rule.count_duplicates(tx, tenant)?,
    };
    found.conflicts.extend(duplicates);
    Ok(())
}

/// The error of a write: an [`OpError::Conflict`] if another tenant has the name.
fn name_conflict(error: diesel::result::Error, tenant: &Tenant) -> OpError {
    let conflict = |constraint| (constraint == "tenants_name").then(|| ("name", tenant.name.clone()));
    OpError::from(error).on_unique(conflict)
}

/// The numbers of users and groups of a tenant.
#[derive(Queryable)]
struct Head {
    users: i64,
    groups: i64,
}

fn lock_head(tx: &mut Tx<'_>, id: Uuid) -> Result<Head, OpError> {
    let query = heads::table.find(Uid(id)).select((heads::users, heads::groups));
    Ok(tx.lock(query)?)
}
