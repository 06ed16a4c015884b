//! Imports in batches, and several at once.

use crate::contract::fixture::{TestDatabase, new_user, origin};
use futures_util::future::join_all;
use roster::db::Options as DatabaseOptions;
use roster::domain::DEFAULT_TENANT;
use roster::domain::import::{Line, Match, Mode, Parser, RawLine};
use roster::domain::time::Timestamp;
use roster::ops::import::{Apply, Importer, LineResult, Options, Outcome, Totals};
use serde_json::{Value, json};
use uuid::Uuid;

each_engine!(
    a_plan_has_the_outcomes_of_the_import_and_no_effect,
    a_line_that_an_earlier_attempt_created_is_accepted_only_when_resuming,
    lines_that_match_one_user_in_different_ways_apply_in_order,
    the_nil_uuid_is_no_id,
);
each_engine!(with crate::contract::imports::two_writers: imports_at_once_create_each_user_once);

fn two_writers(options: &mut DatabaseOptions) {
    options.writers = 2;
}

fn lines(values: impl IntoIterator<Item = Value>) -> Vec<Line> {
    let line = |(number, value): (u64, Value)| {
        let text = Some(value.to_string().into_bytes());
        Parser::Ndjson.parse(RawLine { number, range: 0..0, text, is_complete: true })
    };
    (1..).zip(values).map(line).collect()
}

fn apply(options: Options, lines: &[Line]) -> Apply {
    let (tenant, now) = (DEFAULT_TENANT, Timestamp::from(crate::contract::fixture::NOON));
    Apply {
        tenant,
        options,
        lines: lines.into(),
        range: 0..lines.len(),
        without: Vec::new(),
        random: Uuid::new_v4,
        now,
    }
}

/// The kinds of outcomes, without ids.
fn kinds(outcomes: &[Outcome]) -> Vec<&'static str> {
    let kind = |outcome: &Outcome| match outcome {
        Outcome::Created(_) => "created",
        Outcome::Updated(..) => "updated",
        Outcome::Unchanged => "unchanged",
        Outcome::Refused(_) => "refused",
    };
    outcomes.iter().map(kind).collect()
}

async fn a_plan_has_the_outcomes_of_the_import_and_no_effect(db: &TestDatabase) {
    let bob = db.create_user(json!({ "userName": "bob", "externalId": "b" })).await.unwrap();
    let group = db.create_group(json!({ "displayName": "g" })).await.unwrap();
    let member = |user: Uuid| json!({ "resource": "member", "groupId": group.id, "userId": user, "version": 1, "addedAt": "2026-01-02T03:04:05Z" });
    let lines = lines([
        json!({ "userName": "eve" }),
        json!({ "userName": "dan", "externalId": "b" }),
        json!({ "userName": "bob", "title": "x" }),
        json!({ "userName": "BOB", "title": "x" }),
        json!({ "userName": "bob", "title": "x", "nickName": 1 }),
        member(bob.id),
        member(bob.id),
        member(Uuid::nil()),
    ]);
    let before = db.changes().await.len();
    let expected = ["created", "refused", "updated", "updated", "refused", "created", "unchanged", "refused"];
    let plan = db.call(apply(Options { plan: true, ..Options::default() }, &lines)).await.unwrap();
    assert_eq!(kinds(&plan), expected);
    assert_eq!(db.changes().await.len(), before);
    let applied = db.call(apply(Options::default(), &lines)).await.unwrap();
    assert_eq!(kinds(&applied), expected);
    let kinds: Vec<_> = db.changes().await.drain(before..).map(|change| change.kind).collect();
    assert_eq!(kinds, ["user.created", "user.updated", "user.updated", "member.added"]);
}

async fn a_line_that_an_earlier_attempt_created_is_accepted_only_when_resuming(db: &TestDatabase) {
    db.call(new_user(json!({ "userName": "ada" }))).await.unwrap();
    let lines = lines([json!({ "userName": "ada" }), json!({ "userName": "ada", "title": "x" })]);
    for (resuming, expected) in [(true, ["unchanged", "refused"]), (false, ["refused", "refused"])] {
        let options = Options { mode: Mode::Create, resuming, ..Options::default() };
        assert_eq!(kinds(&db.call(apply(options, &lines)).await.unwrap()), expected);
    }
}

async fn lines_that_match_one_user_in_different_ways_apply_in_order(db: &TestDatabase) {
    let ada = db.create_user(json!({ "userName": "ada" })).await.unwrap();
    let entry = |after: Value| {
        let time = "2026-01-02T03:04:05Z";
        json!({ "resource": "user", "id": ada.id, "version": 1, "time": time, "createdAt": time, "after": after })
    };
    let lines = lines([entry(json!({ "title": "Countess" })), json!({ "userName": "ada", "nickName": "A" })]);
    let outcomes = db.call(apply(Options::default(), &lines)).await.unwrap();
    assert_eq!(kinds(&outcomes), ["updated", "updated"]);
    let versions: Vec<_> = db.changes().await.iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 2, 3]);
    let again = db.call(apply(Options::default(), &lines)).await.unwrap();
    assert_eq!(kinds(&again), ["unchanged", "unchanged"], "both lines have taken effect");
}

async fn the_nil_uuid_is_no_id(db: &TestDatabase) {
    let options = Options { matching: Some(Match::Id), ..Options::default() };
    let lines = lines([json!({ "id": Uuid::nil(), "userName": "ada" })]);
    assert_eq!(kinds(&db.call(apply(options, &lines)).await.unwrap()), ["refused"]);
}

async fn imports_at_once_create_each_user_once(db: &TestDatabase) {
    const USERS: usize = 300;
    let imports = (0..4).map(|import| async move {
        let mut importer =
            Importer::new(db.database.clone(), origin("test"), DEFAULT_TENANT, Options::default(), Totals::default());
        // Each import has the users in another order, and each line has an e-mail address, so that it needs more rows.
        for batch in 0..3 {
            let user = |number: usize| {
                let number = (number * 7 + import * 13 + batch * USERS / 3) % USERS;
                json!({ "userName": format!("u{number}"), "externalId": number.to_string(), "emails": [{ "value": "a@x" }] })
            };
            importer.apply(lines((0..USERS / 3).map(user)), Timestamp::from(0)).await.unwrap();
        }
        let refused = importer.take_reports().into_iter();
        let refused: Vec<_> = refused.filter(|report| matches!(report.result, LineResult::Refused { .. })).collect();
        assert_eq!(refused, [], "import {import}");
        importer.totals().created
    });
    let created: u64 = join_all(imports).await.iter().sum();
    let changes = db.changes().await;
    assert_eq!(created, changes.len() as u64);
    let ids: std::collections::HashSet<_> = changes.iter().map(|change| change.id).collect();
    assert_eq!(ids.len(), changes.len(), "no user was created twice");
    assert!((USERS / 2..=USERS).contains(&changes.len()), "{}", changes.len());
}
