//! Operations that are carried out once however often they are asked for.

use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::idempotency::{BodyHash, RETENTION, Request, StoredResponse};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::idempotency;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::upsert::excluded;

/// Carries an operation out, unless a request of this name has been answered: then gives that answer again.
///
/// The name is claimed first, in the operation's own transaction. A twin that comes meanwhile waits for the claim's end:
/// when it was committed the twin gets the answer, when it was rolled back it is the one to carry the operation out.
pub struct Idempotent<O: Operation> {
    /// What the request is called.
    pub request: Request,
    /// What it asks for.
    pub operation: O,
    /// How the outcome is answered.
    pub answer: Box<Respond<O::Output>>,
}

/// Makes the answer of an outcome.
pub type Respond<T> = dyn Fn(&T) -> StoredResponse + Send + Sync;

/// An answer, and whether it was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentResponse {
    /// The answer.
    pub answer: StoredResponse,
    /// Whether the operation had been carried out before.
    pub replayed: bool,
}

impl<O: Operation<Error = OpError>> Operation for Idempotent<O> {
    type Output = IdempotentResponse;
    type Error = OpError;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = O::MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<IdempotentResponse, OpError> {
        if !claim(tx, &self.request)? {
            return Ok(IdempotentResponse { answer: answer_to(tx, &self.request)?, replayed: true });
        }
        let answer = (self.answer)(&self.operation.run(tx)?);
        keep(tx, &self.request, &answer)?;
        Ok(IdempotentResponse { answer, replayed: false })
    }
}

/// Removes answers that are older than they are kept, a limited number at a time.
#[derive(Debug)]
pub struct DeleteExpired {
    /// As if it were this time.
    pub now: Timestamp,
    /// At most so many.
    pub limit: u32,
}

impl Operation for DeleteExpired {
    /// How many were removed.
    type Output = usize;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, OpError> {
        // A claim may take an expired row over meanwhile: so its age is asked for once more when it is locked.
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

/// What was answered until then is no longer kept.
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

/// Whether the name was free, or its answer too old. In one statement, which waits for a twin's transaction.
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

fn keep(tx: &mut Tx<'_>, request: &Request, answer: &StoredResponse) -> Result<(), OpError> {
    let headers = serde_json::to_string(&answer.headers).map_err(OpError::internal)?;
    let update = diesel::update(row!(request)).set((
        idempotency::status.eq(i16::try_from(answer.status).unwrap_or(i16::MAX)),
        idempotency::headers.eq(headers),
        idempotency::body.eq(&answer.body),
        idempotency::resource_id.eq(Some(Uid(answer.resource))),
    ));
    tx.execute(update)?;
    Ok(())
}

/// The answer that a request of this name got. The claim has locked its row; should it be gone all the same, the request
/// is tried again.
fn answer_to(tx: &mut Tx<'_>, request: &Request) -> Result<StoredResponse, OpError> {
    type Row = (Vec<u8>, i16, String, Option<String>, Option<Uid>);
    let query = row!(request).select((
        idempotency::body_hash,
        idempotency::status,
        idempotency::headers,
        idempotency::body,
        idempotency::resource_id,
    ));
    let row: Option<Row> = tx.optional(query)?;
    let expired = || OpError::retry("the answer to the request has expired");
    let (body_hash, status, headers, body, resource) = row.ok_or_else(expired)?;
    if BodyHash(body_hash) != request.body {
        return Err(OpError::KeyReused);
    }
    let headers = serde_json::from_str(&headers).map_err(OpError::internal)?;
    let resource = resource.map_or(uuid::Uuid::nil(), |Uid(id)| id);
    Ok(StoredResponse { status: status.unsigned_abs(), headers, body, resource })
}
