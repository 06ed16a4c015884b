//! `roster export`, and exports of a server whose clients do not read.

use crate::support::api::{Api, Engine, run_with};
use crate::support::block_on;
use crate::support::command::{CommandOutput, in_empty_environment, roster, run};
use crate::support::database::{Database, on_both_engines};
use crate::support::exports::{create_large_users, lines, parse};
use crate::support::file_names;
use crate::support::http::Client;
use crate::support::raw::{RawConnection, raw_request};
use crate::support::server::Server;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

on_both_engines! { Database: the_command_writes_the_lines_that_the_server_sends }

fn directory() -> TempDir {
    tempfile::tempdir().expect("the temporary directory is created")
}

fn export(database: &Database, directory: &Path, arguments: &[&str]) -> CommandOutput {
    let url = database.url();
    run(roster(directory).arg("export").args(arguments).env("DATABASE_URL", url), LIMIT)
}

fn the_command_writes_the_lines_that_the_server_sends(database: &Database) {
    let server = Server::builder(&database.url()).start();
    let client = Client::new(&server);
    let (expected, of_acme) = block_on(async {
        create_large_users(&client).await;
        client.post("/groups", &json!({ "displayName": "Poets" })).send().await.expect(201);
        client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
        (lines(&client, "").await, lines(&client.in_tenant("acme"), "").await)
    });
    let (home, user) = (directory(), format!("user:{}", expected[100]["id"].as_str().expect("an id")));
    let read = |name: &str| fs::read(home.path().join(name)).expect("the file exists");
    for (name, compress) in [("a.ndjson", None), ("a.gz", None), ("a.zst", None), ("a", Some("zstd"))] {
        let arguments: Vec<_> = compress.into_iter().flat_map(|name| ["--compress", name]).collect();
        let output = export(database, home.path(), &[&arguments[..], &[name]].concat()).expect_success();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("users: 150\ngroups: 1\nmembers: 0\n", "")
        );
        let bytes = match name {
            "a.ndjson" => read(name),
            "a.gz" => {
                let mut gunzip = in_empty_environment("gunzip", home.path());
                run(gunzip.args(["-c", name]), LIMIT).expect_success().stdout.into_bytes()
            }
            _ => zstd::decode_all(&read(name)[..]).expect("the file is zstd"),
        };
        assert!(parse(&String::from_utf8(bytes).expect("the lines are UTF-8")) == expected, "{name}");
        let mode = fs::metadata(home.path().join(name)).expect("the file exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let stdout =
        |arguments: &[&str]| parse(&export(database, home.path(), arguments).expect_success().stdout);
    assert_eq!(stdout(&["--tenant", "acme", "-"]), of_acme);
    let rest = stdout(&["--after", &user, "-"]);
    assert!(rest[1..rest.len() - 1] == expected[101..expected.len() - 1]);
    let before = (file_names(home.path()), read("a.gz"));
    for (arguments, code, reason) in [
        (&["a.gz"][..], 1, "already exists"),
        (&["--tenant", "nobody", "new"], 1, "the tenant 'nobody' does not exist"),
        (&["missing/new"], 1, "missing/new"),
        (&["--after", "key:1", "new"], 2, "must be user:<id>"),
        (&["--compress", "rar", "new"], 2, "gzip"),
    ] {
        let output = export(database, home.path(), arguments).expect_code(code);
        assert!(output.error_line().contains(reason), "{output:?}");
    }
    assert_eq!((file_names(home.path()), read("a.gz")), before);
}

/// The `script` command provides the terminal.
#[test]
fn a_terminal_shows_progress() {
    let (database, home) = (Database::migrated(Engine::Sqlite), directory());
    let mut script = in_empty_environment("script", home.path());
    let path = Path::new(env!("CARGO_BIN_EXE_roster")).display();
    script.args(["-qec", &format!("{path} export out"), "/dev/null"]);
    let output = run(script.env("DATABASE_URL", database.url()).env("TERM", "xterm"), LIMIT).expect_success();
    assert!(output.stdout.contains("0/0 users and groups"), "{output:?}");
}

/// Starts exports of more bytes than the kernel buffers, and reads only their status.
async fn slow_exports(api: &Api, count: usize) -> Vec<RawConnection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = RawConnection::connect_with_small_buffer(api.address()).await;
        connection.send(raw_request("GET", "/export").as_bytes());
        assert_eq!(connection.receive_status(), 200);
        connections.push(connection);
    }
    connections
}

/// There are more slow clients than actors and permits.
#[test]
fn slow_clients_delay_nobody_and_a_stop_ends_their_exports() {
    let settings = [("ROSTER_UNREAD_LIMIT", "33554432"), ("ROSTER_DATABASE_READERS", "1")];
    run_with(Engine::Sqlite, &settings, async |mut api| {
        create_large_users(&api.client).await;
        let slow = slow_exports(&api, 4).await;
        let refused = api.client.get("/export").send().await.expect(503);
        assert!(refused.text().contains("have not read their earlier responses"), "{}", refused.text());
        let key = api.client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201).json();
        let other = api.client.with_key(key["secret"].as_str().expect("the secret is a string"));
        other.get("/users?limit=100").send().await.expect(200);
        assert_eq!(lines(&other, "").await.len(), 152);
        api.server.signal("TERM");
        for mut connection in slow {
            let received = connection.receive_to_end();
            assert!(!received.ends_with(b"0\r\n\r\n"), "the body seems to be complete");
        }
        assert_eq!(api.server.wait(LIMIT).code(), Some(0), "{}", api.server.log());
    });
}
