//! Throttling of failed authentication attempts per client address.

use crate::api::callers::{
    client_with_key, client_with_role, create_expired_key, create_key, get, key_path, soon,
};
use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, count_with_status, send_concurrently, text};
use crate::support::http::{Client, Response};
use crate::support::raw;
use crate::support::server::{ADMIN_KEY, Server};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};

engine_tests! {
    failed_attempts_are_limited
    the_default_limit_is_one_hundred_attempts
    zero_disables_the_limit
    every_invalid_credential_counts_as_an_attempt
    missing_credentials_and_denied_requests_do_not_count
    valid_keys_are_not_throttled
    each_address_has_its_own_limit
    forwarded_headers_do_not_change_the_client_address
    concurrent_attempts_are_all_counted
    a_key_that_becomes_invalid_is_throttled
}

const LIMIT: usize = 5;

fn start(api: &Api) -> Api {
    Api::start(api.engine, &[("ROSTER_FAILED_ATTEMPTS", &LIMIT.to_string())])
}

/// Checks that the response rejects an attempt beyond the limit.
#[track_caller]
fn assert_too_many(response: &Response) {
    assert_problem(response, 429, "too-many-attempts");
    assert_eq!(response.header("www-authenticate"), None);
    let seconds =
        response.header("retry-after").and_then(|text| text.parse::<u64>().ok()).expect("Retry-After");
    assert!((1..=60).contains(&seconds), "{seconds}");
}

async fn attempt(api: &Api) -> Response {
    api.client.with_key("garbage").get("/users").send().await
}

/// Makes as many failed attempts as the limit allows.
async fn exhaust_limit(api: &Api) {
    for _ in 0..LIMIT {
        assert_unauthorized(&attempt(api).await);
    }
    assert_too_many(&attempt(api).await);
}

async fn failed_attempts_are_limited(api: Api) {
    let api = start(&api);
    exhaust_limit(&api).await;
    for _ in 0..3 {
        assert_too_many(&attempt(&api).await);
    }
    // The limit applies to every path and method, with any tenant.
    let client = api.client.with_key("rst_garbage");
    for request in [
        client.post("/users", &json!({ "userName": "ada" })),
        client.delete("/keys/x"),
        client.get("/nothing"),
        client.put("/users", &json!({})),
        client.in_tenant("unknown").get("/users"),
    ] {
        assert_too_many(&request.send().await);
    }
}

async fn the_default_limit_is_one_hundred_attempts(api: Api) {
    for _ in 0..100 {
        assert_unauthorized(&attempt(&api).await);
    }
    assert_too_many(&attempt(&api).await);
}

async fn zero_disables_the_limit(api: Api) {
    let api = Api::start(api.engine, &[("ROSTER_FAILED_ATTEMPTS", "0")]);
    for _ in 0..150 {
        assert_unauthorized(&attempt(&api).await);
    }
}

async fn every_invalid_credential_counts_as_an_attempt(mut api: Api) {
    let revoked = create_key(&api.client, &json!({ "role": "reader" })).await;
    api.client.delete(&key_path(&revoked)).send().await.expect(204);
    let expired = create_expired_key(&api, "reader").await;
    // A SQLite file has only one server.
    api.server.kill();
    let invalid = [
        "garbage".to_owned(),
        String::new(),
        format!("{ADMIN_KEY}x"),
        text(&revoked["secret"]).to_owned(),
        text(&expired["secret"]).to_owned(),
        format!("rst_{}_{}", uuid::Uuid::now_v7(), "a".repeat(49)),
    ];
    for key in invalid {
        let server = start_with_limit_one(&api);
        assert_unauthorized(&Client::new_with_key(&server, &key).get("/users").send().await);
        assert_too_many(&Client::new_with_key(&server, "garbage").get("/users").send().await);
    }
    // Other schemes and several credentials count as well.
    for lines in [&["Basic dGVzdDp0ZXN0"][..], &["Basic not-base64"], &["Bearer a", "Bearer b"]] {
        let server = start_with_limit_one(&api);
        let get = Client::anonymous(&server).get("/users");
        let get = lines.iter().fold(get, |get, line| get.header("authorization", line));
        assert_unauthorized(&get.send().await);
        assert_too_many(&Client::new_with_key(&server, "garbage").get("/users").send().await);
    }
}

/// Starts a server on the same database that allows one failed attempt.
fn start_with_limit_one(api: &Api) -> Server {
    Server::builder(&api.database_url()).env("ROSTER_FAILED_ATTEMPTS", "1").start()
}

async fn missing_credentials_and_denied_requests_do_not_count(api: Api) {
    let api = start(&api);
    let anonymous = Client::anonymous(&api.server);
    let reader = client_with_role(&api.client, "reader").await;
    for _ in 0..LIMIT * 2 {
        // Neither missing keys, nor denied requests with a valid key, nor requests for public paths count.
        assert_unauthorized(&anonymous.get("/users").send().await);
        assert_problem(&reader.get("/keys").send().await, 403, "forbidden");
        assert_problem(&reader.in_tenant("default").get("/users").send().await, 403, "forbidden");
        assert_problem(&api.client.in_tenant("unknown").get("/users").send().await, 404, "not-found");
        api.client.with_key("garbage").get("/livez").send().await.expect(200);
    }
    exhaust_limit(&api).await;
    for _ in 0..3 {
        assert_unauthorized(&anonymous.get("/users").send().await);
        for target in ["/", "/livez", "/readyz"] {
            api.client.with_key("garbage").get(target).send().await.expect(200);
        }
    }
}

async fn valid_keys_are_not_throttled(api: Api) {
    let api = start(&api);
    let writer = client_with_role(&api.client, "writer").await;
    get(&writer, "/users").await;
    exhaust_limit(&api).await;
    for index in 0..LIMIT * 3 {
        let body = json!({ "userName": format!("u{index}") });
        writer.post("/users", &body).send().await.expect(201);
        get(&api.client, "/keys").await;
        assert_problem(&writer.get("/keys").send().await, 403, "forbidden");
        assert_too_many(&attempt(&api).await);
    }
    // A successful request does not reset the limit.
    assert_too_many(&attempt(&api).await);
}

async fn each_address_has_its_own_limit(api: Api) {
    let api = start(&api);
    exhaust_limit(&api).await;
    let other = |key: &str| {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        Client::from_address(&api.server, key, address).get("/users")
    };
    for _ in 0..LIMIT {
        assert_unauthorized(&other("garbage").send().await);
        assert_too_many(&attempt(&api).await);
    }
    assert_too_many(&other("garbage").send().await);
    other(ADMIN_KEY).send().await.expect(200);
}

async fn forwarded_headers_do_not_change_the_client_address(api: Api) {
    let api = start(&api);
    for index in 0..LIMIT * 2 {
        let address = format!("192.0.2.{index}");
        let get = api.client.with_key("garbage").get("/users").header("x-forwarded-for", &address);
        let get = get.header("forwarded", &format!("for={address}")).header("x-real-ip", &address);
        let response = get.send().await;
        match index < LIMIT {
            true => assert_unauthorized(&response),
            false => assert_too_many(&response),
        }
    }
    // Nor does a new connection.
    for _ in 0..3 {
        let request = "GET /users HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer x\r\n\r\n";
        raw::send_raw(api.address(), request).assert_problem(429, "too-many-attempts");
    }
}

async fn concurrent_attempts_are_all_counted(api: Api) {
    let api = start(&api);
    let responses = send_concurrently(50, |_| api.client.with_key("garbage").get("/users")).await;
    assert_eq!((count_with_status(&responses, 401), count_with_status(&responses, 429)), (LIMIT, 50 - LIMIT));
}

async fn a_key_that_becomes_invalid_is_throttled(api: Api) {
    let api = start(&api);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let key = create_key(&api.client, &json!({ "role": "reader" })).await;
        let client = client_with_key(&api.client, &key);
        get(&client, "/users").await;
        clients.push((client, key));
    }
    exhaust_limit(&api).await;
    for (index, (client, key)) in clients.iter().enumerate() {
        get(client, "/users").await;
        let target = key_path(key);
        match index {
            0 => api.client.delete(&target).send().await.expect(204),
            _ => api.client.patch(&target, &json!({ "expiresAt": soon() })).send().await.expect(200),
        };
        while client.get("/users").send().await.code() == 200 {}
        assert_too_many(&client.get("/users").send().await);
    }
}
