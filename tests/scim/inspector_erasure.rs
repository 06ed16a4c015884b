//! The erasure of a user removes the user's values from the recorded requests of connections.

use crate::scim::client::{Scim, path, tokens_path};
use crate::scim::inspector::{Connected, connected};
use crate::support::api::{Engine, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use crate::support::server::Server;
use serde_json::{Value, json};
use std::time::Duration;

engine_tests! {
    erasing_a_user_blanks_the_requests_that_contain_its_values
    a_deleted_user_is_erased_from_requests
    requests_that_wait_during_an_erasure_are_blanked
    the_file_of_a_database_contains_no_erased_request
}

const LIMIT: Duration = Duration::from_secs(10);

/// Part of every value that an erasure must remove.
const SECRET: &str = "7f3a9c";

fn user(name: &str) -> Value {
    json!({
        "userName": format!("{name}-{SECRET}@example.com"),
        "name": { "givenName": format!("Given{SECRET}"), "familyName": format!("Family {SECRET} \"é\"") },
        "emails": [{ "value": format!("{name}@{SECRET}.example"), "type": "work" }],
        "externalId": format!("ext-{SECRET}"),
        "title": SECRET,
    })
}

async fn erase(all: &Connected, user: &Value) {
    all.admin.delete(&format!("/users/{}?erase=true", text(&user["id"]))).send().await.expect(204);
}

/// The number of stored rows that contain the secret.
fn rows_with_secret(all: &Connected) -> i64 {
    let columns =
        ["path", "query", "mentions", "request", "response"].map(|name| format!("{name} LIKE '%{SECRET}%'"));
    let columns = columns.join(" OR ");
    all.scim.api.sql().number(&format!(
        "SELECT count(*) AS number FROM requests WHERE {columns} OR CAST(details AS text) LIKE '%{SECRET}%'"
    ))
}

async fn erasing_a_user_blanks_the_requests_that_contain_its_values(scim: Scim) {
    let all = connected(scim).await;
    let filter = |text: &str| format!("/Users?filter={}", percent_encoded(text));
    // Before the user exists, a request can contain only its values.
    all.scim.get(&filter(&format!("userName eq \"ADA-{SECRET}@example.com\""))).await;
    all.scim.get(&filter(&format!("emails.value eq \"ada@{SECRET}.example\""))).await;
    let mut rejected = user("ada");
    rejected["userName"] = json!("");
    all.scim.call(400, "POST", "/Users", rejected).await;
    let ada = all.scim.create("/Users", user("ada")).await;
    all.scim.call(409, "POST", "/Users", json!({ "userName": format!("ada-{SECRET}@example.com") })).await;
    all.scim.call(404, "GET", &format!("/Users/ada-{SECRET}@example.com"), Value::Null).await;
    let bob = all.scim.create_user("bob").await;
    let members = json!({ "displayName": "Poets", "members": [{ "value": ada["id"], "display": format!("Given{SECRET}") }] });
    all.scim.create("/Groups", members).await;
    all.scim.get("/Users").await;
    all.scim.get(&path(&ada)).await;
    all.scim.get(&path(&bob)).await;
    all.scim.get("/Groups?excludedAttributes=members").await;
    let before = all.requests("", 12).await;
    assert!(before.iter().all(|request| request["erased"] == false));
    erase(&all, &ada).await;
    let after = all.requests("", 12).await;
    // Bob's creation and his two reads, and the list of groups, concern other resources.
    let kept: Vec<_> = after.iter().filter(|request| request["erased"] == false).collect();
    assert_eq!(kept, [&before[0], &before[1], &before[5]]);
    for (request, before) in after.iter().zip(&before).filter(|(request, _)| request["erased"] == true) {
        for name in [
            "id",
            "time",
            "method",
            "status",
            "durationMs",
            "requestId",
            "resource",
            "resourceId",
            "revisions",
        ] {
            assert_eq!(request[name], before[name], "{name}");
        }
        for name in ["query", "request", "response", "plan"] {
            assert_eq!(request[name], Value::Null, "{name} {request}");
        }
        let codes = |request: &Value| {
            let notes = request["notes"].as_array().into_iter().flatten();
            notes.map(|note| note["code"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(codes(request), codes(before));
        assert!(!request.to_string().contains(SECRET), "{request}");
    }
    assert_eq!(rows_with_secret(&all), 0);
    let of_ada = all.page(&format!("?user={}", text(&ada["id"]))).await;
    assert!(of_ada["items"].as_array().is_some_and(|items| items.len() >= 4), "{of_ada}");
    assert_eq!(all.page(&format!("?user=ada-{SECRET}@example.com")).await["items"], json!([]));
}

async fn a_deleted_user_is_erased_from_requests(scim: Scim) {
    let all = connected(scim).await;
    let ada = all.scim.create("/Users", user("ada")).await;
    let rename = json!([{ "op": "replace", "path": "userName", "value": format!("new-{SECRET}") }]);
    all.scim.patch(200, &path(&ada), rename).await;
    all.scim
        .get(&format!(
            "/Users?filter={}",
            percent_encoded(&format!("userName eq \"ada-{SECRET}@example.com\""))
        ))
        .await;
    all.scim.call(204, "DELETE", &path(&ada), Value::Null).await;
    all.requests("", 4).await;
    erase(&all, &ada).await;
    let requests = all.requests("", 4).await;
    assert_eq!(rows_with_secret(&all), 0, "{requests:?}");
    // The name is in the user's changes, so the request that contains only the name is found.
    assert!(requests.iter().all(|request| request["erased"] == true), "{requests:?}");
}

/// The requests arrive before the erasure and are recorded after it, also by another server.
async fn requests_that_wait_during_an_erasure_are_blanked(scim: Scim) {
    let all = connected(scim).await;
    let other = (all.scim.api.engine == Engine::Postgres)
        .then(|| Server::builder(&all.scim.api.database_url()).start());
    let token = all.admin.post(&tokens_path(&all.connection), &json!({})).send().await;
    let secret = token.expect(201).json()["secret"].clone();
    let clients: Vec<_> = [Some(&all.scim.api.server), other.as_ref()]
        .into_iter()
        .flatten()
        .map(|server| Client::new_with_key(server, text(&secret)))
        .collect();
    for round in 0..3 {
        let ada = all.scim.create("/Users", user(&format!("ada{round}"))).await;
        for client in &clients {
            for _ in 0..20 {
                let filter = percent_encoded(&format!("userName eq \"ada{round}-{SECRET}@example.com\""));
                client.get(&format!("/scim/v2/Users?filter={filter}")).send().await.expect(200);
            }
        }
        erase(&all, &ada).await;
    }
    let count = i64::try_from(3 * (1 + 20 * clients.len())).expect("the number is small");
    all.scim.api.sql().wait_for_number("SELECT count(*) AS number FROM requests", count, LIMIT);
    assert_eq!(rows_with_secret(&all), 0);
}

async fn the_file_of_a_database_contains_no_erased_request(scim: Scim) {
    let all = connected(scim).await;
    let ada = all.scim.create("/Users", user("ada")).await;
    for _ in 0..30 {
        all.scim.get("/Users").await;
    }
    all.requests("", 31).await;
    erase(&all, &ada).await;
    if let Some(file) = all.scim.api.database_url().strip_prefix("sqlite://") {
        for suffix in ["", "-wal"] {
            let bytes = std::fs::read(format!("{file}{suffix}")).unwrap_or_default();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{file}{suffix} contains a value");
        }
    }
}
