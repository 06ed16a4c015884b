//! The operations on groups.

use crate::contract::bed::{Bed, NOON, create_group};
use roster::db::DbError;
use roster::domain::attribute::{GROUPS, Vocabulary};
use roster::domain::condition::{Conditions, Tags};
use roster::domain::filter::Filter;
use roster::domain::group::{Draft, Group, ReadAs};
use roster::domain::sort::Sort;
use roster::domain::tenant;
use roster::domain::time::Timestamp;
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::groups::{Create, Delete, Find, Patch, Replace};
use roster::ops::listing::{Listed, Query};
use roster::ops::tenants;
use serde_json::{Value, json};
use std::marker::PhantomData;
use uuid::Uuid;

each_engine!(
    a_created_group_is_found_as_it_was_made,
    what_is_not_there_is_not_found,
    another_tenant_sees_nothing,
    a_replacement_clears_what_it_does_not_say,
    a_write_that_changes_nothing_moves_nothing,
    updated_at_never_goes_back,
    conditions_guard_every_write,
    an_external_id_is_taken_until_it_is_given_up,
    a_name_is_taken_where_the_tenant_says_so,
    the_total_counts_creations_and_deletions,
    groups_are_listed_in_every_order,
    groups_are_read_together_each_its_own,
);

fn everything() -> Value {
    json!({
        "displayName": "Ådmins \u{202e}🧑‍💻", "externalId": "e-1",
        "custom": {"a": null, "b": [1.5, 1e300, 18446744073709551615u64, -0.0], "c": {"d": []}},
        "extensions": {"urn:example:x:2.0": {"y": null}},
    })
}

fn find(id: Uuid) -> Find {
    Find { tenant: DEFAULT_TENANT, id }
}

fn replace(id: Uuid, body: Value) -> Replace {
    let draft = Draft::read(body, ReadAs::Replacement(id)).expect("a valid group");
    Replace { tenant: DEFAULT_TENANT, id, draft, conditions: Conditions::default(), now: NOON.into() }
}

fn patch(id: Uuid, patch: Value) -> Patch {
    Patch { tenant: DEFAULT_TENANT, id, patch, conditions: Conditions::default(), now: NOON.into() }
}

fn delete(id: Uuid) -> Delete {
    Delete { tenant: DEFAULT_TENANT, id, conditions: Conditions::default(), now: NOON.into() }
}

fn query(filter: Option<&str>, sort: &str) -> Query<Group> {
    let filter = filter.map(|text| Filter::parse(text, &GROUPS, Vocabulary::Native).unwrap());
    let sort = Sort::parse(sort, &GROUPS).unwrap();
    let (tenant, source) = (DEFAULT_TENANT, NATIVE_SOURCE.into());
    Query { tenant, filter, sort, after: None, skip: None, limit: 2, total: true, source, of: PhantomData }
}

async fn a_created_group_is_found_as_it_was_made(bed: &Bed) {
    let made = bed.create_group(everything()).await.unwrap();
    assert_eq!(bed.call(find(made.id)).await, Ok(made.clone()));
    assert_eq!((made.version, made.member_count, made.external_id()), (1, 0, Some("e-1")));
    assert_eq!((made.created_at, made.updated_at), (Timestamp::from(NOON), Timestamp::from(NOON)));
    assert_eq!(made.attributes, Draft::read(everything(), ReadAs::New).unwrap().attributes);
}

async fn what_is_not_there_is_not_found(bed: &Bed) {
    let id = Uuid::now_v7();
    assert_eq!(bed.call(find(id)).await, Err(DbError::NotFound));
    assert_eq!(bed.call(replace(id, json!({"displayName": "a"}))).await, Err(DbError::NotFound));
    assert_eq!(bed.call(patch(id, json!({}))).await, Err(DbError::NotFound));
    assert_eq!(bed.call(delete(id)).await, Err(DbError::NotFound));
}

async fn another_tenant_sees_nothing(bed: &Bed) {
    let group = bed.create_group(json!({"displayName": "a"})).await.unwrap();
    let tenant = Uuid::now_v7();
    assert_eq!(bed.call(Find { tenant, ..find(group.id) }).await, Err(DbError::NotFound));
    let patch = Patch { tenant, ..patch(group.id, json!({"displayName": "x"})) };
    assert_eq!(bed.call(patch).await, Err(DbError::NotFound));
    assert_eq!(bed.call(Delete { tenant, ..delete(group.id) }).await, Err(DbError::NotFound));
    let page = bed.list(Query { tenant, total: false, ..query(None, "id") }).await.unwrap();
    assert_eq!(page, Listed::default());
    let other = Create { tenant, ..create_group(json!({"displayName": "a"})) };
    assert_eq!(bed.call(other).await, Err(DbError::NotFound), "there is no such tenant");
    assert_eq!(bed.call(find(group.id)).await, Ok(group));
}

async fn a_replacement_clears_what_it_does_not_say(bed: &Bed) {
    let group = bed.create_group(everything()).await.unwrap();
    let after = bed.call(replace(group.id, json!({"displayName": "a"}))).await.unwrap();
    let expected = Draft::read(json!({"displayName": "a"}), ReadAs::New).unwrap().attributes;
    assert_eq!((&after.attributes, after.external_id(), after.version), (&expected, None, 2));
    assert_eq!(bed.call(find(group.id)).await, Ok(after));
    bed.create_group(json!({"displayName": "other", "externalId": "e-1"})).await.expect("it is free");
}

async fn a_write_that_changes_nothing_moves_nothing(bed: &Bed) {
    let group = bed.create_group(everything()).await.unwrap();
    let later = Timestamp::from(NOON + 1);
    let same = Replace { now: later, ..replace(group.id, everything()) };
    assert_eq!(bed.call(same).await, Ok(group.clone()));
    let same = Patch { now: later, ..patch(group.id, json!({"custom": {}, "memberCount": 7})) };
    assert_eq!(bed.call(same).await, Ok(group.clone()));
    let invalid = bed.call(patch(group.id, json!({"displayName": null, "custom": {"a": 1}}))).await;
    assert!(matches!(invalid, Err(DbError::Invalid(_))));
    assert_eq!(bed.call(find(group.id)).await, Ok(group));
    assert_eq!(bed.facts().await.len(), 1);
}

async fn updated_at_never_goes_back(bed: &Bed) {
    let group = bed.create_group(json!({"displayName": "a"})).await.unwrap();
    let late = Patch { now: Timestamp::from(NOON - 99), ..patch(group.id, json!({"displayName": "b"})) };
    assert_eq!(bed.call(late).await.unwrap().updated_at, Timestamp::from(NOON + 1));
}

async fn conditions_guard_every_write(bed: &Bed) {
    let group = bed.create_group(json!({"displayName": "a"})).await.unwrap();
    let stale = || Conditions { if_match: Some(Tags::parse("\"2\"").unwrap()), if_none_match: None };
    let id = group.id;
    let writes = (
        bed.call(Replace { conditions: stale(), ..replace(id, json!({"displayName": "x"})) }).await,
        bed.call(Patch { conditions: stale(), ..patch(id, json!({"displayName": "x"})) }).await,
        bed.call(Delete { conditions: stale(), ..delete(id) }).await,
    );
    assert_eq!(writes, (Err(DbError::Precondition), Err(DbError::Precondition), Err(DbError::Precondition)));
    assert_eq!(bed.call(find(id)).await, Ok(group));
}

async fn an_external_id_is_taken_until_it_is_given_up(bed: &Bed) {
    let taken = Err(DbError::Taken { attribute: "externalId" });
    let body = |name: &str, id: &str| json!({"displayName": name, "externalId": id});
    let first = bed.create_group(body("a", "X")).await.unwrap();
    assert_eq!(bed.create_group(body("b", "X")).await, taken);
    let second = bed.create_group(body("b", "x")).await.expect("externalId is case exact");
    assert_eq!(bed.call(patch(second.id, json!({"externalId": "X"}))).await, taken);
    bed.call(patch(first.id, json!({"externalId": null}))).await.unwrap();
    bed.call(patch(second.id, json!({"externalId": "X"}))).await.unwrap();
    bed.call(delete(second.id)).await.unwrap();
    bed.call(patch(first.id, json!({"externalId": "X"}))).await.unwrap();
}

async fn a_name_is_taken_where_the_tenant_says_so(bed: &Bed) {
    let taken = Err(DbError::Taken { attribute: "displayName" });
    let draft = tenant::Draft { name: "acme".to_owned(), unique_group_names: true };
    let (id, epoch) = (Uuid::now_v7(), Uuid::new_v4());
    let tenant = bed.call(tenants::Create { id, epoch, draft, now: NOON.into() }).await.unwrap().id;
    let create = |name: &str| Create { tenant, ..create_group(json!({ "displayName": name })) };
    let first = bed.call(create("Straße\u{e9}")).await.unwrap();
    assert_eq!(bed.call(create("STRASSEE\u{301}")).await, taken);
    let second = bed.call(create("b")).await.unwrap();
    let rename = |name: &str| Patch { tenant, ..patch(second.id, json!({ "displayName": name })) };
    assert_eq!(bed.call(rename("strasseÉ")).await, taken);
    assert_eq!(bed.call(Find { tenant, id: second.id }).await, Ok(second.clone()), "it left nothing");
    bed.call(Delete { tenant, ..delete(first.id) }).await.unwrap();
    bed.call(rename("strasseÉ")).await.unwrap();
    assert_eq!(bed.call(create("Straße\u{e9}")).await, taken);
}

async fn the_total_counts_creations_and_deletions(bed: &Bed) {
    let total = async || bed.list(query(None, "id")).await.unwrap().total;
    assert_eq!(total().await, Some(0));
    let group = bed.create_group(json!({"displayName": "a"})).await.unwrap();
    bed.create_group(json!({"displayName": "b"})).await.unwrap();
    bed.create(json!({"userName": "ada"})).await.unwrap();
    assert_eq!(total().await, Some(2));
    bed.call(delete(group.id)).await.unwrap();
    assert_eq!(total().await, Some(1));
}

async fn groups_are_listed_in_every_order(bed: &Bed) {
    let mut groups = Vec::new();
    for (index, name) in ["b", "A", "c", "a", "ß"].into_iter().enumerate() {
        let now = Timestamp::from(NOON + [3, 1, 4, 1, 5][index]);
        let made = bed.call(Create { now, ..create_group(json!({ "displayName": name })) }).await;
        groups.push(made.unwrap().id);
    }
    for (sort, expected) in [
        ("id", [0, 1, 2, 3, 4]),
        ("displayName", [1, 3, 0, 2, 4]),
        ("createdAt", [1, 3, 0, 2, 4]),
        ("-updatedAt", [4, 2, 0, 3, 1]),
    ] {
        let expected = expected.map(|index: usize| groups[index]);
        for filter in [None, Some("version eq 1"), Some(r#"displayName ge "a""#), Some("memberCount lt 1")] {
            let (mut query, mut seen) = (query(filter, sort), Vec::new());
            loop {
                let page = bed.list(query.clone()).await.unwrap();
                assert_eq!(page.total, Some(5), "{filter:?}");
                seen.extend(page.items.iter().map(|group| group.id));
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{sort} {filter:?}");
        }
    }
}

async fn groups_are_read_together_each_its_own(bed: &Bed) {
    let mut groups = Vec::new();
    for index in 0..20 {
        groups.push(bed.create_group(json!({"displayName": index.to_string()})).await.unwrap());
    }
    let call = |index: usize| match index % 22 {
        20 => find(Uuid::now_v7()),
        21 => Find { tenant: Uuid::now_v7(), id: groups[3].id },
        known => find(groups[known].id),
    };
    let calls = (0..200).map(|index| bed.call(call(index)));
    for (index, result) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(result, groups.get(index % 22).cloned().ok_or(DbError::NotFound));
    }
}
