//! The handlers that `/users` and `/groups` share.

use super::body::JsonBody;
use super::context::{Context, Reader, Writer, new_id};
use super::endpoint::{self, Endpoint, Url, get, post, put, url};
use super::extractor::extractor;
use super::headers::{IdempotencyKey, Prefer};
use super::openapi::{OperationDocs, ResourceDocs, reference};
use super::pages::{PageItems, page_response};
use super::params::{Fields, Include, NoQuery, Params};
use super::path::{PathId, Target};
use super::problem::Problem;
use super::response::{
    Projected, Response, call_once, http_response, read_response, stored_response, write_json,
};
use crate::db::Operation;
use crate::domain::NATIVE_SOURCE;
use crate::domain::body::{WriteMode, check_patch_size};
use crate::domain::condition::Conditions;
use crate::domain::cursor::List;
use crate::domain::fields::FieldError;
use crate::domain::idempotency::StoredResponse;
use crate::domain::projection::Projection;
use crate::domain::sort::Position;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::connections::SourceNames;
use crate::ops::history::{self, Historic};
use crate::ops::listing::{ListPage, Query};
use crate::ops::members::MAX_GROUPS;
use crate::ops::resource::{Form, NewValues, Rewrite, UniqueKey};
use crate::ops::upsert::{Upsert, Upserted};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use uuid::Uuid;

/// Users and groups as the native API serves them.
pub(super) trait Native: Historic {
    const PATH: &'static str;
    /// The form in which whole resources are read.
    type Stored: Form<Resource = Self> + Write;
    /// Whether `include` accepts `groups`.
    const HAS_GROUPS: bool;
    /// The parts of the OpenAPI document that differ between the types.
    const DOCS: Docs;
    /// The names of the memberships that a restore returns: those that it restored, and those that it could not restore.
    const MEMBERSHIPS: [&'static str; 2];
    /// The attributes that `PUT` without an id can match.
    const MATCHED: &'static [UniqueKey];
    fn representation(&self) -> impl Serialize;
    /// The externalIds of all sources.
    fn external_ids(&self) -> &BTreeMap<String, String>;
    /// Reads the body of a POST or PUT request.
    fn draft(body: Value, mode: WriteMode) -> Result<Self::Draft, Vec<FieldError>>;
    fn create(
        tenant: Uuid,
        draft: Self::Draft,
        now: Timestamp,
    ) -> impl Operation<Output = Self, Error = OpError>;
}

/// A form of a resource that can be written as JSON without conversion to the resource.
pub(super) trait Write {
    fn version(&self) -> i64;

    /// Appends the JSON of the whole resource, as [`Native::representation`] serializes it.
    ///
    /// # Errors
    /// The stored resource is invalid.
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()>;
}

/// The parts of the OpenAPI document that differ between users and groups.
pub(super) struct Docs {
    pub(super) resource: ResourceDocs,
    /// The parameters for the filter and the order of a list.
    pub(super) query: [&'static str; 2],
    /// The parameter for the attribute that PUT without an id matches.
    pub(super) matched: &'static str,
    /// The parameters of the projection.
    pub(super) projection: [&'static str; 2],
    /// The parameters `include` of a list and of a single resource.
    pub(super) include: (&'static str, &'static [&'static str]),
    /// The body of POST and PUT.
    pub(super) new: fn() -> Value,
    /// The description of PUT.
    pub(super) replace: Option<&'static str>,
    /// The body of PATCH.
    pub(super) patch: fn() -> Value,
    /// The operations besides GET, PUT, PATCH and DELETE that take the id of a new resource.
    pub(super) links: &'static [&'static str],
}

/// The URLs of the resources and of one resource, with the endpoint that deletes a resource.
pub(super) fn urls<R: Native>(delete: Endpoint) -> [Url; 2] {
    let list = get(list::<R>).compressed().docs(list_docs::<R>);
    let create = post(create::<R>).docs(create_docs::<R>);
    let upsert = put(upsert::<R>).docs(upsert_docs::<R>);
    let find = get(find::<R>).docs(find_docs::<R>);
    let patch = endpoint::patch(patch::<R>).docs(|| R::DOCS.resource.patch(&(R::DOCS.patch)()));
    let replace = put(replace::<R>).docs(replace_docs::<R>);
    [url(R::PATH, [list, create, upsert]), url(format!("{}/{{id}}", R::PATH), [find, patch, replace, delete])]
}

/// `POST /users`, `POST /groups`
async fn create<R: Native>(
    context: Context<Writer>,
    prefer: Prefer,
    key: IdempotencyKey,
    _: NoQuery,
    body: JsonBody,
) -> Response {
    let request = context.idempotent(R::PATH, key, || body.hash());
    let draft = body.read(|value| R::draft(value, WriteMode::Create))?;
    let named = R::named_users(&draft);
    let create = R::create(context.tenant(), draft, context.now());
    let response = move |resource: &R| created_response(resource, prefer);
    call_once::<R, _, _>(&context, (request, named), create, response).await
}

fn create_docs<R: Native>() -> OperationDocs {
    let parameters = ["Idempotency-Key", "Prefer"];
    R::DOCS.resource.create(&parameters, &(R::DOCS.new)(), &links::<R>()).errors(&[409])
}

/// The operations that take the id of a new resource.
fn links<R: Native>() -> Vec<String> {
    let links = ["get", "replace", "patch", "delete"].map(|verb| format!("{verb}{}", R::DOCS.resource.name));
    links.into_iter().chain(R::DOCS.links.iter().map(|link| (*link).to_owned())).collect()
}

/// `PUT /users?match=…`, `PUT /groups?match=…`
async fn upsert<R: Native>(
    context: Context<Writer>,
    conditions: Conditions,
    prefer: Prefer,
    Match(key, _): Match<R>,
    body: JsonBody,
) -> Response {
    let (expected_id, value, draft) = body.read(|body| read_upsert::<R>(body, key))?;
    let (tenant, now) = (context.tenant(), context.now());
    let id = new_id(now);
    let upsert = Upsert::<R> { tenant, id, expected_id, key, value, draft, conditions, now };
    Ok(http_response(match context.write::<R, _>(upsert).await? {
        Upserted::Created(resource) => created_response(&resource, prefer),
        Upserted::Replaced(resource) => write_response(StatusCode::OK, &resource, prefer),
    }))
}

/// Reads the id, the value of the unique key, and the draft from the body of an upsert.
fn read_upsert<R: Native>(
    body: Value,
    key: UniqueKey,
) -> Result<(Option<String>, String, R::Draft), Vec<FieldError>> {
    let id = match body.get("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(vec![FieldError::new("/id", "wrong-type", "must be a string")]),
    };
    let is_absent = body.get(key.attribute()).is_none_or(Value::is_null);
    let required = || {
        FieldError::new(format!("/{}", key.attribute()), "required", "is required because `match` names it")
    };
    match R::draft(body, WriteMode::Create) {
        Ok(draft) => match R::unique_value_of(&draft, key) {
            Some(value) => Ok((id, value, draft)),
            None => Err(vec![required()]),
        },
        Err(mut errors) => {
            if is_absent && key != UniqueKey::UserName {
                errors.push(required());
            }
            Err(errors)
        }
    }
}

/// The parameter `match`: the attribute that identifies the resource.
struct Match<R>(UniqueKey, PhantomData<R>);

extractor!(Match<R: Native>);

impl<R: Native> Match<R> {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut params = Params::of(request)?;
        let text = params.take("match");
        params.finish()?;
        let key = R::MATCHED.iter().find(|key| text.as_deref() == Some(key.attribute()));
        key.map(|key| Self(*key, PhantomData)).ok_or_else(|| {
            let names: Vec<_> = R::MATCHED.iter().map(|key| format!("`{}`", key.attribute())).collect();
            Problem::invalid_parameter(format!("`match` is required and must be {}.", names.join(" or ")))
        })
    }
}

fn upsert_docs<R: Native>() -> OperationDocs {
    R::DOCS.resource.upsert(R::DOCS.matched, &(R::DOCS.new)(), &links::<R>())
}

/// `GET /users/{id}`, `GET /groups/{id}`
async fn find<R: Native>(
    context: Context<Reader>,
    conditions: Conditions,
    fields: Fields<R>,
    PathId(id): PathId,
) -> Response {
    if let Some(at) = fields.at {
        let _permit = context.permit_to_read().await?;
        let past = history::Find::<R> { moment: context.moment(at), id, of: PhantomData };
        return projected_response(&conditions, &context.call(past).await?, &fields, None);
    }
    // What is included can change without a new version of the resource.
    let is_versioned = !fields.groups && !fields.sources;
    let conditions = if is_versioned { conditions } else { conditions.ignoring_none_match_tags() };
    if fields.projection == Projection::All && !fields.sources {
        let (stored, _permit) = context.find::<R::Stored>(id, fields.groups).await?;
        return read_response(&conditions, stored.version(), |out| stored.write(out));
    }
    let (resource, _permit) = context.find::<R>(id, fields.groups).await?;
    let names = match fields.sources {
        true => Some(context.call(SourceNames { tenant: context.tenant() }).await?),
        false => None,
    };
    projected_response(&conditions, &resource, &fields, names)
}

/// `names` are those of all connections, if the response includes those of the resource.
fn projected_response<R: Native>(
    conditions: &Conditions,
    resource: &R,
    fields: &Fields<R>,
    names: Option<BTreeMap<String, String>>,
) -> Response {
    let included = |mut names: BTreeMap<_, _>| {
        names.retain(|source, _| resource.external_ids().contains_key(source));
        names
    };
    let body = WithSources {
        resource: Projected { whole: resource.representation(), projection: &fields.projection },
        external_id_sources: names.map(included),
    };
    read_response(conditions, resource.stamp().version, |out| write_json(out, &body))
}

/// A resource with what `include=externalIdSources` adds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WithSources<R> {
    #[serde(flatten)]
    resource: R,
    /// The names of the connections in `externalIds`, by the same keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id_sources: Option<BTreeMap<String, String>>,
}

fn find_docs<R: Native>() -> OperationDocs {
    let ResourceDocs { name, example, .. } = R::DOCS.resource;
    let projected = reference(&format!("Projected{name}"));
    let schema = json!({ "anyOf": [reference(name), projected] });
    let content = json!({ "application/json": { "schema": schema, "example": example() } });
    let description = format!("The {}.", R::DOCS.resource.noun());
    let Docs { projection, include: (_, include), .. } = R::DOCS;
    let operation = R::DOCS.resource.get(&[&projection, include, &["at"]].concat()).errors(&[410]);
    operation.response(200, &description, &["ETag"], Some(content))
}

/// `GET /users`, `GET /groups`
async fn list<R: Native>(context: Context<Reader>, mut params: Params) -> Response {
    let (limit, Include { total, groups, .. }) =
        (params.limit()?, params.include(if R::HAS_GROUPS { &["total", "groups"] } else { &["total"] })?);
    let projection = params.projection(R::SCHEMA, groups)?;
    let (sort, (filter, filter_text)) = (params.sort(R::SCHEMA)?, params.filter(R::SCHEMA)?);
    let list = List::new(context.tenant(), &[R::SCHEMA.plural, &sort.to_string(), &filter_text]);
    let after = params.cursor(list, sort)?;
    params.finish()?;
    let (tenant, source, max_groups) = (context.tenant(), NATIVE_SOURCE.into(), groups.then_some(MAX_GROUPS));
    let query =
        Query { tenant, filter, sort, after, skip: None, limit, total, max_groups, source, of: PhantomData };
    let (mut permit, mut items) = (None, PageItems::default());
    let (next, total) = if query.is_plain() && projection == Projection::All {
        let (written, next, total) = context.list_plain(query, &mut permit, write_page::<R>).await??;
        items = written;
        (next, total)
    } else {
        let mut page = context.list::<R>(query, &mut permit).await?;
        let whole = page.items.iter().map(R::representation);
        let count = items.extend(whole.map(|whole| Projected { whole, projection: &projection }))?;
        page.truncate(count);
        (page.next, page.total)
    };
    page_response(R::PATH, &params, items, next.map(|after| list.cursor(&after)), total)
}

/// Writes the items of a page. Returns them with the position of the next page and the number of all resources.
fn write_page<R: Native>(
    mut page: ListPage<R::Stored>,
) -> Result<(PageItems, Option<Position>, Option<i64>), Problem> {
    let mut items = PageItems::default();
    let count = items.extend_written(&page.items, |out, stored| stored.write(out))?;
    page.truncate(count);
    Ok((items, page.next, page.total))
}

fn list_docs<R: Native>() -> OperationDocs {
    let Docs { resource, query, projection, include: (include, _), .. } = R::DOCS;
    let parameters = [&query[..], &["limit", "cursor", include], &projection].concat();
    resource.list(&parameters).describe(
        "A page can have fewer items than `limit`, or none, and still have `nextCursor`. Request pages until \
         `nextCursor` is absent.",
    )
}

/// `PUT /users/{id}`, `PUT /groups/{id}`
async fn replace<R: Native>(
    context: Context<Writer>,
    target: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    let draft = body.read(|value| R::draft(value, WriteMode::Replace(target.id)))?;
    update::<R>(&context, target, NewValues::Replacement(draft), prefer).await
}

fn replace_docs<R: Native>() -> OperationDocs {
    let operation = R::DOCS.resource.replace(&(R::DOCS.new)());
    match R::DOCS.replace {
        Some(description) => operation.describe(description),
        None => operation,
    }
}

/// `PATCH /users/{id}`, `PATCH /groups/{id}`
async fn patch<R: Native>(
    context: Context<Writer>,
    target: Target,
    prefer: Prefer,
    body: JsonBody,
) -> Response {
    update::<R>(&context, target, NewValues::MergePatch(body.read(check_patch_size)?), prefer).await
}

/// Replaces or patches a resource.
async fn update<R: Native>(
    context: &Context<Writer>,
    Target { id, conditions }: Target,
    values: NewValues<R>,
    prefer: Prefer,
) -> Response {
    let update = Rewrite { tenant: context.tenant(), id, values, conditions, now: context.now() };
    let resource = context.write::<R, _>(update).await?;
    Ok(http_response(write_response(StatusCode::OK, &resource, prefer)))
}

fn created_response<R: Native>(resource: &R, prefer: Prefer) -> StoredResponse {
    let mut response = write_response(StatusCode::CREATED, resource, prefer);
    response.headers.push((LOCATION.to_string(), format!("{}/{}", R::PATH, resource.id())));
    response
}

fn write_response<R: Native>(status: StatusCode, resource: &R, prefer: Prefer) -> StoredResponse {
    stored_response(status, resource.stamp(), &resource.representation(), prefer)
}
