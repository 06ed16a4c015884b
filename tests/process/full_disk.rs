//! SQLite on a disk that accepts no more data.

use crate::process::check::check_finds_nothing;
use crate::support::database::Database;
use crate::support::http::{Client, Response};
use crate::support::repository_root;
use crate::support::server::{ADMIN_KEY, Server};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);

async fn create(client: &Client, name: &str) -> Response {
    client.post("/users", &json!({ "userName": name })).send().await
}

/// A library between the server and the kernel makes writes fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_makes_the_server_unready() {
    let (database, directory) = (Database::sqlite(), tempfile::tempdir().expect("the directory is created"));
    let switch = directory.path().join("full");
    let library = build_library(directory.path());
    let builder = Server::builder(&database.url()).env("LD_PRELOAD", &library);
    let server = builder.env("FULL_DISK", &switch.display().to_string()).start();
    let client = Client::new(&server);
    create(&client, "ada").await.expect(201);
    client.get("/readyz").send().await.expect(200);
    fs::write(&switch, "").expect("the file is written");
    check_writes_are_refused(&client).await;
    client.get("/users").send().await.expect(200);
    let line = server.wait_for_log("the disk of the database is full", LIMIT);
    assert!(line.contains("WARN") && line.contains("database or disk is full"), "{line}");
    check_repeated_failures_are_not_logged(&server, &client).await;
    fs::remove_file(&switch).expect("the file is deleted");
    wait_for_readiness(&client, 200).await;
    create(&client, "eve").await.expect(201);
    let users = client.get("/users?include=total").send().await.expect(200).json();
    assert_eq!(users["total"], 2, "a refused write took effect");
    check_finds_nothing(&database.url());
}

/// Builds the library, and returns its path.
pub(crate) fn build_library(directory: &Path) -> String {
    let library = directory.join("full_disk.so").display().to_string();
    let source = repository_root().join("tests/process/full_disk.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o", &library]).arg(source).status();
    assert!(built.expect("cc runs").success());
    library
}

async fn check_writes_are_refused(client: &Client) {
    let refused = create(client, "lost").await.expect(503);
    assert_eq!(refused.json()["code"], "database-unavailable");
    let scim = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "lost" });
    let scim = client.post("/scim/v2/Users", &scim).send().await.expect(503);
    for problem in [refused.json(), scim.json()] {
        let detail = "The disk of the database is full. Nothing was done; retry later.";
        assert!(problem["detail"].to_string().contains(detail), "{problem}");
    }
    wait_for_readiness(client, 503).await;
    let ready = client.get("/readyz").send().await.expect(503).json();
    assert_eq!(ready["detail"], "The disk of the database is full.");
}

/// The cause is logged at most once a second.
async fn check_repeated_failures_are_not_logged(server: &Server, client: &Client) {
    let start = Instant::now();
    for number in 0..20 {
        create(client, &number.to_string()).await.expect(503);
    }
    let lines = server.log().matches("the disk of the database is full").count() as u64;
    let most = 3 + start.elapsed().as_secs();
    assert!(lines <= most, "{lines} lines:\n{}", server.log());
}

/// A limit on the size of files makes writes fail, and can be lifted again.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_reflects_whether_the_database_is_writable() {
    let database = Database::sqlite();
    let settings = format!("DATABASE_URL='{}' ROSTER_ADMIN_KEY='{ADMIN_KEY}'", database.url());
    let server = Server::from_shell_command(&format!("--ignore-signal=XFSZ {settings} roster")).start();
    let client = Client::new(&server);
    create(&client, "ada").await.expect(201);
    client.get("/readyz").send().await.expect(200);
    limit_files(&server, "1");
    wait_for_readiness(&client, 503).await;
    let refused = create(&client, "bob").await;
    // SQLite does not report whether the failed commit can still take effect.
    assert!([503, 504].contains(&refused.code()), "{}", refused.text());
    client.get("/users").send().await.expect(200);
    server.wait_for_log("disk I/O error", LIMIT);
    limit_files(&server, "unlimited");
    wait_for_readiness(&client, 200).await;
    create(&client, "eve").await.expect(201);
}

/// Sets the limit that the kernel enforces on the size of files that the server writes.
fn limit_files(server: &Server, bytes: &str) {
    let mut command = Command::new("prlimit");
    let limited = command.args(["--pid", &server.pid().to_string(), &format!("--fsize={bytes}:unlimited")]);
    assert!(limited.status().expect("prlimit runs").success());
}

async fn wait_for_readiness(client: &Client, code: u16) {
    let since = Instant::now();
    while client.get("/readyz").send().await.code() != code {
        assert!(since.elapsed() < LIMIT, "/readyz does not return {code}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
