//! Query plans of reverts: each finds the changes of its resources and memberships by index.

use crate::plans::dataset::user;
use crate::plans::explain::{forget_statements, take_statements};
use crate::plans::listing::plan;
use roster::db::{Connection, Database};
use roster::domain::DEFAULT_TENANT;
use roster::domain::origin::Origin;
use roster::domain::revert::{Author, Selection};
use roster::domain::time::Timestamp;
use roster::ops::revert::Reverter;
use uuid::Uuid;

/// The revision before those of [`add_changes`].
const OLD: i64 = 10_000_000;

/// Adds the creation of a user, and deletions of a user and a group that do not exist.
fn add_changes(connection: &mut Connection) {
    let id = |id: Uuid| match connection {
        Connection::Postgres(_) => format!("'{id}'::uuid"),
        Connection::Sqlite(_) => format!("x'{}'", id.simple()),
    };
    let rows = [
        ("user.created", "user", user(7)),
        ("user.deleted", "user", Uuid::from_u128(1)),
        ("group.deleted", "group", Uuid::from_u128(2)),
    ];
    let rows = (1..).zip(rows).map(|(number, (kind, resource, of))| {
        let (revision, tenant, of) = (OLD + number, id(DEFAULT_TENANT), id(of));
        format!("({tenant}, {revision}, 1, 'key', 'z', 'b', '{kind}', '{resource}', {of}, 1, FALSE)")
    });
    let rows: Vec<_> = rows.collect();
    connection
        .batch_execute(&format!(
            "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, resource_id, \
             version, erased) VALUES {}; UPDATE heads SET revision = {OLD} + 3 WHERE tenant_id = {};",
            rows.join(", "),
            id(DEFAULT_TENANT)
        ))
        .unwrap();
}

/// `members` is the revision before changes of members by the key `a`, and `users` that before updates of users.
pub(crate) async fn check_plans(database: &Database, connection: &mut Connection, users: i64, members: i64) {
    add_changes(connection);
    check(database, ("a", users, users + 10), true).await;
    check(database, ("a", members, members + 600), false).await;
    // The creation of the user is not undone.
    check(database, ("z", OLD + 1, OLD + 3), true).await;
    check(database, ("z", OLD, OLD + 1), false).await;
}

async fn check(database: &Database, (id, after, until): (&str, i64, i64), apply: bool) {
    let actor = Author { kind: "key".to_owned(), id: id.to_owned() };
    let selection = Selection { after, until, actor };
    let open =
        || Reverter::open(database.clone(), Origin::server(), DEFAULT_TENANT, selection.clone(), 1_000);
    forget_statements();
    let mut planning = open().await.unwrap();
    while planning.plan_next().await.unwrap() {}
    if apply {
        // The values of the changes are unknown, so nothing is written.
        let mut applying = open().await.unwrap();
        while applying.apply_next(Timestamp::from(1)).await.unwrap() {}
    }
    let mut checked = 0;
    for statement in take_statements() {
        let of_resource = ["AND changes.resource_id", "AND changes.member_id"];
        if of_resource.iter().any(|column| statement.contains(column)) {
            let plan = plan(database, &statement).await;
            let by =
                |indexes: [&str; 2]| plan.iter().any(|step| indexes.iter().any(|index| step.contains(index)));
            assert!(by(["changes_resource", "changes_membership"]), "{statement}\n{plan:#?}");
            assert!(!by(["changes_pkey", "autoindex_changes"]), "{statement}\n{plan:#?}");
            assert!(!by(["Seq Scan on changes", "SCAN changes"]), "{statement}\n{plan:#?}");
            checked += 1;
        }
    }
    assert!(checked > 0, "{selection:?}");
}
