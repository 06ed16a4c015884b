//! Lists of groups: pagination, filters, sorting and projections. Also users filtered by their groups.

use crate::api::callers::get;
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_path,
};
use crate::api::problem::{assert_problem, check_queries_rejected};
use crate::api::query::{
    check_filters, items, list_all, list_target, list_users, matching_names, names, users_target,
};
use crate::support::api::{Api, path, send_concurrently, text};
use crate::support::http::Client;
use crate::support::table::section_with_values;
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

/// Lists all groups that match a query, over all pages.
async fn list_groups(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    list_all(client, "/groups", parameters).await
}

/// The names of groups, separated by spaces.
fn display_names(groups: &[Value]) -> String {
    groups.iter().map(|group| text(&group["displayName"])).collect::<Vec<_>>().join(" ")
}

/// Filters and the groups or users that match them.
const TABLE: &str = include_str!("groups_list.txt");

/// Checks which groups match each filter, in pages of two, and that the total agrees.
async fn check_group_filters(client: &Client, cases: &[(impl AsRef<str>, &str)]) {
    for (filter, expected) in cases {
        let filter = filter.as_ref();
        let groups = list_groups(client, &[("filter", filter), ("limit", "2")]).await;
        assert_eq!(display_names(&groups), *expected, "{filter}");
        let total = list_target("/groups", &[("filter", filter), ("include", "total"), ("limit", "1")]);
        assert_eq!(get(client, &total).await["total"], expected.split_terminator(' ').count(), "{filter}");
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
    let invalid =
        ["foo=1", "limit=0", "include=members", "sort=userName", "sort=memberCount", "attributes=title"];
    check_queries_rejected(&api.client, "/groups", &invalid).await;
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
            assert_eq!(display_names(&found), expected, "{sort} by {limit}, through an index");
        }
    }
}

async fn groups_can_be_filtered_by_attribute(api: Api) {
    let client = &api.client;
    let one = create_group(client, &json!({ "displayName": "Engineers", "externalId": "E-1" })).await;
    create_group(client, &json!({ "displayName": "engines", "externalId": "e-1" })).await;
    create_group(client, &json!({ "displayName": "Straße", "custom": { "displayName": "x" } })).await;
    add_members(client, &one, &create_users(client, 2).await).await;
    let values = [("{id}", one["id"].to_string()), ("{created}", one["createdAt"].to_string())];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    check_group_filters(client, &section_with_values(TABLE, "groups_can_be_filtered_by_attribute", &values))
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
    let values = [
        ("{u0}", u0.as_str()),
        ("{u1}", &u1),
        ("{u2}", &u2),
        ("{uppercase u0}", &u0.to_uppercase()),
        ("{start of u0}", &u0[..5]),
        ("{b}", &groups[1]["id"].to_string()),
        ("{unknown}", &uuid::Uuid::now_v7().to_string()),
    ];
    check_group_filters(
        &api.client,
        &section_with_values(TABLE, "groups_can_be_filtered_by_member", &values),
    )
    .await;
    api.client.delete(&member_path(&groups[0], &users[0])).send().await.expect(204);
    let cases = [(format!("members eq {u0}"), "b"), ("not (members pr)".to_owned(), "a d")];
    check_group_filters(&api.client, &cases).await;
}

async fn users_can_be_filtered_by_group(api: Api) {
    let (users, groups) = create_users_and_groups(&api.client).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| groups[index]["id"].to_string());
    let values = [("{a}", a.as_str()), ("{b}", &b), ("{c}", &c), ("{d}", &d)];
    check_filters(&api, &section_with_values(TABLE, "users_can_be_filtered_by_group", &values)).await;
    // `groups` can only be used in filters.
    assert_eq!(users[0].get("groups"), None);
    let invalid = ["attributes=groups", "excludedAttributes=groups.value", "sort=groups"];
    check_queries_rejected(&api.client, "/users", &invalid).await;
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
        ("memberCount co 1", "memberCount supports only the operators"),
        ("members eq 1", "a string"),
    ] {
        let response = api.client.get(&list_target("/groups", &[("filter", filter)])).send().await;
        let body = assert_problem(&response, 400, "invalid-filter");
        assert!(text(&body["detail"]).contains(detail), "{filter}: {body}");
    }
    let response = api.client.get("/users?filter=members%20pr").send().await;
    let body = assert_problem(&response, 400, "invalid-filter");
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
        without.as_object_mut().expect("the value is an object").remove(name);
    }
    let query = "excludedAttributes=custom,version,externalIds,id";
    assert_eq!(get(&api.client, &format!("/groups?{query}")).await["items"], json!([without]));
}

async fn a_single_group_can_be_projected(api: Api) {
    let group = create_group(&api.client, &full_group()).await;
    let response =
        api.client.get(&format!("{}?attributes=displayName", group_path(&group))).send().await.expect(200);
    assert_eq!(response.header("etag"), Some("\"1\""));
    let invalid =
        ["attributes=members", "attributes=x", "attributes=id&excludedAttributes=id", "attributes="];
    for target in ["/groups", &group_path(&group)] {
        check_queries_rejected(&api.client, target, &invalid).await;
    }
}

/// The group has more members than one batch of the index scan.
async fn users_can_be_filtered_by_a_group_of_thousands(api: Api) {
    let mut users = Vec::new();
    for batch in 0..5 {
        let responses = send_concurrently(500, |index| {
            api.client.post("/users", &json!({ "userName": format!("u{batch}{index:03}") }))
        });
        users.extend(responses.await.into_iter().map(|response| response.expect(201).json()));
    }
    users.sort_by_key(|user| user["id"].to_string());
    let group = create_named_group(&api.client, "all").await;
    for users in users[..2_100].chunks(700) {
        add_members(&api.client, &group, users).await;
    }
    let filter = format!("groups eq {}", group["id"]);
    let seen = list_users(&api.client, &[("filter", &filter), ("limit", "500")]).await;
    assert_eq!(names(&seen), names(&users[..2_100]));
    let target = users_target(&[("filter", &filter), ("include", "total"), ("limit", "1")]);
    assert_eq!(get(&api.client, &target).await["total"], 2_100);
    let rest = format!("not ({filter})");
    assert_eq!(list_users(&api.client, &[("filter", &rest), ("limit", "500")]).await.len(), 400);
}
