//! Lists (RFC 7644, section 3.4.2) and searches (section 3.4.3): of one type of resources, or of all.

use super::context::Context;
use super::openapi::{BODIES, BODY, example_of, examples, finding, json_of, keyed, projection, shape};
use super::response::{json, message};
use super::search::{Page, Search};
use super::{groups, users};
use crate::domain::cursor::{InvalidCursor, List};
use crate::domain::group::Group;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{ResourceType, ScimError, ScimType, urn};
use crate::domain::sort::Position;
use crate::domain::user::User;
use crate::http::body::JsonBody;
use crate::http::openapi::OperationDocs;
use crate::http::problem::Problem;
use crate::http::scim::resources::kind_of;
use crate::ops::listing::{self, Listed, Query};
use crate::ops::resource::Resource;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use std::marker::PhantomData;

/// `GET /Users`, `GET /Groups`
pub(super) async fn list(context: Context, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let search = Search::of_query(&request)?;
    page_of(&context, kind_of(&request), &search).await
}

pub(super) fn list_docs(kind: ResourceType) -> OperationDocs {
    let own = |name: &str| format!("scim{}{name}", kind.name());
    let (filter, sort, [only, without]) = (own("Filter"), own("SortBy"), projection(kind));
    let parameters = [&filter, &sort, "sortOrder", "startIndex", "count", "scimCursor", &only, &without];
    finding(kind, "list", &parameters)
        .describe("RFC 7644, section 3.4.2; by `cursor` RFC 9865: send it empty for the first page.")
}

/// `POST /Users/.search`, `POST /Groups/.search`
pub(super) async fn search(
    context: Context,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let search = Search::of_body(body.read(Ok)?, context.profile())?;
    page_of(&context, kind_of(&request), &search).await
}

pub(super) fn search_docs(kind: ResourceType) -> OperationDocs {
    finding(kind, "search", &[])
        .describe("As GET, with the parameters in the body (RFC 7644, section 3.4.3).")
        .body(BODIES, &format!("{}Search", shape(kind)), &examples::search())
        .errors(&BODY)
}

async fn page_of(context: &Context, kind: ResourceType, search: &Search) -> Result<HttpResponse, Problem> {
    let page = search.page()?;
    let found = match kind {
        ResourceType::User => find::<User>(context, search, &page).await?,
        ResourceType::Group => find::<Group>(context, search, &page).await?,
    };
    Ok(json(&answer(&page, found)))
}

/// `POST /.search`: users, and behind them groups. A type that does not have an attribute of the filter has nothing that
/// fulfils it.
pub(super) async fn search_all(context: Context, body: JsonBody) -> Result<HttpResponse, Problem> {
    let search = Search::of_body(body.read(Ok)?, context.profile())?;
    if search.names_order() {
        let detail = "sortBy can be asked of one type of resources only: search below /Users or /Groups";
        return Err(ScimType::InvalidValue.error(detail).into());
    }
    let users = search.filter(User::SCHEMA, context.profile());
    let groups = search.filter(Group::SCHEMA, context.profile());
    if let (Err(error), Err(_)) = (&users, &groups) {
        return Err(error.clone().into());
    }
    let (users, groups) = (users.is_ok(), groups.is_ok());
    search.check_names()?;
    let page = search.page()?;
    let found = match &page {
        Page::Index(start, count) => {
            let mut found = Found { total: Some(0), ..Found::default() };
            if users {
                found = find_of_kind::<User>(&context, &search, &Page::Index(*start, *count)).await?;
            }
            if groups {
                let before = usize::try_from(found.total.unwrap_or(0)).unwrap_or(0);
                let (start, left) = (start.saturating_sub(before).max(1), count - found.resources.len());
                let behind = find_of_kind::<Group>(&context, &search, &Page::Index(start, left)).await?;
                found.total = found.total.zip(behind.total).map(|(users, groups)| users + groups);
                found.resources.extend(behind.resources);
            }
            found
        }
        Page::Cursor(cursor, count) => {
            all_behind(&context, &search, cursor.as_deref(), *count, users, groups).await?
        }
    };
    Ok(json(&answer(&page, found)))
}

pub(super) fn search_all_docs() -> OperationDocs {
    let found = examples::list(ResourceType::ALL.map(example_of).into());
    keyed("searchScim", "Find users, and behind them groups", &[])
        .describe("A type that lacks an attribute of the filter finds nothing. `sortBy` is 400.")
        .body(BODIES, "ScimSearch", &examples::search())
        .response(200, "A page.", &[], json_of("ScimResources", &found))
        .errors(&BODY)
}

/// A page behind a cursor that says which type it is of.
async fn all_behind(
    context: &Context,
    search: &Search,
    cursor: Option<&str>,
    count: usize,
    users: bool,
    groups: bool,
) -> Result<Found, Problem> {
    let of_groups = match cursor {
        None => (!users).then_some(None),
        Some(FIRST_GROUP) => Some(None),
        Some(cursor) => cursor.strip_prefix(OF_GROUPS).map(|cursor| Some(cursor.to_owned())),
    };
    if let Some(cursor) = of_groups {
        let found = find_of_kind::<Group>(context, search, &Page::Cursor(cursor, count)).await?;
        let next = found.next.map(|next| format!("{OF_GROUPS}{next}"));
        return Ok(Found { next, total: None, ..found });
    }
    let page = Page::Cursor(cursor.map(str::to_owned), count);
    let found = find_of_kind::<User>(context, search, &page).await?;
    let next = found.next.or(groups.then(|| FIRST_GROUP.to_owned()));
    Ok(Found { next, total: None, ..found })
}

/// Where the groups begin, and what the cursors behind that begin with.
const FIRST_GROUP: &str = "groups";
const OF_GROUPS: &str = "groups.";

/// A page of resources, as they are shown.
#[derive(Default)]
struct Found {
    resources: Vec<Value>,
    total: Option<i64>,
    next: Option<String>,
}

/// A type of resources that is listed.
trait Shown: Resource {
    const KIND: ResourceType;

    /// Shows resources, with what must be looked up for that.
    async fn show(
        context: &Context,
        resources: Vec<Self>,
        projection: &Projection,
    ) -> Result<Vec<Map<String, Value>>, Problem>;
}

impl Shown for User {
    const KIND: ResourceType = ResourceType::User;

    async fn show(
        context: &Context,
        resources: Vec<Self>,
        projection: &Projection,
    ) -> Result<Vec<Map<String, Value>>, Problem> {
        users::show(context, &resources, projection).await
    }
}

impl Shown for Group {
    const KIND: ResourceType = ResourceType::Group;

    async fn show(
        context: &Context,
        resources: Vec<Self>,
        projection: &Projection,
    ) -> Result<Vec<Map<String, Value>>, Problem> {
        groups::show(context, resources, projection).await
    }
}

async fn find_of_kind<R: Shown>(context: &Context, search: &Search, page: &Page) -> Result<Found, Problem> {
    find::<R>(context, &search.of_kind(R::KIND), page).await
}

async fn find<R: Shown>(context: &Context, search: &Search, page: &Page) -> Result<Found, Problem> {
    let (filter, sort) = (search.filter(R::SCHEMA, context.profile())?, search.sort(R::SCHEMA)?);
    let projection = search.projection(R::KIND)?;
    let source = context.view().source;
    let parts = ["scim", R::SCHEMA.plural, &sort.to_string(), search.filter_text(), source];
    let list = List::new(context.tenant(), &parts);
    let (after, skip, limit) = match page {
        Page::Index(start, count) => (None, Some(start - 1), *count),
        Page::Cursor(None, count) => (None, None, *count),
        Page::Cursor(Some(cursor), count) => (Some(position(list, cursor, sort)?), None, *count),
    };
    // Behind a cursor only what is known without counting.
    let total = skip.is_some() || filter.is_none() && sort.by.is_indexed();
    let source = source.to_owned().into();
    let query =
        Query { tenant: context.tenant(), filter, sort, after, skip, limit, total, source, of: PhantomData };
    let origin = &context.caller().origin;
    let Listed { items, next, total } = listing::list::<R>(&context.state().database, origin, query).await?;
    let resources = R::show(context, items, &projection).await?.into_iter();
    let resources = resources.map(|resource| projection.apply(resource).into()).collect();
    Ok(Found { resources, total, next: next.map(|next| list.cursor(&next)) })
}

fn position(list: List, cursor: &str, sort: crate::domain::sort::Sort) -> Result<Position, ScimError> {
    let position = list.position(cursor).ok().filter(|position| sort.accepts_key(position.key.as_ref()));
    position.ok_or_else(|| ScimType::InvalidCursor.error(InvalidCursor.to_string()))
}

/// A ListResponse (RFC 7644, section 3.4.2; RFC 9865, section 2).
fn answer(page: &Page, found: Found) -> Map<String, Value> {
    let count = found.resources.len();
    let total = found.total.map(|total| ("totalResults", total.into()));
    let place = match page {
        Page::Index(start, _) => Some(("startIndex", (*start).into())),
        Page::Cursor(..) => found.next.map(|next| ("nextCursor", next.into())),
    };
    let resources = [("itemsPerPage", count.into()), ("Resources", found.resources.into())];
    message(urn::LIST, total.into_iter().chain(place).chain(resources))
}
