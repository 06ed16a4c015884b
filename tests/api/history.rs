//! Past states (`?at=`), and the changes of one resource.

use crate::api::callers::{client_with_role, create_tenant, get};
use crate::api::feed_helpers::{follow, number};
use crate::api::group_helpers::{
    add_members, create_named_group, create_users, group_path, member_path, members_path,
};
use crate::api::problem::{assert_problem, check_queries_rejected, gone_problem};
use crate::api::query::items;
use crate::support::api::{Api, path, text};
use crate::support::http::Client;
use serde_json::{Value, json};

engine_tests! {
    a_state_is_selected_by_revision_or_time
    malformed_and_future_points_are_rejected
    lists_of_users_and_groups_have_no_past_state
    states_before_the_retained_changes_are_gone
    an_emptied_history_knows_the_present_state
    projections_and_conditions_apply_to_past_states
    erased_values_are_blank_in_past_states
    cursors_are_bound_to_the_point
    a_deleted_group_keeps_its_past_members
    past_members_have_the_names_of_that_time
    other_tenants_and_other_types_are_not_found
    changes_of_a_resource_are_listed_newest_first
    changes_of_a_resource_are_paged
    changes_of_unknown_resources_are_not_found
}

async fn head(client: &Client) -> u64 {
    number(&get(client, "/changes?limit=1").await["head"])
}

async fn at(client: &Client, path: &str, point: impl ToString) -> Value {
    get(client, &format!("{path}?at={}", point.to_string())).await
}

async fn a_state_is_selected_by_revision_or_time(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "title": "one" })).await;
    let patched = api.patch(&user, &json!({ "title": "two" })).await;
    api.client.delete(&path(&user)).send().await.expect(204);
    for (revision, expected) in [(1, &user), (2, &patched)] {
        let time = text(&expected["updatedAt"]);
        assert_eq!(at(&api.client, &path(&user), revision).await, *expected);
        assert_eq!(at(&api.client, &path(&user), time).await, *expected);
        let with_offset = time.replace('Z', "%2B00:00");
        assert_eq!(at(&api.client, &path(&user), with_offset).await, *expected);
    }
    for absent in ["0", "3", "2020-01-01T00:00:00Z"] {
        let response = api.client.get(&format!("{}?at={absent}", path(&user))).send().await;
        assert_problem(&response, 404, "not-found");
    }
}

async fn malformed_and_future_points_are_rejected(api: Api) {
    let [user, group] = [api.create_named("ada").await, create_named_group(&api.client, "g").await];
    let points = [
        "at=",
        "at=-1",
        "at=x",
        "at=1.5",
        "at=2026-01-02",
        "at=3",
        "at=99999999999999999999",
        "at=9998-01-01T00:00:00Z",
    ];
    for target in [path(&user), format!("{}/groups", path(&user)), group_path(&group), members_path(&group)] {
        check_queries_rejected(&api.client, &target, &points).await;
        check_queries_rejected(&api.client, &target, &["at=1&at=1"]).await;
        api.client.get(&format!("{target}?at=2")).send().await.expect(200);
    }
    check_queries_rejected(&api.client, &path(&user), &["at=1&include=groups"]).await;
    let response = api.client.get(&format!("{}?at=3", path(&user))).send().await;
    assert!(text(&response.json()["detail"]).contains("2"), "{}", response.text());
}

async fn lists_of_users_and_groups_have_no_past_state(api: Api) {
    let [user, group] = [api.create_named("ada").await, create_named_group(&api.client, "g").await];
    add_members(&api.client, &group, std::slice::from_ref(&user)).await;
    for target in ["/users", "/groups", &member_path(&group, &user), "/changes", "/export"] {
        check_queries_rejected(&api.client, target, &["at=1"]).await;
    }
    check_queries_rejected(
        &api.client,
        &format!("{}/changes", path(&user)),
        &["at=1", "after=1", "include=total"],
    )
    .await;
}

async fn states_before_the_retained_changes_are_gone(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "title": "one" })).await;
    let group = create_named_group(&api.client, "g").await;
    add_members(&api.client, &group, std::slice::from_ref(&user)).await;
    let patched = api.patch(&user, &json!({ "title": "two" })).await;
    api.patch(&user, &json!({ "title": "three" })).await;
    api.sql().execute("DELETE FROM changes WHERE revision < 4");
    let targets = [path(&user), format!("{}/groups", path(&user)), group_path(&group), members_path(&group)];
    for target in &targets {
        for point in ["0", "2", text(&user["updatedAt"])] {
            let gone = gone_problem(&api.client.get(&format!("{target}?at={point}")).send().await);
            assert_eq!((&gone["earliest"], &gone["head"]), (&json!(4), &json!(5)), "{target} {point}");
        }
        for point in ["3", "4", text(&patched["updatedAt"])] {
            at(&api.client, target, point).await;
        }
    }
    // The change that led to the state is not retained, so its time is unknown.
    let mut expected = user.clone();
    expected["updatedAt"] = user["createdAt"].clone();
    assert_eq!(at(&api.client, &path(&user), 3).await, expected);
    assert_eq!(at(&api.client, &path(&user), 4).await, patched);
}

async fn an_emptied_history_knows_the_present_state(api: Api) {
    let user = api.create_named("ada").await;
    let patched = api.patch(&user, &json!({ "title": "two" })).await;
    api.sql().execute("DELETE FROM changes");
    assert_eq!(at(&api.client, &path(&user), 2).await, patched);
    let time = text(&patched["updatedAt"]);
    for point in ["1", time] {
        let gone = gone_problem(&api.client.get(&format!("{}?at={point}", path(&user))).send().await);
        assert_eq!((&gone["earliest"], &gone["head"]), (&json!(3), &json!(2)), "{point}");
    }
    let changes = get(&api.client, &format!("{}/changes", path(&user))).await;
    assert_eq!(changes, json!({ "items": [] }));
}

async fn projections_and_conditions_apply_to_past_states(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "title": "one", "nickName": "a" })).await;
    let group = create_named_group(&api.client, "g").await;
    add_members(&api.client, &group, std::slice::from_ref(&user)).await;
    api.patch(&user, &json!({ "title": "two" })).await;
    let (client, target) = (&api.client, path(&user));
    let id = &user["id"];
    let projected = get(client, &format!("{target}?at=3&attributes=title")).await;
    assert_eq!(projected, json!({ "id": id, "title": "one" }));
    let excluded = get(client, &format!("{target}?excludedAttributes=title&at=3")).await;
    assert_eq!((&excluded["nickName"], excluded.get("title")), (&json!("a"), None));
    let groups = get(client, &format!("{target}/groups?at=3&attributes=displayName")).await;
    assert_eq!(groups["items"], json!([{ "id": group["id"], "displayName": "g" }]));
    let past = format!("{target}?at=3");
    assert_eq!(client.get(&past).send().await.expect(200).header("etag"), Some("\"1\""));
    client.get(&past).header("if-none-match", "\"1\"").send().await.expect(304);
    client.get(&past).header("if-none-match", "\"2\"").send().await.expect(200);
    let failed = client.get(&past).header("if-match", "\"2\"").send().await;
    assert_problem(&failed, 412, "precondition-failed");
}

async fn erased_values_are_blank_in_past_states(api: Api) {
    let user =
        api.create(&json!({ "userName": "secret", "displayName": "secret", "externalId": "secret" })).await;
    let group = create_named_group(&api.client, "g").await;
    add_members(&api.client, &group, std::slice::from_ref(&user)).await;
    let patched = api.patch(&user, &json!({ "title": "secret" })).await;
    api.client.delete(&format!("{}?erase=true", path(&user))).send().await.expect(204);
    for (revision, expected) in [(3, &user), (4, &patched)] {
        let erased = at(&api.client, &path(&user), revision).await;
        assert!(!erased.to_string().contains("secret"), "{erased}");
        assert_eq!(
            (&erased["userName"], &erased["title"], &erased["emails"]),
            (&json!(""), &json!(null), &json!([]))
        );
        for kept in ["id", "version", "createdAt", "updatedAt"] {
            assert_eq!(erased[kept], expected[kept], "{kept}");
        }
    }
    let members = at(&api.client, &members_path(&group), 4).await;
    let member = &items(&members)[0];
    assert_eq!(
        (&member["userId"], &member["userName"], &member["displayName"]),
        (&user["id"], &json!(""), &json!(null))
    );
    assert_eq!(items(&at(&api.client, &format!("{}/groups", path(&user)), 4).await)[0]["id"], group["id"]);
}

/// All items of a list, page by page.
async fn walk(client: &Client, target: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("{target}&limit={limit}{cursor}")).await;
        assert!(items(&page).len() <= limit, "{page}");
        all.extend_from_slice(items(&page));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn cursors_are_bound_to_the_point(api: Api) {
    let client = &api.client;
    let users = create_users(client, 7).await;
    let group = create_named_group(client, "g").await;
    add_members(client, &group, &users[..5]).await;
    for name in ["h", "i"] {
        let group = create_named_group(client, name).await;
        add_members(client, &group, &users[..1]).await;
    }
    let then = head(client).await;
    for user in &users[1..4] {
        client.delete(&member_path(&group, user)).send().await.expect(204);
    }
    add_members(client, &group, &users[5..]).await;
    client.delete(&group_path(&group)).send().await.expect(204);
    let now = head(client).await;
    let of_user = format!("{}/groups", path(&users[0]));
    for (target, count) in [(members_path(&group), 5), (of_user, 3)] {
        let whole = get(client, &format!("{target}?at={then}&include=total")).await;
        assert_eq!((items(&whole).len(), &whole["total"]), (count, &json!(count)), "{target}");
        for limit in [1, 2, count, count + 1] {
            assert_eq!(walk(client, &format!("{target}?at={then}"), limit).await, items(&whole), "{target}");
        }
        let first = client.get(&format!("{target}?at={then}&limit=1")).send().await.expect(200);
        let link = first.header("link").expect("a page follows");
        assert!(link.contains(&format!("at={then}")), "{link}");
        let cursor = text(&first.json()["nextCursor"]).to_owned();
        for other in [format!("at={}&", then - 1), format!("at={}&", now - 1), String::new()] {
            let response = client.get(&format!("{target}?{other}cursor={cursor}")).send().await;
            assert_problem(&response, 400, "invalid-cursor");
        }
    }
}

async fn a_deleted_group_keeps_its_past_members(api: Api) {
    let client = &api.client;
    let users = create_users(client, 3).await;
    let group = create_named_group(client, "g").await;
    add_members(client, &group, &users).await;
    client.delete(&member_path(&group, &users[1])).send().await.expect(204);
    let (before, then) = (get(client, &group_path(&group)).await, head(client).await);
    let members = get(client, &members_path(&group)).await;
    client.delete(&group_path(&group)).send().await.expect(204);
    assert_eq!(at(client, &group_path(&group), then).await, before);
    assert_eq!(at(client, &members_path(&group), then).await, members);
    let of_user = at(client, &format!("{}/groups", path(&users[0])), then).await;
    assert_eq!(items(&of_user), std::slice::from_ref(&before));
    // Without the creation of the group, its members are unknown.
    api.sql().execute(&format!("DELETE FROM changes WHERE revision < {then}"));
    for target in [group_path(&group), members_path(&group)] {
        gone_problem(&client.get(&format!("{target}?at={then}")).send().await);
    }
}

async fn past_members_have_the_names_of_that_time(api: Api) {
    let client = &api.client;
    let users = create_users(client, 3).await;
    let group = create_named_group(client, "g").await;
    add_members(client, &group, &users).await;
    let (members, then) = (get(client, &members_path(&group)).await, head(client).await);
    api.patch(&users[0], &json!({ "userName": "new", "displayName": "New" })).await;
    client.delete(&path(&users[1])).send().await.expect(204);
    assert_eq!(at(client, &members_path(&group), then).await, members);
    let report = api
        .create(&json!({ "userName": "r", "enterprise": { "manager": { "value": users[0]["id"] } } }))
        .await;
    let then = head(client).await;
    api.patch(&users[0], &json!({ "displayName": "Newer" })).await;
    assert_eq!(report["enterprise"]["manager"]["displayName"], "New");
    assert_eq!(at(client, &path(&report), then).await, report);
}

async fn other_tenants_and_other_types_are_not_found(api: Api) {
    let [user, group] = [api.create_named("ada").await, create_named_group(&api.client, "g").await];
    let (user_id, group_id) = (text(&user["id"]), text(&group["id"]));
    create_tenant(&api.client, "other").await;
    let other = client_with_role(&api.client.in_tenant("other"), "admin").await;
    other.post("/users", &json!({ "userName": "ada" })).send().await.expect(201);
    for (client, target) in [
        (&api.client, format!("/users/{group_id}?at=2")),
        (&api.client, format!("/groups/{user_id}?at=2")),
        (&api.client, format!("/users/{group_id}/groups?at=2")),
        (&api.client, format!("/groups/{user_id}/members?at=2")),
        (&api.client, format!("/users/{group_id}/changes")),
        (&api.client, format!("/groups/{user_id}/changes")),
        (&api.client, "/users/x?at=2".to_owned()),
        (&other, format!("/users/{user_id}?at=1")),
        (&other, format!("/groups/{group_id}/members?at=1")),
        (&other, format!("/users/{user_id}/changes")),
    ] {
        assert_problem(&client.get(&target).send().await, 404, "not-found");
    }
}

async fn changes_of_a_resource_are_listed_newest_first(api: Api) {
    let client = &api.client;
    let user = api.create_named("ada").await;
    let group = create_named_group(client, "g").await;
    api.create_named("eve").await;
    add_members(client, &group, std::slice::from_ref(&user)).await;
    api.patch(&user, &json!({ "title": "x" })).await;
    client.delete(&path(&user)).send().await.expect(204);
    client.delete(&group_path(&group)).send().await.expect(204);
    let rows = follow(client, 0, "").await;
    let reader = client_with_role(client, "reader").await;
    for (target, revisions) in [(path(&user), vec![7, 6, 5, 4, 1]), (group_path(&group), vec![8, 6, 4, 2])] {
        let expected: Vec<_> =
            revisions.into_iter().map(|revision: usize| rows[revision - 1].clone()).collect();
        assert_eq!(get(client, &format!("{target}/changes")).await, json!({ "items": expected }));
        assert_eq!(get(&reader, &format!("{target}/changes")).await, json!({ "items": expected }));
    }
}

async fn changes_of_a_resource_are_paged(api: Api) {
    let client = &api.client;
    let [user, other] = [api.create_named("ada").await, api.create_named("eve").await];
    for index in 0..4 {
        let group = create_named_group(client, &format!("g{index}")).await;
        add_members(client, &group, std::slice::from_ref(&user)).await;
        api.patch(&user, &json!({ "title": index.to_string() })).await;
    }
    let target = format!("{}/changes?", path(&user));
    let whole = get(client, &target).await;
    assert_eq!(items(&whole).len(), 1 + 4 * 2);
    for limit in [1, 2, 3, 9, 10] {
        assert_eq!(walk(client, &target, limit).await, items(&whole), "by {limit}");
    }
    // New changes do not appear on the pages after a cursor.
    let first = get(client, &format!("{target}limit=2")).await;
    let cursor = text(&first["nextCursor"]);
    api.patch(&user, &json!({ "title": "last" })).await;
    let second = get(client, &format!("{target}limit=2&cursor={cursor}")).await;
    assert_eq!(items(&second), &items(&whole)[2..4]);
    let of_list = api.page("?limit=1").await;
    for (target, cursor) in [
        (format!("{}/changes?", path(&other)), cursor),
        (target.clone(), text(&of_list["nextCursor"])),
        (target.clone(), "x"),
    ] {
        assert_problem(&client.get(&format!("{target}cursor={cursor}")).send().await, 400, "invalid-cursor");
    }
    check_queries_rejected(
        client,
        target.trim_end_matches('?'),
        &["limit=0", "limit=x", "type=user.created"],
    )
    .await;
}

async fn changes_of_unknown_resources_are_not_found(api: Api) {
    api.create_named("ada").await;
    for target in ["/users/x/changes", "/groups/x/changes"] {
        assert_problem(&api.client.get(target).send().await, 404, "not-found");
    }
    let id = uuid::Uuid::now_v7();
    for target in [format!("/users/{id}/changes"), format!("/groups/{id}/changes")] {
        assert_problem(&api.client.get(&target).send().await, 404, "not-found");
        let post = api.client.post(&target, &json!({})).send().await;
        assert_problem(&post, 405, "method-not-allowed");
    }
}
