//! Keys: made, looked up, listed, changed, revoked.

use crate::db::sql::Fragment;
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::filter::Value;
use crate::domain::key::{Draft, Key, Role, SecretHash};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::Page;
use crate::schema::{connection_tokens, keys};
use diesel::prelude::*;
use uuid::Uuid;

/// A key of a tenant.
macro_rules! of_tenant {
    ($tenant:expr, $id:expr) => {
        keys::table.filter(keys::id.eq(Uid($id)).and(keys::tenant_id.eq(Uid($tenant))))
    };
}

/// The columns of a [`KeyRow`].
const KEY_COLUMNS: (
    keys::id,
    keys::tenant_id,
    keys::name,
    keys::role,
    keys::version,
    keys::created_at,
    keys::updated_at,
    keys::expires_at,
    keys::last_used_at,
) = (
    keys::id,
    keys::tenant_id,
    keys::name,
    keys::role,
    keys::version,
    keys::created_at,
    keys::updated_at,
    keys::expires_at,
    keys::last_used_at,
);

#[derive(Queryable)]
struct KeyRow {
    id: Uid,
    tenant: Uid,
    name: Option<String>,
    role: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for Key {
    type Error = OpError;

    fn try_from(row: KeyRow) -> Result<Self, OpError> {
        let role =
            row.role.parse().map_err(|_| OpError::internal(format!("a key has the role {}", row.role)))?;
        Ok(Self {
            id: row.id.0,
            tenant: row.tenant.0,
            name: row.name,
            role,
            expires_at: row.expires_at.map(Timestamp::from),
            version: row.version,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            last_used_at: row.last_used_at.map(Timestamp::from),
        })
    }
}

/// Makes a key.
#[derive(Debug)]
pub struct Create {
    /// In this tenant.
    pub tenant: Uuid,
    /// Under this id.
    pub id: Uuid,
    /// With these values.
    pub draft: Draft,
    /// Whoever has the secret of this hash holds it.
    pub hash: SecretHash,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Create {
    type Output = Key;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Key, OpError> {
        let Draft { name, role, expires_at } = self.draft.clone();
        let key = Key {
            id: self.id,
            tenant: self.tenant,
            name,
            role,
            expires_at,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
            last_used_at: None,
        };
        let insert = diesel::insert_into(keys::table).values((
            keys::id.eq(Uid(key.id)),
            keys::tenant_id.eq(Uid(key.tenant)),
            keys::name.eq(&key.name),
            keys::role.eq(key.role.to_string()),
            keys::secret_hash.eq(self.hash.as_bytes()),
            keys::version.eq(key.version),
            keys::created_at.eq(i64::from(key.created_at)),
            keys::updated_at.eq(i64::from(key.updated_at)),
            keys::expires_at.eq(key.expires_at.map(i64::from)),
        ));
        tx.execute(insert)?;
        tx.record(Change::created(key.tenant, &key));
        Ok(key)
    }
}

/// Reads a key of a tenant.
#[derive(Debug)]
pub struct Find {
    /// The tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
}

impl Operation for Find {
    type Output = Key;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Key, OpError> {
        let query = of_tenant!(self.tenant, self.id).select(KEY_COLUMNS);
        let row: KeyRow = tx.get(query)?;
        row.try_into()
    }
}

/// Finds a key of any tenant, to prove who calls.
#[derive(Debug)]
pub struct Identify {
    /// Its id.
    pub id: Uuid,
}

impl Operation for Identify {
    type Output = Option<(Key, SecretHash)>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let query = keys::table.find(Uid(self.id)).select((KEY_COLUMNS, keys::secret_hash));
        let row: Option<(KeyRow, Vec<u8>)> = tx.optional(query)?;
        let Some((row, hash)) = row else { return Ok(None) };
        let hash = SecretHash::from_bytes(&hash)
            .ok_or_else(|| OpError::internal("a hash does not have 32 bytes"))?;
        Ok(Some((row.try_into()?, hash)))
    }
}

/// Whether any tenant has a key of role operator.
#[derive(Debug)]
pub struct AnyOperator;

impl Operation for AnyOperator {
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let query = keys::table.filter(keys::role.eq(Role::Operator.to_string())).select(keys::id);
        let found: Option<Uid> = tx.optional(query.limit(1))?;
        Ok(found.is_some())
    }
}

/// Reads keys in the order of their ids.
#[derive(Debug)]
pub struct List {
    /// Of this tenant, or of all.
    pub tenant: Option<Uuid>,
    /// Behind this id.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Whether all are to be counted.
    pub total: bool,
}

impl Operation for List {
    type Output = Page<Key>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Key>, OpError> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1);
        let after = Uid(self.after.unwrap_or(Uuid::nil()));
        let mut of_tenant = Fragment::truth();
        if let Some(tenant) = self.tenant {
            of_tenant.sql(" AND keys.tenant_id = ").value(Value::Id(tenant));
        }
        let query = keys::table
            .filter(keys::id.gt(after).and(of_tenant.clone()))
            .order(keys::id)
            .limit(limit)
            .select(KEY_COLUMNS);
        let rows: Vec<KeyRow> = tx.load(query)?;
        let keys = rows.into_iter().map(Key::try_from).collect::<Result<Vec<_>, _>>()?;
        let count = keys::table.filter(of_tenant).count();
        let total = self.total.then(|| tx.get(count)).transpose()?;
        Ok(Page::of(keys, self.limit, total))
    }
}

/// Patches a key by JSON Merge Patch (RFC 7396).
#[derive(Debug)]
pub struct Patch {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The merge patch.
    pub patch: serde_json::Value,
    /// Neither the key's role nor what becomes of it is above this one.
    pub within: Role,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Patch {
    type Output = Key;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Key, OpError> {
        let before = lock(tx, self.tenant, self.id, self.within, &self.conditions)?;
        let draft = Draft::patch(&before, &self.patch).map_err(OpError::Invalid)?;
        if draft.role > self.within {
            return Err(OpError::Forbidden);
        }
        if draft == before.draft() {
            return Ok(before);
        }
        let Draft { name, role, expires_at } = draft;
        let (version, updated_at) = (before.version + 1, self.now.after(before.updated_at));
        let after = Key { name, role, expires_at, version, updated_at, ..before.clone() };
        let update = diesel::update(keys::table.find(Uid(after.id))).set((
            keys::name.eq(&after.name),
            keys::role.eq(after.role.to_string()),
            keys::expires_at.eq(after.expires_at.map(i64::from)),
            keys::version.eq(after.version),
            keys::updated_at.eq(i64::from(after.updated_at)),
        ));
        tx.execute(update)?;
        tx.record(Change::updated(after.tenant, &before, &after));
        Ok(after)
    }
}

/// Revokes a key for good.
#[derive(Debug)]
pub struct Delete {
    /// In this tenant, or in whichever it is.
    pub tenant: Option<Uuid>,
    /// Its id.
    pub id: Uuid,
    /// Its role is not above this one.
    pub within: Role,
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
        let tenant = match self.tenant {
            Some(tenant) => tenant,
            None => {
                let query = keys::table.find(Uid(self.id)).select(keys::tenant_id);
                let Uid(tenant) = tx.get(query)?;
                tenant
            }
        };
        let key = lock(tx, tenant, self.id, self.within, &self.conditions)?;
        tx.execute(diesel::delete(keys::table.find(Uid(self.id))))?;
        tx.record(Change::deleted(key.tenant, &key, self.now));
        Ok(())
    }
}

/// Notes when keys, and tokens of connections, were last used, which is no change of theirs.
#[derive(Debug)]
pub struct Touch(pub Vec<(Uuid, Timestamp)>);

impl Operation for Touch {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        for (id, time) in &self.0 {
            let time = i64::from(*time);
            // Another server may have seen a later use.
            let earlier = keys::last_used_at.is_null().or(keys::last_used_at.lt(time));
            let update = diesel::update(keys::table.filter(keys::id.eq(Uid(*id))).filter(earlier))
                .set(keys::last_used_at.eq(Some(time)));
            if tx.execute(update)? == 0 {
                touch_token(tx, *id, time)?;
            }
        }
        Ok(())
    }
}

fn touch_token(tx: &mut Tx<'_>, id: Uuid, time: i64) -> Result<(), OpError> {
    let earlier = connection_tokens::last_used_at.is_null().or(connection_tokens::last_used_at.lt(time));
    let token = connection_tokens::table.filter(connection_tokens::id.eq(Uid(id))).filter(earlier);
    let update = diesel::update(token).set(connection_tokens::last_used_at.eq(Some(time)));
    tx.execute(update)?;
    Ok(())
}

/// Reads a key that is about to be written, so that nobody else writes it first.
fn lock(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    id: Uuid,
    within: Role,
    conditions: &Conditions,
) -> Result<Key, OpError> {
    let query = of_tenant!(tenant, id).select(KEY_COLUMNS);
    let row: KeyRow = tx.lock(query)?;
    let key = Key::try_from(row)?;
    if key.role > within {
        return Err(OpError::Forbidden);
    }
    if conditions.allow_write(key.version) { Ok(key) } else { Err(OpError::PreconditionFailed) }
}
