//! Operations on connections and their tokens.

use crate::db::query::{Lockable, Select};
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::connection::{
    Connection, Draft, MAX_ACTIVE_TOKENS, Mode, Token, TokenDraft, unknown_replaced,
};
use crate::domain::fields::FieldError;
use crate::domain::filter::Filter;
use crate::domain::key::SecretHash;
use crate::domain::scim::Profile;
use crate::domain::time::Timestamp;
use crate::ops::records::{self, Record};
use crate::ops::{OpError, Page, PageQuery};
use crate::schema::{connection_tokens, connections, heads};
use diesel::pg::Pg;
use diesel::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The tokens of a connection.
macro_rules! of_connection {
    ($tenant:expr, $id:expr) => {
        connection_tokens::table.filter(
            connection_tokens::tenant_id.eq(Uid($tenant)).and(connection_tokens::connection_id.eq(Uid($id))),
        )
    };
}

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

    fn new(id: Uuid, tenant: &Uuid, Draft { name, profile, mode, replaces }: Draft, now: Timestamp) -> Self {
        let (tenant, version, created_at, updated_at) = (*tenant, 1, now, now);
        let (replaced_by, source) = (None, id);
        Self {
            id,
            tenant,
            name,
            profile,
            mode,
            replaces,
            replaced_by,
            source,
            version,
            created_at,
            updated_at,
        }
    }

    fn insert(&self, _: &Uuid, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.execute(diesel::insert_into(connections::table).values((
            connections::tenant_id.eq(Uid(self.tenant)),
            connections::id.eq(Uid(self.id)),
            connections::name.eq(&self.name),
            connections::profile.eq(self.profile.to_string()),
            connections::mode.eq(self.mode.to_string()),
            connections::version.eq(self.version),
            connections::created_at.eq(i64::from(self.created_at)),
            connections::updated_at.eq(i64::from(self.updated_at)),
            connections::replaces.eq(self.replaces.map(Uid)),
            connections::source_id.eq((self.source != self.id).then_some(Uid(self.source))),
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

    fn with(&self, Draft { name, profile, mode, .. }: Draft, version: i64, updated_at: Timestamp) -> Self {
        Self { name, profile, mode, version, updated_at, ..self.clone() }
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
        tx.execute(diesel::delete(of_connection!(self.tenant, self.id)))?;
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
    mode: String,
}

impl TryFrom<ConnectionRow> for Connection {
    type Error = OpError;

    fn try_from(row: ConnectionRow) -> Result<Self, OpError> {
        let mut profiles = [Profile::Lenient, Profile::Strict].into_iter();
        let profile = profiles.find(|known| known.to_string() == row.profile);
        let mode = Mode::ALL.into_iter().find(|known| known.to_string() == row.mode);
        let unknown = || {
            OpError::internal(format!(
                "a connection has the profile {} and the mode {}",
                row.profile, row.mode
            ))
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

/// A row of `connection_tokens` without the tenant and the hash of the secret.
#[derive(Queryable, Selectable)]
#[diesel(table_name = connection_tokens)]
struct TokenRow {
    id: Uid,
    connection_id: Uid,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
    name: Option<String>,
}

/// The columns of a [`TokenRow`]. They are the same on both engines.
fn token_columns() -> <TokenRow as Selectable<Pg>>::SelectExpression {
    <TokenRow as Selectable<Pg>>::construct_selection()
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id.0,
            connection: row.connection_id.0,
            name: row.name,
            expires_at: row.expires_at.map(Timestamp::from),
            created_at: row.created_at.into(),
            last_used_at: row.last_used_at.map(Timestamp::from),
            revoked_at: row.revoked_at.map(Timestamp::from),
        }
    }
}

/// Locks a connection, and reads one of its tokens.
fn lock_token(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    connection: Uuid,
    id: Uuid,
) -> Result<(Connection, Token), OpError> {
    let owner = records::lock(tx, tenant, connection, &Conditions::default())?;
    let query = of_connection!(tenant, connection).filter(connection_tokens::id.eq(Uid(id)));
    let row: TokenRow = tx.get(query.select(token_columns()))?;
    Ok((owner, row.into()))
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
        let tokens = of_connection!(self.tenant, id).filter(connection_tokens::revoked_at.is_null());
        let tokens: Vec<TokenRow> = tx.load(tokens.order(connection_tokens::id).select(token_columns()))?;
        for token in tokens {
            revoke(tx, &replaced, &token.into(), self.now)?;
        }
        Ok(replaced.source)
    }
}

/// Revokes a token. The hash of its secret is overwritten, so that releases without `revoked_at` refuse it too.
fn revoke(tx: &mut Tx<'_>, owner: &Connection, token: &Token, now: Timestamp) -> Result<(), OpError> {
    tx.execute(diesel::update(connection_tokens::table.find(Uid(token.id))).set((
        connection_tokens::secret_hash.eq(SecretHash::REVOKED.as_slice()),
        connection_tokens::revoked_at.eq(Some(i64::from(now))),
    )))?;
    tx.record(Change::token_deleted(owner, token, now));
    Ok(())
}

/// Creates a token. Returns [`OpError::Refused`] if the connection has the maximum number of active tokens, or has been
/// replaced.
#[derive(Debug)]
pub struct CreateToken {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub connection: Uuid,
    /// The id of the token.
    pub id: Uuid,
    /// The fields that the caller sets.
    pub draft: TokenDraft,
    /// The hash of the secret.
    pub hash: SecretHash,
    /// The creation time.
    pub now: Timestamp,
}

impl Operation for CreateToken {
    type Output = Token;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Token, OpError> {
        let owner: Connection = records::lock(tx, self.tenant, self.connection, &Conditions::default())?;
        if owner.replaced_by.is_some() {
            return Err(OpError::Refused(
                "the connection has been replaced: create a token of the other connection",
            ));
        }
        if self.count_active(tx)? >= MAX_ACTIVE_TOKENS {
            return Err(OpError::Refused("the connection already has two active tokens: revoke one first"));
        }
        let (id, connection, created_at) = (self.id, self.connection, self.now);
        let TokenDraft { name, expires_at } = self.draft.clone();
        let (last_used_at, revoked_at) = (None, None);
        let created = Token { id, connection, name, expires_at, created_at, last_used_at, revoked_at };
        let insert = diesel::insert_into(connection_tokens::table).values((
            connection_tokens::id.eq(Uid(id)),
            connection_tokens::tenant_id.eq(Uid(self.tenant)),
            connection_tokens::connection_id.eq(Uid(connection)),
            connection_tokens::secret_hash.eq(self.hash.as_bytes()),
            connection_tokens::created_at.eq(i64::from(created.created_at)),
            connection_tokens::expires_at.eq(created.expires_at.map(i64::from)),
            connection_tokens::name.eq(&created.name),
        ));
        tx.execute(insert)?;
        tx.record(Change::token_created(&owner, &created));
        Ok(created)
    }
}

impl CreateToken {
    /// The number of tokens of the connection that are neither revoked nor expired.
    fn count_active(&self, tx: &mut Tx<'_>) -> QueryResult<i64> {
        let is_valid = connection_tokens::expires_at
            .is_null()
            .or(connection_tokens::expires_at.gt(Some(i64::from(self.now))));
        let tokens = of_connection!(self.tenant, self.connection);
        tx.get(tokens.filter(connection_tokens::revoked_at.is_null()).filter(is_valid).count())
    }
}

/// Reads a page of the tokens of a connection.
#[derive(Debug)]
pub struct ListTokens {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub connection: Uuid,
    /// The page to read.
    pub page: PageQuery,
}

impl Operation for ListTokens {
    type Output = Page<Token>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Token>, OpError> {
        records::find::<Connection>(tx, self.tenant, self.connection)?;
        let limit = i64::try_from(self.page.read_limit()).unwrap_or(i64::MAX);
        let tokens = of_connection!(self.tenant, self.connection)
            .filter(connection_tokens::id.gt(Uid(self.page.start())))
            .order(connection_tokens::id)
            .limit(limit)
            .select(token_columns());
        let rows: Vec<TokenRow> = tx.load(tokens)?;
        let all = of_connection!(self.tenant, self.connection).count();
        let total = self.page.total.then(|| tx.get(all)).transpose()?;
        Ok(self.page.page(rows.into_iter().map(Token::from).collect(), total))
    }
}

/// Applies a JSON Merge Patch (RFC 7396) to a token.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of `DeleteToken`")]
pub struct PatchToken {
    pub tenant: Uuid,
    pub connection: Uuid,
    pub id: Uuid,
    pub patch: Value,
    pub now: Timestamp,
}

impl Operation for PatchToken {
    type Output = Token;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Token, OpError> {
        let (owner, before) = lock_token(tx, self.tenant, self.connection, self.id)?;
        let name = before.patch(&self.patch).map_err(OpError::Invalid)?;
        if name == before.name {
            return Ok(before);
        }
        if before.revoked_at.is_some() {
            return Err(OpError::Refused("a revoked token cannot be changed; create a new token"));
        }
        let row = connection_tokens::table.find(Uid(self.id));
        tx.execute(diesel::update(row).set(connection_tokens::name.eq(&name)))?;
        let after = Token { name, ..before.clone() };
        tx.record(Change::token_updated(&owner, &before, &after, self.now));
        Ok(after)
    }
}

/// Revokes a token permanently. Has no effect if the token is already revoked.
#[derive(Debug)]
pub struct DeleteToken {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub connection: Uuid,
    /// The id of the token.
    pub id: Uuid,
    /// The time of the change.
    pub now: Timestamp,
}

impl Operation for DeleteToken {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let (owner, token) = lock_token(tx, self.tenant, self.connection, self.id)?;
        if token.revoked_at.is_some() {
            return Ok(());
        }
        revoke(tx, &owner, &token, self.now)
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

/// Finds a token that is not revoked, in any tenant, to authenticate a caller. Also returns its connection and the hash
/// of its secret.
#[derive(Debug)]
pub struct Identify {
    /// The id of the token.
    pub id: Uuid,
}

impl Operation for Identify {
    type Output = Option<(Token, Connection, SecretHash)>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let columns = (token_columns(), connection_tokens::tenant_id, connection_tokens::secret_hash);
        let row = connection_tokens::table.find(Uid(self.id));
        let query = row.filter(connection_tokens::revoked_at.is_null()).select(columns);
        let row: Option<(TokenRow, Uid, Vec<u8>)> = tx.optional(query)?;
        let Some((row, Uid(tenant), hash)) = row else { return Ok(None) };
        let token = Token::from(row);
        let hash = SecretHash::from_bytes(&hash)
            .ok_or_else(|| OpError::internal("a secret hash does not have 32 bytes"))?;
        match records::find(tx, tenant, token.connection) {
            // The connection was deleted between the two statements.
            Err(OpError::NotFound) => Ok(None),
            found => Ok(Some((token, found?, hash))),
        }
    }
}
