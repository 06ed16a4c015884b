//! The brake of connections: refused requests, and `/connections/{id}/release`.

use super::body::JsonBody;
use super::context::{Admin, Context, Right};
use super::headers::Prefer;
use super::openapi::{BODY, JSON, OperationDocs, examples};
use super::path::Target;
use super::records::Served as _;
use super::response::{Response, http_response, stored_response};
use crate::domain::brake::read_release;
use crate::domain::change::Auditable as _;
use crate::ops::OpError;
use crate::ops::connections::{Hold, Release};
use actix_web::http::StatusCode;
use serde_json::json;

/// The error of a write by a connection. If its brake refused the write, the connection is held before it learns that. The
/// write is rolled back, so the hold is recorded in a second transaction.
pub(super) async fn refusal<R: Right>(context: &Context<R>, error: OpError) -> OpError {
    let error = match error {
        OpError::BrakeReached => {
            let hold = Hold { tenant: context.tenant(), now: context.now() };
            match context.call(hold).await {
                Ok(Some(held)) => OpError::Held(Box::new(held)),
                Ok(None) => OpError::BrakeReached,
                Err(error) => error,
            }
        }
        error => error,
    };
    if matches!(error, OpError::Held(_)) {
        context.state().database.metrics().count_refused_removal();
    }
    error
}

/// `POST /connections/{id}/release`
pub(super) async fn release(
    context: Context<Admin>,
    Target { id, conditions }: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    let allow = body.read(read_release)?;
    let (tenant, now) = (context.tenant(), context.now());
    let connection = context.call(Release { tenant, id, allow, conditions, now }).await?;
    let representation = connection.representation(context.state());
    Ok(http_response(stored_response(StatusCode::OK, connection.stamp(), &representation, prefer)))
}

pub(super) fn release_docs() -> OperationDocs {
    let parameters = ["id", "If-Match", "If-None-Match", "Prefer"];
    let headers = ["ETag", "Preference-Applied"];
    OperationDocs::keyed("releaseConnection", "connections", "Release a connection from its brake", &parameters)
        .describe(
            "Ends the hold, if the connection is held. With a number in `allow`, the connection can deactivate or delete this \
             many users and groups, whatever its limit is; then the limit applies again to all that it has removed within \
             the period of the brake. With null, what it has removed so far no longer counts.",
        )
        .body(JSON, "Release", &json!({ "allow": 100 }))
        .json(200, "The connection, which is not held.", &headers, "Connection", &examples::connection())
        .response(204, "The response to `Prefer: return=minimal`.", &headers, None)
        .errors(&BODY)
        .errors(&[412, 504])
}
