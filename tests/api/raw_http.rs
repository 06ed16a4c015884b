//! Raw HTTP from slow, broken and hostile clients. The server must stay available to others.

use crate::api::problem::assert_problem;
use crate::support::api::{Api, path};
use crate::support::raw::{RawConnection, RawResponse, json_request, raw_request, request_head, send_raw};
use serde_json::json;
use std::time::{Duration, Instant};

engine_tests! {
    aborted_requests_leave_nothing_behind
    a_stalled_body_times_out
    a_slow_body_is_read
    responses_to_pipelined_requests_are_in_order
    expect_100_continue_is_supported
    an_oversized_body_receives_a_response
    an_oversized_chunked_body_receives_a_response
    very_long_urls_do_not_break_the_server
    too_many_headers_are_rejected
    malformed_http_is_rejected
    chunked_bodies_are_read
    http_1_0_is_supported
}

#[track_caller]
fn assert_alive(api: &Api) {
    let response = send_raw(api.address(), &raw_request("GET", "/users?limit=1"));
    assert_eq!(response.status, 200, "{response:?}");
}

/// The head of a POST request that creates a user, with this `Content-Length`.
fn post_head(length: usize) -> String {
    format!(
        "{}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
        request_head("POST", "/users")
    )
}

async fn aborted_requests_leave_nothing_behind(api: Api) {
    for _ in 0..20 {
        let mut connection = RawConnection::connect(api.address());
        connection.send(post_head(1_000).as_bytes());
        connection.send(br#"{"userName":"ada""#);
        drop(connection);
        let mut connection = RawConnection::connect(api.address());
        connection.send(b"GET /users HT");
        drop(connection);
        let mut connection = RawConnection::connect(api.address());
        connection.send(post_head(1_000).as_bytes());
        connection.send(br#"{"userName":"ada"}"#);
        connection.finish_sending();
        if let Some(response) = connection.receive() {
            response.assert_problem(400, "malformed-body");
        }
    }
    assert_alive(&api);
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
}

async fn a_stalled_body_times_out(api: Api) {
    let api = Api::start(api.engine, &[("ROSTER_REQUEST_DEADLINE", "300ms")]);
    let mut connection = RawConnection::connect(api.address());
    let began = Instant::now();
    connection.send(post_head(1_000).as_bytes());
    connection.send(br#"{"userName":"ada""#);
    let response = connection.receive().expect("the server responds");
    response.assert_problem(408, "request-timeout");
    assert!((300..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert!(connection.is_closed_cleanly());
    assert_alive(&api);
}

async fn a_slow_body_is_read(api: Api) {
    let body = json!({ "userName": "ada" }).to_string();
    let mut connection = RawConnection::connect(api.address());
    for byte in post_head(body.len()).bytes().chain(body.bytes()) {
        connection.send(&[byte]);
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let response = connection.receive().expect("the server responds");
    assert_eq!((response.status, &response.json()["userName"]), (201, &json!("ada")));
}

async fn responses_to_pipelined_requests_are_in_order(api: Api) {
    let user = api.create_named("ada").await;
    let one = path(&user);
    let mut all = String::new();
    for index in 0..20 {
        all.push_str(&json_request("PATCH", &one, &json!({ "title": index.to_string() }).to_string()));
        all.push_str(&raw_request("GET", &one));
    }
    all.push_str(&raw_request("GET", "/nothing"));
    all.push_str(&raw_request("OPTIONS", &one));
    all.push_str(&format!("{}Connection: close\r\n\r\n", request_head("DELETE", &one)));
    let mut connection = RawConnection::connect(api.address());
    connection.send(all.as_bytes());
    for index in 0..20 {
        for _ in 0..2 {
            let response = connection.receive().expect("the server responds");
            assert_eq!((response.status, &response.json()["title"]), (200, &json!(index.to_string())));
            assert_eq!(response.header("etag"), Some(format!("\"{}\"", index + 2).as_str()));
        }
    }
    connection.receive().expect("the server responds").assert_problem(404, "not-found");
    assert_eq!(connection.receive().expect("the server responds").status, 204);
    assert_eq!(connection.receive().expect("the server responds").status, 204);
    assert!(connection.is_closed_cleanly());
}

async fn expect_100_continue_is_supported(api: Api) {
    let body = json!({ "userName": "ada" }).to_string();
    let expecting = post_head(body.len()).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let mut connection = RawConnection::connect(api.address());
    connection.send(expecting.as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 100);
    connection.send(body.as_bytes());
    let response = connection.receive().expect("the server responds");
    assert_eq!((response.status, &response.json()["userName"]), (201, &json!("ada")));
    // A body that is sent without waiting is accepted as well.
    connection.send(expecting.as_bytes());
    connection.send(body.as_bytes());
    let response = connection.receive().expect("the server responds");
    let response =
        if response.status == 100 { connection.receive().expect("the server responds") } else { response };
    response.assert_problem(409, "conflict");
}

/// Sends the complete body before it reads the response.
fn response_to_large_body(api: &Api, head: &str, body: &[u8]) -> RawResponse {
    let mut connection = RawConnection::connect(api.address());
    connection.send(head.as_bytes());
    let sent = connection.try_send(body);
    let response = connection.receive();
    let response = response.unwrap_or_else(|| {
        panic!("the connection was closed without a response; sending the body: {sent:?}")
    });
    assert!(sent.is_ok(), "the body could not be sent: {sent:?}; the response: {response:?}");
    response
}

async fn an_oversized_body_receives_a_response(api: Api) {
    let body = vec![b' '; 2 * 1024 * 1024];
    for _ in 0..5 {
        response_to_large_body(&api, &post_head(body.len()), &body).assert_problem(413, "body-too-large");
    }
    let unknown = format!("{}Content-Length: {}\r\n\r\n", request_head("POST", "/nothing"), body.len());
    response_to_large_body(&api, &unknown, &body).assert_problem(404, "not-found");
    let without_type = format!("{}Content-Length: {}\r\n\r\n", request_head("POST", "/users"), body.len());
    response_to_large_body(&api, &without_type, &body).assert_problem(415, "unsupported-media-type");
    let anonymous = format!("POST /users HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    response_to_large_body(&api, &anonymous, &body).assert_problem(401, "unauthorized");
    assert_alive(&api);
}

async fn an_oversized_chunked_body_receives_a_response(api: Api) {
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let mut body = chunk.repeat(32);
    body.extend(b"0\r\n\r\n");
    let head = format!(
        "{}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        request_head("POST", "/users")
    );
    for _ in 0..5 {
        response_to_large_body(&api, &head, &body).assert_problem(413, "body-too-large");
    }
    assert_alive(&api);
}

async fn very_long_urls_do_not_break_the_server(api: Api) {
    for length in [10_000, 60_000] {
        for target in [format!("/{}", "x".repeat(length)), format!("/users/{}", "x".repeat(length))] {
            assert_problem(&api.client.get(&target).send().await, 404, "not-found");
        }
        let query = api.client.get(&format!("/users?{}", "x".repeat(length))).send().await;
        assert_problem(&query, 400, "invalid-parameter");
    }
    for length in [100_000, 1_000_000] {
        let mut connection = RawConnection::connect(api.address());
        let sent = connection.try_send(raw_request("GET", &format!("/{}", "x".repeat(length))).as_bytes());
        if sent.is_ok()
            && let Some(response) = connection.receive()
        {
            assert!((400..500).contains(&response.status), "{response:?}");
        }
        assert_alive(&api);
    }
}

async fn too_many_headers_are_rejected(api: Api) {
    let headers = |count: usize| -> String {
        (0..count).map(|index| format!("X-Header-{index}: {index}\r\n")).collect()
    };
    let accepted = send_raw(api.address(), &format!("{}{}\r\n", request_head("GET", "/users"), headers(80)));
    assert_eq!(accepted.status, 200, "{accepted:?}");
    for count in [120, 2_000] {
        let response =
            send_raw(api.address(), &format!("{}{}\r\n", request_head("GET", "/users"), headers(count)));
        assert!((400..500).contains(&response.status), "{response:?}");
        assert_alive(&api);
    }
    let large = send_raw(
        api.address(),
        &format!("{}X-Large: {}\r\n\r\n", request_head("GET", "/users"), "x".repeat(50_000)),
    );
    assert_eq!(large.status, 200, "{large:?}");
}

async fn malformed_http_is_rejected(api: Api) {
    let auth = request_head("POST", "/users");
    for request in [
        "nonsense\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /users\r\n\r\n".to_owned(),
        "GET /users HTTP/9.9\r\n\r\n".to_owned(),
        "GET users HTTP/1.1\r\n\r\n".to_owned(),
        "GET /us ers HTTP/1.1\r\n\r\n".to_owned(),
        "GET /users HTTP/1.1\r\nno colon\r\n\r\n".to_owned(),
        "GET /users HTTP/1.1\r\nX: a\0b\r\n\r\n".to_owned(),
        format!("{auth}Content-Length: abc\r\n\r\n"),
        format!("{auth}Content-Length: -1\r\n\r\n"),
        format!("{auth}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x"),
        format!("{auth}Content-Length: 99999999999999999999\r\n\r\n{{}}"),
        format!("{auth}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let mut connection = RawConnection::connect(api.address());
        connection.send(request.as_bytes());
        connection.finish_sending();
        if let Some(response) = connection.receive() {
            assert!((400..500).contains(&response.status), "{request:?} {response:?}");
        }
        assert_alive(&api);
    }
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn chunked_bodies_are_read(api: Api) {
    let chunked = |method: &str, target: &str, chunks: &str| {
        format!(
            "{}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}",
            request_head(method, target)
        )
    };
    let valid = "5\r\n{\"use\r\nD;x=y\r\nrName\":\"ada\"}\r\n0\r\n\r\n";
    let response = send_raw(api.address(), &chunked("POST", "/users", valid));
    assert_eq!((response.status, &response.json()["userName"]), (201, &json!("ada")));
    for malformed in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}xx0\r\n\r\n", "-1\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n{}"]
    {
        let mut connection = RawConnection::connect(api.address());
        connection.send(chunked("POST", "/users", malformed).as_bytes());
        connection.finish_sending();
        if let Some(response) = connection.receive() {
            assert_eq!(response.status, 400, "{malformed:?} {response:?}");
        }
        assert_alive(&api);
    }
}

async fn http_1_0_is_supported(api: Api) {
    let user = api.create_named("ada").await;
    let request =
        request_head("GET", &path(&user)).replace("HTTP/1.1", "HTTP/1.0").replace("Host: roster\r\n", "");
    let mut connection = RawConnection::connect(api.address());
    connection.send(format!("{request}\r\n").as_bytes());
    let response = connection.receive().expect("the server responds");
    assert_eq!((response.status, response.json()), (200, user));
    assert!(connection.is_closed_cleanly());
}
