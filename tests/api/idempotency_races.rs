//! Many requests with one `Idempotency-Key` at once: one is carried out, the others have its answer.

use crate::api::problem::{assert_taken, problem};
use crate::support::api::{Api, Engine, at_once, path, with_status};
use crate::support::http::{Answer, Client};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::slice::from_ref;

both_engines! {
    twins_are_one
    twins_and_their_likes_without_a_key
    many_keys_at_once
    twins_with_different_bodies
    twins_of_what_is_taken
    twins_while_the_name_becomes_free
    twins_on_two_servers
}

const TWINS: usize = 32;

/// Creations at once, each with the key and body that its number has.
async fn creations(clients: &[Client], count: usize, of: impl Fn(usize) -> (String, Value)) -> Vec<Answer> {
    let create = |index: usize| {
        let (key, body) = of(index);
        let request = clients[index % clients.len()].post("/users", &body).header("idempotency-key", &key);
        async move { request.send().await }
    };
    at_once(count, create).await
}

fn is_replayed(answer: &Answer) -> bool {
    let replayed = answer.header("idempotency-replayed");
    assert!(matches!(replayed, None | Some("true")), "{replayed:?}");
    replayed.is_some()
}

/// Checks that all have one answer, and that one of them is the first.
#[track_caller]
fn assert_one(answers: &[Answer]) -> Value {
    assert_eq!(
        with_status(answers, 201),
        answers.len(),
        "{:?}",
        answers.iter().map(Answer::text).collect::<Vec<_>>()
    );
    assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1);
    let parts = |answer: &Answer| {
        let header = |name| answer.header(name).map(str::to_owned);
        (answer.text(), header("location"), header("etag"))
    };
    let different: BTreeSet<_> = answers.iter().map(parts).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    let ids: BTreeSet<_> =
        answers.iter().map(|answer| answer.header("x-request-id").map(str::to_owned)).collect();
    assert_eq!(ids.len(), answers.len(), "each has its own request id");
    answers[0].json()
}

/// Checks how many users, and how many changes, there are.
fn check_rows(api: &Api, users: usize, changes: usize) {
    let mut sql = Sql::open(&api.database_url());
    let mut count = |table: &str| sql.number(&format!("SELECT count(*) AS number FROM {table}"));
    let expected = [users, changes].map(|number| i64::try_from(number).expect("few"));
    assert_eq!([count("users"), count("changes")], expected);
}

async fn twins_are_one(api: Api) {
    for round in 0..5 {
        let body = json!({ "userName": format!("u{round}"), "emails": [{ "value": "a@x" }] });
        let twins = |_| (format!("key-{round}"), body.clone());
        let user = assert_one(&creations(from_ref(&api.client), TWINS, twins).await);
        assert_eq!(user["userName"], body["userName"]);
        assert_eq!(api.read(&user).await, user);
        check_rows(&api, round + 1, round + 1);
    }
}

/// The name goes to one of them: to the twins, all of them, or to one that has no key.
async fn twins_and_their_likes_without_a_key(api: Api) {
    for round in 0..5 {
        let body = json!({ "userName": "ada" });
        let answers = at_once(TWINS, |index| {
            let request = api.client.post("/users", &body);
            let request = match index % 2 {
                0 => request.header("idempotency-key", &format!("key-{round}")),
                _ => request,
            };
            async move { request.send().await }
        });
        let answers = answers.await;
        let created = with_status(&answers, 201);
        assert_eq!(with_status(&answers, 409), TWINS - created);
        assert!(created == 1 || created == TWINS / 2, "{created} were created");
        let first: Vec<_> =
            answers.iter().filter(|answer| answer.code() == 201 && !is_replayed(answer)).collect();
        assert_eq!(first.len(), 1);
        check_rows(&api, 1, 2 * round + 1);
        api.client.delete(&path(&first[0].json())).send().await.expect(204);
    }
}

async fn many_keys_at_once(api: Api) {
    let keys = 64;
    let of = |index: usize| {
        let number = index % keys;
        (format!("key-{number}"), json!({ "userName": format!("u{number}") }))
    };
    let answers = creations(from_ref(&api.client), 3 * keys, of).await;
    for number in 0..keys {
        let twins: Vec<_> = answers
            .iter()
            .filter(|answer| answer.json()["userName"] == format!("u{number}"))
            .cloned()
            .collect();
        assert_eq!(twins.len(), 3, "{number}");
        assert_one(&twins);
    }
    check_rows(&api, keys, keys);
}

async fn twins_with_different_bodies(api: Api) {
    for round in 0..5 {
        let of = |index: usize| (format!("key-{round}"), json!({ "userName": format!("u{round}-{index}") }));
        let answers = creations(from_ref(&api.client), TWINS, of).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 422)), (1, TWINS - 1));
        for answer in &answers {
            assert!(!is_replayed(answer), "{:?}", answer.headers);
            if answer.code() == 422 {
                problem(answer, 422, "idempotency-key-reused");
            }
        }
        check_rows(&api, round + 1, round + 1);
    }
}

/// Their first is refused, and keeps nothing: so is the next, until the last.
async fn twins_of_what_is_taken(api: Api) {
    let user = api.named("ada").await;
    let body = json!({ "userName": "ADA" });
    let twins = |_| ("key".to_owned(), body.clone());
    let answers = creations(from_ref(&api.client), TWINS, twins).await;
    for answer in &answers {
        assert_taken(answer, "userName");
        assert!(!is_replayed(answer));
    }
    check_rows(&api, 1, 1);
    api.client.delete(&path(&user)).send().await.expect(204);
    assert_one(&creations(from_ref(&api.client), TWINS, twins).await);
    check_rows(&api, 1, 3);
}

/// Some come too early, one is the first, and all after it have its answer.
async fn twins_while_the_name_becomes_free(api: Api) {
    for round in 0..5 {
        let user = api.named("ada").await;
        let body = json!({ "userName": "Ada" });
        let answers = at_once(TWINS + 1, |index| {
            let request = match index {
                8 => api.client.delete(&path(&user)),
                _ => api.client.post("/users", &body).header("idempotency-key", &format!("key-{round}")),
            };
            async move { request.send().await }
        });
        let answers = answers.await;
        assert_eq!(with_status(&answers, 204), 1);
        let created: Vec<_> = answers.iter().filter(|answer| answer.code() == 201).cloned().collect();
        assert_eq!(created.len() + with_status(&answers, 409), TWINS);
        let late = api.client.post("/users", &body).header("idempotency-key", &format!("key-{round}"));
        let late = late.send().await;
        assert_eq!(is_replayed(&late), !created.is_empty());
        let user = assert_one(&[created, vec![late]].concat());
        check_rows(&api, 1, 4 * round + 3);
        api.client.delete(&path(&user)).send().await.expect(204);
    }
}

async fn twins_on_two_servers(api: Api) {
    let other = Server::builder(&api.database_url()).start();
    let clients = [api.client.clone(), Client::new(&other)];
    let rounds = if matches!(api.engine, Engine::Postgres) { 10 } else { 3 };
    for round in 0..rounds {
        let body = json!({ "userName": format!("u{round}") });
        let twins = |_| (format!("key-{round}"), body.clone());
        let user = assert_one(&creations(&clients, TWINS, twins).await);
        for client in &clients {
            assert_eq!(client.get(&path(&user)).send().await.expect(200).json(), user);
        }
        let of =
            |index: usize| (format!("other-{round}"), json!({ "userName": format!("o{round}-{index}") }));
        let answers = creations(&clients, TWINS, of).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 422)), (1, TWINS - 1));
        check_rows(&api, 2 * (round + 1), 2 * (round + 1));
    }
}
