//! `/changes`.

mod long_poll;
mod query;
mod stream;

pub(super) use long_poll::Resumed;

use super::context::{Context, Reader};
use super::headers::accepts_events;
use super::openapi::{OperationDocs, examples};
use super::params::Params;
use super::response::Response;
use actix_web::HttpRequest;
use query::Query;
use serde_json::json;

/// `GET /changes`
pub(super) async fn read(request: HttpRequest, context: Context<Reader>, params: Params) -> Response {
    let query = Query::of(params, &context)?;
    if accepts_events(request.headers()) {
        stream::respond(&request, context, query).await
    } else {
        long_poll::respond(&request, context, query).await
    }
}

pub(super) fn read_docs() -> OperationDocs {
    let parameters = ["after", "limit", "wait", "type", "resource", "Last-Event-ID"];
    OperationDocs::keyed("listChanges", "changes", "Read the change feed", &parameters)
        .describe("To continue, pass `next` as `after`. With `wait`, the response waits until there is a change. With \
             `Accept: text/event-stream`, the response is a stream of server-sent events that does not end: one for each \
             change, whose `id` is `<epoch>:<revision>`. Changes to keys and connections require the role `admin`. Changes \
             to tenants are in the feed of the tenant `default`.")
        .json(200, "The changes after a revision.", &[], "Changes", &examples::changes())
        .content(200, "text/event-stream", json!({ "schema": { "type": "string" } }))
        .errors(&[410])
}
