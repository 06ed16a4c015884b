//! The lifecycle of a key: authentication, rotation, revocation, expiry, roles, last use and secrecy.

use crate::api::callers::{
    client_with_key, client_with_role, create_expired_key, create_key, create_tenant, get, key_path,
};
use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, Engine, path, text};
use crate::support::http::Client;
use crate::support::raw::RawConnection;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

engine_tests! {
    only_the_exact_secret_is_accepted
    keys_can_be_rotated_without_downtime
    a_revoked_key_is_rejected_at_once
    a_key_can_revoke_itself
    an_expired_key_is_rejected
    a_key_in_use_expires_on_time
    an_expiry_can_be_changed
    role_changes_apply_at_once
    a_role_that_is_lowered_while_the_body_arrives_applies
    keys_cannot_grant_a_higher_role
    keys_cannot_modify_a_key_with_a_higher_role
    keys_act_in_their_own_tenant
    keys_survive_a_kill
    the_last_use_is_recorded
    the_secret_is_never_stored_or_logged
}

/// How long to wait for an expiry.
const TIMEOUT: Duration = Duration::from_secs(30);

fn start(api: &Api, settings: &[(&str, &str)]) -> Api {
    Api::start(api.engine, settings)
}

/// Whether the client's key is valid.
async fn is_accepted(client: &Client) -> bool {
    let response = client.get("/users").send().await;
    assert!(matches!(response.code(), 200 | 401), "{}", response.text());
    response.code() == 200
}

async fn only_the_exact_secret_is_accepted(api: Api) {
    let api = start(&api, &[("ROSTER_FAILED_ATTEMPTS", "0")]);
    let [one, other] = [
        create_key(&api.client, &json!({ "role": "reader" })).await,
        create_key(&api.client, &json!({ "role": "reader" })).await,
    ];
    let valid = text(&one["secret"]);
    let (head, tail) = valid.rsplit_once('_').expect("the secret contains an underscore");
    let (other_head, other_tail) =
        text(&other["secret"]).rsplit_once('_').expect("the secret contains an underscore");
    let mut invalid: Vec<String> = (0..valid.len())
        .map(|at| {
            let mut bytes = valid.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            String::from_utf8(bytes).expect("the bytes are ASCII")
        })
        .collect();
    invalid.extend([
        format!("{head}_{other_tail}"),
        format!("{other_head}_{tail}"),
        format!("{valid}a"),
        valid[..valid.len() - 1].to_owned(),
        valid[1..].to_owned(),
        valid.to_uppercase(),
        tail.to_owned(),
        head.to_owned(),
        format!("{head}_"),
        text(&one["id"]).to_owned(),
        format!("rst_{tail}"),
        format!("{valid}_{tail}"),
        format!("rst__{}_{tail}", text(&one["id"])),
        format!("rst_{}_{}", uuid::Uuid::now_v7(), tail),
        format!("rst_{}_{}", "a".repeat(36), "a".repeat(49)),
        "rst_".to_owned(),
        "rst___".to_owned(),
        format!("{valid}{}", "x".repeat(10_000)),
    ]);
    for secret in invalid {
        let response = api.client.with_key(&secret).get("/users").send().await;
        assert_eq!(response.code(), 401, "{secret} instead of {valid}");
        assert_unauthorized(&response);
    }
    for key in [&one, &other] {
        assert!(is_accepted(&client_with_key(&api.client, key)).await);
    }
}

async fn keys_can_be_rotated_without_downtime(api: Api) {
    let body = json!({ "role": "admin", "name": "ci" });
    let mut key = create_key(&api.client, &body).await;
    let mut live = client_with_key(&api.client, &key);
    for _ in 0..3 {
        let new = create_key(&live, &body).await;
        let next = client_with_key(&api.client, &new);
        for client in [&live, &next, &live] {
            assert!(is_accepted(client).await);
        }
        next.delete(&key_path(&key)).send().await.expect(204);
        assert!(!is_accepted(&live).await && is_accepted(&next).await);
        (key, live) = (new, next);
    }
    let keys = get(&live, "/keys?include=total").await;
    assert_eq!(keys["total"], 4);
    let items = keys["items"].as_array().expect("the value is a list").iter();
    let active: Vec<_> = items.filter(|key| key["revokedAt"].is_null()).map(|key| &key["id"]).collect();
    assert_eq!(active, [&key["id"]]);
}

async fn a_revoked_key_is_rejected_at_once(api: Api) {
    for used in [true, false] {
        let key = create_key(&api.client, &json!({ "role": "writer" })).await;
        let client = client_with_key(&api.client, &key);
        if used {
            assert!(is_accepted(&client).await);
        }
        api.client.delete(&key_path(&key)).send().await.expect(204);
        for _ in 0..3 {
            assert_unauthorized(&client.get("/users").send().await);
            assert_unauthorized(&client.post("/users", &json!({ "userName": "ada" })).send().await);
        }
    }
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn a_key_can_revoke_itself(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "admin" })).await;
    let client = client_with_key(&api.client, &key);
    client.delete(&key_path(&key)).send().await.expect(204);
    assert_unauthorized(&client.delete(&key_path(&key)).send().await);
}

async fn an_expired_key_is_rejected(api: Api) {
    for role in ["admin", "reader"] {
        let key = create_expired_key(&api, role).await;
        assert_unauthorized(&client_with_key(&api.client, &key).get("/users").send().await);
        // An expired key can still be read.
        assert_eq!(get(&api.client, &key_path(&key)).await["id"], key["id"]);
    }
    assert_eq!(get(&api.client, "/keys?include=total").await["total"], 2);
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).expect("the time can be formatted")
}

/// Sends requests until a key is rejected, and checks that it is valid before `end` and invalid after.
async fn watch_expiry(client: &Client, end: OffsetDateTime) {
    let since = Instant::now();
    loop {
        let sent = OffsetDateTime::now_utc();
        let valid = is_accepted(client).await;
        assert!(valid || OffsetDateTime::now_utc() >= end, "rejected before its expiry");
        assert!(!valid || sent <= end, "valid after its expiry");
        if !valid {
            return;
        }
        assert!(since.elapsed() < TIMEOUT, "the key does not expire");
    }
}

async fn a_key_in_use_expires_on_time(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let client = client_with_key(&api.client, &key);
    assert!(is_accepted(&client).await);
    let end = OffsetDateTime::now_utc() + Duration::from_millis(300);
    let patch = json!({ "expiresAt": rfc3339(end) });
    api.client.patch(&key_path(&key), &patch).send().await.expect(200);
    watch_expiry(&client, end).await;
    // The same for a key that is created with an expiry.
    let end = OffsetDateTime::now_utc() + Duration::from_millis(300);
    let key = create_key(&api.client, &json!({ "role": "reader", "expiresAt": rfc3339(end) })).await;
    watch_expiry(&client_with_key(&api.client, &key), end).await;
}

async fn an_expiry_can_be_changed(api: Api) {
    let key = create_expired_key(&api, "reader").await;
    let client = client_with_key(&api.client, &key);
    // Another field of an expired key can be changed.
    api.client.patch(&key_path(&key), &json!({ "name": "ci" })).send().await.expect(200);
    assert!(!is_accepted(&client).await);
    for time in [json!(null), json!("2040-01-01T00:00:00Z")] {
        api.client.patch(&key_path(&key), &json!({ "expiresAt": time })).send().await.expect(200);
        assert!(is_accepted(&client).await, "{time}");
    }
}

async fn role_changes_apply_at_once(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "operator" })).await;
    let client = client_with_key(&api.client, &key);
    let roles = ["operator", "admin", "writer", "reader", "writer", "admin", "operator", "reader"];
    for (round, role) in roles.into_iter().enumerate() {
        api.client.patch(&key_path(&key), &json!({ "role": role })).send().await.expect(200);
        let allows = |required: &str| {
            let rank = |role: &str| ["reader", "writer", "admin", "operator"].iter().position(|r| *r == role);
            rank(role) >= rank(required)
        };
        let post = client.post("/users", &json!({ "userName": format!("u{round}") })).send().await;
        assert_eq!(post.code(), if allows("writer") { 201 } else { 403 }, "{role}");
        assert_eq!(
            client.get("/keys").send().await.code(),
            if allows("admin") { 200 } else { 403 },
            "{role}"
        );
        let tenants = client.get("/tenants").send().await;
        assert_eq!(tenants.code(), if allows("operator") { 200 } else { 403 }, "{role}");
        client.get("/users").send().await.expect(200);
    }
    // A key that lowers its own role loses the right to raise it again.
    let own = create_key(&api.client, &json!({ "role": "admin" })).await;
    let client = client_with_key(&api.client, &own);
    client.patch(&key_path(&own), &json!({ "role": "reader" })).send().await.expect(200);
    let back = client.patch(&key_path(&own), &json!({ "role": "admin" })).send().await;
    assert_problem(&back, 403, "forbidden");
}

/// Starts a request with the secret of a key, and returns once the server waits for the body.
fn start_request(api: &Api, secret: &str, line: &str, header: &str, length: usize) -> RawConnection {
    let mut connection = RawConnection::connect(api.address());
    let head = format!(
        "{line} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {secret}\r\n{header}\
         Content-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    connection.send(head.as_bytes());
    assert_eq!(connection.receive().expect("the server responds").status, 100);
    connection
}

/// A request continues if the new role still permits it.
async fn a_role_that_is_lowered_while_the_body_arrives_applies(api: Api) {
    create_tenant(&api.client, "acme").await;
    let other = create_key(&api.client, &json!({ "role": "reader" })).await;
    let patch = format!("PATCH {}", key_path(&other));
    let user = |name: &str| json!({ "userName": name });
    for (old, new, line, header, body, status) in [
        ("admin", "writer", "POST /users", "", user("ada"), 201),
        ("writer", "reader", "POST /users", "", user("bob"), 403),
        ("operator", "admin", "POST /keys", "", json!({ "role": "admin" }), 201),
        ("operator", "admin", "POST /keys", "", json!({ "role": "operator" }), 403),
        ("operator", "admin", &*patch, "", json!({ "role": "operator" }), 403),
        ("operator", "admin", &*patch, "", json!({ "role": "admin" }), 200),
        // Only operators can name a tenant.
        ("operator", "admin", "POST /users", "Roster-Tenant: acme\r\n", user("eve"), 403),
    ] {
        let key = create_key(&api.client, &json!({ "role": old })).await;
        assert!(is_accepted(&client_with_key(&api.client, &key)).await);
        let body = body.to_string();
        let mut connection = start_request(&api, text(&key["secret"]), line, header, body.len());
        api.client.patch(&key_path(&key), &json!({ "role": new })).send().await.expect(200);
        connection.send(body.as_bytes());
        let response = connection.receive().expect("the server responds");
        assert_eq!(response.status, status, "{line} {body}, {old} to {new}: {}", response.json());
        if status == 403 {
            response.assert_problem(403, "forbidden");
        }
    }
    assert_eq!(api.page("?include=total").await["total"], 1);
    assert_eq!(get(&api.client.in_tenant("acme"), "/users").await["items"], json!([]));
}

async fn keys_cannot_grant_a_higher_role(api: Api) {
    let own = create_key(&api.client, &json!({ "role": "admin" })).await;
    let admin = client_with_key(&api.client, &own);
    let created = admin.post("/keys", &json!({ "role": "operator", "name": "more" })).send().await;
    assert_problem(&created, 403, "forbidden");
    let other = create_key(&admin, &json!({ "role": "reader" })).await;
    for key in [&own, &other] {
        for patch in [json!({ "role": "operator" }), json!({ "name": "more", "role": "operator" })] {
            assert_problem(&admin.patch(&key_path(key), &patch).send().await, 403, "forbidden");
        }
        let found = get(&admin, &key_path(key)).await;
        assert_eq!((&found["role"], &found["name"]), (&key["role"], &json!(null)));
    }
    for role in ["reader", "writer", "admin"] {
        let key = create_key(&admin, &json!({ "role": role })).await;
        admin.patch(&key_path(&key), &json!({ "role": "admin" })).send().await.expect(200);
        admin.delete(&key_path(&key)).send().await.expect(204);
    }
    assert_eq!(get(&api.client, "/keys?include=total").await["total"], 5);
}

async fn keys_cannot_modify_a_key_with_a_higher_role(api: Api) {
    let admin = client_with_role(&api.client, "admin").await;
    let above = create_key(&api.client, &json!({ "role": "operator", "name": "above" })).await;
    let target = key_path(&above);
    let patches = [
        json!({ "name": "x" }),
        json!({ "role": "reader" }),
        json!({ "role": "operator" }),
        json!({ "expiresAt": "2020-01-01T00:00:00Z" }),
        json!({}),
    ];
    for patch in &patches {
        assert_problem(&admin.patch(&target, patch).send().await, 403, "forbidden");
    }
    assert_problem(&admin.delete(&target).send().await, 403, "forbidden");
    let found = api.client.get(&target).send().await.expect(200);
    assert_eq!((&found.json()["name"], found.header("etag")), (&json!("above"), Some("\"1\"")));
    let operator = client_with_key(&api.client, &above);
    operator.get("/tenants").send().await.expect(200);
    // Once the role is low enough, an admin can delete the key.
    operator.patch(&target, &json!({ "role": "admin" })).send().await.expect(200);
    admin.delete(&target).send().await.expect(204);
}

async fn keys_act_in_their_own_tenant(api: Api) {
    create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    let user = api.create_named("ada").await;
    for role in ["reader", "admin", "operator"] {
        let key = create_key(&acme, &json!({ "role": role })).await;
        let client = client_with_key(&api.client, &key);
        assert_eq!(get(&client, "/users").await, json!({ "items": [] }));
        assert_problem(&client.get(&path(&user)).send().await, 404, "not-found");
        assert_problem(&api.client.get(&key_path(&key)).send().await, 404, "not-found");
        assert_eq!(get(&acme, &key_path(&key)).await["role"], role);
    }
    // A key creates keys in the tenant in which it acts: its own, or the one that an operator names.
    let admin = client_with_role(&acme, "admin").await;
    let created = create_key(&admin, &json!({ "role": "writer" })).await;
    client_with_key(&api.client, &created)
        .post("/users", &json!({ "userName": "grace" }))
        .send()
        .await
        .expect(201);
    assert_eq!(get(&acme, "/users").await["items"][0]["userName"], "grace");
    let operator = client_with_role(&acme, "operator").await;
    let created = create_key(&operator.in_tenant("default"), &json!({ "role": "reader" })).await;
    assert_eq!(get(&client_with_key(&api.client, &created), "/users").await["items"], json!([user]));
}

async fn keys_survive_a_kill(api: Api) {
    let body = json!({ "role": "writer", "name": "ci", "expiresAt": "2040-01-01T00:00:00Z" });
    let key = create_key(&api.client, &body).await;
    let gone = create_key(&api.client, &body).await;
    api.client.delete(&key_path(&gone)).send().await.expect(204);
    let mut api = api.restart();
    client_with_key(&api.client, &key).post("/users", &json!({ "userName": "a" })).send().await.expect(201);
    assert_unauthorized(&client_with_key(&api.client, &gone).get("/users").send().await);
    // A SQLite file has only one server.
    api.server.kill();
    // The keys in the database are valid without a configured admin key.
    let server = Server::builder(&api.database_url()).unset("ROSTER_ADMIN_KEY").start();
    let client = Client::new_with_key(&server, text(&key["secret"]));
    assert_eq!(get(&client, "/users?include=total").await["total"], 1);
}

async fn the_last_use_is_recorded(api: Api) {
    let [used, rejected, unused] = [
        create_key(&api.client, &json!({ "role": "reader" })).await,
        create_expired_key(&api, "reader").await,
        create_key(&api.client, &json!({ "role": "reader" })).await,
    ];
    let before = OffsetDateTime::now_utc() - Duration::from_micros(1);
    client_with_key(&api.client, &used).get("/users").send().await.expect(200);
    let after = OffsetDateTime::now_utc();
    assert_unauthorized(&client_with_key(&api.client, &rejected).get("/users").send().await);
    let api = api.restart_gracefully();
    let response = api.client.get(&key_path(&used)).send().await.expect(200);
    let key = response.json();
    let last_used = text(&key["lastUsedAt"]);
    let time = OffsetDateTime::parse(last_used, &Rfc3339).expect("RFC 3339");
    assert!((before..=after).contains(&time), "{before} {time} {after}");
    assert_eq!(last_used.len(), "2026-01-02T03:04:05.678901Z".len());
    // A use does not change the version of the key or the feed.
    assert_eq!(response.header("etag"), Some("\"1\""));
    let feed = get(&api.client, &format!("/changes?resource={}", text(&used["id"]))).await;
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(1), "{feed}");
    for key in [&rejected, &unused] {
        assert_eq!(get(&api.client, &key_path(key)).await["lastUsedAt"], json!(null));
    }
    assert_eq!(get(&api.client, "/keys").await["items"][0], key);
    // A later use is recorded as well.
    client_with_key(&api.client, &used).get("/users").send().await.expect(200);
    let api = api.restart_gracefully();
    let later = get(&api.client, &key_path(&used)).await;
    assert!(text(&later["lastUsedAt"]) > last_used, "{later}");
}

async fn the_secret_is_never_stored_or_logged(api: Api) {
    let api = start(&api, &[("RUST_LOG", "trace")]);
    let key = create_key(&api.client, &json!({ "role": "admin", "name": "ci" })).await;
    let client = client_with_key(&api.client, &key);
    send_mixed_requests(&client, &key).await;
    let (_, secret) = text(&key["secret"]).rsplit_once('_').expect("the secret contains an underscore");
    let mut responses = Vec::new();
    for target in ["/keys", "/changes", "/users", "/tenants", &key_path(&key)] {
        responses.push(api.client.get(target).send().await.expect(200).text());
    }
    assert!(responses.iter().all(|text| !text.contains(secret)), "{responses:?}");
    assert!(
        responses[1].contains("key.created") && !responses[1].to_lowercase().contains("hash"),
        "{}",
        responses[1]
    );
    let log = api.server.log();
    assert!(log.contains("TRACE"), "the log has no trace events:\n{log}");
    assert_eq!(log.lines().find(|line| line.contains(secret)), None);
    let (engine, url) = (api.engine, api.database_url());
    assert!(database_contains(engine, &url, text(&key["id"])), "the search does not find the key's id");
    assert!(!database_contains(engine, &url, secret), "the secret is in the database");
    let hashes = api.sql().number("SELECT count(*) AS number FROM keys WHERE length(secret_hash) = 32");
    assert_eq!(hashes, 1);
}

/// Sends requests of several kinds with a key. Some of them are rejected.
async fn send_mixed_requests(client: &Client, key: &Value) {
    let user = json!({ "userName": "ada" });
    client.post("/users", &user).header("idempotency-key", "k").send().await.expect(201);
    client.post("/users", &user).send().await.expect(409);
    client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(403);
    client.patch(&key_path(key), &json!({ "name": "cd" })).send().await.expect(200);
    let secret = text(&key["secret"]);
    client.with_key(&format!("{secret}x")).get("/users").send().await.expect(401);
    client.with_key(&secret.replace("rst_", "rst-")).get("/users").send().await.expect(401);
}

/// Whether the database contains a text.
fn database_contains(engine: Engine, url: &str, needle: &str) -> bool {
    match engine {
        Engine::Sqlite => {
            let path = url.trim_start_matches("sqlite://");
            // Ids are stored as bytes.
            let id = uuid::Uuid::parse_str(needle).map(|id| id.as_bytes().to_vec());
            let bytes = id.unwrap_or_else(|_| needle.as_bytes().to_vec());
            let files =
                [path.to_owned(), format!("{path}-wal")].map(|path| std::fs::read(path).unwrap_or_default());
            files.iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
        }
        Engine::Postgres => {
            let mut sql = Sql::open(url);
            let tables = "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'";
            let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
            let rows = |table: &String| sql.lines(&format!("SELECT t::text AS line FROM \"{table}\" t"));
            let all: Vec<String> = Sql::open(url).lines(tables).iter().flat_map(rows).collect();
            all.iter().any(|row| row.contains(needle) || row.contains(&hex))
        }
    }
}
