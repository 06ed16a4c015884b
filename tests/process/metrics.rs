//! `/metrics`: its formats, its separate listener, and the values and number of its series.

use crate::process::cluster::Cluster;
use crate::support::api::{Api, Engine, path, send_concurrently, text};
use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::raw::{RawConnection, request_head};
use crate::support::server::Server;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::task::JoinSet;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(20);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The values of all series, by name and labels.
pub(crate) type Series = BTreeMap<String, f64>;

pub(crate) fn parse(text: &str) -> Series {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("the line has a value");
        (series.to_owned(), value.parse().unwrap_or_else(|error| panic!("{error}: {line}")))
    };
    samples.map(parse).collect()
}

pub(crate) async fn scrape(client: &Client) -> Series {
    parse(&client.get("/metrics").send().await.expect(200).text())
}

/// The series of a metric with this label, or all of its series if the label is empty.
fn sum(series: &Series, metric: &str, label: &str) -> f64 {
    let is_of_metric = |name: &str| name.split('{').next() == Some(metric) && name.contains(label);
    series.iter().filter(|(name, _)| is_of_metric(name)).map(|(_, value)| value).sum()
}

/// Waits until a metric has this value.
async fn wait_for(client: &Client, metric: &str, label: &str, expected: f64) {
    let started = Instant::now();
    loop {
        let found = sum(&scrape(client).await, metric, label);
        if found == expected {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{metric} {label} is {found}, not {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_are_served_to_operators() {
    let api = Api::start(Engine::Sqlite, &[]);
    let get = async |accept| api.client.get("/metrics").accept(accept).send().await;
    let open = get("*/*").await.expect(200);
    assert_eq!(open.header("content-type"), Some(OPEN_METRICS));
    assert!(open.text().ends_with("# EOF\n"), "{}", open.text());
    let plain = get("text/plain").await.expect(200);
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.text().contains("# TYPE roster_build_info gauge\n"), "{}", plain.text());
    assert_eq!(get("application/json").await.expect(406).json()["code"], "not-acceptable");
    let head = api.client.request(Method::HEAD, "/metrics").send().await.expect(200);
    assert_eq!((head.header("content-type"), head.text().as_str()), (Some(OPEN_METRICS), ""));
    api.client.get("/metrics?x=1").send().await.expect(400);
}

/// A server with a separate listener for metrics, a client of the server, and one of the listener.
fn with_listener(database: &Database) -> (Server, Client, Client) {
    let server = Server::builder(&database.url()).env("ROSTER_METRICS_LISTEN", "127.0.0.1:0").start();
    let line = server.wait_for_log("serving metrics on http://", LIMIT);
    let (_, address) = line.split_once("http://").expect("the line has an address");
    let metrics = Client::anonymous(&server).at(address.trim_end_matches("/metrics"));
    let client = Client::new(&server);
    (server, client, metrics)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_separate_listener_serves_only_metrics() {
    let database = Database::sqlite();
    let (mut server, client, metrics) = with_listener(&database);
    let response = metrics.get("/metrics").send().await.expect(200);
    assert_eq!(response.header("content-type"), Some(OPEN_METRICS));
    assert_eq!(metrics.request(Method::HEAD, "/metrics").send().await.expect(200).text(), "");
    let refused = metrics.post("/metrics", &json!({})).send().await.expect(405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    for path in ["/", "/users", "/livez", "/metrics/x", "/scim/v2/Users"] {
        assert_eq!(metrics.get(path).send().await.code(), 404, "{path}");
    }
    // The port of the API still requires a key.
    client.get("/metrics").send().await.expect(200);
    Client::anonymous(&server).get("/metrics").send().await.expect(401);
    server.stop(LIMIT);
    let error = metrics.get("/metrics").try_send().await.expect_err("the listener is closed");
    assert!(error.is_connect(), "{error:?}");
}

#[test]
fn connections_without_requests_do_not_block_the_separate_listener() {
    let database = Database::sqlite();
    let (server, _, metrics) = with_listener(&database);
    let address = metrics.address();
    let silent: Vec<_> = (0..40).map(|_| RawConnection::connect(address)).collect();
    let mut connection = RawConnection::connect(address);
    connection.send(format!("{}\r\n", request_head("GET", "/metrics")).as_bytes());
    // The silent connections are closed because no request arrives in time.
    assert_eq!(connection.receive().expect("the server responds").status, 200);
    drop((silent, server));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_method_and_status() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let api = Api::start(engine, &[]);
        let (client, anonymous) = (&api.client, Client::anonymous(&api.server));
        for number in 0..3 {
            let user = api.create_named(&format!("u{number}")).await;
            api.read(&user).await;
            anonymous.get("/users").send().await.expect(401);
            client.get(&format!("/nothing/{number}")).send().await.expect(404);
        }
        client.get("/scim/v2/Users").send().await.expect(200);
        client.post("/users", &json!({})).send().await.expect(422);
        let series = scrape(client).await;
        for (route, method, status, count) in [
            ("/users", "POST", "201", 3.0),
            ("/users/{id}", "GET", "200", 3.0),
            ("/users", "GET", "401", 3.0),
            ("unmatched", "GET", "404", 3.0),
            ("/scim/v2/Users", "GET", "200", 1.0),
            ("/users", "POST", "422", 1.0),
        ] {
            let labels = format!("{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}");
            let name = format!("roster_http_request_duration_seconds_count{labels}");
            assert_eq!(series.get(&name), Some(&count), "{name} {series:#?}");
        }
        assert_eq!(sum(&series, "roster_http_requests_in_progress", ""), 1.0, "this scrape");
        for (reason, count) in
            [("unauthorized", 3.0), ("not-found", 3.0), ("invalid", 1.0), ("overloaded", 0.0)]
        {
            let label = format!("reason=\"{reason}\"");
            assert_eq!(sum(&series, "roster_http_problems_total", &label), count, "{reason}");
        }
        assert_eq!(sum(&series, "roster_build_info", "version="), 1.0);
        for positive in [
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_cpu_seconds_total",
            "process_start_time_seconds",
        ] {
            assert!(series.get(positive).is_some_and(|value| *value > 0.0), "{positive}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_cache_counts_hits_and_misses() {
    let api = Api::start(Engine::Sqlite, &[]);
    let key = api.client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201).json();
    let reader = api.client.with_key(key["secret"].as_str().expect("the key has a secret"));
    for _ in 0..10 {
        reader.get("/users").send().await.expect(200);
    }
    let series = scrape(&api.client).await;
    let lookups = |result| sum(&series, "roster_key_cache_lookups_total", result);
    assert!(lookups("result=\"miss\"") >= 1.0 && lookups("result=\"hit\"") >= 8.0, "{series:#?}");
    assert_eq!(series["roster_key_cache_entries"], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_and_their_delay_are_measured() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let api = Api::start(engine, &[]);
        let stream = api.client.get("/changes").accept("text/event-stream");
        let streaming = tokio::spawn(async move { drop(stream.try_send().await) });
        let poll = api.client.get("/changes?wait=60");
        let polling = tokio::spawn(async move { poll.send().await });
        for kind in ["poll", "stream"] {
            wait_for(&api.client, "roster_followers", &format!("kind=\"{kind}\""), 1.0).await;
        }
        api.create_named("ada").await;
        polling.await.expect("the request does not panic").expect(200);
        wait_for(&api.client, "roster_followers", "kind=\"poll\"", 0.0).await;
        wait_for(&api.client, "roster_follower_delay_seconds_count", "", 2.0).await;
        streaming.abort();
        wait_for(&api.client, "roster_followers", "kind=\"stream\"", 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_changes_are_counted_by_type() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let api = Api::start(engine, &[]);
        let users = send_concurrently(20, |number| {
            api.client.post("/users", &json!({ "userName": format!("u{number}") }))
        });
        let user = users.await.remove(0).expect(201).json();
        api.patch(&user, &json!({ "title": "x" })).await;
        api.patch(&user, &json!({ "title": "x" })).await;
        api.client.post("/users", &json!({ "userName": "u1" })).send().await.expect(409);
        // A plan inserts changes and rolls them back.
        for (query, name) in [("?plan=true", "planned"), ("", "imported")] {
            let line = json!({ "userName": name }).to_string();
            let import = api.client.request(Method::POST, &format!("/import{query}"));
            import.body("application/x-ndjson", line).send().await.expect(200);
        }
        let series = scrape(&api.client).await;
        for (kind, count) in [("user.created", 21.0), ("user.updated", 1.0), ("user.deleted", 0.0)] {
            let label = format!("type=\"{kind}\"");
            assert_eq!(sum(&series, "roster_changes_total", &label), count, "{engine:?} {kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_connections_are_measured() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let api = Api::start(engine, &[]);
        let created = send_concurrently(50, |number| {
            api.client.post("/users", &json!({ "userName": format!("u{number}") }))
        });
        created.await.into_iter().for_each(|response| drop(response.expect(201)));
        let lines = json!({ "userName": "imported" }).to_string();
        let import = api.client.request(Method::POST, "/import").body("application/x-ndjson", lines);
        import.send().await.expect(200);
        let series = scrape(&api.client).await;
        let sum = |metric, label| sum(&series, metric, label);
        let create = "operation=\"users::Create\"";
        assert_eq!(sum("roster_database_wait_seconds_count", create), 50.0, "{series:#?}");
        let batches = sum("roster_database_run_seconds_count", create);
        assert!((1.0..=50.0).contains(&batches), "{batches}");
        assert_eq!(sum("roster_database_batch_calls_count", create), batches);
        assert_eq!(sum("roster_database_batch_calls_sum", create), 50.0);
        assert!(sum("roster_database_wait_seconds_count", "class=\"bulk\"") >= 1.0, "{series:#?}");
        let connections = sum("roster_database_connections", "");
        assert!(connections >= 2.0, "{series:#?}");
        assert_eq!(sum("roster_database_connections_opened_total", ""), connections);
        assert_eq!(sum("roster_database_queue_limit", "class=\"scan\""), 1024.0);
        // The tasks of the server, which begin when it has started, may still wait for an actor.
        wait_for(&api.client, "roster_database_queue_calls", "", 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_connections_are_counted() {
    let api = Api::start(Engine::Postgres, &[]);
    api.create_named("ada").await;
    api.sql().terminate_sessions("datname = current_database() AND application_name = 'roster'");
    api.create_named("grace").await;
    let series = scrape(&api.client).await;
    let sum = |metric| sum(&series, metric, "pool=\"write\"");
    assert!(series["roster_database_retries_total{reason=\"reconnect\"}"] >= 1.0, "{series:#?}");
    assert_eq!(sum("roster_database_connections_opened_total") - sum("roster_database_connections"), 1.0);
}

/// Calls that wait for a lock fill the queue.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_and_refused_calls_are_counted() {
    let api = Api::start(Engine::Postgres, &[("ROSTER_QUEUE_SIZE", "3")]);
    let user = api.create_named("ada").await;
    let path = path(&user);
    let lock = api.lock(text(&user["id"]));
    let patch = || api.client.patch(&path, &json!({ "title": "x" }));
    let mut patching = JoinSet::new();
    let mut refused = 0;
    // Each of the two writers takes one call, or several in a batch.
    while refused == 0 {
        let patch = patch();
        patching.spawn(async move { patch.send().await });
        let series = scrape(&api.client).await;
        assert!(sum(&series, "roster_database_queue_calls", "class=\"write\"") <= 3.0, "{series:#?}");
        refused = sum(&series, "roster_database_failures_total", "reason=\"queue-full\"") as usize;
    }
    wait_for(&api.client, "roster_database_queue_calls", "class=\"write\"", 3.0).await;
    wait_for(&api.client, "roster_database_connections_busy", "pool=\"write\"", 2.0).await;
    lock.release();
    let overloaded = patching.join_all().await.iter().filter(|response| response.code() == 503).count();
    let series = scrape(&api.client).await;
    assert_eq!(sum(&series, "roster_http_problems_total", "reason=\"overloaded\""), overloaded as f64);
    assert_eq!(sum(&series, "roster_database_failures_total", "reason=\"queue-full\""), overloaded as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_are_counted() {
    let api = Api::start(Engine::Sqlite, &[]);
    api.create_named("ada").await;
    for rows in ["changes", "responses", "keys"] {
        let name = format!("roster_retention_last_success_timestamp_seconds{{rows=\"{rows}\"}}");
        // The tasks begin when the server has started.
        let started = Instant::now();
        let at = loop {
            if let Some(at) = scrape(&api.client).await.get(&name) {
                break *at;
            }
            assert!(started.elapsed() < LIMIT, "{name}");
        };
        let now = UNIX_EPOCH.elapsed().expect("the clock is later than 1970").as_secs_f64();
        assert!((now - 120.0..=now).contains(&at), "{rows}: {at}, now {now}");
    }
    api.sql().execute("UPDATE changes SET time = 0");
    let api = api.restart_gracefully();
    wait_for(&api.client, "roster_retention_deleted_rows_total", "rows=\"changes\"", 1.0).await;
}

/// Sends one request of each kind in which a client can choose something freely.
async fn send_random(api: &Api, anonymous: &Client, number: usize) {
    let text = Uuid::new_v4().simple().to_string();
    let client = &api.client;
    let method = Method::from_bytes(format!("X{}", text.to_uppercase()).as_bytes()).expect("a valid method");
    let id = Uuid::new_v4();
    let request = match number % 10 {
        0 => client.get(&format!("/{text}")),
        1 => anonymous.get(&format!("/users/{text}/{text}")),
        2 => client.request(method, "/users"),
        3 => client.request(method, &format!("/{text}")),
        4 => client.get(&format!("/users/{id}")),
        5 => client.delete(&format!("/groups/{id}/members/{id}")),
        6 => client.get(&format!("/scim/v2/Users/{id}")),
        7 => client.get(&format!("/scim/v2/{text}")),
        8 => client.with_key(&text).get("/users").header("x-request-id", &text),
        _ => client.get(&format!("/users?filter=userName%20eq%20%22{text}%22")).header("user-agent", &text),
    };
    request.send().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_cannot_add_series() {
    let api = Api::start(Engine::Sqlite, &[("ROSTER_FAILED_ATTEMPTS", "0")]);
    let anonymous = Client::anonymous(&api.server);
    let names = async || scrape(&api.client).await.into_keys().collect::<Vec<_>>();
    for number in 0..20 {
        send_random(&api, &anonymous, number).await;
    }
    names().await;
    let before = names().await;
    for number in 0..1_000 {
        send_random(&api, &anonymous, number).await;
    }
    assert_eq!(names().await, before);
}

/// Neither the database nor its actors are used.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_while_the_database_is_down() {
    let mut cluster = Cluster::start();
    let server = Server::builder(cluster.url()).start();
    let client = Client::new(&server);
    client.post("/users", &json!({ "userName": "ada" })).send().await.expect(201);
    cluster.stop("immediate");
    client.get("/users").send().await.expect(503);
    let series = scrape(&client).await;
    assert!(
        sum(&series, "roster_http_problems_total", "reason=\"database-unavailable\"") >= 1.0,
        "{series:#?}"
    );
}
