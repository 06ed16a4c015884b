//! Clients that write while something happens to the database, and the check that the server told the truth.

use crate::support::http::{Answer, Client, Request};
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What an answer says about a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// 503: nothing was done.
    Refused,
    /// 504: nobody knows.
    Unknown,
}

/// What became of one user: its creation, and the one edit after it.
#[derive(Debug)]
struct Record {
    name: String,
    created: Outcome,
    edited: Option<Outcome>,
}

/// Writers at work.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    writers: JoinSet<Vec<Record>>,
}

struct Shared {
    client: Client,
    /// No answer may take longer.
    limit: Duration,
    stop: AtomicBool,
    done: AtomicU64,
    refused: AtomicU64,
}

impl Crew {
    /// Sends in writers that go on until they are called back.
    pub(crate) fn send_in(client: Client, writers: usize, limit: Duration) -> Self {
        let counters = (AtomicU64::new(0), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        let shared = Arc::new(Shared { client, limit, stop, done: counters.0, refused: counters.1 });
        let mut crew = Self { shared: shared.clone(), writers: JoinSet::new() };
        for writer in 0..writers {
            crew.writers.spawn(write(shared.clone(), writer));
        }
        crew
    }

    /// Waits until so many more writes are done.
    pub(crate) async fn wait_for_done(&self, more: u64) {
        let from = self.shared.done.load(Ordering::Relaxed);
        self.wait(&self.shared.done, from + more).await;
    }

    /// Waits until so many more writes are refused.
    pub(crate) async fn wait_for_refused(&self, more: u64) {
        let from = self.shared.refused.load(Ordering::Relaxed);
        self.wait(&self.shared.refused, from + more).await;
    }

    async fn wait(&self, counter: &AtomicU64, wanted: u64) {
        let since = Instant::now();
        while counter.load(Ordering::Relaxed) < wanted {
            assert!(since.elapsed() < Duration::from_secs(20), "the writers do not come on");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Calls the writers back and compares what they were told with what the database has.
    pub(crate) async fn check(mut self, sql: &mut Sql) -> Summary {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut records = Vec::new();
        while let Some(joined) = self.writers.join_next().await {
            records.extend(joined.expect("a writer without complaints"));
        }
        check(&records, sql)
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
        let (created, answer) = shared.send(&shared.client.post("/users", &body)).await;
        let mut record = Record { name, created, edited: None };
        if created == Outcome::Done {
            let user = answer.json();
            let path = format!("/users/{}", user["id"].as_str().expect("an id"));
            let (edited, answer) =
                shared.send(&shared.client.patch(&path, &json!({ "title": "edited" }))).await;
            assert!(edited != Outcome::Done || answer.json()["version"] == 2, "{}", answer.text());
            record.edited = Some(edited);
        }
        records.push(record);
    }
    records
}

impl Shared {
    async fn send(&self, request: &Request) -> (Outcome, Answer) {
        let since = Instant::now();
        let answer = request.send().await;
        assert!(since.elapsed() < self.limit, "an answer took {:?}: {}", since.elapsed(), answer.text());
        let outcome = outcome(&answer);
        match outcome {
            Outcome::Done => drop(self.done.fetch_add(1, Ordering::Relaxed)),
            Outcome::Refused => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Outcome::Unknown => {}
        }
        (outcome, answer)
    }
}

/// What an answer to a write says. Nothing but these may come, whatever happens to the database.
#[track_caller]
pub(crate) fn outcome(answer: &Answer) -> Outcome {
    let code = || answer.json()["code"].as_str().map(str::to_owned).expect("the code of a problem");
    match answer.code() {
        200 | 201 | 204 => Outcome::Done,
        503 => {
            assert!(answer.header("retry-after").is_some(), "503 without Retry-After: {}", answer.text());
            Outcome::Refused
        }
        504 => {
            assert_eq!(code(), "outcome-unknown", "{}", answer.text());
            Outcome::Unknown
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

/// How many writes came to what.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) done: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
}

fn check(records: &[Record], sql: &mut Sql) -> Summary {
    let users = users(sql);
    let mut summary = Summary::default();
    for record in records {
        for outcome in [Some(record.created), record.edited].into_iter().flatten() {
            *match outcome {
                Outcome::Done => &mut summary.done,
                Outcome::Refused => &mut summary.refused,
                Outcome::Unknown => &mut summary.unknown,
            } += 1;
        }
        let versions: &[Option<i64>] = match (record.created, record.edited) {
            (Outcome::Refused, _) => &[None],
            (Outcome::Unknown, _) => &[None, Some(1)],
            (Outcome::Done, Some(Outcome::Done)) => &[Some(2)],
            (Outcome::Done, Some(Outcome::Refused) | None) => &[Some(1)],
            (Outcome::Done, Some(Outcome::Unknown)) => &[Some(1), Some(2)],
        };
        let version = users.get(&record.name).copied();
        assert!(versions.contains(&version), "{record:?} has the version {version:?}");
    }
    assert_eq!(
        records.len(),
        records.iter().map(|r| &r.name).collect::<std::collections::HashSet<_>>().len()
    );
    check_history(sql);
    summary
}

/// Versions by name.
fn users(sql: &mut Sql) -> HashMap<String, i64> {
    let lines = sql.lines("SELECT user_name || ' ' || CAST(version AS text) AS line FROM users");
    let pair = |line: String| {
        let (name, version) = line.split_once(' ').expect("a name and a version");
        (name.to_owned(), version.parse().expect("a version"))
    };
    lines.into_iter().map(pair).collect()
}

/// Every version has its one change, revisions are without gaps, and the counters are right.
pub(crate) fn check_history(sql: &mut Sql) {
    let wrong = sql.lines(
        "SELECT u.user_name || ' ' || CAST(u.version AS text) AS line FROM users AS u WHERE u.version <> \
         (SELECT count(*) FROM changes AS c WHERE c.tenant_id = u.tenant_id AND c.resource_id = u.id)",
    );
    assert_eq!(wrong, Vec::<String>::new(), "users whose changes are not as many as their versions");
    let facts = [
        (
            "as many changes as revisions",
            "SELECT revision - (SELECT count(*) FROM changes) AS number FROM heads",
        ),
        (
            "the newest change is the head",
            "SELECT revision - (SELECT coalesce(max(revision), 0) FROM changes) AS number FROM heads",
        ),
        ("the counter of users", "SELECT users - (SELECT count(*) FROM users) AS number FROM heads"),
    ];
    for (fact, difference) in facts {
        assert_eq!(sql.number(difference), 0, "{fact}");
    }
}

/// Every kind of request on one existing user; the writes leave nothing that a repetition would trip over.
pub(crate) async fn every_kind(
    client: &Client,
    path: &str,
    number: usize,
) -> Vec<(&'static str, Answer, Duration)> {
    let name = format!("kind-{number}");
    let body: Value = json!({ "userName": name });
    let title = json!({ "title": name });
    let requests = [
        ("find", client.get(path)),
        ("list", client.get("/users?limit=5")),
        ("create", client.post("/users", &body)),
        ("patch", client.patch(path, &title)),
        ("replace", client.put(path, &json!({ "userName": "kept" }))),
    ];
    let mut answers = Vec::new();
    for (kind, request) in requests {
        let since = Instant::now();
        let answer = request.send().await;
        answers.push((kind, answer, since.elapsed()));
    }
    answers
}
