//! SIGKILL of a server under 32 writers: no acknowledged write is lost, and none takes effect twice.
//!
//! The id of a request is stored with its changes, so the feed shows how often each write took effect. After each
//! restart, the writers repeat the write that was in flight, as clients do.

use crate::process::check::check_finds_nothing;
use crate::process::writers::check_history;
use crate::support::api::text;
use crate::support::block_on;
use crate::support::database::{Database, on_both_engines};
use crate::support::http::{Client, Request, Response};
use crate::support::server::Server;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

on_both_engines!(Database: writes_interrupted_by_a_kill_take_effect_once);

/// `ROSTER_KILL_ROUNDS` sets another number of kills.
const ROUNDS: usize = 10;
const WRITERS: usize = 32;
/// The maximum number of acknowledged writes before a kill.
const MAX_WRITES: u128 = 600;

fn writes_interrupted_by_a_kill_take_effect_once(database: &Database) {
    let rounds = std::env::var("ROSTER_KILL_ROUNDS")
        .map_or(ROUNDS, |rounds| rounds.parse().expect("ROSTER_KILL_ROUNDS is a number"));
    let (mut head, mut total, mut carried_out) = (0, 0, 0);
    let mut server = Server::builder(&database.url()).start();
    block_on(async {
        for round in 0..rounds {
            let (mut acknowledged, interrupted) = write_until_killed(&mut server, round).await;
            server = Server::builder(&database.url()).start();
            let client = Client::new(&server);
            client.get("/readyz").send().await.expect(200);
            total += acknowledged.len();
            carried_out += repeat(&client, &interrupted).await;
            acknowledged.extend(interrupted);
            head = check_changes(&client, head, &acknowledged).await;
            check_finds_nothing(&database.url());
        }
    });
    check_history(&mut database.sql());
    eprintln!(
        "{rounds} kills: {total} writes acknowledged; {carried_out} of {} interrupted writes had been carried out",
        rounds * WRITERS
    );
}

/// A write whose request id is unique.
struct Write {
    id: String,
    request: Box<dyn Fn(&Client) -> Request + Send + Sync>,
    /// The types of its changes.
    changes: &'static [&'static str],
}

impl Write {
    async fn try_send(&self, client: &Client) -> Result<Response, reqwest::Error> {
        (self.request)(client).header("x-request-id", &self.id).try_send().await
    }
}

/// Writes from 32 clients, and kills the server at a random moment. Returns the acknowledged writes, and for each client
/// the one that was in flight.
async fn write_until_killed(server: &mut Server, round: usize) -> (Vec<Write>, Vec<Write>) {
    let (client, count) = (Client::new(server), Arc::new(AtomicUsize::new(0)));
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let (client, count) = (client.clone(), count.clone());
        writers.spawn(Writer { client, count, done: Vec::new() }.run(format!("{round}-{number}")));
    }
    // The last bits of a UUID are random.
    let writes = Uuid::now_v7().as_u128() % MAX_WRITES + 1;
    wait_for(&count, usize::try_from(writes).expect("the number is small")).await;
    server.kill();
    let (acknowledged, interrupted): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().unzip();
    (acknowledged.into_iter().flatten().collect(), interrupted)
}

async fn wait_for(count: &AtomicUsize, target: usize) {
    let since = Instant::now();
    while count.load(Ordering::SeqCst) < target {
        assert!(since.elapsed() < Duration::from_secs(60), "the writers make no progress");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// A client that writes until its connection breaks.
struct Writer {
    client: Client,
    /// The number of acknowledged writes of all writers.
    count: Arc<AtomicUsize>,
    done: Vec<Write>,
}

impl Writer {
    /// Returns the acknowledged writes, and the interrupted one.
    async fn run(mut self, name: String) -> (Vec<Write>, Write) {
        let mut number = 0;
        loop {
            if let Err(interrupted) = self.write_each_kind(&format!("{name}-{number}"), number).await {
                return (self.done, *interrupted);
            }
            number += 1;
        }
    }

    async fn write_each_kind(&mut self, name: &str, number: usize) -> Result<(), Box<Write>> {
        let group = json!({ "displayName": name, "externalId": name });
        let group = self.create("/groups", &["group.created"], name, group).await?;
        let emails = json!([{ "value": format!("{name}@example.com") }]);
        let user = json!({ "userName": name, "externalId": name, "emails": emails });
        let id = self.create("/users", &["user.created"], name, user).await?;
        let (user, member) = (format!("/users/{id}"), format!("/groups/{group}/members/{id}"));
        let (edited, added) = (user.clone(), member.clone());
        self.write(&["user.updated"], move |client| {
            client.patch(&edited, &json!({ "title": "edited" })).header("if-match", "\"1\"")
        })
        .await?;
        self.write(&["member.added"], move |client| client.request(Method::PUT, &added)).await?;
        let mut deletion: &[_] = &["member.removed", "user.deleted"];
        if number.is_multiple_of(2) {
            self.write(&["member.removed"], move |client| client.delete(&member)).await?;
            deletion = &["user.deleted"];
        }
        self.write(deletion, move |client| client.delete(&user).header("if-match", "\"2\"")).await?;
        self.write_scim(name).await
    }

    /// Creates a user over SCIM and deactivates it.
    async fn write_scim(&mut self, name: &str) -> Result<(), Box<Write>> {
        let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
        let id = self.create("/scim/v2/Users", &["user.created"], name, user).await?;
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        });
        let (path, patch) = (format!("/scim/v2/Users/{id}"), patch.to_string());
        let deactivate = move |client: &Client| {
            client.request(Method::PATCH, &path).body("application/scim+json", patch.clone())
        };
        self.write(&["user.updated"], deactivate).await.map(drop)
    }

    /// Creates a resource whose idempotency key is its name, and returns its id.
    async fn create(
        &mut self,
        path: &'static str,
        changes: &'static [&'static str],
        name: &str,
        body: Value,
    ) -> Result<String, Box<Write>> {
        let key = name.to_owned();
        let create = move |client: &Client| client.post(path, &body).header("idempotency-key", &key);
        let created = self.write(changes, create).await?;
        Ok(created.json()["id"].as_str().expect("the resource has an id").to_owned())
    }

    /// Sends a write. The error is the write if no response arrives.
    async fn write(
        &mut self,
        changes: &'static [&'static str],
        request: impl Fn(&Client) -> Request + Send + Sync + 'static,
    ) -> Result<Response, Box<Write>> {
        let write = Write { id: Uuid::now_v7().to_string(), request: Box::new(request), changes };
        match write.try_send(&self.client).await {
            Ok(response) => {
                assert!(response.status.is_success(), "{}", response.text());
                self.count.fetch_add(1, Ordering::SeqCst);
                self.done.push(write);
                Ok(response)
            }
            Err(_) => Err(Box::new(write)),
        }
    }
}

/// Concurrently repeats the interrupted writes. Returns the number of those that are known to have taken effect before.
async fn repeat(client: &Client, interrupted: &[Write]) -> usize {
    let mut carried_out = 0;
    for response in join_all(interrupted.iter().map(|write| write.try_send(client))).await {
        let response = response.expect("a response arrives");
        match response.code() {
            200 | 201 | 204 => carried_out += usize::from(response.header("idempotency-replayed").is_some()),
            // Deleted, or changed since the version in `If-Match`.
            404 | 412 => carried_out += 1,
            other => panic!("{other}: {}", response.text()),
        }
    }
    carried_out
}

/// Checks that the feed after `head` has the changes of each write once, and no others. Returns the new head.
async fn check_changes(client: &Client, mut head: u64, writes: &[Write]) -> u64 {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    loop {
        let feed = client.get(&format!("/changes?after={head}&limit=500")).send().await.expect(200).json();
        let items = feed["items"].as_array().expect("the feed has items");
        if items.is_empty() {
            break;
        }
        for change in items {
            head += 1;
            assert_eq!(change["revision"], head, "revisions have no gaps");
            found
                .entry(text(&change["requestId"]).to_owned())
                .or_default()
                .push(text(&change["type"]).to_owned());
        }
    }
    for write in writes {
        let changes = found.remove(&write.id).unwrap_or_default();
        assert_eq!(changes, write.changes, "the changes of {}", write.id);
    }
    assert!(found.is_empty(), "changes of unknown requests: {found:?}");
    head
}
