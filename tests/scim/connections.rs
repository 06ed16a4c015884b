//! Connections: tokens, externalIds and profiles.

use crate::scim::client::{GROUP, Scim, USER, connect, patch_op, path, tokens_path};
use crate::support::api::text;
use crate::support::http::Client;
use crate::support::server::ADMIN_KEY;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

engine_tests! {
    a_connection_token_is_valid_only_for_scim
    tokens_are_accepted_as_basic_passwords
    tokens_are_created_listed_and_revoked
    connection_changes_are_visible_only_to_admins
    strict_connections_require_schemas_and_real_booleans
    strict_connections_reject_patches_without_a_target
    tokens_have_names
    tokens_do_not_expire_by_default
    external_ids_belong_to_their_connection
    a_connection_takes_over_the_external_ids_of_another
    a_chain_of_replaced_connections_can_be_shortened
    connections_that_cannot_be_replaced_are_rejected
}

/// The same server with another caller.
fn with_client(scim: Scim, client: Client) -> Scim {
    Scim { client, ..scim }
}

async fn a_connection_token_is_valid_only_for_scim(scim: Scim) {
    let (connection, client) = connect(&scim, "Okta", "lenient").await;
    let expected = json!({"url": format!("{}/scim/v2", scim.api.server.base())});
    assert_eq!((&connection["url"], &connection["profile"]), (&expected["url"], &json!("lenient")));
    for path in ["/users", "/groups", "/changes", "/keys", "/connections"] {
        client.get(path).send().await.expect(401);
    }
    let scim = with_client(scim, client);
    let ada = scim.create_user("ada").await;
    assert_eq!(scim.get(&path(&ada)).await, ada);
    let feed = scim.api.client.get("/changes?type=user.created").send().await.expect(200).json();
    assert_eq!(feed["items"][0]["actor"], json!({"type": "connection", "id": connection["id"]}));
    let tenant = [("roster-tenant", "default")];
    assert_eq!(scim.send_with("GET", "/Users", &Value::Null, &tenant).await.code(), 403);
}

/// HTTP Basic (RFC 7617), which is only for tokens: keys must not be accepted with it.
async fn tokens_are_accepted_as_basic_passwords(scim: Scim) {
    let (connection, _) = connect(&scim, "SailPoint", "lenient").await;
    let admin = &scim.api.client;
    let token = admin.post(&tokens_path(&connection), &json!({})).send().await.expect(201).json();
    let key = admin.post("/keys", &json!({"role": "writer"})).send().await.expect(201).json();
    let anonymous = Client::anonymous(&scim.api.server);
    let get = async |path: &str, pair: &str| {
        let value = format!("Basic {}", STANDARD.encode(pair));
        anonymous.get(path).header("authorization", &value).send().await
    };
    let [token, key] = [&token, &key].map(|credential| text(&credential["secret"]));
    for pair in [format!("user:{token}"), format!(":{token}")] {
        get("/scim/v2/Users", &pair).await.expect(200);
        assert_eq!(get("/me", &pair).await.expect(200).json()["id"], connection["id"]);
        get("/users", &pair).await.expect(401);
    }
    for pair in [token, &format!("{token}:"), &format!("user:{token}x"), &format!("user:{key}"), ADMIN_KEY] {
        get("/scim/v2/Users", pair).await.expect(401);
    }
    for pair in [format!("user:{key}"), format!("user:{ADMIN_KEY}")] {
        for path in ["/scim/v2/Users", "/users", "/me"] {
            get(path, &pair).await.expect(401);
        }
    }
    let challenges = async |path: &str| {
        let response = anonymous.get(path).send().await.expect(401);
        let values = response.headers.get_all("www-authenticate").iter();
        values.map(|value| value.to_str().expect("the value is text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(challenges("/scim/v2/Users").await, ["Bearer", "Basic realm=\"roster\""]);
    assert_eq!(challenges("/users").await, ["Bearer"], "a browser would ask for a password");
}

async fn tokens_are_created_listed_and_revoked(scim: Scim) {
    let (connection, client) = connect(&scim, "Okta", "lenient").await;
    let (admin, tokens) = (scim.api.client.clone(), tokens_path(&connection));
    let created = admin.post(&tokens, &json!({"expiresAt": "2100-01-01T00:00:00Z"})).send().await.expect(201);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let second = created.json();
    assert_eq!(
        (&second["url"], &second["expiresAt"]),
        (&connection["url"], &json!("2100-01-01T00:00:00.000000Z"))
    );
    admin.post(&tokens, &json!({})).send().await.expect(409);
    let listed = admin.get(&tokens).send().await.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    assert!(!listed.to_string().contains("secret"));
    let scim = with_client(scim, client);
    scim.get("/Users").await;
    let first = format!("{tokens}/{}", text(&listed["items"][0]["id"]));
    admin.delete(&first).send().await.expect(204);
    admin.delete(&first).send().await.expect(204);
    let revoked = admin.get(&tokens).send().await.expect(200).json();
    assert!(revoked["items"][0]["revokedAt"].is_string() && revoked["items"][1]["revokedAt"].is_null());
    scim.expect_error((401, ""), "GET", "/Users", Value::Null).await;
    admin.post(&tokens, &json!({"expiresAt": "2001-01-01T00:00:00Z"})).send().await.expect(422);
    admin.post(&tokens, &json!({"expiresAt": null})).send().await.expect(201);
    let page = admin.get(&format!("{tokens}?limit=2&include=total")).send().await.expect(200).json();
    assert_eq!((page["items"].as_array().map(Vec::len), &page["total"]), (Some(2), &json!(3)));
    let next = format!("{tokens}?limit=2&cursor={}", text(&page["nextCursor"]));
    assert_eq!(admin.get(&next).send().await.expect(200).json()["items"].as_array().map(Vec::len), Some(1));
    let scim = Scim { client: admin.with_key(text(&second["secret"])), ..scim };
    scim.get("/Users").await;
    admin.delete(&format!("/connections/{}", text(&connection["id"]))).send().await.expect(204);
    scim.expect_error((401, ""), "GET", "/Users", Value::Null).await;
    admin.get(&tokens).send().await.expect(404);
}

async fn tokens_have_names(scim: Scim) {
    let (connection, _) = connect(&scim, "Okta", "lenient").await;
    let (admin, tokens) = (&scim.api.client, tokens_path(&connection));
    let token = admin.post(&tokens, &json!({"name": "2026"})).send().await.expect(201).json();
    assert_eq!(token["name"], "2026");
    let named = async || {
        let listed = admin.get(&tokens).send().await.expect(200).json();
        listed["items"]
            .as_array()
            .expect("the page has items")
            .iter()
            .map(|token| token["name"].clone())
            .collect()
    };
    let names: Vec<Value> = named().await;
    assert_eq!(names, [json!(null), json!("2026")]);
    let at = format!("{tokens}/{}", text(&token["id"]));
    let patch = async |status: u16, body: Value| admin.patch(&at, &body).send().await.expect(status).json();
    assert_eq!(patch(200, json!({"name": "2027"})).await["name"], "2027");
    assert_eq!(patch(200, json!({"name": "2027", "expiresAt": null})).await["name"], "2027");
    assert_eq!(patch(200, json!({"name": null})).await["name"], Value::Null);
    let feed = admin.get("/changes?type=connection.tokenUpdated").send().await.expect(200).json();
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(2), "{feed}");
    assert_eq!(
        feed["items"][0]["before"],
        json!({"tokenId": token["id"], "name": "2026", "expiresAt": null})
    );
    assert_eq!(feed["items"][0]["after"]["name"], "2027");
    for (body, pointer, code) in [
        (json!({"name": " "}), "/name", "blank"),
        (json!({"name": "x".repeat(257)}), "/name", "too-long"),
        (json!({"name": 1}), "/name", "wrong-type"),
        (json!({"x": 1}), "/x", "unknown-field"),
        (json!({"expiresAt": "2100-01-01T00:00:00Z"}), "/expiresAt", "read-only"),
    ] {
        let error = &patch(422, body.clone()).await["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
        if code != "read-only" {
            let error = &admin.post(&tokens, &body).send().await.expect(422).json()["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
        }
    }
    admin.delete(&at).send().await.expect(204);
    patch(409, json!({"name": "late"})).await;
    patch(200, json!({})).await;
}

async fn tokens_do_not_expire_by_default(scim: Scim) {
    let (connection, client) = connect(&scim, "Entra ID", "lenient").await;
    let listed = scim.api.client.get(&tokens_path(&connection)).send().await.expect(200).json();
    assert_eq!(listed["items"][0]["expiresAt"], Value::Null);
    with_client(scim, client).get("/Groups").await;
}

async fn connection_changes_are_visible_only_to_admins(scim: Scim) {
    let (connection, _) = connect(&scim, "Okta", "lenient").await;
    let admin = &scim.api.client;
    let at = format!("/connections/{}", text(&connection["id"]));
    let response = admin.get(&at).send().await.expect(200);
    let mut detailed = connection.clone();
    detailed["requests"] = json!({ "lastAt": null, "errorsLastHour": {}, "errorsLastDay": {} });
    assert_eq!((response.header("etag"), response.json()), (Some("\"1\""), detailed));
    assert_eq!(admin.get("/connections").send().await.expect(200).json()["items"], json!([connection]));
    let patched = admin.patch(&at, &json!({"profile": "strict"})).send().await.expect(200);
    assert_eq!((patched.header("etag"), &patched.json()["profile"]), (Some("\"2\""), &json!("strict")));
    admin.patch(&at, &json!({"name": "x"})).header("if-match", "\"1\"").send().await.expect(412);
    for body in [json!({"profile": "odd"}), json!({"name": null}), json!({"x": 1})] {
        admin.patch(&at, &body).send().await.expect(422);
    }
    let token = admin.get(&tokens_path(&connection)).send().await.expect(200).json()["items"][0].clone();
    admin.delete(&format!("{}/{}", tokens_path(&connection), text(&token["id"]))).send().await.expect(204);
    admin.delete(&at).send().await.expect(204);
    let feed = admin.get("/changes").send().await.expect(200).json();
    let types: Vec<_> = feed["items"]
        .as_array()
        .expect("the page has items")
        .iter()
        .map(|change| text(&change["type"]))
        .collect();
    let expected = ["created", "tokenCreated", "updated", "tokenDeleted", "deleted"];
    assert_eq!(types, expected.map(|kind| format!("connection.{kind}")));
    assert_eq!(feed["items"][1]["after"], json!({"tokenId": token["id"], "name": null, "expiresAt": null}));
    let reader = admin.post("/keys", &json!({"role": "reader"})).send().await.expect(201).json();
    let feed = admin.with_key(text(&reader["secret"])).get("/changes").send().await.expect(200).json();
    assert_eq!(feed["items"], json!([]));
}

async fn strict_connections_require_schemas_and_real_booleans(scim: Scim) {
    let (_, client) = connect(&scim, "Strict", "strict").await;
    let scim = with_client(scim, client);
    scim.expect_error((400, "invalidSyntax"), "POST", "/Users", json!({"userName": "a"})).await;
    let active = json!({"schemas": [USER], "userName": "a", "active": "True"});
    scim.expect_error((400, "invalidValue"), "POST", "/Users", active).await;
    let ada = scim.create("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    let bare = json!({"Operations": [{"op": "add", "path": "title", "value": "x"}]});
    scim.expect_error((400, "invalidSyntax"), "PATCH", &path(&ada), bare).await;
    scim.expect_error((400, "invalidSyntax"), "POST", "/Bulk", json!({"Operations": []})).await;
    scim.expect_error((400, "invalidSyntax"), "POST", "/.search", json!({})).await;
}

async fn strict_connections_reject_patches_without_a_target(scim: Scim) {
    let (_, client) = connect(&scim, "Strict", "strict").await;
    let scim = with_client(scim, client);
    let ada = scim.create("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    let bob = scim.create("/Users", json!({"schemas": [USER], "userName": "bob"})).await;
    let value =
        patch_op(json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@x"}]));
    scim.expect_error((400, "noTarget"), "PATCH", &path(&ada), value).await;
    let group = json!({"schemas": [GROUP], "displayName": "Poets", "members": [{"value": ada["id"]}]});
    let group = scim.create("/Groups", group).await;
    let remove = |id: &Value| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", text(id))});
    scim.expect_error((400, "noTarget"), "PATCH", &path(&group), patch_op(json!([remove(&bob["id"])]))).await;
    let twice = patch_op(json!([remove(&ada["id"]), remove(&ada["id"])]));
    scim.expect_error((400, "noTarget"), "PATCH", &path(&group), twice).await;
    assert_eq!(scim.get(&path(&group)).await, group);
    let named = json!([{"op": "remove", "path": "members", "value": [{"value": ada["id"]}]}]);
    scim.patch(204, &path(&group), named).await;
    assert_eq!(scim.members(&group).await.len(), 0);
}

async fn external_ids_belong_to_their_connection(scim: Scim) {
    let (okta, okta_client) = connect(&scim, "Okta", "lenient").await;
    let (entra, entra_client) = connect(&scim, "Entra", "lenient").await;
    let body = |name: &str| json!({"userName": name, "externalId": "7"});
    let scim = with_client(scim, okta_client);
    let ada = scim.create("/Users", body("ada")).await;
    let group = scim.create("/Groups", json!({"displayName": "Poets", "externalId": "7"})).await;
    scim.expect_error((409, "uniqueness"), "POST", "/Users", body("other")).await;
    let scim = with_client(scim, entra_client);
    scim.create("/Users", body("bob")).await;
    assert!(scim.get(&path(&ada)).await.get("externalId").is_none());
    assert_eq!(scim.find("Users", "externalId eq \"7\"").await, ["bob"]);
    assert_eq!(scim.find("Users", "externalId pr").await, ["bob"]);
    assert_eq!(scim.find("Groups", "externalId eq \"7\"").await.len(), 0);
    for resource in [&ada, &group] {
        let own = json!([{"op": "add", "path": "externalId", "value": "8"}]);
        scim.call(if resource == &ada { 200 } else { 204 }, "PATCH", &path(resource), patch_op(own)).await;
        assert_eq!(scim.get(&path(resource)).await["externalId"], "8");
    }
    let native = scim.api.client.get(&format!("/users/{}", text(&ada["id"]))).send().await.expect(200).json();
    let expected = json!({(text(&okta["id"])): "7", (text(&entra["id"])): "8"});
    assert_eq!((&native["externalIds"], &native["externalId"]), (&expected, &Value::Null));
    scim.call(200, "PUT", &path(&ada), json!({"userName": "ada"})).await;
    let native = scim.api.client.get(&format!("/users/{}", text(&ada["id"]))).send().await.expect(200).json();
    assert_eq!(
        native["externalIds"],
        json!({(text(&okta["id"])): "7"}),
        "a replacement clears only the externalId of its own connection"
    );
}

/// Creates a connection that replaces another one, with a token. Returns the connection and a client that uses the token.
async fn replace(scim: &Scim, name: &str, replaced: &Value) -> (Value, Client) {
    let admin = &scim.api.client;
    let body = json!({"name": name, "replaces": replaced["id"]});
    let connection = admin.post("/connections", &body).send().await.expect(201).json();
    assert_eq!(connection["replaces"], replaced["id"]);
    let token = admin.post(&tokens_path(&connection), &json!({})).send().await.expect(201).json();
    (connection, admin.with_key(text(&token["secret"])))
}

async fn a_connection_takes_over_the_external_ids_of_another(scim: Scim) {
    let admin = scim.api.client.clone();
    let (okta, old_client) = connect(&scim, "Okta", "lenient").await;
    let (_, other_client) = connect(&scim, "Entra", "lenient").await;
    let scim = with_client(scim, old_client.clone());
    let ada = scim.create("/Users", json!({"userName": "ada", "externalId": "7"})).await;
    let group = scim.create("/Groups", json!({"displayName": "Poets", "externalId": "7"})).await;
    let before = admin.get("/changes").send().await.expect(200).json()["next"].clone();
    let (new, client) = replace(&scim, "Okta 2", &okta).await;
    // The old token is refused at once, and no other token.
    old_client.get("/scim/v2/Users").send().await.expect(401);
    other_client.get("/scim/v2/Users").send().await.expect(200);
    let listed = admin.get(&tokens_path(&okta)).send().await.expect(200).json();
    assert!(listed["items"][0]["revokedAt"].is_string(), "{listed}");
    let scim = with_client(scim, client);
    assert_eq!((scim.get(&path(&ada)).await, scim.get(&path(&group)).await), (ada.clone(), group.clone()));
    assert_eq!(scim.find("Users", "externalId eq \"7\"").await, ["ada"]);
    assert_eq!(scim.find("Groups", "externalId eq \"7\"").await, ["Poets"]);
    let taken = json!({"userName": "bob", "externalId": "7"});
    scim.expect_error((409, "uniqueness"), "POST", "/Users", taken).await;
    // Neither users nor groups have changed.
    let feed = admin.get(&format!("/changes?after={before}")).send().await.expect(200).json();
    let items = feed["items"].as_array().expect("the page has items");
    let types: Vec<_> = items.iter().map(|change| text(&change["type"])).collect();
    assert_eq!(types, ["connection.tokenDeleted", "connection.created", "connection.tokenCreated"]);
    assert_eq!(items[1]["after"]["replaces"], okta["id"]);
    // The new connection writes under the key of the old one.
    scim.patch(200, &path(&ada), json!([{"op": "replace", "path": "externalId", "value": "8"}])).await;
    let target = format!("/users/{}?include=externalIdSources", text(&ada["id"]));
    let native = admin.get(&target).send().await.expect(200).json();
    assert_eq!(native["externalIds"], json!({(text(&okta["id"])): "8"}));
    assert_eq!(native["externalIdSources"], json!({(text(&okta["id"])): "Okta 2"}));
    let me = scim.client.get("/me").send().await.expect(200).json();
    assert_eq!(me["id"], new["id"]);
    // Deleting the old connection has no effect on the new one.
    admin.delete(&format!("/connections/{}", text(&okta["id"]))).send().await.expect(204);
    assert_eq!(scim.get(&path(&ada)).await["externalId"], "8");
}

async fn a_chain_of_replaced_connections_can_be_shortened(scim: Scim) {
    let admin = scim.api.client.clone();
    let (first, client) = connect(&scim, "First", "lenient").await;
    let scim = with_client(scim, client);
    let ada = scim.create("/Users", json!({"userName": "ada", "externalId": "7"})).await;
    let (second, _) = replace(&scim, "Second", &first).await;
    let (third, client) = replace(&scim, "Third", &second).await;
    let at = |connection: &Value| format!("/connections/{}", text(&connection["id"]));
    let create_token =
        async |connection: &Value| admin.post(&tokens_path(connection), &json!({})).send().await;
    for replaced in [&first, &second] {
        create_token(replaced).await.expect(409);
    }
    admin.delete(&at(&second)).send().await.expect(204);
    create_token(&first).await.expect(409);
    let scim = with_client(scim, client);
    assert_eq!(scim.get(&path(&ada)).await["externalId"], "7");
    // Without a successor, the connection can be used again.
    admin.delete(&at(&third)).send().await.expect(204);
    let token = create_token(&first).await.expect(201).json();
    let scim = Scim { client: admin.with_key(text(&token["secret"])), ..scim };
    assert_eq!(scim.get(&path(&ada)).await["externalId"], "7");
    replace(&scim, "Fourth", &first).await;
}

async fn connections_that_cannot_be_replaced_are_rejected(scim: Scim) {
    let admin = scim.api.client.clone();
    let (okta, _) = connect(&scim, "Okta", "lenient").await;
    let (entra, entra_client) = connect(&scim, "Entra", "lenient").await;
    admin.post("/tenants", &json!({"name": "other"})).send().await.expect(201);
    let foreign = admin.in_tenant("other").post("/connections", &json!({"name": "Okta"}));
    let foreign = foreign.send().await.expect(201).json();
    let create = async |status: u16, name: &str, replaces: &Value| {
        let body = json!({"name": name, "replaces": replaces});
        admin.post("/connections", &body).send().await.expect(status).json()
    };
    let unknown = json!(uuid::Uuid::now_v7());
    for replaces in [&unknown, &json!("x"), &json!(""), &foreign["id"]] {
        let error = &create(422, "New", replaces).await["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/replaces"), &json!("unknown-connection")));
    }
    assert_eq!(create(422, "New", &json!(1)).await["errors"][0]["code"], "wrong-type");
    // A refused creation does not revoke tokens.
    assert_eq!(create(409, "Okta", &entra["id"]).await["errors"][0]["pointer"], "/name");
    entra_client.get("/scim/v2/Users").send().await.expect(200);
    let (new, _) = replace(&scim, "Okta 2", &okta).await;
    let again = create(409, "Okta 3", &okta["id"]).await;
    assert_eq!((&again["errors"][0]["pointer"], &again["existingId"]), (&json!("/replaces"), &new["id"]));
    let at = format!("/connections/{}", text(&new["id"]));
    for replaces in [&new["id"], &entra["id"], &Value::Null] {
        let patched = admin.patch(&at, &json!({"replaces": replaces})).send().await.expect(422).json();
        let error = &patched["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/replaces"), &json!("read-only")));
    }
    assert_eq!(admin.patch(&at, &new).send().await.expect(200).json(), new);
}
