//! `GET /changes?wait=`: requests that wait for changes.

use crate::api::callers::{client_with_key, create_key, get, key_path};
use crate::api::problem::assert_problem;
use crate::api::query::items;
use crate::support::api::{Api, text};
use crate::support::raw::{RawConnection, RawResponse, raw_request, request_head};
use crate::support::server::LOG_FOLLOWERS;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

engine_tests! {
    a_commit_wakes_a_waiting_request
    a_request_does_not_wait_without_reason
    the_wait_ends_without_changes
    changes_that_the_filters_exclude_do_not_end_the_wait
    the_connection_can_be_used_again
    requests_that_cannot_be_parked_wait
    pipelined_requests_each_receive_a_response
    polls_of_a_revoked_key_are_no_failed_attempts
    the_wait_ends_with_the_tenant
    followers_are_limited
    the_wait_ends_with_the_rights_of_the_key
    waiting_requests_use_no_actor
}

/// Runs a test on a server that logs followers.
fn start_api(api: &Api) -> Api {
    Api::start(api.engine, &[LOG_FOLLOWERS])
}

/// Sends a request that waits.
fn send(api: &Api, request: &str) -> RawConnection {
    let mut connection = RawConnection::connect(api.address());
    connection.send(request.as_bytes());
    connection
}

fn poll(query: &str) -> String {
    raw_request("GET", &format!("/changes?wait=60{query}"))
}

/// The types of the changes in a response.
fn types(response: &Value) -> Vec<&str> {
    items(response).iter().map(|row| text(&row["type"])).collect()
}

fn receive(connection: &mut RawConnection) -> RawResponse {
    connection.receive().expect("the server responds")
}

async fn a_commit_wakes_a_waiting_request(api: Api) {
    let api = start_api(&api);
    let mut connection = send(&api, &poll("&after=0"));
    api.server.wait_for_followers(1);
    let user = api.create_named("ada").await;
    let response = receive(&mut connection);
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(items(&response.json())[0]["id"], user["id"]);
    assert_eq!(response.json(), get(&api.client, "/changes").await);
}

async fn a_request_does_not_wait_without_reason(api: Api) {
    api.create_named("ada").await;
    let since = Instant::now();
    assert_eq!(get(&api.client, "/changes?wait=60").await, get(&api.client, "/changes").await);
    let gone = api.client.get("/changes?wait=60&after=7").send().await;
    assert_eq!((gone.code(), &gone.json()["code"]), (410, &json!("gone")));
    let head = api.client.request(reqwest::Method::HEAD, "/changes?wait=60&after=1").send().await;
    assert_eq!(head.code(), 200);
    assert_eq!(get(&api.client, "/changes?wait=0&after=1").await["items"], json!([]));
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    for invalid in ["61", "-1", "", "1.5", "1s"] {
        let response = api.client.get(&format!("/changes?wait={invalid}")).send().await;
        assert_problem(&response, 400, "invalid-parameter");
    }
}

async fn the_wait_ends_without_changes(api: Api) {
    let since = Instant::now();
    let response =
        api.client.get("/changes?wait=1").header("x-request-id", "waited").send().await.expect(200);
    assert!(since.elapsed() >= Duration::from_secs(1), "{:?}", since.elapsed());
    let page = response.json();
    assert_eq!((&page["items"], &page["next"], &page["head"]), (&json!([]), &json!(0), &json!(0)));
    // The request was parked, but it is still one request.
    assert_eq!(response.header("x-request-id"), Some("waited"));
    api.server.wait_for_log("request_id=waited", Duration::from_secs(10));
    let log = api.server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("waited")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (_, duration) = lines[0].split_once("duration_ms=").expect("the line has the duration");
    let duration = duration.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    assert!(duration >= Some(1000.0), "{lines:?}");
}

async fn changes_that_the_filters_exclude_do_not_end_the_wait(api: Api) {
    let api = start_api(&api);
    let user = api.create_named("ada").await;
    let filters = format!("&after=1&type=user.updated,group.created&resource={}", text(&user["id"]));
    let mut connection = send(&api, &poll(&filters));
    api.server.wait_for_followers(1);
    api.create_named("bob").await;
    api.client.post("/groups", &json!({ "displayName": "Engineers" })).send().await.expect(201);
    api.patch(&user, &json!({ "title": "Dr." })).await;
    let page = receive(&mut connection).json();
    assert_eq!((types(&page), &page["next"]), (vec!["user.updated"], &json!(4)));
    // At the end of the wait, the position has advanced.
    let excluded = format!("/changes?wait=1&after=4&type=user.deleted&resource={}", text(&user["id"]));
    let (page, _) = tokio::join!(get(&api.client, &excluded), api.create_named("eve"));
    assert_eq!((&page["items"], &page["next"]), (&json!([]), &json!(5)));
}

async fn the_connection_can_be_used_again(api: Api) {
    let api = start_api(&api);
    let mut connection = RawConnection::connect(api.address());
    for number in 0..3 {
        connection.send(poll(&format!("&after={number}")).as_bytes());
        api.server.wait_for_followers(number + 1);
        // This request arrives while the other one is parked.
        connection.send(raw_request("GET", "/users?include=total").as_bytes());
        api.create_named(&number.to_string()).await;
        assert_eq!(receive(&mut connection).json()["next"], number + 1);
        assert_eq!(receive(&mut connection).json()["total"], number + 1);
    }
}

async fn requests_that_cannot_be_parked_wait(api: Api) {
    let api = start_api(&api);
    let head = |after: usize| request_head("GET", &format!("/changes?wait=60&after={after}"));
    let requests = [
        head(0) + "Content-Length: 2\r\n\r\n{}",
        format!("{}X-Large: {}\r\n\r\n", head(1), "x".repeat(5_000)),
        head(2) + "\r\n" + &raw_request("GET", "/users"),
        head(3).replace("HTTP/1.1", "HTTP/1.0") + "\r\n",
    ];
    for (number, request) in requests.iter().enumerate() {
        let mut connection = send(&api, request);
        api.server.wait_for_followers(number + 1);
        api.create_named(&number.to_string()).await;
        assert_eq!(receive(&mut connection).json()["next"], number + 1);
    }
}

async fn pipelined_requests_each_receive_a_response(api: Api) {
    let api = start_api(&api);
    let poll = poll("&type=group.created");
    let mut connection = send(&api, &(raw_request("GET", "/me") + &poll));
    assert_eq!(receive(&mut connection).json()["role"], "operator");
    api.server.wait_for_followers(1);
    connection.send(poll.as_bytes());
    // Wakes the first poll, which waits again while the second one has been received.
    api.create_named("ada").await;
    api.client.post("/groups", &json!({ "displayName": "Engineers" })).send().await.expect(201);
    for _ in 0..2 {
        assert_eq!(types(&receive(&mut connection).json()), ["group.created"]);
    }
}

async fn polls_of_a_revoked_key_are_no_failed_attempts(api: Api) {
    let api = Api::start(api.engine, &[LOG_FOLLOWERS, ("ROSTER_FAILED_ATTEMPTS", "2")]);
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let mut connections: Vec<_> = (0..5).map(|_| send(&api, &poll_with(&key, "&after=1"))).collect();
    api.server.wait_for_followers(5);
    api.client.delete(&key_path(&key)).send().await.expect(204);
    for connection in &mut connections {
        receive(connection).assert_problem(401, "unauthorized");
    }
}

async fn the_wait_ends_with_the_tenant(api: Api) {
    let api = start_api(&api);
    let tenant = api.client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201).json();
    let head = request_head("GET", "/changes?wait=60") + "Roster-Tenant: acme\r\n\r\n";
    let mut connection = send(&api, &head);
    api.server.wait_for_followers(1);
    api.client.delete(&format!("/tenants/{}", text(&tenant["id"]))).send().await.expect(204);
    receive(&mut connection).assert_problem(404, "not-found");
}

async fn followers_are_limited(api: Api) {
    for (setting, of_other_key) in [("ROSTER_FOLLOWERS_PER_KEY", 200), ("ROSTER_FOLLOWERS", 429)] {
        let api = Api::start(api.engine, &[LOG_FOLLOWERS, (setting, "1")]);
        let key = create_key(&api.client, &json!({ "role": "reader" })).await;
        let connection = send(&api, &poll("&after=1"));
        api.server.wait_for_followers(1);
        let refused = api.client.get("/changes?wait=60&after=1").send().await;
        assert_problem(&refused, 429, "too-many-followers");
        assert!(refused.header("retry-after").is_some());
        let stream = api.client.get("/changes").accept("text/event-stream").send().await;
        assert_problem(&stream, 429, "too-many-followers");
        get(&api.client, "/changes").await;
        let other = client_with_key(&api.client, &key).get("/changes?wait=1&after=1").send().await;
        assert_eq!(other.code(), of_other_key);
        // A client that has disconnected no longer counts.
        drop(connection);
        let since = Instant::now();
        while api.client.get("/changes?wait=1&after=1").send().await.code() == 429 {
            assert!(since.elapsed() < Duration::from_secs(20), "the follower is still counted");
        }
    }
}

/// A request with another key than the admin key.
fn poll_with(key: &Value, query: &str) -> String {
    format!(
        "GET /changes?wait=60{query} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {}\r\n\r\n",
        text(&key["secret"])
    )
}

async fn the_wait_ends_with_the_rights_of_the_key(api: Api) {
    let api = start_api(&api);
    let mut keys = Vec::new();
    for (role, name) in
        [("reader", "revoked"), ("reader", "elsewhere"), ("reader", "expired"), ("admin", "lowered")]
    {
        keys.push(create_key(&api.client, &json!({ "role": role, "name": name })).await);
    }
    let types = ["user.erased", "user.erased", "user.erased", "tenant.created"];
    let start = |(key, kind)| send(&api, &poll_with(key, &format!("&after=4&type={kind}")));
    let mut connections: Vec<_> = keys.iter().zip(types).map(start).collect();
    api.server.wait_for_followers(4);
    // As if another server had revoked the key.
    api.sql().execute("UPDATE keys SET revoked_at = 1 WHERE name = 'elsewhere'");
    api.sql().execute("UPDATE keys SET expires_at = 1577836800000000 WHERE name = 'expired'");
    for connection in &mut connections[1..3] {
        receive(connection).assert_problem(401, "unauthorized");
    }
    api.client.delete(&key_path(&keys[0])).send().await.expect(204);
    receive(&mut connections[0]).assert_problem(401, "unauthorized");
    // The new role may not see the requested changes.
    api.client.patch(&key_path(&keys[3]), &json!({ "role": "reader" })).send().await.expect(200);
    receive(&mut connections[3]).assert_problem(403, "forbidden");
}

async fn waiting_requests_use_no_actor(api: Api) {
    const FOLLOWERS: usize = 100;
    let api = Api::start(api.engine, &[LOG_FOLLOWERS, ("ROSTER_DATABASE_READERS", "1")]);
    let mut connections: Vec<_> = (0..FOLLOWERS).map(|_| send(&api, &poll(""))).collect();
    api.server.wait_for_followers(FOLLOWERS);
    assert_eq!(get(&api.client, "/users?include=total").await["total"], 0);
    let user = api.create_named("ada").await;
    for connection in &mut connections {
        assert_eq!(items(&receive(connection).json())[0]["id"], user["id"]);
    }
}
