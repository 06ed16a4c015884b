//! Reads all pages of a list.

use crate::oracle::request::Request;
use crate::oracle::users::Users;
use crate::support::http::Client;
use crate::support::percent_encoded;
use serde_json::{Value, json};
use std::sync::Arc;

/// Number of pages after which a list is assumed to be endless.
const MAX_PAGES: usize = 1_000;

/// A client of a server, and the users of that server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) users: Arc<Users>,
}

impl Server {
    async fn page(&self, target: &str) -> Result<Value, String> {
        let response = self.client.get(target).try_send().await;
        let response = response.map_err(|error| format!("no response: {error:?}"))?;
        match response.code() {
            200 => Ok(response.json()),
            other => Err(format!("{other} instead of 200: {}", response.text())),
        }
    }
}

/// The content of all pages.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) ids: Vec<String>,
    /// The total on each page, if it was requested.
    pub(crate) totals: Vec<Value>,
    pub(crate) pages: usize,
    /// Number of pages with fewer users than the limit, although another page follows.
    pub(crate) short: usize,
}

/// Follows `nextCursor` to the end.
///
/// # Errors
/// A description of a response that is invalid for any filter.
pub(crate) async fn read_pages(server: &Server, request: &Request, limit: usize) -> Result<Listed, String> {
    let first = request.target(limit);
    let (mut listed, mut target) = (Listed::default(), first.clone());
    while listed.pages < MAX_PAGES {
        let page = server.page(&target).await?;
        listed.take(&server.users, request, limit, &page)?;
        let Some(next) = page.get("nextCursor") else { return Ok(listed) };
        let next = next.as_str().ok_or_else(|| format!("nextCursor is not a string: {next}"))?;
        target = format!("{first}&cursor={}", percent_encoded(next));
    }
    Err(format!("the list does not end after {MAX_PAGES} pages"))
}

impl Listed {
    fn take(&mut self, users: &Users, request: &Request, limit: usize, page: &Value) -> Result<(), String> {
        let items = page["items"].as_array().ok_or_else(|| format!("the page has no items: {page}"))?;
        if items.len() > limit {
            return Err(format!("{} users on a page of at most {limit}", items.len()));
        }
        for item in items {
            let id = item["id"].as_str().ok_or_else(|| format!("the user has no id: {item}"))?;
            let user = users.with_id(id).ok_or_else(|| format!("unknown user: {item}"))?;
            let expected = if request.complete { user.shown.clone() } else { json!({ "id": id }) };
            if *item != expected {
                return Err(format!("received {item}\nexpected {expected}"));
            }
            self.ids.push(id.to_owned());
        }
        if request.total {
            self.totals.push(page["total"].clone());
        }
        self.pages += 1;
        self.short += usize::from(items.len() < limit && page.get("nextCursor").is_some());
        Ok(())
    }
}
