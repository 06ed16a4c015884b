//! The deletion of old changes, what readers of the feed see meanwhile, and the lease on it.

use crate::contract::fixture::{NOON, TestDatabase, new_user};
use roster::clock::Clock;
use roster::db::types::Uid;
use roster::db::{Class, Operation, Tx};
use roster::domain::DEFAULT_TENANT;
use roster::domain::tenant::{self, Tenant};
use roster::domain::time::Timestamp;
use roster::ops::OpError;
use roster::ops::changes::{Feed, Read, Span};
use roster::ops::leases::{DURATION, Lease, MARGIN, Release, Take};
use roster::ops::old_changes::{Delete, Next};
use roster::ops::users::{Create, Redact};
use roster::schema::erasures;
use roster::tasks::old_changes::OldChanges;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    changes_are_deleted_up_to_the_first_one_that_is_not_old,
    tenants_with_an_old_first_change_are_found,
    no_change_is_deleted_during_an_erasure,
    no_page_lacks_a_change_that_is_deleted_meanwhile,
    a_retention_of_zero_keeps_all_changes,
    a_lease_has_one_holder_until_it_is_released_or_expires,
);

fn at(microseconds: i64) -> Timestamp {
    (NOON + microseconds).into()
}

/// Creates a user in the tenant at a time after noon, in microseconds.
async fn create_user(db: &TestDatabase, tenant: Uuid, name: &str, time: i64) {
    let create = Create { tenant, now: at(time), ..new_user(json!({ "userName": name })) };
    db.call(create).await.unwrap();
}

async fn create_tenant(db: &TestDatabase, name: &str) -> Tenant {
    let draft = tenant::Draft::read(json!({ "name": name })).expect("the body is a valid tenant");
    let create =
        roster::ops::tenants::Create { id: Uuid::now_v7(), fixed: Uuid::new_v4(), draft, now: at(0) };
    db.call(create).await.unwrap()
}

/// Deletes changes of the default tenant from before a time after noon, in microseconds.
async fn delete(db: &TestDatabase, after: i64, before: i64, limit: u32) -> Option<i64> {
    let delete = Delete { tenant: DEFAULT_TENANT, after, before: at(before), limit };
    db.call(delete).await.unwrap().map(|(last, _)| last)
}

async fn read(db: &TestDatabase, after: i64) -> Result<Feed, Span> {
    let read = Read { tenant: DEFAULT_TENANT, after, limit: 100, types: None, resource: None, admin: true };
    db.call(read).await.unwrap()
}

/// The revisions that follow `after`, or the oldest and the newest retained revision if changes are missing.
async fn revisions(db: &TestDatabase, after: i64) -> Result<Vec<i64>, (i64, i64)> {
    match read(db, after).await {
        Ok(feed) => Ok(feed.changes.iter().map(|change| change.revision).collect()),
        Err(span) => Err((span.earliest, span.head)),
    }
}

async fn changes_are_deleted_up_to_the_first_one_that_is_not_old(db: &TestDatabase) {
    for (number, time) in [0, 10, 5, 30, 20, 40].into_iter().enumerate() {
        create_user(db, DEFAULT_TENANT, &format!("user{number}"), time).await;
    }
    assert_eq!(delete(db, 0, 0, 2).await, None, "a change at the limit is not old");
    assert_eq!(delete(db, 0, 25, 2).await, Some(2), "the batch is full");
    assert_eq!(revisions(db, 0).await, Err((3, 6)));
    assert_eq!(delete(db, 2, 25, 2).await, Some(3));
    assert_eq!(delete(db, 3, 25, 2).await, None, "the change at 20 follows the one at 30");
    assert_eq!(revisions(db, 2).await, Err((4, 6)));
    assert_eq!(revisions(db, 3).await, Ok(vec![4, 5, 6]));

    assert_eq!(delete(db, 0, 41, 500).await, Some(6));
    assert_eq!(delete(db, 6, 41, 500).await, None);
    for after in [0, 5] {
        assert_eq!(revisions(db, after).await, Err((7, 6)), "{after}");
    }
    assert_eq!(revisions(db, 6).await, Ok(vec![]));
    create_user(db, DEFAULT_TENANT, "last", 50).await;
    assert_eq!(revisions(db, 5).await, Err((7, 7)));
    assert_eq!(revisions(db, 6).await, Ok(vec![7]));
}

async fn tenants_with_an_old_first_change_are_found(db: &TestDatabase) {
    // Their creation is recorded in the history of the default tenant.
    let (acme, empty) = (create_tenant(db, "acme").await.id, create_tenant(db, "empty").await.id);
    create_user(db, acme, "ada", 20).await;
    create_user(db, acme, "bob", 10).await;
    let next = async |after, before| db.call(Next { after, before: at(before) }).await.unwrap();
    assert_eq!(next(Uuid::nil(), 0).await, None);
    assert_eq!(next(Uuid::nil(), 1).await, Some(DEFAULT_TENANT));
    assert_eq!(next(DEFAULT_TENANT, 20).await, None, "only the second change of the tenant is old");
    assert_eq!(next(DEFAULT_TENANT, 21).await, Some(acme));
    assert_eq!(next(acme, 21).await, None, "{empty} has no changes");
    delete(db, 0, 21, 500).await;
    assert_eq!(next(Uuid::nil(), 21).await, Some(acme), "another tenant's changes were deleted");
}

/// Records that the erasure of a deleted user has begun.
struct BeginErasure {
    user: Uuid,
}

impl Operation for BeginErasure {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        use diesel::ExpressionMethods;
        tx.execute(diesel::insert_into(erasures::table).values((
            erasures::tenant_id.eq(Uid(DEFAULT_TENANT)),
            erasures::user_id.eq(Uid(self.user)),
            erasures::version.eq(2),
            erasures::time.eq(NOON),
            erasures::actor_type.eq("key"),
            erasures::actor_id.eq("tester"),
            erasures::request_id.eq("test"),
            erasures::responses_through.eq(0),
            erasures::redacted.eq(false),
        )))?;
        Ok(())
    }
}

async fn no_change_is_deleted_during_an_erasure(db: &TestDatabase) {
    let user = db.create_user(json!({ "userName": "ada" })).await.unwrap().id;
    create_user(db, DEFAULT_TENANT, "bob", 0).await;
    db.call(BeginErasure { user }).await.unwrap();
    assert_eq!(delete(db, 0, 1, 500).await, None);
    assert_eq!(revisions(db, 0).await, Ok(vec![1, 2]));
    // On SQLite, the row of the erasure remains until the write-ahead log is truncated.
    db.call(Redact { tenant: DEFAULT_TENANT, id: user, now: at(5) }).await.unwrap();
    assert_eq!(delete(db, 0, 1, 500).await, Some(2));
    let feed = read(db, 2).await.unwrap();
    assert_eq!(feed.changes.iter().map(|change| &*change.kind).collect::<Vec<_>>(), ["user.erased"]);
}

const RACING: i64 = 300;

/// The reader always asks for the oldest change, which the next deletion removes.
async fn no_page_lacks_a_change_that_is_deleted_meanwhile(db: &TestDatabase) {
    for number in 0..RACING {
        create_user(db, DEFAULT_TENANT, &format!("user{number}"), 0).await;
    }
    let delete_all = async {
        for after in 0..RACING {
            assert_eq!(delete(db, after, 1, 1).await, Some(after + 1));
        }
    };
    let read_all = async {
        let mut after = 0;
        while after < RACING {
            match read(db, after).await {
                Ok(feed) => assert_eq!(feed.changes.first().unwrap().revision, after + 1),
                Err(span) => after = span.earliest - 1,
            }
        }
    };
    tokio::join!(delete_all, read_all);
}

async fn a_retention_of_zero_keeps_all_changes(db: &TestDatabase) {
    create_user(db, DEFAULT_TENANT, "ada", 0).await;
    let clock = Clock::from_fn(|| i64::MAX.into());
    let task = OldChanges::new(db.database.clone(), clock, Duration::ZERO);
    tokio::time::timeout(Duration::from_secs(10), task.run()).await.expect("the task ends");
    assert_eq!(revisions(db, 0).await, Ok(vec![1]));
}

async fn a_lease_has_one_holder_until_it_is_released_or_expires(db: &TestDatabase) {
    let [first, second] = [(); 2].map(|()| Lease { name: "test", holder: Uuid::new_v4() });
    let take = async |lease, now| db.call(Take { lease, now }).await.unwrap();
    let start = at(0);
    assert!(take(first, start).await);
    assert!(!take(second, start).await);
    assert!(take(Lease { name: "other", ..second }, start).await, "another name is another lease");
    let renewed = start.plus(DURATION / 2);
    assert!(take(first, renewed).await);
    let free = renewed.plus(DURATION + MARGIN);
    assert!(!take(second, free).await);
    let free = free.plus(Duration::from_micros(1));
    assert!(take(second, free).await);
    assert!(!take(first, free).await);

    db.call(Release(first)).await.unwrap();
    assert!(!take(first, free).await, "only the holder can release a lease");
    db.call(Release(second)).await.unwrap();
    assert!(take(first, free).await);

    let ahead = free.plus(1000 * DURATION);
    assert!(take(first, ahead).await);
    assert!(take(second, free).await, "no lease is valid for so long");
}
