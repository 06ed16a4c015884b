//! Members of a group, and groups of a user.

use crate::api::callers::get;
use crate::api::group_helpers::{
    add_members, create_named_group, create_users, group_path, member_names, member_path, members_path,
    user_ids_body,
};
use crate::api::problem::{assert_all_rejected, assert_invalid, assert_problem, check_queries_rejected};
use crate::api::query::items;
use crate::support::api::{Api, count_with_status, expect_one_success, path, send_concurrently, text};
use crate::support::http::Client;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

engine_tests! {
    users_are_added_and_listed
    a_single_member_can_be_put_read_and_removed
    conditions_apply_to_the_version_of_the_group
    an_unknown_user_rejects_the_whole_request
    bodies_are_validated
    a_thousand_users_can_be_added_in_one_request
    adding_existing_members_changes_nothing
    each_request_increments_the_version_once
    unknown_groups_and_users_return_404
    members_are_listed_by_user_id
    groups_of_a_user_are_listed_by_id
    cursors_belong_to_one_list
    unknown_parameters_are_rejected
    members_show_current_names
    deleting_a_user_removes_its_memberships
    erasing_a_user_removes_its_memberships
    a_failed_precondition_removes_no_member
    concurrent_adds_create_one_membership
    concurrent_removals_succeed_once
    concurrent_membership_changes_are_all_applied
    a_user_deleted_during_an_add_has_no_membership
}

async fn read_group(client: &Client, group: &Value) -> Value {
    get(client, &group_path(group)).await
}

/// The member count and version of a group, and the number of membership rows.
async fn counts(api: &Api, group: &Value) -> (Value, Value, i64) {
    let current = read_group(&api.client, group).await;
    let rows = api.sql().number("SELECT count(*) AS number FROM members");
    (current["memberCount"].clone(), current["version"].clone(), rows)
}

async fn users_are_added_and_listed(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 3).await;
    let response =
        api.client.post(&members_path(&group), &user_ids_body(&users[..2])).send().await.expect(204);
    assert_eq!(
        (response.text().as_str(), response.header("etag"), response.header("location")),
        ("", None, None)
    );
    let current = read_group(&api.client, &group).await;
    assert_eq!((&current["memberCount"], &current["version"]), (&json!(2), &json!(2)));
    assert!(text(&current["updatedAt"]) > text(&group["updatedAt"]));
    let page = get(&api.client, &format!("{}?include=total", members_path(&group))).await;
    let member = |index: usize| {
        json!({
            "userId": users[index]["id"], "userName": format!("u{index}"), "displayName": null,
            "addedAt": items(&page)[index]["addedAt"],
        })
    };
    assert_eq!(page, json!({ "items": [member(0), member(1)], "total": 2 }));
    assert!(text(&items(&page)[0]["addedAt"]) <= text(&current["updatedAt"]));
    assert_eq!(text(&items(&page)[0]["addedAt"]).len(), "2026-01-02T03:04:05.678901Z".len());
    let groups = get(&api.client, &format!("{}/groups", path(&users[1]))).await;
    assert_eq!(groups, json!({ "items": [current] }));
    assert_eq!(get(&api.client, &format!("{}/groups", path(&users[2]))).await, json!({ "items": [] }));
    // The membership is not part of the user.
    assert_eq!(api.read(&users[0]).await, users[0]);
}

async fn a_single_member_can_be_put_read_and_removed(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let user = create_users(&api.client, 1).await.remove(0);
    let target = member_path(&group, &user);
    assert_problem(&api.client.get(&target).send().await, 404, "not-found");
    assert_problem(&api.client.delete(&target).send().await, 404, "not-found");
    let put = api.client.request(Method::PUT, &target);
    let response = put.send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", None));
    let member = get(&api.client, &target).await;
    let expected =
        json!({ "userId": user["id"], "userName": "u0", "displayName": null, "addedAt": member["addedAt"] });
    assert_eq!(member, expected);
    let head = api.client.request(Method::HEAD, &target).send().await.expect(200);
    assert_eq!(head.text(), "");
    put.send().await.expect(204);
    assert_eq!(get(&api.client, &target).await, member);
    assert_eq!(counts(&api, &group).await, (json!(1), json!(2), 1));
    let response = api.client.delete(&target).send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", None));
    assert_problem(&api.client.delete(&target).send().await, 404, "not-found");
    assert_eq!(counts(&api, &group).await, (json!(0), json!(3), 0));
}

async fn conditions_apply_to_the_version_of_the_group(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 2).await;
    let target = member_path(&group, &users[0]);
    let write = |method: &Method, name: &str, tag: &str| {
        let request = match *method {
            Method::POST => api.client.post(&members_path(&group), &user_ids_body(&users)),
            _ => api.client.request(method.clone(), &target),
        };
        request.header(name, tag)
    };
    let writes = [(Method::PUT, "\"1\""), (Method::POST, "\"2\""), (Method::DELETE, "\"3\"")];
    for (method, version) in &writes {
        let weak = format!("W/{version}");
        for (name, tag) in [
            ("If-Match", "\"7\""),
            ("If-Match", weak.as_str()),
            ("If-None-Match", version),
            ("If-None-Match", "*"),
        ] {
            let response = write(method, name, tag).send().await;
            assert_problem(&response, 412, "precondition-failed");
            assert_eq!(response.header("etag"), Some(*version), "{method} with {name}: {tag}");
        }
        assert_problem(&write(method, "If-Match", "1").send().await, 400, "invalid-header");
        write(method, "If-Match", version).send().await.expect(204);
    }
    assert_eq!(member_names(&api.client, &group).await, ["u1"]);
    api.client.delete(&group_path(&group)).send().await.expect(204);
    for (method, _) in &writes {
        assert_problem(&write(method, "If-Match", "*").send().await, 404, "not-found");
    }
}

async fn an_unknown_user_rejects_the_whole_request(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 3).await;
    let unknown = Uuid::now_v7();
    let body = json!({ "userIds": [users[0]["id"], unknown, users[1]["id"], group["id"], unknown] });
    let errors = ["/userIds/1", "/userIds/3", "/userIds/4"].map(|pointer| (pointer, "unknown-user"));
    assert_invalid(&api.client.post(&members_path(&group), &body).send().await, &errors);
    assert_eq!(counts(&api, &group).await, (json!(0), json!(1), 0));
    add_members(&api.client, &group, &users[..1]).await;
    assert_invalid(&api.client.post(&members_path(&group), &body).send().await, &errors);
    assert_eq!(counts(&api, &group).await, (json!(1), json!(2), 1));
}

async fn bodies_are_validated(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let user = &create_users(&api.client, 1).await[0];
    let post = async |body: Value| api.client.post(&members_path(&group), &body).send().await;
    assert_invalid(&post(json!({})).await, &[("/userIds", "required")]);
    assert_invalid(&post(json!({ "userIds": null })).await, &[("/userIds", "required")]);
    assert_invalid(&post(json!({ "userIds": [] })).await, &[("/userIds", "required")]);
    assert_invalid(&post(json!({ "userIds": user["id"] })).await, &[("/userIds", "wrong-type")]);
    assert_invalid(&post(json!([user["id"]])).await, &[("", "wrong-type")]);
    let id = text(&user["id"]);
    let several = json!({
        "userIds": [id, 1, "x", id.replace('-', ""), null, { "value": id }, format!(" {id}"), Uuid::now_v7()],
        "members": [],
    });
    let errors = [
        ("/userIds/1", "wrong-type"),
        ("/userIds/2", "unknown-user"),
        ("/userIds/3", "unknown-user"),
        ("/userIds/4", "wrong-type"),
        ("/userIds/5", "wrong-type"),
        ("/userIds/6", "unknown-user"),
        ("/userIds/7", "unknown-user"),
        ("/members", "unknown-field"),
    ];
    assert_invalid(&post(several).await, &errors);
    let many = json!({ "userIds": vec![id; 1_001] });
    assert_invalid(&post(many).await, &[("/userIds", "too-many")]);
    let send = async |media_type: &str, body: &str| {
        let request = api.client.request(Method::POST, &members_path(&group));
        request.body(media_type, body.to_owned()).send().await
    };
    assert_problem(&send("text/plain", "x").await, 415, "unsupported-media-type");
    assert_problem(&send("application/json", "{").await, 400, "malformed-body");
    assert_eq!(counts(&api, &group).await, (json!(0), json!(1), 0));
    // Repeated ids are added once.
    post(json!({ "userIds": [id, id.to_uppercase(), id] })).await.expect(204);
    assert_eq!(counts(&api, &group).await, (json!(1), json!(2), 1));
}

async fn a_thousand_users_can_be_added_in_one_request(api: Api) {
    let responses = send_concurrently(1_000, |index| {
        api.client.post("/users", &json!({ "userName": format!("u{index:03}") }))
    });
    let mut users: Vec<_> = responses.await.into_iter().map(|response| response.expect(201).json()).collect();
    users.sort_by_key(|user| user["id"].to_string());
    let group = create_named_group(&api.client, "a").await;
    add_members(&api.client, &group, &users).await;
    assert_eq!(counts(&api, &group).await, (json!(1_000), json!(2), 1_000));
    let (mut seen, mut target) = (Vec::new(), format!("{}?limit=500", members_path(&group)));
    loop {
        let page = get(&api.client, &target).await;
        seen.extend(items(&page).iter().map(|member| member["userId"].clone()));
        let Some(cursor) = page.get("nextCursor") else { break };
        target = format!("{}?limit=500&cursor={}", members_path(&group), text(cursor));
    }
    assert_eq!(seen, users.iter().map(|user| user["id"].clone()).collect::<Vec<_>>());
    api.client.delete(&group_path(&group)).send().await.expect(204);
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM members"), 0);
}

async fn adding_existing_members_changes_nothing(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 3).await;
    add_members(&api.client, &group, &users[..2]).await;
    let before = read_group(&api.client, &group).await;
    let page = get(&api.client, &members_path(&group)).await;
    let head = get(&api.client, "/changes").await["head"].clone();
    add_members(&api.client, &group, &users[..2]).await;
    add_members(&api.client, &group, &users[1..2]).await;
    api.client.request(Method::PUT, &member_path(&group, &users[0])).send().await.expect(204);
    assert_eq!(read_group(&api.client, &group).await, before);
    assert_eq!(get(&api.client, &members_path(&group)).await, page);
    assert_eq!(get(&api.client, "/changes").await["head"], head);
    // Only the user who is not yet a member is added.
    add_members(&api.client, &group, &users).await;
    assert_eq!(counts(&api, &group).await, (json!(3), json!(3), 3));
    assert_eq!(items(&get(&api.client, &members_path(&group)).await)[..2], items(&page)[..]);
}

async fn each_request_increments_the_version_once(api: Api) {
    let groups = [create_named_group(&api.client, "a").await, create_named_group(&api.client, "b").await];
    let users = create_users(&api.client, 5).await;
    add_members(&api.client, &groups[0], &users).await;
    assert_eq!(read_group(&api.client, &groups[0]).await["version"], 2);
    for (number, user) in users.iter().enumerate() {
        api.client.request(Method::PUT, &member_path(&groups[1], user)).send().await.expect(204);
        assert_eq!(read_group(&api.client, &groups[1]).await["version"], number + 2);
    }
    api.client.delete(&member_path(&groups[0], &users[2])).send().await.expect(204);
    assert_eq!(read_group(&api.client, &groups[0]).await["version"], 3);
    let patch = api.client.patch(&group_path(&groups[0]), &json!({ "displayName": "c" }));
    assert_eq!(patch.send().await.expect(200).json()["version"], 4);
    let times: Vec<_> = [&groups[0], &groups[1]].map(|group| text(&group["createdAt"]).to_owned()).into();
    for (group, created) in groups.iter().zip(times) {
        let current = read_group(&api.client, group).await;
        assert!(text(&current["updatedAt"]) > created.as_str());
        assert_eq!(current["createdAt"], group["createdAt"]);
    }
}

async fn unknown_groups_and_users_return_404(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let user = create_users(&api.client, 1).await.remove(0);
    let unknown = json!({ "id": Uuid::now_v7() });
    let put = async |target: String| api.client.request(Method::PUT, &target).send().await;
    for (group, user) in [(&group, &unknown), (&unknown, &user), (&unknown, &unknown), (&group, &group)] {
        let target = member_path(group, user);
        assert_problem(&put(target.clone()).await, 404, "not-found");
        assert_problem(&api.client.get(&target).send().await, 404, "not-found");
        assert_problem(&api.client.delete(&target).send().await, 404, "not-found");
    }
    let (group_id, user_id) = (text(&group["id"]), text(&user["id"]));
    for target in [
        format!("/groups/{group_id}/members/x"),
        format!("/groups/x/members/{user_id}"),
        format!("/groups/{group_id}/members/{}", user_id.replace('-', "")),
    ] {
        assert_problem(&put(target.clone()).await, 404, "not-found");
        assert_problem(&api.client.get(&target).send().await, 404, "not-found");
        assert_problem(&api.client.delete(&target).send().await, 404, "not-found");
    }
    for target in [members_path(&unknown), "/groups/x/members".to_owned()] {
        assert_problem(&api.client.get(&target).send().await, 404, "not-found");
        assert_problem(&api.client.post(&target, &user_ids_body([&user])).send().await, 404, "not-found");
        // The body is not validated if the group does not exist.
        assert_problem(&api.client.post(&target, &user_ids_body([&unknown])).send().await, 404, "not-found");
    }
    for target in [format!("{}/groups", path(&unknown)), "/users/x/groups".to_owned()] {
        assert_problem(&api.client.get(&target).send().await, 404, "not-found");
    }
    assert_eq!(counts(&api, &group).await, (json!(0), json!(1), 0));
}

async fn list_all(client: &Client, target: &str, limit: usize) -> Vec<Value> {
    let (mut seen, mut next) = (Vec::new(), format!("{target}?limit={limit}"));
    loop {
        let response = client.get(&next).send().await.expect(200);
        let page = response.json();
        assert!(items(&page).len() <= limit);
        seen.extend_from_slice(items(&page));
        let Some(cursor) = page.get("nextCursor") else {
            assert_eq!(response.header("link"), None);
            return seen;
        };
        assert_eq!(items(&page).len(), limit, "only the last page is short");
        next = format!("{target}?limit={limit}&cursor={}", text(cursor));
        assert_eq!(response.header("link"), Some(format!("<{next}>; rel=\"next\"").as_str()));
    }
}

async fn members_are_listed_by_user_id(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let other = create_named_group(&api.client, "b").await;
    let users = create_users(&api.client, 23).await;
    for index in 0..20 {
        // The users are added in no particular order.
        add_members(&api.client, &group, &users[index * 7 % 20..=index * 7 % 20]).await;
    }
    add_members(&api.client, &other, &users).await;
    let expected: Vec<_> = (0..20).map(|index| format!("u{index}")).collect();
    assert_eq!(member_names(&api.client, &group).await, expected);
    for limit in [1, 7, 19, 20, 21] {
        let seen = list_all(&api.client, &members_path(&group), limit).await;
        let names: Vec<_> = seen.iter().map(|member| text(&member["userName"])).collect();
        assert_eq!(names, expected, "{limit}");
    }
    let page = get(&api.client, &format!("{}?limit=3&include=total", members_path(&group))).await;
    assert_eq!((items(&page).len(), &page["total"]), (3, &json!(20)));
    // Removing members between pages does not cause other members to be skipped.
    let next = format!("{}?limit=3&cursor={}", members_path(&group), text(&page["nextCursor"]));
    for index in [1, 2, 3] {
        api.client.delete(&member_path(&group, &users[index])).send().await.expect(204);
    }
    let names: Vec<_> =
        items(&get(&api.client, &next).await).iter().map(|member| member["userName"].clone()).collect();
    assert_eq!(names, ["u4", "u5", "u6"]);
}

async fn groups_of_a_user_are_listed_by_id(api: Api) {
    let users = create_users(&api.client, 2).await;
    let mut groups = Vec::new();
    for index in 0..9 {
        groups.push(create_named_group(&api.client, &format!("g{}", index * 5 % 9)).await);
    }
    for index in [8, 2, 5, 0, 3] {
        add_members(&api.client, &groups[index], &users).await;
    }
    add_members(&api.client, &groups[1], &users[1..]).await;
    let target = format!("{}/groups", path(&users[0]));
    let mut expected = Vec::new();
    for index in [0, 2, 3, 5, 8] {
        expected.push(read_group(&api.client, &groups[index]).await);
    }
    for limit in [1, 2, 4, 5, 6] {
        assert_eq!(list_all(&api.client, &target, limit).await, expected, "{limit}");
    }
    let page = get(&api.client, &format!("{target}?limit=2&include=total&attributes=displayName")).await;
    let projected = |group: &Value| json!({ "id": group["id"], "displayName": group["displayName"] });
    assert_eq!(page["items"], json!([projected(&expected[0]), projected(&expected[1])]));
    assert_eq!(page["total"], 5);
    api.client.delete(&group_path(&groups[3])).send().await.expect(204);
    expected.remove(2);
    assert_eq!(list_all(&api.client, &target, 2).await, expected);
}

async fn cursors_belong_to_one_list(api: Api) {
    let users = create_users(&api.client, 3).await;
    let groups = [create_named_group(&api.client, "a").await, create_named_group(&api.client, "b").await];
    for group in &groups {
        add_members(&api.client, group, &users).await;
    }
    let lists = [
        members_path(&groups[0]),
        members_path(&groups[1]),
        format!("{}/groups", path(&users[0])),
        format!("{}/groups", path(&users[1])),
        "/groups".to_owned(),
        "/users".to_owned(),
    ];
    for list in &lists {
        let page = get(&api.client, &format!("{list}?limit=1")).await;
        let cursor = text(&page["nextCursor"]);
        for other in &lists {
            let response = api.client.get(&format!("{other}?limit=1&cursor={cursor}")).send().await;
            match other == list {
                true => drop(response.expect(200)),
                false => drop(assert_problem(&response, 400, "invalid-cursor")),
            }
        }
    }
}

async fn unknown_parameters_are_rejected(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let user = create_users(&api.client, 1).await.remove(0);
    add_members(&api.client, &group, std::slice::from_ref(&user)).await;
    let (one, all, groups) =
        (member_path(&group, &user), members_path(&group), format!("{}/groups", path(&user)));
    let invalid =
        ["foo=1", "filter=userName%20pr", "sort=userName", "limit=0", "include=users", "erase=true"];
    for target in [&one, &all, &groups, &group_path(&group)] {
        check_queries_rejected(&api.client, target, &invalid).await;
    }
    for query in invalid {
        let requests = [
            api.client.post(&format!("{all}?{query}"), &user_ids_body([&user])),
            api.client.request(Method::PUT, &format!("{one}?{query}")),
            api.client.delete(&format!("{one}?{query}")),
            api.client.delete(&format!("{}?{query}", group_path(&group))),
        ];
        assert_all_rejected(&requests, 400, "invalid-parameter").await;
    }
    for target in [&one, &all] {
        check_queries_rejected(&api.client, target, &["attributes=userName"]).await;
    }
    assert_eq!(counts(&api, &group).await, (json!(1), json!(2), 1));
}

async fn members_show_current_names(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let user = create_users(&api.client, 1).await.remove(0);
    add_members(&api.client, &group, std::slice::from_ref(&user)).await;
    let before = read_group(&api.client, &group).await;
    api.patch(&user, &json!({ "userName": "Ada", "displayName": "Ada Lovelace" })).await;
    let member = get(&api.client, &member_path(&group, &user)).await;
    assert_eq!((&member["userName"], &member["displayName"]), (&json!("Ada"), &json!("Ada Lovelace")));
    assert_eq!(get(&api.client, &members_path(&group)).await["items"], json!([member]));
    assert_eq!(read_group(&api.client, &group).await, before);
}

/// Creates three groups of three users, and removes the first user from the last group.
async fn create_groups(api: &Api) -> (Vec<Value>, Vec<Value>) {
    let users = create_users(&api.client, 3).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c"] {
        let group = create_named_group(&api.client, name).await;
        add_members(&api.client, &group, &users).await;
        groups.push(group);
    }
    api.client.delete(&member_path(&groups[2], &users[0])).send().await.expect(204);
    (groups, users)
}

/// Checks that deleting a user with a query removes all of its memberships.
async fn check_removal(api: &Api, query: &str) {
    let (groups, users) = create_groups(api).await;
    api.client.delete(&format!("{}{query}", path(&users[0]))).send().await.expect(204);
    for (group, version) in groups.iter().zip([3, 3, 3]) {
        let current = read_group(&api.client, group).await;
        assert_eq!((&current["memberCount"], &current["version"]), (&json!(2), &json!(version)));
        assert_eq!(member_names(&api.client, group).await, ["u1", "u2"]);
        assert_problem(&api.client.get(&member_path(group, &users[0])).send().await, 404, "not-found");
    }
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM members"), 6);
}

async fn deleting_a_user_removes_its_memberships(api: Api) {
    check_removal(&api, "").await;
}

async fn erasing_a_user_removes_its_memberships(api: Api) {
    check_removal(&api, "?erase=true").await;
}

async fn a_failed_precondition_removes_no_member(api: Api) {
    let (groups, users) = create_groups(&api).await;
    for query in ["", "?erase=true"] {
        let delete = api.client.delete(&format!("{}{query}", path(&users[0]))).header("if-match", "\"7\"");
        assert_problem(&delete.send().await, 412, "precondition-failed");
    }
    assert_eq!(member_names(&api.client, &groups[0]).await, ["u0", "u1", "u2"]);
}

async fn concurrent_adds_create_one_membership(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let user = create_users(&api.client, 1).await.remove(0);
    let responses = send_concurrently(40, |index| match index % 2 {
        0 => api.client.request(Method::PUT, &member_path(&group, &user)),
        _ => api.client.post(&members_path(&group), &user_ids_body([&user])),
    });
    assert_eq!(count_with_status(&responses.await, 204), 40);
    assert_eq!(counts(&api, &group).await, (json!(1), json!(2), 1));
}

async fn concurrent_removals_succeed_once(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    let users = create_users(&api.client, 2).await;
    add_members(&api.client, &group, &users).await;
    let responses = send_concurrently(40, |_| api.client.delete(&member_path(&group, &users[0]))).await;
    expect_one_success(&responses, 204, 404);
    assert_eq!(counts(&api, &group).await, (json!(1), json!(3), 1));
}

async fn concurrent_membership_changes_are_all_applied(api: Api) {
    let groups = [create_named_group(&api.client, "a").await, create_named_group(&api.client, "b").await];
    let users = create_users(&api.client, 40).await;
    add_members(&api.client, &groups[0], &users[20..]).await;
    let responses = send_concurrently(80, |index| {
        let (group, user) = (&groups[index % 2], &users[index / 2]);
        match (index % 2, index / 2) {
            (0, 20..) => api.client.delete(&member_path(group, user)),
            _ => api.client.request(Method::PUT, &member_path(group, user)),
        }
    });
    assert_eq!(count_with_status(&responses.await, 204), 80);
    let mut expected: Vec<_> = (0..20).map(|index| format!("u{index}")).collect();
    assert_eq!(member_names(&api.client, &groups[0]).await, expected);
    expected.extend((20..40).map(|index| format!("u{index}")));
    assert_eq!(member_names(&api.client, &groups[1]).await, expected);
    assert_eq!(counts(&api, &groups[0]).await, (json!(20), json!(42), 60));
    assert_eq!(counts(&api, &groups[1]).await, (json!(40), json!(41), 60));
}

async fn a_user_deleted_during_an_add_has_no_membership(api: Api) {
    let group = create_named_group(&api.client, "a").await;
    for round in 0..10 {
        let user = api.create_named(&format!("r{round}")).await;
        let responses = send_concurrently(9, |index| match index {
            _ if index == round % 9 => api.client.delete(&path(&user)),
            _ => api.client.request(Method::PUT, &member_path(&group, &user)),
        });
        for response in responses.await {
            assert!(matches!(response.code(), 204 | 404), "{}", response.text());
        }
        assert_problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
        let current = read_group(&api.client, &group).await;
        assert_eq!(current["memberCount"], 0);
        assert_eq!(api.sql().number("SELECT count(*) AS number FROM members"), 0);
    }
}
