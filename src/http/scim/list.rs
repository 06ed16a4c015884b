//! Lists (RFC 7644, section 3.4.2) and searches (section 3.4.3) of one resource type or of all.

use super::context::Context;
use super::groups;
use super::openapi::{
    BODY_ERRORS, MEDIA_TYPES, authenticated, content, example_of, examples, finding, projection, schema_name,
};
use super::request::resource_type;
use super::response::message;
use super::search::{Page, Search};
use crate::domain::cursor::{InvalidCursor, List};
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::View;
use crate::domain::scim::{ResourceType, ScimError, ScimType, resource, urn};
use crate::domain::sort::{Position, Sort};
use crate::domain::user::User;
use crate::http::api::SCIM_JSON;
use crate::http::body::JsonBody;
use crate::http::openapi::OperationDocs;
use crate::http::pages::PageItems;
use crate::http::problem::{Problem, sentence};
use crate::ops::listing::Query;
use crate::ops::members::MAX_GROUPS;
use crate::ops::resource::Resource;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use std::marker::PhantomData;
use uuid::Uuid;

/// `GET /Users`, `GET /Groups`
pub(super) async fn list(context: Context, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let search = Search::from_query(&request)?;
    respond(&context, resource_type(&request), &search).await
}

pub(super) fn list_docs(kind: ResourceType) -> OperationDocs {
    let own = |name: &str| format!("scim{}{name}", kind.name());
    let (filter, sort, [only, except]) = (own("Filter"), own("SortBy"), projection(kind));
    let parameters = [&filter, &sort, "sortOrder", "startIndex", "count", "scimCursor", &only, &except];
    finding(kind, "List", &parameters).describe(
        "RFC 7644, section 3.4.2. For cursor pagination (RFC 9865), send an empty `cursor` for the first page.",
    )
}

/// `POST /Users/.search`, `POST /Groups/.search`
pub(super) async fn search(
    context: Context,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let search = read(&context, body)?;
    respond(&context, resource_type(&request), &search).await
}

pub(super) fn search_docs(kind: ResourceType) -> OperationDocs {
    finding(kind, "Search", &[])
        .describe("Like GET, with the parameters in the body (RFC 7644, section 3.4.3).")
        .body(MEDIA_TYPES, &format!("{}Search", schema_name(kind)), &examples::search())
        .errors(&BODY_ERRORS)
}

/// Reads the parameters in a body.
fn read(context: &Context, body: JsonBody) -> Result<Search, Problem> {
    let body = body.read(Ok)?;
    Ok(context.read(|reading| Search::from_body(body, reading))?)
}

async fn respond(context: &Context, kind: ResourceType, search: &Search) -> Result<HttpResponse, Problem> {
    let page = search.page()?;
    let found = match kind {
        ResourceType::User => find::<User>(context, search, &page, PageItems::default()).await?,
        ResourceType::Group => find::<Group>(context, search, &page, PageItems::default()).await?,
    };
    list_response(&page, found)
}

/// `GET /`: all resources (RFC 7644, section 3.4.2.1).
pub(super) async fn list_all(context: Context, request: HttpRequest) -> Result<HttpResponse, Problem> {
    respond_all(&context, &Search::from_query(&request)?).await
}

pub(super) fn list_all_docs() -> OperationDocs {
    let parameters =
        ["scimFilter", "startIndex", "count", "scimCursor", "scimAttributes", "scimExcludedAttributes"];
    finding_all("listScim", "List users and groups", &parameters)
}

/// `POST /.search`
pub(super) async fn search_all(context: Context, body: JsonBody) -> Result<HttpResponse, Problem> {
    respond_all(&context, &read(&context, body)?).await
}

pub(super) fn search_all_docs() -> OperationDocs {
    finding_all("searchScim", "Search for users and groups", &[])
        .body(MEDIA_TYPES, "ScimSearch", &examples::search())
        .errors(&BODY_ERRORS)
}

fn finding_all(id: &str, summary: &str, parameters: &[&str]) -> OperationDocs {
    let found = examples::list(ResourceType::ALL.map(example_of).into());
    authenticated(id, summary, parameters)
        .describe(
            "Returns users first, then groups. In the filter, an attribute that a resource type lacks has no value for \
             that type (RFC 7644, section 3.4.2.1); an attribute that no type has returns 400, and so does `sortBy`.",
        )
        .response(200, "A page of resources.", &[], content("ScimResources", &found))
}

/// Responds with users first, then groups.
async fn respond_all(context: &Context, search: &Search) -> Result<HttpResponse, Problem> {
    if search.has_sort() {
        let detail = "sortBy requires a single resource type. Send the request to /Users or /Groups, or to their /.search.";
        return Err(ScimType::InvalidValue.error(detail).into());
    }
    let types = matching_types(context, search)?;
    context.read(|reading| search.check_names(reading))?;
    let page = search.page()?;
    let found = match &page {
        Page::Index(start, count) => find_all_by_index(context, search, *start, *count, types).await?,
        Page::Cursor(cursor, count) => {
            find_all_by_cursor(context, search, cursor.as_deref(), *count, types).await?
        }
    };
    list_response(&page, found)
}

/// The resource types that can match the filter of a search of all types.
#[derive(Clone, Copy)]
struct Types {
    users: bool,
    groups: bool,
}

fn matching_types(context: &Context, search: &Search) -> Result<Types, ScimError> {
    let can_match = |kind, schema| {
        let filter = context.read(|reading| search.for_type(kind).filter(schema, reading))?;
        Ok(!filter.is_some_and(|filter| filter.matches_nothing()))
    };
    let users = can_match(ResourceType::User, User::SCHEMA)?;
    Ok(Types { users, groups: can_match(ResourceType::Group, Group::SCHEMA)? })
}

async fn find_all_by_index(
    context: &Context,
    search: &Search,
    start: usize,
    count: usize,
    types: Types,
) -> Result<Found, Problem> {
    let mut found = Found { total: Some(0), ..Found::default() };
    if types.users {
        found = find_of_type::<User>(context, search, &Page::Index(start, count), found.resources).await?;
    }
    if types.groups {
        let users = usize::try_from(found.total.unwrap_or(0)).unwrap_or(0);
        // Groups follow only after the last user. A page can contain fewer users than requested even if there are more.
        let is_last = start - 1 + found.resources.count() >= users;
        let rest = if is_last { count - found.resources.count() } else { 0 };
        let page = Page::Index(start.saturating_sub(users).max(1), rest);
        let groups = find_of_type::<Group>(context, search, &page, found.resources).await?;
        let total = found.total.zip(groups.total).map(|(users, groups)| users + groups);
        found = Found { total, ..groups };
    }
    Ok(found)
}

/// Finds a page by its cursor. A prefix marks the cursors of pages of groups.
async fn find_all_by_cursor(
    context: &Context,
    search: &Search,
    cursor: Option<&str>,
    count: usize,
    types: Types,
) -> Result<Found, Problem> {
    let in_groups = match cursor {
        None => (!types.users).then_some(None),
        Some(FIRST_GROUP) => Some(None),
        Some(cursor) => cursor.strip_prefix(GROUPS_PREFIX).map(|cursor| Some(cursor.to_owned())),
    };
    if let Some(cursor) = in_groups {
        let page = Page::Cursor(cursor, count);
        let found = find_of_type::<Group>(context, search, &page, PageItems::default()).await?;
        let next = found.next.map(|next| format!("{GROUPS_PREFIX}{next}"));
        return Ok(Found { next, total: None, ..found });
    }
    let page = Page::Cursor(cursor.map(str::to_owned), count);
    let found = find_of_type::<User>(context, search, &page, PageItems::default()).await?;
    let next = found.next.or(types.groups.then(|| FIRST_GROUP.to_owned()));
    Ok(Found { next, total: None, ..found })
}

/// The cursor of the first group.
const FIRST_GROUP: &str = "groups";
/// The prefix of the cursors after it.
const GROUPS_PREFIX: &str = "groups.";

/// A page of rendered resources.
#[derive(Default)]
struct Found {
    resources: PageItems,
    total: Option<i64>,
    next: Option<String>,
}

trait Listable: Resource {
    const KIND: ResourceType;
    /// A resource, with the values of other resources that its representation includes.
    type Loaded;

    /// Loads the values of other resources that the projection includes.
    async fn load_related(
        context: &Context,
        resources: Vec<Self>,
        projection: &Projection,
    ) -> Result<Vec<Self::Loaded>, Problem>;

    fn render(loaded: &Self::Loaded, view: &View<'_>) -> Map<String, Value>;

    fn id_of(loaded: &Self::Loaded) -> Uuid;
}

impl Listable for User {
    const KIND: ResourceType = ResourceType::User;
    type Loaded = Self;

    /// The query has already loaded the groups.
    async fn load_related(_: &Context, users: Vec<Self>, _: &Projection) -> Result<Vec<Self>, Problem> {
        Ok(users)
    }

    fn render(user: &Self, view: &View<'_>) -> Map<String, Value> {
        resource::render_user(user, view)
    }

    fn id_of(user: &Self) -> Uuid {
        user.id
    }
}

impl Listable for Group {
    const KIND: ResourceType = ResourceType::Group;
    type Loaded = (Self, Option<Vec<Member>>);

    async fn load_related(
        context: &Context,
        groups: Vec<Self>,
        projection: &Projection,
    ) -> Result<Vec<Self::Loaded>, Problem> {
        groups::load_members(context, groups, projection).await
    }

    fn render((group, members): &Self::Loaded, view: &View<'_>) -> Map<String, Value> {
        resource::render_group(group, members.as_deref(), view)
    }

    fn id_of((group, _): &Self::Loaded) -> Uuid {
        group.id
    }
}

/// Finds resources of one type in a search of all types.
async fn find_of_type<R: Listable>(
    context: &Context,
    search: &Search,
    page: &Page,
    found: PageItems,
) -> Result<Found, Problem> {
    find::<R>(context, &search.for_type(R::KIND), page, found).await
}

/// Finds resources and adds them to those already found.
async fn find<R: Listable>(
    context: &Context,
    search: &Search,
    page: &Page,
    mut found: PageItems,
) -> Result<Found, Problem> {
    let filter = context.read(|reading| search.filter(R::SCHEMA, reading))?;
    let sort = search.sort(R::SCHEMA)?;
    let projection = context.read(|reading| search.projection(R::KIND, reading))?;
    let source = context.view().source;
    let parts = ["scim", R::SCHEMA.plural, &sort.to_string(), search.filter_text(), source];
    let list = List::new(context.tenant(), &parts);
    let (after, skip, limit) = match page {
        Page::Index(start, count) => (None, Some(start - 1), *count),
        Page::Cursor(None, count) => (None, None, *count),
        Page::Cursor(Some(cursor), count) => (Some(position(list, cursor, sort)?), None, *count),
    };
    // With a cursor, the total is included only when it is known without counting.
    let total = skip.is_some() || filter.is_none() && sort.by.is_indexed();
    let (tenant, source) = (context.tenant(), source.to_owned().into());
    let max_groups = projection.includes("groups").then_some(MAX_GROUPS);
    let query =
        Query { tenant, filter, sort, after, skip, limit, total, max_groups, source, of: PhantomData };
    let mut page = context.list::<R>(query, &mut found.permit).await?;
    let loaded = R::load_related(context, std::mem::take(&mut page.items), &projection).await?;
    let (view, has_members) = (context.view(), projection.includes("members"));
    let rendered = loaded.iter().map(|loaded| projection.apply(R::render(loaded, &view)));
    // A client that pages by index could skip resources after a short page, as many advance by `count`.
    let count = match skip {
        Some(_) if has_members => found.extend_whole(rendered)?,
        Some(_) => found.extend_without(rendered, |resource| resource.get("groups"))?,
        None => found.extend(rendered)?,
    };
    if let Some(last) = loaded.get(..count).and_then(<[_]>::last).filter(|_| count < loaded.len()) {
        page.end_after(R::id_of(last));
    }
    Ok(Found { resources: found, total: page.total, next: page.next.map(|next| list.cursor(&next)) })
}

fn position(list: List, cursor: &str, sort: Sort) -> Result<Position, ScimError> {
    let position = list.position(cursor).ok().filter(|position| sort.accepts_key(position.key.as_ref()));
    position.ok_or_else(|| ScimType::InvalidCursor.error(sentence(InvalidCursor)))
}

/// A ListResponse (RFC 7644, section 3.4.2; RFC 9865, section 2).
fn list_response(page: &Page, found: Found) -> Result<HttpResponse, Problem> {
    let total = found.total.map(|total| ("totalResults", total.into()));
    let position = match page {
        Page::Index(start, _) => Some(("startIndex", (*start).into())),
        Page::Cursor(..) => found.next.map(|next| ("nextCursor", next.into())),
    };
    let count = ("itemsPerPage", found.resources.count().into());
    let rest = message(urn::LIST, total.into_iter().chain(position).chain([count]));
    let body = found.resources.into_object("Resources", &rest)?;
    Ok(HttpResponse::Ok().content_type(SCIM_JSON).body(body))
}
