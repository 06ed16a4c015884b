//! `roster check` finds every kind of difference, and none during writes.

use crate::support::api::text;
use crate::support::block_on;
use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::{Database, Engine, on_both_engines};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};

const LIMIT: Duration = Duration::from_secs(60);

on_both_engines! {
    Database:
    each_planted_difference_is_reported,
    a_check_during_writes_reports_no_difference,
    a_server_counts_unknown_digests,
}

fn check(url: &str) -> CommandOutput {
    run(roster(Path::new("/")).arg("check").env("DATABASE_URL", url), LIMIT)
}

/// Checks that `roster check` finds no difference in a database.
#[track_caller]
pub(crate) fn check_finds_nothing(url: &str) {
    assert!(check(url).expect_success().stdout.starts_with("no differences: "));
}

/// Creates two tenants. In `default`, the change with revision 6 deletes a group with members.
async fn create(client: &Client) {
    client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
    let emails: Vec<_> = (0..11).map(|number| json!({ "value": format!("{number}@example.com") })).collect();
    let eve = json!({ "userName": "eve", "emails": emails });
    client.in_tenant("acme").post("/users", &eve).send().await.expect(201);
    let ada = json!({
        "userName": "ada", "displayName": "Ada", "externalId": "e1", "emails": [{ "value": "Ada@example.com" }],
    });
    let ada = client.post("/users", &ada).send().await.expect(201).json();
    for name in ["Temporary", "Engineers"] {
        let group = json!({ "displayName": name, "externalId": name });
        let group = client.post("/groups", &group).send().await.expect(201).json();
        let path = format!("/groups/{}", text(&group["id"]));
        let members = json!({ "userIds": [ada["id"]] });
        client.post(&format!("{path}/members"), &members).send().await.expect(204);
        client.patch(&path, &json!({ "displayName": format!("{name} 2") })).send().await.expect(200);
        if name == "Temporary" {
            client.delete(&path).send().await.expect(204);
        }
    }
}

/// Statements that plant a difference, statements that remove it, and a part of each expected line, in any order.
type Plant = (&'static str, &'static str, &'static [&'static str]);

const PLANTS: [Plant; 23] = [
    (
        "UPDATE heads SET digest = digest + 1 WHERE groups > 0",
        "UPDATE heads SET digest = digest - 1 WHERE groups > 0",
        &["tenant default: the digest is ", "that of the newest change is "],
    ),
    (
        "UPDATE heads SET digest = NULL WHERE groups > 0",
        "UPDATE heads SET digest = (SELECT digest FROM changes WHERE type = 'group.updated' ORDER BY revision DESC LIMIT 1) \
         WHERE groups > 0",
        &["the digest is unknown, recounted "],
    ),
    (
        "UPDATE heads SET users = users + 1",
        "UPDATE heads SET users = users - 1",
        &["tenant acme: the number of users is 2, recounted 1", "tenant default: the number of users is 2"],
    ),
    (
        "UPDATE heads SET groups = 5 WHERE groups = 1",
        "UPDATE heads SET groups = 1 WHERE groups = 5",
        &["the number of groups is 5, recounted 1"],
    ),
    (
        "UPDATE heads SET revision = revision + 1, digest_revision = revision + 1 WHERE groups > 0",
        "UPDATE heads SET revision = revision - 1, digest_revision = revision - 1 WHERE groups > 0",
        &["the newest change is 9, but the head is 10"],
    ),
    (
        "UPDATE groups SET member_count = 7",
        "UPDATE groups SET member_count = 1",
        &["memberCount is 7, recounted 1"],
    ),
    (
        "UPDATE users SET version = 9 WHERE user_name = 'ada'",
        "UPDATE users SET version = 1",
        &["the digest is "],
    ),
    (
        "UPDATE changes SET revision = 99 WHERE revision = 4",
        "UPDATE changes SET revision = 4 WHERE revision = 99",
        &[
            "the changes from revision 4 to 4",
            "the digest of change 6 is ",
            "from revision 10 to 98 are missing",
            "the newest change is 99",
        ],
    ),
    (
        "UPDATE changes SET digest = digest + 1 WHERE revision = 5",
        "UPDATE changes SET digest = digest - 1 WHERE revision = 5",
        &["the digest of change 5 is ", "the digest of change 6 is "],
    ),
    (
        "UPDATE changes SET member_id = resource_id WHERE revision = 4",
        "UPDATE changes SET member_id = (SELECT id FROM users WHERE user_name = 'ada') WHERE revision = 4",
        &["the digest of change 4 is ", "the digest of change 6 is "],
    ),
    (
        "UPDATE users SET user_name_key = 'x' WHERE user_name = 'ada'",
        "UPDATE users SET user_name_key = user_name",
        &["user_name_key differs from the document"],
    ),
    (
        "UPDATE users SET display_name_key = NULL",
        "UPDATE users SET display_name_key = lower(display_name)",
        &["display_name_key differs from the document"],
    ),
    (
        "CREATE TABLE saved AS SELECT id, folded FROM users; UPDATE users SET folded = '{}' WHERE user_name = 'ada'",
        "UPDATE users SET folded = (SELECT folded FROM saved WHERE saved.id = users.id); DROP TABLE saved",
        &["folded differs from the document"],
    ),
    (
        "CREATE TABLE saved AS SELECT id, document FROM users; UPDATE users SET document = '{}' WHERE user_name = 'ada'",
        "UPDATE users SET document = (SELECT document FROM saved WHERE saved.id = users.id); DROP TABLE saved",
        // The index rows of a user without a readable document cannot be compared.
        &["the document is invalid"],
    ),
    (
        "UPDATE user_emails SET value_key = 'x' WHERE value_key = 'ada@example.com'",
        "UPDATE user_emails SET value_key = 'ada@example.com' WHERE value_key = 'x'",
        &["user_emails differs from the document"],
    ),
    (
        "UPDATE user_external_ids SET external_id = 'x'",
        "UPDATE user_external_ids SET external_id = 'e1'",
        &["user_external_ids differs from the document"],
    ),
    (
        "UPDATE group_external_ids SET source = 'x'",
        "UPDATE group_external_ids SET source = 'native'",
        &["group_external_ids differs from the document"],
    ),
    (
        "UPDATE groups SET display_name_key = 'x'",
        "UPDATE groups SET display_name_key = lower(display_name)",
        &["display_name_key differs from the document"],
    ),
    (
        "UPDATE groups SET unique_name_key = 'x'",
        "UPDATE groups SET unique_name_key = NULL",
        &["unique_name_key differs from the document"],
    ),
    (
        "UPDATE groups SET folded = '{\"x\": 1}'",
        "UPDATE groups SET folded = '{}'",
        &["folded differs from the document"],
    ),
    (
        "INSERT INTO user_emails SELECT tenant_id, id, 0, 'x' FROM groups",
        "DELETE FROM user_emails WHERE value_key = 'x'",
        &["user_emails has rows of user "],
    ),
    (
        "INSERT INTO members SELECT tenant_id, id, id, 5 FROM users WHERE user_name = 'ada'",
        "DELETE FROM members WHERE added_at = 5",
        &["members has rows of group ", "the digest is "],
    ),
    (
        "UPDATE heads SET tenant_id = epoch WHERE groups > 0",
        "UPDATE heads SET tenant_id = (SELECT id FROM tenants WHERE name = 'default') WHERE groups > 0",
        &["tenant default: it has no row in heads"],
    ),
];

fn each_planted_difference_is_reported(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    block_on(create(&Client::new(&server)));
    server.stop(LIMIT);
    let clean = "no differences: 2 tenants, 2 users, 1 groups, 1 members, 10 changes\n";
    assert_eq!(check(&database.url()).expect_success().stdout, clean);
    let mut sql = database.sql();
    allow_orphans(database, &mut sql);
    for (plant, undo, expected) in PLANTS {
        sql.execute(plant);
        let output = check(&database.url()).expect_code(1);
        let lines: Vec<_> = output.stdout.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{plant}: {lines:#?}");
        for part in expected {
            assert!(lines.iter().any(|line| line.contains(part)), "{plant}: {part:?} is not in {lines:#?}");
        }
        sql.execute(undo);
        assert_eq!(check(&database.url()).expect_success().stdout, clean, "{undo}");
    }
}

/// Turns off foreign keys for this connection.
fn allow_orphans(database: &Database, sql: &mut Sql) {
    sql.execute(match database.engine() {
        Engine::Sqlite => "PRAGMA foreign_keys = OFF",
        Engine::Postgres => "SET session_replication_role = replica",
    });
}

fn a_check_during_writes_reports_no_difference(database: &Database) {
    let server = Server::builder(&database.url()).start();
    let client = Client::new(&server);
    let done = Arc::new(AtomicBool::new(false));
    block_on(async {
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let (client, done) = (client.clone(), done.clone());
            writers.spawn(async move {
                let mut round = 0;
                while !done.load(Ordering::Relaxed) {
                    write(&client, &format!("{writer}-{round}")).await;
                    round += 1;
                }
                round
            });
        }
        for _ in 0..5 {
            let url = database.url();
            let output = spawn_blocking(move || check(&url)).await.expect("the check ends");
            assert!(output.expect_success().stdout.starts_with("no differences: "));
        }
        done.store(true, Ordering::Relaxed);
        assert!(writers.join_all().await.into_iter().all(|rounds: usize| rounds > 0));
    });
}

async fn write(client: &Client, name: &str) {
    let create = async |path: &str, body: Value| client.post(path, &body).send().await.expect(201).json();
    let user =
        create("/users", json!({ "userName": name, "emails": [{ "value": format!("{name}@example.com") }] }))
            .await;
    let group = create("/groups", json!({ "displayName": name, "externalId": name })).await;
    let members = format!("/groups/{}/members", text(&group["id"]));
    client.post(&members, &json!({ "userIds": [user["id"]] })).send().await.expect(204);
    let user = format!("/users/{}", text(&user["id"]));
    client.patch(&user, &json!({ "title": "x" })).send().await.expect(200);
    if name.ends_with('1') {
        client.delete(&user).send().await.expect(204);
        client.delete(&format!("/groups/{}", text(&group["id"]))).send().await.expect(204);
    }
}

/// A server of the previous release leaves the digest unknown when it writes.
fn a_server_counts_unknown_digests(database: &Database) {
    let database = Database::migrated(database.engine());
    let mut sql = database.sql();
    sql.execute("UPDATE heads SET digest = 5, digest_revision = revision - 1");
    let _server = Server::builder(&database.url()).env("ROSTER_MIGRATE_ON_START", "false").start();
    let counted = "SELECT count(*) AS number FROM heads WHERE digest = 0 AND digest_revision = revision";
    sql.wait_for_number(counted, 1, Duration::from_secs(10));
}
