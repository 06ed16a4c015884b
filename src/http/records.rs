//! The handlers that `/keys`, `/connections` and `/tenants` share.

use super::body::JsonBody;
use super::context::{Context, Right};
use super::credentials::Stale;
use super::headers::Prefer;
use super::openapi::{OperationDocs, ResourceDocs};
use super::pages::IdList;
use super::params::Params;
use super::path::Target;
use super::response::{Response, http_response, no_content, read_response, stored_response};
use super::state::State;
use crate::db::Operation;
use crate::domain::cursor::List;
use crate::ops::OpError;
use crate::ops::Page;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// Keys, connections and tenants as the native API serves them.
pub(super) trait Record: Send + Sync + Sized + 'static {
    /// The right that all operations need.
    type Right: Right;
    /// The path of the list.
    const PATH: &'static str;
    /// The description in the OpenAPI document.
    const DOCS: ResourceDocs;
    /// An example of a patch.
    const PATCH_EXAMPLE: fn() -> Value;

    fn id(&self) -> Uuid;
    /// The current version, which is also the ETag.
    fn version(&self) -> i64;
    /// The JSON representation.
    fn representation<'r>(&'r self, state: &'r State) -> impl Serialize;
    /// The tenant that cursors are bound to.
    fn tenant(context: &Context<Self::Right>) -> Uuid {
        context.tenant()
    }
    /// Reads a page after an id, and the total if `total` is set.
    fn list(
        context: &Context<Self::Right>,
        after: Option<Uuid>,
        limit: usize,
        total: bool,
    ) -> impl Operation<Output = Page<Self>, Error = OpError> + use<Self>;
    /// Reads a record.
    fn find(
        context: &Context<Self::Right>,
        id: Uuid,
    ) -> impl Operation<Output = Self, Error = OpError> + use<Self>;
    /// Applies a JSON Merge Patch to a record.
    fn patch(
        context: &Context<Self::Right>,
        target: Target,
        patch: Value,
    ) -> impl Operation<Output = Self, Error = OpError> + use<Self>;
    /// Deletes a record.
    fn delete(
        context: &Context<Self::Right>,
        target: Target,
    ) -> impl Operation<Output = (), Error = OpError> + use<Self>;
    /// The cached credentials that a write to a record makes stale.
    fn stale(id: Uuid) -> Stale;
}

/// The response to the creation of a record.
pub(super) fn created<R: Record>(context: &Context<R::Right>, record: &R, prefer: Prefer) -> HttpResponse {
    let representation = record.representation(context.state());
    let mut response =
        stored_response(StatusCode::CREATED, record.id(), record.version(), &representation, prefer);
    response.headers.push((LOCATION.to_string(), format!("{}/{}", R::PATH, record.id())));
    http_response(response)
}

/// `GET /keys`, `GET /connections`, `GET /tenants`
pub(super) async fn list<R: Record>(context: Context<R::Right>, params: Params) -> Response {
    let list = IdList::of(params, List::new(R::tenant(&context), &[R::DOCS.tag]))?;
    let page = context.call(R::list(&context, list.after, list.limit, list.total)).await?;
    let state = context.state();
    Ok(list.respond(R::PATH, &page, R::id, |record| record.representation(state)))
}

pub(super) fn list_docs<R: Record>() -> OperationDocs {
    R::DOCS.list(&format!("List {}", R::DOCS.tag), &["limit", "cursor", "include"])
}

/// `GET /keys/{id}`, `GET /connections/{id}`, `GET /tenants/{id}`
pub(super) async fn find<R: Record>(context: Context<R::Right>, target: Target) -> Response {
    let record = context.call(R::find(&context, target.id)).await?;
    read_response(&target.conditions, record.version(), &record.representation(context.state()))
}

pub(super) fn find_docs<R: Record>() -> OperationDocs {
    R::DOCS.get(&format!("Get a {}", R::DOCS.noun()), &[])
}

/// `PATCH /keys/{id}`, `PATCH /connections/{id}`, `PATCH /tenants/{id}`
pub(super) async fn patch<R: Record>(
    context: Context<R::Right>,
    target: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    let (id, patch) = (target.id, body.read(Ok)?);
    let patch = context.call(R::patch(&context, target, patch));
    let record = context.state().credentials.invalidating(R::stale(id), patch).await?;
    let representation = record.representation(context.state());
    Ok(http_response(stored_response(StatusCode::OK, id, record.version(), &representation, prefer)))
}

pub(super) fn patch_docs<R: Record>() -> OperationDocs {
    R::DOCS.patch(&format!("Update a {}", R::DOCS.noun()), &R::PATCH_EXAMPLE())
}

/// `DELETE /keys/{id}`, `DELETE /connections/{id}`, `DELETE /tenants/{id}`
pub(super) async fn delete<R: Record>(context: Context<R::Right>, target: Target) -> Response {
    let stale = R::stale(target.id);
    let delete = context.call(R::delete(&context, target));
    context.state().credentials.invalidating(stale, delete).await?;
    Ok(no_content())
}
