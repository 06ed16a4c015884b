//! The start page and the probes, which require no key.

use crate::api::problem::assert_problem;
use crate::support::api::{Api, Engine};
use crate::support::http::{Client, Response};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

engine_tests! {
    the_start_page_links_to_every_top_level_path
    a_browser_receives_a_page_with_the_same_links
    probes_require_no_key
    probes_support_head_and_options
    probes_reject_other_methods
    pending_migrations_make_the_server_unready
    migrations_of_a_newer_release_are_tolerated
}

const PUBLIC: [&str; 5] = ["/", "/livez", "/healthz", "/health", "/readyz"];

async fn the_start_page_links_to_every_top_level_path(api: Api) {
    let response = Client::anonymous(&api.server).get("/").send().await.expect(200);
    let body = response.json();
    assert_eq!((&body["name"], &body["version"]), (&json!("roster"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(body["links"]["users"], "/users");
    let links = body["links"].as_object().expect("the start page has links").values();
    let links: BTreeSet<_> =
        links.map(|link| link.as_str().expect("a link is a string").to_owned()).collect();
    for link in &links {
        api.client.get(link).send().await.expect(200);
    }
    let document = api.client.get("/openapi.json").send().await.expect(200).json();
    let paths = document["paths"].as_object().expect("the document has paths").keys();
    let mut expected: BTreeSet<_> = paths.map(|path| top_level(path)).collect();
    for not_linked in ["/", "/health", "/healthz", "/import"] {
        assert!(expected.remove(not_linked), "{not_linked}");
    }
    assert_eq!(links, expected);
}

/// The first segment of a path, or the base path of SCIM.
fn top_level(path: &str) -> String {
    if path.starts_with("/scim/v2") {
        "/scim/v2".into()
    } else {
        path.split('/').take(2).collect::<Vec<_>>().join("/")
    }
}

async fn a_browser_receives_a_page_with_the_same_links(api: Api) {
    let anonymous = Client::anonymous(&api.server);
    let get = async |accept: &str| anonymous.get("/").accept(accept).send().await.expect(200);
    let json = get("*/*").await;
    let links = json.json()["links"].as_object().expect("the start page has links").clone();
    for accept in [
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json;q=0.5, text/html;q=0.6",
        "TEXT/HTML",
    ] {
        let page = get(accept).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{accept}");
        assert_eq!(page.header("vary"), Some("Accept"));
        assert!(
            page.header("content-security-policy")
                .is_some_and(|policy| policy.starts_with("default-src 'none';"))
        );
        let text = page.text();
        for link in links.values() {
            let path = link.as_str().expect("the value is a string").trim_start_matches('/');
            assert!(text.contains(&format!("<a href=\"{path}\">")), "{path}: {text}");
        }
        assert!(!text.contains("://") && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    }
    for accept in [
        "application/json",
        "application/json, text/html",
        "text/html;q=0",
        "text/html;q=0.1, application/json",
        "image/png",
    ] {
        assert_eq!(get(accept).await.json(), json.json(), "{accept}");
    }
}

async fn probes_require_no_key(api: Api) {
    for target in PUBLIC {
        for client in
            [Client::anonymous(&api.server), Client::new_with_key(&api.server, "wrong"), api.client.clone()]
        {
            let response = client.get(target).header("roster-tenant", "nobody").send().await.expect(200);
            assert_eq!(response.header("content-type"), Some("application/json"), "{target}");
            assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{target}");
            assert!(response.header("cache-control").is_some(), "{target}");
            assert!(response.header("x-request-id").is_some(), "{target}");
            assert!(response.json().is_object(), "{target}");
        }
    }
    let live = Client::anonymous(&api.server).get("/livez").send().await.json();
    for target in ["/healthz", "/health"] {
        assert_eq!(Client::anonymous(&api.server).get(target).send().await.json(), live);
    }
}

async fn probes_support_head_and_options(api: Api) {
    let anonymous = Client::anonymous(&api.server);
    for target in PUBLIC {
        let head = anonymous.request(Method::HEAD, target).send().await.expect(200);
        assert_eq!((head.text().as_str(), head.header("content-type")), ("", Some("application/json")));
        let options = anonymous.request(Method::OPTIONS, target).send().await.expect(204);
        assert_eq!((options.header("allow"), options.text().as_str()), (Some("GET, HEAD, OPTIONS"), ""));
    }
}

async fn probes_reject_other_methods(api: Api) {
    let anonymous = Client::anonymous(&api.server);
    for target in PUBLIC {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            let response = anonymous.request(method, target).send().await;
            assert_problem(&response, 405, "method-not-allowed");
            assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
}

#[track_caller]
fn assert_not_ready(response: &Response) {
    assert_problem(response, 503, "not-ready");
    let seconds = response.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds <= 60), "{:?}", response.headers);
}

async fn pending_migrations_make_the_server_unready(api: Api) {
    let unmigrated = Api::start_on_empty_database(api.engine, &[("ROSTER_MIGRATE_ON_START", "false")]);
    let anonymous = Client::anonymous(&unmigrated.server);
    anonymous.get("/livez").send().await.expect(200);
    assert_not_ready(&anonymous.get("/readyz").send().await);
    assert_eq!(anonymous.request(Method::HEAD, "/readyz").send().await.code(), 503);
    // The readiness result is cached for at most a second.
    crate::support::database::migrate(&unmigrated.database_url());
    let since = std::time::Instant::now();
    while anonymous.get("/readyz").send().await.code() != 200 {
        assert!(since.elapsed().as_secs() < 10, "not ready after ten seconds");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    unmigrated.create_named("ada").await;
}

async fn migrations_of_a_newer_release_are_tolerated(api: Api) {
    let sql = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    let url = api.database_url();
    match api.engine {
        Engine::Postgres => {
            PgConnection::establish(&url).expect("the database accepts the connection").batch_execute(sql)
        }
        Engine::Sqlite => {
            let path = url.trim_start_matches("sqlite://");
            SqliteConnection::establish(path).expect("the database accepts the connection").batch_execute(sql)
        }
    }
    .expect("the table of migrations");
    let api = api.restart();
    Client::anonymous(&api.server).get("/readyz").send().await.expect(200);
}
