//! Operations with an idempotency key: they run once, and retries receive the stored response until it expires.

use crate::contract::fixture::{NOON, TestDatabase, conflict, new_user};
use crate::contract::users::patch;
use diesel::prelude::*;
use roster::db::types::Uid;
use roster::db::{Class, Operation, Tx};
use roster::domain::DEFAULT_TENANT;
use roster::domain::idempotency::{BodyHash, RETENTION, Request, StoredResponse};
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::ops::OpError;
use roster::ops::idempotency::{DeleteExpired, Idempotent, IdempotentResponse};
use roster::ops::users::Create;
use roster::schema::idempotency;
use serde_json::json;
use uuid::Uuid;

each_engine! {
    the_first_response_is_replayed_until_it_expires,
    the_same_key_in_another_scope_is_a_new_request,
    a_failed_operation_does_not_consume_its_key,
    expired_responses_are_deleted_up_to_the_limit,
}

/// A day in microseconds: the time for which a response is stored.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn request(key: &str, now: i64) -> Request {
    Request {
        tenant: DEFAULT_TENANT,
        caller: "key:tester".to_owned(),
        method: "POST",
        path: "/users",
        key: key.to_owned(),
        body: BodyHash::of(&json!({"a": 1})),
        now: Timestamp::from(now),
    }
}

fn once(request: Request, user_name: &str) -> Idempotent<Create> {
    let respond = |user: &User| StoredResponse {
        status: 201,
        headers: vec![("etag".to_owned(), "\"1\"".to_owned())],
        body: Some(user.attributes.user_name.clone()),
        resource: user.id,
    };
    let (users, operation) = (Vec::new(), new_user(json!({ "userName": user_name })));
    Idempotent { request, users, operation, respond: Box::new(respond) }
}

/// Calls `once` and returns the name of the user in the response, and whether the response was replayed.
async fn create_once(db: &TestDatabase, request: Request, user_name: &str) -> (String, bool) {
    let created = db.call(once(request, user_name)).await.unwrap();
    (created.response.body.unwrap(), created.replayed)
}

async fn the_first_response_is_replayed_until_it_expires(db: &TestDatabase) {
    assert_eq!(i64::try_from(RETENTION.as_micros()), Ok(DAY));
    let first = db.call(once(request("k", NOON), "ada")).await.unwrap();
    assert_eq!((first.response.body.as_deref(), first.replayed), (Some("ada"), false));
    let again = db.call(once(request("k", NOON + DAY - 1), "bob")).await.unwrap();
    assert_eq!(again, IdempotentResponse { response: first.response, replayed: true });
    let other = Request { body: BodyHash::of(&json!({"a": 2})), ..request("k", NOON + DAY - 1) };
    assert_eq!(db.call(once(other.clone(), "bob")).await, Err(OpError::KeyReused));

    // An expired response frees the key, for another body as well, even if it is not yet deleted.
    let later = Request { now: Timestamp::from(NOON + DAY), ..other };
    assert_eq!(create_once(db, later.clone(), "bob").await, ("bob".to_owned(), false));
    let retry = Request { now: Timestamp::from(NOON + 2 * DAY - 1), ..later };
    assert_eq!(create_once(db, retry, "eve").await, ("bob".to_owned(), true));
}

async fn the_same_key_in_another_scope_is_a_new_request(db: &TestDatabase) {
    let first = request("k", NOON);
    let others = [
        Request { caller: "key:other".to_owned(), ..first.clone() },
        Request { caller: "admin:tester".to_owned(), ..first.clone() },
        Request { method: "PUT", ..first.clone() },
        Request { path: "/groups", ..first.clone() },
        Request { key: "K".to_owned(), ..first.clone() },
        Request { tenant: Uuid::now_v7(), ..first.clone() },
    ];
    db.call(once(first, "first")).await.unwrap();
    for (index, other) in others.into_iter().enumerate() {
        let (_, replayed) = create_once(db, other, &format!("user {index}")).await;
        assert!(!replayed, "{index}");
    }
}

async fn a_failed_operation_does_not_consume_its_key(db: &TestDatabase) {
    let ada = db.create_user(json!({"userName": "ada"})).await.unwrap();
    let taken = Err(conflict("userName", "ADA"));
    assert_eq!(db.call(once(request("k", NOON), "ADA")).await, taken);
    assert_eq!(db.call(StoredKeys).await, Ok(vec![]));
    db.call(patch(ada.id, json!({"userName": "grace"}))).await.unwrap();
    assert_eq!(create_once(db, request("k", NOON), "ADA").await, ("ADA".to_owned(), false));
}

async fn expired_responses_are_deleted_up_to_the_limit(db: &TestDatabase) {
    for (now, key) in (NOON..).zip(["a", "b", "c", "d"]) {
        db.call(once(request(key, now), key)).await.unwrap();
    }
    let delete_expired = |now, limit| db.call(DeleteExpired { now: Timestamp::from(now), limit });
    assert_eq!(delete_expired(NOON + DAY - 1, 9).await, Ok(0));
    assert_eq!(delete_expired(NOON + DAY + 2, 2).await, Ok(2));
    assert_eq!(db.call(StoredKeys).await.unwrap(), ["c", "d"]);
    assert_eq!(delete_expired(NOON + DAY + 2, 2).await, Ok(1));
    assert_eq!(db.call(StoredKeys).await.unwrap(), ["d"]);
}

/// The keys of the default tenant's stored responses.
struct StoredKeys;

impl Operation for StoredKeys {
    type Output = Vec<String>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, OpError> {
        let query = idempotency::table
            .filter(idempotency::tenant_id.eq(Uid(DEFAULT_TENANT)))
            .order(idempotency::idempotency_key)
            .select(idempotency::idempotency_key);
        Ok(tx.load(query)?)
    }
}
