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

fn keys_and_tokens_are_deleted_90_days_after_their_revocation(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    block_on(async {
        let client = Client::new(&server);
        let connection = client.post("/connections", &json!({ "name": "Okta" })).send().await.expect(201);
        let tokens = format!("/connections/{}/tokens", connection.json()["id"].as_str().expect("an id"));
        for _ in 0..3 {
            for (list, body) in [("/keys", json!({ "role": "reader" })), (&*tokens, json!({}))] {
                let created = client.post(list, &body).send().await.expect(201).json();
                let target = format!("{list}/{}", created["id"].as_str().expect("an id"));
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
