//! Connections: own tokens, own externalIds, a profile (items 23, 25, 34, 39, 49 and 57 in the strict one; of item 56
//! what is not for the benchmarks).

use crate::scim::client::{GROUP, Scim, USER, connected, patch, path, tokens};
use crate::support::api::text;
use serde_json::{Value, json};

both_engines! {
    a_token_is_good_for_scim_alone
    tokens_come_and_go
    connections_are_facts_for_admins
    i23_i25_strictly_bodies_say_what_they_are
    i34_i39_strictly_what_is_not_there_is_no_target
    i56_a_token_need_not_end
    i57_each_connection_has_its_own_external_ids
}

/// The same server by another caller.
fn by(scim: Scim, client: crate::support::http::Client) -> Scim {
    Scim { client, ..scim }
}

async fn a_token_is_good_for_scim_alone(scim: Scim) {
    let (connection, client) = connected(&scim, "Okta", "lenient").await;
    let expected = json!({"url": format!("{}/scim/v2", scim.api.server.base())});
    assert_eq!((&connection["url"], &connection["profile"]), (&expected["url"], &json!("lenient")));
    for path in ["/users", "/groups", "/changes", "/keys", "/connections"] {
        client.get(path).send().await.expect(401);
    }
    let scim = by(scim, client);
    let ada = scim.user("ada").await;
    assert_eq!(scim.get(&path(&ada)).await, ada);
    let feed = scim.api.client.get("/changes?type=user.created").send().await.expect(200).json();
    assert_eq!(feed["items"][0]["actor"], json!({"type": "connection", "id": connection["id"]}));
    let elsewhere = [("roster-tenant", "default")];
    assert_eq!(scim.send_with("GET", "/Users", &Value::Null, &elsewhere).await.code(), 403);
}

async fn tokens_come_and_go(scim: Scim) {
    let (connection, client) = connected(&scim, "Okta", "lenient").await;
    let (admin, tokens) = (scim.api.client.clone(), tokens(&connection));
    let made = admin.post(&tokens, &json!({"expiresAt": "2100-01-01T00:00:00Z"})).send().await.expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let second = made.json();
    assert_eq!(
        (&second["url"], &second["expiresAt"]),
        (&connection["url"], &json!("2100-01-01T00:00:00.000000Z"))
    );
    admin.post(&tokens, &json!({})).send().await.expect(409);
    let listed = admin.get(&tokens).send().await.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    assert!(!listed.to_string().contains("secret"));
    let scim = by(scim, client);
    scim.get("/Users").await;
    let first = format!("{tokens}/{}", text(&listed["items"][0]["id"]));
    admin.delete(&first).send().await.expect(204);
    admin.delete(&first).send().await.expect(404);
    scim.refuses((401, ""), "GET", "/Users", Value::Null).await;
    admin.post(&tokens, &json!({"expiresAt": "2001-01-01T00:00:00Z"})).send().await.expect(201);
    admin.post(&tokens, &json!({"expiresAt": null})).send().await.expect(201);
    let scim = Scim { client: admin.keyed(text(&second["secret"])), ..scim };
    scim.get("/Users").await;
    admin.delete(&format!("/connections/{}", text(&connection["id"]))).send().await.expect(204);
    scim.refuses((401, ""), "GET", "/Users", Value::Null).await;
    admin.get(&tokens).send().await.expect(404);
}

async fn i56_a_token_need_not_end(scim: Scim) {
    let (connection, client) = connected(&scim, "Entra ID", "lenient").await;
    let listed = scim.api.client.get(&tokens(&connection)).send().await.expect(200).json();
    assert_eq!(listed["items"][0]["expiresAt"], Value::Null);
    by(scim, client).get("/Groups").await;
}

async fn connections_are_facts_for_admins(scim: Scim) {
    let (connection, _) = connected(&scim, "Okta", "lenient").await;
    let admin = &scim.api.client;
    let at = format!("/connections/{}", text(&connection["id"]));
    let answer = admin.get(&at).send().await.expect(200);
    assert_eq!((answer.header("etag"), answer.json()), (Some("\"1\""), connection.clone()));
    assert_eq!(admin.get("/connections").send().await.expect(200).json()["items"], json!([connection]));
    let patched = admin.patch(&at, &json!({"profile": "strict"})).send().await.expect(200);
    assert_eq!((patched.header("etag"), &patched.json()["profile"]), (Some("\"2\""), &json!("strict")));
    admin.patch(&at, &json!({"name": "x"})).header("if-match", "\"1\"").send().await.expect(412);
    for body in [json!({"profile": "odd"}), json!({"name": null}), json!({"x": 1})] {
        admin.patch(&at, &body).send().await.expect(422);
    }
    let token = admin.get(&tokens(&connection)).send().await.expect(200).json()["items"][0].clone();
    admin.delete(&format!("{}/{}", tokens(&connection), text(&token["id"]))).send().await.expect(204);
    admin.delete(&at).send().await.expect(204);
    let feed = admin.get("/changes").send().await.expect(200).json();
    let facts: Vec<_> =
        feed["items"].as_array().expect("items").iter().map(|fact| text(&fact["type"])).collect();
    let expected = ["created", "tokenCreated", "updated", "tokenDeleted", "deleted"];
    assert_eq!(facts, expected.map(|kind| format!("connection.{kind}")));
    assert_eq!(feed["items"][1]["after"], json!({"tokenId": token["id"], "expiresAt": null}));
    let reader = admin.post("/keys", &json!({"role": "reader"})).send().await.expect(201).json();
    let feed = admin.keyed(text(&reader["secret"])).get("/changes").send().await.expect(200).json();
    assert_eq!(feed["items"], json!([]));
}

async fn i23_i25_strictly_bodies_say_what_they_are(scim: Scim) {
    let (_, client) = connected(&scim, "Strict", "strict").await;
    let scim = by(scim, client);
    scim.refuses((400, "invalidSyntax"), "POST", "/Users", json!({"userName": "a"})).await;
    let active = json!({"schemas": [USER], "userName": "a", "active": "True"});
    scim.refuses((400, "invalidValue"), "POST", "/Users", active).await;
    let ada = scim.made("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    let bare = json!({"Operations": [{"op": "add", "path": "title", "value": "x"}]});
    scim.refuses((400, "invalidSyntax"), "PATCH", &path(&ada), bare).await;
    scim.refuses((400, "invalidSyntax"), "POST", "/Bulk", json!({"Operations": []})).await;
    scim.refuses((400, "invalidSyntax"), "POST", "/.search", json!({})).await;
}

async fn i34_i39_strictly_what_is_not_there_is_no_target(scim: Scim) {
    let (_, client) = connected(&scim, "Strict", "strict").await;
    let scim = by(scim, client);
    let ada = scim.made("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    let bob = scim.made("/Users", json!({"schemas": [USER], "userName": "bob"})).await;
    let value = patch(json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@x"}]));
    scim.refuses((400, "noTarget"), "PATCH", &path(&ada), value).await;
    let group = json!({"schemas": [GROUP], "displayName": "Poets", "members": [{"value": ada["id"]}]});
    let group = scim.made("/Groups", group).await;
    let remove = |id: &Value| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", text(id))});
    scim.refuses((400, "noTarget"), "PATCH", &path(&group), patch(json!([remove(&bob["id"])]))).await;
    let twice = patch(json!([remove(&ada["id"]), remove(&ada["id"])]));
    scim.refuses((400, "noTarget"), "PATCH", &path(&group), twice).await;
    assert_eq!(scim.get(&path(&group)).await, group);
    let named = json!([{"op": "remove", "path": "members", "value": [{"value": ada["id"]}]}]);
    scim.patch(204, &path(&group), named).await;
    assert_eq!(scim.members(&group).await.len(), 0);
}

async fn i57_each_connection_has_its_own_external_ids(scim: Scim) {
    let (okta, okta_client) = connected(&scim, "Okta", "lenient").await;
    let (entra, entra_client) = connected(&scim, "Entra", "lenient").await;
    let body = |name: &str| json!({"userName": name, "externalId": "7"});
    let scim = by(scim, okta_client);
    let ada = scim.made("/Users", body("ada")).await;
    let group = scim.made("/Groups", json!({"displayName": "Poets", "externalId": "7"})).await;
    scim.refuses((409, "uniqueness"), "POST", "/Users", body("other")).await;
    let scim = by(scim, entra_client);
    scim.made("/Users", body("bob")).await;
    assert!(scim.get(&path(&ada)).await.get("externalId").is_none());
    assert_eq!(scim.found("Users", "externalId eq \"7\"").await, ["bob"]);
    assert_eq!(scim.found("Users", "externalId pr").await, ["bob"]);
    assert_eq!(scim.found("Groups", "externalId eq \"7\"").await.len(), 0);
    for made in [&ada, &group] {
        let own = json!([{"op": "add", "path": "externalId", "value": "8"}]);
        scim.gives(if made == &ada { 200 } else { 204 }, "PATCH", &path(made), patch(own)).await;
        assert_eq!(scim.get(&path(made)).await["externalId"], "8");
    }
    let native = scim.api.client.get(&format!("/users/{}", text(&ada["id"]))).send().await.expect(200).json();
    let expected = json!({(text(&okta["id"])): "7", (text(&entra["id"])): "8"});
    assert_eq!((&native["externalIds"], &native["externalId"]), (&expected, &Value::Null));
    scim.gives(200, "PUT", &path(&ada), json!({"userName": "ada"})).await;
    let native = scim.api.client.get(&format!("/users/{}", text(&ada["id"]))).send().await.expect(200).json();
    assert_eq!(native["externalIds"], json!({(text(&okta["id"])): "7"}), "only its own");
}
