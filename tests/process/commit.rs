//! Connections that break during a write: the response reports the actual outcome, and nothing is written twice.

use crate::process::proxy::{BreakPoint, ProxiedServer, Side, proxy_tests};
use crate::process::writers::{Outcome, check_history, outcome};
use crate::support::http::Client;
use futures_util::future::join_all;
use roster::domain::DEFAULT_TENANT;
use serde_json::{Value, json};
use std::time::Duration;

/// The methods that write. Each test case writes its own user.
const METHODS: [&str; 4] = ["POST", "PATCH", "PUT", "DELETE"];

impl ProxiedServer {
    /// The version and the title of the user with this name, or nothing if there is no such user.
    fn user(&self, name: &str) -> Vec<String> {
        let query = "SELECT concat_ws(' ', version, document -> 'attributes' ->> 'title') AS line FROM users";
        self.database.sql().lines(&format!("{query} WHERE user_name = '{name}'"))
    }

    /// Makes the creation of a user take a transaction, because the tenant requires unique e-mail addresses.
    async fn require_transactions(&self) {
        let path = format!("/tenants/{DEFAULT_TENANT}");
        self.client.patch(&path, &json!({ "uniqueEmails": true })).send().await.expect(200);
    }

    /// Creates the user that a write acts on, and returns its path.
    async fn create(&self, name: &str) -> String {
        let create = self.client.post("/users", &json!({ "userName": name }));
        let created = create.send().await.expect(201).json();
        format!("/users/{}", created["id"].as_str().expect("the user has an id"))
    }
}

/// The name of the user that a write creates or changes.
fn written_name(method: &str, name: &str) -> String {
    if method == "POST" { format!("new-{name}") } else { name.to_owned() }
}

/// Sends a write and returns its outcome, with the problem if the outcome is unknown.
async fn write(client: &Client, method: &str, name: &str, path: &str) -> (Outcome, Value) {
    let body = json!({ "userName": written_name(method, name), "title": "written" });
    let request = match method {
        "POST" => client.post("/users", &body),
        "PATCH" => client.patch(path, &json!({ "title": "written" })),
        "PUT" => client.put(path, &body),
        _ => client.delete(path),
    };
    let response = request.send().await;
    let outcome = outcome(&response);
    (outcome, if outcome == Outcome::Unknown { response.json() } else { Value::Null })
}

/// The contents of the database before a write and after it, as [`ProxiedServer::user`] returns them.
fn before_and_after(method: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match method {
        "POST" => (&[], &["1 written"]),
        "DELETE" => (&["1"], &[]),
        _ => (&["1"], &["2 written"]),
    }
}

async fn break_at_commit(side: Side) {
    let server = ProxiedServer::start(&[]);
    for method in METHODS {
        let name = format!("user-of-{method}");
        let path = server.create(&name).await;
        let point = if method == "POST" { BreakPoint::Creation } else { BreakPoint::Commit };
        server.proxy.break_at(point, side);
        let transactions = server.proxy.transactions();
        let (outcome, problem) = write(&server.client, method, &name, &path).await;
        assert!(server.proxy.take_broken().is_some(), "{method} did not commit");
        assert_eq!(outcome, Outcome::Unknown, "{method}");
        assert_eq!(problem["status"], 504, "{problem}");
        assert_eq!(server.proxy.transactions() - transactions, 1, "{method} was retried");
        let (before, after) = before_and_after(method);
        let expected = if side == Side::After { after } else { before };
        assert_eq!(server.user(&written_name(method, &name)), expected, "{method}");
        check_history(&mut server.database.sql());
    }
    // The server recovers.
    server.client.get("/readyz").send().await.expect(200);
    server.create("after").await;
}

/// The number of concurrent creations.
const CALLS: usize = 64;

/// Breaks the commit of a batch of creations.
async fn break_a_batch_at_commit(side: Side, in_transaction: bool) {
    let server = ProxiedServer::start(&[]);
    if in_transaction {
        server.require_transactions().await;
    }
    // A statement is tried before each transaction.
    let (point, first_transactions) =
        if in_transaction { (BreakPoint::Commit, 5) } else { (BreakPoint::Creation, 3) };
    let (before, after) = before_and_after("POST");
    // The size of the batch that breaks depends on timing, so this repeats until it has several creations.
    for round in 0..50 {
        let names: Vec<_> = (0..CALLS).map(|call| format!("{round}-{call}")).collect();
        let transactions = server.proxy.transactions();
        let break_later = async {
            // The first transactions of the two writers contain only the first creations. The others queue meanwhile.
            while server.proxy.transactions() < transactions + first_transactions {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.proxy.break_at(point, side);
            std::future::pending::<()>().await;
        };
        let writes = join_all(names.iter().map(|name| write(&server.client, "POST", name, "")));
        let outcomes = tokio::select! {
            outcomes = writes => outcomes,
            () = break_later => unreachable!(),
        };
        server.proxy.take_broken();
        for (name, (outcome, _)) in names.iter().zip(&outcomes) {
            let written = *outcome == Outcome::Done || *outcome == Outcome::Unknown && side == Side::After;
            assert_ne!(*outcome, Outcome::Refused, "{name}");
            let expected = if written { after } else { before };
            assert_eq!(server.user(&written_name("POST", name)), expected, "{name}");
        }
        check_history(&mut server.database.sql());
        if outcomes.iter().filter(|(outcome, _)| *outcome == Outcome::Unknown).count() > 1 {
            return;
        }
    }
    panic!("no transaction with several creations was broken");
}

/// Breaks a write at each message between the server and PostgreSQL in turn.
async fn break_at_every_message(method: &str, side: Side) {
    let server = ProxiedServer::start(&[]);
    server.require_transactions().await;
    let mut broken = Vec::new();
    for number in 0.. {
        let name = format!("user-{number}");
        let path = server.create(&name).await;
        server.proxy.break_at(BreakPoint::Message(number), side);
        let (outcome, _) = write(&server.client, method, &name, &path).await;
        let Some(message) = server.proxy.take_broken() else { break };
        let context = format!("{method} broken at message {number}, {message:?}: {outcome:?}");
        let (before, after) = before_and_after(method);
        let found = server.user(&written_name(method, &name));
        let is_commit = message.starts_with("Q COMMIT");
        match outcome {
            Outcome::Done => assert_eq!(found, after, "{context}"),
            Outcome::Refused => assert_eq!(found, before, "{context}"),
            Outcome::Unknown => assert!(is_commit, "{context}"),
        }
        // Before COMMIT nothing is written, so the server retries once on a new connection, and the client does not
        // notice.
        assert_eq!(outcome == Outcome::Done, !is_commit, "{context}");
        check_history(&mut server.database.sql());
        broken.push(message);
    }
    check_messages(&broken);
}

/// Checks that a complete transaction was broken message by message.
#[track_caller]
pub(crate) fn check_messages(broken: &[String]) {
    assert!(broken.first().is_some_and(|message| message.starts_with("Q BEGIN")), "{broken:#?}");
    assert!(broken.iter().any(|message| message.starts_with("Q COMMIT")), "{broken:#?}");
    assert!(broken.len() > 6, "{broken:#?}");
}

proxy_tests! {
    a_lost_commit_response_is_unknown_and_written_once = break_at_commit(Side::After);
    a_lost_commit_is_unknown_and_not_written = break_at_commit(Side::Before);
    a_lost_commit_response_of_a_batch_is_unknown_and_written_once = break_a_batch_at_commit(Side::After, true);
    a_lost_commit_of_a_batch_is_unknown_and_not_written = break_a_batch_at_commit(Side::Before, true);
    a_lost_response_to_a_batch_in_one_statement_is_unknown_and_written_once =
        break_a_batch_at_commit(Side::After, false);
    a_lost_batch_in_one_statement_is_unknown_and_not_written = break_a_batch_at_commit(Side::Before, false);
    a_creation_survives_a_break_before_any_message = break_at_every_message("POST", Side::Before);
    a_creation_survives_a_break_after_any_message = break_at_every_message("POST", Side::After);
    a_patch_survives_a_break_before_any_message = break_at_every_message("PATCH", Side::Before);
    a_patch_survives_a_break_after_any_message = break_at_every_message("PATCH", Side::After);
    a_deletion_survives_a_break_after_any_message = break_at_every_message("DELETE", Side::After);
}
