//! The operations on users.

use crate::contract::bed::{Bed, Engine, NOON, create, draft, run};
use roster::db::DbError;
use roster::domain::attribute::{USERS, Vocabulary};
use roster::domain::condition::{Conditions, Tags};
use roster::domain::filter::Filter;
use roster::domain::sort::{Position, Sort};
use roster::domain::time::Timestamp;
use roster::domain::user::{ReadAs, User};
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::changes::{Read, Resource};
use roster::ops::listing::Query;
use roster::ops::users::{Blank, Delete, Erase, Find, Patch, Replace};
use serde_json::{Value, json};
use std::marker::PhantomData;
use uuid::Uuid;

each_engine!(
    a_created_user_is_found_as_it_was_made,
    what_is_not_there_is_not_found,
    another_tenant_sees_nothing,
    a_name_is_taken_however_it_is_spelled,
    an_external_id_is_taken_until_it_is_given_up,
    pages_follow_each_other_in_the_order_of_ids,
    pages_are_numbered_in_any_order,
    the_total_counts_creations_and_deletions,
    a_replacement_clears_what_it_does_not_say,
    a_patch_touches_what_it_names,
    a_patch_that_makes_a_user_invalid_changes_nothing,
    a_write_that_changes_nothing_moves_nothing,
    updated_at_never_goes_back,
    conditions_guard_every_write,
    a_manager_is_named_when_it_is_a_user,
);

fn everything() -> Value {
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

async fn a_created_user_is_found_as_it_was_made(bed: &Bed) {
    let mut made = bed.create(everything()).await.unwrap();
    let found = bed.call(find(made.id)).await.unwrap();
    assert_eq!(found, made);
    made.attributes.enterprise.manager = None;
    assert_eq!((made.version, made.external_id()), (1, Some("e-1")));
    assert_eq!((made.created_at, made.updated_at), (Timestamp::from(NOON), Timestamp::from(NOON)));
    let sent = draft(everything(), ReadAs::New).attributes;
    assert_eq!(found.attributes.custom, sent.custom);
    assert_eq!(found.attributes.extensions, sent.extensions);
    assert_eq!(found.attributes.emails, sent.emails);
}

async fn pages_are_numbered_in_any_order(bed: &Bed) {
    for (name, title) in [("a", json!("z")), ("b", Value::Null), ("c", json!("Y"))] {
        bed.create(json!({"userName": name, "title": title})).await.unwrap();
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
            let query = Query { sort, filter, skip: Some(skip), total: true, ..page(None, 2) };
            let found = bed.list(query).await.unwrap();
            let names: Vec<_> = found.items.iter().map(|user| user.attributes.user_name.as_str()).collect();
            let rest: Vec<_> = expected.into_iter().skip(skip).take(2).collect();
            assert_eq!((names, found.total), (rest, Some(3)), "{path:?} {skip}");
        }
    }
}

async fn what_is_not_there_is_not_found(bed: &Bed) {
    let id = Uuid::now_v7();
    assert_eq!(bed.call(find(id)).await, Err(DbError::NotFound));
    assert_eq!(bed.call(replace(id, json!({"userName": "a"}))).await, Err(DbError::NotFound));
    assert_eq!(bed.call(patch(id, json!({}))).await, Err(DbError::NotFound));
    assert_eq!(bed.call(delete(id)).await, Err(DbError::NotFound));
}

async fn another_tenant_sees_nothing(bed: &Bed) {
    let user = bed.create(json!({"userName": "ada"})).await.unwrap();
    let tenant = Uuid::now_v7();
    assert_eq!(bed.call(Find { tenant, ..find(user.id) }).await, Err(DbError::NotFound));
    assert_eq!(
        bed.call(Patch { tenant, ..patch(user.id, json!({"title": "x"})) }).await,
        Err(DbError::NotFound)
    );
    assert_eq!(bed.call(Delete { tenant, ..delete(user.id) }).await, Err(DbError::NotFound));
    let page = bed.list(Query { tenant, ..page(None, 9) }).await.unwrap();
    assert_eq!(page.items, []);
    let mut other = create(json!({"userName": "ada"}));
    other.tenant = tenant;
    assert_eq!(bed.call(other).await, Err(DbError::NotFound), "a tenant without a head row takes no user");
    assert_eq!(bed.call(find(user.id)).await, Ok(user));
}

async fn a_name_is_taken_however_it_is_spelled(bed: &Bed) {
    let taken = Err(DbError::Taken { attribute: "userName" });
    let first = bed.create(json!({"userName": "Straße\u{e9}"})).await.unwrap();
    assert_eq!(bed.create(json!({"userName": "STRASSEE\u{301}", "externalId": "e"})).await, taken);
    let second = bed.create(json!({"userName": "other", "externalId": "e"})).await.unwrap();
    assert_eq!(bed.call(patch(second.id, json!({"userName": "strasse\u{c9}"}))).await, taken);
    assert_eq!(bed.call(find(second.id)).await, Ok(second), "the failed patch left nothing");
    bed.call(delete(first.id)).await.unwrap();
    bed.create(json!({"userName": "STRASSEE\u{301}"})).await.unwrap();
}

async fn an_external_id_is_taken_until_it_is_given_up(bed: &Bed) {
    let taken = Err(DbError::Taken { attribute: "externalId" });
    let first = bed.create(json!({"userName": "a", "externalId": "X"})).await.unwrap();
    assert_eq!(bed.create(json!({"userName": "b", "externalId": "X"})).await, taken);
    assert_eq!(bed.list(page(None, 9)).await.unwrap().items.len(), 1, "the refused user is not there");
    bed.create(json!({"userName": "c", "externalId": "x"})).await.expect("externalId is case exact");
    bed.call(patch(first.id, json!({"externalId": null}))).await.unwrap();
    bed.create(json!({"userName": "b", "externalId": "X"})).await.unwrap();
    assert_eq!(bed.call(patch(first.id, json!({"externalId": "X"}))).await, taken);
}

async fn pages_follow_each_other_in_the_order_of_ids(bed: &Bed) {
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(bed.create(json!({"userName": format!("user {n}")})).await.unwrap().id);
    }
    let (mut seen, mut after, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = bed.list(page(after, 3)).await.unwrap();
        sizes.push(page.items.len());
        seen.extend(page.items.iter().map(|user| user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen, sizes), (ids, vec![3, 3, 1]));
    let full = bed.list(page(None, 7)).await.unwrap();
    assert_eq!(full.next, None, "a full last page has no next one");
}

async fn the_total_counts_creations_and_deletions(bed: &Bed) {
    let total = async || bed.list(Query { total: true, ..page(None, 1) }).await.unwrap().total;
    assert_eq!(total().await, Some(0));
    let ada = bed.create(json!({"userName": "ada"})).await.unwrap();
    bed.create(json!({"userName": "bob"})).await.unwrap();
    bed.create(json!({"userName": "ADA"})).await.unwrap_err();
    assert_eq!(total().await, Some(2));
    bed.call(delete(ada.id)).await.unwrap();
    assert_eq!(total().await, Some(1));
}

async fn a_replacement_clears_what_it_does_not_say(bed: &Bed) {
    let user = bed.create(everything()).await.unwrap();
    let after = bed.call(replace(user.id, json!({"userName": "ada"}))).await.unwrap();
    let mut expected = draft(json!({"userName": "ada", "active": false}), ReadAs::New).attributes;
    expected.active = false;
    assert_eq!((&after.attributes, after.external_id(), after.version), (&expected, None, 2));
    assert_eq!(bed.call(find(user.id)).await, Ok(after));
    bed.create(json!({"userName": "other", "externalId": "e-1"})).await.expect("the externalId is free");
}

async fn a_patch_touches_what_it_names(bed: &Bed) {
    let user = bed.create(everything()).await.unwrap();
    let change =
        json!({"name": {"familyName": null, "givenName": "Ada"}, "emails": [], "custom": {"b": null}});
    let after = bed.call(patch(user.id, change)).await.unwrap();
    let mut expected = user.attributes.clone();
    expected.name.family_name = None;
    expected.name.given_name = Some("Ada".to_owned());
    expected.emails = Vec::new();
    expected.custom.remove("b");
    assert_eq!(after.attributes, expected);
    assert_eq!((after.version, after.external_id()), (2, Some("e-1")));
    assert_eq!(bed.call(find(user.id)).await, Ok(after));
}

async fn a_patch_that_makes_a_user_invalid_changes_nothing(bed: &Bed) {
    let user = bed.create(json!({"userName": "ada"})).await.unwrap();
    let bad = json!({"title": "x", "userName": null, "active": null, "emails": [{"value": "no"}]});
    let Err(DbError::Invalid(errors)) = bed.call(patch(user.id, bad)).await else { panic!("is invalid") };
    let mut pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/active", "/emails/0/value", "/userName"]);
    assert_eq!(bed.call(find(user.id)).await, Ok(user));
}

async fn a_write_that_changes_nothing_moves_nothing(bed: &Bed) {
    let user = bed.create(everything()).await.unwrap();
    let later = Timestamp::from(NOON + 1);
    let same = Replace { now: later, ..replace(user.id, everything()) };
    assert_eq!(bed.call(same).await, Ok(user.clone()));
    let same = Patch { now: later, ..patch(user.id, json!({"custom": {}, "title": ""})) };
    assert_eq!(bed.call(same).await, Ok(user.clone()));
    assert_eq!(bed.call(find(user.id)).await, Ok(user));
}

async fn updated_at_never_goes_back(bed: &Bed) {
    let user = bed.create(json!({"userName": "ada"})).await.unwrap();
    let late = Patch { now: Timestamp::from(NOON - 99), ..patch(user.id, json!({"title": "x"})) };
    assert_eq!(bed.call(late).await.unwrap().updated_at, Timestamp::from(NOON + 1));
}

async fn conditions_guard_every_write(bed: &Bed) {
    let user = bed.create(json!({"userName": "ada"})).await.unwrap();
    let stale = || Conditions { if_match: Some(Tags::parse("\"2\"").unwrap()), if_none_match: None };
    let id = user.id;
    let writes = (
        bed.call(Replace { conditions: stale(), ..replace(id, json!({"userName": "x"})) }).await,
        bed.call(Patch { conditions: stale(), ..patch(id, json!({"title": "x"})) }).await,
        bed.call(Delete { conditions: stale(), ..delete(id) }).await,
    );
    assert_eq!(writes, (Err(DbError::Precondition), Err(DbError::Precondition), Err(DbError::Precondition)));
    assert_eq!(bed.call(find(id)).await, Ok(user));
    let right = Conditions { if_match: Some(Tags::parse("\"1\"").unwrap()), if_none_match: None };
    bed.call(Delete { conditions: right, ..delete(id) }).await.unwrap();
}

async fn a_manager_is_named_when_it_is_a_user(bed: &Bed) {
    let boss = bed.create(json!({"userName": "boss", "displayName": "The Boss"})).await.unwrap();
    let body = json!({"userName": "ada", "enterprise": {"manager": {"value": boss.id}}});
    let ada = bed.create(body).await.unwrap();
    let name = |user: &User| user.attributes.enterprise.manager.clone().unwrap().display_name;
    assert_eq!(name(&ada), Some(Some("The Boss".to_owned())));
    bed.call(patch(boss.id, json!({"displayName": "B."}))).await.unwrap();
    let found = bed.call(find(ada.id)).await.unwrap();
    assert_eq!((name(&found), found.version), (Some(Some("B.".to_owned())), 1));
    bed.call(delete(boss.id)).await.unwrap();
    let page = bed.list(page(None, 9)).await.unwrap();
    assert_eq!(name(&page.items[0]), Some(None));
}

fn find(id: Uuid) -> Find {
    Find { tenant: DEFAULT_TENANT, id }
}

fn page(after: Option<Position>, limit: usize) -> Query<User> {
    let sort = Sort::default();
    let (tenant, source) = (DEFAULT_TENANT, NATIVE_SOURCE.into());
    Query { tenant, filter: None, sort, after, skip: None, limit, total: false, source, of: PhantomData }
}

fn replace(id: Uuid, body: Value) -> Replace {
    let draft = draft(body, ReadAs::Replacement(id));
    Replace { tenant: DEFAULT_TENANT, id, draft, conditions: Conditions::default(), now: NOON.into() }
}

pub(crate) fn patch(id: Uuid, patch: Value) -> Patch {
    Patch { tenant: DEFAULT_TENANT, id, patch, conditions: Conditions::default(), now: NOON.into() }
}

fn delete(id: Uuid) -> Delete {
    Delete { tenant: DEFAULT_TENANT, id, conditions: Conditions::default(), now: NOON.into() }
}

/// An index of e-mails has more rows than there are users: what it is cut off at must not be taken for all.
#[test]
fn who_has_many_emails_hides_nobody() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |bed| {
            let crowd = |index: usize| {
                let emails: Vec<_> =
                    (0..100).map(|n| json!({ "value": format!("a{n}@{index}.example") })).collect();
                json!({ "userName": format!("u{index:02}"), "emails": emails })
            };
            for index in 0..21 {
                bed.create(crowd(index)).await.unwrap();
            }
            bed.create(json!({"userName": "last", "emails": [{"value": "é@x"}]})).await.unwrap();
            for filter in ["emails sw \"\"", "emails.value gt \"a\"", "emails pr and emails co \"\""] {
                let filter = Filter::parse(filter, &USERS, Vocabulary::Native).unwrap();
                let found =
                    bed.list(Query { filter: Some(filter), total: true, ..page(None, 50) }).await.unwrap();
                assert_eq!((found.items.len(), found.total), (22, Some(22)));
            }
        });
    }
}

/// More facts than are blanked at once, and a repeat after the first portion was all that was done.
#[test]
fn a_long_history_is_blanked_in_portions() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |bed| {
            let user = bed.create(json!({"userName": "ada"})).await.unwrap();
            for n in 0..600 {
                bed.call(patch(user.id, json!({"title": n.to_string()}))).await.unwrap();
            }
            let erase = || Erase {
                tenant: DEFAULT_TENANT,
                id: user.id,
                conditions: Conditions::default(),
                now: Timestamp::from(NOON),
            };
            let blank = || bed.call(Blank { tenant: DEFAULT_TENANT, id: user.id });
            bed.call(erase()).await.unwrap();
            assert_eq!(blank().await, Ok(true));
            bed.call(erase()).await.unwrap();
            assert_eq!((blank().await, blank().await), (Ok(true), Ok(false)));
            let read = Read {
                tenant: DEFAULT_TENANT,
                after: 0,
                limit: 1_000,
                types: None,
                resource: Some(Resource::One(user.id)),
                admin: false,
            };
            let facts = bed.call(read).await.unwrap().unwrap().facts;
            assert_eq!(facts.len(), 603, "created, updated 600 times, deleted, erased");
            assert!(facts.iter().all(|fact| fact.before.is_none() && fact.after.is_none()));
            assert_eq!(facts.iter().filter(|fact| fact.erased).count(), 602);
        });
    }
}
