//! `GET /changes` with `Accept: text/event-stream`: server-sent events.

use crate::api::callers::{create_key, get, key_path};
use crate::api::query::items;
use crate::support::api::{Api, text};
use crate::support::raw::{RawConnection, RawResponse};
use crate::support::server::ADMIN_KEY;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

engine_tests! {
    each_change_is_an_event
    a_stream_continues_after_the_last_event
    unavailable_positions_are_refused_before_the_stream
    filters_exclude_events
    comments_keep_the_connection_open
    a_stream_ends_with_its_key
    a_stream_ends_with_the_epoch
    a_client_that_does_not_read_is_disconnected
    head_returns_no_events
    http_1_0_has_no_chunks
}

/// A stream that has begun.
struct Stream {
    connection: RawConnection,
    response: RawResponse,
    /// The received text that has not been returned as events.
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

/// The head of a request for a stream, with further header lines.
fn request(key: &str, query: &str, headers: &str) -> String {
    format!(
        "GET /changes{query} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {key}\r\n\
         Accept: text/event-stream\r\nAccept-Encoding: gzip\r\n{headers}\r\n"
    )
}

/// The response to a request for a stream, before its body.
fn response(api: &Api, request: &str) -> (RawConnection, RawResponse) {
    let mut connection = RawConnection::connect(api.address());
    connection.send(request.as_bytes());
    let response = connection.receive().expect("the server responds");
    (connection, response)
}

impl Stream {
    fn start(api: &Api, query: &str, headers: &str) -> Self {
        Self::start_with(api, &request(ADMIN_KEY, query, headers))
    }

    fn start_with(api: &Api, request: &str) -> Self {
        let (connection, response) = response(api, request);
        assert_eq!(response.status, 200, "{response:?}");
        Self { connection, response, text: String::new() }
    }

    /// The next block of lines, which is an event or a comment. `None` at the end of the stream.
    fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = self.connection.receive_chunk().expect("the stream ends with an empty chunk");
            if chunk.is_empty() {
                assert_eq!(self.text, "");
                return None;
            }
            self.text.push_str(str::from_utf8(&chunk).expect("events are UTF-8"));
        }
    }

    /// The next event, without comments before it.
    fn event(&mut self) -> Option<Event> {
        let mut block = self.block()?;
        while block == ":" {
            block = self.block()?;
        }
        let lines: Vec<_> = block.lines().filter_map(|line| line.split_once(": ")).collect();
        let [("id", id), ("event", kind), ("data", data)] = lines[..] else { panic!("{block:?}") };
        let data = serde_json::from_str(data).expect("the data is JSON");
        Some(Event { id: id.to_owned(), kind: kind.to_owned(), data })
    }

    fn next(&mut self) -> Event {
        self.event().expect("the stream continues")
    }
}

async fn each_change_is_an_event(api: Api) {
    api.create_named("ada").await;
    let mut stream = Stream::start(&api, "", "");
    let headers = ["content-type", "cache-control", "x-accel-buffering", "content-encoding"];
    assert_eq!(
        headers.map(|name| stream.response.header(name)),
        [Some("text/event-stream"), Some("no-cache"), Some("no"), None]
    );
    let mut received = vec![stream.next()];
    for name in ["bob", "eve"] {
        api.create_named(name).await;
        received.push(stream.next());
    }
    let page = get(&api.client, "/changes").await;
    let expected = items(&page).iter().map(|row| Event {
        id: format!("{}:{}", text(&page["epoch"]), row["revision"]),
        kind: text(&row["type"]).to_owned(),
        data: row.clone(),
    });
    assert_eq!(received, expected.collect::<Vec<_>>());
}

async fn a_stream_continues_after_the_last_event(api: Api) {
    for name in ["ada", "bob", "eve"] {
        api.create_named(name).await;
    }
    let first = Stream::start(&api, "", "").next();
    let mut next = Stream::start(&api, "?after=2&wait=60", &format!("Last-Event-ID: {}\r\n", first.id));
    assert_eq!([next.next().data["revision"].clone(), next.next().data["revision"].clone()], [2, 3]);
    assert_eq!(Stream::start(&api, "?after=2", "").next().data["revision"], 3);
}

async fn unavailable_positions_are_refused_before_the_stream(api: Api) {
    api.create_named("ada").await;
    let epoch = get(&api.client, "/changes").await["epoch"].clone();
    let respond = |query: &str, id: String| {
        response(&api, &request(ADMIN_KEY, query, &format!("Last-Event-ID: {id}\r\n"))).1
    };
    let newer = respond("", format!("{}:2", text(&epoch)));
    newer.assert_problem(410, "gone");
    assert_eq!((&newer.json()["head"], &newer.json()["epoch"]), (&json!(1), &epoch));
    respond("", "00000000-0000-7000-8000-000000000000:1".to_owned()).assert_problem(410, "gone");
    for malformed in ["1", "x:1", &format!("{}:-1", text(&epoch)), &format!("{}:", text(&epoch))] {
        respond("", malformed.to_owned()).assert_problem(400, "invalid-header");
    }
    response(&api, &request(ADMIN_KEY, "?after=2", "")).1.assert_problem(410, "gone");
    response(&api, &request("unknown", "", "")).1.assert_problem(401, "unauthorized");
    let elsewhere = request(ADMIN_KEY, "", "").replace("/changes", "/users");
    response(&api, &elsewhere).1.assert_problem(406, "not-acceptable");
}

async fn filters_exclude_events(api: Api) {
    let user = api.create_named("ada").await;
    let mut stream = Stream::start(&api, "?type=group.created,user.updated&resource=group", "");
    api.patch(&user, &json!({ "title": "Dr." })).await;
    api.client.post("/groups", &json!({ "displayName": "Engineers" })).send().await.expect(201);
    assert_eq!(stream.next().kind, "group.created");
}

async fn comments_keep_the_connection_open(api: Api) {
    let api = Api::start(api.engine, &[("ROSTER_STREAM_KEEP_ALIVE", "100ms")]);
    let mut stream = Stream::start(&api, "?type=group.created", "");
    for name in ["ada", "bob"] {
        assert_eq!(stream.block().as_deref(), Some(":"));
        api.create_named(name).await;
        // The client can continue after the changes that the filter has excluded.
        let page = get(&api.client, "/changes").await;
        let expected = format!(":\nid: {}:{}", text(&page["epoch"]), page["next"]);
        while stream.block().as_ref() != Some(&expected) {}
    }
}

async fn http_1_0_has_no_chunks(api: Api) {
    api.create_named("ada").await;
    let request = request(ADMIN_KEY, "", "").replace("HTTP/1.1", "HTTP/1.0");
    let mut connection = RawConnection::connect(api.address());
    connection.send(request.as_bytes());
    let text = connection.receive_until("\n\n");
    let (head, body) = text.split_once("\r\n\r\n").expect("the head ends");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    assert!(body.starts_with("id: "), "{body}");
}

async fn a_stream_ends_with_its_key(api: Api) {
    for role in ["reader", "admin"] {
        let key = create_key(&api.client, &json!({ "role": role })).await;
        let mut stream = Stream::start_with(&api, &request(text(&key["secret"]), "?type=user.created", ""));
        api.create_named(role).await;
        assert_eq!(stream.next().kind, "user.created");
        match role {
            "reader" => api.client.delete(&key_path(&key)).send().await.expect(204),
            // A lower role may not see all changes.
            _ => api.client.patch(&key_path(&key), &json!({ "role": "reader" })).send().await.expect(200),
        };
        while let Some(event) = stream.event() {
            assert_eq!(event.kind, "user.created");
        }
        assert!(stream.connection.is_closed_cleanly());
    }
}

async fn a_stream_ends_with_the_epoch(api: Api) {
    api.create_named("ada").await;
    let mut stream = Stream::start(&api, "", "");
    let last = stream.next();
    api.sql().execute("UPDATE heads SET epoch = tenant_id");
    assert_eq!(stream.event(), None);
    let again = request(ADMIN_KEY, "", &format!("Last-Event-ID: {}\r\n", last.id));
    response(&api, &again).1.assert_problem(410, "gone");
}

async fn a_client_that_does_not_read_is_disconnected(api: Api) {
    let settings = [("ROSTER_SEND_TIMEOUT", "300ms"), ("ROSTER_FOLLOWERS", "1")];
    let api = Api::start(api.engine, &settings);
    let mut connection = RawConnection::connect_with_small_buffer(api.address()).await;
    connection.send(request(ADMIN_KEY, "", "").as_bytes());
    connection.wait_for_response();
    for number in 0..100 {
        let custom = json!({ "text": "x".repeat(15_000) });
        api.create(&json!({ "userName": number.to_string(), "custom": custom })).await;
    }
    // Another follower can take its place.
    let since = Instant::now();
    while api.client.get("/changes?wait=1&after=100").send().await.code() == 429 {
        assert!(since.elapsed() < Duration::from_secs(20), "the stream does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn head_returns_no_events(api: Api) {
    api.create_named("ada").await;
    let head = request(ADMIN_KEY, "", "").replace("GET", "HEAD");
    let (mut connection, response) = response(&api, &head);
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/event-stream")));
    connection.send(b"GET /livez HTTP/1.1\r\nHost: roster\r\n\r\n");
    assert_eq!(connection.receive().expect("the server responds").status, 200);
}
