//! Lists of groups: pagination, filters, sorting and projections. Also users filtered by their groups.

use crate::api::callers::get;
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_path,
};
use crate::api::problem::problem;
use crate::api::query::{items, matching_names, names};
use crate::support::api::{Api, path, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use serde_json::{Value, json};

engine_tests! {
    groups_are_listed_in_creation_order
    groups_can_be_sorted
    groups_can_be_filtered_by_attribute
    groups_can_be_filtered_by_member
    users_can_be_filtered_by_group
    invalid_filters_explain_the_error
    lists_of_groups_can_be_projected
    a_single_group_can_be_projected
    users_can_be_filtered_by_a_group_of_thousands
}

/// The target of a list of groups with these parameters.
fn groups_target(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    format!("/groups?{}", pairs.join("&"))
}

/// Lists all groups that match a query, over all pages.
async fn list_groups(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let first = groups_target(parameters);
    let (mut groups, mut target) = (Vec::new(), first.clone());
    loop {
        let response = client.get(&target).send().await;
        assert_eq!(response.code(), 200, "{target}: {}", response.text());
        let page = response.json();
        groups.extend_from_slice(items(&page));
        let Some(cursor) = page.get("nextCursor") else { return groups };
        target = format!("{first}&cursor={}", text(cursor));
    }
}

/// The names of groups, separated by spaces.
fn display_names(groups: &[Value]) -> String {
    groups.iter().map(|group| text(&group["displayName"])).collect::<Vec<_>>().join(" ")
}

/// Checks which groups match each filter, in pages of two, and that the total agrees.
async fn check_group_filters(client: &Client, cases: &[(&str, &str)]) {
    for &(filter, expected) in cases {
        let groups = list_groups(client, &[("filter", filter), ("limit", "2")]).await;
        assert_eq!(display_names(&groups), expected, "{filter}");
        let page =
            get(client, &groups_target(&[("filter", filter), ("include", "total"), ("limit", "1")])).await;
        assert_eq!(page["total"], expected.split_terminator(' ').count(), "{filter}");
    }
}

async fn groups_are_listed_in_creation_order(api: Api) {
    let mut expected = Vec::new();
    for index in 0..53 {
        expected.push(create_named_group(&api.client, &format!("g{}", index * 37 % 100)).await);
    }
    assert_eq!(items(&get(&api.client, "/groups").await), &expected[..50]);
    for limit in ["1", "7", "52", "53", "500", "501"] {
        assert_eq!(list_groups(&api.client, &[("limit", limit)]).await, expected, "{limit}");
    }
    let page = get(&api.client, "/groups?limit=3&include=total").await;
    assert_eq!((items(&page), &page["total"]), (&expected[..3], &json!(53)));
    api.client.delete(&group_path(&expected[2])).send().await.expect(204);
    assert_eq!(get(&api.client, "/groups?include=total&limit=1").await["total"], 52);
    let next = format!("/groups?limit=3&cursor={}", text(&page["nextCursor"]));
    assert_eq!(items(&get(&api.client, &next).await), &expected[3..6]);
    for query in
        ["foo=1", "limit=0", "include=members", "sort=userName", "sort=memberCount", "attributes=title"]
    {
        problem(&api.client.get(&format!("/groups?{query}")).send().await, 400, "invalid-parameter");
    }
}

async fn groups_can_be_sorted(api: Api) {
    let mut groups = Vec::new();
    for name in ["b", "A", "c", "a", "ß"] {
        groups.push(create_named_group(&api.client, name).await);
    }
    for index in [3, 0] {
        let patch = json!({ "custom": { "x": index } });
        api.client.patch(&group_path(&groups[index]), &patch).send().await.expect(200);
    }
    for (sort, expected) in [
        ("id", "b A c a ß"),
        ("-id", "ß a c A b"),
        ("displayName", "A a b c ß"),
        ("-displayName", "ß c b a A"),
        ("createdAt", "b A c a ß"),
        ("-createdAt", "ß a c A b"),
        ("updatedAt", "A c ß a b"),
        ("-UPDATEDAT", "b a ß c A"),
    ] {
        for limit in ["1", "2", "4", "50"] {
            let found = list_groups(&api.client, &[("sort", sort), ("limit", limit)]).await;
            assert_eq!(display_names(&found), expected, "{sort} by {limit}");
            let found =
                list_groups(&api.client, &[("sort", sort), ("limit", limit), ("filter", "version ge 1")])
                    .await;
            assert_eq!(display_names(&found), expected, "{sort} by {limit}, scanned");
            let filter = r#"displayName ge "A""#;
            let found =
                list_groups(&api.client, &[("sort", sort), ("limit", limit), ("filter", filter)]).await;
            assert_eq!(display_names(&found), expected, "{sort} by {limit}, by an index");
        }
    }
}

async fn groups_can_be_filtered_by_attribute(api: Api) {
    let client = &api.client;
    let one = create_group(client, &json!({ "displayName": "Engineers", "externalId": "E-1" })).await;
    create_group(client, &json!({ "displayName": "engines", "externalId": "e-1" })).await;
    create_group(client, &json!({ "displayName": "Straße", "custom": { "displayName": "x" } })).await;
    add_members(client, &one, &create_users(client, 2).await).await;
    let (id, created) = (one["id"].to_string(), one["createdAt"].to_string());
    check_group_filters(
        client,
        &[
            (r#"displayName eq "ENGINEERS""#, "Engineers"),
            (r#"displayName sw "engine""#, "Engineers engines"),
            (r#"displayName co "gine" and not (displayName ew "S")"#, ""),
            (r#"displayName ew "ERS""#, "Engineers"),
            (r#"displayName eq "STRASSE""#, "Straße"),
            (r#"displayName ne "strasse""#, "Engineers engines"),
            (r#"displayName eq null"#, ""),
            (r#"displayName pr"#, "Engineers engines Straße"),
            (r#"externalId eq "E-1""#, "Engineers"),
            (r#"externalId sw "e""#, "engines"),
            (r#"externalId co "-""#, "Engineers engines"),
            (r#"not (externalId pr)"#, "Straße"),
            (&format!("id eq {id}"), "Engineers"),
            (&format!("id gt {id}"), "engines Straße"),
            (&format!("createdAt le {created}"), "Engineers"),
            (&format!("updatedAt gt {created}"), "Engineers engines Straße"),
            ("memberCount gt 0", "Engineers"),
            ("memberCount eq 0 and version eq 1", "engines Straße"),
            ("version gt 1", "Engineers"),
            (r#"externalId eq "e-1" or memberCount ge 2"#, "Engineers engines"),
            (r#"urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq "engines""#, "engines"),
        ],
    )
    .await;
}

/// Creates four users and the groups `a` to `d`: u0 is in a and b, u1 in b, u2 in none, u3 in c, and d is empty.
async fn create_users_and_groups(client: &Client) -> (Vec<Value>, Vec<Value>) {
    let users = create_users(client, 4).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c", "d"] {
        groups.push(create_named_group(client, name).await);
    }
    add_members(client, &groups[0], &users[..1]).await;
    add_members(client, &groups[1], &users[..2]).await;
    add_members(client, &groups[2], &users[3..]).await;
    (users, groups)
}

async fn groups_can_be_filtered_by_member(api: Api) {
    let (users, groups) = create_users_and_groups(&api.client).await;
    let [u0, u1, u2, _] = [0, 1, 2, 3].map(|index| users[index]["id"].to_string());
    let b = groups[1]["id"].to_string();
    let unknown = uuid::Uuid::now_v7();
    check_group_filters(
        &api.client,
        &[
            (&format!("members.value eq {u0}"), "a b"),
            (&format!("members eq {u0}"), "a b"),
            (&format!("Members.VALUE eq {}", u0.to_uppercase()), ""),
            (&format!("members[value eq {u0}]"), "a b"),
            (&format!("members eq {u1}"), "b"),
            (&format!("members eq {u2}"), ""),
            (&format!("members eq \"{unknown}\""), ""),
            (r#"members eq "x""#, ""),
            (&format!("members ne {u0}"), "c d"),
            (&format!("not (members eq {u1})"), "a c d"),
            ("members pr", "a b c"),
            ("not (members pr)", "d"),
            ("members eq null", "d"),
            (&format!("id eq {b} and members eq {u1}"), "b"),
            (&format!("id eq {b} and members eq {u2}"), ""),
            (&format!("members eq {u1} or displayName eq \"d\""), "b d"),
            (&format!("members eq {u0} and members eq {u1}"), "b"),
            // No single member has both values.
            (&format!("members[value eq {u0} and value eq {u1}]"), ""),
            (&format!("members[value eq {u0} or value eq {u1}] and displayName gt \"a\""), "b"),
            (&format!("members[not (value eq {u0})]"), "b c"),
            (&format!("members sw {}\"", &u0[..5]), "a b c"),
            (&format!("members gt {u1}"), "c"),
            (&format!("members.value co {u1}"), "b"),
        ],
    )
    .await;
    api.client.delete(&member_path(&groups[0], &users[0])).send().await.expect(204);
    check_group_filters(&api.client, &[(&format!("members eq {u0}"), "b"), ("not (members pr)", "a d")])
        .await;
}

async fn users_can_be_filtered_by_group(api: Api) {
    let (users, groups) = create_users_and_groups(&api.client).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| groups[index]["id"].to_string());
    for (filter, expected) in [
        (format!("groups.value eq {a}"), "u0"),
        (format!("groups eq {b}"), "u0 u1"),
        (format!("groups eq {d}"), ""),
        (format!("groups ne {b}"), "u2 u3"),
        (format!("not (groups eq {a})"), "u1 u2 u3"),
        ("groups pr".to_owned(), "u0 u1 u3"),
        ("groups eq null".to_owned(), "u2"),
        (format!("groups eq {b} and userName eq \"U1\""), "u1"),
        (format!("groups eq {a} and userName eq \"U1\""), ""),
        (format!("groups eq {a} or groups eq {c}"), "u0 u3"),
        (format!("groups eq {a} or title pr"), "u0"),
        (format!("groups eq {a} and groups eq {b}"), "u0"),
        (format!("groups[value eq {a} or value eq {c}]"), "u0 u3"),
        (format!("active eq true and not (groups eq {b} or userName eq \"u2\")"), "u3"),
        (format!("groups eq {b} and groups ne {a}"), "u1"),
    ] {
        assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
        let total = format!("/users?include=total&limit=1&filter={}", percent_encoded(&filter));
        let total = get(&api.client, &total).await["total"].clone();
        assert_eq!(total, expected.split_terminator(' ').count(), "{filter}");
    }
    // `groups` can only be used in filters.
    assert_eq!(users[0].get("groups"), None);
    for query in ["attributes=groups", "excludedAttributes=groups.value", "sort=groups"] {
        problem(&api.client.get(&format!("/users?{query}")).send().await, 400, "invalid-parameter");
    }
    api.client.delete(&path(&users[0])).send().await.expect(204);
    assert_eq!(matching_names(&api, &format!("groups eq {b}")).await, "u1");
}

async fn invalid_filters_explain_the_error(api: Api) {
    for (filter, detail) in [
        (r#"userName eq "x""#, "'userName' is not an attribute of groups"),
        ("groups pr", "'groups' is not an attribute of groups"),
        ("members.type pr", "'members.type' is not an attribute of groups"),
        ("members[type pr]", "'type' is not an attribute of members"),
        ("custom pr", "groups cannot be filtered by custom"),
        (r#"externalIds.native eq "x""#, "is not an attribute of groups"),
        (r#"memberCount eq "1""#, "an integer"),
        ("memberCount co 1", "memberCount can only be compared with"),
        ("members eq 1", "a string"),
    ] {
        let response = api.client.get(&groups_target(&[("filter", filter)])).send().await;
        let body = problem(&response, 400, "invalid-filter");
        assert!(text(&body["detail"]).contains(detail), "{filter}: {body}");
    }
    let response = api.client.get("/users?filter=members%20pr").send().await;
    let body = problem(&response, 400, "invalid-filter");
    assert!(text(&body["detail"]).contains("'members' is not an attribute of users"), "{body}");
}

fn full_group() -> Value {
    json!({ "displayName": "a", "externalId": "x", "custom": { "b": { "c": 1, "d": 2 } } })
}

async fn lists_of_groups_can_be_projected(api: Api) {
    let group = create_group(&api.client, &full_group()).await;
    let id = &group["id"];
    for (query, expected) in [
        ("attributes=displayName", json!({ "id": id, "displayName": "a" })),
        ("attributes=DISPLAYNAME,memberCount", json!({ "id": id, "displayName": "a", "memberCount": 0 })),
        ("attributes=custom.b.c", json!({ "id": id, "custom": { "b": { "c": 1 } } })),
        ("attributes=id", json!({ "id": id })),
        ("attributes=externalIds", json!({ "id": id, "externalIds": { "native": "x" } })),
    ] {
        assert_eq!(
            get(&api.client, &format!("/groups?{query}")).await["items"],
            json!([expected]),
            "{query}"
        );
        assert_eq!(get(&api.client, &format!("{}?{query}", group_path(&group))).await, expected, "{query}");
    }
    let mut without = group.clone();
    for name in ["custom", "version", "externalIds"] {
        without.as_object_mut().expect("an object").remove(name);
    }
    let query = "excludedAttributes=custom,version,externalIds,id";
    assert_eq!(get(&api.client, &format!("/groups?{query}")).await["items"], json!([without]));
}

async fn a_single_group_can_be_projected(api: Api) {
    let group = create_group(&api.client, &full_group()).await;
    let response =
        api.client.get(&format!("{}?attributes=displayName", group_path(&group))).send().await.expect(200);
    assert_eq!(response.header("etag"), Some("\"1\""));
    for query in ["attributes=members", "attributes=x", "attributes=id&excludedAttributes=id", "attributes="]
    {
        for target in ["/groups", &group_path(&group)] {
            let response = api.client.get(&format!("{target}?{query}")).send().await;
            problem(&response, 400, "invalid-parameter");
        }
    }
}

/// The group has more members than one batch of the index scan.
async fn users_can_be_filtered_by_a_group_of_thousands(api: Api) {
    let mut users = Vec::new();
    for portion in 0..5 {
        let responses = crate::support::api::at_once(500, |index| {
            let request = api.client.post("/users", &json!({ "userName": format!("u{portion}{index:03}") }));
            async move { request.send().await }
        });
        users.extend(responses.await.into_iter().map(|response| response.expect(201).json()));
    }
    users.sort_by_key(|user| user["id"].to_string());
    let group = create_named_group(&api.client, "all").await;
    for users in users[..2_100].chunks(700) {
        add_members(&api.client, &group, users).await;
    }
    let filter = format!("groups eq {}", group["id"]);
    let seen = crate::api::query::list_users(&api.client, &[("filter", &filter), ("limit", "500")]).await;
    assert_eq!(names(&seen), names(&users[..2_100]));
    let target =
        crate::api::query::users_target(&[("filter", &filter), ("include", "total"), ("limit", "1")]);
    assert_eq!(get(&api.client, &target).await["total"], 2_100);
    let rest = format!("not ({filter})");
    assert_eq!(
        crate::api::query::list_users(&api.client, &[("filter", &rest), ("limit", "500")]).await.len(),
        400
    );
}
