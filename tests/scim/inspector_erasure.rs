//! The erasure of a user removes the user's values from the recorded requests of connections.

use crate::scim::client::{Scim, USER, path, tokens_path};
use crate::scim::inspector::{Connected, connected};
use crate::support::api::{Engine, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use crate::support::server::Server;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

engine_tests! {
    erasing_a_user_blanks_the_requests_that_contain_its_values
    a_deleted_user_is_erased_from_requests
    values_are_erased_in_every_form_in_which_they_arrive
    requests_that_arrive_during_erasures_are_blanked
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

/// Values with raw `+`, double encoding and at the end of cut-off bodies, and values that look like ids.
async fn values_are_erased_in_every_form_in_which_they_arrive(scim: Scim) {
    let all = connected(scim).await;
    let (external, digits) = (Uuid::now_v7(), Uuid::now_v7().simple().to_string());
    let name = format!("ada+{SECRET}@example.com");
    let mut body = user("ada");
    (body["userName"], body["externalId"]) = (json!(name), json!(external));
    let ada = all.scim.create("/Users", body).await;
    let encoded = percent_encoded(&name);
    for target in [
        format!("/Users?filter=userName+eq+%22{name}%22"),
        format!("/Users?filter=userName+eq+%22{}%22", percent_encoded(&encoded)),
        format!("/Users?filter={}", percent_encoded(&format!("externalId eq \"{external}\""))),
        format!(
            "/Users?filter={}",
            percent_encoded(&format!("userName eq \"{name}\" and password eq \"x\""))
        ),
        format!("/Users/{external}"),
        format!("/Users/{}/{name}/groups", text(&ada["id"])),
        format!("/{name}/Users"),
    ] {
        all.scim.send("GET", &target, &Value::Null).await;
    }
    // The recorded part ends within the name.
    let start = format!("{{\"schemas\":[\"{USER}\"],\"x\":\"");
    let kept = name.find("@").expect("the name is an address");
    let filler = "x".repeat(16 * 1024 - start.len() - kept - "\",\"userName\":\"".len());
    let long = format!("{start}{filler}\",\"userName\":\"{name}\"}}");
    let request = all.scim.client.request(Method::POST, "/scim/v2/Users");
    request.body("application/scim+json", long).send().await.expect(409);
    let rename = json!([{ "op": "replace", "path": "userName", "value": digits }]);
    all.scim.patch(200, &path(&ada), rename).await;
    let requests = all.requests("", 10).await;
    assert!(
        requests
            .iter()
            .any(|request| request["request"].as_str().is_some_and(|body| body.ends_with(&name[..kept])))
    );
    let of_digits = all.page(&format!("?user={digits}")).await;
    assert!(!of_digits["items"].as_array().is_none_or(Vec::is_empty));
    erase(&all, &ada).await;
    let requests = all.requests("", 10).await;
    assert_eq!(rows_with_secret(&all), 0, "{requests:?}");
    let texts = [external.to_string(), external.simple().to_string(), digits];
    for text in &texts {
        assert!(!requests.iter().any(|request| request.to_string().contains(text)), "{text}");
        let found = all.scim.api.sql().number(&format!(
            "SELECT count(*) AS number FROM requests WHERE mentions LIKE '%{text}%' OR path LIKE '%{text}%'"
        ));
        assert_eq!(found, 0, "{text}");
        assert_eq!(all.page(&format!("?user={text}")).await["items"], json!([]), "{text}");
    }
}

/// Each user is created, mentioned and erased while requests that mention it arrive, also on another server.
async fn requests_that_arrive_during_erasures_are_blanked(scim: Scim) {
    let all = connected(scim).await;
    let other = (all.scim.api.engine == Engine::Postgres)
        .then(|| Server::builder(&all.scim.api.database_url()).start());
    let token = all.admin.post(&tokens_path(&all.connection), &json!({})).send().await;
    let secret = token.expect(201).json()["secret"].clone();
    let servers = [Some(&all.scim.api.server), other.as_ref()];
    let clients: Vec<_> =
        servers.into_iter().flatten().map(|server| Client::new_with_key(server, text(&secret))).collect();
    let mut count = 0;
    for round in 0..5 {
        let ada = all.scim.create("/Users", user(&format!("ada{round}"))).await;
        let filter = percent_encoded(&format!("userName eq \"ada{round}-{SECRET}@example.com\""));
        let is_erased = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = clients
            .iter()
            .map(|client| {
                let (client, filter, is_erased) = (client.clone(), filter.clone(), is_erased.clone());
                tokio::spawn(async move {
                    let mut sent = 0;
                    while !is_erased.load(Ordering::Acquire) {
                        client.get(&format!("/scim/v2/Users?filter={filter}")).send().await.expect(200);
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        tokio::task::yield_now().await;
        erase(&all, &ada).await;
        is_erased.store(true, Ordering::Release);
        count += 1;
        for sender in senders {
            count += sender.await.expect("the requests succeed");
        }
    }
    all.scim.api.sql().wait_for_number("SELECT count(*) AS number FROM requests", count, LIMIT);
    assert_eq!(rows_with_secret(&all), 0);
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
