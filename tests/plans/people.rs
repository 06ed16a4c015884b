//! A hundred thousand users, made by the database out of a few that the server made.

use roster::db::{Connection, Database, Options, migrate};
use roster::domain::DEFAULT_TENANT;
use roster::domain::origin::Origin;
use roster::domain::time::Timestamp;
use roster::domain::user::{Draft, WriteMode};
use roster::ops::users::Create;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// How many users are made by hand.
const TEMPLATES: i64 = 20;
/// How many the database makes of each.
const COPIES: i64 = 5_000;
/// When the first was created; each other a second after the one before.
pub(crate) const BEGIN: i64 = 1_767_268_800_000_000;
/// What stands for a copy's number.
const NUMBER: &str = "000000";

/// A door to a database.
pub(crate) fn door(url: &str, deadline: Duration) -> Database {
    let slow = Duration::from_secs(60);
    let options = Options { url: url.parse().unwrap(), readers: 2, writers: 2, queue: 64, deadline, slow };
    Database::start(&options).unwrap()
}

/// A door to a database with 100,000 users.
pub(crate) async fn settle(url: &str) -> Database {
    migrate::run(&url.parse().unwrap()).unwrap();
    let database = door(url, Duration::from_secs(60));
    for template in 0..TEMPLATES {
        database.call(&Origin::server(), create(template)).await.unwrap();
    }
    multiply(&mut Connection::open(&url.parse().unwrap()).unwrap());
    database
}

/// Every other user has no display name, one in twenty is inactive.
fn create(template: i64) -> Create {
    let name = ["Ada", "Grace", "Alan", "Barbara", "Edsger"][usize::try_from(template % 5).unwrap()];
    let title = ["Engineer", "Manager", "Analyst"][usize::try_from(template % 3).unwrap()];
    let body = json!({
        "userName": format!("{name}-{template:02}-{NUMBER}@example.com"),
        "externalId": format!("E-{template:02}-{NUMBER}"),
        "name": {"givenName": name, "familyName": format!("Family {NUMBER}")},
        "displayName": (template % 2 == 0).then(|| format!("{name} {template:02} {NUMBER}")),
        "title": title,
        "active": template != 7,
        "emails": [
            {"value": format!("{name}.{template:02}.{NUMBER}@example.com"), "type": "work", "primary": true},
            {"value": format!("{template:02}.{NUMBER}@home.example"), "type": "home"},
        ],
        "phoneNumbers": [{"value": format!("+1-555-{NUMBER}"), "type": "work"}],
        "enterprise": {"department": format!("Department {template:02}"), "employeeNumber": NUMBER},
    });
    let draft = Draft::read(body, WriteMode::Create).unwrap();
    Create { tenant: DEFAULT_TENANT, id: Uuid::now_v7(), draft, now: Timestamp::from(template) }
}

/// A template is told by its `created_at`. Copies are updated in another order than they are created in.
fn multiply(connection: &mut Connection) {
    let (numbers, number, id, text, json, jsonb) = match connection {
        Connection::Postgres(_) => (
            format!("SELECT n FROM generate_series(1, {COPIES}) AS s (n)"),
            "lpad(n::text, 6, '0')",
            "('018f00000000700080000000' || lpad(to_hex(n * 20 + t), 8, '0'))::uuid",
            "::text",
            "::json",
            "::jsonb",
        ),
        Connection::Sqlite(_) => (
            format!(
                "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {COPIES}) SELECT n FROM s"
            ),
            "printf('%06d', n)",
            "unhex('018f00000000700080000000' || printf('%08x', n * 20 + t))",
            "",
            "",
            "",
        ),
    };
    let copied = |column: &str, cast: &str| format!("replace({column}{text}, '{NUMBER}', {number}){cast}");
    let [user_name, user_name_key, display_name, display_name_key] =
        ["user_name", "user_name_key", "display_name", "display_name_key"].map(|column| copied(column, ""));
    let (document, folded) = (copied("document", json), copied("folded", jsonb));
    let template = "(SELECT *, created_at AS t FROM users) AS template";
    connection
        .batch_execute(&format!(
            "CREATE TEMPORARY TABLE copies AS SELECT tenant_id, t, n, template.id AS template_id, {id} AS id, \
             {user_name} AS user_name, {user_name_key} AS user_name_key, {display_name} AS display_name, \
             {display_name_key} AS display_name_key, active, {document} AS document, {folded} AS folded, version \
             FROM {template} CROSS JOIN ({numbers}) AS numbers;
             INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, display_name_key, active, \
             document, folded, version, created_at, updated_at) \
             SELECT tenant_id, id, user_name, user_name_key, display_name, display_name_key, active, document, folded, \
             version, {BEGIN} + (n * 20 + t) * 1000000, {BEGIN} + ((n * 20 + t) * 7919 % 100000) * 1000000 \
             FROM copies ORDER BY id;
             INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
             SELECT c.tenant_id, c.id, e.position, {value_key} FROM copies AS c \
             JOIN user_emails AS e ON e.tenant_id = c.tenant_id AND e.user_id = c.template_id;
             INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
             SELECT c.tenant_id, x.source, {external_id}, c.id FROM copies AS c \
             JOIN user_external_ids AS x ON x.tenant_id = c.tenant_id AND x.user_id = c.template_id;
             DELETE FROM users WHERE created_at < {TEMPLATES};
             UPDATE heads SET users = {users};
             DROP TABLE copies;",
            value_key = copied("e.value_key", ""),
            external_id = copied("x.external_id", ""),
            users = TEMPLATES * COPIES,
        ))
        .unwrap();
}
