//! Concurrent writes of users.

use crate::api::problem::{assert_conflicts, assert_problem, assert_taken};
use crate::support::api::{Api, Engine, count_with_status, expect_one_success, path, run, send_concurrently};
use crate::support::http::{Client, Request};
use crate::support::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;

engine_tests! {
    concurrent_creates_of_one_name_succeed_once
    concurrent_creates_of_one_external_id_succeed_once
    one_of_several_writers_with_the_same_etag_succeeds
    concurrent_deletions_succeed_once
    a_freed_name_is_taken_at_most_once
    concurrent_patches_of_different_attributes_all_apply
    concurrent_renames_cannot_swap_names
    concurrent_creates_of_many_names_succeed_once_each
    mixed_concurrent_writes_keep_names_unique
}

/// A SQLite file has only one server.
#[test]
fn two_servers_enforce_the_same_constraints() {
    run(Engine::Postgres, check_two_servers);
}

const REQUESTS: usize = 50;

/// One of four equivalent spellings of a name.
fn spelling(index: usize) -> String {
    let name = ["straße-\u{e9}", "STRASSE-E\u{301}", "Strasse-e\u{301}", "sTRAẞE-\u{c9}"][index % 4];
    name.to_owned()
}

async fn concurrent_creates_of_one_name_succeed_once(api: Api) {
    for _ in 0..3 {
        let responses = send_concurrently(REQUESTS, |index| {
            api.client.post("/users", &json!({ "userName": spelling(index), "title": index.to_string() }))
        })
        .await;
        let created = expect_one_success(&responses, 201, 409).json();
        assert_conflicts(&responses, "userName");
        assert_eq!(api.page("?include=total").await, json!({ "items": [created], "total": 1 }));
        api.client.delete(&path(&created)).send().await.expect(204);
    }
}

async fn concurrent_creates_of_one_external_id_succeed_once(api: Api) {
    let responses = send_concurrently(REQUESTS, |index| {
        api.client.post("/users", &json!({ "userName": index.to_string(), "externalId": "one" }))
    })
    .await;
    expect_one_success(&responses, 201, 409);
    assert_conflicts(&responses, "externalId");
    assert_eq!(api.page("?include=total").await["total"], 1);
}

async fn one_of_several_writers_with_the_same_etag_succeeds(api: Api) {
    let user = api.create_named("ada").await;
    for round in 1..=4_u64 {
        let tag = format!("\"{round}\"");
        let responses = send_concurrently(REQUESTS, |index| {
            let title = json!({ "userName": "ada", "title": format!("{round}-{index}") });
            let request = match index % 2 {
                0 => api.client.put(&path(&user), &title),
                _ => api.client.patch(&path(&user), &title),
            };
            request.header("if-match", &tag)
        })
        .await;
        let written = expect_one_success(&responses, 200, 412).json();
        for response in responses.iter().filter(|response| response.code() == 412) {
            assert_problem(response, 412, "precondition-failed");
        }
        assert_eq!(written["version"], round + 1);
        assert_eq!(api.read(&user).await, written);
    }
}

async fn concurrent_deletions_succeed_once(api: Api) {
    let user = api.create_named("ada").await;
    let responses = send_concurrently(REQUESTS, |_| api.client.delete(&path(&user))).await;
    expect_one_success(&responses, 204, 404);
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
}

async fn a_freed_name_is_taken_at_most_once(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    let responses = send_concurrently(REQUESTS, |index| match index {
        0 => api.client.delete(&path(&user)),
        _ => api.client.post("/users", &json!({ "userName": "ADA", "externalId": "1" })),
    })
    .await;
    assert_eq!(count_with_status(&responses, 204), 1);
    let created = count_with_status(&responses, 201);
    assert!(created <= 1, "{created} users have the name");
    assert_eq!(count_with_status(&responses, 409), REQUESTS - 1 - created);
    assert_eq!(api.page("?include=total").await["total"], created);
}

async fn concurrent_patches_of_different_attributes_all_apply(api: Api) {
    let user = api.create_named("ada").await;
    let responses = send_concurrently(REQUESTS, |index| {
        api.client.patch(&path(&user), &json!({ "custom": { index.to_string(): index } }))
    })
    .await;
    assert_eq!(count_with_status(&responses, 200), REQUESTS);
    let versions: BTreeSet<_> =
        responses.iter().map(|response| response.json()["version"].as_u64()).collect();
    assert_eq!(versions, (2..REQUESTS as u64 + 2).map(Some).collect());
    let found = api.read(&user).await;
    let custom: serde_json::Map<String, Value> =
        (0..REQUESTS).map(|index| (index.to_string(), json!(index))).collect();
    assert_eq!((&found["custom"], &found["version"]), (&Value::Object(custom), &json!(REQUESTS + 1)));
}

async fn concurrent_renames_cannot_swap_names(api: Api) {
    let users = [api.create_named("ada").await, api.create_named("grace").await];
    let responses = send_concurrently(REQUESTS, |index| {
        let name = ["GRACE", "ADA"][index % 2];
        api.client.patch(&path(&users[index % 2]), &json!({ "userName": name }))
    })
    .await;
    assert_eq!(count_with_status(&responses, 409), REQUESTS);
    responses.iter().for_each(|response| assert_taken(response, "userName"));
    assert_eq!(api.page("").await["items"], json!(users));
}

async fn concurrent_creates_of_many_names_succeed_once_each(api: Api) {
    let responses = send_concurrently(200, |index| {
        api.client.post("/users", &json!({ "userName": format!("u{}", index % 40) }))
    })
    .await;
    assert_eq!((count_with_status(&responses, 201), count_with_status(&responses, 409)), (40, 160));
    let page = api.page("?include=total").await;
    let items = page["items"].as_array().expect("the value is a list");
    let names: BTreeSet<_> = items.iter().map(|user| user["userName"].to_string()).collect();
    assert_eq!((names.len(), &page["total"]), (40, &json!(40)));
}

async fn check_two_servers(api: Api) {
    let other = Server::builder(&api.database_url()).start();
    let clients = [api.client.clone(), Client::new(&other)];
    let responses = send_concurrently(REQUESTS, |index| {
        clients[index % 2].post("/users", &json!({ "userName": spelling(index / 2) }))
    })
    .await;
    let created = expect_one_success(&responses, 201, 409).json();
    let responses = send_concurrently(REQUESTS, |index| {
        let patch = json!({ "title": index.to_string() });
        clients[index % 2].patch(&path(&created), &patch).header("if-match", "\"1\"")
    })
    .await;
    expect_one_success(&responses, 200, 412);
    // Both users are renamed to each other's name, which deadlocks in PostgreSQL, so the server must retry.
    let users = [api.create_named("ada").await, api.create_named("grace").await];
    let responses = send_concurrently(10, |index| {
        let name = ["GRACE", "ADA"][index % 2];
        clients[index % 2].patch(&path(&users[index % 2]), &json!({ "userName": name }))
    });
    responses.await.iter().for_each(|response| assert_taken(response, "userName"));
    for client in &clients {
        let page = client.get("/users?include=total").send().await.expect(200).json();
        assert_eq!((&page["total"], page["items"].as_array().map(Vec::len)), (&json!(3), Some(3)));
    }
}

/// A write of a user with one of five names, both chosen by a number.
fn mixed_request(client: &Client, targets: &[String], number: usize) -> Request {
    let target = &targets[number % targets.len()];
    let body = json!({ "userName": format!("n{}", number / 7 % 5), "title": number.to_string() });
    match number / 3 % 5 {
        0 | 1 => client.post("/users", &body),
        2 => client.put(target, &body),
        3 => client.patch(target, &body),
        _ => client.delete(target),
    }
}

async fn mixed_concurrent_writes_keep_names_unique(api: Api) {
    let mut targets = Vec::new();
    for round in 0..6 {
        for index in 0..5 {
            let response =
                api.client.post("/users", &json!({ "userName": format!("n{index}") })).send().await;
            assert!(matches!(response.code(), 201 | 409), "{}", response.text());
        }
        let page = api.page("").await;
        targets.extend(page["items"].as_array().expect("the value is a list").iter().map(path));
        let responses = send_concurrently(REQUESTS, |index| {
            mixed_request(&api.client, &targets, index * 31 + round * 17)
        });
        for response in responses.await {
            assert!(matches!(response.code(), 200 | 201 | 204 | 404 | 409), "{}", response.text());
        }
        let page = api.page("?include=total").await;
        let users = page["items"].as_array().expect("the value is a list");
        let names: BTreeSet<_> = users.iter().map(|user| user["userName"].to_string()).collect();
        assert_eq!((names.len(), &page["total"]), (users.len(), &json!(users.len())), "{page}");
    }
}
