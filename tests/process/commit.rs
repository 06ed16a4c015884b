//! Connections that break in the middle of a write: what is told is true, and nothing is done twice.

use crate::process::crew::{Outcome, check_history, outcome};
use crate::process::proxy::{Point, Proxy, Side};
use crate::support::http::Client;
use crate::support::postgres::Database;
use crate::support::server::Server;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// A server whose connections go through a proxy.
struct Place {
    server: Server,
    proxy: Proxy,
    database: Database,
}

impl Place {
    fn new() -> Self {
        let database = Database::create();
        let (proxy, url) = Proxy::to(&database.url());
        let server = Server::builder(&url).start();
        Self { server, proxy, database }
    }

    fn sql(&self) -> crate::support::sql::Sql {
        crate::support::sql::Sql::open(&self.database.url())
    }

    /// The user of this name: its version and title, if it is there.
    fn user(&self, name: &str) -> Vec<String> {
        let query = "SELECT concat_ws(' ', version, document -> 'attributes' ->> 'title') AS line FROM users";
        self.sql().lines(&format!("{query} WHERE user_name = '{name}'"))
    }
}

/// The writes that there are, each on a user of its own.
const WRITES: [&str; 4] = ["POST", "PATCH", "PUT", "DELETE"];

/// Sends one of them, and gives the answer's outcome and the problem.
async fn write(client: &Client, method: &str, name: &str, path: &str) -> (Outcome, Value) {
    let request = match method {
        "POST" => client.post("/users", &json!({ "userName": format!("new-{name}"), "title": "written" })),
        "PATCH" => client.patch(path, &json!({ "title": "written" })),
        "PUT" => client.put(path, &json!({ "userName": name, "title": "written" })),
        _ => client.delete(path),
    };
    let answer = request.send().await;
    let outcome = outcome(&answer);
    (outcome, if outcome == Outcome::Unknown { answer.json() } else { Value::Null })
}

/// What is in the database when a write was not done, and when it was.
fn states(method: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match method {
        "POST" => (&[], &["1 written"]),
        "DELETE" => (&["1"], &[]),
        _ => (&["1"], &["2 written"]),
    }
}

async fn break_at_commit(side: Side) {
    let place = Place::new();
    let client = Client::new(&place.server);
    for method in WRITES {
        let name = format!("user-of-{method}");
        let created = client.post("/users", &json!({ "userName": name })).send().await.expect(201).json();
        let path = format!("/users/{}", created["id"].as_str().expect("an id"));
        place.proxy.cut(Point::Commit, side);
        let begun = place.proxy.begun();
        let (outcome, problem) = write(&client, method, &name, &path).await;
        assert!(place.proxy.take_hit().is_some(), "{method} did not commit");
        assert_eq!(outcome, Outcome::Unknown, "{method}");
        assert_eq!(problem["status"], 504, "{problem}");
        assert_eq!(place.proxy.begun() - begun, 1, "{method} was tried again");
        let (not_done, done) = states(method);
        let expected = if side == Side::After { done } else { not_done };
        let name = if method == "POST" { format!("new-{name}") } else { name };
        assert_eq!(place.user(&name), expected, "{method}");
        check_history(&mut place.sql());
    }
    // The server is as good as before.
    client.get("/readyz").send().await.expect(200);
    client.post("/users", &json!({ "userName": "after" })).send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_commit_is_unknown_and_done_once() {
    break_at_commit(Side::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_does_not_arrive_is_unknown_and_not_done() {
    break_at_commit(Side::Before).await;
}

/// How many creations come at once.
const CALLS: usize = 64;

/// Breaks the commit of creations that are carried out together.
async fn break_a_batch_at_commit(side: Side) {
    let place = Place::new();
    let client = Client::new(&place.server);
    let (not_done, done) = states("POST");
    // How many are in the transaction that is hit is chance: again until they are several.
    for round in 0..50 {
        let names: Vec<_> = (0..CALLS).map(|call| format!("{round}-{call}")).collect();
        let begun = place.proxy.begun();
        let cut = async {
            // Each writer begins with whoever comes first, the rest gathers meanwhile.
            while place.proxy.begun() < begun + 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            place.proxy.cut(Point::Commit, side);
            std::future::pending::<()>().await;
        };
        let outcomes = tokio::select! {
            outcomes = join_all(names.iter().map(|name| write(&client, "POST", name, ""))) => outcomes,
            () = cut => unreachable!(),
        };
        place.proxy.take_hit();
        for (name, (outcome, _)) in names.iter().zip(&outcomes) {
            let was_done = *outcome == Outcome::Done || *outcome == Outcome::Unknown && side == Side::After;
            assert_ne!(*outcome, Outcome::Refused, "{name}");
            assert_eq!(place.user(&format!("new-{name}")), if was_done { done } else { not_done }, "{name}");
        }
        check_history(&mut place.sql());
        if outcomes.iter().filter(|(outcome, _)| *outcome == Outcome::Unknown).count() > 1 {
            return;
        }
    }
    panic!("no transaction of several was hit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_commit_of_a_batch_is_unknown_and_done_once() {
    break_a_batch_at_commit(Side::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batchs_commit_that_does_not_arrive_is_unknown_and_not_done() {
    break_a_batch_at_commit(Side::Before).await;
}

/// Breaks a write at every message between the server and PostgreSQL, one after the other.
async fn break_at_every_message(method: &str, side: Side) {
    let place = Place::new();
    let client = Client::new(&place.server);
    let mut broken = Vec::new();
    for number in 0.. {
        let name = format!("user-{number}");
        let created = client.post("/users", &json!({ "userName": name })).send().await.expect(201).json();
        let path = format!("/users/{}", created["id"].as_str().expect("an id"));
        place.proxy.cut(Point::Message(number), side);
        let (outcome, _) = write(&client, method, &name, &path).await;
        let Some(hit) = place.proxy.take_hit() else { break };
        let context = format!("{method} broken at message {number}, {hit:?}: {outcome:?}");
        let (not_done, done) = states(method);
        let name = if method == "POST" { format!("new-{name}") } else { name };
        let found = place.user(&name);
        match outcome {
            Outcome::Done => assert_eq!(found, done, "{context}"),
            Outcome::Refused => assert_eq!(found, not_done, "{context}"),
            Outcome::Unknown => assert!(hit.starts_with("Q COMMIT"), "{context}"),
        }
        // Before COMMIT nothing is done, so it is tried again on a new connection, once, and nobody notices.
        assert_eq!(outcome == Outcome::Done, !hit.starts_with("Q COMMIT"), "{context}");
        check_history(&mut place.sql());
        broken.push(hit);
    }
    assert!(broken.first().is_some_and(|hit| hit.starts_with("Q BEGIN")), "{broken:#?}");
    assert!(broken.iter().any(|hit| hit.starts_with("Q COMMIT")), "{broken:#?}");
    assert!(broken.len() > 6, "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_survives_a_break_before_any_message() {
    break_at_every_message("POST", Side::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_survives_a_break_after_any_message() {
    break_at_every_message("POST", Side::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_survives_a_break_before_any_message() {
    break_at_every_message("PATCH", Side::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_survives_a_break_after_any_message() {
    break_at_every_message("PATCH", Side::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_survives_a_break_after_any_message() {
    break_at_every_message("DELETE", Side::After).await;
}
