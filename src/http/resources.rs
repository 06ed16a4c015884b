//! The handlers that `/users` and `/groups` share.

use super::body::JsonBody;
use super::context::{Context, Reader, Writer};
use super::headers::{IdempotencyKey, Prefer};
use super::openapi::{OperationDocs, ResourceDocs, reference};
use super::pages::page_response;
use super::params::{Fields, NoQuery, Params};
use super::path::{PathId, Target};
use super::response::{Projected, Response, call_once, http_response, read_response, stored_response};
use crate::db::Operation;
use crate::domain::NATIVE_SOURCE;
use crate::domain::body::{WriteMode, check_patch_size};
use crate::domain::condition::Conditions;
use crate::domain::cursor::List;
use crate::domain::fields::FieldError;
use crate::domain::idempotency::StoredResponse;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::listing::{self, Query};
use crate::ops::resource::Resource;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use serde::Serialize;
use serde_json::{Value, json};
use std::marker::PhantomData;
use uuid::Uuid;

/// Users and groups as the native API serves them.
pub(super) trait Native: Resource {
    /// The path of the list.
    const PATH: &'static str;
    /// The parts of the OpenAPI document that differ between the types.
    const DOCS: Docs;
    /// The attributes that callers write.
    type Draft: Send + 'static;

    /// The current version, which is also the ETag.
    fn version(&self) -> i64;
    /// The JSON representation.
    fn representation(&self) -> impl Serialize;
    /// Reads the body of a POST or PUT request.
    fn draft(body: Value, mode: WriteMode) -> Result<Self::Draft, Vec<FieldError>>;
    /// Creates a resource.
    fn create(
        tenant: Uuid,
        draft: Self::Draft,
        now: Timestamp,
    ) -> impl Operation<Output = Self, Error = OpError>;
    /// Reads a resource.
    fn find(tenant: Uuid, id: Uuid) -> impl Operation<Output = Self, Error = OpError>;
    /// Replaces a resource.
    fn replace(
        tenant: Uuid,
        target: Target,
        draft: Self::Draft,
        now: Timestamp,
    ) -> impl Operation<Output = Self, Error = OpError>;
    /// Applies a JSON Merge Patch to a resource.
    fn patch(
        tenant: Uuid,
        target: Target,
        patch: Value,
        now: Timestamp,
    ) -> impl Operation<Output = Self, Error = OpError>;
}

/// The parts of the OpenAPI document that differ between users and groups.
pub(super) struct Docs {
    pub(super) resource: ResourceDocs,
    /// The parameters for the filter and the order of a list.
    pub(super) query: [&'static str; 2],
    /// The parameters of the projection.
    pub(super) projection: [&'static str; 2],
    /// The body of POST and PUT.
    pub(super) new: fn() -> Value,
    /// The body of PATCH.
    pub(super) patch: fn() -> Value,
    /// The operations besides GET, PUT, PATCH and DELETE that take the id of a new resource.
    pub(super) links: &'static [&'static str],
}

/// `POST /users`, `POST /groups`
pub(super) async fn create<R: Native>(
    context: Context<Writer>,
    prefer: Prefer,
    key: IdempotencyKey,
    _: NoQuery,
    body: JsonBody,
) -> Response {
    let request = context.idempotent(R::PATH, key, || body.hash());
    let draft = body.read(|value| R::draft(value, WriteMode::Create))?;
    let create = R::create(context.tenant(), draft, context.now());
    let response = move |resource: &R| {
        let mut response = write_response(StatusCode::CREATED, resource, prefer);
        response.headers.push((LOCATION.to_string(), format!("{}/{}", R::PATH, resource.id())));
        response
    };
    call_once(&context, request, create, response).await
}

pub(super) fn create_docs<R: Native>() -> OperationDocs {
    let ResourceDocs { name, .. } = R::DOCS.resource;
    let links = ["get", "replace", "patch", "delete"].map(|verb| format!("{verb}{name}"));
    let links: Vec<_> = links.iter().map(String::as_str).chain(R::DOCS.links.iter().copied()).collect();
    let summary = format!("Create a {}", R::DOCS.resource.noun());
    let parameters = ["Idempotency-Key", "Prefer"];
    R::DOCS.resource.create(&summary, &parameters, &(R::DOCS.new)(), &links).errors(&[409])
}

/// `GET /users/{id}`, `GET /groups/{id}`
pub(super) async fn find<R: Native>(
    context: Context<Reader>,
    conditions: Conditions,
    fields: Fields<R>,
    PathId(id): PathId,
) -> Response {
    let resource = context.call(R::find(context.tenant(), id)).await?;
    let projected = Projected { whole: resource.representation(), projection: &fields.projection };
    read_response(&conditions, resource.version(), &projected)
}

pub(super) fn find_docs<R: Native>() -> OperationDocs {
    let ResourceDocs { name, example, .. } = R::DOCS.resource;
    let projected = reference(&format!("Projected{name}"));
    let schema = json!({ "anyOf": [reference(name), projected] });
    let content = json!({ "application/json": { "schema": schema, "example": example() } });
    let noun = R::DOCS.resource.noun();
    R::DOCS.resource.get(&format!("Get a {noun}"), &R::DOCS.projection).response(
        200,
        &format!("The {noun}."),
        &["ETag"],
        Some(content),
    )
}

/// `GET /users`, `GET /groups`
pub(super) async fn list<R: Native>(context: Context<Reader>, mut params: Params) -> Response {
    let (limit, total, projection) =
        (params.limit()?, params.include_total()?, params.projection(R::SCHEMA)?);
    let (sort, (filter, filter_text)) = (params.sort(R::SCHEMA)?, params.filter(R::SCHEMA)?);
    let list = List::new(context.tenant(), &[R::SCHEMA.plural, &sort.to_string(), &filter_text]);
    let after = params.cursor(list, sort)?;
    params.finish()?;
    let (tenant, source) = (context.tenant(), NATIVE_SOURCE.into());
    let query = Query { tenant, filter, sort, after, skip: None, limit, total, source, of: PhantomData };
    let page = listing::list::<R>(&context.state().database, &context.caller().origin, query).await?;
    let next_cursor = page.next.map(|after| list.cursor(&after));
    let whole = page.items.iter().map(R::representation);
    let items: Vec<_> = whole.map(|whole| Projected { whole, projection: &projection }).collect();
    Ok(page_response(R::PATH, &params, &items, next_cursor, page.total))
}

pub(super) fn list_docs<R: Native>() -> OperationDocs {
    let Docs { resource, query, projection, .. } = R::DOCS;
    let parameters = [&query[..], &["limit", "cursor", "include"], &projection].concat();
    resource
        .list(&format!("List {}", resource.tag), &parameters)
        .describe("A page can have fewer items than `limit`, or none, and still have `nextCursor`. Read further pages until \
         `nextCursor` is absent.")
}

/// `PUT /users/{id}`, `PUT /groups/{id}`
pub(super) async fn replace<R: Native>(
    context: Context<Writer>,
    target: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    let draft = body.read(|value| R::draft(value, WriteMode::Replace(target.id)))?;
    let replace = R::replace(context.tenant(), target, draft, context.now());
    Ok(updated(&context.call(replace).await?, prefer))
}

pub(super) fn replace_docs<R: Native>() -> OperationDocs {
    let Docs { resource, new, .. } = R::DOCS;
    resource.replace(&format!("Replace a {}", resource.noun()), &new())
}

/// `PATCH /users/{id}`, `PATCH /groups/{id}`
pub(super) async fn patch<R: Native>(
    context: Context<Writer>,
    target: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    let patch = R::patch(context.tenant(), target, body.read(check_patch_size)?, context.now());
    Ok(updated(&context.call(patch).await?, prefer))
}

pub(super) fn patch_docs<R: Native>() -> OperationDocs {
    let Docs { resource, patch, .. } = R::DOCS;
    resource.patch(&format!("Update a {}", resource.noun()), &patch())
}

/// The response to a PUT or PATCH request.
fn updated<R: Native>(resource: &R, prefer: Prefer) -> HttpResponse {
    http_response(write_response(StatusCode::OK, resource, prefer))
}

fn write_response<R: Native>(status: StatusCode, resource: &R, prefer: Prefer) -> StoredResponse {
    stored_response(status, resource.id(), resource.version(), &resource.representation(), prefer)
}
