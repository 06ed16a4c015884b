//! Clients that do not read the responses that they requested.

use crate::support::api::{Api, Engine, run_with, send_concurrently};
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
    key.json()["secret"].as_str().expect("the secret is a string").to_owned()
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
    run_with(Engine::Sqlite, &[("ROSTER_UNREAD_LIMIT", "8388608")], async |api| {
        let key = prepare(&api).await;
        let before = api.server.resident_memory();
        let slow = slow_clients(&api, &key, SLOW_CLIENTS, PAGES[0]);
        slow.iter().for_each(RawConnection::wait_for_response);
        let reader = Client::new_with_key(&api.server, &key);
        for page in PAGES {
            let refused = wait_for_status(&reader, page, 503).await;
            assert_eq!(refused.header("retry-after"), Some("1"), "{page}");
            assert!(refused.text().contains("have not read their earlier responses"), "{}", refused.text());
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

/// A request that many clients send without reading the responses.
struct Unread {
    method: &'static str,
    path: String,
    headers: &'static str,
    body: fn(usize) -> Value,
}

impl Unread {
    fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: "", body: |_| Value::Null }
    }

    fn text(&self, key: &str, index: usize) -> String {
        let Self { method, path, headers, body } = self;
        let body = Some(body(index))
            .filter(|body| !body.is_null())
            .map_or_else(String::new, |body| body.to_string());
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {key}\r\n{headers}Content-Type: \
             application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    /// Sends the request over new connections. Returns the number of responses with status 200, and the connections. The
    /// other responses have status 503.
    async fn send(&self, api: &Api, key: &str) -> (usize, Vec<RawConnection>) {
        let mut connections = Vec::new();
        for index in 0..CLIENTS {
            let mut connection = RawConnection::connect_with_small_buffer(api.address()).await;
            connection.send(self.text(key, index).as_bytes());
            connections.push(connection);
        }
        let statuses: Vec<_> = connections.iter_mut().map(RawConnection::receive_status).collect();
        assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{}: {statuses:?}", self.path);
        (statuses.into_iter().filter(|status| *status == 200).count(), connections)
    }
}

/// The number of clients that send each request.
const CLIENTS: usize = 16;

/// The number of users on a page of about 1 MB, and of members of a group of this size.
const LARGE_USERS: usize = 20;
const MEMBERS: usize = 600;

/// Text that a client can hardly compress.
fn incompressible(seed: usize, length: usize) -> String {
    let mut state = seed as u64 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from((state >> 33) % 64).expect("the number is less than 64"))
    };
    (0..length).map(|_| next()).collect()
}

/// Creates users of about 50 KB each.
async fn create_large_users(api: &Api) {
    for index in 0..LARGE_USERS {
        let text = |part| incompressible(2 * index + part, 15_000);
        let body = json!({ "userName": format!("large{index}"), "custom": { "text": text(0) },
            "extensions": { "urn:example:text": { "text": text(1) }, "urn:example:more": { "text": text(0) } } });
        api.client.post("/users", &body).send().await.expect(201);
    }
}

/// Creates a group whose SCIM representation has about 1 MB, and returns its id.
async fn create_large_group(api: &Api) -> String {
    let user = |index: usize| {
        let name = format!("{index:03}{}", "\u{20ac}".repeat(250));
        json!({ "userName": name, "displayName": name })
    };
    let created = send_concurrently(MEMBERS, |index| api.client.post("/users", &user(index))).await;
    let member = |response: Response| json!({ "value": response.expect(201).json()["id"] });
    let members: Vec<_> = created.into_iter().map(member).collect();
    let group = json!({ "displayName": "Poets", "members": members });
    let created = api.client.post("/scim/v2/Groups", &group).send().await.expect(201).json();
    created["id"].as_str().expect("the id is a string").to_owned()
}

/// Requests with large responses.
fn large_reads(group: &str) -> [Unread; 7] {
    let search = |_| json!({ "count": 20, "filter": "userName sw \"large\"" });
    [
        Unread::get("/users?limit=20"),
        Unread { headers: "Accept-Encoding: gzip\r\n", ..Unread::get("/users?limit=20") },
        Unread::get("/users?limit=20&filter=custom.text%20pr"),
        Unread::get("/changes?limit=20"),
        Unread::get("/scim/v2/Users?count=20"),
        Unread { method: "POST", body: search, ..Unread::get("/scim/v2/Users/.search") },
        Unread::get(&format!("/scim/v2/Groups/{group}")),
    ]
}

/// A write whose response is large.
fn large_write(group: &str) -> Unread {
    let rename = |index: usize| {
        let rename = json!({ "op": "replace", "path": "displayName", "value": index.to_string() });
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [rename] })
    };
    let path = format!("/scim/v2/Groups/{group}?attributes=members");
    Unread { method: "PATCH", body: rename, ..Unread::get(&path) }
}

#[test]
fn many_clients_that_do_not_read_use_limited_memory() {
    run_with(Engine::Sqlite, &[("ROSTER_UNREAD_LIMIT", "4194304")], async |api| {
        create_large_users(&api).await;
        let group = create_large_group(&api).await;
        let mut keys = Vec::new();
        for role in ["reader", "writer"] {
            let key = api.client.post("/keys", &json!({ "role": role })).send().await.expect(201).json();
            keys.push(key["secret"].as_str().expect("the secret is a string").to_owned());
        }
        let before = api.server.peak_memory();
        for request in large_reads(&group) {
            let (sent, _open) = request.send(&api, &keys[0]).await;
            assert!(sent < CLIENTS, "no response to {} {} was refused", request.method, request.path);
        }
        // A write is refused before it starts, because its response cannot be refused.
        let (written, _open) = large_write(&group).send(&api, &keys[1]).await;
        let group = api.client.get(&format!("/groups/{group}")).send().await.expect(200).json();
        assert!((1..CLIENTS).contains(&written), "{written} writes succeeded");
        assert_eq!(group["version"], written + 1, "a refused write took effect");
        let grown = api.server.peak_memory() - before;
        assert!(grown < 28 * 1024 * 1024, "the memory grew by {grown} bytes");
    });
}
