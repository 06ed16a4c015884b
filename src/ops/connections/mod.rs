//! Operations on connections and their tokens.

mod brake;
mod tokens;
mod users;

pub(super) use brake::Removal;
pub use brake::{CountHeld, Hold, Release};
pub use tokens::{CreateToken, DeleteToken, Identify, ListTokens, PatchToken};
pub(super) use users::{creator_without_external_id, owns_user, record_creators, record_user};

use crate::db::query::{Lockable, Select};
use crate::db::types::{Json, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::brake::{Brake, Held};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::connection::{Connection, Draft, Mode, unknown_replaced};
use crate::domain::fields::FieldError;
use crate::domain::filter::Filter;
use crate::domain::scim::Profile;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::records::{self, Record};
use crate::schema::{connections, heads};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

impl Record for Connection {
    /// The tenant.
    type Scope = Uuid;
    type Draft = Draft;
    /// The tenant.
    type Fixed = Uuid;
    type Row = ConnectionRow;

    fn by_id(tenant: Uuid, id: Uuid) -> impl Lockable<'static, Self::Row> {
        connections::table.find((Uid(tenant), Uid(id)))
    }

    fn after(tenant: Uuid, id: Uuid, limit: i64) -> impl Select<'static, Self::Row> {
        let rows = connections::tenant_id.eq(Uid(tenant)).and(connections::id.gt(Uid(id)));
        connections::table.filter(rows).order(connections::id).limit(limit)
    }

    fn count(tenant: Uuid) -> impl Select<'static, i64> {
        connections::table.filter(connections::tenant_id.eq(Uid(tenant))).count()
    }

    fn matches(&self, filter: &Filter) -> bool {
        self.matches(filter)
    }

    fn from_row(row: ConnectionRow) -> Result<Self, OpError> {
        row.try_into()
    }

    fn new(id: Uuid, tenant: &Uuid, draft: Draft, now: Timestamp) -> Self {
        let Draft { name, profile, mode, replaces, brake } = draft;
        Self {
            id,
            tenant: *tenant,
            name,
            profile,
            mode,
            replaces,
            replaced_by: None,
            source: id,
            brake,
            held: None,
            allowance: 0,
            counted_after: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    fn insert(&self, _: &Uuid, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.execute(diesel::insert_into(connections::table).values((
            connections::tenant_id.eq(Uid(self.tenant)),
            connections::id.eq(Uid(self.id)),
            connections::name.eq(&self.name),
            connections::profile.eq(self.profile.to_string()),
            connections::version.eq(self.version),
            connections::created_at.eq(i64::from(self.created_at)),
            connections::updated_at.eq(i64::from(self.updated_at)),
            connections::replaces.eq(self.replaces.map(Uid)),
            connections::source_id.eq((self.source != self.id).then_some(Uid(self.source))),
            connections::brake.eq(self.brake.map(Json)),
            connections::mode.eq(self.mode.to_string()),
        )))?;
        check_name(tx, self.tenant, self.id, &self.name)
    }

    fn history(&self) -> Uuid {
        self.tenant
    }

    fn draft(&self) -> Draft {
        self.draft()
    }

    fn patched(&self, patch: &Value, _: Timestamp) -> Result<Draft, Vec<FieldError>> {
        Draft::patch(self, patch)
    }

    fn with(&self, draft: Draft, version: i64, updated_at: Timestamp) -> Self {
        let Draft { name, profile, mode, brake, .. } = draft;
        Self { name, profile, mode, brake, version, updated_at, ..self.clone() }
    }

    fn prepare_update(tx: &mut Tx<'_>, before: &Self, draft: &Draft) -> Result<(), OpError> {
        if draft.name == before.name { Ok(()) } else { check_name(tx, before.tenant, before.id, &draft.name) }
    }

    fn update(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let row = connections::table.find((Uid(self.tenant), Uid(self.id)));
        tx.execute(diesel::update(row).set((
            connections::name.eq(&self.name),
            connections::profile.eq(self.profile.to_string()),
            connections::mode.eq(self.mode.to_string()),
            connections::brake.eq(self.brake.map(Json)),
            connections::held.eq(self.held.clone().map(Json)),
            connections::allowance.eq(self.allowance),
            connections::counted_after.eq(self.counted_after.map(i64::from)),
            connections::version.eq(self.version),
            connections::updated_at.eq(i64::from(self.updated_at)),
        )))?;
        Ok(())
    }

    /// Deletes the connection and its tokens. The externalIds that it has set are kept. The connection that it has replaced
    /// has now been replaced by its own successor, if there is one.
    fn delete(&self, tx: &mut Tx<'_>, _: Timestamp) -> Result<bool, OpError> {
        let replaced =
            connections::tenant_id.eq(Uid(self.tenant)).and(connections::replaced_by.eq(Some(Uid(self.id))));
        let successor = connections::replaced_by.eq(self.replaced_by.map(Uid));
        tx.execute(diesel::update(connections::table.filter(replaced)).set(successor))?;
        tokens::delete_all(tx, self.tenant, self.id)?;
        brake::delete_removals(tx, self)?;
        tx.execute(diesel::delete(connections::table.find((Uid(self.tenant), Uid(self.id)))))?;
        Ok(true)
    }
}

/// A row of `connections`, with all its columns in their order.
#[derive(Queryable)]
pub struct ConnectionRow {
    tenant_id: Uid,
    id: Uid,
    name: String,
    profile: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
    replaces: Option<Uid>,
    replaced_by: Option<Uid>,
    source_id: Option<Uid>,
    brake: Option<Json<Brake>>,
    held: Option<Json<Held>>,
    allowance: i64,
    counted_after: Option<i64>,
    mode: String,
}

impl TryFrom<ConnectionRow> for Connection {
    type Error = OpError;

    fn try_from(row: ConnectionRow) -> Result<Self, OpError> {
        let mut profiles = [Profile::Lenient, Profile::Strict].into_iter();
        let profile = profiles.find(|known| known.to_string() == row.profile);
        let mode = Mode::ALL.into_iter().find(|known| known.to_string() == row.mode);
        let unknown = || {
            let (profile, mode) = (&row.profile, &row.mode);
            OpError::internal(format!("a connection has the profile {profile} and the mode {mode}"))
        };
        Ok(Self {
            id: row.id.0,
            tenant: row.tenant_id.0,
            name: row.name,
            profile: profile.ok_or_else(unknown)?,
            mode: mode.ok_or_else(unknown)?,
            replaces: row.replaces.map(|Uid(id)| id),
            replaced_by: row.replaced_by.map(|Uid(id)| id),
            source: row.source_id.unwrap_or(row.id).0,
            brake: row.brake.map(|Json(brake)| brake),
            held: row.held.map(|Json(held)| held),
            allowance: row.allowance,
            counted_after: row.counted_after.map(Timestamp::from),
            version: row.version,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        })
    }
}

/// Checks that no other connection of the tenant has this name. This first locks the tenant's head row, so that every other
/// write of a name either is committed and visible or must wait. A unique index could not be created, because releases
/// without this check permitted duplicates.
fn check_name(tx: &mut Tx<'_>, tenant: Uuid, id: Uuid, name: &str) -> Result<(), OpError> {
    tx.lock::<i64>(heads::table.find(Uid(tenant)).select(heads::revision))?;
    let others = connections::tenant_id.eq(Uid(tenant)).and(connections::id.ne(Uid(id)));
    let query = connections::table.filter(others).filter(connections::name.eq(name)).order(connections::id);
    let existing: Option<Uid> = tx.optional(query.select(connections::id).limit(1))?;
    existing.map_or(Ok(()), |Uid(existing)| {
        Err(OpError::Conflict { attribute: "name", value: name.to_owned(), existing: Some(existing) })
    })
}

/// Creates a connection without tokens. If it replaces another one, the tokens of that one are revoked.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Create {
    pub tenant: Uuid,
    pub id: Uuid,
    pub draft: Draft,
    pub now: Timestamp,
}

impl Operation for Create {
    type Output = Connection;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Connection, OpError> {
        let mut created = Connection::new(self.id, &self.tenant, self.draft.clone(), self.now);
        if let Some(replaced) = created.replaces {
            created.source = self.take_over(tx, replaced)?;
        }
        created.insert(&self.tenant, tx)?;
        tx.record(Change::created(self.tenant, &created));
        Ok(created)
    }
}

impl Create {
    /// Marks a connection as replaced and revokes its tokens. Returns the source of its externalIds.
    fn take_over(&self, tx: &mut Tx<'_>, id: Uuid) -> Result<Uuid, OpError> {
        let replaced: Connection = match records::lock(tx, self.tenant, id, &Conditions::default()) {
            Err(OpError::NotFound) => return Err(OpError::Invalid(vec![unknown_replaced()])),
            found => found?,
        };
        if let Some(successor) = replaced.replaced_by {
            let (attribute, value, existing) = ("replaces", id.to_string(), Some(successor));
            return Err(OpError::Conflict { attribute, value, existing });
        }
        let row = connections::table.find((Uid(self.tenant), Uid(id)));
        tx.execute(diesel::update(row).set(connections::replaced_by.eq(Some(Uid(self.id)))))?;
        tokens::revoke_all(tx, &replaced, self.now)?;
        Ok(replaced.source)
    }
}

/// Reads the names of a tenant's connections, by the keys that their externalIds have in `externalIds`.
#[derive(Debug)]
pub struct SourceNames {
    /// The tenant.
    pub tenant: Uuid,
}

impl Operation for SourceNames {
    type Output = BTreeMap<String, String>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let rows = tx.load(Connection::after(self.tenant, Uuid::nil(), i64::MAX))?;
        let connections: Vec<_> = rows.into_iter().map(Connection::from_row).collect::<Result<_, _>>()?;
        // A replaced connection has the source of the one that has replaced it.
        let current = connections.into_iter().filter(|connection| connection.replaced_by.is_none());
        Ok(current.map(|connection| (connection.source.to_string(), connection.name)).collect())
    }
}
