//! Clients that do not read the responses that they requested.

use crate::support::api::{Api, Engine, run_with};
use crate::support::http::{Client, Response};
use crate::support::raw::RawConnection;
use crate::support::sql::wait_until;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// The number of slow clients. Each requests more pages than the kernel can buffer.
const SLOW_CLIENTS: usize = 16;
const REQUESTS: usize = 4;

/// The number of users in a page of about 2 MB.
const USERS: usize = 60;

const LIMIT: Duration = Duration::from_secs(20);

/// Requests that return a large page.
const PAGES: [&str; 3] = ["/users?limit=100", "/scim/v2/Users?count=100", "/changes?limit=100"];

fn large_user(index: usize) -> Value {
    json!({ "userName": index.to_string(), "custom": { "text": "x".repeat(15_000) },
        "extensions": { "urn:example:text": { "text": "x".repeat(15_000) } } })
}

/// Creates users, and returns the secret of a new reader key.
async fn prepare(api: &Api) -> String {
    for index in 0..USERS {
        api.client.post("/users", &large_user(index)).send().await.expect(201);
    }
    let key = api.client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201);
    key.json()["secret"].as_str().expect("a secret").to_owned()
}

/// Connects clients that send requests and do not read.
fn slow_clients(api: &Api, key: &str, count: usize, path: &str) -> Vec<RawConnection> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {key}\r\n\r\n");
    let connect = |_| {
        let mut connection = RawConnection::connect(api.address());
        connection.send(request.repeat(REQUESTS).as_bytes());
        connection
    };
    (0..count).map(connect).collect()
}

/// The number of connections of the server, besides that of the test's own client.
fn open_sockets(api: &Api) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", api.server.pid())).expect("the process runs");
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

async fn wait_for_status(client: &Client, path: &str, status: u16) -> Response {
    for _ in 0..400 {
        let response = client.get(path).send().await;
        if response.code() == status {
            return response;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} never returns {status}");
}

#[test]
fn unread_responses_use_limited_memory_and_others_are_served() {
    run_with(Engine::Sqlite, &[("ROSTER_UNREAD_LIMIT", "4194304")], async |api| {
        let key = prepare(&api).await;
        let before = api.server.resident_memory();
        let slow = slow_clients(&api, &key, SLOW_CLIENTS, PAGES[0]);
        slow.iter().for_each(RawConnection::wait_for_response);
        let reader = Client::new_with_key(&api.server, &key);
        for page in PAGES {
            let refused = wait_for_status(&reader, page, 503).await;
            assert_eq!(refused.header("retry-after"), Some("1"), "{page}");
            assert!(refused.text().contains("have not read"), "{}", refused.text());
        }
        // Small responses, writes and other callers are not affected.
        reader.get("/users?limit=1").send().await.expect(200);
        Client::anonymous(&api.server).get("/livez").send().await.expect(200);
        api.client.post("/users", &large_user(USERS)).send().await.expect(201);
        for page in PAGES {
            api.client.get(page).send().await.expect(200);
        }
        wait_until(LIMIT, "the memory is released", || {
            api.server.resident_memory() < before + 28 * 1024 * 1024
        });
        drop(slow);
        wait_for_status(&reader, PAGES[0], 200).await;
    });
}

#[test]
fn clients_that_do_not_read_are_disconnected() {
    run_with(Engine::Sqlite, &[("ROSTER_SEND_TIMEOUT", "300ms")], async |api| {
        let key = prepare(&api).await;
        let before = open_sockets(&api);
        for page in PAGES {
            // The kernel buffers all of a single response, and a part of several.
            let slow = slow_clients(&api, &key, 4, page);
            slow.iter().for_each(RawConnection::wait_for_response);
            wait_until(LIMIT, "the server closes the connections", || open_sockets(&api) == before);
        }
    });
}
