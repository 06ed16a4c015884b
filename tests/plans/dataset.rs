//! A database with 100,000 users, which SQL statements copy from a few template users.

use roster::db::{Connection, Database, Options, migrate};
use roster::domain::DEFAULT_TENANT;
use roster::domain::id;
use roster::domain::origin::Origin;
use roster::domain::time::Timestamp;
use roster::domain::user::{Draft, WriteMode};
use roster::ops::users::Create;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// Number of users that are created by the operation.
const TEMPLATES: i64 = 20;
/// Number of copies of each template.
const COPIES: i64 = 5_000;
/// The `createdAt` of the first copy. Each further one is a second later.
pub(crate) const FIRST_CREATED: i64 = 1_767_268_800_000_000;
/// The copies of inactive templates are active before this one.
const FIRST_INACTIVE: i64 = 70_020;
/// The id of a copy. It contains the time of creation.
pub(crate) fn user(number: i64) -> Uuid {
    let random = Uuid::from_u128(0x8000_0000_0000_0000 + u128::try_from(number).unwrap());
    id::created_at(Timestamp::from(FIRST_CREATED + number * 1_000_000), random)
}

/// The placeholder for the number of a copy.
const NUMBER: &str = "000000";
/// The columns of users that are copied, with other values in some of them.
const COLUMNS: &str = "tenant_id, id, user_name, user_name_key, display_name, display_name_key, active, document, folded, \
                       version";

/// Opens a database whose operations have this deadline.
pub(crate) fn open(url: &str, deadline: Duration) -> Database {
    let slow = Duration::from_secs(60);
    let options = Options {
        url: url.parse().unwrap(),
        readers: 2,
        writers: 2,
        queue: 64,
        large_results: 8,
        deadline,
        slow,
        wal: true,
    };
    Database::start(&options).unwrap()
}

/// Opens a new database and creates 100,000 users in it.
pub(crate) async fn create_users(url: &str) -> Database {
    migrate::run(&url.parse().unwrap()).unwrap();
    let database = open(url, Duration::from_secs(60));
    for template in 0..TEMPLATES {
        database.call(&Origin::server(), create_template(template)).await.unwrap();
    }
    copy_templates(&mut Connection::open(&url.parse().unwrap()).unwrap());
    database
}

/// Every second template has no display name, and one of the twenty is inactive.
fn create_template(template: i64) -> Create {
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

/// The `created_at` of a template is its number. The copies are ordered differently by `updated_at` than by
/// `created_at`.
fn copy_templates(connection: &mut Connection) {
    let (numbers, number, id, text, json, jsonb) = match connection {
        Connection::Postgres(_) => (
            format!("SELECT n FROM generate_series(1, {COPIES}) AS s (n)"),
            "lpad(n::text, 6, '0')",
            "(lpad(to_hex(1767268800000 + (n * 20 + t) * 1000), 12, '0') || '700080000000' || lpad(to_hex(n * 20 + t), 8, '0'))::uuid",
            "::text",
            "::json",
            "::jsonb",
        ),
        Connection::Sqlite(_) => (
            format!(
                "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {COPIES}) SELECT n FROM s"
            ),
            "printf('%06d', n)",
            "unhex(printf('%012x', 1767268800000 + (n * 20 + t) * 1000) || '700080000000' || printf('%08x', n * 20 + t))",
            "",
            "",
            "",
        ),
    };
    let replaced = |column: &str, cast: &str| format!("replace({column}{text}, '{NUMBER}', {number}){cast}");
    let [user_name, user_name_key, display_name, display_name_key] =
        ["user_name", "user_name_key", "display_name", "display_name_key"].map(|column| replaced(column, ""));
    let (document, folded) = (replaced("document", json), replaced("folded", jsonb));
    let template = "(SELECT *, created_at AS t FROM users) AS template";
    connection
        .batch_execute(&format!(
            "CREATE TEMPORARY TABLE copies AS SELECT tenant_id, t, n, template.id AS template_id, {id} AS id, \
             {user_name} AS user_name, {user_name_key} AS user_name_key, {display_name} AS display_name, \
             {display_name_key} AS display_name_key, active, {document} AS document, {folded} AS folded, version \
             FROM {template} CROSS JOIN ({numbers}) AS numbers;
             INSERT INTO users ({COLUMNS}, created_at, updated_at) \
             SELECT {COLUMNS}, {FIRST_CREATED} + (n * 20 + t) * 1000000, {FIRST_CREATED} + ((n * 20 + t) * 7919 % 100000) * 1000000 \
             FROM copies ORDER BY id;
             INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
             SELECT c.tenant_id, c.id, e.position, {value_key} FROM copies AS c \
             JOIN user_emails AS e ON e.tenant_id = c.tenant_id AND e.user_id = c.template_id;
             INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
             SELECT c.tenant_id, x.source, {external_id}, c.id FROM copies AS c \
             JOIN user_external_ids AS x ON x.tenant_id = c.tenant_id AND x.user_id = c.template_id;
             DELETE FROM users WHERE created_at < {TEMPLATES};
             UPDATE users SET active = (1 = 1) WHERE created_at < {first_inactive};
             UPDATE heads SET users = {users};
             DROP TABLE copies;",
            first_inactive = FIRST_CREATED + FIRST_INACTIVE * 1_000_000,
            value_key = replaced("e.value_key", ""),
            external_id = replaced("x.external_id", ""),
            users = TEMPLATES * COPIES,
        ))
        .unwrap();
}
