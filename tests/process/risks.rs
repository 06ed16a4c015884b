//! Warnings at the start.

use crate::process::database::Database;
use crate::support::http::Client;
use crate::support::server::{Builder, Server};
use crate::support::sql::Sql;

/// All warnings that a server gives until it listens and answers.
async fn warnings(builder: Builder) -> Vec<String> {
    let server = builder.start();
    Client::new(&server).get("/users").send().await.expect(200);
    server.log().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect()
}

fn setting(sql: &mut Sql, name: &str) -> String {
    sql.lines(&format!("SELECT current_setting('{name}') AS line")).remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn fsync_off_is_warned_about() {
    let database = Database::postgres();
    assert_eq!(setting(&mut database.sql(), "fsync"), "off", "the tests want a server without fsync");
    let warnings = warnings(Server::builder(&database.url())).await;
    let [warning] = &warnings[..] else { panic!("one warning, not {warnings:#?}") };
    assert!(warning.contains("fsync is off"), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn synchronous_commit_off_is_warned_about() {
    let database = Database::postgres();
    let url = format!("{}?options=-c%20synchronous_commit%3Doff", database.url());
    let of_url = warnings(Server::builder(&url)).await;
    assert!(of_url.iter().any(|line| line.contains("synchronous_commit is off")), "{of_url:#?}");
    // However it came about.
    database.sql().execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
    );
    let of_database = warnings(Server::builder(&database.url())).await;
    assert!(of_database.iter().any(|line| line.contains("synchronous_commit is off")), "{of_database:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_safe() {
    let database = Database::sqlite();
    assert_eq!(warnings(Server::builder(&database.url())).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_key_or_an_address_for_others_is_warned_about() {
    let database = Database::sqlite();
    let server =
        Server::builder(&database.url()).unset("ROSTER_ADMIN_KEY").env("ROSTER_LISTEN", "0.0.0.0:0").start();
    let client = Client::new(&server);
    client.get("/users").send().await.expect(401);
    let log = server.log();
    let warned = |words: &str| log.lines().any(|line| line.contains("WARN") && line.contains(words));
    assert!(warned("ROSTER_ADMIN_KEY") && warned("ROSTER_PUBLIC_URL"), "{log}");
}
