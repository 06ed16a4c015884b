//! Operations on the tokens of connections.

use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::connection::{Connection, MAX_ACTIVE_TOKENS, Token, TokenDraft};
use crate::domain::key::SecretHash;
use crate::domain::time::Timestamp;
use crate::ops::records;
use crate::ops::{OpError, Page, PageQuery};
use crate::schema::connection_tokens;
use diesel::pg::Pg;
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// The tokens of a connection.
macro_rules! of_connection {
    ($tenant:expr, $id:expr) => {
        connection_tokens::table.filter(
            connection_tokens::tenant_id.eq(Uid($tenant)).and(connection_tokens::connection_id.eq(Uid($id))),
        )
    };
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

/// Revokes a token. The hash of its secret is overwritten, so that releases without `revoked_at` refuse it too.
fn revoke(tx: &mut Tx<'_>, owner: &Connection, token: &Token, now: Timestamp) -> Result<(), OpError> {
    tx.execute(diesel::update(connection_tokens::table.find(Uid(token.id))).set((
        connection_tokens::secret_hash.eq(SecretHash::REVOKED.as_slice()),
        connection_tokens::revoked_at.eq(Some(i64::from(now))),
    )))?;
    tx.record(Change::token_deleted(owner, token, now));
    Ok(())
}

/// Revokes the tokens of a locked connection.
pub(super) fn revoke_all(tx: &mut Tx<'_>, owner: &Connection, now: Timestamp) -> Result<(), OpError> {
    let tokens = of_connection!(owner.tenant, owner.id).filter(connection_tokens::revoked_at.is_null());
    let tokens: Vec<TokenRow> = tx.load(tokens.order(connection_tokens::id).select(token_columns()))?;
    tokens.into_iter().try_for_each(|token| revoke(tx, owner, &token.into(), now))
}

/// Deletes the tokens of a connection.
pub(super) fn delete_all(tx: &mut Tx<'_>, tenant: Uuid, connection: Uuid) -> Result<(), OpError> {
    tx.execute(diesel::delete(of_connection!(tenant, connection)))?;
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
