//! The log that the server writes to stderr.

use crate::support::api::{Api, Engine};
use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::server::{Builder, Server};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// The setting for JSON logs.
const JSON: &[(&str, &str)] = &[("ROSTER_LOG_FORMAT", "json")];

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn builder(database: &Database) -> Builder {
    Server::builder(&database.url())
}

/// The log line of the request with this id, as JSON.
fn line_of(server: &Server, request_id: &str) -> Value {
    let line = server.wait_for_log(request_id, LIMIT);
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn json_logs_have_a_line_for_each_request() {
    let api = Api::start(Engine::Sqlite, JSON);
    let created =
        api.client.post("/users", &json!({ "userName": "ada" })).header("x-request-id", "req-create");
    let id = created.send().await.expect(201).json()["id"].as_str().expect("the user has an id").to_owned();
    let found = api.client.get(&format!("/users/{id}")).header("x-request-id", "req-find");
    found.header("traceparent", TRACEPARENT).send().await.expect(200);
    let cases = [("req-create", "POST", "/users", 201), ("req-find", "GET", "/users/{id}", 200)];
    for (request_id, method, route, status) in cases {
        let line = line_of(&api.server, request_id);
        let expected = json!({
            "level": "INFO", "message": "request", "request_id": request_id,
            "method": method, "route": route, "status": status,
        });
        for (name, value) in expected.as_object().expect("the value is an object") {
            assert_eq!(&line[name], value, "{name} in {line}");
        }
        assert!(line["duration_ms"].as_f64().is_some_and(|ms| (0.0..10_000.0).contains(&ms)), "{line}");
        check_time(&line);
        assert!(!line.to_string().contains(&id), "the line contains the id from the path: {line}");
    }
    assert_eq!(line_of(&api.server, "req-find")["traceparent"], TRACEPARENT);
    assert_eq!(line_of(&api.server, "req-create").get("traceparent"), None);
    let invalid = api.client.get("/users").header("x-request-id", "req-invalid");
    invalid.header("traceparent", &TRACEPARENT.replace("00-", "ff-")).send().await.expect(200);
    assert_eq!(line_of(&api.server, "req-invalid").get("traceparent"), None);
}

/// Checks that the time of a line is in UTC with microseconds, and at most two minutes old.
#[track_caller]
fn check_time(line: &Value) {
    let time = line["time"].as_str().unwrap_or_else(|| panic!("the line has no time: {line}"));
    let format = &time::format_description::well_known::Rfc3339;
    let parsed = time::OffsetDateTime::parse(time, format).unwrap_or_else(|error| panic!("{error}: {time}"));
    let age = time::OffsetDateTime::now_utc() - parsed;
    assert!((-1.0..120.0).contains(&age.as_seconds_f64()), "{time} is {age} ago");
    assert!(time.ends_with('Z') && time.len() == "2026-01-02T03:04:05.678901Z".len(), "{time}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_logs_have_a_line_for_each_refused_request() {
    let api = Api::start(Engine::Sqlite, JSON);
    let (client, anonymous) = (&api.client, Client::anonymous(&api.server));
    let cases = [
        (client.get("/secret-path?token=hidden-token"), "GET", "-", 404),
        (anonymous.get("/users"), "GET", "/users", 401),
        (client.delete("/users"), "DELETE", "/users", 405),
        (client.post("/users", &json!({})), "POST", "/users", 422),
        (client.get("/users?filter-by=hidden-token"), "GET", "/users", 400),
        (client.get("/users/no-uuid"), "GET", "/users/{id}", 404),
    ];
    for (number, (request, method, route, status)) in cases.into_iter().enumerate() {
        let request_id = format!("refused-{number}-");
        request.header("x-request-id", &request_id).send().await.expect(status);
        let line = line_of(&api.server, &request_id);
        assert_eq!((&line["method"], &line["status"]), (&json!(method), &json!(status)), "{line}");
        assert_eq!(line["route"], route, "{line}");
    }
    let log = api.server.log();
    for hidden in ["secret-path", "hidden-token", "no-uuid"] {
        assert!(!log.contains(hidden), "{hidden} is in the log:\n{log}");
    }
}

/// This includes the lines of libraries, from the start to the end of the process.
#[tokio::test(flavor = "multi_thread")]
async fn json_logs_contain_nothing_but_json() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let settings = [("ROSTER_LOG_FORMAT", "json"), ("RUST_LOG", "trace")];
        let mut api = Api::start_on_empty_database(engine, &settings);
        let request_id = "quote\"backslash\\and{braces}";
        api.client.get("/users").header("x-request-id", request_id).send().await.expect(200);
        api.create_named("line\nbreak").await;
        api.server.stop(LIMIT);
        let log = api.server.log();
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        assert!(lines.iter().any(|line| line["request_id"] == request_id));
        for line in &lines {
            check_time(line);
            for name in ["level", "message", "target"] {
                assert!(line[name].is_string(), "the line has no {name}: {line}");
            }
        }
        assert_eq!(lines.last().map(|line| &line["message"]), Some(&json!("stopped")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_format_on_a_pipe_is_json() {
    let database = Database::sqlite();
    let server = builder(&database).unset("ROSTER_LOG_FORMAT").unset("RUST_LOG").start();
    let line = server.wait_for_log("listening on http://", LIMIT);
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(line["message"], format!("listening on {}", server.base()));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_logs_have_a_line_for_each_request() {
    let api = Api::start(Engine::Sqlite, &[]);
    let request = api.client.get("/users").header("x-request-id", "req-1");
    request.header("traceparent", TRACEPARENT).send().await.expect(200);
    let line = api.server.wait_for_log("req-1", LIMIT);
    for words in
        ["INFO", "request", "method=GET", "route=/users", "status=200", "duration_ms=", "request_id=req-1"]
    {
        assert!(line.contains(words), "the line has no {words}: {line}");
    }
    assert!(line.contains(&format!("traceparent={TRACEPARENT}")), "{line}");
    assert!(!line.contains('\u{1b}'), "the line contains an escape sequence: {line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn port_0_listens_on_a_free_port_and_logs_it() {
    for format in ["text", "json"] {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let settings = [("ROSTER_LOG_FORMAT", format), ("ROSTER_LISTEN", listen)];
            let api = Api::start(Engine::Sqlite, &settings);
            assert!(!api.server.base().ends_with(":0"), "{}", api.server.base());
            api.client.get("/livez").send().await.expect(200);
        }
    }
}

/// Whether the log has the line of an ordinary request (level info), and that of a probe (level debug).
async fn logged(filter: Option<&str>) -> (bool, bool) {
    let database = Database::sqlite();
    let builder = match filter {
        Some(filter) => builder(&database).env("RUST_LOG", filter),
        None => builder(&database).unset("RUST_LOG"),
    };
    // Every filter below includes the line with the address, for which this waits.
    let mut server = builder.start();
    let client = Client::new(&server);
    client.get("/livez").header("x-request-id", "probe").send().await.expect(200);
    client.get("/users").header("x-request-id", "list").send().await.expect(200);
    server.stop(LIMIT);
    let log = server.log();
    (log.contains("request_id=list"), log.contains("request_id=probe"))
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_log_filters_lines() {
    assert_eq!(logged(None).await, (true, false), "the default level is info");
    assert_eq!(logged(Some("info")).await, (true, false));
    assert_eq!(logged(Some("debug")).await, (true, true));
    assert_eq!(logged(Some("warn,roster::app=info")).await, (false, false));
    assert_eq!(logged(Some("off,roster::app=info,roster::http=debug")).await, (true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_operation_causes_a_warning() {
    let api = Api::start(Engine::Sqlite, &[("ROSTER_LOG_FORMAT", "json"), ("ROSTER_SLOW_OPERATION", "0ms")]);
    let request = api.client.post("/users", &json!({ "userName": "ada" })).header("x-request-id", "slow-1");
    request.header("traceparent", TRACEPARENT).send().await.expect(201);
    let line = line_of(&api.server, "slow-1");
    assert_eq!((&line["level"], &line["message"]), (&json!("WARN"), &json!("slow operation")), "{line}");
    assert!(line["operation"].as_str().is_some_and(|name| name.contains("users::Create")), "{line}");
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c", "{line}");
    for name in ["waited_ms", "took_ms"] {
        assert!(line[name].is_u64(), "{name} in {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_operation_causes_no_warning() {
    let api = Api::start(Engine::Sqlite, &[("ROSTER_SLOW_OPERATION", "1m")]);
    let request = api.client.post("/users", &json!({ "userName": "ada" })).header("x-request-id", "fast-1");
    request.send().await.expect(201);
    api.server.wait_for_log("fast-1", LIMIT);
    assert!(!api.server.log().contains("slow operation"), "{}", api.server.log());
}

/// A write waits for the lock of another session.
#[tokio::test(flavor = "multi_thread")]
async fn the_warning_about_a_slow_operation_has_its_duration() {
    let database = Database::postgres();
    let server =
        builder(&database).env("ROSTER_LOG_FORMAT", "json").env("ROSTER_SLOW_OPERATION", "300ms").start();
    let client = Client::new(&server);
    let created = client.post("/users", &json!({ "userName": "ada" })).send().await.expect(201).json();
    let id = created["id"].as_str().expect("the user has an id");
    let path = format!("/users/{id}");
    let mut lock = database.lock(id);
    let patch = client.patch(&path, &json!({ "title": "x" })).header("x-request-id", "slow-2");
    let patching = tokio::spawn(async move { patch.send().await });
    lock.wait_for_waiter();
    // The duration that the warning has to report.
    tokio::time::sleep(Duration::from_millis(400)).await;
    lock.release();
    patching.await.expect("the request does not panic").expect(200);
    let line = line_of(&server, "slow-2");
    assert_eq!(line["message"], "slow operation", "{line}");
    assert!(line["took_ms"].as_u64().is_some_and(|ms| (400..10_000).contains(&ms)), "{line}");
}
