//! Creating and replacing resources (RFC 7644, sections 3.3 and 3.5.1).

use crate::scim::client::{ENTERPRISE, GROUP, Scim, USER, filter_path, names, patch_op, path};
use crate::support::api::{expect_one_success, send_concurrently, text};
use serde_json::{Value, json};

// Only the lenient profile accepts booleans as strings.
engine_tests! {
    booleans_can_be_strings
}

profile_tests! {
    a_created_resource_is_returned_in_full
    a_creation_with_an_idempotency_key_is_carried_out_once
    user_names_are_unique_and_emails_are_not
    read_only_attributes_are_ignored
    unknown_schema_urns_are_accepted
    null_and_empty_lists_mean_unassigned
    a_replacement_clears_absent_attributes
    groups_are_written_with_their_members
    passwords_are_neither_stored_nor_returned
    values_are_stored_as_sent
    group_names_are_unique_if_the_tenant_requires_it
    emails_are_unique_if_the_tenant_requires_it
}

async fn a_created_resource_is_returned_in_full(scim: Scim) {
    for (kind, body) in [
        ("Users", json!({"schemas": [USER], "userName": "ada", "externalId": "e", "title": "Countess"})),
        ("Groups", json!({"schemas": [GROUP], "displayName": "Poets", "externalId": "e"})),
    ] {
        let response = scim.send("POST", &format!("/{kind}"), &body).await.expect(201);
        let created = response.json();
        for (name, value) in body.as_object().expect("the value is an object") {
            assert_eq!(&created[name], value);
        }
        let meta = &created["meta"];
        assert_eq!(response.header("location"), meta["location"].as_str());
        assert_eq!((response.header("etag"), meta["version"].as_str()), (Some("W/\"1\""), Some("W/\"1\"")));
        assert_eq!(
            (&meta["created"], &meta["resourceType"]),
            (&meta["lastModified"], &json!(kind.trim_end_matches('s')))
        );
        assert_eq!(scim.get(&path(&created)).await, created);
    }
}

async fn a_creation_with_an_idempotency_key_is_carried_out_once(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let key = [("idempotency-key", "k1")];
    for (at, body, other) in [
        ("/Users", json!({"userName": "bob", "title": "é"}), json!({"userName": "cy"})),
        (
            "/Groups",
            json!({"displayName": "Poets", "members": [{"value": ada["id"]}]}),
            json!({"displayName": "x"}),
        ),
    ] {
        let first = scim.send_with("POST", at, &body, &key).await.expect(201);
        assert_eq!(first.header("idempotency-replayed"), None);
        let again = scim.send_with("POST", at, &body, &key).await.expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.json(), first.json());
        for name in ["etag", "location"] {
            assert_eq!(again.header(name), first.header(name));
            assert!(again.header(name).is_some(), "{name}");
        }
        scim.send_with("POST", at, &other, &key).await.expect(422);
    }
    assert_eq!(scim.find("Users", "userName pr").await, ["ada", "bob"]);
    assert_eq!(scim.find("Groups", "displayName pr").await, ["Poets"]);
    scim.send_with("POST", "/Users", &json!({"userName": "x"}), &[("idempotency-key", "")]).await.expect(400);
}

async fn user_names_are_unique_and_emails_are_not(scim: Scim) {
    let ada = |name: &str| json!({"userName": name, "emails": [{"value": "a@x"}], "externalId": format!("of {name}")});
    scim.create("/Users", ada("ada")).await;
    let detail = scim.expect_error((409, "uniqueness"), "POST", "/Users", ada("ADA")).await;
    assert!(detail.contains("userName") && detail.contains("ADA"), "{detail}");
    let bob = scim.create("/Users", ada("bob")).await;
    scim.expect_error((409, "uniqueness"), "PUT", &path(&bob), ada("Ada")).await;
    let rename = patch_op(json!([{"op": "replace", "path": "userName", "value": "aDa"}]));
    scim.expect_error((409, "uniqueness"), "PATCH", &path(&bob), rename).await;
    let responses = send_concurrently(16, |_| {
        scim.client.post("/scim/v2/Users", &json!({"schemas": [USER], "userName": "race"}))
    })
    .await;
    expect_one_success(&responses, 201, 409);
}

async fn read_only_attributes_are_ignored(scim: Scim) {
    let body = json!({
        "schemas": [USER], "id": "mine", "userName": "ada", "meta": {"resourceType": "User"}, "groups": [], "roles": [],
        "password": "secret-7", "emails": [],
    });
    let ada = scim.create("/Users", body).await;
    assert_ne!(ada["id"], "mine");
    assert!(ada.get("groups").is_none() && ada.get("roles").is_none() && ada.get("password").is_none());
    let group =
        scim.create("/Groups", json!({"displayName": "Poets", "id": 7, "meta": {"version": "x"}})).await;
    assert_eq!(group["meta"]["version"], "W/\"1\"");
}

async fn unknown_schema_urns_are_accepted(scim: Scim) {
    let entra = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let group = scim.create("/Groups", json!({"schemas": [GROUP, entra], "displayName": "Poets"})).await;
    assert_eq!(group["schemas"], json!([GROUP]));
    let acme = "urn:example:acme:1.0:User";
    let user = scim.create("/Users", json!({"userName": "ada", (acme): {"badge": 7}})).await;
    assert_eq!((&user["schemas"], &user[acme]), (&json!([USER, acme]), &json!({"badge": 7})));
}

async fn null_and_empty_lists_mean_unassigned(scim: Scim) {
    let body = json!({
        "userName": "ada", "title": null, "emails": [], "name": {"honorificPrefix": null},
        (ENTERPRISE): {"manager": {"value": null, "$ref": null}, "department": null},
    });
    let ada = scim.create("/Users", body).await;
    let lists = json!({"userName": "bob", (ENTERPRISE): [], "urn:x:acme:1.0:User": [], "emails": [{}, {"type": null}]});
    for user in [ada, scim.create("/Users", lists).await] {
        let keys: Vec<_> = user.as_object().expect("the value is an object").keys().collect();
        assert_eq!(keys, ["active", "id", "meta", "schemas", "userName"]);
    }
}

async fn booleans_can_be_strings(scim: Scim) {
    let ada = scim.create("/Users", json!({"userName": "ada", "active": "False"})).await;
    assert_eq!(ada["active"], false);
    let put = scim.call(200, "PUT", &path(&ada), json!({"userName": "ada", "active": "True"})).await;
    assert_eq!(put["active"], true);
    let off = json!([{"op": "Replace", "path": "active", "value": "False"}]);
    assert_eq!(scim.patch(200, &path(&ada), off).await["active"], false);
    let detail = scim
        .expect_error((400, "invalidValue"), "POST", "/Users", json!({"userName": "b", "active": "yes"}))
        .await;
    assert!(detail.contains("active") && detail.contains("yes"), "{detail}");
}

async fn a_replacement_clears_absent_attributes(scim: Scim) {
    let body = json!({"userName": "ada", "title": "x", "active": false, "externalId": "e", "emails": [{"value": "a@x"}]});
    let ada = scim.create("/Users", body).await;
    let native = format!("/users/{}", text(&ada["id"]));
    scim.api.client.patch(&native, &json!({"custom": {"own": 1}})).send().await.expect(200);
    let put = json!({"userName": "Ada", "id": "ignored", "meta": {}, "groups": [{"value": "x"}]});
    let put = scim.call(200, "PUT", &path(&ada), put).await;
    let keys: Vec<_> = put.as_object().expect("the value is an object").keys().collect();
    assert_eq!(keys, ["active", "id", "meta", "schemas", "userName"]);
    assert_eq!((&put["active"], &put["id"], &put["userName"]), (&json!(false), &ada["id"], &json!("Ada")));
    let native = scim.api.client.get(&native).send().await.expect(200).json();
    assert_eq!(native["custom"], json!({"own": 1}), "attributes that SCIM does not have are kept");
    scim.expect_error(
        (404, ""),
        "PUT",
        "/Users/00000000-0000-7000-8000-000000000000",
        json!({"userName": "new"}),
    )
    .await;
    assert_eq!(scim.find("Users", "userName eq \"new\"").await.len(), 0);
    scim.expect_error((400, "invalidValue"), "PUT", &path(&ada), json!({"title": "x"})).await;
}

async fn groups_are_written_with_their_members(scim: Scim) {
    let (ada, bob) = (
        scim.create("/Users", json!({"userName": "ada", "displayName": "Ada"})).await,
        scim.create_user("bob").await,
    );
    let poets = scim.create_group("Poets", &[&ada]).await;
    let expected = json!([{
        "value": ada["id"], "$ref": ada["meta"]["location"], "display": "Ada", "type": "User",
    }]);
    assert_eq!((&poets["members"], &poets["meta"]["version"]), (&expected, &json!("W/\"1\"")));
    let put = |members: Value| json!({"displayName": "Poets!", "members": members});
    let one = put(json!([{"value": bob["id"]}]));
    let changed = scim.call(200, "PUT", &path(&poets), one.clone()).await;
    assert_eq!((&changed["displayName"], &changed["meta"]["version"]), (&json!("Poets!"), &json!("W/\"2\"")));
    assert_eq!(scim.members(&poets).await, [text(&bob["id"])]);
    let same = scim.call(200, "PUT", &path(&poets), one).await;
    assert_eq!(same, changed, "an equal replacement changes nothing");
    let nobody = put(json!([{"value": "00000000-0000-7000-8000-000000000000"}]));
    scim.expect_error((400, "invalidValue"), "PUT", &path(&poets), nobody.clone()).await;
    scim.expect_error((400, "invalidValue"), "POST", "/Groups", nobody).await;
    assert_eq!(scim.find("Groups", "displayName pr").await, ["Poets!"]);
    assert_eq!(scim.members(&poets).await, [text(&bob["id"])]);
    let empty = scim.call(200, "PUT", &path(&poets), json!({"displayName": "Poets!"})).await;
    assert!(empty.get("members").is_none());
}

async fn passwords_are_neither_stored_nor_returned(scim: Scim) {
    let ada = scim.create("/Users", json!({"userName": "ada", "password": "secret-7"})).await;
    let set = patch_op(json!([{"op": "replace", "path": "password", "value": "secret-8"}]));
    let patched = scim.call(200, "PATCH", &path(&ada), set).await;
    let put = scim.call(200, "PUT", &path(&ada), json!({"userName": "ada", "password": "secret-9"})).await;
    assert_eq!((&patched, &put), (&ada, &ada), "a password changes nothing");
    scim.expect_error(
        (400, "invalidFilter"),
        "GET",
        &filter_path("Users", "password eq \"secret-7\""),
        Value::Null,
    )
    .await;
    let changes = scim.api.client.get("/changes").send().await.expect(200).text();
    assert!(!changes.contains("secret-"), "{changes}");
    let shown = scim.get(&format!("{}?attributes=password", path(&ada))).await;
    assert!(shown.get("password").is_none());
    let config = scim.get("/ServiceProviderConfig").await;
    assert_eq!(config["changePassword"]["supported"], false);
}

async fn values_are_stored_as_sent(scim: Scim) {
    let body = json!({"userName": "ÅDA", "phoneNumbers": [{"value": "+1 (555) 1", "type": "WORK"}], "displayName": " x "});
    let ada = scim.create("/Users", body.clone()).await;
    for name in ["userName", "displayName"] {
        assert_eq!(ada[name], body[name]);
    }
    assert_eq!(ada["phoneNumbers"][0]["value"], "+1 (555) 1");
    assert_eq!(ada["phoneNumbers"][0]["type"], "WORK");
    assert_eq!(scim.find("Users", "userName eq \"åda\" and phoneNumbers[type eq \"work\"]").await, ["ÅDA"]);
}

async fn group_names_are_unique_if_the_tenant_requires_it(scim: Scim) {
    scim.create_group("Poets", &[]).await;
    scim.create_group("poets", &[]).await;
    assert_eq!(names(&scim.get("/Groups").await).len(), 2);
    let Scim { api, .. } = scim;
    let tenant = json!({"name": "acme", "uniqueGroupNames": true});
    api.client.post("/tenants", &tenant).send().await.expect(201);
    let unique = Scim { client: api.client.in_tenant("acme"), api, adds_schemas: true };
    unique.create_group("Poets", &[]).await;
    let other = unique.create_group("Others", &[]).await;
    let taken = json!({"displayName": "POETS"});
    for (method, at) in [("POST", "/Groups".to_owned()), ("PUT", path(&other))] {
        let detail = unique.expect_error((409, "uniqueness"), method, &at, taken.clone()).await;
        assert!(detail.contains("displayName") && detail.contains("POETS"), "{detail}");
    }
    let rename = patch_op(json!([{"op": "replace", "value": taken}]));
    unique.expect_error((409, "uniqueness"), "PATCH", &path(&other), rename).await;
}

async fn emails_are_unique_if_the_tenant_requires_it(scim: Scim) {
    let Scim { api, .. } = scim;
    let tenant = json!({"name": "acme", "uniqueEmails": true});
    api.client.post("/tenants", &tenant).send().await.expect(201);
    let unique = Scim { client: api.client.in_tenant("acme"), api, adds_schemas: true };
    let ada = unique.create("/Users", json!({"userName": "ada", "emails": [{"value": "a@x"}]})).await;
    let bob = unique.create("/Users", json!({"userName": "bob"})).await;
    let taken = json!({"userName": "bob", "emails": [{"value": "b@x"}, {"value": "A@x"}]});
    let mut of_eve = taken.clone();
    of_eve["userName"] = json!("eve");
    let add = patch_op(json!([{"op": "add", "path": "emails", "value": taken["emails"]}]));
    for (method, at, body) in
        [("POST", "/Users".to_owned(), of_eve), ("PUT", path(&bob), taken), ("PATCH", path(&bob), add)]
    {
        let detail = unique.expect_error((409, "uniqueness"), method, &at, body).await;
        let id = ada["id"].as_str().expect("the id is a string");
        assert!(detail.contains("emails") && detail.contains("A@x") && detail.contains(id), "{detail}");
    }
}
