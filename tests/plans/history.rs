//! Query plans of reads of the past: each finds the changes of its resource by index.

use crate::plans::dataset::user;
use crate::plans::explain::{forget_statements, take_statements};
use crate::plans::listing::plan;
use roster::db::{Connection, Database, Operation};
use roster::domain::DEFAULT_TENANT;
use roster::domain::group::Group;
use roster::domain::origin::Origin;
use roster::domain::point::Point;
use roster::domain::user::User;
use roster::ops::PageQuery;
use roster::ops::history::{Find, ListGroups, ListMembers, Moment, ResourceChanges};
use std::fmt::Debug;
use std::marker::PhantomData;
use uuid::Uuid;

/// The revision before those of [`add_changes`].
pub(crate) const OLD: i64 = 1_000_000;

/// Adds a change of each user, and of each member of a group.
fn add_changes(connection: &mut Connection, group: Uuid) {
    let columns = "tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, resource_id, member_id, \
                   version, before, after, erased";
    let group = match connection {
        Connection::Postgres(_) => format!("'{group}'::uuid"),
        Connection::Sqlite(_) => format!("x'{}'", group.simple()),
    };
    connection
        .batch_execute(&format!(
            "INSERT INTO changes ({columns}) SELECT tenant_id, {OLD} + row_number() OVER (ORDER BY id), 1, 'key', 'a', 'b', \
             'user.updated', 'user', id, NULL, 2, '{{}}', '{{}}', FALSE FROM users;
             INSERT INTO changes ({columns}) SELECT tenant_id, 2 * {OLD} + row_number() OVER (ORDER BY user_id), 1, 'key', 'a', \
             'b', 'member.added', 'member', group_id, user_id, 2, NULL, NULL, FALSE FROM members WHERE group_id = {group};
             UPDATE heads SET revision = (SELECT max(revision) FROM changes WHERE changes.tenant_id = heads.tenant_id);"
        ))
        .unwrap();
    if let Connection::Postgres(_) = connection {
        connection.batch_execute("ANALYZE").unwrap();
    }
}

pub(crate) async fn check_plans(database: &Database, connection: &mut Connection, group: Uuid) {
    add_changes(connection, group);
    let (tenant, now) = (DEFAULT_TENANT, i64::MAX.into());
    let page = PageQuery { after: None, limit: 50, total: true };
    for at in [Point::Revision(OLD), Point::Revision(2 * OLD), Point::Time(0.into()), Point::Time(1.into())] {
        let moment = Moment { tenant, at, now };
        for number in [50, 500, 90_000] {
            check(database, Find::<User> { moment, id: user(number), of: PhantomData }).await;
            check(database, ListGroups { moment, user: user(number), page }).await;
        }
        check(database, Find::<Group> { moment, id: group, of: PhantomData }).await;
        check(database, ListMembers { moment, group, page }).await;
    }
    for before in [None, Some(OLD), Some(2 * OLD)] {
        check(
            database,
            ResourceChanges::<User> { tenant, id: user(500), before, limit: 50, of: PhantomData },
        )
        .await;
        check(database, ResourceChanges::<Group> { tenant, id: group, before, limit: 50, of: PhantomData })
            .await;
    }
}

async fn check(database: &Database, read: impl Operation + Debug) {
    forget_statements();
    let details = format!("{read:?}");
    database.call(&Origin::server(), read).await.unwrap_or_else(|_| panic!("{details}"));
    let mut checked = 0;
    for statement in take_statements() {
        let of_resource =
            statement.contains("changes.resource_id") || statement.contains("changes.member_id");
        if of_resource {
            let plan = plan(database, &statement).await;
            let by =
                |indexes: [&str; 2]| plan.iter().any(|step| indexes.iter().any(|index| step.contains(index)));
            assert!(by(["changes_resource", "changes_membership"]), "{details}\n{statement}\n{plan:#?}");
            assert!(!by(["changes_pkey", "autoindex_changes"]), "{details}\n{statement}\n{plan:#?}");
            assert!(!by(["Seq Scan on changes", "SCAN changes"]), "{details}\n{statement}\n{plan:#?}");
            checked += 1;
        }
    }
    assert!(checked > 0, "{details}");
}
