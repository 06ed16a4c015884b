//! Versions, errors, media types and URIs (RFC 7644, sections 3.8, 3.12 and 3.14).

use crate::scim::client::{ENTERPRISE, Scim, USER, filter_path, patch_op, path};
use crate::support::api::{Api, text};
use crate::support::http::Client;
use serde_json::{Value, json};

profile_tests! {
    versions_are_weak_etags
    inactive_users_can_be_read_and_listed
    names_of_inactive_users_stay_taken
    representations_with_computed_names_ignore_if_none_match
    every_response_has_the_scim_media_type
    accept_headers_never_cause_406
    a_body_without_a_media_type_is_json_in_the_lenient_profile
    duplicate_and_trailing_slashes_do_not_change_a_path
    errors_name_the_attribute_and_the_value
    malformed_bodies_paths_and_urls_have_distinct_errors
    uris_use_the_public_url
    groups_of_a_user_are_returned_by_default
    unknown_parameters_are_ignored_and_unknown_urns_are_stored
}

async fn versions_are_weak_etags(scim: Scim) {
    for resource in [scim.create_user("ada").await, scim.create_group("Poets", &[]).await] {
        let at = path(&resource);
        let response = scim.send("GET", &at, &Value::Null).await.expect(200);
        assert_eq!(response.header("etag"), resource["meta"]["version"].as_str());
        for (tag, status) in [("W/\"1\"", 304), ("\"1\"", 304), ("*", 304), ("W/\"0\"", 200)] {
            let response = scim.send_with("GET", &at, &Value::Null, &[("if-none-match", tag)]).await;
            assert_eq!((response.code(), response.header("etag")), (status, Some("W/\"1\"")), "{tag}");
        }
        let write =
            |n: i32| patch_op(json!([{"op": "replace", "path": "displayName", "value": n.to_string()}]));
        for (n, (tag, matches)) in
            [("W/\"0\"", false), ("W/\"1\"", true), ("W/\"1\"", false), ("\"2\"", true), ("*", true)]
                .into_iter()
                .enumerate()
        {
            let response = scim.send_with("PATCH", &at, &write(n as i32), &[("if-match", tag)]).await;
            assert_eq!(response.code() == 412, !matches, "{tag}: {}", response.text());
        }
        let name = json!({"userName": "x", "displayName": "x"});
        let put = if at.starts_with("/Users") { name.clone() } else { json!({"displayName": "x"}) };
        let stale = scim.send_with("PUT", &at, &put, &[("if-match", "W/\"1\"")]).await.expect(412);
        assert_eq!(stale.header("etag"), Some("W/\"4\""));
        scim.send_with("DELETE", &at, &Value::Null, &[("if-match", "W/\"1\"")]).await.expect(412);
        scim.send_with("DELETE", &at, &Value::Null, &[("if-match", "W/\"4\"")]).await.expect(204);
    }
}

async fn inactive_users_can_be_read_and_listed(scim: Scim) {
    let ada = scim.create("/Users", json!({"userName": "ada", "active": false})).await;
    assert_eq!(scim.get(&path(&ada)).await, ada);
    assert_eq!(scim.get("/Users").await["Resources"], json!([ada]));
    assert_eq!(scim.find("Users", "active eq false").await, ["ada"]);
}

async fn names_of_inactive_users_stay_taken(scim: Scim) {
    scim.create("/Users", json!({"userName": "ada", "externalId": "e", "active": false})).await;
    for body in [json!({"userName": "Ada"}), json!({"userName": "other", "externalId": "e"})] {
        scim.expect_error((409, "uniqueness"), "POST", "/Users", body).await;
    }
}

/// The name of a member, group or manager can change without a new version of the resource that shows it.
async fn representations_with_computed_names_ignore_if_none_match(scim: Scim) {
    let ada = scim.create("/Users", json!({"userName": "ada", "displayName": "Ada"})).await;
    let poets = scim.create_group("Poets", &[&ada]).await;
    let manager = json!({"userName": "bob", (ENTERPRISE): {"manager": ada["id"]}});
    let bob = scim.create("/Users", manager).await;
    for (resource, query, status) in [
        (&ada, "?attributes=groups", 200),
        (&ada, "", 200),
        (&ada, "?excludedAttributes=groups", 304),
        (&poets, "", 200),
        (&poets, "?excludedAttributes=members", 304),
        (&poets, "?excludedAttributes=members.display", 304),
        (&bob, "", 200),
        (&bob, "?attributes=userName", 304),
    ] {
        let at = format!("{}{query}", path(resource));
        let tag = [("if-none-match", "W/\"1\"")];
        assert_eq!(scim.send_with("GET", &at, &Value::Null, &tag).await.code(), status, "{at}");
        scim.send_with("GET", &at, &Value::Null, &[("if-none-match", "*")]).await.expect(304);
    }
}

async fn every_response_has_the_scim_media_type(scim: Scim) {
    let body = json!({"schemas": [USER], "userName": "b"}).to_string();
    for (media_type, status) in [
        ("application/json", 201),
        ("application/scim+json; charset=utf-8", 409),
        ("Application/JSON;charset=UTF-8", 409),
        ("text/plain", 415),
        ("application/merge-patch+json", 415),
    ] {
        let request = scim.client.request(reqwest::Method::POST, "/scim/v2/Users");
        let response = request.body(media_type, body.clone()).send().await;
        assert_eq!(response.code(), status, "{media_type}");
        assert_eq!(response.header("content-type"), Some("application/scim+json"));
    }
    scim.expect_error((404, ""), "GET", "/nothing", Value::Null).await;
    scim.expect_error((404, ""), "GET", "/Users/x/y", Value::Null).await;
    scim.expect_error((405, ""), "PATCH", "/Users", json!({})).await;
    let large = json!({"userName": "x".repeat(2 << 20)});
    scim.expect_error((413, ""), "POST", "/Users", large).await;
    let reader = scim.api.client.post("/keys", &json!({"role": "reader"})).send().await.expect(201).json();
    let reader =
        Scim { client: scim.client.with_key(text(&reader["secret"])), api: scim.api, adds_schemas: true };
    reader.get("/Users").await;
    reader.call(200, "POST", "/Users/.search", json!({})).await;
    for path in ["/Users", "/Groups", "/Bulk"] {
        reader.expect_error((403, ""), "POST", path, json!({})).await;
    }
    let api = Api::start(reader.api.engine, &[("ROSTER_FAILED_ATTEMPTS", "2")]);
    let unknown = Scim { client: Client::new_with_key(&api.server, "nonsense"), api, adds_schemas: true };
    for status in [401, 401, 429] {
        let response = unknown.send("GET", "/Users", &Value::Null).await.expect(status);
        assert_eq!(response.header("www-authenticate").is_some(), status == 401);
        assert_eq!(response.header("retry-after").is_some(), status == 429);
    }
    let anonymous =
        Scim { client: Client::anonymous(&unknown.api.server), api: unknown.api, adds_schemas: true };
    let response = anonymous.send("GET", "/Users", &Value::Null).await.expect(401);
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
}

async fn accept_headers_never_cause_406(scim: Scim) {
    let ada = scim.create_user("ada").await;
    for accept in [
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "text/html",
        "application/json;q=0, application/scim+json;q=0, */*;q=0",
        "application/xml",
        "nonsense",
        ";;;",
        "",
    ] {
        for at in ["/Users", "/ServiceProviderConfig", &path(&ada)] {
            let response = scim.send_with("GET", at, &Value::Null, &[("accept", accept)]).await;
            assert_eq!(response.code(), 200, "{at} {accept}");
        }
    }
    for encoding in ["identity;q=0", "*;q=0", "identity;q=0, br"] {
        for at in ["/Users", "/Schemas"] {
            let headers = [("accept-encoding", encoding)];
            scim.send_with("GET", at, &Value::Null, &headers).await.expect(200);
        }
    }
}

async fn a_body_without_a_media_type_is_json_in_the_lenient_profile(scim: Scim) {
    let body = json!({"schemas": [USER], "userName": "ada"}).to_string();
    let request = scim.client.request(reqwest::Method::POST, "/scim/v2/Users");
    let response = request.body_without_content_type(body.clone()).send().await;
    assert_eq!(response.code(), if scim.adds_schemas { 415 } else { 201 }, "{}", response.text());
    let native = scim.api.client.request(reqwest::Method::POST, "/users");
    native.body_without_content_type(body).send().await.expect(415);
}

async fn duplicate_and_trailing_slashes_do_not_change_a_path(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let list = scim.get("/Users").await;
    for at in ["//Users", "/Users/", "//users//"] {
        assert_eq!(scim.get(at).await, list, "{at}");
        assert_eq!(scim.get(&format!("{at}?filter=userName%20eq%20%22ada%22")).await["totalResults"], 1);
    }
    assert_eq!(scim.get(&format!("/{}/", path(&ada))).await, ada);
    assert_eq!(scim.call(200, "POST", "//.search/", json!({})).await["totalResults"], 1);
    let body = json!({"schemas": [USER], "userName": "bob"});
    let created = scim.client.post("//scim//v2//Users/", &body).send().await.expect(201);
    assert_eq!(created.header("location"), created.json()["meta"]["location"].as_str());
}

async fn errors_name_the_attribute_and_the_value(scim: Scim) {
    for (body, name, value) in [
        (json!({"userName": "a", "emails": [{"value": "nobody"}]}), "emails.value", "nobody"),
        (json!({"userName": "a", "active": "maybe"}), "active", "maybe"),
        (json!({"userName": "a", (ENTERPRISE): {"department": true}}), "department", "true"),
        (
            json!({"userName": "a", "active": "maybe", "emails": [{"value": "nobody"}]}),
            "active",
            "emails.value",
        ),
        (json!({"title": "x"}), "userName", ""),
        (json!({"userName": "a\u{0}"}), "userName", ""),
    ] {
        let detail = scim.expect_error((400, "invalidValue"), "POST", "/Users", body).await;
        assert!(detail.contains(name) && detail.contains(value), "{detail}");
    }
}

async fn malformed_bodies_paths_and_urls_have_distinct_errors(scim: Scim) {
    for body in [
        "{",
        "",
        "{\"userName\": \"a\", \"userName\": \"b\"}",
        "{\"userName\": \"a\", \"USERNAME\": \"b\"}",
        "[]",
        "\u{feff}{}",
    ] {
        let request = scim.client.request(reqwest::Method::POST, "/scim/v2/Users");
        let response = request.body("application/scim+json", body).send().await.expect(400);
        assert_eq!(response.json()["scimType"], "invalidSyntax", "{body:?}");
    }
    let ada = scim.create_user("ada").await;
    for at in ["emails[", "emails]", "a b", "emails[type eq \"x\"]x"] {
        let operation = patch_op(json!([{"op": "replace", "path": at, "value": "x"}]));
        let error = scim.call(400, "PATCH", &path(&ada), operation).await;
        assert!(["invalidPath", "invalidFilter"].contains(&text(&error["scimType"])), "{at}: {error}");
    }
    for at in ["/Users/%FF", "/Users/..%2F", "/%00"] {
        scim.expect_error((404, ""), "GET", at, Value::Null).await;
    }
}

async fn uris_use_the_public_url(scim: Scim) {
    let api = Api::start(scim.api.engine, &[("ROSTER_PUBLIC_URL", "https://roster.example/base/")]);
    let scim = Scim { client: api.client.clone(), api, adds_schemas: true };
    let headers = [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")];
    let ada = scim.send_with("POST", "/Users", &json!({"userName": "ada"}), &headers).await.expect(201);
    let uri = format!("https://roster.example/base/scim/v2/Users/{}", text(&ada.json()["id"]));
    assert_eq!(ada.header("location"), Some(uri.as_str()));
    assert_eq!(ada.json()["meta"]["location"], uri);
    let group = scim.create_group("Poets", &[&ada.json()]).await;
    assert_eq!(group["members"][0]["$ref"], uri);
    let types = scim.get("/ResourceTypes").await.to_string();
    assert!(types.contains("https://roster.example/base/scim/v2/ResourceTypes/User"), "{types}");
}

async fn groups_of_a_user_are_returned_by_default(scim: Scim) {
    let (ada, bob) = (scim.create_user("ada").await, scim.create_user("bob").await);
    let poets = scim.create_group("Poets", &[&ada]).await;
    let mut expected = ada.clone();
    expected["groups"] = json!([{
        "value": poets["id"], "$ref": poets["meta"]["location"], "display": "Poets", "type": "direct",
    }]);
    assert_eq!(scim.get(&path(&ada)).await, expected, "a membership creates no new version");
    let search = json!({"filter": "userName pr"});
    for list in [
        scim.get("/Users").await,
        scim.get("/Users?sortBy=title&count=2").await,
        scim.get("/Users?cursor=&count=2").await,
        scim.get(&filter_path("Users", "active eq true or title co \"x\"")).await,
        scim.call(200, "POST", "/Users/.search", search.clone()).await,
        scim.call(200, "POST", "/.search", search).await,
    ] {
        assert_eq!(list["Resources"], json!([expected, bob]));
    }
    let by_name = filter_path("Users", "userName eq \"ada\"");
    assert_eq!(scim.get(&by_name).await["Resources"], json!([expected]));
    for left_out in ["excludedAttributes=groups", "attributes=userName,meta,active"] {
        let one = scim.get(&format!("{}?{left_out}", path(&ada))).await;
        assert_eq!(one, ada, "{left_out}");
        assert_eq!(scim.get(&format!("/Users?{left_out}")).await["Resources"], json!([ada, bob]));
        assert_eq!(scim.get(&format!("{by_name}&{left_out}")).await["Resources"], json!([ada]));
    }
    let list = scim.get("/users?attributes=userName,groups.display").await;
    assert_eq!(list["Resources"][0]["groups"], json!([{"display": "Poets"}]));
    assert!(list["Resources"][1].get("groups").is_none(), "{bob}");
    let groups = scim.get("/Schemas").await["Resources"][0]["attributes"]
        .as_array()
        .cloned()
        .expect("the schema has attributes");
    let groups = groups.into_iter().find(|one| one["name"] == "groups").expect("the schema has groups");
    assert_eq!((&groups["mutability"], &groups["returned"]), (&json!("readOnly"), &json!("default")));
    assert_eq!(scim.get("/GROUPS").await["totalResults"], 1);
    let upper = scim.client.get("/SCIM/V2/USERS").send().await.expect(200);
    assert_eq!(upper.header("content-type"), Some("application/scim+json"));
    let at = path(&ada);
    let title = patch_op(json!([{"op": "replace", "path": "title", "value": "x"}]));
    for (method, body) in [("PATCH", title), ("PUT", json!({"userName": "ada"}))] {
        let without = scim.call(200, method, &format!("{at}?excludedAttributes=groups"), body.clone()).await;
        assert!(without.get("groups").is_none(), "{without}");
        let written = scim.call(200, method, &at, body).await;
        assert_eq!(written["groups"], expected["groups"], "{method}");
        assert_eq!(written, scim.get(&at).await, "{method}");
    }
}

async fn unknown_parameters_are_ignored_and_unknown_urns_are_stored(scim: Scim) {
    scim.create_user("ada").await;
    let flagged = format!("{}&aadOptscim062020=&a=1&a=2", filter_path("Users", "userName eq \"ada\""));
    assert_eq!(scim.get(&flagged).await["totalResults"], 1);
    scim.get("/ServiceProviderConfig?aadOptscim062020").await;
    let created = scim
        .create("/Users", json!({"schemas": [USER], "userName": "b", "urn:x:y:1.0:User": {"z": [1]}}))
        .await;
    assert_eq!(created["urn:x:y:1.0:User"], json!({"z": [1]}));
}
