//! The client's side of the contract: patience with 503, and the walk through a list.

use crate::support::http::{Answer, Client, Request};
use crate::support::percent_encoded;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How often one request may be refused before the server counts as gone.
const PATIENCE: u32 = 60;

/// The server as clients use it. Clones share the connections and the count.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) client: Client,
    refused: Arc<AtomicU64>,
}

impl Api {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, refused: Arc::default() }
    }

    /// Sends a request, and again as it is when it is refused: then nothing was done.
    pub(crate) async fn insist(&self, request: Request) -> Answer {
        for _ in 0..PATIENCE {
            let answer = request.send().await;
            if answer.code() != 503 {
                return answer;
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(retry_after(&answer)).await;
        }
        panic!("refused {PATIENCE} times: {request:?}");
    }

    /// How often clients were refused since this was last asked.
    pub(crate) fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }

    /// Reads the list of users from its start to its end, by pages of `limit` or of the default size.
    pub(crate) async fn walk(&self, limit: Option<usize>, mut see: impl FnMut(Uuid, &Value)) -> Walk {
        let mut walk = Walk::default();
        let first = limit.map_or("/users".to_owned(), |limit| format!("/users?limit={limit}"));
        let mut path = first.clone();
        let mut last = None;
        loop {
            let page = walk.page(self, &path, limit.unwrap_or(50)).await;
            for user in &page.items {
                let id = id_of(user);
                assert!(last < Some(id), "{id} comes after {last:?} in {path}");
                see(id, user);
                last = Some(id);
            }
            let Some(cursor) = page.next else { return walk };
            let sign = if limit.is_some() { '&' } else { '?' };
            path = format!("{first}{sign}cursor={}", percent_encoded(&cursor));
        }
    }
}

/// How long a refusal asks to wait.
pub(crate) fn retry_after(answer: &Answer) -> Duration {
    let seconds = answer.header("retry-after").and_then(|value| value.parse().ok());
    let seconds =
        seconds.unwrap_or_else(|| panic!("503 without Retry-After in seconds: {:?}", answer.headers));
    assert!(seconds <= 60, "Retry-After: {seconds}");
    Duration::from_secs(seconds)
}

/// The id of a user: a version 7 UUID, spelled as usual.
pub(crate) fn id_of(user: &Value) -> Uuid {
    let text = user["id"].as_str().unwrap_or_else(|| panic!("no id in {user}"));
    let id = Uuid::parse_str(text).unwrap_or_else(|error| panic!("{text} is no id: {error}"));
    assert_eq!((id.to_string().as_str(), id.get_version_num()), (text, 7));
    id
}

/// What a walk through the list cost.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) pages: u64,
    pub(crate) items: u64,
    /// The time in which a page was waited for, which leaves out the time in which it was compared.
    pub(crate) waited: Duration,
}

struct Page {
    items: Vec<Value>,
    next: Option<String>,
}

impl Walk {
    async fn page(&mut self, api: &Api, path: &str, most: usize) -> Page {
        let asked = Instant::now();
        let answer = api.insist(api.client.get(path)).await.expect(200);
        self.waited += asked.elapsed();
        let mut body = answer.json();
        let next =
            body.get("nextCursor").map(|cursor| cursor.as_str().expect("a cursor is a string").to_owned());
        let link = answer.header("link").is_some_and(|link| link.contains("rel=\"next\""));
        assert_eq!(link, next.is_some(), "the header Link against nextCursor, {path}");
        let Value::Array(items) = body["items"].take() else { panic!("no items in {path}") };
        // Without a filter there is no reason for an empty page, and one could go on for ever.
        assert!(items.len() <= most && (next.is_none() || !items.is_empty()), "{} in {path}", items.len());
        self.pages += 1;
        self.items += items.len() as u64;
        Page { items, next }
    }
}
