//! What needs no key.

use crate::api::problem::problem;
use crate::support::api::{Api, Engine};
use crate::support::http::{Answer, Client};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use reqwest::Method;
use serde_json::json;

both_engines! {
    the_start_page
    probes_need_no_key
    probes_have_heads_and_options
    probes_take_no_other_method
    pending_migrations_are_unreadiness
    a_migration_of_a_newer_release_is_not
}

const PUBLIC: [&str; 5] = ["/", "/livez", "/healthz", "/health", "/readyz"];

async fn the_start_page(api: Api) {
    let answer = Client::anonymous(&api.server).get("/").send().await.expect(200);
    let body = answer.json();
    assert_eq!((&body["name"], &body["version"]), (&json!("roster"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(body["links"]["users"], "/users");
    for link in body["links"].as_object().expect("links").values() {
        api.client.get(link.as_str().expect("a link is a string")).send().await.expect(200);
    }
}

async fn probes_need_no_key(api: Api) {
    for target in PUBLIC {
        for client in
            [Client::anonymous(&api.server), Client::with_key(&api.server, "wrong"), api.client.clone()]
        {
            let answer = client.get(target).header("roster-tenant", "nobody").send().await.expect(200);
            assert_eq!(answer.header("content-type"), Some("application/json"), "{target}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
            assert!(answer.header("cache-control").is_some(), "{target}");
            assert!(answer.header("x-request-id").is_some(), "{target}");
            assert!(answer.json().is_object(), "{target}");
        }
    }
    let live = Client::anonymous(&api.server).get("/livez").send().await.json();
    for target in ["/healthz", "/health"] {
        assert_eq!(Client::anonymous(&api.server).get(target).send().await.json(), live);
    }
}

async fn probes_have_heads_and_options(api: Api) {
    let nobody = Client::anonymous(&api.server);
    for target in PUBLIC {
        let head = nobody.request(Method::HEAD, target).send().await.expect(200);
        assert_eq!((head.text().as_str(), head.header("content-type")), ("", Some("application/json")));
        let options = nobody.request(Method::OPTIONS, target).send().await.expect(204);
        assert_eq!((options.header("allow"), options.text().as_str()), (Some("GET, HEAD, OPTIONS"), ""));
    }
}

async fn probes_take_no_other_method(api: Api) {
    let nobody = Client::anonymous(&api.server);
    for target in PUBLIC {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            let answer = nobody.request(method, target).send().await;
            problem(&answer, 405, "method-not-allowed");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
}

#[track_caller]
fn assert_not_ready(answer: &Answer) {
    problem(answer, 503, "not-ready");
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds <= 60), "{:?}", answer.headers);
}

async fn pending_migrations_are_unreadiness(api: Api) {
    let unmigrated = Api::start(api.engine, &[("ROSTER_MIGRATE_ON_START", "false")]);
    let nobody = Client::anonymous(&unmigrated.server);
    nobody.get("/livez").send().await.expect(200);
    assert_not_ready(&nobody.get("/readyz").send().await);
    assert_eq!(nobody.request(Method::HEAD, "/readyz").send().await.code(), 503);
    // Another server migrates the same database; the answer is kept for a second at most.
    let _other = crate::support::server::Server::builder(&unmigrated.database_url()).start();
    let since = std::time::Instant::now();
    while nobody.get("/readyz").send().await.code() != 200 {
        assert!(since.elapsed().as_secs() < 10, "not ready after ten seconds");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    unmigrated.named("ada").await;
}

async fn a_migration_of_a_newer_release_is_not(api: Api) {
    let sql = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    let url = api.database_url();
    match api.engine {
        Engine::Postgres => PgConnection::establish(&url).expect("a connection").batch_execute(sql),
        Engine::Sqlite => {
            let path = url.trim_start_matches("sqlite://");
            SqliteConnection::establish(path).expect("a connection").batch_execute(sql)
        }
    }
    .expect("the table of migrations");
    let api = api.restart();
    Client::anonymous(&api.server).get("/readyz").send().await.expect(200);
}
