//! Pages of lists.

use super::params::Params;
use super::problem::Problem;
use crate::domain::cursor::List;
use crate::ops::{Page, PageQuery};
use actix_web::HttpResponse;
use actix_web::http::header::LINK;
use serde::Serialize;
use uuid::Uuid;

/// The query of a list that is sorted by id.
pub(super) struct IdList {
    params: Params,
    list: List,
    pub(super) page: PageQuery,
}

impl IdList {
    pub(super) fn of(mut params: Params, list: List) -> Result<Self, Problem> {
        let (limit, total, after) =
            (params.limit()?, params.flag("include", "total")?, params.id_cursor(list)?);
        params.finish()?;
        Ok(Self { params, list, page: PageQuery { after, limit, total } })
    }

    /// The response with a page of the list at `path`.
    pub(super) fn respond<'p, T, S: Serialize>(
        &self,
        path: &str,
        page: &'p Page<T>,
        id: impl FnOnce(&T) -> Uuid,
        represent: impl Fn(&'p T) -> S,
    ) -> HttpResponse {
        let next = page.items.last().filter(|_| page.more).map(|item| self.list.id_cursor(id(item)));
        let items: Vec<S> = page.items.iter().map(represent).collect();
        page_response(path, &self.params, &items, next, page.total)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageBody<'p, T> {
    items: &'p [T],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// A page of the list at `path`, with a link to the next page.
pub(super) fn page_response<T: Serialize>(
    path: &str,
    params: &Params,
    items: &[T],
    next_cursor: Option<String>,
    total: Option<i64>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let next = next_cursor.as_ref().map(|cursor| params.next(path, cursor));
    // Many proxies refuse a response with a longer header. The body has the cursor as well.
    if let Some(next) = next.filter(|next| next.len() <= 4096) {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(PageBody { items, next_cursor, total })
}
