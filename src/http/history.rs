//! The changes of one user or group, and the lists at a point in the history.

use super::context::{Context, Reader};
use super::endpoint::{self, Url, get};
use super::openapi::{OperationDocs, ResourceDocs, examples};
use super::pages::{PageItems, page_response};
use super::params::Params;
use super::path::PathId;
use super::resources::Native;
use super::response::Response;
use crate::domain::cursor::List;
use crate::domain::filter::Value;
use crate::domain::point::Point;
use crate::domain::sort::Position;
use crate::ops::history::ResourceChanges;
use std::marker::PhantomData;
use uuid::Uuid;

/// Identifies a list that belongs to the resource `id`, as it was at a point.
pub(super) fn list(tenant: Uuid, name: &str, id: Uuid, at: Option<Point>) -> List {
    let (id, at) = (id.to_string(), at.map(|at| at.to_string()));
    let parts: Vec<_> = [name, &id].into_iter().chain(at.as_deref()).collect();
    List::new(tenant, &parts)
}

/// The URL of the changes of a resource.
pub(super) fn url<R: Native>() -> Url {
    let path = format!("{}/{{id}}/changes", R::PATH);
    endpoint::url(path, [get(changes::<R>).compressed().docs(changes_docs::<R>)])
}

/// `GET /users/{id}/changes`, `GET /groups/{id}/changes`
async fn changes<R: Native>(context: Context<Reader>, PathId(id): PathId, mut params: Params) -> Response {
    let tenant = context.tenant();
    let list = List::new(tenant, &["changes", R::SCHEMA.plural, &id.to_string()]);
    let (limit, before) = (params.limit()?, params.revision_cursor(list)?);
    params.finish()?;
    let _permit = context.permit_to_read().await?;
    let page = context.call(ResourceChanges::<R> { tenant, id, before, limit, of: PhantomData }).await?;
    let mut items = PageItems::default();
    let count = items.extend(&page.items)?;
    let has_more = page.more || count < page.items.len();
    let last = page.items.get(..count).and_then(<[_]>::last).filter(|_| has_more);
    let position = |revision| Position { key: Some(Value::Integer(revision)), id };
    let next = last.map(|change| list.cursor(&position(change.revision)));
    page_response(&format!("{}/{id}/changes", R::PATH), &params, items, next, None)
}

fn changes_docs<R: Native>() -> OperationDocs {
    let ResourceDocs { name, tag, .. } = R::DOCS.resource;
    let noun = R::DOCS.resource.noun();
    OperationDocs::keyed(
        &format!("list{name}Changes"),
        tag,
        &format!("List the changes of a {noun}"),
        &["id", "limit", "cursor"],
    )
    .describe(&format!(
        "The retained changes of the {noun} and of its memberships, newest first. A {noun} that has been deleted has \
         changes, too."
    ))
    .json(200, "A page of changes.", &["Link"], "ChangePage", &examples::page("changes", examples::change()))
}
