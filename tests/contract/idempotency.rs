//! Operations that are carried out once however often they are asked for, for as long as their answers are kept.

use crate::contract::bed::{Bed, NOON, create};
use diesel::prelude::*;
use roster::db::types::Uid;
use roster::db::{Class, DbError, Operation, Tx};
use roster::domain::DEFAULT_TENANT;
use roster::domain::idempotency::{BodyHash, KEPT, Request, StoredResponse};
use roster::domain::time::Timestamp;
use roster::ops::idempotency::{Answered, Forget, Once};
use roster::ops::users::Create;
use roster::schema::idempotency;
use serde_json::json;
use uuid::Uuid;

each_engine! {
    the_first_answer_is_given_until_it_expires,
    each_part_of_a_name_counts,
    what_fails_leaves_its_name_free,
    what_has_expired_is_forgotten_a_few_at_a_time,
}

/// A day in microseconds, which is how long an answer is kept.
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

fn once(request: Request, user_name: &str) -> Once<Create> {
    let answer = |user: &roster::domain::user::User| StoredResponse {
        status: 201,
        headers: vec![("etag".to_owned(), "\"1\"".to_owned())],
        body: Some(user.attributes.user_name.clone()),
        resource: user.id,
    };
    Once { request, operation: create(json!({ "userName": user_name })), answer: Box::new(answer) }
}

/// What a request was answered with: who was made, and whether again.
fn said(answered: &Answered) -> (&str, bool) {
    (answered.answer.body.as_deref().unwrap(), answered.replayed)
}

async fn the_first_answer_is_given_until_it_expires(bed: &Bed) {
    assert_eq!(i64::try_from(KEPT.as_micros()), Ok(DAY));
    let first = bed.call(once(request("k", NOON), "ada")).await.unwrap();
    assert_eq!(said(&first), ("ada", false));
    let again = bed.call(once(request("k", NOON + DAY - 1), "bob")).await.unwrap();
    assert_eq!(again, Answered { answer: first.answer, replayed: true });
    let other = Request { body: BodyHash::of(&json!({"a": 2})), ..request("k", NOON + DAY - 1) };
    assert_eq!(bed.call(once(other.clone(), "bob")).await, Err(DbError::KeyReused));

    // Expired, though nobody has removed it: the name is free, for another body too, and kept from now on.
    let later = Request { now: Timestamp::from(NOON + DAY), ..other };
    assert_eq!(said(&bed.call(once(later.clone(), "bob")).await.unwrap()), ("bob", false));
    let repeat = Request { now: Timestamp::from(NOON + 2 * DAY - 1), ..later };
    assert_eq!(said(&bed.call(once(repeat, "eve")).await.unwrap()), ("bob", true));
}

async fn each_part_of_a_name_counts(bed: &Bed) {
    let name = request("k", NOON);
    let others = [
        Request { caller: "key:other".to_owned(), ..name.clone() },
        Request { caller: "admin:tester".to_owned(), ..name.clone() },
        Request { method: "PUT", ..name.clone() },
        Request { path: "/groups", ..name.clone() },
        Request { key: "K".to_owned(), ..name.clone() },
        Request { tenant: Uuid::now_v7(), ..name.clone() },
    ];
    bed.call(once(name, "first")).await.unwrap();
    for (index, other) in others.into_iter().enumerate() {
        let answered = bed.call(once(other, &format!("user {index}"))).await.unwrap();
        assert!(!answered.replayed, "{index}");
    }
}

async fn what_fails_leaves_its_name_free(bed: &Bed) {
    let taken = Err(DbError::Taken { attribute: "userName" });
    let ada = bed.create(json!({"userName": "ada"})).await.unwrap();
    assert_eq!(bed.call(once(request("k", NOON), "ADA")).await, taken);
    assert_eq!(bed.call(Names).await, Ok(vec![]));
    let patch = json!({"userName": "grace"});
    bed.call(crate::contract::users::patch(ada.id, patch)).await.unwrap();
    assert_eq!(said(&bed.call(once(request("k", NOON), "ADA")).await.unwrap()), ("ADA", false));
}

async fn what_has_expired_is_forgotten_a_few_at_a_time(bed: &Bed) {
    for (index, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let now = NOON + i64::try_from(index).unwrap();
        bed.call(once(request(key, now), key)).await.unwrap();
    }
    let forget = |now, limit| bed.call(Forget { now: Timestamp::from(now), limit });
    assert_eq!(forget(NOON + DAY - 1, 9).await, Ok(0));
    assert_eq!(forget(NOON + DAY + 2, 2).await, Ok(2));
    assert_eq!(bed.call(Names).await.unwrap(), ["c", "d"]);
    assert_eq!(forget(NOON + DAY + 2, 2).await, Ok(1));
    assert_eq!(bed.call(Names).await.unwrap(), ["d"]);
}

/// The keys of the answers that are kept.
struct Names;

impl Operation for Names {
    type Output = Vec<String>;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
        let query = idempotency::table
            .filter(idempotency::tenant_id.eq(Uid(DEFAULT_TENANT)))
            .order(idempotency::idempotency_key)
            .select(idempotency::idempotency_key);
        Ok(tx.load(query)?)
    }
}
