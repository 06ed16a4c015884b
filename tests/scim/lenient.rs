//! What identity providers really send: the lenient profile accepts it and notes what it ignores; the strict profile
//! refuses it.

use crate::scim::client::{ENTERPRISE, GROUP, Scim, USER, connect, patch_op, path};
use crate::support::api::{Engine, run_with, text};
use serde_json::{Value, json};
use std::time::Duration;

engine_tests! {
    a_leaver_is_deactivated_despite_unknown_attributes
    unknown_attributes_in_bodies_and_projections_are_ignored
    a_user_can_be_sent_back_as_it_was_read
    attributes_of_the_core_schema_can_be_inside_its_urn
    unusable_names_do_not_keep_a_leaver_active
    a_dropped_element_does_not_become_primary
    ignored_values_do_not_count_towards_the_limit_of_a_patch
    attributes_under_several_names_are_refused
    a_path_less_value_can_be_json_text
    empty_strings_mean_no_value_in_every_write
    values_are_converted_to_the_type_of_their_attribute
    messages_are_accepted_in_the_forms_that_clients_send
    the_strict_profile_refuses_what_the_lenient_profile_accepts
}

profile_tests! {
    unknown_attributes_in_paths_and_filters_are_refused
    all_invalid_attributes_are_reported_at_once
}

async fn a_leaver_is_deactivated_despite_unknown_attributes(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let value =
        json!({"active": false, "employeeType": "left", "emails": [{"value": "a@x", "operation": "add"}]});
    let left = scim.patch(200, &path(&ada), json!([{"op": "replace", "value": value}])).await;
    assert_eq!((&left["active"], &left["emails"][0]["value"]), (&json!(false), &json!("a@x")));
}

async fn attributes_of_the_core_schema_can_be_inside_its_urn(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let inner = json!({"active": false, "title": "z", "nope": 1});
    for operation in [
        json!({"op": "replace", "value": {(USER): inner}}),
        json!({"op": "add", "value": {(USER): inner.to_string()}}),
        json!({"op": "add", "path": USER, "value": inner}),
    ] {
        scim.patch(200, &path(&ada), json!([{"op": "replace", "value": {"active": true, "title": "a"}}]))
            .await;
        let patched = scim.patch(200, &path(&ada), json!([operation])).await;
        assert_eq!((&patched["active"], &patched["title"]), (&json!(false), &json!("z")), "{operation}");
    }
    let group = scim.create_group("Poets", &[]).await;
    let rename = json!([{"op": "replace", "value": {(GROUP): {"displayName": "Mathematicians"}}}]);
    scim.patch(204, &path(&group), rename).await;
    let group = scim.get(&path(&group)).await;
    assert_eq!(group["displayName"], "Mathematicians");
    let shown = scim.get(&format!("{}?attributes={GROUP}", path(&group))).await;
    assert_eq!(shown["displayName"], "Mathematicians");
}

/// POST and PUT ignore these names.
async fn unusable_names_do_not_keep_a_leaver_active(scim: Scim) {
    for (name, value) in [
        ("urn:scim:schemas:extension:enterprise:1.0:department", json!("x")),
        ("urn:mycorp:ext:1.0:badge", json!(7)),
        ("urn:okta:acme:1.0:user:custom:badge", json!("x")),
        (&format!("{ENTERPRISE}.department"), json!("x")),
        ("urn:ietf:params:scim:schemas:core:2.0:Nope", json!({"a": 1})),
        ("emails.value", json!("a@x")),
        ("nope[type eq \"work\"].value", json!("x")),
    ] {
        let body = json!({"userName": name, (name): value});
        let user = scim.create("/Users", body).await;
        let left = json!([{"op": "replace", "value": {"active": false, (name): value}}]);
        let left = scim.patch(200, &path(&user), left).await;
        assert_eq!((&left["active"], left.get(name)), (&json!(false), None), "{name}");
    }
    let enterprise = json!({(ENTERPRISE): {"department": "d"}});
    let group = json!({"displayName": "Poets", (ENTERPRISE): enterprise[ENTERPRISE]});
    let group = scim.create("/Groups", group).await;
    assert!(group.get(ENTERPRISE).is_none());
    scim.patch(204, &path(&group), json!([{"op": "add", "value": enterprise}])).await;
}

async fn a_dropped_element_does_not_become_primary(scim: Scim) {
    let work = json!({"type": "work", "value": "a@x", "primary": true});
    let ada = scim.create("/Users", json!({"userName": "ada", "emails": [work]})).await;
    for operation in [
        json!({"op": "add", "path": "emails", "value": {"type": "home", "value": "", "primary": true}}),
        json!({"op": "add", "path": "emails[type eq \"home\"].primary", "value": true}),
        json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"}),
    ] {
        let patched = scim.patch(200, &path(&ada), json!([operation])).await;
        assert_eq!(patched["emails"], ada["emails"], "{operation}");
    }
    // A stored element without a value stays when another element becomes primary.
    let body = json!({"userName": "bob", "phoneNumbers": [{"type": "work", "primary": true}]});
    let bob = scim.api.client.post("/users", &body).send().await.expect(201).json();
    let add = json!([{"op": "add", "path": "phoneNumbers", "value": {"value": "5", "primary": true}}]);
    let patched = scim.patch(200, &format!("/Users/{}", text(&bob["id"])), add).await;
    assert_eq!(patched["phoneNumbers"].as_array().map(Vec::len), Some(2), "{patched}");
}

async fn ignored_values_do_not_count_towards_the_limit_of_a_patch(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let long = "x".repeat(100_000);
    let groups: Vec<_> = (0..1_000).map(|n| json!({"value": n.to_string(), "display": "Poets"})).collect();
    let value = json!({
        "active": false, "thumbnailPhoto": long, "password": long, "groups": groups, "meta": {"location": long},
    });
    let left = scim.patch(200, &path(&ada), json!([{"op": "replace", "value": value}])).await;
    assert_eq!(left["active"], false);
}

async fn attributes_under_several_names_are_refused(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let inside = |name: &str, value: Value| json!({(USER): {(name): value}});
    for (mut value, other) in [
        (json!({"active": false}), inside("active", json!(true))),
        (json!({"title": "a"}), json!({(format!("{USER}:title")): "b"})),
        (json!({(ENTERPRISE): {"department": "a"}}), json!({(format!("{ENTERPRISE}:department")): "b"})),
        (json!({"name.givenName": "a"}), inside("name.givenName", json!("b"))),
    ] {
        value.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
        let patch = patch_op(json!([{"op": "replace", "value": value}]));
        scim.expect_error((400, "invalidSyntax"), "PATCH", &path(&ada), patch).await;
        value["userName"] = json!("bob");
        scim.expect_error((400, "invalidSyntax"), "POST", "/Users", value).await;
    }
    let both = json!({"userName": "bob", "name": {"givenName": "B"}, "name.familyName": "L", (USER): {(ENTERPRISE): {"department": "d"}}});
    let bob = scim.create("/Users", both).await;
    assert_eq!(bob["name"], json!({"givenName": "B", "familyName": "L"}));
    assert_eq!(bob[ENTERPRISE]["department"], "d");
}

async fn unknown_attributes_in_bodies_and_projections_are_ignored(scim: Scim) {
    let body = json!({
        "userName": "ada", "favouriteColour": "red", "name": {"givenName": "Ada", "initials": "A"},
        (ENTERPRISE): {"department": "d", "badge": 7}, "name.initials": "A",
    });
    let ada = scim.create("/Users", body.clone()).await;
    assert_eq!((&ada["name"], &ada[ENTERPRISE]), (&json!({"givenName": "Ada"}), &json!({"department": "d"})));
    assert!(ada.get("favouriteColour").is_none());
    assert_eq!(scim.call(200, "PUT", &path(&ada), body).await, ada);
    let shown = scim.get(&format!("{}?attributes=favouriteColour,name.initials,userName", path(&ada))).await;
    assert_eq!(
        shown.as_object().expect("the value is an object").keys().collect::<Vec<_>>(),
        ["id", "schemas", "userName"]
    );
    assert_eq!(scim.get(&format!("{}?excludedAttributes=nope", path(&ada))).await, ada);
    let search = json!({"attributes": ["nope", "userName"]});
    for at in ["/.search", "/Users/.search"] {
        let found = scim.call(200, "POST", at, search.clone()).await;
        assert_eq!(found["Resources"][0]["userName"], "ada", "{at}");
    }
}

async fn a_user_can_be_sent_back_as_it_was_read(scim: Scim) {
    let ada = scim.create("/Users", json!({"userName": "ada", "title": "Countess"})).await;
    scim.create_group("Poets", &[&ada]).await;
    let mut read = scim.get(&format!("{}?attributes=userName,title,active,meta,groups", path(&ada))).await;
    assert!(read["groups"].is_array() && read["meta"].is_object(), "{read}");
    read["active"] = json!(false);
    let left = scim.patch(200, &path(&ada), json!([{"op": "replace", "value": read}])).await;
    assert_eq!((&left["active"], &left["title"]), (&json!(false), &json!("Countess")));
    for operation in [
        json!({"op": "remove", "path": "groups"}),
        json!({"op": "replace", "path": "meta.lastModified", "value": "2020-01-01T00:00:00Z"}),
        json!({"op": "add", "path": "groups[value eq \"x\"].display", "value": "x"}),
    ] {
        let same = scim.patch(200, &path(&ada), json!([operation])).await;
        assert_eq!(same["meta"]["version"], left["meta"]["version"], "{operation}");
    }
}

/// Keycloak's SCIM client sends this when a group or a user is renamed.
async fn a_path_less_value_can_be_json_text(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let value = json!({"userName": "ada.king", "name": {"familyName": "King"}, "active": "true"}).to_string();
    let renamed = scim.patch(200, &path(&ada), json!([{"op": "replace", "value": value}])).await;
    assert_eq!((&renamed["userName"], &renamed["name"]["familyName"]), (&json!("ada.king"), &json!("King")));
    let group = scim.create_group("Poets", &[]).await;
    let value = json!({"displayName": "Writers", "members": [{"value": ada["id"]}]}).to_string();
    scim.patch(204, &path(&group), json!([{"op": "replace", "value": value}])).await;
    assert_eq!(scim.get(&path(&group)).await["displayName"], "Writers");
    assert_eq!(scim.members(&group).await, [text(&ada["id"])]);
}

async fn empty_strings_mean_no_value_in_every_write(scim: Scim) {
    let blank = |name: &str| {
        json!({
            "userName": name, "externalId": "", "title": " ", "displayName": "\t", "active": "", "profileUrl": "",
            "name": {"givenName": "", "familyName": "L"}, "emails": [{"value": "", "type": "work"}, ""],
            "addresses": [{"type": "work", "locality": "  "}], "phoneNumbers": "", "roles": [" "],
            (ENTERPRISE): {"department": "", "manager": {"value": ""}},
        })
    };
    let ada = scim.create("/Users", blank("ada")).await;
    let keys: Vec<_> = ada.as_object().expect("the value is an object").keys().collect();
    assert_eq!(keys, ["active", "id", "meta", "name", "schemas", "userName"]);
    assert_eq!((&ada["name"], &ada["active"]), (&json!({"familyName": "L"}), &json!(true)));
    let bob = scim.create("/Users", blank("bob")).await;
    let full = json!({"userName": "bob", "externalId": "e", "title": "t", "emails": [{"value": "b@x", "type": "work"}]});
    let work = "emails[type eq \"work\"].value";
    for (method, body) in [
        ("PUT", json!({"userName": "bob", "externalId": "", "title": "", "emails": [{"value": ""}]})),
        (
            "PATCH",
            patch_op(json!([{"op": "replace", "value": {"externalId": "", "title": "", "emails": [""]}}])),
        ),
        ("PATCH", patch_op(json!([{"op": "add", "value": {"externalId": " ", "title": "", (work): " "}}]))),
        (
            "PATCH",
            patch_op(json!([
                {"op": "replace", "path": "externalId", "value": ""}, {"op": "add", "path": "title", "value": ""},
                {"op": "replace", "path": work, "value": ""},
            ])),
        ),
    ] {
        scim.call(200, "PUT", &path(&bob), full.clone()).await;
        let blanked = scim.call(200, method, &path(&bob), body.clone()).await;
        let keys: Vec<_> = blanked.as_object().expect("the value is an object").keys().collect();
        assert_eq!(keys, ["active", "id", "meta", "schemas", "userName"], "{method} {body}");
    }
    scim.expect_error((400, "invalidValue"), "POST", "/Users", json!({"userName": ""})).await;
    let group =
        scim.create("/Groups", json!({"displayName": "Poets", "externalId": "", "members": ""})).await;
    assert!(group.get("externalId").is_none() && group.get("members").is_none(), "{group}");
}

async fn values_are_converted_to_the_type_of_their_attribute(scim: Scim) {
    let body = json!({
        "userName": ["ada"], "active": ["False"], "externalId": 7, "name": [{"givenName": "Ada"}],
        "emails": json!([{"value": "a@x"}]).to_string(), "phoneNumbers": [{"value": 4420, "type": ["work"]}],
        (ENTERPRISE): [{"employeeNumber": 42, "manager": 271}], "name.familyName": "L", "title": " ",
    });
    let ada = scim.create("/Users", body).await;
    assert_eq!(
        (&ada["userName"], &ada["active"], &ada["externalId"]),
        (&json!("ada"), &json!(false), &json!("7"))
    );
    assert_eq!(ada["name"], json!({"givenName": "Ada", "familyName": "L"}));
    assert_eq!((&ada["emails"][0]["value"], ada.get("title")), (&json!("a@x"), None));
    let work = format!("{}?attributes=phoneNumbers[type%20eq%20%22work%22].value", path(&ada));
    assert_eq!(scim.get(&work).await["phoneNumbers"], json!([{"value": "4420"}]));
    assert_eq!(
        (&ada["phoneNumbers"][0]["value"], &ada["phoneNumbers"][0]["type"]),
        (&json!("4420"), &json!("work"))
    );
    assert_eq!(ada[ENTERPRISE], json!({"employeeNumber": "42", "manager": {"value": "271"}}));
    let operations = json!([
        {"op": "replace", "path": "title", "value": ["Countess"]},
        {"op": "replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": 43},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": ["w@x"]},
        {"op": "replace", "value": [{"active": true}]},
    ]);
    let patched = scim.patch(200, &path(&ada), operations).await;
    assert_eq!((&patched["title"], &patched["active"]), (&json!("Countess"), &json!(true)));
    assert_eq!(
        (&patched[ENTERPRISE]["employeeNumber"], &patched["emails"][1]["value"]),
        (&json!("43"), &json!("w@x"))
    );
}

async fn messages_are_accepted_in_the_forms_that_clients_send(scim: Scim) {
    let message = |name: &str| format!("urn:ietf:params:scim:api:messages:2.0:{name}");
    for (n, [user, search, bulk, patch]) in [
        [
            json!(USER),
            json!(message("SearchRequest")),
            json!(message("BulkRequest")),
            json!(message("PatchOp")),
        ],
        [json!([]), json!([]), json!([]), json!([])],
    ]
    .into_iter()
    .enumerate()
    {
        let ada =
            scim.call(201, "POST", "/Users", json!({"schemas": user, "userName": format!("a{n}")})).await;
        let operation = json!({"op": "add", "path": "title", "value": "x"});
        let patch = json!({"schemas": patch, "Operations": operation});
        assert_eq!(scim.call(200, "PATCH", &path(&ada), patch).await["title"], "x");
        let search = json!({"schemas": search, "count": "1", "startIndex": "1"});
        for at in ["/Users/.search", "/.search"] {
            assert_eq!(scim.call(200, "POST", at, search.clone()).await["itemsPerPage"], 1, "{at}");
        }
        let fail = json!({"method": "DELETE", "path": "/Users/x"});
        let bulk = json!({"schemas": bulk, "failOnErrors": "1", "Operations": [fail, fail]});
        let done = scim.call(200, "POST", "/Bulk", bulk).await;
        assert_eq!(done["Operations"].as_array().map(Vec::len), Some(1), "{done}");
    }
    for (at, body) in [
        ("/Users/.search", json!({"schemas": USER})),
        ("/Bulk", json!({"schemas": [], "failOnErrors": "x", "Operations": []})),
    ] {
        scim.expect_error((400, "invalidSyntax"), "POST", at, body).await;
    }
    scim.expect_error((400, "invalidValue"), "POST", "/.search", json!({"count": "ten"})).await;
}

async fn the_strict_profile_refuses_what_the_lenient_profile_accepts(scim: Scim) {
    let (_, client) = connect(&scim, "Strict", "strict").await;
    let scim = Scim { client, adds_schemas: true, ..scim };
    let ada = scim.create_user("ada").await;
    for (body, scim_type) in [
        (json!({"userName": "b", "favouriteColour": "red"}), "invalidSyntax"),
        (json!({"userName": "b", "name": {"nope": 1}}), "invalidSyntax"),
        (json!({"userName": "b", "emails": [{"value": "a@x", "operation": "add"}]}), "invalidSyntax"),
        (json!({"userName": "b", "externalId": ""}), "invalidValue"),
        (json!({"userName": ["b"]}), "invalidValue"),
        (json!({"userName": 7}), "invalidValue"),
        (json!({"userName": "b", "name": [{"givenName": "B"}]}), "invalidValue"),
        (json!({"userName": "b", "name": "{\"givenName\":\"B\"}"}), "invalidValue"),
        (json!({"userName": "b", "roles": ["{\"value\":\"admin\"}"]}), "invalidValue"),
        (json!({"userName": "b", "emails": "[{\"value\":\"b@x\"}]"}), "invalidValue"),
        (json!({"userName": "b", (ENTERPRISE): {"manager": "{\"value\":\"7\"}"}}), "invalidValue"),
        (json!({"userName": "b", "name.givenName": "B"}), "invalidSyntax"),
    ] {
        scim.expect_error((400, scim_type), "POST", "/Users", body).await;
    }
    for (operation, scim_type) in [
        (json!({"op": "replace", "value": {"active": false, "employeeType": "left"}}), "invalidSyntax"),
        (json!({"op": "replace", "value": {"groups": [], "active": false}}), "mutability"),
        (json!({"op": "remove", "path": "groups"}), "mutability"),
        (json!({"op": "replace", "value": "{\"active\":false}"}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": ["x"]}), "invalidValue"),
        (json!({"op": "add", "path": "emails", "value": "[{\"value\":\"a@x\"}]"}), "invalidValue"),
        (json!({"op": "replace", "value": {(USER): {"active": false}}}), "invalidSyntax"),
        (json!({"op": "replace", "path": USER, "value": {"active": false}}), "invalidPath"),
        (json!({"op": "replace", "value": {"urn:x:ext:1.0:badge": "x"}}), "invalidValue"),
        (json!({"op": "replace", "value": {"emails.value": "a@x"}}), "invalidSyntax"),
    ] {
        scim.expect_error((400, scim_type), "PATCH", &path(&ada), patch_op(json!([operation]))).await;
    }
    for query in
        ["attributes=nope,nah", "excludedAttributes=nope,nah", "attributes=emails[nope%20pr],nope,nah"]
    {
        let users = format!("/Users?{query}");
        let detail = scim.expect_error((400, "invalidSyntax"), "GET", &users, Value::Null).await;
        assert!(detail.contains("nope") && detail.contains("nah"), "{detail}");
    }
    scim.expect_error((400, "invalidSyntax"), "POST", "/.search", json!({"attributes": ["nope"]})).await;
    scim.expect_error((400, "invalidValue"), "POST", "/.search", json!({"count": "1"})).await;
    for (method, at, body) in [
        ("POST", "/Users", json!({"schemas": USER, "userName": "b"})),
        ("POST", "/.search", json!({"schemas": []})),
        ("POST", "/Bulk", json!({"Operations": [], "failOnErrors": "1"})),
        ("PATCH", &path(&ada), patch_op(json!({"op": "add", "path": "title", "value": "x"}))),
    ] {
        scim.expect_error((400, "invalidSyntax"), method, at, body).await;
    }
    assert_eq!(scim.get(&path(&ada)).await, ada);
}

async fn unknown_attributes_in_paths_and_filters_are_refused(scim: Scim) {
    let ada = scim.create_user("ada").await;
    for (at, scim_type) in [
        ("employeeType", "invalidPath"),
        ("name.initials", "invalidPath"),
        ("emails[nope eq \"x\"]", "invalidFilter"),
    ] {
        let operation = patch_op(json!([{"op": "replace", "path": at, "value": "x"}]));
        scim.expect_error((400, scim_type), "PATCH", &path(&ada), operation).await;
    }
    scim.expect_error((400, "invalidFilter"), "GET", "/Users?filter=employeeType%20pr", Value::Null).await;
}

async fn all_invalid_attributes_are_reported_at_once(scim: Scim) {
    let body = json!({
        "schemas": [USER], "active": "maybe", "emails": [{"value": "nobody"}], "name": {"givenName": true},
        (ENTERPRISE): {"department": {}},
    });
    let names = ["userName", "active", "emails.value", "name.givenName", "enterprise:2.0:User:department"];
    let detail = scim.expect_error((400, "invalidValue"), "POST", "/Users", body.clone()).await;
    assert!(names.iter().all(|name| detail.contains(name)), "{detail}");
    let ada = scim.create_user("ada").await;
    let operations = json!([
        {"op": "replace", "value": {"active": "maybe", "name": {"givenName": true}}},
        {"op": "add", "path": "emails", "value": [{"value": "nobody"}]},
        {"op": "remove", "path": "userName"},
    ]);
    let detail = scim.expect_error((400, "invalidValue"), "PATCH", &path(&ada), patch_op(operations)).await;
    assert!(names[..4].iter().all(|name| detail.contains(name)), "{detail}");
}

#[test]
fn the_log_names_what_was_ignored_without_values() {
    run_with(Engine::Sqlite, &[("ROSTER_LOG_FORMAT", "json")], async |api| {
        let scim = Scim { client: api.client.clone(), api, adds_schemas: false };
        let body = json!({"userName": "ada", "employeeType": "hidden-value", "name": {"initials": "hidden-value"}, "title": ""});
        let ada =
            scim.send_with("POST", "/Users", &body, &[("x-request-id", "noted-1")]).await.expect(201).json();
        let line = scim.api.server.wait_for_log("noted-1", Duration::from_secs(10));
        let line: Value = serde_json::from_str(&line).expect("the line is JSON");
        assert_eq!(
            line["scim_notes"],
            "unknown-attribute employeeType, unknown-attribute name.initials, no-value schemas, no-value title"
        );
        let remove = patch_op(json!([{"op": "remove", "path": "groups"}]));
        scim.send_with("PATCH", &path(&ada), &remove, &[("x-request-id", "noted-2")]).await.expect(200);
        let line = scim.api.server.wait_for_log("noted-2", Duration::from_secs(10));
        assert!(line.contains("\"scim_notes\":\"read-only groups\""), "{line}");
        let body = json!({
            "schemas": [USER], "id": ada["id"], "userName": "ada", "groups": [],
            (ENTERPRISE): {"manager": {"value": "7", "displayName": "hidden-value"}},
        });
        let patch = patch_op(json!([{"op": "add", "value": {(ENTERPRISE): body[ENTERPRISE]}}]));
        let name = format!("read-only {ENTERPRISE}:manager.displayName");
        for (id, method, body, notes) in [
            ("noted-3", "PUT", body, format!("read-only id, {name}")),
            ("noted-4", "PATCH", patch, name.clone()),
        ] {
            scim.send_with(method, &path(&ada), &body, &[("x-request-id", id)]).await.expect(200);
            let line = scim.api.server.wait_for_log(id, Duration::from_secs(10));
            let line: Value = serde_json::from_str(&line).expect("the line is JSON");
            assert_eq!(line["scim_notes"], notes);
        }
        assert!(!scim.api.server.log().contains("hidden-value"));
    });
}
