//! Callers and requests that flood the server do not keep others from being served.

use crate::api::callers::{client_with_role, create_tenant, create_user};
use crate::support::api::{Api, Engine, path};
use crate::support::http::{Client, Request};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

engine_tests! {
    a_flood_of_a_tenant_does_not_refuse_the_requests_of_another
    a_flood_of_a_key_does_not_refuse_the_requests_of_another
    an_import_and_a_flood_of_exports_polls_and_scans_do_not_refuse_other_requests
}

/// Requests that the quiet client sends of each kind during a flood.
const REQUESTS: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);

/// Starts a server on which few calls can wait, for longer than a test takes.
fn start(api: &Api) -> Api {
    Api::start(api.engine, &[("ROSTER_QUEUE_SIZE", "8"), ("ROSTER_REQUEST_DEADLINE", "60s")])
}

/// Tasks that send requests until they are stopped.
struct Flood {
    tasks: JoinSet<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    is_stopped: AtomicBool,
    served: AtomicUsize,
    refused: AtomicUsize,
}

impl Flood {
    /// Starts one task for each request.
    fn start(requests: impl IntoIterator<Item = Request>) -> Self {
        let (mut tasks, counts) = (JoinSet::new(), Arc::new(Counts::default()));
        for request in requests {
            let counts = counts.clone();
            tasks.spawn(async move {
                while !counts.is_stopped.load(Ordering::Relaxed) {
                    let is_served = match request.try_send().await {
                        // The name of a user that is created again and again is taken.
                        Ok(response) if [200, 201, 409].contains(&response.code()) => true,
                        Ok(response) => {
                            let refused = response.expect(503);
                            assert!(refused.header("retry-after").is_some(), "{}", refused.text());
                            false
                        }
                        // The next page of an export was refused, so its body ended early.
                        Err(_) => false,
                    };
                    let count = if is_served { &counts.served } else { &counts.refused };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { tasks, counts }
    }

    /// Waits until this many more requests have been served or refused.
    async fn wait(count: &AtomicUsize, more: usize) {
        let (since, target) = (Instant::now(), count.load(Ordering::Relaxed) + more);
        while count.load(Ordering::Relaxed) < target {
            assert!(since.elapsed() < LIMIT, "the flood makes no progress");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn stop(self) {
        self.counts.is_stopped.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

fn user(name: &str, number: usize) -> Value {
    json!({ "userName": format!("{name}-{number}") })
}

/// Floods the server with reads, pages and writes of a client, one kind after the other, while another client sends one
/// request of each kind after the other.
async fn check_flood(api: &Api, flooding: &Client, quiet: &Client) {
    let flooded = create_user(flooding, &user("read", 0)).await;
    let read = create_user(quiet, &user("read", 1)).await;
    let writes = |number| flooding.post("/users", &user("flood", number));
    let floods: [(&str, Vec<Request>); 3] = [
        ("reads", (0..200).map(|_| flooding.get(&path(&flooded))).collect()),
        ("pages", (0..200).map(|_| flooding.get("/users?limit=500")).collect()),
        ("writes", (0..200).map(writes).collect()),
    ];
    for (kind, requests) in floods {
        let flood = Flood::start(requests);
        Flood::wait(&flood.counts.served, 1).await;
        for number in 0..REQUESTS {
            quiet.get(&path(&read)).send().await.expect(200);
            quiet.get("/users?limit=500").send().await.expect(200);
            quiet.post("/users", &user(kind, number)).send().await.expect(201);
        }
        Flood::wait(&flood.counts.served, 1).await;
        flood.stop().await;
    }
    check_locked(api, flooding, quiet).await;
}

/// While no write can finish, the flood fills all places. A write of the other client still gets one.
async fn check_locked(api: &Api, flooding: &Client, quiet: &Client) {
    let mut holder = api.sql();
    holder.execute(match api.engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::Postgres => "BEGIN; LOCK TABLE users IN SHARE MODE",
    });
    let flood = Flood::start((0..200).map(|number| flooding.post("/users", &user("locked", number))));
    Flood::wait(&flood.counts.refused, 200).await;
    // The body of a write that has no place is not parsed.
    let malformed = |client: &Client| client.request(Method::POST, "/users").body("application/json", "{");
    malformed(flooding).send().await.expect(503);
    malformed(quiet).send().await.expect(400);
    let write = quiet.post("/users", &user("locked-quiet", 0));
    let write = tokio::spawn(async move { write.send().await });
    Flood::wait(&flood.counts.refused, 200).await;
    assert!(!write.is_finished(), "the write did not wait");
    holder.execute("ROLLBACK");
    write.await.expect("the request does not panic").expect(201);
    flood.stop().await;
}

async fn a_flood_of_a_tenant_does_not_refuse_the_requests_of_another(api: Api) {
    let api = start(&api);
    for tenant in ["loud", "quiet"] {
        create_tenant(&api.client, tenant).await;
    }
    check_flood(&api, &api.client.in_tenant("loud"), &api.client.in_tenant("quiet")).await;
}

async fn a_flood_of_a_key_does_not_refuse_the_requests_of_another(api: Api) {
    let api = start(&api);
    let flooding = client_with_role(&api.client, "writer").await;
    let quiet = client_with_role(&api.client, "writer").await;
    check_flood(&api, &flooding, &quiet).await;
}

/// All requests have the same key.
async fn an_import_and_a_flood_of_exports_polls_and_scans_do_not_refuse_other_requests(api: Api) {
    let api = start(&api);
    let read = api.create_named("ada").await;
    let line = |number| user("imported", number).to_string() + "\n";
    let lines: String = (0..3_000).map(line).collect();
    let import = api.client.request(reqwest::Method::POST, "/import?mode=upsert");
    let import = Flood::start([import.body("application/x-ndjson", lines)]);
    let paths = ["/export", "/changes?limit=500", "/users?filter=title%20co%20%22x%22"];
    let flood = Flood::start((0..60).map(|number| api.client.get(paths[number % paths.len()])));
    Flood::wait(&flood.counts.served, 1).await;
    for number in 0..REQUESTS {
        api.client.get(&path(&read)).send().await.expect(200);
        api.client.post("/users", &user("other", number)).send().await.expect(201);
    }
    Flood::wait(&import.counts.served, 1).await;
    Flood::wait(&flood.counts.served, 1).await;
    flood.stop().await;
    import.stop().await;
    let imported = "SELECT count(*) AS number FROM users WHERE user_name LIKE 'imported-%'";
    assert_eq!(api.sql().number(imported), 3_000);
}
