//! The limit on the requests of each key.

use crate::api::callers::{client_with_key, create_key};
use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, count_with_status, send_concurrently};
use crate::support::http::{Client, Response};
use crate::support::raw::{RawConnection, raw_request};
use crate::support::server::{ADMIN_KEY, LOG_FOLLOWERS};
use serde_json::json;
use std::time::{Duration, Instant};

engine_tests! {
    requests_beyond_the_limit_are_refused
    each_key_and_connection_has_its_own_limit
    a_refusal_is_a_scim_error_under_scim
    the_quota_refills
    there_is_no_limit_by_default
    requests_without_a_valid_key_do_not_count
    a_follower_counts_once
    concurrent_requests_are_all_counted
}

/// Starts a server that allows this many requests per hour.
fn start(api: &Api, limit: &str) -> Api {
    Api::start(api.engine, &[("ROSTER_RATE_LIMIT", limit), LOG_FOLLOWERS])
}

/// The number in a field such as `"default";q=100;w=1`.
#[track_caller]
fn number(field: Option<&str>, name: &str) -> u64 {
    let field = field.expect("the response has the field");
    let mut parameters = field.strip_prefix("\"default\"").expect("the name of the policy").split(';');
    let value = parameters.find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no number {name} in {field}"))
}

/// The remaining requests and the seconds in `RateLimit`.
#[track_caller]
fn remaining(response: &Response) -> (u64, u64) {
    let field = response.header("ratelimit");
    (number(field, "r"), number(field, "t"))
}

#[track_caller]
fn assert_limited(response: &Response) {
    assert_problem(response, 429, "rate-limited");
    let (requests, seconds) = remaining(response);
    assert_eq!((requests, response.header("retry-after")), (0, Some(&*seconds.to_string())));
    assert!((1..=3600).contains(&seconds), "{seconds}");
}

async fn requests_beyond_the_limit_are_refused(api: Api) {
    let api = start(&api, "3/h");
    for (left, seconds) in [(2, 1_200), (1, 2_400), (0, 3_600)] {
        let response = api.client.get("/users").send().await.expect(200);
        assert_eq!(response.header("ratelimit-policy"), Some("\"default\";q=3;w=3600"));
        let (requests, reset) = remaining(&response);
        assert_eq!(requests, left);
        assert!((seconds - 100..=seconds).contains(&reset), "{reset}");
    }
    // The limit applies to every path and method, and before the database is read.
    let client = &api.client;
    for request in [
        client.get("/users"),
        client.post("/users", &json!({ "userName": "ada" })),
        client.delete("/keys/x"),
        client.get("/nothing"),
        client.get("/export"),
        client.in_tenant("unknown").get("/users"),
    ] {
        assert_limited(&request.send().await);
    }
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM users"), 0);
}

async fn each_key_and_connection_has_its_own_limit(api: Api) {
    let api = start(&api, "4/h");
    let connection = api.client.post("/connections", &json!({ "name": "A" })).send().await.expect(201).json();
    let tokens = format!("/connections/{}/tokens", connection["id"].as_str().expect("an id"));
    let token = api.client.post(&tokens, &json!({})).send().await.expect(201).json();
    let mut clients: Vec<Client> = vec![client_with_key(&api.client, &token)];
    for _ in 0..2 {
        let key = create_key(&api.client, &json!({ "role": "reader" })).await;
        clients.push(client_with_key(&api.client, &key));
    }
    assert_limited(&api.client.get("/me").send().await);
    for client in clients {
        for _ in 0..4 {
            client.get("/me").send().await.expect(200);
        }
        assert_limited(&client.get("/me").send().await);
    }
}

async fn a_refusal_is_a_scim_error_under_scim(api: Api) {
    let api = start(&api, "1/h");
    let allowed = api.client.get("/scim/v2/Users").send().await.expect(200);
    assert_eq!(remaining(&allowed).0, 0);
    let refused = api.client.get("/scim/v2/Users").send().await.expect(429);
    assert_eq!(refused.header("content-type"), Some("application/scim+json"));
    let (body, schema) = (refused.json(), "urn:ietf:params:scim:api:messages:2.0:Error");
    assert_eq!((&body["schemas"], &body["status"]), (&json!([schema]), &json!("429")));
    assert_eq!(refused.header("retry-after"), Some(&*remaining(&refused).1.to_string()));
}

async fn the_quota_refills(api: Api) {
    let api = start(&api, "2/s");
    while api.client.get("/me").send().await.code() == 200 {}
    let since = Instant::now();
    while api.client.get("/me").send().await.code() == 429 {
        assert!(since.elapsed() < Duration::from_secs(20), "the quota does not refill");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn there_is_no_limit_by_default(api: Api) {
    let responses = send_concurrently(200, |_| api.client.get("/me")).await;
    assert_eq!(count_with_status(&responses, 200), 200);
    assert_eq!(responses[0].header("ratelimit"), None);
    assert_eq!(responses[0].header("ratelimit-policy"), None);
}

async fn requests_without_a_valid_key_do_not_count(api: Api) {
    let api = start(&api, "1/h");
    for _ in 0..3 {
        let unauthorized = api.client.with_key("garbage").get("/users").send().await;
        assert_unauthorized(&unauthorized);
        assert_eq!(unauthorized.header("ratelimit"), None);
        api.client.with_key(ADMIN_KEY).get("/livez").send().await.expect(200);
    }
    api.client.get("/me").send().await.expect(200);
    assert_limited(&api.client.get("/me").send().await);
}

/// The follower is parked, and runs again after a commit of another key.
async fn a_follower_counts_once(api: Api) {
    let api = start(&api, "3/h");
    let writer = client_with_key(&api.client, &create_key(&api.client, &json!({ "role": "writer" })).await);
    let mut follower = RawConnection::connect(api.address());
    follower.send(raw_request("GET", "/changes?after=1&wait=60").as_bytes());
    api.server.wait_for_followers(1);
    writer.post("/users", &json!({ "userName": "ada" })).send().await.expect(201);
    let response = follower.receive().expect("the server responds");
    assert_eq!((response.status, number(response.header("ratelimit"), "r")), (200, 1), "{response:?}");
    assert_eq!(remaining(&api.client.get("/me").send().await.expect(200)).0, 0);
    assert_limited(&api.client.get("/me").send().await);
}

async fn concurrent_requests_are_all_counted(api: Api) {
    let api = start(&api, "20/h");
    let responses = send_concurrently(60, |_| api.client.get("/me")).await;
    assert_eq!((count_with_status(&responses, 200), count_with_status(&responses, 429)), (20, 40));
}
