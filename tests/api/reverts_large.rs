//! Reverts of many changes: portions, limits, and writes of others at the same time.

use crate::api::callers::{client_with_key, create_key, get};
use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::number;
use crate::api::group_helpers::{add_members, create_named_group, create_users, member_names};
use crate::api::imports::{NDJSON, results};
use crate::api::problem::{assert_invalid, assert_problem};
use crate::api::query::items;
use crate::api::revert_helpers::{
    actor_with_role, admin, apply, apply_request, conflicts, head, plan, plan_request, revert, selection,
};
use crate::support::api::{Api, Engine, path, send_concurrently, text};
use crate::support::exports;
use crate::support::http::{Client, Response};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinHandle;

engine_tests! {
    many_changes_are_undone_in_portions
    writes_during_a_revert_survive
    a_portion_that_fails_ends_the_revert
    a_revert_ends_early_when_the_server_stops
    a_revert_ends_early_when_its_key_is_revoked
    a_client_that_disconnects_leaves_whole_portions
    large_values_are_undone
    a_range_with_too_many_changes_is_refused
}

/// Creates or updates users, with one line of an import for each.
async fn import(client: &Client, count: usize, user: impl Fn(usize) -> Value) {
    let lines: String = (0..count).map(|index| user(index).to_string() + "\n").collect();
    let results = results(client, "?match=userName", NDJSON, lines).await;
    assert_eq!(results.len(), 1, "{results:?}");
}

fn name(index: usize) -> String {
    format!("u{index:04}")
}

/// The users by userName.
async fn users(client: &Client) -> BTreeMap<String, Value> {
    let (mut users, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = get(client, &format!("/users?limit=500{cursor}")).await;
        users.extend(items(&page).iter().map(|user| (text(&user["userName"]).to_owned(), user.clone())));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return users,
        }
    }
}

async fn many_changes_are_undone_in_portions(api: Api) {
    let (importer, actor) = actor_with_role(&api.client, "admin").await;
    import(&api.client, 800, |index| json!({ "userName": name(index), "title": "before" })).await;
    let group = create_named_group(&api.client, "g").await;
    let before = users(&api.client).await;
    let mut copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
    let start = head(&api.client).await;
    // 800 updates, 700 creations and 900 memberships.
    import(&importer, 1_500, |index| json!({ "userName": name(index), "title": "after" })).await;
    let all: Vec<_> = users(&api.client).await.into_values().collect();
    add_members(&importer, &group, &all[..900]).await;
    let applied = revert(&api.client, start, &actor).await;
    assert_eq!((&applied["changes"], conflicts(&applied)), (&json!(2_400), vec![]));
    let portions = applied["portions"].as_array().unwrap();
    let sizes: Vec<_> = portions.iter().map(|portion| number(&portion["items"])).collect();
    assert_eq!(sizes, [1_000, 1_000, 400]);
    // The revisions of the portions follow one another.
    let mut last = start + 2_400;
    for portion in portions.iter().filter(|portion| portion["revisions"].is_array()) {
        assert_eq!(number(&portion["revisions"][0]), last + 1);
        last = number(&portion["revisions"][1]);
    }
    assert_eq!(number(&applied["head"]), last);
    let after = users(&api.client).await;
    let titles = |users: &BTreeMap<String, Value>| -> Vec<_> {
        users.iter().map(|(name, user)| (name.clone(), user["id"].clone(), user["title"].clone())).collect()
    };
    assert_eq!(titles(&after), titles(&before));
    assert_eq!(member_names(&api.client, &group).await, Vec::<String>::new());
    copy.follow(&api.client).await;
    assert_eq!(copy, TenantCopy::of_export(&exports::lines(&api.client, "").await));
}

async fn writes_during_a_revert_survive(api: Api) {
    let (importer, actor) = actor_with_role(&api.client, "admin").await;
    const USERS: usize = 2_200;
    import(&api.client, USERS, |index| json!({ "userName": name(index) })).await;
    let start = head(&api.client).await;
    import(&importer, USERS, |index| json!({ "userName": name(index), "title": "x", "locale": "en" })).await;
    let users_before = users(&api.client).await;
    let selection = selection(&api.client, start, &actor).await;
    let planned = plan(&api.client, &selection).await;
    let request = apply_request(&api.client, &selection, &planned["head"]);
    let applying = tokio::spawn(async move { request.send().await });
    // The first portion has been applied.
    while head(&api.client).await == number(&planned["head"]) {
        assert!(!applying.is_finished(), "the revert has ended without a change");
    }
    let written: Vec<_> = users_before.iter().step_by(20).collect();
    let responses = send_concurrently(written.len(), |index| {
        api.client.patch(&path(written[index].1), &json!({ "title": "mine" }))
    });
    for response in responses.await {
        response.expect(200);
    }
    let applied = applying.await.expect("the request ends").expect(200).json();
    assert_eq!((&applied["pending"], applied.get("problem")), (&json!(0), None));
    let written: BTreeSet<_> = written.into_iter().map(|(name, _)| name.clone()).collect();
    let expected = |name: &String| if written.contains(name) { json!("mine") } else { Value::Null };
    for (name, user) in users(&api.client).await {
        assert_eq!((&user["title"], &user["locale"]), (&expected(&name), &Value::Null), "{user}");
    }
    // Those that were written before their portion was applied are conflicts.
    assert!(conflicts(&applied).iter().all(|conflict| *conflict == ("title", "changed")));
    assert!(conflicts(&applied).len() <= written.len());
}

async fn a_portion_that_fails_ends_the_revert(api: Api) {
    let (importer, actor) = actor_with_role(&api.client, "admin").await;
    let start = head(&api.client).await;
    import(&importer, 1_200, |index| json!({ "userName": name(index) })).await;
    let selection = selection(&api.client, start, &actor).await;
    let planned = plan(&api.client, &selection).await;
    let lock = api.lock(text(&users(&api.client).await[&name(1_100)]["id"]));
    let response = apply_request(&api.client, &selection, &planned["head"]).send().await;
    lock.release();
    if api.engine == Engine::Sqlite {
        // The lock prevents all writes, so nothing was done.
        assert_problem(&response, 503, "database-busy");
        apply(&api.client, &selection).await;
        return;
    }
    let applied = response.expect(200).json();
    let portions = applied["portions"].as_array().unwrap();
    assert_eq!((portions.len(), &portions[0]["items"], &applied["pending"]), (1, &json!(1_000), &json!(200)));
    assert_eq!(
        (&applied["problem"]["status"], &applied["problem"]["code"]),
        (&json!(503), &json!("database-busy"))
    );
    assert_eq!(users(&api.client).await.len(), 200);
    // A new plan completes the revert.
    apply(&api.client, &selection).await;
    assert_eq!(users(&api.client).await.len(), 0);
}

/// Creates users by an actor, and begins to revert this with the key of `client`. Returns the selection and the request, of
/// which at least one portion has been applied.
async fn begin_revert(api: &Api, client: &Client) -> (Value, JoinHandle<Option<Response>>) {
    let (importer, actor) = actor_with_role(&api.client, "admin").await;
    let start = head(&api.client).await;
    import(&importer, 6_000, |index| json!({ "userName": name(index) })).await;
    let selection = selection(&api.client, start, &actor).await;
    let planned = plan(&api.client, &selection).await;
    let request = apply_request(client, &selection, &planned["head"]);
    let applying = tokio::spawn(async move { request.try_send().await.ok() });
    while head(&api.client).await == number(&planned["head"]) {
        assert!(!applying.is_finished(), "the revert has ended without a change");
    }
    (selection, applying)
}

/// Checks that each portion is whole, and completes the revert.
async fn complete(client: &Client, selection: &Value) {
    let left = users(client).await.len();
    assert_eq!(left % 1_000, 0);
    let report = apply(client, selection).await;
    let deleted = report["items"].as_array().unwrap().iter().filter(|item| item["outcome"] == "delete");
    assert_eq!((deleted.count(), conflicts(&report)), (left, vec![]));
    assert_eq!(users(client).await.len(), 0);
}

async fn a_revert_ends_early_when_the_server_stops(api: Api) {
    let (selection, applying) = begin_revert(&api, &api.client).await;
    let api = api.restart_gracefully();
    let report = applying.await.unwrap().expect("the response arrives").expect(200).json();
    if report["pending"] != 0 {
        assert_eq!(report["problem"]["status"], 503, "{}", report["problem"]);
    }
    complete(&api.client, &selection).await;
}

async fn a_revert_ends_early_when_its_key_is_revoked(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "admin" })).await;
    let (selection, applying) = begin_revert(&api, &client_with_key(&api.client, &key)).await;
    api.client.delete(&format!("/keys/{}", text(&key["id"]))).send().await.expect(204);
    let report = applying.await.unwrap().expect("the response arrives").expect(200).json();
    if report["pending"] != 0 {
        assert_eq!(report["problem"]["status"], 401, "{}", report["problem"]);
    }
    complete(&api.client, &selection).await;
}

async fn a_client_that_disconnects_leaves_whole_portions(api: Api) {
    let (selection, applying) = begin_revert(&api, &api.client).await;
    applying.abort();
    assert!(applying.await.is_err_and(|error| error.is_cancelled()));
    // The portion that is being applied ends, which can be after the plan.
    loop {
        assert_eq!(users(&api.client).await.len() % 1_000, 0);
        let planned = plan_request(&api.client, &selection).send().await.expect(200).json();
        let response = apply_request(&api.client, &selection, &planned["head"]).send().await;
        if response.code() != 412 {
            assert_eq!(conflicts(&response.expect(200).json()), []);
            break;
        }
    }
    assert_eq!(users(&api.client).await.len(), 0);
}

async fn large_values_are_undone(api: Api) {
    let (importer, actor) = actor_with_role(&api.client, "admin").await;
    let text = |letter: &str| letter.repeat(15_000);
    let user = |letter: &str, index: usize| json!({ "userName": name(index), "custom": { "text": text(letter) }, "extensions": { "urn:example:x": { "text": text(letter) } } });
    import(&api.client, 400, |index| user("a", index)).await;
    let start = head(&api.client).await;
    import(&importer, 400, |index| user("b", index)).await;
    let applied = revert(&api.client, start, &actor).await;
    assert_eq!(conflicts(&applied), []);
    // The portion of all changes was too large.
    assert!(applied["portions"].as_array().unwrap().len() > 1, "{}", applied["portions"]);
    for user in users(&api.client).await.values() {
        assert_eq!(user["custom"]["text"], text("a"));
    }
}

async fn a_range_with_too_many_changes_is_refused(api: Api) {
    create_users(&api.client, 1).await;
    // Copies of the first change. A copy of the resource id would make them changes of one user.
    let columns = "time, actor_type, actor_id, request_id, type, resource, resource_id, version, erased";
    api.sql().execute(&format!(
        "WITH RECURSIVE numbers(number) AS (SELECT CAST(2 AS bigint) UNION ALL SELECT number + 1 FROM numbers WHERE number < 10001) \
         INSERT INTO changes (tenant_id, revision, {columns}) SELECT tenant_id, number, {columns} FROM changes, numbers \
         WHERE revision = 1"
    ));
    api.sql().execute("UPDATE heads SET revision = 10001");
    let selection = |after: u64| json!({ "after": after, "until": 10_001, "actor": admin() });
    let response = plan_request(&api.client, &selection(0)).send().await;
    assert_invalid(&response, &[("/after", "too-many")]);
    assert!(response.text().contains("after revision 1\""), "{}", response.text());
    let planned = plan_request(&api.client, &selection(1)).send().await.expect(200).json();
    assert_eq!(planned["changes"], 10_000);
}
