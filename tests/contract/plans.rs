//! Query plans on databases without statistics: no query may read all rows of a tenant to find one.

use crate::contract::fixture::{Engine, run};
use crate::support::sql::Sql;
use crate::support::sqlite;
use diesel::prelude::*;
use diesel::sql_types::Text;
use roster::db::{Connection, DatabaseUrl, migrate};
use serde_json::json;
use std::time::{Duration, Instant};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn migrated(database: &sqlite::Database) -> SqliteConnection {
    let url: DatabaseUrl = database.url().parse().unwrap();
    migrate::run(&url).unwrap();
    let Ok(Connection::Sqlite(connection)) = Connection::open(&url) else { panic!("a SQLite database") };
    connection
}

/// For an index without a row in `sqlite_stat1`, SQLite assumes that a tenant has ten rows.
#[test]
fn every_index_has_statistics() {
    let database = sqlite::Database::create();
    let mut connection = migrated(&database);
    let missing: Vec<Step> = diesel::sql_query(
        "SELECT t.name || ' ' || i.name AS detail FROM pragma_table_list AS t, pragma_index_list(t.name) AS i \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name NOT LIKE '!_!_%' ESCAPE '!' \
         AND NOT EXISTS (SELECT 1 FROM sqlite_stat1 AS s WHERE s.tbl = t.name \
             AND s.idx = CASE WHEN t.wr AND i.origin = 'pk' THEN t.name ELSE i.name END)",
    )
    .load(&mut connection)
    .unwrap();
    let missing: Vec<_> = missing.iter().map(|step| step.detail.as_str()).collect();
    assert_eq!(missing, [""; 0]);
}

/// Foreign keys are on, so the plan of a delete includes the search for referring rows.
#[test]
fn no_statement_searches_by_tenant_alone() {
    let database = sqlite::Database::create();
    let mut connection = migrated(&database);
    diesel::sql_query("PRAGMA foreign_keys = ON").execute(&mut connection).unwrap();
    for statement in [
        "DELETE FROM users WHERE tenant_id = x'01' AND id = x'02'",
        "DELETE FROM groups WHERE tenant_id = x'01' AND id = x'02'",
        "DELETE FROM user_emails WHERE tenant_id = x'01' AND user_id = x'02'",
        "DELETE FROM user_external_ids WHERE tenant_id = x'01' AND user_id = x'02'",
        "SELECT * FROM members WHERE tenant_id = x'01' AND user_id = x'02'",
        "SELECT * FROM members WHERE tenant_id = x'01' AND group_id = x'02'",
        "DELETE FROM members WHERE tenant_id = x'01' AND group_id = x'02' AND user_id = x'03'",
        "SELECT * FROM members WHERE tenant_id = x'01' AND group_id = x'02' AND user_id > x'03' ORDER BY user_id",
        "SELECT * FROM members WHERE tenant_id = x'01' AND user_id = x'02' AND group_id > x'03' ORDER BY group_id",
        "SELECT * FROM groups WHERE tenant_id = x'01' AND display_name_key > 'a' ORDER BY display_name_key",
        "SELECT * FROM group_external_ids WHERE tenant_id = x'01' AND source = 's' AND external_id = 'a'",
        "SELECT * FROM changes WHERE tenant_id = x'01' AND member_id = x'02'",
        "SELECT * FROM users WHERE tenant_id = x'01' AND user_name_key = 'a'",
        "SELECT * FROM users WHERE tenant_id = x'01' AND id > x'02' ORDER BY id",
        "SELECT * FROM user_emails WHERE tenant_id = x'01' AND value_key = 'a'",
        "SELECT * FROM user_external_ids WHERE tenant_id = x'01' AND source = 's' AND external_id = 'a'",
        "SELECT count(*) FROM user_external_ids WHERE tenant_id = x'01' AND source = 's'",
        "SELECT count(*) FROM connection_users WHERE tenant_id = x'01' AND source_id = x'02'",
        "SELECT * FROM connection_removals WHERE tenant_id = x'01' AND connection_id = x'02' AND time <= 3 \
         ORDER BY time DESC LIMIT 1",
        "SELECT deleted_user FROM connection_removals WHERE tenant_id = x'01' AND connection_id = x'02' AND time > 3",
        "SELECT * FROM changes WHERE tenant_id = x'01' AND revision > 1 ORDER BY revision",
        "SELECT * FROM changes WHERE tenant_id = x'01' AND resource_id = x'02'",
    ] {
        let steps: Vec<Step> =
            diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(&mut connection).unwrap();
        assert!(!steps.is_empty());
        for Step { detail } in steps {
            let narrow = detail.starts_with("SEARCH") && !detail.ends_with("(tenant_id=?)");
            assert!(narrow, "{statement}: {detail}");
        }
    }
}

/// These statements run in the background or in an erasure, while other writes wait on SQLite.
#[test]
fn retention_and_erasure_search_by_their_indexes() {
    let database = sqlite::Database::create();
    let mut connection = migrated(&database);
    for (statement, search) in [
        ("SELECT id FROM keys WHERE revoked_at < 1", "keys_revoked_at (revoked_at<?)"),
        (
            "SELECT id FROM connection_tokens WHERE revoked_at < 1",
            "connection_tokens_revoked_at (revoked_at<?)",
        ),
        (
            "SELECT created_at FROM idempotency WHERE tenant_id = x'01' AND created_at > 1 ORDER BY created_at",
            "idempotency_tenant_created_at (tenant_id=? AND created_at>?)",
        ),
        (
            "UPDATE idempotency SET body = NULL WHERE tenant_id = x'01' AND created_at > 1 AND created_at <= 2 \
             AND (resource_id = x'02' OR body LIKE '%a%')",
            "idempotency_tenant_created_at (tenant_id=? AND created_at>? AND created_at<?)",
        ),
        (
            "SELECT * FROM idempotency WHERE created_at <= 1 ORDER BY created_at",
            "idempotency_created_at (created_at<?)",
        ),
    ] {
        let steps: Vec<Step> =
            diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(&mut connection).unwrap();
        let details: Vec<_> = steps.iter().map(|step| step.detail.as_str()).collect();
        assert!(details.len() == 1 && details[0].ends_with(search), "{statement}: {details:?}");
    }
}

/// On an empty table, all indexes look equally good to PostgreSQL, and a cached plan fixes the choice. A foreign key
/// check that uses the index on update times would then read the whole tenant.
#[test]
fn postgres_replaces_plans_made_for_empty_tables() {
    run(Engine::Postgres, async |db| {
        let mut sql = Sql::open(db.url());
        // Autovacuum would collect statistics, which also correct the plan.
        sql.execute("ALTER TABLE users SET (autovacuum_enabled = false)");
        let give_up = Instant::now() + Duration::from_secs(20);
        for round in 0.. {
            for n in 0..50 {
                let name = format!("{round}-{n}@example.com");
                db.create_user(json!({"userName": name, "emails": [{"value": name}]})).await.unwrap();
            }
            let by_key =
                "SELECT idx_scan AS number FROM pg_stat_user_indexes WHERE indexrelname = 'users_pkey'";
            if sql.number(by_key) > 0 {
                break;
            }
            assert!(Instant::now() < give_up, "no foreign key check used the primary key in {round} rounds");
        }
    });
}
