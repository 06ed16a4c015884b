//! Creations with an `Idempotency-Key` that are cut short, and repeated: each is done once.

use crate::process::crew::{Outcome, check_history, outcome};
use crate::process::database::{Database, on_both_engines};
use crate::process::proxy::{Point, Proxy, Side};
use crate::support::http::{Answer, Client, Request};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

on_both_engines!(creations_cut_short_by_a_kill_are_done_once);

const ROUNDS: usize = 6;
const WRITERS: usize = 24;

/// A creation: its key and its user's name are one. No two are equal.
fn creation(client: &Client, name: &str) -> Request {
    let body = json!({ "userName": name, "externalId": name, "emails": [{ "value": format!("{name}@example.com") }] });
    client.post("/users", &body).header("idempotency-key", name)
}

/// The id in the answer to a creation, and whether it is an answer given before.
#[track_caller]
fn created(answer: &Answer) -> (String, bool) {
    assert_eq!(answer.code(), 201, "{}", answer.text());
    let replayed = answer.header("idempotency-replayed");
    assert!(matches!(replayed, None | Some("true")), "{replayed:?}");
    (answer.json()["id"].as_str().expect("an id").to_owned(), replayed.is_some())
}

/// What one writer asked for: what was answered, with the id, and what was not.
#[derive(Debug, Default)]
struct Asked {
    answered: Vec<(String, String)>,
    unanswered: Vec<String>,
}

/// Creates until no answer comes.
async fn create(client: Client, writer: String, answers: Arc<AtomicUsize>) -> Asked {
    let mut asked = Asked::default();
    for number in 0.. {
        let name = format!("{writer}-{number}");
        match creation(&client, &name).try_send().await {
            Ok(answer) => {
                let (id, replayed) = created(&answer);
                assert!(!replayed, "{name} was asked for once");
                asked.answered.push((name, id));
                answers.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => {
                asked.unanswered.push(name);
                break;
            }
        }
    }
    asked
}

/// Waits for so many answers: then the writers are in the midst of others.
async fn wait_for(answers: &AtomicUsize, wanted: usize) {
    let since = Instant::now();
    while answers.load(Ordering::SeqCst) < wanted {
        assert!(since.elapsed() < Duration::from_secs(60), "the writers do not come on");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// Kills the server while writers are at it, at a moment that is another one each time.
async fn round(server: &mut Server, number: usize) -> Asked {
    let client = Client::new(server);
    let answers = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(create(client.clone(), format!("{number}-{writer}"), answers.clone()));
    }
    // The last bits of such an id are random.
    let wanted = Uuid::now_v7().as_u128() % 200 + 1;
    wait_for(&answers, usize::try_from(wanted).expect("at most 200")).await;
    server.kill();
    let mut all = Asked::default();
    while let Some(joined) = writers.join_next().await {
        let asked = joined.expect("a writer without complaints");
        all.answered.extend(asked.answered);
        all.unanswered.extend(asked.unanswered);
    }
    assert_eq!(all.unanswered.len(), WRITERS, "each was asking when the server was killed");
    all
}

/// Repeats what was not answered, all at once, and some of what was. Gives the names with their ids, and how many of
/// those that nobody had been told of were done.
async fn repeat(server: &Server, asked: &Asked) -> (Vec<(String, String)>, usize) {
    let client = Client::new(server);
    let mut repeats = JoinSet::new();
    for name in asked.unanswered.clone() {
        let request = creation(&client, &name);
        repeats.spawn(async move { (name, request.send().await) });
    }
    let (mut users, mut were_done) = (Vec::new(), 0);
    for (name, answer) in repeats.join_all().await {
        let (id, replayed) = created(&answer);
        were_done += usize::from(replayed);
        users.push((name, id));
    }
    for (name, id) in asked.answered.iter().step_by(7).chain(&users) {
        let answer = creation(&client, name).send().await;
        assert_eq!(created(&answer), (id.clone(), true), "{name}");
    }
    users.extend(asked.answered.iter().cloned());
    (users, were_done)
}

fn creations_cut_short_by_a_kill_are_done_once(database: &Database) {
    Runtime::new().expect("a runtime").block_on(async {
        let (mut users, mut were_done) = (Vec::new(), 0);
        let mut server = Server::builder(&database.url()).start();
        for number in 0..ROUNDS {
            let asked = round(&mut server, number).await;
            server = Server::builder(&database.url()).start();
            let (more, done) = repeat(&server, &asked).await;
            users.extend(more);
            were_done += done;
            check_users(&mut database.sql(), &users);
        }
        eprintln!("{were_done} of {} that were not answered were done", ROUNDS * WRITERS);
    });
}

/// There are these users and no others, each once, and each key is kept.
fn check_users(sql: &mut Sql, users: &[(String, String)]) {
    let mut found = sql.lines("SELECT user_name AS line FROM users");
    found.sort();
    let mut expected: Vec<_> = users.iter().map(|(name, _)| name.clone()).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(users.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), users.len());
    let mut kept = sql.lines("SELECT idempotency_key AS line FROM idempotency");
    kept.sort();
    assert_eq!(kept, expected);
    check_history(sql);
}

/// How many wait for a lock.
const WAITERS: &str = "SELECT count(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A creation that has done all but its last step, which waits for the row that orders commits; then the server is
/// killed.
async fn killed_before_the_end(database: &Database) -> Sql {
    let mut server = Server::builder(&database.url()).start();
    let mut holder = database.sql();
    holder.execute("BEGIN; SELECT revision FROM heads FOR UPDATE");
    let request = creation(&Client::new(&server), "ada");
    let asking = tokio::spawn(async move { request.try_send().await });
    database.sql().wait_for_number(WAITERS, 1, Duration::from_secs(4));
    server.kill();
    asking.await.expect("a request").expect_err("nobody is left to answer");
    holder
}

/// Checks that a repeat was the first to be done.
fn check_only(database: &Database, answer: &Answer) {
    let (id, replayed) = created(answer);
    assert!(!replayed, "what was not committed was not done");
    check_users(&mut database.sql(), &[("ada".to_owned(), id)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_did_not_end_is_done_by_its_repeat() {
    let database = Database::postgres();
    let mut holder = killed_before_the_end(&database).await;
    holder.execute("ROLLBACK");
    let server = Server::builder(&database.url()).start();
    let again = creation(&Client::new(&server), "ada");
    check_only(&database, &again.send().await);
    let (_, replayed) = created(&again.send().await);
    assert!(replayed);
}

/// PostgreSQL has not noticed yet that the first one's server is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_waits_for_what_a_dead_server_has_begun() {
    let database = Database::postgres();
    let mut holder = killed_before_the_end(&database).await;
    let server = Server::builder(&database.url()).start();
    let again = creation(&Client::new(&server), "ada");
    let asking = tokio::spawn(async move { again.send().await });
    database.sql().wait_for_number(WAITERS, 2, Duration::from_secs(4));
    holder.execute("ROLLBACK");
    check_only(&database, &asking.await.expect("an answer"));
}

/// Two servers: the twin on the one waits for the other, which is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_twin_on_another_server_takes_over() {
    let database = Database::postgres();
    let other = Server::builder(&database.url()).start();
    let twin = creation(&Client::new(&other), "ada");
    let mut holder = killed_before_the_end(&database).await;
    let asking = tokio::spawn(async move { twin.send().await });
    database.sql().wait_for_number(WAITERS, 2, Duration::from_secs(4));
    holder.execute("ROLLBACK");
    check_only(&database, &asking.await.expect("an answer"));
}

/// What 504 asks for: repeat with the same key.
async fn repeat_after_a_broken_commit(side: Side) {
    let database = Database::postgres();
    let (proxy, url) = Proxy::to(&database.url());
    let server = Server::builder(&url).start();
    let client = Client::new(&server);
    // After this one no commit comes but that of the next.
    let (before, _) = created(&creation(&client, "before").send().await);
    proxy.cut(Point::Commit, side);
    let request = creation(&client, "ada");
    let answer = request.send().await;
    assert_eq!(outcome(&answer), Outcome::Unknown, "{}", answer.text());
    assert!(proxy.take_hit().is_some(), "there was no commit");
    let (id, replayed) = created(&request.send().await);
    assert_eq!(replayed, side == Side::After, "it was done if it was committed");
    let users = [("before".to_owned(), before), ("ada".to_owned(), id.clone())];
    check_users(&mut database.sql(), &users);
    assert_eq!(created(&request.send().await), (id, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_commit_is_repeated() {
    repeat_after_a_broken_commit(Side::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_did_not_arrive_is_done_by_the_repeat() {
    repeat_after_a_broken_commit(Side::Before).await;
}

/// Wherever the connection breaks, the creation is done once it is answered with 201, and only once.
async fn break_at_every_message(side: Side) {
    let database = Database::postgres();
    let (proxy, url) = Proxy::to(&database.url());
    let server = Server::builder(&url).start();
    let client = Client::new(&server);
    let (before, _) = created(&creation(&client, "before").send().await);
    let (mut users, mut broken) = (vec![("before".to_owned(), before)], Vec::new());
    for number in 0.. {
        let name = format!("user-{number}");
        let request = creation(&client, &name);
        proxy.cut(Point::Message(number), side);
        let first = request.send().await;
        let hit = proxy.take_hit();
        let done = outcome(&first);
        assert_ne!(done, Outcome::Refused, "{hit:?}: {}", first.text());
        let (id, replayed) = created(&request.send().await);
        if done == Outcome::Done {
            assert_eq!((created(&first), replayed), ((id.clone(), false), true), "{hit:?}");
        }
        users.push((name, id));
        check_users(&mut database.sql(), &users);
        let Some(hit) = hit else { break };
        broken.push(hit);
    }
    assert!(broken.iter().any(|hit| hit.starts_with("Q COMMIT")), "{broken:#?}");
    assert!(broken.len() > 6, "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_is_done_once_if_the_connection_breaks_before_any_message() {
    break_at_every_message(Side::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_is_done_once_if_the_connection_breaks_after_any_message() {
    break_at_every_message(Side::After).await;
}
