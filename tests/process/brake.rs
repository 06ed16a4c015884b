//! The brake of a connection on several servers, and its metrics.

use crate::process::check::check_finds_nothing;
use crate::process::metrics::scrape;
use crate::support::api::text;
use crate::support::database::Database;
use crate::support::http::{Client, Response};
use crate::support::server::Server;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The number of clients that send requests at the same time.
const CLIENTS: usize = 32;

const LIMIT: Duration = Duration::from_secs(60);

/// Two servers that share a database, and a connection with users.
struct Shared {
    database: Database,
    servers: [Server; 2],
    connection: Value,
    secret: String,
    users: Arc<Vec<String>>,
}

impl Shared {
    /// Creates the users with bulk requests of the connection.
    async fn start(brake: Value, users: usize) -> Self {
        let database = Database::postgres();
        let first = Server::builder(&database.url()).start();
        let second = Server::builder(&database.url()).start();
        let admin = Client::new(&first);
        let body = json!({ "name": "Okta", "brake": brake });
        let connection = admin.post("/connections", &body).send().await.expect(201).json();
        let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
        let token = admin.post(&tokens, &json!({})).send().await.expect(201).json();
        let secret = text(&token["secret"]).to_owned();
        let client = Client::new_with_key(&second, &secret);
        let create = |number: usize| {
            let data = json!({ "userName": format!("u{number}"), "externalId": format!("e{number}") });
            json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data })
        };
        let operations: Vec<_> = (0..users).map(create).collect();
        let created = client.post("/scim/v2/Bulk", &json!({ "Operations": operations })).send().await;
        let created = created.expect(200).json()["Operations"].clone();
        let path = |operation: &Value| {
            let id = text(&operation["location"]).rsplit('/').next().expect("the location has an id");
            format!("/scim/v2/Users/{id}")
        };
        let users = created.as_array().expect("a list").iter().map(path).collect();
        Self { database, servers: [first, second], connection, secret, users: Arc::new(users) }
    }

    fn admin(&self) -> Client {
        Client::new(&self.servers[0])
    }

    /// Sends a request for each user, [`CLIENTS`] of them at a time, alternately to both servers. Every third one deletes
    /// the user if `deletes`; the others deactivate it. Returns the number of responses with each status.
    async fn remove(&self, deletes: bool) -> BTreeMap<u16, usize> {
        let next = Arc::new(AtomicUsize::new(0));
        let clients = self.servers.each_ref().map(|server| Client::new_with_key(server, &self.secret));
        let mut tasks = JoinSet::new();
        for number in 0..CLIENTS {
            let (client, users, next) =
                (clients[number % 2].clone(), Arc::clone(&self.users), Arc::clone(&next));
            tasks.spawn(async move {
                let mut statuses = Vec::new();
                while let Some((index, path)) = take(&next, &users) {
                    statuses.push(remove(&client, path, deletes && index % 3 == 0).await.code());
                }
                statuses
            });
        }
        let mut counts = BTreeMap::new();
        for status in tasks.join_all().await.into_iter().flatten() {
            *counts.entry(status).or_default() += 1;
        }
        counts
    }

    async fn held(&self) -> Value {
        let path = format!("/connections/{}", text(&self.connection["id"]));
        self.admin().get(&path).send().await.expect(200).json()["held"].clone()
    }

    async fn release(&self, allow: usize) {
        let path = format!("/connections/{}/release", text(&self.connection["id"]));
        let released = self.admin().post(&path, &json!({ "allow": allow })).send().await.expect(200).json();
        assert_eq!(released["held"], Value::Null);
    }

    /// The numbers of changes of these types.
    fn changes(&self, types: &[&str]) -> Vec<i64> {
        let mut sql = self.database.sql();
        let count = |kind| format!("SELECT count(*) AS number FROM changes WHERE type = '{kind}'");
        types.iter().map(|kind| sql.number(&count(kind))).collect()
    }
}

fn take<'u>(next: &AtomicUsize, users: &'u [String]) -> Option<(usize, &'u str)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    users.get(index).map(|path| (index, path.as_str()))
}

async fn remove(client: &Client, path: &str, deletes: bool) -> Response {
    let operation = json!([{ "op": "replace", "path": "active", "value": false }]);
    let patch =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operation });
    match deletes {
        true => client.delete(path).send().await,
        false => client.request(Method::PATCH, path).json(&patch).send().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_exact_on_two_servers() {
    let shared = Shared::start(json!({ "users": 20, "percent": 10, "hours": 24 }), 400).await;
    let counts = shared.remove(false).await;
    // Ten percent of 400 users.
    assert_eq!(counts, BTreeMap::from([(200, 40), (429, 360)]));
    assert_eq!(shared.changes(&["user.updated", "connection.held"]), [40, 1]);
    assert_eq!(shared.held().await["count"], 40);
    // The provider sends everything again, including the 40 requests that succeeded and now change nothing.
    shared.release(100).await;
    assert_eq!(shared.remove(false).await, BTreeMap::from([(200, 140), (429, 260)]));
    assert_eq!(shared.changes(&["user.updated", "connection.held"]), [140, 2]);
    shared.release(260).await;
    assert_eq!(shared.remove(false).await, BTreeMap::from([(200, 400)]));
    assert_eq!(shared.held().await, Value::Null);
    assert_eq!(shared.changes(&["user.updated", "connection.held", "connection.released"]), [400, 2, 2]);
}

/// Deletions lock groups as well, in which the deleted users are members.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_deletions_on_two_servers_keep_the_limit() {
    let shared = Shared::start(json!({ "users": 20, "percent": 10 }), 300).await;
    let ids = |part: &[String]| part.iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect();
    for group in 0..5 {
        let body = json!({ "displayName": format!("g{group}") });
        let created = shared.admin().post("/groups", &body).send().await.expect(201).json();
        let members: Vec<String> = ids(&shared.users[group * 20..200 + group * 20]);
        let path = format!("/groups/{}/members", text(&created["id"]));
        shared.admin().post(&path, &json!({ "userIds": members })).send().await.expect(204);
    }
    let counts = shared.remove(true).await;
    let removed = counts.get(&200).unwrap_or(&0) + counts.get(&204).unwrap_or(&0);
    assert_eq!((removed, counts.get(&429)), (30, Some(&270)), "{counts:?}");
    assert_eq!(shared.changes(&["user.updated", "user.deleted"]).iter().sum::<i64>(), 30);
    assert_eq!(shared.held().await["count"], 30);
    // Refused deletions leave no trace in counters and digests.
    let url = shared.database.url();
    tokio::task::spawn_blocking(move || check_finds_nothing(&url)).await.expect("the check succeeds");
}

#[tokio::test(flavor = "multi_thread")]
async fn held_connections_are_measured() {
    let shared = Shared::start(json!({ "users": 3, "percent": 0 }), 10).await;
    assert_eq!(shared.remove(false).await, BTreeMap::from([(200, 3), (429, 7)]));
    let clients = shared.servers.each_ref().map(Client::new);
    let refused = async |client: &Client| scrape(client).await["roster_removals_refused_total"];
    assert_eq!(refused(&clients[0]).await + refused(&clients[1]).await, 7.0);
    for expected in [1.0, 0.0] {
        // Each server counts the connections of all tenants every 15 seconds.
        for client in &clients {
            let started = Instant::now();
            while scrape(client).await["roster_held_connections"] != expected {
                assert!(started.elapsed() < LIMIT, "the metric is not {expected}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        shared.release(0).await;
    }
}
