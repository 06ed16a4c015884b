//! The log never contains a secret.

use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::percent_encoded;
use crate::support::server::{ADMIN_KEY, Server};
use crate::support::sql::Sql;
use serde_json::json;
use std::time::Duration;

const WRONG_KEY: &str = "rst_wrong-key.9876543210-zyxwvutsrqponmlk";

/// The password of a separate role. The usual one may be a word that occurs in the log anyway.
const PASSWORD: &str = "pw:s3cr3t/w0rd";

/// A PostgreSQL role, which is deleted when this is dropped.
struct Role {
    name: String,
    admin: Sql,
}

impl Role {
    fn create(database: &Database) -> Self {
        let mut admin = database.sql();
        let name = admin.lines("SELECT current_database()::text AS line").remove(0);
        admin.execute(&format!("CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{PASSWORD}'"));
        Self { name, admin }
    }

    fn url(&self, database: &Database) -> String {
        let url = database.url();
        let (_, server) = url.rsplit_once('@').expect("the URL names a user");
        format!("postgres://{}:{}@{server}", self.name, percent_encoded(PASSWORD))
    }

    /// The condition on `pg_stat_activity` for the sessions of this role.
    fn sessions(&self) -> String {
        format!("usename = '{}'", self.name)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if let Err(error) =
            self.admin.try_execute(&format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name))
        {
            eprintln!("cannot drop the role {}: {error}", self.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_keys_are_not_logged() {
    for format in ["text", "json"] {
        let database = Database::postgres();
        let role = Role::create(&database);
        let url = role.url(&database);
        let server = Server::builder(&url).env("RUST_LOG", "trace").env("ROSTER_LOG_FORMAT", format);
        let mut server = server.arg("serve").start();
        let client = Client::new(&server);
        let created = client.post("/users", &json!({ "userName": "ada" })).send().await.expect(201).json();
        client
            .get(&format!("/users/{}", created["id"].as_str().expect("the user has an id")))
            .send()
            .await
            .expect(200);
        client.get("/nothing").send().await.expect(404);
        Client::new_with_key(&server, WRONG_KEY).get("/users").send().await.expect(401);
        database.sql().terminate_sessions(&role.sessions());
        client.get("/users").send().await;
        client.post("/users", &json!({ "userName": "bob" })).send().await;
        server.stop(Duration::from_secs(10));
        let log = server.log();
        assert!(log.contains("TRACE"), "the level TRACE is off:\n{log}");
        check_secrets(&log, &[ADMIN_KEY, WRONG_KEY, PASSWORD, &percent_encoded(PASSWORD), &url]);
    }
}

#[track_caller]
fn check_secrets(log: &str, secrets: &[&str]) {
    for secret in secrets {
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} is in the log");
    }
}

/// The server logs why it can no longer connect.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_reconnection_is_logged_without_the_password() {
    let database = Database::postgres();
    let role = Role::create(&database);
    let server = Server::builder(&role.url(&database)).env("RUST_LOG", "trace").start();
    let client = Client::new(&server);
    client.get("/users").send().await.expect(200);
    let mut sql = database.sql();
    sql.execute(&format!("ALTER ROLE {} PASSWORD 'another'", role.name));
    sql.terminate_sessions(&role.sessions());
    client.get("/users").send().await.expect(503);
    client.post("/users", &json!({ "userName": "bob" })).send().await.expect(503);
    let log = server.log();
    assert!(log.contains("password authentication failed"), "the reason is missing:\n{log}");
    check_secrets(&log, &[ADMIN_KEY, PASSWORD, &percent_encoded(PASSWORD)]);
}
