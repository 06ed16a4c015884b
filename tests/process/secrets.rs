//! No secret is ever in the log.

use crate::process::database::Database;
use crate::support::http::Client;
use crate::support::percent_encoded;
use crate::support::server::{ADMIN_KEY, Server};
use crate::support::sql::Sql;
use serde_json::json;
use std::time::Duration;

const WRONG_KEY: &str = "rst_wrong-key.9876543210-zyxwvutsrqponmlk";

/// Of a role of its own, so that it is no word that stands in a log anyway.
const PASSWORD: &str = "pw:s3cr3t/w0rd";

/// A role that is dropped with this.
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
        let (_, server) = url.rsplit_once('@').expect("a URL with a user");
        format!("postgres://{}:{}@{server}", self.name, percent_encoded(PASSWORD))
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if let Err(error) =
            self.admin.try_execute(&format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name))
        {
            eprintln!("the role {} was not dropped: {error}", self.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_password_nor_key_is_logged() {
    for format in ["text", "json"] {
        let database = Database::postgres();
        let role = Role::create(&database);
        let url = role.url(&database);
        let server = Server::builder(&url).env("RUST_LOG", "trace").env("ROSTER_LOG_FORMAT", format);
        let mut server = server.arg("serve").start();
        let client = Client::new(&server);
        let created = client.post("/users", &json!({ "userName": "ada" })).send().await.expect(201).json();
        client.get(&format!("/users/{}", created["id"].as_str().expect("an id"))).send().await.expect(200);
        client.get("/nothing").send().await.expect(404);
        Client::with_key(&server, WRONG_KEY).get("/users").send().await.expect(401);
        lose_connections(&mut database.sql(), &role.name);
        client.get("/users").send().await;
        client.post("/users", &json!({ "userName": "bob" })).send().await;
        server.signal("TERM");
        assert_eq!(server.wait(Duration::from_secs(10)).code(), Some(0));
        let log = server.log();
        assert!(log.contains("TRACE"), "nothing is traced:\n{log}");
        let encoded = percent_encoded(PASSWORD);
        for secret in [ADMIN_KEY, WRONG_KEY, PASSWORD, &encoded, &url] {
            let found = log.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} is in the log");
        }
    }
}

/// What the server says when it cannot connect any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_logged_without_the_password() {
    let database = Database::postgres();
    let role = Role::create(&database);
    let server = Server::builder(&role.url(&database)).env("RUST_LOG", "trace").start();
    let client = Client::new(&server);
    client.get("/users").send().await.expect(200);
    let mut sql = database.sql();
    sql.execute(&format!("ALTER ROLE {} PASSWORD 'another'", role.name));
    lose_connections(&mut sql, &role.name);
    client.get("/users").send().await.expect(503);
    client.post("/users", &json!({ "userName": "bob" })).send().await.expect(503);
    let log = server.log();
    assert!(log.contains("password authentication failed"), "the reason is not logged:\n{log}");
    let encoded = percent_encoded(PASSWORD);
    for secret in [ADMIN_KEY, PASSWORD, &encoded] {
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} is in the log");
    }
}

fn lose_connections(sql: &mut Sql, role: &str) {
    let of_role = format!("FROM pg_stat_activity WHERE usename = '{role}'");
    assert!(sql.number(&format!("SELECT count(pg_terminate_backend(pid)) AS number {of_role}")) > 0);
    sql.wait_for_number(&format!("SELECT count(*) AS number {of_role}"), 0, Duration::from_secs(5));
}
