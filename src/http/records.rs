//! The handlers that `/keys`, `/connections` and `/tenants` share.

use super::body::JsonBody;
use super::context::{Context, Right};
use super::credentials::Stale;
use super::endpoint::{self, Endpoint, Url, get, url};
use super::headers::Prefer;
use super::openapi::{OperationDocs, ResourceDocs};
use super::pages::IdList;
use super::params::Params;
use super::path::Target;
use super::response::{Response, http_response, no_content, read_response, stored_response, write_json};
use super::state::State;
use crate::domain::cursor::List;
use crate::domain::schema::Schema;
use crate::ops::OpError;
use crate::ops::records::{self, Delete, Find, Patch, Record};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Keys, connections and tenants as the native API serves them.
pub(super) trait Served: Record {
    /// The right that all operations need.
    type Right: Right;
    const PATH: &'static str;
    const DOCS: ResourceDocs;
    const PATCH_EXAMPLE: fn() -> Value;
    /// The schema for filters of lists, and the name of the parameter's component in the OpenAPI document.
    const FILTER: Option<(&'static Schema, &'static str)> = None;

    fn representation<'r>(&'r self, state: &'r State) -> impl Serialize;
    /// The tenant that cursors are bound to.
    fn tenant(context: &Context<Self::Right>) -> Uuid {
        context.tenant()
    }
    /// The records that the caller can access.
    fn scope(context: &Context<Self::Right>) -> Self::Scope;
    /// The documentation of GET for a single record.
    const GET_DOCS: fn() -> OperationDocs = || Self::DOCS.get(&[]);
    /// The members that GET for a single record adds. They change without a new version of the record.
    async fn details(_: &Context<Self::Right>, _: &Self) -> Result<Map<String, Value>, OpError> {
        Ok(Map::new())
    }
    /// Checks a patch before it is run, to avoid a long transaction that would then fail.
    async fn check_patch(_: &Context<Self::Right>, _: &Patch<Self>) -> Result<(), OpError> {
        Ok(())
    }
    /// The error of a write, with the id of the existing record if there is a conflict.
    async fn explain(_: &Context<Self::Right>, error: OpError) -> OpError {
        error
    }
    /// The cached credentials that a write to a record makes stale.
    fn stale(id: Uuid) -> Stale;
}

/// The URLs of the records and of one record, with the endpoints that create and delete a record.
pub(super) fn urls<R: Served>(create: Endpoint, delete: Endpoint) -> [Url; 2] {
    let list = get(list::<R>).compressed().docs(|| {
        let filter = R::FILTER.map(|(_, parameter)| parameter);
        let parameters: Vec<_> = filter.into_iter().chain(["limit", "cursor", "include"]).collect();
        R::DOCS.list(&parameters)
    });
    let find = get(find::<R>).docs(R::GET_DOCS);
    let patch = endpoint::patch(patch::<R>).docs(|| R::DOCS.patch(&R::PATCH_EXAMPLE()));
    [url(R::PATH, [list, create]), url(format!("{}/{{id}}", R::PATH), [find, patch, delete])]
}

/// The response to the creation of a record.
pub(super) fn created<R: Served>(context: &Context<R::Right>, record: &R, prefer: Prefer) -> HttpResponse {
    let representation = record.representation(context.state());
    let mut response = stored_response(StatusCode::CREATED, record.stamp(), &representation, prefer);
    response.headers.push((LOCATION.to_string(), format!("{}/{}", R::PATH, record.stamp().id)));
    http_response(response)
}

/// `GET /keys`, `GET /connections`, `GET /tenants`
async fn list<R: Served>(context: Context<R::Right>, mut params: Params) -> Response {
    let filter = R::FILTER.map(|(schema, _)| params.filter(schema)).transpose()?;
    let (filter, text) = filter.unwrap_or_default();
    let parts: Vec<_> = [R::DOCS.tag].into_iter().chain(filter.as_ref().map(|_| text.as_str())).collect();
    let list = IdList::of(params, List::new(R::tenant(&context), &parts))?;
    let scope = R::scope(&context);
    let page = context.call(records::List::<R> { scope, filter, page: list.page }).await?;
    let state = context.state();
    list.respond(R::PATH, &page, |record| record.stamp().id, |record| record.representation(state))
}

/// `GET /keys/{id}`, `GET /connections/{id}`, `GET /tenants/{id}`
async fn find<R: Served>(context: Context<R::Right>, target: Target) -> Response {
    let record = context.call(Find::<R> { scope: R::scope(&context), id: target.id }).await?;
    let details = R::details(&context, &record).await?;
    let conditions = match details.is_empty() {
        true => target.conditions,
        // The ETag does not cover the details, so a match does not prove that the client's copy is current.
        false => target.conditions.ignoring_none_match_tags(),
    };
    let representation = Detailed { record: record.representation(context.state()), details };
    read_response(&conditions, record.stamp().version, |out| write_json(out, &representation))
}

#[derive(Serialize)]
struct Detailed<R> {
    #[serde(flatten)]
    record: R,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// `PATCH /keys/{id}`, `PATCH /connections/{id}`, `PATCH /tenants/{id}`
async fn patch<R: Served>(
    context: Context<R::Right>,
    Target { id, conditions }: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    let context = context.with_current_role().await?;
    let patch = body.read(Ok)?;
    let patch = Patch::<R> { scope: R::scope(&context), id, patch, conditions, now: context.now() };
    R::check_patch(&context, &patch).await?;
    let patch = context.call(patch);
    let record = match context.state().credentials.invalidating(R::stale(id), patch).await {
        Err(error) => return Err(R::explain(&context, error).await.into()),
        Ok(record) => record,
    };
    let representation = record.representation(context.state());
    Ok(http_response(stored_response(StatusCode::OK, record.stamp(), &representation, prefer)))
}

/// `DELETE /keys/{id}`, `DELETE /connections/{id}`, `DELETE /tenants/{id}`
pub(super) async fn delete<R: Served>(
    context: Context<R::Right>,
    Target { id, conditions }: Target,
) -> Response {
    let delete = context.call(Delete::<R> { scope: R::scope(&context), id, conditions, now: context.now() });
    context.state().credentials.invalidating(R::stale(id), delete).await?;
    Ok(no_content())
}
