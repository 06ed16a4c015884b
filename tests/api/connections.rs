//! Connections in the native API: filters, and the names of sources.

use crate::api::callers::{create_tenant, get};
use crate::api::group_helpers::group_path;
use crate::api::problem::{assert_problem, check_queries_rejected};
use crate::api::query::{follow_links, items};
use crate::support::api::{Api, expect_one_success, path, send_concurrently, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use serde_json::{Value, json};

engine_tests! {
    connections_are_filtered
    filtered_pages_are_linked_by_cursors
    invalid_filters_are_rejected
    sources_of_external_ids_are_named_on_request
    named_sources_can_be_sent_back
    concurrent_creations_replace_a_connection_once
}

async fn create(client: &Client, body: &Value) -> Value {
    client.post("/connections", body).send().await.expect(201).json()
}

/// The names of the connections that match a filter, in the order of the list.
async fn find(client: &Client, filter: &str) -> Vec<String> {
    let page = get(client, &format!("/connections?include=total&filter={}", percent_encoded(filter))).await;
    assert_eq!(page["total"], items(&page).len(), "{page}");
    items(&page).iter().map(|connection| text(&connection["name"]).to_owned()).collect()
}

async fn connections_are_filtered(api: Api) {
    let client = &api.client;
    let okta = create(client, &json!({ "name": "Okta EU" })).await;
    create(client, &json!({ "name": "Okta US", "profile": "strict" })).await;
    create(client, &json!({ "name": "Straße" })).await;
    create_tenant(client, "other").await;
    create(&client.in_tenant("other"), &json!({ "name": "Okta EU" })).await;
    let (id, created) = (text(&okta["id"]), text(&okta["createdAt"]));
    for (filter, expected) in [
        ("name eq \"okta eu\"", &["Okta EU"][..]),
        ("name eq \"STRASSE\"", &["Straße"]),
        ("name sw \"okta\"", &["Okta EU", "Okta US"]),
        ("name co \"A U\" and not (profile eq \"lenient\")", &["Okta US"]),
        ("NAME ew \"x\" or profile eq \"strict\"", &["Okta US"]),
        (&format!("id eq \"{id}\""), &["Okta EU"]),
        (&format!("id eq \"{}\"", uuid::Uuid::nil()), &[]),
        (&format!("createdAt eq \"{created}\""), &["Okta EU"]),
        (&format!("createdAt gt \"{created}\""), &["Okta US", "Straße"]),
        ("createdAt lt \"2001-01-01T00:00:00Z\"", &[]),
        ("version eq 1 and updatedAt pr", &["Okta EU", "Okta US", "Straße"]),
        ("name pr", &["Okta EU", "Okta US", "Straße"]),
    ] {
        assert_eq!(find(client, filter).await, expected, "{filter}");
    }
}

async fn filtered_pages_are_linked_by_cursors(api: Api) {
    for number in 0..9 {
        let profile = if number % 2 == 0 { "strict" } else { "lenient" };
        create(&api.client, &json!({ "name": format!("c{number}"), "profile": profile })).await;
    }
    let strict = percent_encoded("profile eq \"strict\"");
    let pages =
        follow_links(&api.client, &format!("/connections?limit=2&include=total&filter={strict}")).await;
    assert!(pages.iter().all(|page| page["total"] == 5), "{pages:?}");
    let names: Vec<_> = pages
        .iter()
        .map(|page| items(page).iter().map(|item| text(&item["name"])).collect::<Vec<_>>())
        .collect();
    assert_eq!(names, [vec!["c0", "c2"], vec!["c4", "c6"], vec!["c8"]]);
    // A cursor is bound to its filter.
    let cursor = text(&pages[0]["nextCursor"]);
    let lenient = percent_encoded("profile eq \"lenient\"");
    for other in [format!("&filter={lenient}"), String::new()] {
        let response = api.client.get(&format!("/connections?limit=2&cursor={cursor}{other}")).send().await;
        assert_problem(&response, 400, "invalid-cursor");
    }
}

async fn invalid_filters_are_rejected(api: Api) {
    let find = async |filter: &str| {
        api.client.get(&format!("/connections?filter={}", percent_encoded(filter))).send().await
    };
    for filter in [
        "",
        "name",
        "name is \"x\"",
        "name eq 1",
        "userName eq \"x\"",
        ":name eq \"x\"",
        "custom.plan eq \"x\"",
        "tokens pr",
        "createdAt gt \"yesterday\"",
        "createdAt sw \"2026\"",
        "version eq \"1\"",
    ] {
        assert_problem(&find(filter).await, 400, "invalid-filter");
    }
    check_queries_rejected(&api.client, "/connections", &["name=Okta", "sort=name", "attributes=name"]).await;
    let response = api.client.get("/connections?name=Okta").send().await;
    assert!(response.text().contains("name eq"), "{}", response.text());
}

/// A user and a group with externalIds of a connection, and of the native API.
async fn resources_of_two_sources(api: &Api) -> (Value, Value, Value) {
    let connection = create(&api.client, &json!({ "name": "Okta" })).await;
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = api.client.post(&tokens, &json!({})).send().await.expect(201).json();
    let scim = api.client.with_key(text(&token["secret"]));
    for (kind, body) in [
        ("Users", json!({ "userName": "ada", "externalId": "7" })),
        ("Groups", json!({ "displayName": "Poets", "externalId": "7" })),
    ] {
        scim.post(&format!("/scim/v2/{kind}"), &body).send().await.expect(201);
    }
    let [user, group] = ["/users", "/groups"];
    let [user, group] = [get(&api.client, user).await, get(&api.client, group).await];
    let (user, group) = (items(&user)[0].clone(), items(&group)[0].clone());
    for target in [path(&user), group_path(&group)] {
        api.client.patch(&target, &json!({ "externalId": "n" })).send().await.expect(200);
    }
    (connection, user, group)
}

async fn sources_of_external_ids_are_named_on_request(api: Api) {
    let (connection, user, group) = resources_of_two_sources(&api).await;
    create(&api.client, &json!({ "name": "Entra" })).await;
    let id = text(&connection["id"]);
    let reader = api.client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201).json();
    let reader = api.client.with_key(text(&reader["secret"]));
    for target in [path(&user), group_path(&group)] {
        let plain = get(&reader, &target).await;
        let mut expected = plain.clone();
        expected["externalIdSources"] = json!({ id: "Okta" });
        assert_eq!(get(&reader, &format!("{target}?include=externalIdSources")).await, expected);
        assert_eq!(plain["externalIds"], json!({ id: "7", "native": "n" }));
        let projected = get(&reader, &format!("{target}?include=externalIdSources&attributes=version")).await;
        assert_eq!(
            projected,
            json!({ "id": plain["id"], "version": 2, "externalIdSources": { id: "Okta" } })
        );
    }
    let both = get(&reader, &format!("{}?include=groups,externalIdSources", path(&user))).await;
    assert_eq!((&both["groups"], &both["externalIdSources"]), (&json!([]), &json!({ id: "Okta" })));
    // The name can change without a new version of the user.
    let target = format!("{}?include=externalIdSources", path(&user));
    let at = format!("/connections/{id}");
    api.client.patch(&at, &json!({ "name": "Okta 2" })).send().await.expect(200);
    let changed = reader.get(&target).header("if-none-match", "\"2\"").send().await.expect(200);
    assert_eq!(changed.json()["externalIdSources"], json!({ id: "Okta 2" }));
    api.client.delete(&at).send().await.expect(204);
    assert_eq!(get(&reader, &target).await["externalIdSources"], json!({}));
    check_queries_rejected(&reader, "/users", &["include=externalIdSources"]).await;
}

/// Bodies may contain everything that GET returns.
async fn named_sources_can_be_sent_back(api: Api) {
    let (_, user, group) = resources_of_two_sources(&api).await;
    for target in [path(&user), group_path(&group)] {
        let whole = get(&api.client, &format!("{target}?include=externalIdSources")).await;
        assert_eq!(api.client.put(&target, &whole).send().await.expect(200).json()["version"], 2);
        for sources in [json!({ "x": "y" }), json!(null)] {
            let patch = json!({ "externalIdSources": sources });
            assert_eq!(api.client.patch(&target, &patch).send().await.expect(200).json()["version"], 2);
        }
    }
}

/// On PostgreSQL, the creations run in several transactions at the same time.
async fn concurrent_creations_replace_a_connection_once(api: Api) {
    for round in 0..4 {
        let old = create(&api.client, &json!({ "name": format!("old {round}") })).await;
        let responses = send_concurrently(8, |index| {
            let body = json!({ "name": format!("new {round}.{index}"), "replaces": old["id"] });
            api.client.post("/connections", &body)
        })
        .await;
        let created = expect_one_success(&responses, 201, 409).json();
        for refused in responses.iter().filter(|response| response.code() == 409) {
            let problem = assert_problem(refused, 409, "conflict");
            assert_eq!(problem["errors"][0]["pointer"], "/replaces");
            assert_eq!(problem["existingId"], created["id"]);
        }
    }
}
