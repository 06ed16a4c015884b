//! Errors of PostgreSQL after which nothing was done and a retry can succeed.

use crate::support::api::{Api, Engine, path};
use crate::support::http::{Client, Response};
use crate::support::postgres;
use crate::support::server::Server;
use crate::support::sql::{Sql, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// The condition on `pg_stat_activity` for the server's sessions.
const SESSIONS: &str = "datname = current_database() AND application_name = 'roster'";

/// Cancels statements that wait for a lock until the request has a response.
async fn cancel(sql: &mut Sql, request: crate::support::http::Request) -> Response {
    let response = tokio::spawn(async move { request.send().await });
    let waiting = format!(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {SESSIONS} AND wait_event_type = 'Lock'"
    );
    wait_until(LIMIT, "the request has a response", || {
        sql.execute(&waiting);
        response.is_finished()
    });
    response.await.expect("the request does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_statement_is_refused() {
    let api = Api::start(Engine::Postgres, &[]);
    let user = api.create_named("ada").await;
    let (mut holder, mut sql) = (api.sql(), api.sql());
    holder.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    for request in [
        api.client.get(&path(&user)),
        api.client.get("/users"),
        api.client.get("/users?filter=title%20eq%20%22x%22"),
        api.client.patch(&path(&user), &json!({ "title": "canceled" })),
        api.client.post("/users", &json!({ "userName": "canceled" })),
        api.client.delete(&path(&user)),
        api.client.get("/scim/v2/Users"),
    ] {
        let refused = cancel(&mut sql, request).await.expect(503);
        assert!(refused.text().contains("too busy"), "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
    }
    api.server.wait_for_log("canceling statement due to user request", LIMIT);
    holder.execute("ROLLBACK");
    assert_eq!(api.page("").await["items"], json!([user]), "a canceled write took effect");
}

/// SQLSTATE, message, code of the problem, and a part of its detail.
const ERRORS: [(&str, &str, &str, &str); 12] = [
    ("40P01", "deadlock detected", "database-busy", "too busy"),
    ("55P03", "canceling statement due to lock timeout", "database-busy", "locked"),
    ("55P03", "could not obtain lock on row in relation \"users\"", "database-busy", "locked"),
    ("57014", "canceling statement due to statement timeout", "database-busy", "too busy"),
    ("53200", "out of memory", "database-busy", "too busy"),
    ("53200", "out of shared memory", "database-busy", "too busy"),
    ("53400", "temporary file size exceeds temp_file_limit (1kB)", "database-busy", "too busy"),
    ("53100", "could not extend file \"base/1/2\": No space left on device", "database-unavailable", "full"),
    ("25006", "cannot execute INSERT in a read-only transaction", "database-unavailable", "reached"),
    ("57P01", "terminating connection due to administrator command", "database-unavailable", "reached"),
    ("57P03", "the database system is in recovery mode", "database-unavailable", "reached"),
    ("08006", "connection failure", "database-unavailable", "reached"),
];

/// A trigger raises the errors, with the messages of PostgreSQL 15. A group is created in a transaction. A user is created
/// in one statement, whose outcome is unknown after an error that ends the connection.
#[tokio::test(flavor = "multi_thread")]
async fn temporary_errors_are_refused() {
    let api = Api::start(Engine::Postgres, &[]);
    let mut sql = api.sql();
    for (state, message, code, detail) in ERRORS {
        sql.execute(&format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = '{message}'; END $$; \
             CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON groups EXECUTE FUNCTION fail()"
        ));
        let refused =
            api.client.post("/groups", &json!({ "displayName": "A" })).send().await.expect(503).json();
        assert_eq!(refused["code"], code, "{message}: {refused}");
        assert!(refused["detail"].to_string().contains(detail), "{message}: {refused}");
    }
    // Each cause is logged at least once.
    for (_, message, ..) in [ERRORS[0], ERRORS[1], ERRORS[3], ERRORS[7], ERRORS[8]] {
        api.server.wait_for_log(message, LIMIT);
    }
    sql.execute("DROP TRIGGER fail ON groups");
    api.client.post("/groups", &json!({ "displayName": "A" })).send().await.expect(201);
}

/// The limit also applies to the reconnection after an outage.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_refused() {
    let database = postgres::Database::migrated();
    let mut admin = Sql::open(&database.url());
    let name = admin.lines("SELECT current_database()::text AS line").remove(0);
    admin.execute(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'secret'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"
    ));
    let url = database.url();
    let (_, server) = url.rsplit_once('@').expect("the URL names a user");
    let server = Server::builder(&format!("postgres://{name}:secret@{server}")).start();
    let client = Client::new(&server);
    client.get("/users").send().await.expect(200);
    admin.execute(&format!("ALTER ROLE {name} CONNECTION LIMIT 0"));
    admin.terminate_sessions(SESSIONS);
    let refused = client.get("/users").send().await.expect(503).json();
    let expected =
        json!("The database cannot be reached or accepts no writes. Nothing was done; retry later.");
    assert_eq!((&refused["code"], &refused["detail"]), (&Value::from("database-unavailable"), &expected));
    server.wait_for_log("too many connections for role", LIMIT);
    admin.execute(&format!("ALTER ROLE {name} CONNECTION LIMIT -1"));
    let since = std::time::Instant::now();
    while client.get("/users").send().await.code() == 503 {
        assert!(since.elapsed() < LIMIT, "the server does not reconnect");
    }
    drop(server);
    admin.execute(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"));
}
