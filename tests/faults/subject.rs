//! A server under a fault, and the promises that hold for every fault.

use crate::process::check::check_finds_nothing;
use crate::process::writers::{Outcome, outcome, send_each_kind};
use crate::support::api::send_concurrently;
use crate::support::http::{Client, Response};
use crate::support::server::{Builder, Server};
use crate::support::sql::Sql;
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Time limit of a response: the deadline of the server, plus a margin for a loaded machine.
const RESPONSE_LIMIT: Duration = Duration::from_secs(6);

/// Time limit for the server to report a fault, and to recover after its cause is gone.
const LIMIT: Duration = Duration::from_secs(20);

/// The requests that a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affected {
    /// Every read and every write is refused.
    Everything,
    /// Every write is refused, and every read succeeds.
    Writes,
    /// Some writes are refused, and every read succeeds.
    SomeWrites,
}

/// A server to which a test does harm.
pub(crate) struct Subject {
    pub(crate) client: Client,
    pub(crate) server: Server,
    /// The path of an existing user.
    pub(crate) user: String,
    /// The URL of the database, without a proxy.
    database: String,
    rounds: AtomicUsize,
    /// The names of the users that requests tried to create, with the outcomes.
    creations: Mutex<Vec<(String, Outcome)>>,
}

/// Builds a server whose requests have a short deadline, with one connection for each kind of read.
pub(crate) fn builder(url: &str) -> Builder {
    Server::builder(url).env("ROSTER_REQUEST_DEADLINE", "2s").env("ROSTER_DATABASE_READERS", "1")
}

impl Subject {
    /// Starts a server on a database, and sends it requests of each kind, so that all its connections are open.
    pub(crate) async fn start(url: &str) -> Self {
        Self::start_with(builder(url), url).await
    }

    /// Starts a server. `database` is the URL of its database without a proxy.
    pub(crate) async fn start_with(builder: Builder, database: &str) -> Self {
        let server = builder.start();
        let client = Client::new(&server);
        let user = client.post("/users", &json!({ "userName": "existing" })).send().await.expect(201).json();
        let user = format!("/users/{}", user["id"].as_str().expect("the user has an id"));
        let (database, rounds) = (database.to_owned(), AtomicUsize::default());
        let subject = Self { client, server, user, database, rounds, creations: Mutex::default() };
        subject.ready().await.expect(200);
        assert!(subject.all_succeed().await, "requests are refused before the fault");
        subject
    }

    /// Opens all connections to PostgreSQL. Requires one reader.
    pub(crate) async fn open_all_connections(&self, sql: &mut Sql) {
        let open = "SELECT count(*) AS number FROM pg_stat_activity \
                    WHERE datname = current_database() AND application_name = 'roster'";
        let since = Instant::now();
        // One for rows, one for pages, and two for writes.
        while sql.number(open) < 4 {
            let create = || self.client.post("/users", &json!({ "userName": Uuid::now_v7() }));
            for response in send_concurrently(8, |_| create()).await {
                response.expect(201);
            }
            assert!(since.elapsed() < LIMIT, "the server does not open its connections");
        }
    }

    /// Kills the server, if it still runs, and starts another one on the same database.
    pub(crate) fn restart_with(&mut self, builder: Builder) {
        self.server.kill();
        self.server = builder.start();
        self.client = Client::new(&self.server);
    }

    /// `GET /readyz`.
    pub(crate) async fn ready(&self) -> Response {
        self.client.get("/readyz").send().await
    }

    /// Sends a request of each kind, and returns their outcomes.
    ///
    /// # Panics
    /// If a response breaks the contract: 503 with `Retry-After` means that nothing was done, and 504 that a write may have
    /// been. An invalid request is the client's mistake under any fault.
    pub(crate) async fn send(&self) -> Vec<(&'static str, Outcome)> {
        let number = self.rounds.fetch_add(1, Ordering::Relaxed);
        let mut outcomes = Vec::new();
        for (kind, response, took) in send_each_kind(&self.client, &self.user, number).await {
            assert!(took < RESPONSE_LIMIT, "{kind} took {took:?}: {}", response.text());
            let outcome = outcome(&response);
            assert!(outcome != Outcome::Unknown || !is_read(kind), "{kind}: {}", response.text());
            if kind == "create" {
                self.creations.lock().expect("no test panics").push((format!("kind-{number}"), outcome));
            }
            outcomes.push((kind, outcome));
        }
        self.client.post("/users", &json!({})).send().await.expect(422);
        self.client.get("/livez").send().await.expect(200);
        outcomes
    }

    /// Whether a request of each kind succeeds.
    pub(crate) async fn all_succeed(&self) -> bool {
        self.send().await.iter().all(|(_, outcome)| *outcome == Outcome::Done)
    }

    /// Waits until `/readyz` reports the fault, and checks the responses while it lasts. Returns the reported reason.
    pub(crate) async fn check_fault(&self, affected: Affected) -> String {
        let since = Instant::now();
        while self.ready().await.code() == 200 {
            self.send().await;
            assert!(since.elapsed() < LIMIT, "the server is ready despite the fault");
        }
        for _ in 0..2 {
            for (kind, outcome) in self.send().await {
                let expected = match affected {
                    Affected::Everything => outcome != Outcome::Done,
                    _ if is_read(kind) => outcome == Outcome::Done,
                    Affected::Writes => outcome != Outcome::Done,
                    Affected::SomeWrites => true,
                };
                assert!(expected, "{kind}: {outcome:?}");
            }
        }
        let ready = self.ready().await.expect(503);
        assert!(ready.header("retry-after").is_some());
        ready.json()["detail"].as_str().expect("a problem has a detail").to_owned()
    }

    /// Waits until the server works again after the cause of the fault is gone, and checks that no response was wrong about
    /// its outcome.
    pub(crate) async fn check_recovery(&self) {
        let since = Instant::now();
        while !self.all_succeed().await || self.ready().await.code() != 200 {
            assert!(since.elapsed() < LIMIT, "no recovery within {LIMIT:?}");
        }
        for _ in 0..5 {
            assert!(self.all_succeed().await, "requests fail again after the recovery");
        }
        self.ready().await.expect(200);
        self.check_creations().await;
        check_finds_nothing(&self.database);
    }

    /// Checks that every acknowledged user exists, and no refused one.
    async fn check_creations(&self) {
        let creations = self.creations.lock().expect("no test panics").clone();
        for (name, outcome) in creations {
            let path = format!("/users?filter=userName%20eq%20%22{name}%22");
            let found = self.client.get(&path).send().await.expect(200).json();
            let count = found["items"].as_array().expect("the list has items").len();
            match outcome {
                Outcome::Done => assert_eq!(count, 1, "{name} was acknowledged"),
                Outcome::Refused => assert_eq!(count, 0, "{name} was refused"),
                Outcome::Unknown => assert!(count <= 1, "{name} exists several times"),
            }
        }
    }
}

fn is_read(kind: &str) -> bool {
    matches!(kind, "find" | "list")
}
