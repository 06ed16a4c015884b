//! Operations on keys.

use crate::db::query::{Lockable, Select};
use crate::db::sql::Fragment;
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::fields::FieldError;
use crate::domain::filter::Value;
use crate::domain::key::{Draft, Key, Role, SecretHash};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::records::{self, Record};
use crate::schema::{connection_tokens, keys};
use diesel::pg::Pg;
use diesel::prelude::*;
use std::time::Duration;
use uuid::Uuid;

/// The keys that a caller can reach.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Only the keys of this tenant.
    pub tenant: Option<Uuid>,
    /// The highest role of a key that the caller may write, before and after the write.
    pub role: Role,
}

impl Scope {
    fn condition(self) -> Fragment {
        let mut condition = Fragment::truth();
        if let Some(tenant) = self.tenant {
            condition.sql(" AND keys.tenant_id = ").value(Value::Id(tenant));
        }
        condition
    }
}

impl Record for Key {
    type Scope = Scope;
    type Draft = Draft;
    type Fixed = Fixed;
    type Row = KeyRow;

    fn by_id(scope: Scope, id: Uuid) -> impl Lockable<'static, KeyRow> {
        keys::table.filter(keys::id.eq(Uid(id)).and(scope.condition())).select(key_columns())
    }

    fn after(scope: Scope, id: Uuid, limit: i64) -> impl Select<'static, KeyRow> {
        let rows = keys::id.gt(Uid(id)).and(scope.condition());
        keys::table.filter(rows).order(keys::id).limit(limit).select(key_columns())
    }

    fn count(scope: Scope) -> impl Select<'static, i64> {
        keys::table.filter(scope.condition()).count()
    }

    fn from_row(row: KeyRow) -> Result<Self, OpError> {
        row.try_into()
    }

    fn new(id: Uuid, fixed: &Fixed, Draft { name, role, expires_at }: Draft, now: Timestamp) -> Self {
        let (created_at, updated_at) = (now, now);
        let (tenant, last_used_at, revoked_at) = (fixed.tenant, None, None);
        let version = 1;
        Self { id, tenant, name, role, expires_at, version, created_at, updated_at, last_used_at, revoked_at }
    }

    fn insert(&self, fixed: &Fixed, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.execute(diesel::insert_into(keys::table).values((
            keys::id.eq(Uid(self.id)),
            keys::tenant_id.eq(Uid(self.tenant)),
            keys::name.eq(&self.name),
            keys::role.eq(self.role.to_string()),
            keys::secret_hash.eq(fixed.hash.as_bytes()),
            keys::version.eq(self.version),
            keys::created_at.eq(i64::from(self.created_at)),
            keys::updated_at.eq(i64::from(self.updated_at)),
            keys::expires_at.eq(self.expires_at.map(i64::from)),
        )))?;
        Ok(())
    }

    fn history(&self) -> Uuid {
        self.tenant
    }

    fn draft(&self) -> Draft {
        self.draft()
    }

    fn patched(&self, patch: &serde_json::Value, now: Timestamp) -> Result<Draft, Vec<FieldError>> {
        Draft::patch(self, patch, now)
    }

    fn with(&self, Draft { name, role, expires_at }: Draft, version: i64, updated_at: Timestamp) -> Self {
        Self { name, role, expires_at, version, updated_at, ..self.clone() }
    }

    fn authorize(scope: Scope, draft: &Draft) -> Result<(), OpError> {
        if draft.role > scope.role { Err(OpError::Forbidden(draft.role)) } else { Ok(()) }
    }

    fn prepare_update(_: &mut Tx<'_>, before: &Self, _: &Draft) -> Result<(), OpError> {
        if before.revoked_at.is_some() {
            Err(OpError::Refused("a revoked key cannot be changed; create a new key"))
        } else {
            Ok(())
        }
    }

    fn update(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.execute(diesel::update(keys::table.find(Uid(self.id))).set((
            keys::name.eq(&self.name),
            keys::role.eq(self.role.to_string()),
            keys::expires_at.eq(self.expires_at.map(i64::from)),
            keys::version.eq(self.version),
            keys::updated_at.eq(i64::from(self.updated_at)),
        )))?;
        Ok(())
    }

    /// Revokes the key. [`DeleteRevoked`] later deletes its row.
    fn delete(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, OpError> {
        if self.revoked_at.is_some() {
            return Ok(false);
        }
        let time = i64::from(now.after(self.updated_at));
        tx.execute(diesel::update(keys::table.find(Uid(self.id))).set((
            keys::secret_hash.eq(SecretHash::REVOKED.as_slice()),
            keys::revoked_at.eq(Some(time)),
            keys::version.eq(self.version + 1),
            keys::updated_at.eq(time),
        )))?;
        Ok(true)
    }
}

/// A row of `keys` without the hash of the secret.
#[derive(Queryable, Selectable)]
#[diesel(table_name = keys)]
pub struct KeyRow {
    id: Uid,
    tenant_id: Uid,
    name: Option<String>,
    role: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

/// The columns of a [`KeyRow`]. They are the same on both engines.
fn key_columns() -> <KeyRow as Selectable<Pg>>::SelectExpression {
    <KeyRow as Selectable<Pg>>::construct_selection()
}

impl TryFrom<KeyRow> for Key {
    type Error = OpError;

    fn try_from(row: KeyRow) -> Result<Self, OpError> {
        let role =
            row.role.parse().map_err(|_| OpError::internal(format!("a key has the role {}", row.role)))?;
        Ok(Self {
            id: row.id.0,
            tenant: row.tenant_id.0,
            name: row.name,
            role,
            expires_at: row.expires_at.map(Timestamp::from),
            version: row.version,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            last_used_at: row.last_used_at.map(Timestamp::from),
            revoked_at: row.revoked_at.map(Timestamp::from),
        })
    }
}

/// Creates a key.
pub type Create = records::Create<Key>;

/// The values of a key that never change.
#[derive(Debug)]
pub struct Fixed {
    /// The tenant of the key.
    pub tenant: Uuid,
    /// The hash of the secret.
    pub hash: SecretHash,
}

/// Finds a key that is not revoked, in any tenant, to authenticate a caller. Also returns the hash of its secret.
#[derive(Debug)]
pub struct Identify {
    /// The id of the key.
    pub id: Uuid,
}

impl Operation for Identify {
    type Output = Option<(Key, SecretHash)>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let key = keys::table.find(Uid(self.id)).filter(keys::revoked_at.is_null());
        let query = key.select((key_columns(), keys::secret_hash));
        let row: Option<(KeyRow, Vec<u8>)> = tx.optional(query)?;
        let Some((row, hash)) = row else { return Ok(None) };
        let hash = SecretHash::from_bytes(&hash)
            .ok_or_else(|| OpError::internal("a secret hash does not have 32 bytes"))?;
        Ok(Some((row.try_into()?, hash)))
    }
}

/// Whether an operator key that is not revoked exists, in any tenant.
#[derive(Debug)]
pub struct OperatorExists;

impl Operation for OperatorExists {
    type Output = bool;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, OpError> {
        let operators = keys::role.eq(Role::Operator.to_string()).and(keys::revoked_at.is_null());
        let query = keys::table.filter(operators).select(keys::id).limit(1);
        let found: Option<Uid> = tx.optional(query)?;
        Ok(found.is_some())
    }
}

/// Deletes keys and connection tokens that were revoked more than [`REVOKED_RETENTION`] ago.
#[derive(Debug)]
pub struct DeleteRevoked {
    /// The current time.
    pub now: Timestamp,
    /// The maximum number of keys to delete, and of tokens.
    pub limit: u32,
}

/// The time for which revoked keys and tokens remain in lists.
pub const REVOKED_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl Operation for DeleteRevoked {
    /// The number of deleted keys and tokens.
    type Output = usize;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, OpError> {
        let retention = i64::try_from(REVOKED_RETENTION.as_micros()).unwrap_or(i64::MAX);
        let before = i64::from(self.now) - retention;
        let delete = |table: &str| {
            diesel::sql_query(format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE revoked_at < {before} LIMIT {limit})",
                limit = self.limit
            ))
        };
        Ok(tx.execute(delete("keys"))? + tx.execute(delete("connection_tokens"))?)
    }
}

/// Records when keys and connection tokens were last used. This does not change their versions.
#[derive(Debug)]
pub struct RecordUse(pub Vec<(Uuid, Timestamp)>);

impl Operation for RecordUse {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        for (id, time) in &self.0 {
            let time = i64::from(*time);
            // Another server may have recorded a later use.
            let earlier = keys::last_used_at.is_null().or(keys::last_used_at.lt(time));
            let update = diesel::update(keys::table.filter(keys::id.eq(Uid(*id))).filter(earlier))
                .set(keys::last_used_at.eq(Some(time)));
            if tx.execute(update)? == 0 {
                record_token_use(tx, *id, time)?;
            }
        }
        Ok(())
    }
}

fn record_token_use(tx: &mut Tx<'_>, id: Uuid, time: i64) -> Result<(), OpError> {
    let earlier = connection_tokens::last_used_at.is_null().or(connection_tokens::last_used_at.lt(time));
    let token = connection_tokens::table.filter(connection_tokens::id.eq(Uid(id))).filter(earlier);
    let update = diesel::update(token).set(connection_tokens::last_used_at.eq(Some(time)));
    tx.execute(update)?;
    Ok(())
}
