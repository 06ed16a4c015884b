//! Creating users: `POST /users`.

use crate::api::fixture::{expected_user, full_user, minimal_user, with_field};
use crate::api::problem::{assert_invalid, assert_taken};
use crate::support::api::{Api, path, text};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

engine_tests! {
    a_user_needs_only_a_user_name
    every_attribute_is_returned
    the_response_has_the_documented_headers
    the_server_assigns_the_id_and_times
    list_elements_have_every_sub_attribute
    null_means_absent
    a_returned_user_can_be_created_again
    server_assigned_fields_are_ignored
    unknown_fields_are_reported_at_every_depth
    wrong_types_are_reported
    all_errors_are_reported_together
    a_user_name_is_required
    the_body_must_be_an_object
    active_defaults_to_true
    users_can_share_an_email
    equal_list_elements_are_merged
    at_most_one_value_is_primary
    minimal_responses_have_no_body
    extensions_must_be_named_by_urns
    conflicts_name_the_attribute
}

async fn a_user_needs_only_a_user_name(api: Api) {
    let user = api.create(&json!({ "userName": "ada" })).await;
    let mut expected = minimal_user("ada");
    for added in ["id", "createdAt", "updatedAt"] {
        expected[added] = user[added].clone();
    }
    assert_eq!(user, expected);
    assert_eq!(api.read(&user).await, expected);
}

async fn every_attribute_is_returned(api: Api) {
    let body = full_user("bjensen");
    let user = api.create(&body).await;
    assert_eq!(user, expected_user(&body, 1, &user));
    assert_eq!(user["externalIds"], json!({ "native": "bjensen-701984" }));
    assert_eq!(api.read(&user).await, user);
}

async fn the_response_has_the_documented_headers(api: Api) {
    let response = api.client.post("/users", &full_user("ada")).send().await.expect(201);
    let user = response.json();
    assert_eq!(response.header("location"), Some(path(&user).as_str()));
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("preference-applied"), None);
    assert_eq!(response.header("content-encoding"), None);
    let found = api
        .client
        .get(response.header("location").expect("the response has the header"))
        .send()
        .await
        .expect(200);
    assert_eq!(found.json(), user);
}

async fn the_server_assigns_the_id_and_times(api: Api) {
    let before = OffsetDateTime::now_utc() - std::time::Duration::from_micros(1);
    let user = api.create_named("ada").await;
    let after = OffsetDateTime::now_utc();
    let id = Uuid::parse_str(text(&user["id"])).expect("the id is a UUID");
    assert_eq!((id.get_version_num(), id.to_string().as_str()), (7, text(&user["id"])));
    assert_eq!(user["createdAt"], user["updatedAt"]);
    let created_at = text(&user["createdAt"]);
    assert_eq!(
        (created_at.len(), created_at.chars().last()),
        ("2026-01-02T03:04:05.678901Z".len(), Some('Z'))
    );
    let created = OffsetDateTime::parse(created_at, &Rfc3339).expect("RFC 3339");
    assert!((before..=after).contains(&created), "{before} {created} {after}");
}

async fn list_elements_have_every_sub_attribute(api: Api) {
    let body = json!({
        "userName": "ada",
        "emails": [{ "value": "ada@example.com" }],
        "photos": [{ "value": "https://x/1", "primary": true }],
        "addresses": [{ "country": "UK" }],
    });
    let user = api.create(&body).await;
    let value = |value: &str, primary: bool| json!([{ "value": value, "display": null, "type": null, "primary": primary }]);
    assert_eq!(user["emails"], value("ada@example.com", false));
    assert_eq!(user["photos"], value("https://x/1", true));
    let address = json!([{
        "formatted": null, "streetAddress": null, "locality": null, "region": null, "postalCode": null,
        "country": "UK", "type": null, "primary": false,
    }]);
    assert_eq!(user["addresses"], address);
    assert_eq!(api.read(&user).await, user);
}

async fn null_means_absent(api: Api) {
    let mut nulls = minimal_user("ada");
    for (name, value) in nulls.as_object_mut().expect("the value is an object") {
        if name != "userName" {
            *value = Value::Null;
        }
    }
    let user = api.create(&nulls).await;
    assert_eq!(user, expected_user(&json!({ "userName": "ada" }), 1, &user));
    let inner = json!({
        "userName": "grace",
        "name": { "familyName": null, "givenName": "Grace" },
        "enterprise": { "department": null, "manager": { "value": null, "displayName": null } },
        "emails": [{ "value": "g@navy.mil", "type": null, "primary": null }],
    });
    let user = api.create(&inner).await;
    assert_eq!(user["name"], with_field(&minimal_user("")["name"], "givenName", json!("Grace")));
    assert_eq!(user["enterprise"], minimal_user("")["enterprise"]);
    assert_eq!(
        user["emails"],
        json!([{ "value": "g@navy.mil", "display": null, "type": null, "primary": false }])
    );
}

async fn a_returned_user_can_be_created_again(api: Api) {
    let first = api.create(&full_user("ada")).await;
    let first = api.patch(&first, &json!({ "title": "Countess" })).await;
    let body = with_field(&with_field(&first, "userName", json!("grace")), "externalId", json!("other"));
    let second = api.create(&body).await;
    assert_ne!(second["id"], first["id"]);
    assert!(text(&second["createdAt"]) > text(&first["updatedAt"]), "{second} {first}");
    assert_eq!(second, expected_user(&body, 1, &second));
}

async fn server_assigned_fields_are_ignored(api: Api) {
    let body = json!({
        "userName": "ada", "id": ["no", "id"], "version": "nine", "createdAt": 1, "updatedAt": {},
        "externalIds": { "native": "x" },
    });
    let user = api.create(&body).await;
    assert_eq!(user, expected_user(&json!({ "userName": "ada" }), 1, &user));
}

async fn unknown_fields_are_reported_at_every_depth(api: Api) {
    let body = json!({
        "userName": "ada",
        "username": "ada",
        "a/b~c": 1,
        "schemas": [],
        "meta": null,
        "memberCount": 1,
        "name": { "first": "Ada" },
        "emails": [{ "value": "a@b" }, { "value": "c@d", "$ref": "x" }],
        "addresses": [{ "street": "x" }],
        "enterprise": { "boss": 1, "manager": { "value": "x", "$ref": "y" } },
    });
    let response = api.client.post("/users", &body).send().await;
    let unknown = [
        "/a~1b~0c",
        "/addresses/0/street",
        "/emails/1/$ref",
        "/enterprise/boss",
        "/enterprise/manager/$ref",
        "/memberCount",
        "/meta",
        "/name/first",
        "/schemas",
        "/username",
    ];
    assert_invalid(&response, &unknown.map(|pointer| (pointer, "unknown-field")));
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn wrong_types_are_reported(api: Api) {
    let full = full_user("ada");
    let strings =
        full.as_object().expect("the value is an object").iter().filter(|(_, value)| value.is_string());
    let strings: Vec<_> = strings.map(|(name, _)| name).collect();
    assert_eq!(strings.len(), 10, "{strings:?}");
    for name in strings {
        let body = with_field(&json!({ "userName": "ada" }), name, json!(5));
        let response = api.client.post("/users", &body).send().await;
        assert_invalid(&response, &[(format!("/{name}").as_str(), "wrong-type")]);
    }
    let others = [
        ("/active", json!({ "active": "true" })),
        ("/name", json!({ "name": "Ada" })),
        ("/name/familyName", json!({ "name": { "familyName": ["x"] } })),
        ("/enterprise", json!({ "enterprise": [] })),
        ("/enterprise/manager", json!({ "enterprise": { "manager": "x" } })),
        ("/enterprise/manager/value", json!({ "enterprise": { "manager": { "value": 1 } } })),
        ("/enterprise/department", json!({ "enterprise": { "department": true } })),
        ("/emails", json!({ "emails": {} })),
        ("/emails/0", json!({ "emails": ["a@b"] })),
        ("/emails/0", json!({ "emails": [null] })),
        ("/emails/1/primary", json!({ "emails": [{ "value": "a@b" }, { "value": "c@d", "primary": 1 }] })),
        ("/phoneNumbers/0/value", json!({ "phoneNumbers": [{ "value": 441632960000_u64 }] })),
        ("/addresses", json!({ "addresses": "London" })),
        ("/addresses/0/region", json!({ "addresses": [{ "region": 1 }] })),
        ("/custom", json!({ "custom": [] })),
        ("/extensions", json!({ "extensions": "x" })),
        ("/extensions/urn:x:y", json!({ "extensions": { "urn:x:y": 1 } })),
    ];
    for (pointer, body) in others {
        let response = api.client.post("/users", &with_field(&body, "userName", json!("ada"))).send().await;
        assert_invalid(&response, &[(pointer, "wrong-type")]);
    }
}

async fn all_errors_are_reported_together(api: Api) {
    let body = json!({
        "displayName": 1,
        "active": 0,
        "emails": [{ "value": "no at" }, { "value": "a@b", "foo": 1 }],
        "roles": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }],
        "name": { "x": 1 },
        "unknown": true,
    });
    let response = api.client.post("/users", &body).send().await;
    let expected = [
        ("/userName", "required"),
        ("/displayName", "wrong-type"),
        ("/active", "wrong-type"),
        ("/emails/0/value", "invalid-email"),
        ("/emails/1/foo", "unknown-field"),
        ("/roles", "two-primaries"),
        ("/name/x", "unknown-field"),
        ("/unknown", "unknown-field"),
    ];
    assert_invalid(&response, &expected);
}

async fn a_user_name_is_required(api: Api) {
    for (body, code) in [
        (json!({}), "required"),
        (json!({ "userName": null }), "required"),
        (json!({ "userName": "" }), "blank"),
        (json!({ "userName": " \t\u{a0}" }), "blank"),
    ] {
        let response = api.client.post("/users", &body).send().await;
        assert_invalid(&response, &[("/userName", code)]);
    }
}

async fn the_body_must_be_an_object(api: Api) {
    for body in [json!([]), json!(null), json!("ada"), json!(5), json!([{ "userName": "ada" }])] {
        let response = api.client.post("/users", &body).send().await;
        assert_invalid(&response, &[("", "wrong-type")]);
    }
}

async fn active_defaults_to_true(api: Api) {
    for (name, sent, returned) in
        [("a", json!(null), true), ("b", json!(false), false), ("c", json!(true), true)]
    {
        let user = api.create(&json!({ "userName": name, "active": sent })).await;
        assert_eq!(user["active"], json!(returned), "{sent}");
    }
}

async fn users_can_share_an_email(api: Api) {
    let emails = json!([{ "value": "both@example.com", "type": "work", "primary": true }]);
    let one = api.create(&json!({ "userName": "one", "emails": emails })).await;
    let two = api.create(&json!({ "userName": "two", "emails": emails })).await;
    assert_eq!(one["emails"], two["emails"]);
}

async fn equal_list_elements_are_merged(api: Api) {
    let body = json!({
        "userName": "ada",
        "emails": [
            { "value": "a@x", "type": "work", "display": "first", "primary": true },
            { "value": "b@x", "type": "work" },
            { "value": "a@x", "type": "home" },
            { "value": "a@x", "type": "work", "display": "last" },
        ],
        "ims": [
            { "display": "same" },
            { "display": "other" },
            { "display": "same", "primary": true },
        ],
        "addresses": [
            { "country": "UK" }, { "country": "UK", "primary": true }, { "country": "UK", "type": "home" },
        ],
    });
    let user = api.create(&body).await;
    let value = |value: Option<&str>, kind: Option<&str>, display: Option<&str>, primary: bool| json!({ "value": value, "type": kind, "display": display, "primary": primary });
    let emails = json!([
        value(Some("a@x"), Some("work"), Some("last"), false),
        value(Some("b@x"), Some("work"), None, false),
        value(Some("a@x"), Some("home"), None, false),
    ]);
    assert_eq!(user["emails"], emails);
    let ims = json!([value(None, None, Some("same"), true), value(None, None, Some("other"), false)]);
    assert_eq!(user["ims"], ims);
    let addresses = user["addresses"].as_array().expect("the value is a list");
    let primaries: Vec<_> = addresses.iter().map(|address| (&address["type"], &address["primary"])).collect();
    assert_eq!(primaries, [(&json!(null), &json!(true)), (&json!("home"), &json!(false))]);
}

async fn at_most_one_value_is_primary(api: Api) {
    let lists =
        ["emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"];
    for list in lists {
        let value = |text: &str| match list {
            "addresses" => json!({ "country": text, "primary": true }),
            _ => json!({ "value": format!("{text}@x"), "primary": true }),
        };
        let body = with_field(&json!({ "userName": "ada" }), list, json!([value("a"), value("b")]));
        let response = api.client.post("/users", &body).send().await;
        assert_invalid(&response, &[(format!("/{list}").as_str(), "two-primaries")]);
    }
}

async fn minimal_responses_have_no_body(api: Api) {
    let request = api.client.post("/users", &full_user("ada")).header("prefer", "return=minimal");
    let response = request.send().await.expect(201);
    assert_eq!(response.text(), "");
    assert_eq!(response.header("preference-applied"), Some("return=minimal"));
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(response.header("content-type"), None);
    let location = response.header("location").expect("the response has the header");
    assert_eq!(api.client.get(location).send().await.expect(200).json()["userName"], "ada");
    let body = json!({ "userName": "grace" });
    let request = api.client.post("/users", &body).header("prefer", "return=representation");
    let response = request.send().await.expect(201);
    assert_eq!(response.header("preference-applied"), Some("return=representation"));
    assert_eq!(response.json()["userName"], "grace");
    let body = json!({ "userName": "joan" });
    let request = api.client.post("/users", &body).header("prefer", "respond-async, wait=5");
    let response = request.send().await.expect(201);
    assert_eq!(response.header("preference-applied"), None);
    assert_eq!(response.json()["userName"], "joan");
}

async fn extensions_must_be_named_by_urns(api: Api) {
    for (urn, code) in [
        ("badge", "invalid-urn"),
        ("https://x", "invalid-urn"),
        ("", "invalid-urn"),
        ("urn:ietf:params:scim:schemas:core:2.0:User", "known-schema"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "known-schema"),
    ] {
        let body = json!({ "userName": "ada", "extensions": { urn: { "a": 1 } } });
        let pointer = format!("/extensions/{}", urn.replace('/', "~1"));
        let response = api.client.post("/users", &body).send().await;
        assert_invalid(&response, &[(pointer.as_str(), code)]);
    }
    let body = json!({ "userName": "ada", "extensions": { "urn:x:A": {}, "urn:x:a": {} } });
    let response = api.client.post("/users", &body).send().await;
    assert_invalid(&response, &[("/extensions/urn:x:a", "invalid-urn")]);
}

async fn conflicts_name_the_attribute(api: Api) {
    api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    let post = async |body: Value| api.client.post("/users", &body).send().await;
    assert_taken(&post(json!({ "userName": "ada" })).await, "userName");
    assert_taken(&post(json!({ "userName": "Ada", "externalId": "2" })).await, "userName");
    assert_taken(&post(json!({ "userName": "grace", "externalId": "1" })).await, "externalId");
    // A rejected creation leaves nothing behind.
    api.create(&json!({ "userName": "grace", "externalId": "2" })).await;
}
