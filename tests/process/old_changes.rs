//! The deletion of old changes by servers.

use crate::support::block_on;
use crate::support::database::{Database, on_both_engines};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

on_both_engines! {
    Database:
    a_server_deletes_changes_older_than_the_retention,
}

/// The number of old changes: more than two transactions delete.
const OLD: i64 = 1_234;

const CHANGES: &str = "SELECT count(*) AS number FROM changes";
const HOLDERS: &str = "SELECT count(DISTINCT holder) AS number FROM leases WHERE name = 'old_changes'";

/// Adds old changes to the history of the default tenant, so that its revisions end with `head`.
fn add_old(sql: &mut Sql, head: i64) {
    sql.execute(&format!(
        "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, resource_id, \
         version, erased) \
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {OLD}) \
         SELECT tenant_id, {head} - {OLD} + n, 0, 'key', 'x', 'y', 'user.updated', 'user', epoch, 1, (1 = 0) \
         FROM heads CROSS JOIN s; UPDATE heads SET revision = {head}"
    ));
}

async fn create(client: &Client, name: &str) {
    client.post("/users", &json!({ "userName": name })).send().await.expect(201);
}

fn a_server_deletes_changes_older_than_the_retention(database: &Database) {
    let start =
        |retention| Server::builder(&database.url()).env("ROSTER_CHANGES_RETENTION", retention).start();
    let mut server = start("0");
    let mut sql = database.sql();
    add_old(&mut sql, OLD);
    block_on(create(&Client::new(&server), "ada"));
    server.stop(LIMIT);
    assert_eq!((sql.number(CHANGES), sql.number(HOLDERS)), (OLD + 1, 0));

    let mut server = start("1h");
    sql.wait_for_number(CHANGES, 1, LIMIT);
    assert_eq!(sql.number(HOLDERS), 1);
    block_on(async {
        let client = Client::new(&server);
        let gone = client.get("/changes?after=0").send().await.expect(410).json();
        assert_eq!((&gone["earliest"], &gone["head"]), (&json!(OLD + 1), &json!(OLD + 1)));
        let feed = client.get(&format!("/changes?after={OLD}")).send().await.expect(200).json();
        assert_eq!(feed["items"][0]["after"]["userName"], "ada");
    });
    server.stop(LIMIT);
    assert_eq!((sql.number(CHANGES), sql.number(HOLDERS)), (1, 0), "the lease was not released");
}

/// Starts a server that logs when another one holds the lease.
fn start(database: &Database) -> Server {
    Server::builder(&database.url()).env("RUST_LOG", "info,roster=debug").start()
}

/// Each server looks for old changes when it starts.
#[test]
fn only_the_holder_of_the_lease_deletes_changes() {
    let database = Database::postgres();
    let mut sql = database.sql();
    start(&database).stop(LIMIT);
    add_old(&mut sql, OLD);
    let mut holder = start(&database);
    holder.wait_for_log("no old changes are left", LIMIT);
    add_old(&mut sql, 2 * OLD);
    let refused = |sql: &mut Sql| {
        let mut other = start(&database);
        other.wait_for_log("another server deletes old changes", LIMIT);
        other.stop(LIMIT);
        assert_eq!((sql.number(CHANGES), sql.number(HOLDERS)), (OLD, 1));
    };
    refused(&mut sql);
    holder.kill();
    refused(&mut sql);
    // A lease lasts 30 minutes, and another server can take it 5 minutes later.
    sql.execute("UPDATE leases SET expires_at = expires_at - 2100000000");
    let _server = start(&database);
    sql.wait_for_number(CHANGES, 0, LIMIT);
}
