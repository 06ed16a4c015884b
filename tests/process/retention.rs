//! Rows that the server deletes in the background.

use crate::support::block_on;
use crate::support::database::{Database, on_both_engines};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::time::Duration;

on_both_engines! {
    Database:
    expired_idempotent_responses_are_deleted,
    remaining_rows_of_a_deleted_tenant_are_deleted,
    a_deletion_of_a_tenant_is_completed_after_a_kill,
    keys_and_tokens_are_deleted_90_days_after_their_revocation,
}

/// A day and a minute in microseconds.
const EXPIRED: &str = "86460000000";

fn expired_idempotent_responses_are_deleted(database: &Database) {
    let mut sql = create_with_key(database);
    // More rows than one batch deletes.
    sql.execute(&format!(
        "INSERT INTO idempotency (tenant_id, caller, method, path, idempotency_key, body_hash, status, headers, body, \
         resource_id, created_at) \
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1234) \
         SELECT tenant_id, caller, method, path, idempotency_key || CAST(n AS text), body_hash, status, headers, body, \
         resource_id, created_at - {EXPIRED} FROM idempotency CROSS JOIN s"
    ));
    assert_eq!(sql.number("SELECT count(*) AS number FROM idempotency"), 1235);
    let _server = Server::builder(&database.url()).start();
    sql.wait_for_number("SELECT count(*) AS number FROM idempotency", 1, Duration::from_secs(20));
    assert_eq!(sql.lines("SELECT idempotency_key AS line FROM idempotency"), ["current"]);
}

/// The state after a kill between the deletion of the tenant and that of its other rows.
fn remaining_rows_of_a_deleted_tenant_are_deleted(database: &Database) {
    let mut sql = create_with_key(database);
    let copy = |table: &str, columns: &str, id: &str| {
        format!("INSERT INTO {table} (tenant_id, {columns}) SELECT {id}, {columns} FROM {table}")
    };
    // The id of a user serves as the id of a tenant that does not exist.
    let id = "(SELECT id FROM users)";
    sql.execute(&copy(
        "changes",
        "revision, time, actor_type, actor_id, request_id, type, resource, resource_id, version, erased",
        id,
    ));
    sql.execute(&copy(
        "idempotency",
        "caller, method, path, idempotency_key, body_hash, status, headers, created_at",
        id,
    ));
    assert_eq!(sql.number("SELECT count(*) AS number FROM changes"), 2);
    let _server = Server::builder(&database.url()).start();
    for table in ["changes", "idempotency"] {
        let count = format!("SELECT count(*) AS number FROM {table}");
        sql.wait_for_number(&count, 1, Duration::from_secs(20));
    }
}

/// The number of changes without a tenant.
const LEFT: &str = "SELECT count(*) AS number FROM changes WHERE tenant_id NOT IN (SELECT id FROM tenants)";

/// Creates a tenant and adds this many changes to its history. Returns the tenant's path.
async fn create_tenant(client: &Client, sql: &mut Sql, changes: usize) -> String {
    let tenant = client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201).json();
    client.in_tenant("acme").post("/keys", &json!({ "role": "reader" })).send().await.expect(201);
    sql.execute(&format!(
        "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, resource_id, \
         version, before, after, erased) \
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {changes}) \
         SELECT tenant_id, revision + n, time, actor_type, actor_id, request_id, type, resource, resource_id, \
         version, before, after, erased FROM changes CROSS JOIN s WHERE type = 'key.created'"
    ));
    format!("/tenants/{}", tenant["id"].as_str().expect("the tenant has an id"))
}

fn a_deletion_of_a_tenant_is_completed_after_a_kill(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    let mut sql = database.sql();
    block_on(async {
        let client = Client::new(&server);
        let delete = client.delete(&create_tenant(&client, &mut sql, 20_000).await);
        let deleting = tokio::spawn(async move { delete.try_send().await });
        let tenants = "SELECT count(*) AS number FROM tenants";
        sql.wait_for_number(tenants, 1, Duration::from_secs(20));
        server.kill();
        drop(deleting.await);
    });
    assert!(sql.number(LEFT) > 0, "the deletion was not interrupted");
    let _server = Server::builder(&database.url()).start();
    sql.wait_for_number(LEFT, 0, Duration::from_secs(20));
}

/// The lock on the changes delays only the last part of the deletion.
#[test]
fn a_deletion_of_a_tenant_that_is_not_complete_returns_202() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).env("ROSTER_REQUEST_DEADLINE", "1s").start();
    let (client, mut sql, mut holder) = (Client::new(&server), database.sql(), database.sql());
    block_on(async {
        let path = create_tenant(&client, &mut sql, 10).await;
        holder.execute("BEGIN; SELECT revision FROM changes WHERE type = 'key.created' FOR UPDATE");
        assert_eq!(client.delete(&path).send().await.expect(202).text(), "");
        client.get(&path).send().await.expect(404);
        assert_eq!(sql.number(LEFT), 11);
        holder.execute("ROLLBACK");
        client.delete(&path).send().await.expect(404);
        assert_eq!(sql.number(LEFT), 0, "the second request continues the deletion");
    });
}

fn keys_and_tokens_are_deleted_90_days_after_their_revocation(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    block_on(async {
        let client = Client::new(&server);
        let connection = client.post("/connections", &json!({ "name": "Okta" })).send().await.expect(201);
        let tokens =
            format!("/connections/{}/tokens", connection.json()["id"].as_str().expect("the id is a string"));
        for _ in 0..3 {
            for (list, body) in [("/keys", json!({ "role": "reader" })), (&*tokens, json!({}))] {
                let created = client.post(list, &body).send().await.expect(201).json();
                let target = format!("{list}/{}", created["id"].as_str().expect("the id is a string"));
                client.delete(&target).send().await.expect(204);
            }
        }
        client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201);
    });
    server.stop(Duration::from_secs(10));
    let mut sql = database.sql();
    for (table, left) in [("keys", 2), ("connection_tokens", 1)] {
        // One was revoked more than 90 days ago, one a minute less, and one now.
        for (rows, microseconds) in [(1, 7_776_060_000_000_u64), (2, 7_775_940_000_000)] {
            sql.execute(&format!(
                "UPDATE {table} SET revoked_at = revoked_at - {microseconds} WHERE id IN \
                 (SELECT id FROM {table} WHERE revoked_at IS NOT NULL ORDER BY id LIMIT {rows})"
            ));
        }
        assert_eq!(sql.number(&format!("SELECT count(*) AS number FROM {table}")), left + 2);
    }
    let _server = Server::builder(&database.url()).start();
    for (table, left) in [("keys", 3), ("connection_tokens", 2)] {
        let count = format!("SELECT count(*) AS number FROM {table}");
        sql.wait_for_number(&count, left, Duration::from_secs(20));
    }
}

/// Runs a server to create a user with an idempotency key, and returns a connection to the database.
fn create_with_key(database: &Database) -> Sql {
    let mut server = Server::builder(&database.url()).start();
    block_on(async {
        let create = Client::new(&server).post("/users", &json!({ "userName": "ada" }));
        create.header("idempotency-key", "current").send().await.expect(201);
    });
    server.stop(Duration::from_secs(10));
    database.sql()
}
