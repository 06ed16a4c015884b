//! Creations with an `Idempotency-Key` that are interrupted and retried: each is carried out once.

use crate::process::commit::check_messages;
use crate::process::proxy::{BreakPoint, ProxiedServer, Side, proxy_tests};
use crate::process::writers::{Outcome, check_history, outcome};
use crate::support::block_on;
use crate::support::database::{Database, on_both_engines};
use crate::support::http::{Client, Request, Response};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

on_both_engines!(Database: creations_interrupted_by_a_kill_are_carried_out_once);

const ROUNDS: usize = 6;
const WRITERS: usize = 24;

/// A creation whose idempotency key is the name of the user.
fn creation(client: &Client, name: &str) -> Request {
    let body = json!({ "userName": name, "externalId": name, "emails": [{ "value": format!("{name}@example.com") }] });
    client.post("/users", &body).header("idempotency-key", name)
}

/// The id in the response to a creation, and whether the response was replayed.
#[track_caller]
fn created(response: &Response) -> (String, bool) {
    assert_eq!(response.code(), 201, "{}", response.text());
    let replayed = response.header("idempotency-replayed");
    assert!(matches!(replayed, None | Some("true")), "{replayed:?}");
    (response.json()["id"].as_str().expect("the user has an id").to_owned(), replayed.is_some())
}

/// The creations that were sent.
#[derive(Debug, Default)]
struct Sent {
    /// Names and ids of users whose creation was acknowledged.
    acknowledged: Vec<(String, String)>,
    unacknowledged: Vec<String>,
}

/// Creates users until a response fails to arrive.
async fn create_until_killed(client: Client, writer: String, responses: Arc<AtomicUsize>) -> Sent {
    let mut sent = Sent::default();
    for number in 0.. {
        let name = format!("{writer}-{number}");
        match creation(&client, &name).try_send().await {
            Ok(response) => {
                let (id, replayed) = created(&response);
                assert!(!replayed, "{name} was sent only once");
                sent.acknowledged.push((name, id));
                responses.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => {
                sent.unacknowledged.push(name);
                break;
            }
        }
    }
    sent
}

/// Waits for this many responses. At that moment, the writers have sent further requests.
async fn wait_for(responses: &AtomicUsize, count: usize) {
    let start = Instant::now();
    while responses.load(Ordering::SeqCst) < count {
        assert!(start.elapsed() < Duration::from_secs(60), "the writers make no progress");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// Kills the server during writes, at a random moment.
async fn kill_during_writes(server: &mut Server, round: usize) -> Sent {
    let client = Client::new(server);
    let responses = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(create_until_killed(client.clone(), format!("{round}-{writer}"), responses.clone()));
    }
    // The last bits of a UUID are random.
    let count = Uuid::now_v7().as_u128() % 200 + 1;
    wait_for(&responses, usize::try_from(count).expect("the count is at most 200")).await;
    server.kill();
    let mut all = Sent::default();
    while let Some(joined) = writers.join_next().await {
        let sent = joined.expect("the writer does not panic");
        all.acknowledged.extend(sent.acknowledged);
        all.unacknowledged.extend(sent.unacknowledged);
    }
    assert_eq!(all.unacknowledged.len(), WRITERS, "every writer had a request in flight at the kill");
    all
}

/// Concurrently retries all unacknowledged creations and some acknowledged ones. Returns all names with their
/// ids, and the number of unacknowledged creations that had been carried out before.
async fn retry(server: &Server, sent: &Sent) -> (Vec<(String, String)>, usize) {
    let client = Client::new(server);
    let mut retries = JoinSet::new();
    for name in sent.unacknowledged.clone() {
        let request = creation(&client, &name);
        retries.spawn(async move { (name, request.send().await) });
    }
    let (mut users, mut carried_out) = (Vec::new(), 0);
    for (name, response) in retries.join_all().await {
        let (id, replayed) = created(&response);
        carried_out += usize::from(replayed);
        users.push((name, id));
    }
    for (name, id) in sent.acknowledged.iter().step_by(7).chain(&users) {
        let response = creation(&client, name).send().await;
        assert_eq!(created(&response), (id.clone(), true), "{name}");
    }
    users.extend(sent.acknowledged.iter().cloned());
    (users, carried_out)
}

fn creations_interrupted_by_a_kill_are_carried_out_once(database: &Database) {
    block_on(async {
        let (mut users, mut carried_out) = (Vec::new(), 0);
        let mut server = Server::builder(&database.url()).start();
        for round in 0..ROUNDS {
            let sent = kill_during_writes(&mut server, round).await;
            server = Server::builder(&database.url()).start();
            let (more, before_the_retry) = retry(&server, &sent).await;
            users.extend(more);
            carried_out += before_the_retry;
            check_users(&mut database.sql(), &users);
        }
        eprintln!("{carried_out} of {} unacknowledged creations had been carried out", ROUNDS * WRITERS);
    });
}

/// Checks that exactly these users exist, each once, and that the response to each key is stored.
fn check_users(sql: &mut Sql, users: &[(String, String)]) {
    let mut found = sql.lines("SELECT user_name AS line FROM users");
    found.sort();
    let mut expected: Vec<_> = users.iter().map(|(name, _)| name.clone()).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(users.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), users.len());
    let mut keys = sql.lines("SELECT idempotency_key AS line FROM idempotency");
    keys.sort();
    assert_eq!(keys, expected);
    check_history(sql);
}

/// Starts a creation that waits, as its last step, for the lock on the row that orders commits, and kills the server.
/// Returns the session that holds the lock.
async fn kill_before_commit(database: &Database) -> Sql {
    let mut server = Server::builder(&database.url()).start();
    let mut holder = database.sql();
    holder.execute("BEGIN; SELECT revision FROM heads FOR UPDATE");
    let request = creation(&Client::new(&server), "ada");
    let response = tokio::spawn(async move { request.try_send().await });
    database.sql().wait_for_lock_waiters(1);
    server.kill();
    response.await.expect("the request does not panic").expect_err("the server is killed");
    holder
}

/// Checks that a retry was the first to create the user.
fn check_first_creation(database: &Database, response: &Response) {
    let (id, replayed) = created(response);
    assert!(!replayed, "an uncommitted creation was replayed");
    check_users(&mut database.sql(), &[("ada".to_owned(), id)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_carries_out_an_uncommitted_creation() {
    let database = Database::postgres();
    let mut holder = kill_before_commit(&database).await;
    holder.execute("ROLLBACK");
    let server = Server::builder(&database.url()).start();
    let retry = creation(&Client::new(&server), "ada");
    check_first_creation(&database, &retry.send().await);
    let (_, replayed) = created(&retry.send().await);
    assert!(replayed);
}

/// The retry waits until PostgreSQL notices that the killed server has disconnected.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_for_the_transaction_of_a_killed_server() {
    let database = Database::postgres();
    let mut holder = kill_before_commit(&database).await;
    let server = Server::builder(&database.url()).start();
    check_waiting_retry(&database, &server, &mut holder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_on_another_server_takes_over_from_a_killed_one() {
    let database = Database::postgres();
    let other = Server::builder(&database.url()).start();
    let mut holder = kill_before_commit(&database).await;
    check_waiting_retry(&database, &other, &mut holder).await;
}

/// Sends a retry, which waits together with the abandoned transaction until the lock is released.
async fn check_waiting_retry(database: &Database, server: &Server, holder: &mut Sql) {
    let retry = creation(&Client::new(server), "ada");
    let response = tokio::spawn(async move { retry.send().await });
    database.sql().wait_for_lock_waiters(2);
    holder.execute("ROLLBACK");
    check_first_creation(database, &response.await.expect("the request does not panic"));
}

impl ProxiedServer {
    /// Sends a creation whose transaction breaks at a message, then its retry. Returns the outcome of the first
    /// request, the id in the response to the second one, and the message, unless the transaction had fewer messages.
    async fn create_twice(
        &self,
        name: &str,
        point: BreakPoint,
        side: Side,
    ) -> (Outcome, String, Option<String>) {
        let request = creation(&self.client, name);
        self.proxy.break_at(point, side);
        let first = request.send().await;
        let broken = self.proxy.take_broken();
        let outcome = outcome(&first);
        let (id, replayed) = created(&request.send().await);
        match outcome {
            Outcome::Done => {
                assert_eq!((created(&first), replayed), ((id.clone(), false), true), "{broken:?}")
            }
            Outcome::Unknown => assert_eq!(replayed, side == Side::After, "{broken:?}"),
            Outcome::Refused => panic!("{broken:?}: {}", first.text()),
        }
        (outcome, id, broken)
    }
}

/// A client that retries a creation after 504 with the same key learns whether it was committed.
async fn retry_after_a_broken_commit(side: Side) {
    let server = ProxiedServer::start(&[]);
    let (before, _) = created(&creation(&server.client, "before").send().await);
    let (outcome, id, broken) = server.create_twice("ada", BreakPoint::Commit, side).await;
    assert_eq!(outcome, Outcome::Unknown);
    assert!(broken.is_some(), "there was no commit");
    let users = [("before".to_owned(), before), ("ada".to_owned(), id.clone())];
    check_users(&mut server.database.sql(), &users);
    assert_eq!(created(&creation(&server.client, "ada").send().await), (id, true));
}

/// Breaks a creation at each message between the server and PostgreSQL in turn, and retries it.
async fn break_at_every_message(side: Side) {
    let server = ProxiedServer::start(&[]);
    let (before, _) = created(&creation(&server.client, "before").send().await);
    let (mut users, mut messages) = (vec![("before".to_owned(), before)], Vec::new());
    for number in 0.. {
        let name = format!("user-{number}");
        let (_, id, broken) = server.create_twice(&name, BreakPoint::Message(number), side).await;
        users.push((name, id));
        check_users(&mut server.database.sql(), &users);
        let Some(message) = broken else { break };
        messages.push(message);
    }
    check_messages(&messages);
}

proxy_tests! {
    a_retry_after_a_lost_commit_response_is_replayed = retry_after_a_broken_commit(Side::After);
    a_retry_after_a_lost_commit_creates_the_user = retry_after_a_broken_commit(Side::Before);
    a_retry_after_a_break_before_any_message_creates_no_second_user = break_at_every_message(Side::Before);
    a_retry_after_a_break_after_any_message_creates_no_second_user = break_at_every_message(Side::After);
}
