//! The inspector records every request with the token of a connection, however it ends.

use crate::scim::client::{Scim, path, tokens_path};
use crate::scim::inspector::{Connected, codes, connected};
use crate::support::api::text;
use crate::support::http::Client;
use crate::support::raw::RawConnection;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

engine_tests! {
    requests_that_the_client_cancels_are_recorded
    discovery_with_a_token_is_recorded
    the_token_does_not_affect_discovery
    bodies_that_are_refused_are_recorded_as_far_as_they_arrived
}

const LIMIT: Duration = Duration::from_secs(10);

/// A token of the connection.
async fn new_token(all: &Connected) -> String {
    let token = all.admin.post(&tokens_path(&all.connection), &json!({})).send().await.expect(201).json();
    text(&token["secret"]).to_owned()
}

/// A new connection to the server that has sent the beginning of a request with a token, which is in the server's cache.
async fn begin(all: &Connected, token: &str, line: &str, headers: &str, body: &str) -> RawConnection {
    let mut connection = RawConnection::connect(all.scim.api.address());
    let head =
        format!("{line} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {token}\r\n{headers}\r\n{body}");
    connection.send(head.as_bytes());
    connection
}

/// Waits until the server processes this number of requests, besides the one that reads the number.
pub(crate) async fn wait_for_requests(admin: &Client, count: u32) {
    let name = "roster_http_requests_in_progress ";
    let began = Instant::now();
    loop {
        let metrics = admin.get("/metrics").send().await.expect(200).text();
        let number = metrics.lines().find_map(|line| line.strip_prefix(name)?.parse::<u32>().ok());
        if number.expect("there is a gauge") == count + 1 {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{count} requests are not in progress, but {number:?}");
    }
}

async fn requests_that_the_client_cancels_are_recorded(scim: Scim) {
    let all = connected(scim).await;
    let ada = all.scim.create_user("ada").await;
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "title", "value": "Countess" }] })
    .to_string();
    let length = body.len();
    let headers = format!(
        "Content-Type: application/scim+json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n"
    );
    let line = format!("PATCH /scim/v2{}?x=1", path(&ada));
    let token = new_token(&all).await;
    all.admin.with_key(&token).get("/scim/v2/Users").send().await.expect(200);
    let mut lock = all.scim.api.lock(text(&ada["id"]));
    let connection = begin(&all, &token, &line, &headers, &body).await;
    wait_for_requests(&all.admin, 1).await;
    lock.wait_for_waiter();
    // The kernel resets a connection that is closed before everything is read.
    connection.wait_for_response();
    drop(connection);
    wait_for_requests(&all.admin, 0).await;
    lock.release();
    let requests = all.requests("?status=499", 1).await;
    let [request] = &requests[..] else { panic!("there is one request") };
    assert_eq!(codes(request), ["cancelled"]);
    assert_eq!((&request["resourceId"], &request["query"]), (&ada["id"], &json!("x=1")));
    assert_eq!(
        request["request"].to_string(),
        serde_json::from_str::<Value>(&body).expect("JSON").to_string()
    );
    assert_eq!((&request["response"], &request["method"]), (&Value::Null, &json!("PATCH")));
}

async fn discovery_with_a_token_is_recorded(scim: Scim) {
    let all = connected(scim).await;
    // The first token is not in the cache of the server; the second one is.
    let client = all.admin.with_key(&new_token(&all).await);
    client.get("/scim/v2/ServiceProviderConfig").send().await.expect(200);
    all.requests("", 1).await;
    client.get("/scim/v2/Users?count=0").send().await.expect(200);
    client.get("/scim/v2/ResourceTypes/Group").send().await.expect(200);
    client.get("/scim/v2/Schemas/x").send().await.expect(404);
    let requests = all.requests("", 4).await;
    let mut summary: Vec<_> =
        requests.iter().map(|request| (text(&request["path"]), request["status"].as_u64())).collect();
    summary.sort_unstable();
    assert_eq!(
        summary,
        [
            ("/scim/v2/ResourceTypes/Group", Some(200)),
            ("/scim/v2/Schemas/x", Some(404)),
            ("/scim/v2/ServiceProviderConfig", Some(200)),
            ("/scim/v2/Users", Some(200)),
        ]
    );
    let config = requests.iter().find(|request| text(&request["path"]).ends_with("Config"));
    assert_eq!(config.expect("it is recorded")["response"]["patch"], json!({ "supported": true }));
    let unknown = requests.iter().find(|request| request["status"] == 404).expect("it is recorded");
    assert_eq!(codes(unknown), ["not-found"]);
}

/// Discovery returns the same with and without a token, whatever the token is, and does not count failures.
async fn the_token_does_not_affect_discovery(scim: Scim) {
    let all = connected(scim).await;
    all.admin.patch(&all.path(), &json!({ "mode": "dry" })).send().await.expect(200);
    let revoked = new_token(&all).await;
    let tokens = all.admin.get(&tokens_path(&all.connection)).send().await.expect(200).json();
    for token in tokens["items"].as_array().expect("there are tokens") {
        let token = format!("{}/{}", tokens_path(&all.connection), text(&token["id"]));
        all.admin.delete(&token).send().await.expect(204);
    }
    let valid = new_token(&all).await;
    let target = "/scim/v2/ServiceProviderConfig";
    let without = Client::new(&all.scim.api.server).get(target).send().await.expect(200);
    for token in [&*valid, &revoked, "x", ""] {
        for _ in 0..20 {
            let with = all.admin.with_key(token).get(target).send().await.expect(200);
            assert_eq!(with.json(), without.json());
            assert_eq!(with.header("roster-dry-run"), None);
        }
    }
    all.admin.with_key(&valid).get("/scim/v2/Users").send().await.expect(200);
    assert_eq!(all.requests("", 21).await.len(), 21);
}

async fn bodies_that_are_refused_are_recorded_as_far_as_they_arrived(scim: Scim) {
    let all = connected(scim).await;
    let post = async |media_type: &'static str, body: String| {
        all.scim.client.request(Method::POST, "/scim/v2/Users").body(media_type, body).send().await
    };
    post("text/plain", "{\"userName\":\"ada\"}".to_owned()).await.expect(415);
    post("application/scim+json", "x".repeat(2 * 1024 * 1024)).await.expect(413);
    // Without a length, the limit is reached while the body arrives.
    let headers = "Content-Type: application/scim+json\r\nTransfer-Encoding: chunked\r\n";
    let token = new_token(&all).await;
    let mut connection = begin(&all, &token, "POST /scim/v2/Users", headers, "").await;
    let piece = format!("10000\r\n{}\r\n", "y".repeat(65_536));
    while connection.try_send(piece.as_bytes()).is_ok() {}
    let requests = all.requests("?status=4xx", 3).await;
    let codes: Vec<_> = requests.iter().flat_map(codes).collect();
    assert_eq!(codes, ["body-too-large", "body-too-large", "unsupported-media-type"]);
    assert_eq!(requests[0]["request"], "y".repeat(16 * 1024));
    assert!(requests[0]["requestBytes"].as_u64().is_some_and(|bytes| bytes > 16 * 1024));
    for request in &requests[1..] {
        assert_eq!((&request["request"], &request["requestBytes"]), (&Value::Null, &Value::Null));
    }
    let ada = all.scim.create_user("ada").await;
    // The rest of this body does not arrive.
    let headers = "Content-Type: application/scim+json\r\nContent-Length: 100\r\n";
    let connection =
        begin(&all, &token, &format!("PUT /scim/v2{}", path(&ada)), headers, "{\"userName\":\"a").await;
    wait_for_requests(&all.admin, 1).await;
    drop(connection);
    let requests = all.requests("?resource=user", 5).await;
    assert_eq!(
        (&requests[0]["method"], &requests[0]["request"]),
        (&json!("PUT"), &json!("{\"userName\":\"a"))
    );
}
