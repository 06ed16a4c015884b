//! Edits of users by a function of the stored user.

use crate::contract::fixture::{Engine, NOON, TestDatabase, conflict, if_match, run};
use crate::contract::probes::call_queued;
use crate::contract::users::{delete, find};
use crate::support::sql::Sql;
use futures_util::future::{join, join_all};
use roster::db::Operation;
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::Conditions;
use roster::domain::fields::FieldError;
use roster::domain::user::{Draft, User};
use roster::ops::OpError;
use roster::ops::users::{Edit, EditFunction};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

each_engine!(
    an_edit_writes_values_computed_from_the_stored_user,
    a_refused_edit_changes_nothing,
    preconditions_are_checked_before_the_function_runs,
    an_edit_without_effect_records_no_change,
    a_conflicting_edit_changes_nothing,
    concurrent_edits_keep_all_changes,
    edits_in_a_batch_keep_their_own_results,
    edits_do_not_restore_a_deleted_user,
);

/// Edits a user with a merge patch that is computed from the stored user.
fn edit_if(
    conditions: Conditions,
    id: Uuid,
    patch: impl Fn(&User) -> Value + Send + Sync + 'static,
) -> impl Operation<Output = Result<User, Vec<FieldError>>, Error = OpError> {
    let values = EditFunction(move |user: &User| Draft::patch(user, &patch(user)));
    Edit { tenant: DEFAULT_TENANT, id, values, conditions, now: (NOON + 5).into() }
}

fn edit(
    id: Uuid,
    patch: impl Fn(&User) -> Value + Send + Sync + 'static,
) -> impl Operation<Output = Result<User, Vec<FieldError>>, Error = OpError> {
    edit_if(Conditions::default(), id, patch)
}

/// Appends a letter to the title.
fn append(id: Uuid, letter: char) -> impl Operation<Output = Result<User, Vec<FieldError>>, Error = OpError> {
    edit(id, move |user| json!({ "title": format!("{}{letter}", title(user)) }))
}

fn title(user: &User) -> &str {
    user.attributes.title.as_deref().unwrap_or_default()
}

async fn create(db: &TestDatabase, user_name: &str) -> User {
    db.create_user(json!({ "userName": user_name, "title": "a" })).await.unwrap()
}

async fn an_edit_writes_values_computed_from_the_stored_user(db: &TestDatabase) {
    let user = create(db, "ada").await;
    let edited = db.call_as("me", append(user.id, 'b')).await.unwrap().unwrap();
    assert_eq!((title(&edited), edited.version, edited.updated_at), ("ab", 2, (NOON + 5).into()));
    assert_eq!(db.call(find(user.id)).await, Ok(edited));
    let changes = db.changes().await.split_off(1);
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((change.kind.as_str(), change.version, change.request_id.as_str()), ("user.updated", 2, "me"));
    assert_eq!(change.before.clone().map(Value::from), Some(json!({"title": "a"})));
    assert_eq!(change.after.clone().map(Value::from), Some(json!({"title": "ab"})));
}

async fn a_refused_edit_changes_nothing(db: &TestDatabase) {
    let user = create(db, "ada").await;
    let refused = db.call(edit(user.id, |_| json!({"userName": ""}))).await.unwrap().unwrap_err();
    assert_eq!(refused[0].pointer, "/userName");
    assert_eq!(db.call(find(user.id)).await, Ok(user));
    assert_eq!(db.changes().await.len(), 1);
}

async fn preconditions_are_checked_before_the_function_runs(db: &TestDatabase) {
    let user = create(db, "ada").await;
    let panicking = |conditions, id| edit_if(conditions, id, |_| panic!("the function runs"));
    assert_eq!(db.call(panicking(if_match(7), user.id)).await, Err(OpError::PreconditionFailed(Some(1))));
    assert_eq!(db.call(panicking(Conditions::default(), Uuid::now_v7())).await, Err(OpError::NotFound));
    assert_eq!(db.call(find(user.id)).await, Ok(user.clone()));
    let edited = db.call(edit_if(if_match(1), user.id, |_| json!({"title": "b"}))).await.unwrap().unwrap();
    assert_eq!((title(&edited), edited.version), ("b", 2));
}

async fn an_edit_without_effect_records_no_change(db: &TestDatabase) {
    let user = create(db, "ada").await;
    let same = db.call(edit(user.id, |user| json!({ "title": title(user) }))).await;
    assert_eq!(same, Ok(Ok(user.clone())));
    assert_eq!(db.call(find(user.id)).await, Ok(user));
    assert_eq!(db.changes().await.len(), 1);
}

async fn a_conflicting_edit_changes_nothing(db: &TestDatabase) {
    let (ada, bob) = (create(db, "ada").await, create(db, "bob").await);
    let rename = edit(bob.id, |_| json!({"userName": "ADA", "title": "x"}));
    assert_eq!(db.call(rename).await, Err(conflict("userName", "ADA")));
    assert_eq!((db.call(find(ada.id)).await, db.call(find(bob.id)).await), (Ok(ada), Ok(bob)));
    assert_eq!(db.changes().await.len(), 2);
}

async fn concurrent_edits_keep_all_changes(db: &TestDatabase) {
    let user = create(db, "ada").await;
    let edits = ('b'..='z').map(|letter| db.call(append(user.id, letter)));
    for edited in join_all(edits).await {
        edited.unwrap().unwrap();
    }
    let user = db.call(find(user.id)).await.unwrap();
    let mut letters: Vec<_> = title(&user).chars().collect();
    letters.sort_unstable();
    assert_eq!((letters, user.version), (('a'..='z').collect(), 26));
}

async fn edits_in_a_batch_keep_their_own_results(db: &TestDatabase) {
    let (ada, bob) = (create(db, "ada").await, create(db, "bob").await);
    let missing = Uuid::now_v7();
    // All edits have the same type, so that they form a batch.
    let edits = [(ada.id, "b"), (bob.id, ""), (missing, "b"), (ada.id, "c")];
    let edits = edits.map(|(id, name)| {
        edit(id, move |user| json!({ "userName": name, "title": format!("{}{name}", title(user)) }))
    });
    let results = call_queued(db, edits.into()).await;
    let [Ok(Ok(first)), Ok(Err(_refused)), Err(OpError::NotFound), Ok(Ok(second))] = &results[..] else {
        panic!("{results:?}")
    };
    assert_eq!((title(first), first.version), ("ab", 2));
    assert_eq!((title(second), second.version), ("abc", 3));
    assert_eq!((db.call(find(ada.id)).await, db.call(find(bob.id)).await), (Ok(second.clone()), Ok(bob)));
    assert_eq!(db.changes().await.len(), 4);
}

/// Edits that run after a concurrent deletion fail. None of them restores the user.
async fn edits_do_not_restore_a_deleted_user(db: &TestDatabase) {
    let user = create(db, "ada").await;
    let edits = ('b'..='f').map(|letter| db.call(append(user.id, letter)));
    let (edited, deleted) = join(join_all(edits), db.call(delete(user.id))).await;
    deleted.unwrap();
    assert!(edited.iter().all(|result| matches!(result, Ok(Ok(_)) | Err(OpError::NotFound))), "{edited:?}");
    assert_eq!(db.call(find(user.id)).await, Err(OpError::NotFound));
}

/// Another session changes the user while edits wait for its lock. They are applied to the new values.
#[test]
fn edits_of_a_locked_user_see_its_new_values() {
    run(Engine::Postgres, async |db| {
        let user = create(db, "ada").await;
        let mut other = Sql::open(db.url());
        other.execute(&format!("BEGIN; UPDATE users SET version = 7 WHERE id = '{}'", user.id));
        let unlock = async {
            let waiting = "SELECT count(*) AS number FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while Sql::open(db.url()).number(waiting) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            other.execute("COMMIT");
        };
        let edits = call_queued(db, vec![append(user.id, 'b'), append(user.id, 'b')]);
        let (results, ()) = join(edits, unlock).await;
        let versions: Vec<_> = results.into_iter().map(|user| user.unwrap().unwrap().version).collect();
        assert_eq!(versions, [8, 9]);
        assert_eq!(title(&db.call(find(user.id)).await.unwrap()), "abb");
    });
}
