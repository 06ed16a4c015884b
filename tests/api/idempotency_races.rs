//! Concurrent requests with the same `Idempotency-Key`: one is executed, and the others return its response.

use crate::api::problem::{assert_problem, assert_taken};
use crate::support::api::{Api, Engine, count_with_status, expect_one_success, path, run, send_concurrently};
use crate::support::http::{Client, Response};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::slice::from_ref;

engine_tests! {
    concurrent_retries_create_one_user
    concurrent_retries_compete_with_requests_without_a_key
    many_keys_can_be_used_concurrently
    one_of_several_bodies_with_the_same_key_is_accepted
    concurrent_retries_of_a_conflict_all_fail
    concurrent_retries_agree_while_the_name_is_freed
}

/// A SQLite file has only one server.
#[test]
fn concurrent_retries_on_two_servers_create_one_user() {
    run(Engine::Postgres, check_retries_on_two_servers);
}

const REQUESTS: usize = 32;

/// Sends creations concurrently, with the key and body that `creation` returns for each index.
async fn create_concurrently(
    clients: &[Client],
    count: usize,
    creation: impl Fn(usize) -> (String, Value),
) -> Vec<Response> {
    let create = |index: usize| {
        let (key, body) = creation(index);
        clients[index % clients.len()].post("/users", &body).header("idempotency-key", &key)
    };
    send_concurrently(count, create).await
}

fn is_replayed(response: &Response) -> bool {
    let replayed = response.header("idempotency-replayed");
    assert!(matches!(replayed, None | Some("true")), "{replayed:?}");
    replayed.is_some()
}

/// Checks that all responses are equal and that exactly one is not a replay. Returns the created user.
#[track_caller]
fn assert_one_creation(responses: &[Response]) -> Value {
    assert_eq!(
        count_with_status(responses, 201),
        responses.len(),
        "{:?}",
        responses.iter().map(Response::text).collect::<Vec<_>>()
    );
    assert_eq!(responses.iter().filter(|response| !is_replayed(response)).count(), 1);
    let parts = |response: &Response| {
        let header = |name| response.header(name).map(str::to_owned);
        (response.text(), header("location"), header("etag"))
    };
    let different: BTreeSet<_> = responses.iter().map(parts).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    let ids: BTreeSet<_> =
        responses.iter().map(|response| response.header("x-request-id").map(str::to_owned)).collect();
    assert_eq!(ids.len(), responses.len(), "each response has its own request id");
    responses[0].json()
}

/// Checks the number of users and changes.
fn check_counts(api: &Api, users: usize, changes: usize) {
    let mut sql = Sql::open(&api.database_url());
    let mut count = |table: &str| sql.number(&format!("SELECT count(*) AS number FROM {table}"));
    let expected = [users, changes].map(|number| i64::try_from(number).expect("the number is small"));
    assert_eq!([count("users"), count("changes")], expected);
}

async fn concurrent_retries_create_one_user(api: Api) {
    for round in 0..5 {
        let body = json!({ "userName": format!("u{round}"), "emails": [{ "value": "a@x" }] });
        let same = |_| (format!("key-{round}"), body.clone());
        let user = assert_one_creation(&create_concurrently(from_ref(&api.client), REQUESTS, same).await);
        assert_eq!(user["userName"], body["userName"]);
        assert_eq!(api.read(&user).await, user);
        check_counts(&api, round + 1, round + 1);
    }
}

/// Either all requests with the key succeed, or one without a key does.
async fn concurrent_retries_compete_with_requests_without_a_key(api: Api) {
    for round in 0..5 {
        let body = json!({ "userName": "ada" });
        let responses = send_concurrently(REQUESTS, |index| {
            let request = api.client.post("/users", &body);
            match index % 2 {
                0 => request.header("idempotency-key", &format!("key-{round}")),
                _ => request,
            }
        })
        .await;
        let created = count_with_status(&responses, 201);
        assert_eq!(count_with_status(&responses, 409), REQUESTS - created);
        assert!(created == 1 || created == REQUESTS / 2, "{created} requests succeeded");
        let first: Vec<_> =
            responses.iter().filter(|response| response.code() == 201 && !is_replayed(response)).collect();
        assert_eq!(first.len(), 1);
        check_counts(&api, 1, 2 * round + 1);
        api.client.delete(&path(&first[0].json())).send().await.expect(204);
    }
}

async fn many_keys_can_be_used_concurrently(api: Api) {
    let keys = 64;
    let creation = |index: usize| {
        let number = index % keys;
        (format!("key-{number}"), json!({ "userName": format!("u{number}") }))
    };
    let responses = create_concurrently(from_ref(&api.client), 3 * keys, creation).await;
    for number in 0..keys {
        let retries: Vec<_> = responses
            .iter()
            .filter(|response| response.json()["userName"] == format!("u{number}"))
            .cloned()
            .collect();
        assert_eq!(retries.len(), 3, "{number}");
        assert_one_creation(&retries);
    }
    check_counts(&api, keys, keys);
}

async fn one_of_several_bodies_with_the_same_key_is_accepted(api: Api) {
    for round in 0..5 {
        let creation =
            |index: usize| (format!("key-{round}"), json!({ "userName": format!("u{round}-{index}") }));
        let responses = create_concurrently(from_ref(&api.client), REQUESTS, creation).await;
        expect_one_success(&responses, 201, 422);
        for response in &responses {
            assert!(!is_replayed(response), "{:?}", response.headers);
            if response.code() == 422 {
                assert_problem(response, 422, "idempotency-key-reused");
            }
        }
        check_counts(&api, round + 1, round + 1);
    }
}

/// A conflict is not recorded, so every retry is executed again and fails.
async fn concurrent_retries_of_a_conflict_all_fail(api: Api) {
    let user = api.create_named("ada").await;
    let body = json!({ "userName": "ADA" });
    let same = |_| ("key".to_owned(), body.clone());
    let responses = create_concurrently(from_ref(&api.client), REQUESTS, same).await;
    for response in &responses {
        assert_taken(response, "userName");
        assert!(!is_replayed(response));
    }
    check_counts(&api, 1, 1);
    api.client.delete(&path(&user)).send().await.expect(204);
    assert_one_creation(&create_concurrently(from_ref(&api.client), REQUESTS, same).await);
    check_counts(&api, 1, 3);
}

/// Retries before the deletion fail, and all retries after the first success return its response.
async fn concurrent_retries_agree_while_the_name_is_freed(api: Api) {
    for round in 0..5 {
        let user = api.create_named("ada").await;
        let body = json!({ "userName": "Ada" });
        let responses = send_concurrently(REQUESTS + 1, |index| match index {
            8 => api.client.delete(&path(&user)),
            _ => api.client.post("/users", &body).header("idempotency-key", &format!("key-{round}")),
        })
        .await;
        assert_eq!(count_with_status(&responses, 204), 1);
        let created: Vec<_> = responses.iter().filter(|response| response.code() == 201).cloned().collect();
        assert_eq!(created.len() + count_with_status(&responses, 409), REQUESTS);
        let late = api.client.post("/users", &body).header("idempotency-key", &format!("key-{round}"));
        let late = late.send().await;
        assert_eq!(is_replayed(&late), !created.is_empty());
        let user = assert_one_creation(&[created, vec![late]].concat());
        check_counts(&api, 1, 4 * round + 3);
        api.client.delete(&path(&user)).send().await.expect(204);
    }
}

async fn check_retries_on_two_servers(api: Api) {
    let other = Server::builder(&api.database_url()).start();
    let clients = [api.client.clone(), Client::new(&other)];
    for round in 0..10 {
        let body = json!({ "userName": format!("u{round}") });
        let same = |_| (format!("key-{round}"), body.clone());
        let user = assert_one_creation(&create_concurrently(&clients, REQUESTS, same).await);
        for client in &clients {
            assert_eq!(client.get(&path(&user)).send().await.expect(200).json(), user);
        }
        let creation =
            |index: usize| (format!("other-{round}"), json!({ "userName": format!("o{round}-{index}") }));
        let responses = create_concurrently(&clients, REQUESTS, creation).await;
        expect_one_success(&responses, 201, 422);
        check_counts(&api, 2 * (round + 1), 2 * (round + 1));
    }
}
