//! Keys by the command, their first, and their end on every server.

use crate::process::database::{Database, on_both_engines};
use crate::support::command::{Ended, in_empty_environment, roster, run};
use crate::support::http::Client;
use crate::support::raw::{Wire, whole};
use crate::support::server::{ADMIN_KEY, Server};
use crate::support::sql::{Sql, wait_until};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(20);

on_both_engines! {
    the_command_makes_lists_and_revokes,
    what_is_not_there_is_one_clear_line,
    the_first_key_is_shown_on_a_terminal_once,
    what_is_erased_is_nowhere_in_the_database,
}

fn key(database: &Database, arguments: &[&str]) -> Ended {
    run(roster(Path::new("/")).arg("key").args(arguments).env("DATABASE_URL", database.url()), LIMIT)
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

async fn code(client: &Client, path: &str) -> u16 {
    client.get(path).send().await.code()
}

fn the_command_makes_lists_and_revokes(database: &Database) {
    // Before there is a server, or a table.
    let made = key(database, &["create", "--role", "operator", "--name", "CI", "--expires", "90d"]).ok();
    let secret = made.stdout.strip_suffix('\n').expect("one line").to_owned();
    let id = secret.split('_').nth(1).expect("a secret names its key").to_owned();
    let listed = key(database, &["list"]).ok().stdout;
    let line = listed.lines().find(|line| line.starts_with(&id)).expect("the key is listed");
    for part in ["operator", "default", "CI"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!listed.contains(&secret[41..]), "{listed}");

    let server = Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY").start();
    runtime().block_on(async {
        let client = Client::with_key(&server, &secret);
        let changes = client.get("/changes?resource=key").send().await.expect(200).json();
        assert_eq!(changes["items"][0]["actor"], json!({ "type": "cli", "id": "cli" }));
        assert_eq!(changes["items"][0]["after"]["name"], "CI");
        client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
        let of_acme = key(database, &["create", "--role", "reader", "--tenant", "acme"]).ok().stdout;
        assert_eq!(code(&client.keyed(of_acme.trim()), "/users").await, 200);
        assert_eq!(key(database, &["list", "--tenant", "acme"]).ok().stdout.lines().count(), 2);

        let ended = key(database, &["revoke", &id]).ok();
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
        let revoked = Instant::now();
        while code(&client, "/users").await == 200 {
            assert!(revoked.elapsed() < Duration::from_secs(2), "the key is still good");
        }
    });
    assert!(!server.log().contains(&secret[41..]));
}

fn what_is_not_there_is_one_clear_line(database: &Database) {
    let unknown = "018f0000-0000-7000-8000-000000000001";
    let ended = key(database, &["revoke", unknown]).with_code(1);
    assert!(ended.only_line().contains(unknown), "{ended:#?}");
    let ended = key(database, &["create", "--role", "reader", "--tenant", "nobody"]).with_code(1);
    assert!(ended.only_line().contains("nobody"), "{ended:#?}");
    for wrong in [["create", "--role", "king"], ["create", "--role", ""], ["revoke", "--id", "x"]] {
        let ended = key(database, &wrong).with_code(2);
        assert_eq!(ended.stdout, "");
    }
}

/// `script` gives the server a terminal.
fn the_first_key_is_shown_on_a_terminal_once(database: &Database) {
    let serve = format!("timeout --signal=TERM 5 {}", env!("CARGO_BIN_EXE_roster"));
    let start = || {
        let mut script = in_empty_environment("script", Path::new("/tmp"));
        script.args(["-qec", &serve, "/dev/null"]).env("DATABASE_URL", database.url());
        run(script.env("ROSTER_LISTEN", "127.0.0.1:0"), LIMIT).stdout
    };
    let shown = start();
    let secret = shown.split_whitespace().find(|word| word.starts_with("rst_")).expect(&shown).to_owned();
    assert!(!start().contains("rst_"), "the second start shows no key");
    let server = Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY").start();
    runtime().block_on(async {
        assert_eq!(code(&Client::with_key(&server, &secret), "/tenants").await, 200);
    });
    // Elsewhere there is no one to show it to.
    assert!(!server.log().contains("rst_"));
}

/// Values are looked for in the file itself, and in a dump of PostgreSQL.
fn what_is_erased_is_nowhere_in_the_database(database: &Database) {
    let server = Server::builder(&database.url()).start();
    let marks =
        ["Zwölfender-1", "zwoelf2@erased.example", "Straßenbahn-3", "geheim-4", "extern-5", "kennung-6"];
    runtime().block_on(async {
        let client = Client::new(&server);
        let body = json!({
            "userName": marks[0], "emails": [{ "value": marks[1] }], "displayName": marks[2],
            "custom": { "note": marks[3] }, "externalId": marks[4],
        });
        let made =
            client.post("/users", &body).header("idempotency-key", "k").send().await.expect(201).json();
        let path = format!("/users/{}", made["id"].as_str().expect("an id"));
        // The kept answer of whom the user manages shows its name.
        let managed = json!({ "userName": "bob", "enterprise": { "manager": { "value": made["id"] } } });
        let managed = client.post("/users", &managed).header("idempotency-key", "m").send().await.expect(201);
        assert_eq!(managed.json()["enterprise"]["manager"]["displayName"], marks[2]);
        client.patch(&path, &json!({ "title": marks[5] })).send().await.expect(200);
        client.patch(&path, &json!({ "title": null, "displayName": "another" })).send().await.expect(200);
        let kept =
            client.post("/users", &json!({ "userName": "the-one-who-stays" })).send().await.expect(201);
        drop(kept);
        assert!(found(database, "the-one-who-stays") && marks.iter().all(|mark| found(database, mark)));
        client.delete(&format!("{path}?erase=true")).send().await.expect(204);
        for mark in marks.into_iter().chain(["zwölfender-1", "strassenbahn-3"]) {
            assert!(!found(database, mark), "{mark} is still there");
        }
        assert!(found(database, "the-one-who-stays"));
        let feed: Value = client.get("/changes").send().await.expect(200).json();
        let types: Vec<_> =
            feed["items"].as_array().expect("a list").iter().map(|row| row["type"].clone()).collect();
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

/// Whether a text is anywhere in the database: in the bytes of SQLite's files, or in PostgreSQL's dump.
fn found(database: &Database, text: &str) -> bool {
    let url = database.url();
    let Some(path) = url.strip_prefix("sqlite://") else {
        let mut dump = std::process::Command::new("pg_dump");
        let dump = dump.args(["--inserts", &url]).output().expect("pg_dump");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        return holds(&dump.stdout, text);
    };
    let files = ["", "-wal"].map(|suffix| std::fs::read(format!("{path}{suffix}")).unwrap_or_default());
    files.iter().any(|bytes| holds(bytes, text))
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Two servers on one database: the one that did not revoke learns of it within two seconds, under load all the time.
#[test]
fn a_key_that_is_revoked_elsewhere_is_refused_within_two_seconds() {
    let database = Database::postgres();
    let [here, there] = [(); 2].map(|()| Server::builder(&database.url()).start());
    runtime().block_on(async {
        let admin = Client::new(&here);
        for patch in [None, Some(json!({ "expiresAt": "2020-01-01T00:00:00Z" }))] {
            let made = admin.post("/keys", &json!({ "role": "reader" })).send().await.expect(201).json();
            let secret = made["secret"].as_str().expect("a secret");
            let (client, other) = (Client::with_key(&here, secret), Client::with_key(&there, secret));
            assert_eq!((code(&client, "/users").await, code(&other, "/users").await), (200, 200));
            let path = format!("/keys/{}", made["id"].as_str().expect("an id"));
            match &patch {
                None => admin.delete(&path).send().await.expect(204),
                Some(patch) => admin.patch(&path, patch).send().await.expect(200),
            };
            let ended = Instant::now();
            assert_eq!(code(&client, "/users").await, 401, "at once on the server that ended it");
            while code(&other, "/users").await == 200 {
                assert!(ended.elapsed() < Duration::from_secs(2), "the key is still good elsewhere");
            }
            assert_eq!(code(&other, "/users").await, 401);
        }
    });
}

/// A request costs no call for its key: what is known is used while it is read again.
#[test]
fn a_known_key_survives_an_outage_of_the_table() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).start();
    runtime().block_on(async {
        let admin = Client::new(&server);
        let made = admin.post("/keys", &json!({ "role": "writer" })).send().await.expect(201).json();
        let client = Client::with_key(&server, made["secret"].as_str().expect("a secret"));
        assert_eq!(code(&client, "/users").await, 200);
        let mut sql = Sql::open(&database.url());
        sql.execute("ALTER TABLE keys RENAME TO away");
        let known = Instant::now();
        assert_eq!(code(&client, "/users").await, 200, "the key is known");
        wait_until(Duration::from_secs(5), "the key to be asked for again", || {
            known.elapsed() > Duration::from_secs(2)
        });
        assert_eq!(code(&client, "/users").await, 500, "the key is asked for again");
        sql.execute("ALTER TABLE away RENAME TO keys");
        assert_eq!(code(&client, "/users").await, 200);
    });
}

/// A body that comes slowly proves nothing: what its key was when the request began, it may be no longer.
#[test]
fn a_key_that_is_revoked_while_a_body_comes_does_nothing() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let address = server.base().trim_start_matches("http://").parse().expect("an address");
    runtime().block_on(async {
        let admin = Client::new(&server);
        for (path, body) in [("/keys", r#"{"role":"admin"}"#), ("/users", r#"{"userName":"eve"}"#)] {
            let made = admin.post("/keys", &json!({ "role": "admin" })).send().await.expect(201).json();
            let (id, secret) =
                (made["id"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
            let mut wire = Wire::connect(address);
            // The interim answer says that the request has been let in (RFC 9110, section 10.1.1).
            let request = whole("POST", path, body).replace(ADMIN_KEY, secret);
            let head = request.replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1);
            wire.send(head.strip_suffix(body).expect("the body is last").as_bytes());
            assert_eq!(wire.answer().map(|answer| answer.status), Some(100));
            admin.delete(&format!("/keys/{id}")).send().await.expect(204);
            wire.send(body.as_bytes());
            wire.answer().expect("an answer").problem(401, "unauthorized");
        }
        assert_eq!(admin.get("/keys").send().await.expect(200).json()["items"], json!([]));
        assert_eq!(admin.get("/users").send().await.expect(200).json()["items"], json!([]));
    });
}
