//! The operations on groups.

use crate::contract::fixture::{NOON, TestDatabase, conflict, if_match, new_group};
use roster::domain::condition::Conditions;
use roster::domain::filter::Filter;
use roster::domain::group::{Draft, Group, WriteMode};
use roster::domain::schema::{GROUPS, Vocabulary};
use roster::domain::sort::Sort;
use roster::domain::tenant;
use roster::domain::time::Timestamp;
use roster::domain::{DEFAULT_TENANT, NATIVE_SOURCE};
use roster::ops::OpError;
use roster::ops::groups::{Create, Delete, Find, Update};
use roster::ops::listing::{ListPage, Query};
use roster::ops::resource::NewValues;
use roster::ops::tenants;
use serde_json::{Value, json};
use std::marker::PhantomData;
use uuid::Uuid;

each_engine!(
    a_created_group_is_found_with_its_attributes,
    missing_groups_are_not_found,
    groups_of_other_tenants_are_not_found,
    a_replacement_clears_omitted_attributes,
    a_write_without_effect_records_no_change,
    updated_at_never_decreases,
    stale_conditions_refuse_every_write,
    an_external_id_is_unique_until_it_is_released,
    group_names_are_unique_only_if_the_tenant_requires_it,
    the_total_counts_creations_and_deletions,
    groups_are_listed_in_every_order,
    concurrent_finds_return_each_caller_its_group,
);

fn all_attributes() -> Value {
    json!({
        "displayName": "Ådmins \u{202e}🧑‍💻", "externalId": "e-1",
        "custom": {"a": null, "b": [1.5, 1e300, 18446744073709551615u64, -0.0], "c": {"d": []}},
        "extensions": {"urn:example:x:2.0": {"y": null}},
    })
}

pub(crate) fn find(id: Uuid) -> Find {
    Find { tenant: DEFAULT_TENANT, id, of: PhantomData }
}

fn replace(id: Uuid, body: Value) -> Update {
    let draft = Draft::read(body, WriteMode::Replace(id)).expect("the body is a valid group");
    let values = NewValues::Replacement(draft);
    Update { tenant: DEFAULT_TENANT, id, values, conditions: Conditions::default(), now: NOON.into() }
}

fn patch(id: Uuid, patch: Value) -> Update {
    let values = NewValues::MergePatch(patch);
    Update { tenant: DEFAULT_TENANT, id, values, conditions: Conditions::default(), now: NOON.into() }
}

pub(crate) fn delete(id: Uuid) -> Delete {
    let conditions = Conditions::default();
    Delete { tenant: DEFAULT_TENANT, id, conditions, now: NOON.into(), of: PhantomData }
}

fn query(filter: Option<&str>, sort: &str) -> Query<Group> {
    let filter = filter.map(|text| Filter::parse(text, &GROUPS, Vocabulary::Native).unwrap());
    let sort = Sort::parse(sort, &GROUPS).unwrap();
    let (tenant, source) = (DEFAULT_TENANT, NATIVE_SOURCE.into());
    Query {
        tenant,
        filter,
        sort,
        after: None,
        skip: None,
        limit: 2,
        total: true,
        max_groups: None,
        source,
        of: PhantomData,
    }
}

async fn a_created_group_is_found_with_its_attributes(db: &TestDatabase) {
    let created = db.create_group(all_attributes()).await.unwrap();
    assert_eq!(db.call(find(created.id)).await, Ok(created.clone()));
    assert_eq!((created.version, created.member_count, created.external_id()), (1, 0, Some("e-1")));
    assert_eq!((created.created_at, created.updated_at), (Timestamp::from(NOON), Timestamp::from(NOON)));
    assert_eq!(created.attributes, Draft::read(all_attributes(), WriteMode::Create).unwrap().attributes);
}

async fn missing_groups_are_not_found(db: &TestDatabase) {
    let id = Uuid::now_v7();
    assert_eq!(db.call(find(id)).await, Err(OpError::NotFound));
    assert_eq!(db.call(replace(id, json!({"displayName": "a"}))).await, Err(OpError::NotFound));
    assert_eq!(db.call(patch(id, json!({}))).await, Err(OpError::NotFound));
    assert_eq!(db.call(delete(id)).await, Err(OpError::NotFound));
}

async fn groups_of_other_tenants_are_not_found(db: &TestDatabase) {
    let group = db.create_group(json!({"displayName": "a"})).await.unwrap();
    let tenant = Uuid::now_v7();
    assert_eq!(db.call(Find { tenant, ..find(group.id) }).await, Err(OpError::NotFound));
    let patch = Update { tenant, ..patch(group.id, json!({"displayName": "x"})) };
    assert_eq!(db.call(patch).await, Err(OpError::NotFound));
    assert_eq!(db.call(Delete { tenant, ..delete(group.id) }).await, Err(OpError::NotFound));
    let page = db.list(Query { tenant, total: false, ..query(None, "id") }).await.unwrap();
    assert_eq!(page, ListPage::default());
    let in_missing_tenant = Create { tenant, ..new_group(json!({"displayName": "a"})) };
    assert_eq!(db.call(in_missing_tenant).await, Err(OpError::NotFound));
    assert_eq!(db.call(find(group.id)).await, Ok(group));
}

async fn a_replacement_clears_omitted_attributes(db: &TestDatabase) {
    let group = db.create_group(all_attributes()).await.unwrap();
    let after = db.call(replace(group.id, json!({"displayName": "a"}))).await.unwrap();
    let expected = Draft::read(json!({"displayName": "a"}), WriteMode::Create).unwrap().attributes;
    assert_eq!((&after.attributes, after.external_id(), after.version), (&expected, None, 2));
    assert_eq!(db.call(find(group.id)).await, Ok(after));
    let reuse = json!({"displayName": "other", "externalId": "e-1"});
    db.create_group(reuse).await.expect("the externalId is free");
}

async fn a_write_without_effect_records_no_change(db: &TestDatabase) {
    let group = db.create_group(all_attributes()).await.unwrap();
    let later = Timestamp::from(NOON + 1);
    let same = Update { now: later, ..replace(group.id, all_attributes()) };
    assert_eq!(db.call(same).await, Ok(group.clone()));
    let same = Update { now: later, ..patch(group.id, json!({"custom": {}, "memberCount": 7})) };
    assert_eq!(db.call(same).await, Ok(group.clone()));
    let invalid = db.call(patch(group.id, json!({"displayName": null, "custom": {"a": 1}}))).await;
    assert!(matches!(invalid, Err(OpError::Invalid(_))));
    assert_eq!(db.call(find(group.id)).await, Ok(group));
    assert_eq!(db.changes().await.len(), 1);
}

async fn updated_at_never_decreases(db: &TestDatabase) {
    let group = db.create_group(json!({"displayName": "a"})).await.unwrap();
    let early = Update { now: Timestamp::from(NOON - 99), ..patch(group.id, json!({"displayName": "b"})) };
    assert_eq!(db.call(early).await.unwrap().updated_at, Timestamp::from(NOON + 1));
}

async fn stale_conditions_refuse_every_write(db: &TestDatabase) {
    let group = db.create_group(json!({"displayName": "a"})).await.unwrap();
    let (id, conditions) = (group.id, if_match(2));
    let body = json!({"displayName": "x"});
    let replace = Update { conditions: conditions.clone(), ..replace(id, body.clone()) };
    assert_eq!(db.call(replace).await, Err(OpError::PreconditionFailed(Some(1))));
    let patch = Update { conditions: conditions.clone(), ..patch(id, body) };
    assert_eq!(db.call(patch).await, Err(OpError::PreconditionFailed(Some(1))));
    assert_eq!(db.call(Delete { conditions, ..delete(id) }).await, Err(OpError::PreconditionFailed(Some(1))));
    assert_eq!(db.call(find(id)).await, Ok(group));
}

async fn an_external_id_is_unique_until_it_is_released(db: &TestDatabase) {
    let taken = Err(conflict("externalId", "X"));
    let body = |name: &str, id: &str| json!({"displayName": name, "externalId": id});
    let first = db.create_group(body("a", "X")).await.unwrap();
    assert_eq!(db.create_group(body("b", "X")).await, taken);
    let second = db.create_group(body("b", "x")).await.expect("externalId is case-sensitive");
    assert_eq!(db.call(patch(second.id, json!({"externalId": "X"}))).await, taken);
    db.call(patch(first.id, json!({"externalId": null}))).await.unwrap();
    db.call(patch(second.id, json!({"externalId": "X"}))).await.unwrap();
    db.call(delete(second.id)).await.unwrap();
    db.call(patch(first.id, json!({"externalId": "X"}))).await.unwrap();
}

async fn group_names_are_unique_only_if_the_tenant_requires_it(db: &TestDatabase) {
    let taken = |name| Err(conflict("displayName", name));
    let draft = tenant::Draft { name: "acme".to_owned(), unique_group_names: true, unique_emails: false };
    let (id, epoch) = (Uuid::now_v7(), Uuid::new_v4());
    let tenant = db.call(tenants::Create { id, fixed: epoch, draft, now: NOON.into() }).await.unwrap().id;
    let create = |name: &str| Create { tenant, ..new_group(json!({ "displayName": name })) };
    let first = db.call(create("Straße\u{e9}")).await.unwrap();
    assert_eq!(db.call(create("STRASSEE\u{301}")).await, taken("STRASSEE\u{301}"));
    let second = db.call(create("b")).await.unwrap();
    let rename = |name: &str| Update { tenant, ..patch(second.id, json!({ "displayName": name })) };
    assert_eq!(db.call(rename("strasseÉ")).await, taken("strasseÉ"));
    assert_eq!(db.call(Find { tenant, ..find(second.id) }).await, Ok(second.clone()), "nothing has changed");
    db.call(Delete { tenant, ..delete(first.id) }).await.unwrap();
    db.call(rename("strasseÉ")).await.unwrap();
    assert_eq!(db.call(create("Straße\u{e9}")).await, taken("Straße\u{e9}"));
    for _ in 0..2 {
        db.create_group(json!({"displayName": "b"})).await.expect("the default tenant allows equal names");
    }
}

async fn the_total_counts_creations_and_deletions(db: &TestDatabase) {
    let total = async || db.list(query(None, "id")).await.unwrap().total;
    assert_eq!(total().await, Some(0));
    let group = db.create_group(json!({"displayName": "a"})).await.unwrap();
    db.create_group(json!({"displayName": "b"})).await.unwrap();
    db.create_user(json!({"userName": "ada"})).await.unwrap();
    assert_eq!(total().await, Some(2));
    db.call(delete(group.id)).await.unwrap();
    assert_eq!(total().await, Some(1));
}

async fn groups_are_listed_in_every_order(db: &TestDatabase) {
    let mut groups = Vec::new();
    for (index, name) in ["b", "A", "c", "a", "ß"].into_iter().enumerate() {
        let now = Timestamp::from(NOON + [3, 1, 4, 1, 5][index]);
        let created = db.call(Create { now, ..new_group(json!({ "displayName": name })) }).await;
        groups.push(created.unwrap().id);
    }
    for (sort, expected) in [
        ("id", [0, 1, 2, 3, 4]),
        ("displayName", [1, 3, 0, 2, 4]),
        ("createdAt", [0, 1, 2, 3, 4]),
        ("-updatedAt", [4, 2, 0, 3, 1]),
    ] {
        let expected = expected.map(|index: usize| groups[index]);
        for filter in [None, Some("version eq 1"), Some(r#"displayName ge "a""#), Some("memberCount lt 1")] {
            let pages = db.list_all(query(filter, sort)).await;
            assert!(pages.iter().all(|page| page.total == Some(5)), "{filter:?}");
            let found: Vec<_> = pages.iter().flat_map(|page| &page.items).map(|group| group.id).collect();
            assert_eq!(found, expected, "{sort} {filter:?}");
        }
    }
}

async fn concurrent_finds_return_each_caller_its_group(db: &TestDatabase) {
    let mut groups = Vec::new();
    for index in 0..20 {
        groups.push(db.create_group(json!({"displayName": index.to_string()})).await.unwrap());
    }
    let call = |index: usize| match index % 22 {
        20 => find(Uuid::now_v7()),
        21 => Find { tenant: Uuid::now_v7(), ..find(groups[3].id) },
        known => find(groups[known].id),
    };
    let calls = (0..200).map(|index| db.call(call(index)));
    for (index, result) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(result, groups.get(index % 22).cloned().ok_or(OpError::NotFound));
    }
}
