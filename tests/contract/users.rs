//! The operations on users.

use crate::contract::fixture::{Engine, NOON, TestDatabase, conflict, draft, if_match, new_user, run};
use roster::domain::condition::Conditions;
use roster::domain::filter::Filter;
use roster::domain::schema::{USERS, Vocabulary};
use roster::domain::sort::Sort;
use roster::domain::time::Timestamp;
use roster::domain::user::{User, WriteMode};
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::OpError;
use roster::ops::changes::{Read, Resource};
use roster::ops::listing::Query;
use roster::ops::resource::NewValues;
use roster::ops::users::{Delete, Erase, Find, Redact, Remaining, TruncateLog, Update};
use serde_json::{Value, json};
use std::marker::PhantomData;
use uuid::Uuid;

each_engine!(
    a_created_user_is_found_with_its_attributes,
    a_page_is_read_until_its_documents_fill_it,
    missing_users_are_not_found,
    users_of_other_tenants_are_not_found,
    user_names_are_unique_ignoring_case_and_unicode_form,
    an_external_id_is_unique_until_it_is_released,
    pages_follow_each_other_in_id_order,
    pages_by_offset_work_in_every_order,
    the_total_counts_creations_and_deletions,
    a_replacement_clears_omitted_attributes,
    a_patch_changes_only_the_named_attributes,
    an_invalid_patch_changes_nothing,
    a_write_without_effect_changes_nothing,
    updated_at_never_decreases,
    stale_conditions_refuse_every_write,
    the_display_name_of_a_manager_is_looked_up,
);

fn all_attributes() -> Value {
    json!({
        "userName": "Ådá \u{202e}🧑‍💻", "externalId": "e-1", "displayName": "Ada ✓", "active": false, "title": "",
        "name": {"familyName": "Lovelace", "honorificPrefix": "Lady"},
        "emails": [{"value": "Ada@Example.com", "type": "work", "primary": true}, {"type": "home"}],
        "addresses": [{"country": "GB", "primary": true}],
        "x509Certificates": [{"value": "MIIB"}],
        "enterprise": {"department": "Engines", "manager": {"value": "nobody"}},
        "custom": {"a": null, "b": [1.5, 1e300, 18446744073709551615u64, -0.0], "c": {"d": []}},
        "extensions": {"urn:example:x:2.0": {"y": null}},
    })
}

async fn a_created_user_is_found_with_its_attributes(db: &TestDatabase) {
    let created = db.create_user(all_attributes()).await.unwrap();
    let found = db.call(find(created.id)).await.unwrap();
    assert_eq!(found, created);
    assert_eq!((created.version, created.external_id()), (1, Some("e-1")));
    assert_eq!((created.created_at, created.updated_at), (Timestamp::from(NOON), Timestamp::from(NOON)));
    let sent = draft(all_attributes(), WriteMode::Create).attributes;
    assert_eq!(found.attributes.custom, sent.custom);
    assert_eq!(found.attributes.extensions, sent.extensions);
    assert_eq!(found.attributes.emails, sent.emails);
}

async fn pages_by_offset_work_in_every_order(db: &TestDatabase) {
    for (name, title) in [("a", json!("z")), ("b", Value::Null), ("c", json!("Y"))] {
        db.create_user(json!({"userName": name, "title": title})).await.unwrap();
    }
    let filters = [None, Some("userName co \"\""), Some("userName ge \"a\"")];
    for (path, descending, expected) in [
        (&["id"][..], false, ["a", "b", "c"]),
        (&["displayName"], true, ["c", "b", "a"]),
        (&["title"], false, ["c", "a", "b"]),
        (&["title"], true, ["b", "a", "c"]),
    ] {
        let sort = Sort::by_attribute(&USERS, path, descending).unwrap();
        for (skip, filter) in (0..4).flat_map(|skip| filters.map(|filter| (skip, filter))) {
            let filter = filter.map(|text| Filter::parse(text, &USERS, Vocabulary::Native).unwrap());
            let found =
                db.list(Query { sort, filter, skip: Some(skip), total: true, ..query(2) }).await.unwrap();
            let names: Vec<_> = found.items.iter().map(|user| user.attributes.user_name.as_str()).collect();
            let rest: Vec<_> = expected.into_iter().skip(skip).take(2).collect();
            assert_eq!((names, found.total), (rest, Some(3)), "{path:?} {skip}");
        }
    }
}

/// 67 documents of 60,000 characters exceed 4 MB.
async fn a_page_is_read_until_its_documents_fill_it(db: &TestDatabase) {
    let title = "x".repeat(60_000);
    for number in 10..80 {
        db.create_user(json!({"userName": format!("u{number}"), "title": title})).await.unwrap();
    }
    let by_name = Sort { descending: true, ..Sort::parse("userName", &USERS).unwrap() };
    for filter in [None, Some("title sw \"x\"")] {
        let filter = filter.map(|text| Filter::parse(text, &USERS, Vocabulary::Native).unwrap());
        for (sort, skip) in [(Sort::default(), None), (by_name, None), (Sort::default(), Some(1))] {
            let query = Query { filter: filter.clone(), sort, skip, ..query(500) };
            let page = db.list(query.clone()).await.unwrap();
            // The window with the skipped user counts as a whole.
            let count = if query.filter.is_some() && skip.is_some() { 66 } else { 67 };
            assert_eq!((page.items.len(), page.positions.len()), (count, count), "{filter:?} {sort}");
            assert_eq!(page.next, page.positions.last().cloned());
            let rest = db.list(Query { after: page.next, skip: None, ..query }).await.unwrap();
            let left = 70 - skip.unwrap_or(0) - count;
            assert_eq!((rest.items.len(), rest.next), (left, None), "{filter:?} {sort}");
        }
    }
}

async fn missing_users_are_not_found(db: &TestDatabase) {
    let id = Uuid::now_v7();
    assert_eq!(db.call(find(id)).await, Err(OpError::NotFound));
    assert_eq!(db.call(replace(id, json!({"userName": "a"}))).await, Err(OpError::NotFound));
    assert_eq!(db.call(patch(id, json!({}))).await, Err(OpError::NotFound));
    assert_eq!(db.call(delete(id)).await, Err(OpError::NotFound));
}

async fn users_of_other_tenants_are_not_found(db: &TestDatabase) {
    let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
    let tenant = Uuid::now_v7();
    assert_eq!(db.call(Find { tenant, ..find(user.id) }).await, Err(OpError::NotFound));
    let patch = Update { tenant, ..patch(user.id, json!({"title": "x"})) };
    assert_eq!(db.call(patch).await, Err(OpError::NotFound));
    assert_eq!(db.call(Delete { tenant, ..delete(user.id) }).await, Err(OpError::NotFound));
    let page = db.list(Query { tenant, ..query(9) }).await.unwrap();
    assert_eq!(page.items, []);
    let mut in_missing_tenant = new_user(json!({"userName": "ada"}));
    in_missing_tenant.tenant = tenant;
    assert_eq!(db.call(in_missing_tenant).await, Err(OpError::NotFound));
    assert_eq!(db.call(find(user.id)).await, Ok(user));
}

async fn user_names_are_unique_ignoring_case_and_unicode_form(db: &TestDatabase) {
    let taken = |name| Err(conflict("userName", name));
    let first = db.create_user(json!({"userName": "Straße\u{e9}"})).await.unwrap();
    assert_eq!(
        db.create_user(json!({"userName": "STRASSEE\u{301}", "externalId": "e"})).await,
        taken("STRASSEE\u{301}")
    );
    let second = db.create_user(json!({"userName": "other", "externalId": "e"})).await.unwrap();
    assert_eq!(db.call(patch(second.id, json!({"userName": "strasse\u{c9}"}))).await, taken("strasse\u{c9}"));
    assert_eq!(db.call(find(second.id)).await, Ok(second), "the failed patch has changed nothing");
    db.call(delete(first.id)).await.unwrap();
    db.create_user(json!({"userName": "STRASSEE\u{301}"})).await.unwrap();
}

async fn an_external_id_is_unique_until_it_is_released(db: &TestDatabase) {
    let taken = Err(conflict("externalId", "X"));
    let first = db.create_user(json!({"userName": "a", "externalId": "X"})).await.unwrap();
    assert_eq!(db.create_user(json!({"userName": "b", "externalId": "X"})).await, taken);
    assert_eq!(db.list(query(9)).await.unwrap().items.len(), 1, "the refused user is not stored");
    db.create_user(json!({"userName": "c", "externalId": "x"})).await.expect("externalId is case-sensitive");
    db.call(patch(first.id, json!({"externalId": null}))).await.unwrap();
    db.create_user(json!({"userName": "b", "externalId": "X"})).await.unwrap();
    assert_eq!(db.call(patch(first.id, json!({"externalId": "X"}))).await, taken);
}

async fn pages_follow_each_other_in_id_order(db: &TestDatabase) {
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(db.create_user(json!({"userName": format!("user {n}")})).await.unwrap().id);
    }
    let pages = db.list_all(query(3)).await;
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 3, 1]);
    let found: Vec<_> = pages.iter().flat_map(|page| &page.items).map(|user| user.id).collect();
    assert_eq!(found, ids);
    let full = db.list(query(7)).await.unwrap();
    assert_eq!(full.next, None, "no page follows a full last page");
}

async fn the_total_counts_creations_and_deletions(db: &TestDatabase) {
    let total = async || db.list(Query { total: true, ..query(1) }).await.unwrap().total;
    assert_eq!(total().await, Some(0));
    let ada = db.create_user(json!({"userName": "ada"})).await.unwrap();
    db.create_user(json!({"userName": "bob"})).await.unwrap();
    db.create_user(json!({"userName": "ADA"})).await.unwrap_err();
    assert_eq!(total().await, Some(2));
    db.call(delete(ada.id)).await.unwrap();
    assert_eq!(total().await, Some(1));
}

async fn a_replacement_clears_omitted_attributes(db: &TestDatabase) {
    let user = db.create_user(all_attributes()).await.unwrap();
    let after = db.call(replace(user.id, json!({"userName": "ada"}))).await.unwrap();
    // An omitted `active` keeps its value.
    let expected = draft(json!({"userName": "ada", "active": false}), WriteMode::Create).attributes;
    assert_eq!((&after.attributes, after.external_id(), after.version), (&expected, None, 2));
    assert_eq!(db.call(find(user.id)).await, Ok(after));
    let reuse = json!({"userName": "other", "externalId": "e-1"});
    db.create_user(reuse).await.expect("the externalId is free");
}

async fn a_patch_changes_only_the_named_attributes(db: &TestDatabase) {
    let user = db.create_user(all_attributes()).await.unwrap();
    let change =
        json!({"name": {"familyName": null, "givenName": "Ada"}, "emails": [], "custom": {"b": null}});
    let after = db.call(patch(user.id, change)).await.unwrap();
    let mut expected = user.attributes.clone();
    expected.name.family_name = None;
    expected.name.given_name = Some("Ada".to_owned());
    expected.emails = Vec::new();
    expected.custom.remove("b");
    assert_eq!(after.attributes, expected);
    assert_eq!((after.version, after.external_id()), (2, Some("e-1")));
    assert_eq!(db.call(find(user.id)).await, Ok(after));
}

async fn an_invalid_patch_changes_nothing(db: &TestDatabase) {
    let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
    let invalid = json!({"title": "x", "userName": null, "active": null, "emails": [{"value": "no"}]});
    let Err(OpError::Invalid(errors)) = db.call(patch(user.id, invalid)).await else {
        panic!("the patch is accepted")
    };
    let mut pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/active", "/emails/0/value", "/userName"]);
    assert_eq!(db.call(find(user.id)).await, Ok(user));
}

async fn a_write_without_effect_changes_nothing(db: &TestDatabase) {
    let user = db.create_user(all_attributes()).await.unwrap();
    let later = Timestamp::from(NOON + 1);
    let same = Update { now: later, ..replace(user.id, all_attributes()) };
    assert_eq!(db.call(same).await, Ok(user.clone()));
    let same = Update { now: later, ..patch(user.id, json!({"custom": {}, "title": ""})) };
    assert_eq!(db.call(same).await, Ok(user.clone()));
    assert_eq!(db.call(find(user.id)).await, Ok(user));
}

async fn updated_at_never_decreases(db: &TestDatabase) {
    let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
    let early = Update { now: Timestamp::from(NOON - 99), ..patch(user.id, json!({"title": "x"})) };
    assert_eq!(db.call(early).await.unwrap().updated_at, Timestamp::from(NOON + 1));
}

async fn stale_conditions_refuse_every_write(db: &TestDatabase) {
    let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
    let stale = || if_match(2);
    let id = user.id;
    let writes = (
        db.call(Update { conditions: stale(), ..replace(id, json!({"userName": "x"})) }).await,
        db.call(Update { conditions: stale(), ..patch(id, json!({"title": "x"})) }).await,
        db.call(Delete { conditions: stale(), ..delete(id) }).await,
    );
    assert_eq!(
        writes,
        (
            Err(OpError::PreconditionFailed(Some(1))),
            Err(OpError::PreconditionFailed(Some(1))),
            Err(OpError::PreconditionFailed(Some(1)))
        )
    );
    assert_eq!(db.call(find(id)).await, Ok(user));
    db.call(Delete { conditions: if_match(1), ..delete(id) }).await.unwrap();
}

async fn the_display_name_of_a_manager_is_looked_up(db: &TestDatabase) {
    let boss = db.create_user(json!({"userName": "boss", "displayName": "The Boss"})).await.unwrap();
    let body = json!({"userName": "ada", "enterprise": {"manager": {"value": boss.id}}});
    let ada = db.create_user(body).await.unwrap();
    let name = |user: &User| user.attributes.enterprise.manager.clone().unwrap().display_name;
    assert_eq!(name(&ada), Some(Some("The Boss".to_owned())));
    db.call(patch(boss.id, json!({"displayName": "B."}))).await.unwrap();
    let found = db.call(find(ada.id)).await.unwrap();
    assert_eq!((name(&found), found.version), (Some(Some("B.".to_owned())), 1));
    db.call(delete(boss.id)).await.unwrap();
    let page = db.list(query(9)).await.unwrap();
    assert_eq!(name(&page.items[0]), Some(None));
}

pub(crate) fn find(id: Uuid) -> Find {
    Find { tenant: DEFAULT_TENANT, id, of: PhantomData }
}

/// A list of all users in id order.
pub(crate) fn query(limit: usize) -> Query<User> {
    Query {
        tenant: DEFAULT_TENANT,
        filter: None,
        sort: Sort::default(),
        after: None,
        skip: None,
        limit,
        total: false,
        max_groups: None,
        source: NATIVE_SOURCE.into(),
        of: PhantomData,
    }
}

fn replace(id: Uuid, body: Value) -> Update {
    let draft = draft(body, WriteMode::Replace(id));
    let values = NewValues::Replacement(draft);
    Update { tenant: DEFAULT_TENANT, id, values, conditions: Conditions::default(), now: NOON.into() }
}

pub(crate) fn patch(id: Uuid, patch: Value) -> Update {
    let values = NewValues::MergePatch(patch);
    Update { tenant: DEFAULT_TENANT, id, values, conditions: Conditions::default(), now: NOON.into() }
}

pub(crate) fn delete(id: Uuid) -> Delete {
    let conditions = Conditions::default();
    Delete { tenant: DEFAULT_TENANT, id, conditions, now: NOON.into(), of: PhantomData }
}

/// A filter on e-mails reads an index that has more rows than there are users. Its limit must not hide users.
#[test]
fn users_with_many_emails_do_not_hide_other_users() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |db| {
            for index in 0..21 {
                let emails: Vec<_> =
                    (0..100).map(|n| json!({ "value": format!("a{n}@{index}.example") })).collect();
                let body = json!({ "userName": format!("u{index:02}"), "emails": emails });
                db.create_user(body).await.unwrap();
            }
            db.create_user(json!({"userName": "last", "emails": [{"value": "é@x"}]})).await.unwrap();
            for filter in ["emails sw \"\"", "emails.value gt \"a\"", "emails pr and emails co \"\""] {
                let filter = Filter::parse(filter, &USERS, Vocabulary::Native).unwrap();
                let found = db.list(Query { filter: Some(filter), total: true, ..query(50) }).await.unwrap();
                assert_eq!((found.items.len(), found.total), (22, Some(22)));
            }
        });
    }
}

/// A user with more changes than one call redacts is erased a second time after the first call.
#[test]
fn a_long_history_is_redacted_in_several_calls() {
    for engine in [Engine::Sqlite, Engine::Memory, Engine::Postgres] {
        run(engine, async |db| {
            let user = db.create_user(json!({"userName": "ada"})).await.unwrap();
            for n in 0..600 {
                db.call(patch(user.id, json!({"title": n.to_string()}))).await.unwrap();
            }
            let erase = || Erase {
                tenant: DEFAULT_TENANT,
                id: user.id,
                conditions: Conditions::default(),
                now: Timestamp::from(NOON),
            };
            let redact =
                || db.call(Redact { tenant: DEFAULT_TENANT, id: user.id, now: Timestamp::from(NOON - 1) });
            assert_eq!(db.call(erase()).await, Ok(Remaining::Values));
            let mut remaining = db.call(erase()).await;
            while remaining == Ok(Remaining::Values) {
                remaining = redact().await;
            }
            if engine != Engine::Postgres {
                assert_eq!((remaining, redact().await), (Ok(Remaining::Log), Ok(Remaining::Log)));
                assert_eq!(db.call(TruncateLog).await, Ok(true));
            } else {
                assert_eq!(remaining, Ok(Remaining::Nothing));
            }
            assert_eq!(redact().await, Ok(Remaining::Nothing));
            let read = Read {
                tenant: DEFAULT_TENANT,
                after: 0,
                limit: 1_000,
                types: None,
                resource: Some(Resource::One(user.id)),
                admin: false,
            };
            let changes = db.call(read).await.unwrap().unwrap().changes;
            assert_eq!(changes.len(), 603, "one creation, 600 updates, one deletion, one erasure");
            assert!(changes.iter().all(|change| change.before.is_none() && change.after.is_none()));
            assert_eq!(changes.iter().filter(|change| change.erased).count(), 602);
            let times: Vec<_> = changes[601..].iter().map(|change| change.time).collect();
            assert_eq!(
                times[0], times[1],
                "the erasure is not earlier than the deletion, whatever the clock says"
            );
        });
    }
}
