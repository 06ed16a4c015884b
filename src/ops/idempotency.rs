//! Operations that run once per Idempotency-Key.

use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx, run_each};
use crate::domain::idempotency::{BodyHash, RETENTION, Request, StoredResponse};
use crate::domain::time::Timestamp;
use crate::ops::members::{self, OnLocked};
use crate::ops::{OpError, Results};
use crate::schema::idempotency;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::upsert::excluded;
use uuid::Uuid;

/// Runs an operation, unless a response to the same request is stored, which is then returned instead.
///
/// The key is claimed first, in the operation's transaction. A concurrent request with the same key waits for the end of
/// that transaction: after a commit it receives the stored response, and after a rollback it runs the operation itself.
pub struct Idempotent<O: Operation> {
    /// The request, with its key and its scope.
    pub request: Request,
    /// The users whose values the response can contain, except those that the operation creates or locks itself.
    pub users: Vec<Uuid>,
    /// The operation to run.
    pub operation: O,
    /// Creates the response to store.
    pub respond: Box<Respond<O::Output>>,
}

/// Creates the response from an operation's output.
pub type Respond<T> = dyn Fn(&T) -> StoredResponse + Send + Sync;

/// The response to an idempotent request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentResponse {
    /// The new or stored response.
    pub response: StoredResponse,
    /// Whether the response was stored by an earlier request.
    pub replayed: bool,
}

impl<O: Operation<Error = OpError>> Operation for Idempotent<O> {
    type Output = IdempotentResponse;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = O::MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<IdempotentResponse, OpError> {
        lock_users(tx, &[self])?;
        if !claim(tx, &self.request)? {
            return Ok(IdempotentResponse { response: stored_response(tx, &self.request)?, replayed: true });
        }
        let response = (self.respond)(&self.operation.run(tx)?);
        store(tx, &self.request, &response)?;
        Ok(IdempotentResponse { response, replayed: false })
    }

    /// Locks the users of all calls first, because users are locked in the order of their ids.
    fn run_batch(calls: &[&Self], tx: &mut Tx<'_>) -> Results<IdempotentResponse> {
        lock_users(tx, calls)?;
        run_each(calls, tx)
    }
}

/// Locks the users whose values the responses can contain. A concurrent erasure of one of them either waits and then finds
/// the stored response, or is committed before the user's values are read.
fn lock_users<O: Operation>(tx: &mut Tx<'_>, calls: &[&Idempotent<O>]) -> Result<(), OpError> {
    let users = calls.iter().flat_map(|call| call.users.iter().map(|id| (call.request.tenant, *id)));
    members::lock_users(tx, users, OnLocked::Wait)?;
    Ok(())
}

/// Deletes responses whose retention time has passed.
#[derive(Debug)]
pub struct DeleteExpired {
    /// The current time.
    pub now: Timestamp,
    /// The maximum number of responses to delete.
    pub limit: u32,
}

impl Operation for DeleteExpired {
    /// The number of deleted responses.
    type Output = usize;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, OpError> {
        // A claim can reuse an expired row between the SELECT and the DELETE, so the DELETE checks the age again.
        let delete = diesel::sql_query(format!(
            "DELETE FROM idempotency WHERE created_at <= {before} AND \
             (tenant_id, caller, method, path, idempotency_key) IN \
             (SELECT tenant_id, caller, method, path, idempotency_key FROM idempotency \
             WHERE created_at <= {before} ORDER BY created_at LIMIT {limit})",
            before = expired_at(self.now),
            limit = self.limit
        ));
        Ok(tx.execute(delete)?)
    }
}

/// The newest creation time of an expired response.
fn expired_at(now: Timestamp) -> i64 {
    i64::from(now) - i64::try_from(RETENTION.as_micros()).unwrap_or(i64::MAX)
}

#[derive(Insertable)]
#[diesel(table_name = idempotency)]
struct Claim<'r> {
    tenant_id: Uid,
    caller: &'r str,
    method: &'r str,
    path: &'r str,
    idempotency_key: &'r str,
    body_hash: &'r [u8],
    status: i16,
    headers: &'r str,
    created_at: i64,
}

/// Claims the key, and returns whether it was unused or expired. This is one statement, which waits for the transaction
/// of a concurrent request with the same key.
fn claim(tx: &mut Tx<'_>, request: &Request) -> Result<bool, OpError> {
    let created_at = i64::from(request.now);
    let claim = Claim {
        tenant_id: Uid(request.tenant),
        caller: &request.caller,
        method: request.method,
        path: request.path,
        idempotency_key: &request.key,
        body_hash: &request.body.0,
        status: 0,
        headers: "",
        created_at,
    };
    let insert = diesel::insert_into(idempotency::table)
        .values(&claim)
        .on_conflict((
            idempotency::tenant_id,
            idempotency::caller,
            idempotency::method,
            idempotency::path,
            idempotency::idempotency_key,
        ))
        .do_update()
        .set((
            idempotency::body_hash.eq(excluded(idempotency::body_hash)),
            idempotency::created_at.eq(excluded(idempotency::created_at)),
        ));
    let insert = FilterDsl::filter(insert, idempotency::created_at.le(expired_at(request.now)));
    Ok(tx.execute(insert)? == 1)
}

/// The row of a request.
macro_rules! row {
    ($request:expr) => {
        idempotency::table.find((
            Uid($request.tenant),
            &$request.caller,
            $request.method,
            $request.path,
            &$request.key,
        ))
    };
}

fn store(tx: &mut Tx<'_>, request: &Request, response: &StoredResponse) -> Result<(), OpError> {
    let headers = serde_json::to_string(&response.headers).map_err(OpError::internal)?;
    let update = diesel::update(row!(request)).set((
        idempotency::status.eq(i16::try_from(response.status).unwrap_or(i16::MAX)),
        idempotency::headers.eq(headers),
        idempotency::body.eq(&response.body),
        idempotency::resource_id.eq(Some(Uid(response.resource))),
    ));
    tx.execute(update)?;
    Ok(())
}

/// The stored response of a request. The failed claim has locked its row. If the row is gone nevertheless, the call is
/// retried.
fn stored_response(tx: &mut Tx<'_>, request: &Request) -> Result<StoredResponse, OpError> {
    type Row = (Vec<u8>, i16, String, Option<String>, Option<Uid>);
    let query = row!(request).select((
        idempotency::body_hash,
        idempotency::status,
        idempotency::headers,
        idempotency::body,
        idempotency::resource_id,
    ));
    let row: Option<Row> = tx.optional(query)?;
    let expired = || OpError::retry("the stored response has expired");
    let (body_hash, status, headers, body, resource) = row.ok_or_else(expired)?;
    if BodyHash(body_hash) != request.body {
        return Err(OpError::KeyReused);
    }
    let headers = serde_json::from_str(&headers).map_err(OpError::internal)?;
    let resource = resource.map_or(Uuid::nil(), |Uid(id)| id);
    Ok(StoredResponse { status: status.unsigned_abs(), headers, body, resource })
}
