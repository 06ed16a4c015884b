//! Pages of lists.

use super::params::Params;
use super::problem::Problem;
use super::response::{Response, not_serializable, write_json};
use crate::db::Permit;
use crate::domain::cursor::List;
use crate::ops::{PAGE_BYTES, Page, PageQuery};
use actix_web::HttpResponse;
use actix_web::http::header::LINK;
use serde::Serialize;
use serde_json::Value;
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
    ) -> Response {
        let mut items = PageItems::default();
        let count = items.extend(page.items.iter().map(represent))?;
        let more = page.more || count < page.items.len();
        let last = page.items.get(..count).and_then(<[T]>::last).filter(|_| more);
        page_response(path, &self.params, items, last.map(|item| self.list.id_cursor(id(item))), page.total)
    }
}

/// The items of a page as JSON. They are serialized one by one, so that the page can end before it exceeds its maximum
/// size.
#[derive(Default)]
pub(super) struct PageItems {
    /// The elements of the array, separated by commas.
    json: Vec<u8>,
    count: usize,
    /// The size of the parts that do not count towards the size of the page, in bytes.
    uncounted: usize,
    /// The permit to hold the items in memory, if they came from a list query.
    pub(super) permit: Option<Permit>,
}

/// The maximum size of the items, in bytes. It leaves room for the other members of a page, which are small.
const MAX_ITEMS: usize = PAGE_BYTES - 10_000;

impl PageItems {
    /// Appends items until the page is full, and returns the number of items that were appended. The first item of a page
    /// can have any size.
    pub(super) fn extend(
        &mut self,
        items: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<usize, Problem> {
        self.extend_to(MAX_ITEMS, items, write_json, |_| None)
    }

    /// Like [`Self::extend`], for items that `write` appends as JSON.
    pub(super) fn extend_written<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Vec<u8>, &T) -> serde_json::Result<()>,
    ) -> Result<usize, Problem> {
        self.extend_to(MAX_ITEMS, items, write, |_| None)
    }

    /// Like [`Self::extend`], but the part of an item that `part` returns does not count towards the size of the page.
    pub(super) fn extend_without<T: Serialize>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        part: impl Fn(&T) -> Option<&Value>,
    ) -> Result<usize, Problem> {
        self.extend_to(MAX_ITEMS, items, write_json, part)
    }

    /// Appends items without a limit.
    pub(super) fn extend_whole(
        &mut self,
        items: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<usize, Problem> {
        self.extend_to(usize::MAX, items, write_json, |_| None)
    }

    fn extend_to<T>(
        &mut self,
        limit: usize,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Vec<u8>, &T) -> serde_json::Result<()>,
        part: impl Fn(&T) -> Option<&Value>,
    ) -> Result<usize, Problem> {
        let before = self.count;
        for item in items {
            let end = self.json.len();
            self.uncounted += part(&item).map_or(0, |part| part.to_string().len());
            if self.count > 0 {
                self.json.push(b',');
            }
            write(&mut self.json, &item).map_err(|error| not_serializable(&error))?;
            if self.json.len().saturating_sub(self.uncounted) > limit && self.count > 0 {
                self.json.truncate(end);
                break;
            }
            self.count += 1;
        }
        Ok(self.count - before)
    }

    /// The number of items.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// An object with the array of items as its first member, followed by the members of `rest`.
    pub(super) fn into_object(self, name: &str, rest: &impl Serialize) -> Result<Vec<u8>, Problem> {
        let rest = serde_json::to_string(rest).map_err(|error| not_serializable(&error))?;
        let members = rest.strip_prefix('{').unwrap_or("}");
        let separator = if members == "}" { "" } else { "," };
        let start = format!("{{\"{name}\":[");
        Ok([start.as_bytes(), &self.json, b"]", separator.as_bytes(), members.as_bytes()].concat())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageRest {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// A page of the list at `path`, with a link to the next page.
pub(super) fn page_response(
    path: &str,
    params: &Params,
    items: PageItems,
    next_cursor: Option<String>,
    total: Option<i64>,
) -> Response {
    let mut response = HttpResponse::Ok();
    let next = next_cursor.as_ref().map(|cursor| params.next(path, cursor));
    // Many proxies refuse a response with a longer header. The body has the cursor as well.
    if let Some(next) = next.filter(|next| next.len() <= 4096) {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    let body = items.into_object("items", &PageRest { next_cursor, total })?;
    Ok(response.content_type("application/json").body(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Items of about a quarter of a page.
    fn quarters(count: usize) -> Vec<String> {
        vec!["x".repeat(PAGE_BYTES / 4); count]
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_but_not_before_its_first_item() {
        let mut items = PageItems::default();
        assert_eq!(items.extend(quarters(2)).ok(), Some(2));
        assert_eq!(items.extend(quarters(2)).ok(), Some(1));
        assert_eq!(items.extend_whole(quarters(2)).ok(), Some(2));
        assert_eq!(items.count(), 5);
        let mut partly = PageItems::default();
        let items = vec![json!({ "large": quarters(2), "small": quarters(1) }); 4];
        assert_eq!(partly.extend_without(items, |item| item.get("large")).ok(), Some(3));
        let mut single = PageItems::default();
        assert_eq!(single.extend([quarters(8), quarters(1)]).ok(), Some(1));
    }

    #[test]
    fn items_are_the_first_member_of_the_object() {
        let object = |items: Vec<i32>, rest: serde_json::Value| {
            let mut all = PageItems::default();
            assert_eq!(all.extend(&items).ok(), Some(items.len()));
            String::from_utf8(all.into_object("items", &rest).ok().unwrap()).unwrap()
        };
        assert_eq!(object(vec![], json!({})), r#"{"items":[]}"#);
        assert_eq!(object(vec![1, 2], json!({})), r#"{"items":[1,2]}"#);
        assert_eq!(object(vec![1], json!({"total": 1})), r#"{"items":[1],"total":1}"#);
    }
}
