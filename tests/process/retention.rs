//! What the server removes of itself.

use crate::process::database::{Database, on_both_engines};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::time::Duration;

on_both_engines! {
    answers_that_have_expired_go,
    what_a_deleted_tenant_left_goes,
}

/// A day and a minute in microseconds.
const EXPIRED: &str = "86460000000";

fn answers_that_have_expired_go(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    create_with_key(&server);
    server.signal("TERM");
    server.wait(Duration::from_secs(10));
    let mut sql = Sql::open(&database.url());
    // More than are removed at once.
    sql.execute(&format!(
        "INSERT INTO idempotency (tenant_id, caller, method, path, idempotency_key, body_hash, status, headers, body, \
         resource_id, created_at) \
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1234) \
         SELECT tenant_id, caller, method, path, idempotency_key || CAST(n AS text), body_hash, status, headers, body, \
         resource_id, created_at - {EXPIRED} FROM idempotency CROSS JOIN s"
    ));
    assert_eq!(sql.number("SELECT count(*) AS number FROM idempotency"), 1235);
    let server = Server::builder(&database.url()).start();
    sql.wait_for_number("SELECT count(*) AS number FROM idempotency", 1, Duration::from_secs(20));
    assert_eq!(sql.lines("SELECT idempotency_key AS line FROM idempotency"), ["kept"]);
    drop(server);
}

/// As if the server had been killed after the deletion and before the rest.
fn what_a_deleted_tenant_left_goes(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    create_with_key(&server);
    server.signal("TERM");
    server.wait(Duration::from_secs(10));
    let mut sql = Sql::open(&database.url());
    let copied = |table: &str, columns: &str, id: &str| {
        format!("INSERT INTO {table} (tenant_id, {columns}) SELECT {id}, {columns} FROM {table}")
    };
    // The id of a user, who is no tenant.
    let id = "(SELECT id FROM users)";
    sql.execute(&copied(
        "changes",
        "revision, time, actor_type, actor_id, request_id, type, resource, resource_id, version, erased",
        id,
    ));
    sql.execute(&copied(
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

fn create_with_key(server: &Server) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = crate::support::http::Client::new(server);
        let body = json!({ "userName": "ada" });
        client.post("/users", &body).header("idempotency-key", "kept").send().await.expect(201);
    });
}
