//! HTTP/2: limits, responses, followers and shutdown.

use crate::support::block_on;
use crate::support::database::Database;
use crate::support::exports::parse;
use crate::support::http2::{Http2, Http2Response, get, json, receive, receive_part};
use crate::support::server::{ADMIN_KEY, LOG_FOLLOWERS, Server};
use crate::support::sql::wait_until;
use crate::support::tls::Certificate;
use actix_web::web::Bytes;
use h2::Reason;
use http::Request;
use serde_json::json as value;
use std::fs;
use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);
/// A window that no response of a test fills.
const WINDOW: u32 = 16 * 1024 * 1024;

/// A server with HTTPS on a new database.
struct Fixture {
    certificate: Certificate,
    server: Server,
    _database: Database,
}

impl Fixture {
    async fn connect(&self) -> Http2 {
        Http2::connect(&self.certificate, self.server.address(), WINDOW).await
    }
}

fn run<F: Future<Output = ()>>(settings: &[(&str, &str)], test: impl FnOnce(Fixture) -> F) {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let mut builder = certificate.configure(Server::builder(&database.url()));
    for (name, value) in settings {
        builder = builder.env(name, value);
    }
    let server = builder.start();
    block_on(test(Fixture { certificate, server, _database: database }));
}

/// Waits for an event that the server must cause.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    timeout(LIMIT, event).await.expect("the event happens within the limit")
}

/// Waits until the server has closed a connection. If the client is writing at that moment, its write fails.
async fn wait_for_end(ended: JoinHandle<Result<(), h2::Error>>) {
    let ended = soon(ended).await.expect("the task does not panic");
    assert!(ended.as_ref().err().is_none_or(h2::Error::is_io), "{ended:?}");
}

#[track_caller]
fn assert_no_field_of_http_1(response: &Http2Response) {
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"] {
        assert_eq!(response.header(name), None, "{response:?}");
    }
    assert!(response.header("date").is_some(), "{response:?}");
}

#[test]
fn requests_and_responses_of_every_kind_work() {
    run(&[], async |fixture| {
        let mut client = fixture.connect().await;
        let created = client.post("/users", &value!({ "userName": "ada" })).await;
        assert_eq!(created.status, 201, "{created:?}");
        let path = format!("/users/{}", created.json()["id"].as_str().expect("an id"));
        let found = client.get(&path).await;
        assert_eq!((found.status, found.json()), (200, created.json()));
        let length = found.body.len().to_string();
        assert_eq!(found.header("content-length"), Some(length.as_str()), "{found:?}");
        let head = client.request(get(&path).method("HEAD")).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
        assert_eq!(head.header("content-length"), Some(length.as_str()), "{head:?}");
        let tag = found.header("etag").expect("there is an ETag").to_owned();
        let unchanged = client.request(get(&path).header("if-none-match", tag)).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{unchanged:?}");
        let compressed = client.request(get("/openapi.json").header("accept-encoding", "gzip")).await;
        assert_eq!(compressed.header("content-encoding"), Some("gzip"));
        assert!(compressed.body.starts_with(&[0x1f, 0x8b]));
        let missing = client.get("/nowhere").await;
        assert_eq!((missing.status, &missing.json()["code"]), (404, &"not-found".into()));
        let deleted = client.request(get(&path).method("DELETE")).await;
        assert_eq!((deleted.status, deleted.body.len()), (204, 0), "{deleted:?}");
        assert_eq!(deleted.header("content-length"), None, "{deleted:?}");
        for response in [&created, &found, &head, &unchanged, &compressed, &missing, &deleted] {
            assert_no_field_of_http_1(response);
        }
        let log = fixture.server.wait_for_log("status=204", LIMIT);
        assert!(log.contains("client_address=127.0.0.1"), "{log}");
    });
}

#[test]
fn exports_and_imports_are_streamed() {
    run(&[], async |fixture| {
        let users: String = (0..5_000).map(|index| format!("{{\"userName\":\"user {index}\"}}\n")).collect();
        fs::write(fixture.certificate.path("users.ndjson"), users).expect("the file is written");
        let curl = |path: &str, arguments: &[&str]| {
            let all = [&["--http2", "--fail-with-body"], arguments].concat();
            fixture.certificate.curl(&fixture.server, path, &all).expect_success().stdout
        };
        let results = curl(
            "/import",
            &["--header", "Content-Type: application/x-ndjson", "--data-binary", "@users.ndjson"],
        );
        assert!(results.contains("\"created\":5000"), "{results}");
        let lines = parse(&curl("/export", &[]));
        assert!(lines.len() > 5_000, "{} lines", lines.len());
        assert_eq!(parse(&curl("/export", &["--compressed"])).len(), lines.len());
    });
}

#[test]
fn the_limit_of_failed_attempts_applies_to_the_address() {
    run(&[("ROSTER_FAILED_ATTEMPTS", "3")], async |fixture| {
        let mut client = fixture.connect().await;
        let mut statuses = Vec::new();
        for _ in 0..5 {
            let request = Request::get("https://localhost/users").header("authorization", "Bearer wrong");
            let request = request.body(()).expect("the request is valid");
            let (response, _) = client.sender.send_request(request, true).expect("the request is sent");
            statuses.push(receive(response).await.status);
        }
        assert_eq!(statuses, [401, 401, 401, 429, 429]);
    });
}

#[test]
fn concurrent_requests_are_limited_and_all_are_answered() {
    run(&[LOG_FOLLOWERS], async |fixture| {
        let (mut client, mut waiting) = (fixture.connect().await, fixture.connect().await);
        let mut polls = Vec::new();
        for _ in 0..100 {
            let poll = soon(waiting.start(get("/changes?wait=60"), false)).await;
            polls.push(poll.expect("the request is sent"));
        }
        fixture.server.wait_for_followers(100);
        // The client queues one request, and no more, until another one has ended.
        polls.push(soon(waiting.start(get("/livez"), false)).await.expect("the request is queued"));
        let another = timeout(Duration::from_millis(300), waiting.start(get("/livez"), false)).await;
        assert!(another.is_err(), "more than 100 requests are in progress");
        let mut responses = Vec::new();
        for _ in 0..2_000 {
            let (response, _) = soon(client.start(get("/me"), false)).await.expect("the request is sent");
            responses.push(tokio::spawn(receive(response)));
        }
        for response in responses {
            assert_eq!(soon(response).await.expect("the server responds").status, 200);
        }
    });
}

#[test]
fn large_heads_are_refused() {
    run(&[], async |fixture| {
        let mut client = fixture.connect().await;
        assert_eq!(client.request(get("/me").header("x-padding", "x".repeat(16_000))).await.status, 200);
        let large = get("/me").header("x-padding", "x".repeat(40_000));
        assert_eq!(client.request(large).await.status, 431);
        // The connection continues.
        assert_eq!(client.get("/me").await.status, 200);
    });
}

#[test]
fn large_and_slow_bodies_are_refused() {
    let settings = [("ROSTER_BODY_LIMIT", "1024"), ("ROSTER_REQUEST_DEADLINE", "1s")];
    run(&settings, async |fixture| {
        let mut client = fixture.connect().await;
        let announced = json("POST", "/users").header("content-length", "2000");
        for request in [announced, json("POST", "/users")] {
            let (response, mut body) = client.start(request, true).await.expect("the request is sent");
            body.send_data(vec![b' '; 2_000].into(), false).expect("the body is sent");
            let response = soon(receive(response)).await;
            assert_eq!((response.status, &response.json()["code"]), (413, &"body-too-large".into()));
            assert_no_field_of_http_1(&response);
        }
        let (response, mut body) =
            client.start(json("POST", "/users"), true).await.expect("the request is sent");
        let sending = tokio::spawn(async move {
            while body.send_data("{".into(), false).is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let response = soon(receive(response)).await;
        assert_eq!((response.status, &response.json()["code"]), (408, &"request-timeout".into()));
        // The server tells the client to stop sending.
        soon(sending).await.expect("the body ends");
        assert_eq!(client.get("/me").await.status, 200);
    });
}

/// Creates users of about 2 MB in total.
async fn create_large_users(client: &mut Http2) {
    let text = "x".repeat(15_000);
    let large = value!({ "urn:example:text": { "text": text } });
    for index in 0..60 {
        let user = value!({ "userName": index.to_string(), "custom": { "text": text }, "extensions": large });
        assert_eq!(client.post("/users", &user).await.status, 201);
    }
}

#[test]
fn responses_that_are_not_read_are_canceled() {
    run(&[("ROSTER_SEND_TIMEOUT", "500ms")], async |fixture| {
        create_large_users(&mut fixture.connect().await).await;
        // The client acknowledges the response, but grants no further bytes.
        let mut client = Http2::connect(&fixture.certificate, fixture.server.address(), 1_000).await;
        let (response, _) = client.start(get("/users?limit=60"), false).await.expect("the request is sent");
        let mut body = soon(response).await.expect("the server responds").into_body();
        let error = loop {
            match soon(body.data()).await.expect("the response does not end") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.reason(), Some(Reason::CANCEL), "{error}");
        assert_eq!(client.get("/livez").await.status, 200);
    });
}

#[test]
fn connections_that_do_not_read_are_closed() {
    let log = ("RUST_LOG", "info,roster::http::server=debug");
    run(&[("ROSTER_SEND_TIMEOUT", "500ms"), log], async |fixture| {
        create_large_users(&mut fixture.connect().await).await;
        let stream =
            fixture.certificate.connect(fixture.server.address(), "h2").await.expect("the handshake");
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
        let (mut sender, connection) = builder.handshake::<_, Bytes>(stream).await.expect("HTTP/2");
        let mut connection = pin!(connection);
        let mut responses = Vec::new();
        for _ in 0..50 {
            let request = get("/users?limit=60").header("authorization", format!("Bearer {ADMIN_KEY}"));
            let request = request.body(()).expect("the request is valid");
            poll_fn(|context| sender.poll_ready(context)).await.expect("the connection is open");
            responses.push(sender.send_request(request, true).expect("the request is sent").0);
        }
        // Once a response has begun, the connection is no longer read.
        tokio::select! {
            ended = &mut connection => panic!("the connection ends: {ended:?}"),
            _ = &mut responses[0] => {}
        }
        // The server or the kernel ends it.
        fixture.server.wait_for_log("an HTTP/2 connection ends", LIMIT);
        assert_eq!(fixture.connect().await.get("/livez").await.status, 200);
    });
}

/// Waits until the server has logged that it closed a connection with too many canceled requests, and checks that others
/// are served.
async fn check_refused_flood(fixture: &Fixture) {
    wait_until(LIMIT, "the end is logged", || fixture.server.log().contains("cancels too many requests"));
    assert_eq!(fixture.connect().await.get("/me").await.status, 200);
}

#[test]
fn a_client_that_cancels_every_request_is_disconnected() {
    run(&[("RUST_LOG", "info,roster::http::server=debug")], async |fixture| {
        let mut client = fixture.connect().await;
        let mut sent = 0;
        // Each poll would wait for a minute.
        while let Ok((response, mut stream)) = soon(client.start(get("/changes?wait=60"), true)).await {
            sent += 1;
            assert!(sent < 100_000, "the flood continues");
            // The server begins to handle the request.
            tokio::time::sleep(Duration::from_millis(1)).await;
            stream.send_reset(Reason::CANCEL);
            drop(response);
        }
        assert!(sent > 100, "the connection ended after {sent} requests");
        check_refused_flood(&fixture).await;
    });
}

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("the payload is small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn a_flood_of_requests_that_are_canceled_at_once_is_refused() {
    run(&[("RUST_LOG", "info,roster::http::server=debug")], async |fixture| {
        let address = fixture.server.address();
        let mut stream = fixture.certificate.connect(address, "h2").await.expect("the handshake succeeds");
        let mut flood = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
        // GET https://localhost/, in the compression of RFC 7541.
        let head = [&[0x82, 0x87, 0x84, 0x01, 9][..], b"localhost"].concat();
        for id in (1..2_000).step_by(2) {
            flood.extend(frame(1, 5, id, &head));
            flood.extend(frame(3, 0, id, &8_u32.to_be_bytes()));
        }
        // The server may close the connection before it has read everything.
        let _ = stream.write_all(&flood).await;
        let _ = soon(stream.read_to_end(&mut Vec::new())).await;
        check_refused_flood(&fixture).await;
    });
}

#[test]
fn followers_wait_over_http_2() {
    run(&[LOG_FOLLOWERS], async |fixture| {
        let mut client = fixture.connect().await;
        let (poll, _) = client.start(get("/changes?wait=60"), false).await.expect("the request is sent");
        let events = get("/changes").header("accept", "text/event-stream");
        let (events, _) = client.start(events, false).await.expect("the request is sent");
        let mut events = soon(events).await.expect("the stream begins").into_body();
        fixture.server.wait_for_followers(2);
        assert_eq!(client.post("/users", &value!({ "userName": "ada" })).await.status, 201);
        assert_eq!(soon(receive(poll)).await.json()["next"], 1);
        let event =
            soon(receive_part(&mut events)).await.expect("there is an event").expect("it is complete");
        assert!(String::from_utf8_lossy(&event).contains("user.created"), "{event:?}");
    });
}

#[test]
fn a_canceled_follower_is_forgotten() {
    run(&[LOG_FOLLOWERS, ("ROSTER_FOLLOWERS", "1")], async |fixture| {
        let mut client = fixture.connect().await;
        for round in 1..4 {
            let (response, mut stream) =
                client.start(get("/changes?wait=60"), true).await.expect("the request is sent");
            stream.send_data("".into(), true).expect("the request is complete");
            fixture.server.wait_for_followers(2 * round - 1);
            assert_eq!(client.get("/changes?wait=1").await.status, 429);
            stream.send_reset(Reason::CANCEL);
            drop(response);
            let since = Instant::now();
            while client.get("/changes?wait=1").await.status == 429 {
                assert!(since.elapsed() < LIMIT, "the follower is still counted");
            }
        }
    });
}

#[test]
fn followers_over_http_2_need_limited_memory() {
    const CONNECTIONS: usize = 10;
    run(&[LOG_FOLLOWERS], async |fixture| {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = fixture.connect().await;
            for _ in 0..100 {
                assert_eq!(client.get("/changes").await.status, 200);
            }
            clients.push(client);
        }
        let before = fixture.server.resident_memory();
        let mut polls = Vec::new();
        for client in &mut clients {
            for _ in 0..50 {
                polls
                    .push(client.start(get("/changes?wait=60"), false).await.expect("the request is sent").0);
            }
            fixture.server.wait_for_followers(polls.len());
        }
        let each = (fixture.server.resident_memory().saturating_sub(before)) / polls.len() as u64;
        println!("{each} bytes per follower over HTTP/2");
        assert!(each < 24 * 1024, "{each} bytes per follower");
    });
}

#[test]
fn a_connection_without_requests_is_closed() {
    run(&[], async |fixture| {
        let client = fixture.connect().await;
        let began = Instant::now();
        wait_for_end(client.ended).await;
        assert!(began.elapsed() > Duration::from_secs(4), "{:?}", began.elapsed());
    });
}

#[test]
fn a_shutdown_finishes_requests_and_refuses_more() {
    run(&[LOG_FOLLOWERS, ("ROSTER_DRAIN_DELAY", "1s")], async |mut fixture| {
        let (mut client, mut idle) = (fixture.connect().await, fixture.connect().await);
        assert_eq!(idle.get("/me").await.status, 200);
        let (poll, _) = client.start(get("/changes?wait=60"), false).await.expect("the request is sent");
        let request = json("POST", "/users");
        let (created, mut body) = client.start(request, true).await.expect("the request is sent");
        body.send_data("{".into(), false).expect("the body is sent");
        fixture.server.wait_for_followers(1);
        fixture.server.signal("TERM");
        let poll = soon(receive(poll)).await;
        assert_eq!((poll.status, &poll.json()["next"]), (200, &0.into()));
        let stopping = client.get("/readyz").await;
        assert_eq!((stopping.status, &stopping.json()["code"]), (503, &"stopping".into()));
        assert_no_field_of_http_1(&stopping);
        // The idle connection is closed, and the other one when its last request has been answered.
        drop(idle.sender);
        wait_for_end(idle.ended).await;
        while client.start(get("/livez"), false).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        body.send_data("\"userName\":\"ada\"}".into(), true).expect("the body is sent");
        assert_eq!(soon(receive(created)).await.status, 201);
        drop(client.sender);
        wait_for_end(client.ended).await;
        assert_eq!(fixture.server.wait(LIMIT).code(), Some(0), "{}", fixture.server.log());
    });
}

#[test]
fn bytes_that_are_not_http_2_end_the_connection() {
    run(&[], async |fixture| {
        let address = fixture.server.address();
        let request =
            format!("GET /me HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\r\n");
        for bytes in
            [request.as_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            let mut stream =
                fixture.certificate.connect(address, "h2").await.expect("the handshake succeeds");
            stream.write_all(bytes).await.expect("the bytes are sent");
            let mut received = Vec::new();
            // The server may close the connection without the end of TLS.
            let _ = soon(stream.read_to_end(&mut received)).await;
            assert!(!String::from_utf8_lossy(&received).contains("HTTP/1.1 200"), "{received:?}");
        }
        wait_until(LIMIT, "the server responds", || {
            fixture.certificate.curl(&fixture.server, "/me", &["--http2"]).code == Some(0)
        });
    });
}
