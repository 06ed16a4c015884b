//! A client that retries after 503, and reads complete lists.

use crate::support::http::{Client, Request, Response};
use crate::support::percent_encoded;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Number of 503 responses to one request after which the test fails.
const MAX_REFUSALS: u32 = 60;

/// A client of the server. Clones share the connections and the counter.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) client: Client,
    refused: Arc<AtomicU64>,
}

impl Api {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, refused: Arc::default() }
    }

    /// Sends a request, and repeats it after each 503, which means that nothing was written.
    pub(crate) async fn send(&self, request: Request) -> Response {
        for _ in 0..MAX_REFUSALS {
            let response = request.send().await;
            if response.code() != 503 {
                return response;
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(retry_after(&response)).await;
        }
        panic!("refused {MAX_REFUSALS} times: {request:?}");
    }

    /// Number of 503 responses since the last call.
    pub(crate) fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }

    /// Reads the complete list of users in pages of `limit` users, or of the default size.
    pub(crate) async fn list_all(
        &self,
        limit: Option<usize>,
        mut on_user: impl FnMut(Uuid, &Value),
    ) -> ListStats {
        let mut stats = ListStats::default();
        let first = limit.map_or("/users".to_owned(), |limit| format!("/users?limit={limit}"));
        let mut path = first.clone();
        let mut last = None;
        loop {
            let (users, cursor) = stats.page(self, &path, limit.unwrap_or(50)).await;
            for user in &users {
                let id = id_of(user);
                assert!(last < Some(id), "{id} comes after {last:?} in {path}");
                on_user(id, user);
                last = Some(id);
            }
            let Some(cursor) = cursor else { return stats };
            let sign = if limit.is_some() { '&' } else { '?' };
            path = format!("{first}{sign}cursor={}", percent_encoded(&cursor));
        }
    }
}

/// The delay that a 503 response requests.
pub(crate) fn retry_after(response: &Response) -> Duration {
    let seconds = response.header("retry-after").and_then(|value| value.parse().ok());
    let seconds =
        seconds.unwrap_or_else(|| panic!("503 without Retry-After in seconds: {:?}", response.headers));
    assert!(seconds <= 60, "Retry-After: {seconds}");
    Duration::from_secs(seconds)
}

/// The id of a user, which must be a version 7 UUID in its canonical form.
pub(crate) fn id_of(user: &Value) -> Uuid {
    let text = user["id"].as_str().unwrap_or_else(|| panic!("the user has no id: {user}"));
    let id = Uuid::parse_str(text).unwrap_or_else(|error| panic!("{text} is not a UUID: {error}"));
    assert_eq!((id.to_string().as_str(), id.get_version_num()), (text, 7));
    id
}

/// The size and the duration of a complete listing.
#[derive(Debug, Default)]
pub(crate) struct ListStats {
    pub(crate) pages: u64,
    pub(crate) items: u64,
    /// The time spent waiting for pages, without the time spent comparing them.
    pub(crate) waited: Duration,
}

impl ListStats {
    /// The users on a page, and the cursor of the next page.
    async fn page(&mut self, api: &Api, path: &str, most: usize) -> (Vec<Value>, Option<String>) {
        let start = Instant::now();
        let response = api.send(api.client.get(path)).await.expect(200);
        self.waited += start.elapsed();
        let mut body = response.json();
        let next =
            body.get("nextCursor").map(|cursor| cursor.as_str().expect("a cursor is a string").to_owned());
        let link = response.header("link").is_some_and(|link| link.contains("rel=\"next\""));
        assert_eq!(link, next.is_some(), "the Link header and nextCursor disagree, {path}");
        let Value::Array(items) = body["items"].take() else { panic!("the page has no items: {path}") };
        // A list without a filter has no empty pages, which could go on indefinitely.
        assert!(items.len() <= most && (next.is_none() || !items.is_empty()), "{} in {path}", items.len());
        self.pages += 1;
        self.items += items.len() as u64;
        (items, next)
    }
}
