//! The users of every database: a few that Roster made, multiplied by the database, and the same for the peers.

use crate::database::{Databases, Engine};
use crate::http::Http;
use crate::server::Server;
use crate::stop::Stop;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// How many users are made by hand.
pub const TEMPLATES: u64 = 20;
/// What stands for a copy's number; as wide as `{n}`, so that loaded and created users have the same size.
const HOLE: &str = "000000000000000000";
/// When the first was created, in microseconds; each other a second after the one before.
const BEGIN: i64 = 1_767_268_800_000_000;

/// Makes a database of so many users (in steps of twenty), with a table for the peers.
pub fn settle(
    databases: &Databases,
    engine: Engine,
    name: &str,
    users: u64,
    roster: &Path,
    stop: &Stop,
) -> Result<()> {
    databases.create(name)?;
    let url = databases.url(name);
    let mut migrate = Command::new(roster);
    migrate.arg("migrate").env_clear().env("DATABASE_URL", &url).current_dir("/");
    if !migrate.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
        bail!("roster migrate failed");
    }
    let server = Server::roster(roster, &url, stop)?;
    let mut http = Http::open(server.address)?;
    for template in 0..TEMPLATES {
        http.send(&crate::roles::roster_create(&template_body(template)).fill("", HOLE)?)?.json()?;
    }
    server.end()?;
    databases.execute(name, &multiply(engine, users / TEMPLATES))?;
    databases.execute(name, peer_table(engine))?;
    databases.execute(name, if engine == Engine::Postgres { "VACUUM ANALYZE; CHECKPOINT;" } else { "" })
}

/// A user as a company's own system would create it.
fn template_body(template: u64) -> String {
    let name = match template % 5 {
        0 => "Ada",
        1 => "Grace",
        2 => "Alan",
        3 => "Barbara",
        _ => "Edsger",
    };
    body(name, &format!("{template:02}"))
}

/// The body of a create: names, an id of the client's, two e-mails.
pub fn body(name: &str, series: &str) -> String {
    attributes(name, series).to_string()
}

/// The same for SCIM.
pub fn scim_body(name: &str, series: &str) -> String {
    let mut user = attributes(name, series);
    if let Some(user) = user.as_object_mut() {
        user.insert("schemas".to_owned(), json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
    }
    user.to_string()
}

fn attributes(name: &str, series: &str) -> Value {
    json!({
        "userName": format!("{name}-{series}-{{n}}@example.com"),
        "externalId": format!("E-{series}-{{n}}"),
        "name": {"givenName": name, "familyName": "Family {n}"},
        "displayName": format!("{name} {{n}}"),
        "title": "Engineer",
        "active": true,
        "emails": [
            {"value": format!("{name}.{series}.{{n}}@example.com"), "type": "work", "primary": true},
            {"value": format!("{series}.{{n}}@home.example"), "type": "home"},
        ],
    })
}

/// Makes copies of the templates in every table but `changes`, and removes the templates.
fn multiply(engine: Engine, copies: u64) -> String {
    let dialect = Dialect::of(engine, copies);
    let copied = |column: &str, cast: &str| {
        format!("replace({column}{}, '{HOLE}', {}){cast}", dialect.text, dialect.number)
    };
    let texts = ["user_name", "user_name_key", "display_name", "display_name_key"];
    let names = texts.map(|column| format!("{} AS {column}", copied(column, ""))).join(", ");
    let documents = [("document", dialect.json), ("folded", dialect.jsonb)]
        .map(|(column, cast)| format!("{} AS {column}", copied(column, cast)));
    format!(
        "{before}
         CREATE TEMPORARY TABLE copies AS SELECT tenant_id, n, t, template.id AS template_id, {id} AS id, \
         {names}, active, {documents}, version, {BEGIN} + (n * {TEMPLATES} + t) * 1000000 AS time \
         FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS t FROM users) AS template CROSS JOIN ({numbers}) AS s;
         INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, display_name_key, active, document, \
         folded, version, created_at, updated_at) SELECT tenant_id, id, user_name, user_name_key, display_name, \
         display_name_key, active, document, folded, version, time, time FROM copies ORDER BY id;
         INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
         SELECT c.tenant_id, c.id, e.position, {value} FROM copies AS c \
         JOIN user_emails AS e ON e.tenant_id = c.tenant_id AND e.user_id = c.template_id;
         INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
         SELECT c.tenant_id, x.source, {external}, c.id FROM copies AS c \
         JOIN user_external_ids AS x ON x.tenant_id = c.tenant_id AND x.user_id = c.template_id;
         DELETE FROM users WHERE id IN (SELECT template_id FROM copies);
         UPDATE heads SET users = {users};
         DROP TABLE copies;
         {after}",
        before = dialect.before,
        after = dialect.after,
        id = dialect.id,
        documents = documents.join(", "),
        numbers = dialect.numbers,
        value = copied("e.value_key", ""),
        external = copied("x.external_id", ""),
        users = copies * TEMPLATES,
    )
}

/// What the engines call differently.
struct Dialect {
    before: &'static str,
    after: &'static str,
    numbers: String,
    number: &'static str,
    id: String,
    text: &'static str,
    json: &'static str,
    jsonb: &'static str,
}

impl Dialect {
    fn of(engine: Engine, copies: u64) -> Self {
        match engine {
            Engine::Postgres => Self {
                before: "BEGIN;",
                after: "COMMIT;",
                numbers: format!("SELECT n FROM generate_series(1, {copies}) AS s (n)"),
                number: "lpad(n::text, 18, '0')",
                id: format!(
                    "('018f00000000700080000000' || lpad(to_hex(n * {TEMPLATES} + t), 8, '0'))::uuid"
                ),
                text: "::text",
                json: "::json",
                jsonb: "::jsonb",
            },
            Engine::Sqlite => Self {
                before: "PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN;",
                after: "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
                numbers: format!(
                    "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {copies}) SELECT n FROM s"
                ),
                number: "printf('%018d', n)",
                id: format!("unhex('018f00000000700080000000' || printf('%08x', n * {TEMPLATES} + t))"),
                text: "",
                json: "",
                jsonb: "",
            },
        }
    }
}

/// The table of the peers, with the same users.
fn peer_table(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "CREATE TABLE peer_users (id uuid PRIMARY KEY, external_id text, user_name text NOT NULL UNIQUE,
                 given_name text, family_name text, display_name text, title text, active boolean NOT NULL,
                 emails jsonb NOT NULL, version bigint NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL);
             INSERT INTO peer_users SELECT id, document #>> '{externalIds,native}', user_name,
                 document #>> '{attributes,name,givenName}', document #>> '{attributes,name,familyName}', display_name,
                 document #>> '{attributes,title}', active,
                 (SELECT jsonb_agg(e || '{\"display\":null}') FROM jsonb_array_elements((document #> '{attributes,emails}')::jsonb) AS e),
                 version, created_at, updated_at FROM users ORDER BY id;"
        }
        Engine::Sqlite => {
            "PRAGMA synchronous = OFF;
             CREATE TABLE peer_users (id BLOB PRIMARY KEY NOT NULL, external_id TEXT, user_name TEXT NOT NULL UNIQUE,
                 given_name TEXT, family_name TEXT, display_name TEXT, title TEXT, active INTEGER NOT NULL,
                 emails TEXT NOT NULL, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)
                 WITHOUT ROWID;
             INSERT INTO peer_users SELECT id, document ->> '$.externalIds.native', user_name,
                 document ->> '$.attributes.name.givenName', document ->> '$.attributes.name.familyName', display_name,
                 document ->> '$.attributes.title', active,
                 (SELECT json_group_array(json(json_set(value, '$.display', NULL)))
                  FROM json_each(document -> '$.attributes.emails')),
                 version, created_at, updated_at FROM users ORDER BY id;
             PRAGMA wal_checkpoint(TRUNCATE);"
        }
    }
}
