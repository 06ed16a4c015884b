//! Warnings that the server logs when it starts.

use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::server::{Builder, Server};
use crate::support::sql::Sql;

/// The warnings that a server logs before it responds to its first request.
async fn warnings(builder: Builder) -> Vec<String> {
    let server = builder.start();
    Client::new(&server).get("/users").send().await.expect(200);
    server.log().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect()
}

fn setting(sql: &mut Sql, name: &str) -> String {
    sql.lines(&format!("SELECT current_setting('{name}') AS line")).remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn fsync_off_causes_a_warning() {
    let database = Database::postgres();
    assert_eq!(setting(&mut database.sql(), "fsync"), "off", "`tests/run` starts PostgreSQL without fsync");
    let warnings = warnings(Server::builder(&database.url())).await;
    let [warning] = &warnings[..] else { panic!("expected exactly one warning: {warnings:#?}") };
    assert!(warning.contains("fsync is off"), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn synchronous_commit_off_causes_a_warning() {
    let database = Database::postgres();
    let url = format!("{}?options=-c%20synchronous_commit%3Doff", database.url());
    let from_url = warnings(Server::builder(&url)).await;
    assert!(from_url.iter().any(|line| line.contains("synchronous_commit is off")), "{from_url:#?}");
    database.sql().execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
    );
    let from_database = warnings(Server::builder(&database.url())).await;
    let warned = from_database.iter().any(|line| line.contains("synchronous_commit is off"));
    assert!(warned, "{from_database:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_causes_no_warning() {
    let database = Database::sqlite();
    assert_eq!(warnings(Server::builder(&database.url())).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_admin_key_or_public_url_causes_a_warning() {
    let database = Database::sqlite();
    let server =
        Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY").env("ROSTER_LISTEN", "0.0.0.0:0").start();
    let client = Client::new(&server);
    client.get("/users").send().await.expect(401);
    let log = server.log();
    let warned = |words: &str| log.lines().any(|line| line.contains("WARN") && line.contains(words));
    assert!(warned("ROSTER_ADMIN_KEY") && warned("ROSTER_PUBLIC_URL"), "{log}");
}
