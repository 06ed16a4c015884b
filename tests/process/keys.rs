//! `roster key`, the first key, and the time until a revoked key is refused on every server.

use crate::support::api::{Api, Engine};
use crate::support::block_on;
use crate::support::command::{CommandOutput, in_empty_environment, roster, run};
use crate::support::database::{Database, migrate, on_both_engines};
use crate::support::http::Client;
use crate::support::raw::{RawConnection, json_request};
use crate::support::server::{ADMIN_KEY, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const LIMIT: Duration = Duration::from_secs(20);

/// Time limit until every server refuses a revoked key.
const REVOCATION_LIMIT: Duration = Duration::from_secs(2);

on_both_engines! {
    Database:
    the_command_creates_lists_and_revokes_keys,
    invalid_arguments_cause_an_error,
    the_first_key_is_shown_once_on_a_terminal,
    erased_values_are_nowhere_in_the_database,
}

fn key(database: &Database, arguments: &[&str]) -> CommandOutput {
    run(roster(Path::new("/")).arg("key").args(arguments).env("DATABASE_URL", database.url()), LIMIT)
}

async fn status(client: &Client, path: &str) -> u16 {
    client.get(path).send().await.code()
}

/// Waits until a client receives a status other than 200.
async fn wait_for_refusal(client: &Client) {
    let start = Instant::now();
    while status(client, "/users").await == 200 {
        assert!(start.elapsed() < REVOCATION_LIMIT, "the key is still accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Creates a key and returns its id and secret.
async fn create_key(admin: &Client, role: &str) -> (String, String) {
    let created = admin.post("/keys", &json!({ "role": role })).send().await.expect(201).json();
    let text = |name: &str| created[name].as_str().expect("the key has an id and a secret").to_owned();
    (text("id"), text("secret"))
}

fn the_command_creates_lists_and_revokes_keys(database: &Database) {
    // The command also works before the first start of a server, when there are no tables.
    let arguments = ["create", "--init", "--role", "operator", "--name", "CI", "--expires", "90d"];
    let created = key(database, &arguments).expect_success();
    let secret = created.stdout.strip_suffix('\n').expect("the output is one line").to_owned();
    let id = secret.split('_').nth(1).expect("the secret contains the id").to_owned();
    let listed = key(database, &["list"]).expect_success().stdout;
    let line = listed.lines().find(|line| line.starts_with(&id)).expect("the key is listed");
    for part in ["operator", "default", "CI"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!listed.contains(&secret[41..]), "{listed}");

    let server = Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY").start();
    block_on(async {
        let client = Client::new_with_key(&server, &secret);
        let changes = client.get("/changes?resource=key").send().await.expect(200).json();
        assert_eq!(changes["items"][0]["actor"], json!({ "type": "cli", "id": "cli" }));
        assert_eq!(changes["items"][0]["after"]["name"], "CI");
        client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
        let create = ["create", "--role", "reader", "--tenant", "acme"];
        let key_of_acme = key(database, &create).expect_success().stdout;
        assert_eq!(status(&client.with_key(key_of_acme.trim()), "/users").await, 200);
        let listed = key(database, &["list", "--tenant", "acme"]).expect_success().stdout;
        assert_eq!(listed.lines().count(), 2);

        let revoked = key(database, &["revoke", &id]).expect_success();
        assert_eq!((revoked.stdout.as_str(), revoked.stderr.as_str()), ("", ""));
        wait_for_refusal(&client).await;
        let listed = key(database, &["list"]).expect_success().stdout;
        let line = listed.lines().find(|line| line.starts_with(&id)).expect("a revoked key stays listed");
        let heading = listed
            .lines()
            .next()
            .and_then(|heading| heading.find("REVOKED"))
            .expect("the list has the heading");
        assert!(line[heading..].starts_with("20"), "{line}");
        key(database, &["revoke", &id]).expect_success();
    });
    assert!(!server.log().contains(&secret[41..]));
}

fn invalid_arguments_cause_an_error(database: &Database) {
    migrate(&database.url());
    let unknown = "018f0000-0000-7000-8000-000000000001";
    let output = key(database, &["revoke", unknown]).expect_code(1);
    assert!(output.error_line().contains(unknown), "{output:#?}");
    let output = key(database, &["create", "--role", "reader", "--tenant", "nobody"]).expect_code(1);
    assert!(output.error_line().contains("nobody"), "{output:#?}");
    let expired = key(database, &["create", "--role", "reader", "--expires", "0d"]).expect_code(2);
    assert!(
        expired.error_line().contains("--expires") && expired.error_line().contains("0d"),
        "{expired:#?}"
    );
    let long = key(database, &["create", "--role", "reader", "--name", &"x".repeat(10_000)]).expect_code(1);
    assert!(long.error_line().contains("\"--name must"), "{long:#?}");
    for arguments in [["create", "--role", "king"], ["create", "--role", ""], ["revoke", "--id", "x"]] {
        let output = key(database, &arguments).expect_code(2);
        assert_eq!(output.stdout, "");
    }
}

/// The `script` command provides the terminal.
fn start_on_terminal(database: &Database) -> Server {
    let command = format!("DATABASE_URL='{}' script -qec 'exec roster' /dev/null >&2", database.url());
    let server = Server::from_shell_command(&command).spawn();
    server.wait_for_log("listening on", LIMIT);
    server
}

/// Stops the server inside `script`, which ends after it. If `script` were stopped, the server could still hold its lock.
fn stop(mut server: Server) -> String {
    let mut stop = in_empty_environment("pkill", Path::new("/"));
    run(stop.args(["-TERM", "-P", &server.pid().to_string()]), LIMIT).expect_success();
    server.wait(LIMIT);
    server.log()
}

/// The commands that the server shows work while it runs.
fn the_first_key_is_shown_once_on_a_terminal(database: &Database) {
    let first = start_on_terminal(database);
    first.wait_for_log("/docs", LIMIT);
    let shown = first.log();
    let is_command = |line: &&str| ["export ", "curl "].iter().any(|name| line.starts_with(name));
    let commands: Vec<_> = shown.lines().map(str::trim).filter(is_command).collect();
    assert_eq!(commands.len(), 2, "{shown}");
    let script = format!("{}\ncurl --fail --silent --output /dev/null \"$URL/docs\"", commands.join("\n"));
    let mut shell = in_empty_environment("bash", Path::new("/"));
    let output = run(shell.args(["-euc", &script]), LIMIT).expect_success();
    let users: Value = serde_json::from_str(&output.stdout).expect("the response is JSON");
    assert_eq!(users["items"], json!([]));
    let shown = stop(first);
    for lines_of_libraries in ["actix", "workers"] {
        assert!(!shown.contains(lines_of_libraries), "{shown}");
    }
    let secret = shown.split_whitespace().find(|word| word.starts_with("rst_")).expect(&shown).to_owned();
    assert!(shown.contains(&format!("│ {secret} │")), "{shown}");
    assert!(!stop(start_on_terminal(database)).contains("rst_"), "the second start shows a key");
    let server = Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY").start();
    assert_eq!(block_on(status(&Client::new_with_key(&server, &secret), "/tenants")), 200);
    assert!(!server.log().contains("rst_"), "a start without a terminal shows a key");
}

/// Searches SQLite's files, and a dump of the PostgreSQL database.
fn erased_values_are_nowhere_in_the_database(database: &Database) {
    let server = Server::builder(&database.url()).start();
    let values = [
        "Zoë-Erased-1",
        "erased2@zoe.example",
        "Straße-Erased-3",
        "erased-note-4",
        "erased-id-5",
        "erased-title-6",
    ];
    block_on(async {
        let client = Client::new(&server);
        let body = json!({
            "userName": values[0], "emails": [{ "value": values[1] }], "displayName": values[2],
            "custom": { "note": values[3] }, "externalId": values[4],
        });
        let create = client.post("/users", &body).header("idempotency-key", "k");
        let created = create.send().await.expect(201).json();
        let path = format!("/users/{}", created["id"].as_str().expect("the user has an id"));
        // The stored response of this creation contains the display name of the manager.
        let body = json!({ "userName": "bob", "enterprise": { "manager": { "value": created["id"] } } });
        let create = client.post("/users", &body).header("idempotency-key", "m");
        let managed = create.send().await.expect(201).json();
        assert_eq!(managed["enterprise"]["manager"]["displayName"], values[2]);
        client.patch(&path, &json!({ "title": values[5] })).send().await.expect(200);
        client.patch(&path, &json!({ "title": null, "displayName": "another" })).send().await.expect(200);
        client.post("/users", &json!({ "userName": "unaffected-user" })).send().await.expect(201);
        assert!(
            database_contains(database, "unaffected-user")
                && values.iter().all(|value| database_contains(database, value))
        );
        client.delete(&format!("{path}?erase=true")).send().await.expect(204);
        for value in values.into_iter().chain(["zoë-erased-1", "strasse-erased-3"]) {
            assert!(!database_contains(database, value), "{value} is still in the database");
        }
        assert!(database_contains(database, "unaffected-user"));
        let feed: Value = client.get("/changes").send().await.expect(200).json();
        let changes = feed["items"].as_array().expect("the feed has items");
        let types: Vec<_> = changes.iter().map(|change| change["type"].clone()).collect();
        let expected = [
            "user.created",
            "user.created",
            "user.updated",
            "user.updated",
            "user.created",
            "user.deleted",
            "user.erased",
        ];
        assert_eq!(types, expected);
    });
}

/// Whether the bytes of SQLite's files, or of a dump of PostgreSQL, contain a text.
fn database_contains(database: &Database, text: &str) -> bool {
    let contains = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let url = database.url();
    let Some(path) = url.strip_prefix("sqlite://") else {
        let mut dump = std::process::Command::new("pg_dump");
        let dump = dump.args(["--inserts", &url]).output().expect("pg_dump runs");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        return contains(&dump.stdout);
    };
    let files = ["", "-wal"].map(|suffix| std::fs::read(format!("{path}{suffix}")).unwrap_or_default());
    files.iter().any(|bytes| contains(bytes))
}

/// The key is in constant use on both servers.
#[test]
fn another_server_refuses_a_revoked_or_expired_key_within_two_seconds() {
    let database = Database::postgres();
    let [here, there] = [(); 2].map(|()| Server::builder(&database.url()).start());
    block_on(async {
        let admin = Client::new(&here);
        for expires in [false, true] {
            let (id, secret) = create_key(&admin, "reader").await;
            let (client, other) =
                (Client::new_with_key(&here, &secret), Client::new_with_key(&there, &secret));
            assert_eq!((status(&client, "/users").await, status(&other, "/users").await), (200, 200));
            let path = format!("/keys/{id}");
            match expires {
                false => admin.delete(&path).send().await.expect(204),
                true => {
                    let soon = OffsetDateTime::now_utc() + Duration::from_millis(200);
                    let soon = soon.format(&Rfc3339).expect("the time can be formatted");
                    admin.patch(&path, &json!({ "expiresAt": soon })).send().await.expect(200)
                }
            };
            if expires {
                wait_for_refusal(&client).await;
            }
            assert_eq!(status(&client, "/users").await, 401, "the same server refuses the key at once");
            wait_for_refusal(&other).await;
            assert_eq!(status(&other, "/users").await, 401);
        }
    });
}

/// A key file can contain the old and the new key during a rotation.
#[test]
fn the_admin_key_can_come_from_a_file_and_be_rotated() {
    let (database, directory) = (Database::sqlite(), tempfile::tempdir().expect("the directory is created"));
    let file = directory.path().join("key");
    let path = file.to_str().expect("the path is UTF-8");
    let [old, new] = ["old-key-", "new-key-"].map(|start| format!("{start:0<32}"));
    for (content, accepted) in [
        (format!("{old}\n"), [200, 401]),
        (format!("{new}\n{old}\n"), [200, 200]),
        (format!(" {new} "), [401, 200]),
    ] {
        std::fs::write(&file, content).expect("the file is written");
        let builder = Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY");
        let server = builder.env("ROSTER_ADMIN_KEY_FILE", path).start();
        let clients = [&old, &new].map(|key| Client::new_with_key(&server, key));
        let statuses = clients.each_ref().map(|client| block_on(status(client, "/tenants")));
        assert_eq!(statuses, accepted);
        assert!(!server.log().contains("-key-0"), "{}", server.log());
    }
    let output =
        run(roster(directory.path()).env("ROSTER_ADMIN_KEY", &old).env("ROSTER_ADMIN_KEY_FILE", path), LIMIT);
    let output = output.expect_code(2);
    let line = output.error_line();
    assert!(
        line.contains("either ROSTER_ADMIN_KEY or ROSTER_ADMIN_KEY_FILE") && !line.contains("-key-"),
        "{line}"
    );
}

/// A scan can take seconds. Here, it waits for a lock on the table.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_not_sent_after_the_key_was_revoked() {
    let api = Api::start(Engine::Postgres, &[]);
    for path in ["/users", "/scim/v2/Users"] {
        let (id, secret) = create_key(&api.client, "reader").await;
        let (mut holder, mut watcher) = (api.sql(), api.sql());
        holder.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
        let list = api.client.with_key(&secret).get(&format!("{path}?filter=title%20pr"));
        let listing = tokio::spawn(async move { list.send().await });
        watcher.wait_for_lock_waiters(1);
        api.client.delete(&format!("/keys/{id}")).send().await.expect(204);
        holder.execute("ROLLBACK");
        assert_eq!(listing.await.expect("the request does not panic").code(), 401, "{path}");
    }
}

/// A server does not read the key from the database for each request: it uses the cached key until it expires.
#[tokio::test]
async fn a_cached_key_works_while_the_table_is_unavailable() {
    let api = Api::start(Engine::Postgres, &[]);
    let (_, secret) = create_key(&api.client, "writer").await;
    let client = api.client.with_key(&secret);
    assert_eq!(status(&client, "/users").await, 200);
    let mut sql = api.sql();
    sql.execute("ALTER TABLE keys RENAME TO renamed_keys");
    assert_eq!(status(&client, "/users").await, 200, "the cached key is used");
    wait_for_refusal(&client).await;
    assert_eq!(status(&client, "/users").await, 500, "the key is read again");
    sql.execute("ALTER TABLE renamed_keys RENAME TO keys");
    assert_eq!(status(&client, "/users").await, 200);
}

/// A key is checked again after the body has arrived, because it may have been revoked since the request began.
#[tokio::test]
async fn a_key_revoked_before_the_body_arrives_is_refused() {
    let Api { client: admin, server, .. } = &Api::start(Engine::Sqlite, &[]);
    for (path, body) in [("/keys", r#"{"role":"admin"}"#), ("/users", r#"{"userName":"eve"}"#)] {
        let (id, secret) = create_key(admin, "admin").await;
        let mut connection = RawConnection::connect(server.address());
        // The interim response shows that the request has been admitted (RFC 9110, section 10.1.1).
        let request = json_request("POST", path, body).replace(ADMIN_KEY, &secret);
        let head = request.replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1);
        connection.send(head.strip_suffix(body).expect("the body comes last").as_bytes());
        assert_eq!(connection.receive().map(|response| response.status), Some(100));
        admin.delete(&format!("/keys/{id}")).send().await.expect(204);
        connection.send(body.as_bytes());
        connection.receive().expect("the server responds").assert_problem(401, "unauthorized");
    }
    let keys = admin.get("/keys").send().await.expect(200).json()["items"].clone();
    let revoked: Vec<_> = keys
        .as_array()
        .expect("the value is a list")
        .iter()
        .map(|key| key["revokedAt"].is_string())
        .collect();
    assert_eq!(revoked, [true, true], "only the keys of the test exist: {keys}");
    assert_eq!(admin.get("/users").send().await.expect(200).json()["items"], json!([]));
}
