//! Creates that run in one statement on PostgreSQL, outside a transaction.

use crate::contract::fixture::{Engine, TestDatabase, conflict, new_user, origin, run, run_with};
use crate::contract::probes::{call_queued, succeeded};
use crate::support::sql::Sql;
use crate::support::statements;
use futures_util::future::{join, join_all};
use roster::db::{Database, DatabaseUrl, DbError, Options};
use roster::ops::OpError;
use roster::ops::users::Create;
use serde_json::json;
use std::time::Duration;

fn several_writers(options: &mut Options) {
    options.writers = 4;
}

fn record_statements(options: &mut Options) {
    if let DatabaseUrl::Postgres(url) = &options.url {
        statements::record(url);
    }
}

/// The head row is locked by the statement that reads the old revision, also after a wait for another server.
#[test]
fn creates_through_two_servers_are_numbered_without_gaps() {
    const NAMES: usize = 150;
    run_with(Engine::Postgres, several_writers, async |db| {
        let other = Database::start(&db.options).unwrap();
        let create = |n: usize| new_user(json!({"userName": format!("u{n}"), "externalId": format!("e{n}")}));
        let origin = origin("race");
        let ours = join_all((0..NAMES).map(|n| db.database.call(&origin, create(n))));
        let theirs = join_all((0..NAMES).rev().map(|n| other.call(&origin, create(n))));
        let (ours, theirs) = join(ours, theirs).await;
        for (n, (ours, theirs)) in ours.iter().zip(theirs.iter().rev()).enumerate() {
            let taken = Err(conflict("userName", &format!("u{n}")));
            assert!(ours.is_ok() != theirs.is_ok(), "{n}: {ours:?} {theirs:?}");
            assert!(*ours == taken || *theirs == taken, "{n}: {ours:?} {theirs:?}");
        }
        let changes = db.changes().await;
        let revisions: Vec<_> = changes.iter().map(|change| change.revision).collect();
        assert_eq!(revisions, (1..=150).collect::<Vec<_>>());
        let counted = "SELECT count(*) AS number FROM heads WHERE revision = 150 AND users = 150";
        assert_eq!(Sql::open(db.url()).number(counted), 1);
        other.close().await;
    });
}

#[test]
fn a_taken_name_fails_only_its_own_create_without_a_transaction() {
    run_with(Engine::Postgres, record_statements, async |db| {
        db.create_user(json!({"userName": "U7"})).await.unwrap();
        statements::take(db.url());
        let creates = (0..20).map(|n| new_user(json!({"userName": format!("u{n}")})));
        let results = call_queued(db, creates.collect()).await;
        assert_eq!((succeeded(&results), &results[7]), (19, &Err(conflict("userName", "u7"))));
        let statements = statements::take(db.url());
        let count = |verb: &str| statements.iter().filter(|text| text.starts_with(verb)).count();
        // The transaction is that of the operation that held up the calls.
        assert_eq!((count("WITH new_users"), count("BEGIN")), (1, 1), "{statements:#?}");
        let changes = db.changes().await;
        let created = results.iter().flatten().map(|user| user.id);
        assert!(changes.iter().skip(1).map(|change| change.id).eq(created));
        assert!(changes.iter().map(|change| change.revision).eq(1..=20));
    });
}

/// Another session deletes the row with the unique value, so the create waits for the end of its transaction. If the
/// create held the head row meanwhile, a transaction that writes changes would wait for the create: a deadlock.
#[test]
fn a_create_waits_for_unique_values_before_it_locks_the_head_row() {
    run(Engine::Postgres, async |db| {
        db.create_user(json!({"userName": "ada", "externalId": "e1"})).await.unwrap();
        for (deleted, name, id, attribute, value) in [
            ("user_external_ids", "grace", "e1", "externalId", "e1"),
            ("users", "ada", "e2", "userName", "ada"),
        ] {
            let mut other = Sql::open(db.url());
            other.execute(&format!("BEGIN; DELETE FROM {deleted}"));
            let write = async {
                wait_for_lock_waiter(db).await;
                other
                    .execute("SET LOCAL lock_timeout = 1000; UPDATE heads SET revision = revision; ROLLBACK");
            };
            let create = db.create_user(json!({"userName": name, "externalId": id}));
            let (created, ()) = join(create, write).await;
            assert_eq!(created, Err(conflict(attribute, value)));
        }
        assert_eq!(db.changes().await.len(), 1);
    });
}

/// The server may have committed a statement whose response was lost.
#[test]
fn a_create_whose_connection_is_lost_has_an_unknown_outcome() {
    run(Engine::Postgres, async |db| {
        let mut other = Sql::open(db.url());
        other.execute("BEGIN; SELECT 1 FROM heads FOR UPDATE");
        let terminate = async {
            wait_for_lock_waiter(db).await;
            other.terminate_sessions("datname = current_database() AND wait_event_type = 'Lock'");
            other.execute("COMMIT");
        };
        let (created, ()) = join(db.create_user(json!({"userName": "ada"})), terminate).await;
        assert!(matches!(created, Err(OpError::Database(DbError::OutcomeUnknown(_)))), "{created:?}");
        db.create_user(json!({"userName": "ada"})).await.unwrap();
    });
}

/// A tenant that requires unique values, which are checked in a transaction.
#[test]
fn creates_in_a_tenant_with_unique_emails_run_in_a_transaction() {
    run(Engine::Postgres, async |db| {
        Sql::open(db.url())
            .execute("UPDATE heads SET unique_values = true; UPDATE tenants SET unique_emails = true");
        let create = |name: &str| -> Create {
            new_user(json!({"userName": name, "emails": [{"value": "ada@example.com"}]}))
        };
        db.call(create("ada")).await.unwrap();
        let taken = db.call(create("grace")).await;
        assert!(matches!(taken, Err(OpError::Conflict { attribute: "emails", .. })), "{taken:?}");
        assert_eq!(db.changes().await.len(), 1);
    });
}

async fn wait_for_lock_waiter(db: &TestDatabase) {
    let mut sql = Sql::open(db.url());
    let waiters = "SELECT count(*) AS number FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sql.number(waiters) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
