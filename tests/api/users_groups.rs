//! The groups of users in responses: `include=groups`.

use crate::api::callers::get;
use crate::api::group_helpers::{add_members, create_named_group, create_users, group_path};
use crate::api::problem::{assert_invalid, check_queries_rejected};
use crate::api::query::items;
use crate::support::api::{Api, path};
use serde_json::{Value, json};

engine_tests! {
    groups_are_included_on_request
    a_projection_does_not_affect_included_groups
    included_groups_can_be_sent_back
    a_version_in_if_none_match_has_no_effect_with_included_groups
    include_accepts_only_known_names
}

/// A user in two groups and a user in one, as responses with `include=groups` show them.
async fn users_in_groups(api: &Api) -> [Value; 2] {
    let mut users = create_users(&api.client, 2).await;
    for (name, members) in [("Poets", &users[..]), ("Engineers", &users[..1])] {
        add_members(&api.client, &create_named_group(&api.client, name).await, members).await;
    }
    let groups = get(&api.client, "/groups").await;
    let shown = |index: usize| json!({ "id": groups["items"][index]["id"], "displayName": groups["items"][index]["displayName"] });
    users[0]["groups"] = json!([shown(0), shown(1)]);
    users[1]["groups"] = json!([shown(0)]);
    users.try_into().expect("there are two users")
}

async fn groups_are_included_on_request(api: Api) {
    let users = users_in_groups(&api).await;
    let empty = api.create_named("z").await;
    for query in ["", "&sort=-userName&filter=not%20(title%20pr)%20and%20userName%20sw%20%22u%22"] {
        let page = get(&api.client, &format!("/users?include=groups,total&limit=2{query}")).await;
        let mut expected = users.to_vec();
        if !query.is_empty() {
            expected.reverse();
        }
        assert_eq!(items(&page), expected, "{query}");
        assert_eq!(page["total"], if query.is_empty() { 3 } else { 2 });
    }
    for (user, name) in users.iter().zip(["u0", "u1"]) {
        assert_eq!(&get(&api.client, &format!("{}?include=groups", path(user))).await, user);
        let found =
            get(&api.client, &format!("/users?include=groups&filter=userName%20eq%20%22{name}%22")).await;
        assert_eq!(items(&found), std::slice::from_ref(user));
        assert!(get(&api.client, &path(user)).await.get("groups").is_none());
    }
    assert_eq!(get(&api.client, &format!("{}?include=groups", path(&empty))).await["groups"], json!([]));
    assert!(
        items(&get(&api.client, "/users?include=total").await)
            .iter()
            .all(|user| user.get("groups").is_none())
    );
}

async fn a_projection_does_not_affect_included_groups(api: Api) {
    let [user, _] = users_in_groups(&api).await;
    let expected = json!({ "id": user["id"], "userName": "u0", "groups": user["groups"] });
    let query = "include=groups&attributes=userName";
    assert_eq!(get(&api.client, &format!("{}?{query}", path(&user))).await, expected);
    assert_eq!(items(&get(&api.client, &format!("/users?{query}")).await)[0], expected);
    let without =
        get(&api.client, &format!("{}?include=groups&excludedAttributes=userName", path(&user))).await;
    assert_eq!((&without["groups"], without.get("userName")), (&user["groups"], None));
}

/// Bodies may contain everything that GET returns.
async fn included_groups_can_be_sent_back(api: Api) {
    let [user, _] = users_in_groups(&api).await;
    let put = api.client.put(&path(&user), &user).send().await.expect(200).json();
    assert_eq!(put["version"], 1);
    let mut copy = user.clone();
    copy["userName"] = json!("copy");
    let created = api.client.post("/users", &copy).send().await.expect(201).json();
    assert_eq!(get(&api.client, &format!("{}?include=groups", path(&created))).await["groups"], json!([]));
    for groups in [json!([]), json!(null)] {
        api.client.patch(&path(&user), &json!({ "groups": groups })).send().await.expect(200);
    }
    let group = get(&api.client, "/groups").await["items"][0].clone();
    let refused = api.client.patch(&group_path(&group), &json!({ "groups": null })).send().await;
    assert_invalid(&refused, &[("/groups", "unknown-field")]);
    assert_eq!(get(&api.client, &format!("{}?include=groups", path(&user))).await, user);
}

/// A group can be renamed while the user's version stays the same.
async fn a_version_in_if_none_match_has_no_effect_with_included_groups(api: Api) {
    let [user, _] = users_in_groups(&api).await;
    let group = get(&api.client, "/groups").await["items"][0].clone();
    api.client.patch(&group_path(&group), &json!({ "displayName": "Bards" })).send().await.expect(200);
    for (query, tag, status) in
        [("?include=groups", "\"1\"", 200), ("?include=groups", "*", 304), ("", "\"1\"", 304)]
    {
        let request = api.client.get(&format!("{}{query}", path(&user))).header("if-none-match", tag);
        let response = request.send().await.expect(status);
        assert_eq!(response.header("etag"), Some("\"1\""));
    }
}

async fn include_accepts_only_known_names(api: Api) {
    let [user, _] = users_in_groups(&api).await;
    let group = get(&api.client, "/groups").await["items"][0].clone();
    let both =
        ["include=", "include=Groups", "include=groups,members", "include=groups,", "attributes=groups"];
    check_queries_rejected(&api.client, "/users", &both).await;
    check_queries_rejected(&api.client, &path(&user), &[&both[..], &["include=total"]].concat()).await;
    for at in ["/groups".to_owned(), group_path(&group), format!("{}/groups", path(&user))] {
        check_queries_rejected(&api.client, &at, &["include=groups"]).await;
    }
}
