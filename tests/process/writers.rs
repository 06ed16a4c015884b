//! Clients that write while the database fails, and checks that every response reported the actual outcome.

use crate::support::http::{Client, Request, Response};
use crate::support::sql::Sql;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The meaning of the response to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// 503: nothing was written.
    Refused,
    /// 504: it is unknown whether the write was committed.
    Unknown,
}

/// The outcomes of creating a user and of the edit that follows a successful creation.
#[derive(Debug)]
struct Record {
    name: String,
    created: Outcome,
    edited: Option<Outcome>,
}

/// Tasks that create and edit users.
pub(crate) struct Writers {
    shared: Arc<Shared>,
    tasks: JoinSet<Vec<Record>>,
}

struct Shared {
    client: Client,
    /// Time limit of each response.
    limit: Duration,
    stop: AtomicBool,
    done: AtomicU64,
    refused: AtomicU64,
}

impl Writers {
    /// Starts tasks that write until [`Self::stop_and_check`].
    pub(crate) fn start(client: Client, count: usize, limit: Duration) -> Self {
        let counters = (AtomicU64::new(0), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        let shared = Arc::new(Shared { client, limit, stop, done: counters.0, refused: counters.1 });
        let mut writers = Self { shared: shared.clone(), tasks: JoinSet::new() };
        for number in 0..count {
            writers.tasks.spawn(write(shared.clone(), number));
        }
        writers
    }

    /// Waits until this many more writes are done.
    pub(crate) async fn wait_for_done(&self, more: u64) {
        wait_for_more(&self.shared.done, more).await;
    }

    /// Waits until this many more writes are refused.
    pub(crate) async fn wait_for_refused(&self, more: u64) {
        wait_for_more(&self.shared.refused, more).await;
    }

    /// Stops the tasks and compares the responses with the database.
    pub(crate) async fn stop_and_check(mut self, sql: &mut Sql) -> Summary {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut records = Vec::new();
        while let Some(joined) = self.tasks.join_next().await {
            records.extend(joined.expect("the task does not panic"));
        }
        check(&records, sql)
    }
}

async fn wait_for_more(counter: &AtomicU64, more: u64) {
    let (start, target) = (Instant::now(), counter.load(Ordering::Relaxed) + more);
    while counter.load(Ordering::Relaxed) < target {
        assert!(start.elapsed() < Duration::from_secs(20), "the writers make no progress");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn write(shared: Arc<Shared>, writer: usize) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0.. {
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("writer-{writer}-{number}");
        let body = json!({ "userName": name, "externalId": name, "emails": [{ "value": format!("{name}@example.com") }] });
        let (created, response) = shared.send(&shared.client.post("/users", &body)).await;
        let mut record = Record { name, created, edited: None };
        if created == Outcome::Done {
            let user = response.json();
            let path = format!("/users/{}", user["id"].as_str().expect("the user has an id"));
            let edit = shared.client.patch(&path, &json!({ "title": "edited" }));
            let (edited, response) = shared.send(&edit).await;
            assert!(edited != Outcome::Done || response.json()["version"] == 2, "{}", response.text());
            record.edited = Some(edited);
        }
        records.push(record);
    }
    records
}

impl Shared {
    async fn send(&self, request: &Request) -> (Outcome, Response) {
        let start = Instant::now();
        let response = request.send().await;
        let took = start.elapsed();
        assert!(took < self.limit, "a response took {took:?}: {}", response.text());
        let outcome = outcome(&response);
        match outcome {
            Outcome::Done => drop(self.done.fetch_add(1, Ordering::Relaxed)),
            Outcome::Refused => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Outcome::Unknown => {}
        }
        (outcome, response)
    }
}

/// The outcome that a response reports.
///
/// # Panics
/// If the response has a status other than success, 503 or 504, or lacks a required member or header.
#[track_caller]
pub(crate) fn outcome(response: &Response) -> Outcome {
    match response.code() {
        200 | 201 | 204 => Outcome::Done,
        503 => {
            assert!(response.header("retry-after").is_some(), "503 without Retry-After: {}", response.text());
            Outcome::Refused
        }
        504 => {
            assert_eq!(response.json()["code"], "outcome-unknown", "{}", response.text());
            Outcome::Unknown
        }
        other => panic!("{other}: {}", response.text()),
    }
}

/// The number of writes with each outcome.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) done: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
}

fn check(records: &[Record], sql: &mut Sql) -> Summary {
    let users = versions(sql);
    let mut summary = Summary::default();
    for record in records {
        for outcome in [Some(record.created), record.edited].into_iter().flatten() {
            *match outcome {
                Outcome::Done => &mut summary.done,
                Outcome::Refused => &mut summary.refused,
                Outcome::Unknown => &mut summary.unknown,
            } += 1;
        }
        let possible: &[Option<i64>] = match (record.created, record.edited) {
            (Outcome::Refused, _) => &[None],
            (Outcome::Unknown, _) => &[None, Some(1)],
            (Outcome::Done, Some(Outcome::Done)) => &[Some(2)],
            (Outcome::Done, Some(Outcome::Refused) | None) => &[Some(1)],
            (Outcome::Done, Some(Outcome::Unknown)) => &[Some(1), Some(2)],
        };
        let version = users.get(&record.name).copied();
        assert!(possible.contains(&version), "{record:?} has the version {version:?}");
    }
    let names: HashSet<_> = records.iter().map(|record| &record.name).collect();
    assert_eq!(records.len(), names.len());
    check_history(sql);
    summary
}

/// The version of each user, by `userName`.
fn versions(sql: &mut Sql) -> HashMap<String, i64> {
    let lines = sql.lines("SELECT user_name || ' ' || CAST(version AS text) AS line FROM users");
    let pair = |line: String| {
        let (name, version) = line.split_once(' ').expect("the line has two columns");
        (name.to_owned(), version.parse().expect("the version is a number"))
    };
    lines.into_iter().map(pair).collect()
}

/// Checks that every version has exactly one change, that revisions have no gaps, and that the counters are correct.
pub(crate) fn check_history(sql: &mut Sql) {
    let wrong = sql.lines(
        "SELECT u.user_name || ' ' || CAST(u.version AS text) AS line FROM users AS u WHERE u.version <> \
         (SELECT count(*) FROM changes AS c WHERE c.tenant_id = u.tenant_id AND c.resource_id = u.id)",
    );
    assert_eq!(wrong, Vec::<String>::new(), "users whose number of changes differs from their version");
    let differences = [
        (
            "the revision and the number of changes",
            "SELECT revision - (SELECT count(*) FROM changes) AS number FROM heads",
        ),
        (
            "the head and the newest change",
            "SELECT revision - (SELECT coalesce(max(revision), 0) FROM changes) AS number FROM heads",
        ),
        (
            "the counter and the number of users",
            "SELECT users - (SELECT count(*) FROM users) AS number FROM heads",
        ),
    ];
    for (values, difference) in differences {
        assert_eq!(sql.number(difference), 0, "the difference between {values}");
    }
}

/// Sends one request of each kind concerning an existing user. The writes can be repeated with another `number`.
/// Returns the kind, the response and the duration of each request.
pub(crate) async fn send_each_kind(
    client: &Client,
    path: &str,
    number: usize,
) -> Vec<(&'static str, Response, Duration)> {
    let name = format!("kind-{number}");
    let requests = [
        ("find", client.get(path)),
        ("list", client.get("/users?limit=5")),
        ("create", client.post("/users", &json!({ "userName": name }))),
        ("patch", client.patch(path, &json!({ "title": name }))),
        ("replace", client.put(path, &json!({ "userName": "existing", "nickName": name }))),
    ];
    let mut responses = Vec::new();
    for (kind, request) in requests {
        let start = Instant::now();
        let response = request.send().await;
        responses.push((kind, response, start.elapsed()));
    }
    responses
}
