//! Messages in the forms that clients send: wrapped in a list, encoded as text, or with members of another type. The lenient
//! profile converts and notes them; the strict profile refuses them.

use crate::scim::client::{ENTERPRISE, Scim, USER, connect, filter_path, names, patch_op, path};
use crate::support::api::{Engine, run_with, text};
use serde_json::{Value, json};
use std::time::Duration;

engine_tests! {
    whole_messages_and_their_operations_are_converted
    members_of_a_search_request_are_converted
    members_of_a_bulk_request_are_converted
    a_leaver_is_deactivated_despite_other_members_of_the_operation
    numbers_are_compared_with_strings
    strict_refuses_messages_of_other_types
}

profile_tests! {
    numbers_beyond_64_bits_are_refused_with_a_reason
    an_error_in_an_extension_names_its_urn
}

/// A value as it is, in a list of one, and as JSON text.
fn forms(value: &Value) -> [Value; 3] {
    [value.clone(), json!([value]), json!(value.to_string())]
}

fn message(name: &str, mut members: Value) -> Value {
    members["schemas"] = json!([format!("urn:ietf:params:scim:api:messages:2.0:{name}")]);
    members
}

fn bulk(operations: Value) -> Value {
    message("BulkRequest", json!({ "Operations": operations }))
}

async fn whole_messages_and_their_operations_are_converted(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let mut count = 0;
    let mut title = || {
        count += 1;
        count.to_string()
    };
    for n in 0..3 {
        let title_op = |title: &str| json!({"op": "replace", "path": "title", "value": title});
        let one = title();
        let body = forms(&patch_op(json!([title_op(&one)])))[n].clone();
        assert_eq!(scim.call(200, "PATCH", &path(&ada), body).await["title"], one, "the body");
        let one = title();
        let body = patch_op(json!([forms(&title_op(&one))[n]]));
        assert_eq!(scim.call(200, "PATCH", &path(&ada), body).await["title"], one, "an operation");
        let one = title();
        let body = patch_op(forms(&json!([title_op(&one)]))[n * 2 % 3].clone());
        assert_eq!(scim.call(200, "PATCH", &path(&ada), body).await["title"], one, "Operations");

        let create = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": "1", "data": forms(&json!({"userName": name}))[n]});
        let patch = json!({"method": "PATCH", "path": path(&ada), "data": forms(&patch_op(json!([])))[n]});
        let requests = [
            forms(&bulk(json!([create(&format!("a{n}"))])))[n].clone(),
            bulk(json!([forms(&create(&format!("b{n}")))[n]])),
            bulk(forms(&json!([create(&format!("c{n}"))]))[n * 2 % 3].clone()),
            bulk(create(&format!("d{n}"))),
        ];
        for request in requests {
            let done = scim.call(200, "POST", "/Bulk", request.clone()).await;
            assert_eq!(done["Operations"][0]["status"], "201", "{request}: {done}");
        }
        let done = scim.call(200, "POST", "/Bulk", bulk(json!([patch]))).await;
        assert!(
            text(&done["Operations"][0]["response"]["detail"]).contains("at least one operation"),
            "{done}"
        );

        let search = forms(&message("SearchRequest", json!({"filter": "userName eq \"ada\""})))[n].clone();
        for at in ["/.search", "/Users/.search"] {
            assert_eq!(names(&scim.call(200, "POST", at, search.clone()).await), ["ada"], "{search}");
        }
    }
    let operation = json!({"op": ["Replace"], "path": ["title"], "value": "wrapped"});
    assert_eq!(scim.patch(200, &path(&ada), json!([operation])).await["title"], "wrapped");
}

async fn members_of_a_search_request_are_converted(scim: Scim) {
    for (name, title) in [("ada", "2"), ("bob", "1")] {
        scim.create("/Users", json!({"userName": name, "title": title})).await;
    }
    for (search, expected) in [
        (json!({"filter": ["title eq 1"]}), &["bob"][..]),
        (json!({"sortBy": ["title"]}), &["bob", "ada"]),
        (json!({"sortBy": "title", "sortOrder": ["descending"]}), &["ada", "bob"]),
        (json!({"count": [1], "sortBy": "userName"}), &["ada"]),
        (json!({"startIndex": ["2"], "count": "1", "sortBy": "userName"}), &["bob"]),
        (json!({"count": "", "startIndex": "", "sortBy": "userName"}), &["ada", "bob"]),
    ] {
        let found = scim.call(200, "POST", "/Users/.search", search.clone()).await;
        assert_eq!(names(&found), expected, "{search}");
    }
    for attributes in [json!("[\"userName\"]"), json!(["userName"]), json!("userName")] {
        let found = scim.call(200, "POST", "/.search", json!({"attributes": attributes})).await;
        let keys: Vec<_> = found["Resources"][0].as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["id", "schemas", "userName"], "{attributes}");
    }
}

async fn members_of_a_bulk_request_are_converted(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let rename = |version: Value| json!({"method": "PUT", "path": path(&ada), "version": version, "data": {"userName": "ada"}});
    let mut request = bulk(json!([
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "g", "members": [{"value": "bulkId:1"}]}},
        {"method": ["POST"], "path": ["/Users"], "bulkId": 1, "data": {"userName": "bob"}},
        rename(json!(1)), rename(json!("1")), rename(json!("")), rename(json!(["W/\"1\""])), rename(json!(7)),
    ]));
    request["failOnErrors"] = json!("");
    let done = scim.call(200, "POST", "/Bulk", request).await;
    let statuses: Vec<_> =
        done["Operations"].as_array().expect("Operations").iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["201", "201", "200", "200", "200", "200", "412"], "{done}");
    assert_eq!(done["Operations"][1]["bulkId"], "1");
}

async fn a_leaver_is_deactivated_despite_other_members_of_the_operation(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let leave = json!({"op": "replace", "path": "active", "value": false, "comment": "left", "type": "x", "$id": "1"});
    assert_eq!(scim.patch(200, &path(&ada), json!([leave])).await["active"], false);
    let poets = scim.create_group("Poets", &[&ada]).await;
    let misspelt = json!({"op": "remove", "path": "members", "vlaue": [{"value": "x"}]});
    scim.expect_error((400, "invalidSyntax"), "PATCH", &path(&poets), patch_op(json!([misspelt]))).await;
    let misspelt = json!({"op": "replace", "path": "active", "values": true});
    scim.expect_error((400, "invalidSyntax"), "PATCH", &path(&ada), patch_op(json!([misspelt]))).await;
    assert_eq!(scim.members(&poets).await, [text(&ada["id"])]);
}

async fn numbers_are_compared_with_strings(scim: Scim) {
    let body = json!({
        "userName": "ada", "externalId": 123, "phoneNumbers": [{"value": 44, "type": "work"}],
        "title": "7019840000000000000000", (ENTERPRISE): {"employeeNumber": 701_984},
    });
    let ada = scim.create("/Users", body).await;
    for (filter, expected) in [
        ("externalId eq 123".to_owned(), &["ada"][..]),
        ("externalId ne 123".to_owned(), &[]),
        (format!("{ENTERPRISE}:employeeNumber eq 701984"), &["ada"]),
        (format!("{ENTERPRISE}:employeeNumber sw 70"), &["ada"]),
        ("phoneNumbers[value eq 44 and type eq \"work\"]".to_owned(), &["ada"]),
        ("title eq 7019840000000000000000".to_owned(), &["ada"]),
        ("active eq \"True\" and externalId eq 123".to_owned(), &["ada"]),
    ] {
        assert_eq!(scim.find("Users", &filter).await, expected, "{filter}");
    }
    let fax = json!([{"op": "replace", "path": "phoneNumbers[value eq 44].type", "value": "fax"}]);
    assert_eq!(scim.patch(200, &path(&ada), fax).await["phoneNumbers"][0]["type"], "fax");
    // Numbers and strings have different orders.
    for filter in ["externalId gt 5", "active eq 1", "meta.created eq 5"] {
        scim.expect_error((400, "invalidFilter"), "GET", &filter_path("Users", filter), Value::Null).await;
    }
}

async fn strict_refuses_messages_of_other_types(scim: Scim) {
    let (_, client) = connect(&scim, "Strict", "strict").await;
    let scim = Scim { client, ..scim };
    let ada = scim.create("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    let operation = json!({"op": "replace", "path": "title", "value": "x"});
    let patch = patch_op(json!([operation]));
    let delete = json!({"method": "DELETE", "path": "/Users/x"});
    let search = message("SearchRequest", json!({}));
    let with = |body: &Value, name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    let in_patch = |name: &str, value: Value| patch_op(json!([with(&operation, name, value)]));
    let at = path(&ada);
    let mut refused = vec![
        ("PATCH", at.as_str(), patch_op(operation.clone()), "invalidSyntax"),
        ("PATCH", &at, patch_op(json!([operation.to_string()])), "invalidSyntax"),
        ("PATCH", &at, patch_op(json!([operation]).to_string().into()), "invalidSyntax"),
        ("PATCH", &at, in_patch("op", json!(["replace"])), "invalidSyntax"),
        ("PATCH", &at, in_patch("path", json!(["title"])), "invalidPath"),
        ("PATCH", &at, in_patch("comment", json!("x")), "invalidSyntax"),
        ("POST", "/Bulk", bulk(delete.clone()), "invalidSyntax"),
        ("POST", "/Bulk", bulk(json!([delete.to_string()])), "invalidSyntax"),
        ("POST", "/Bulk", bulk(json!([with(&delete, "bulkId", json!(1))])), "invalidSyntax"),
        ("POST", "/Bulk", bulk(json!([with(&delete, "version", json!(1))])), "invalidSyntax"),
        ("POST", "/Bulk", with(&bulk(json!([delete])), "failOnErrors", json!("")), "invalidSyntax"),
        ("POST", "/.search", with(&search, "count", json!([1])), "invalidValue"),
        ("POST", "/.search", with(&search, "filter", json!(["userName pr"])), "invalidValue"),
        ("POST", "/Users/.search", with(&search, "sortBy", json!(["userName"])), "invalidValue"),
        ("POST", "/.search", with(&search, "attributes", json!("[\"userName\"]")), "invalidSyntax"),
    ];
    for (method, at, body) in [
        ("PATCH", at.as_str(), patch.clone()),
        ("POST", "/Bulk", bulk(json!([delete]))),
        ("POST", "/.search", search.clone()),
    ] {
        refused.extend(forms(&body)[1..].iter().map(|form| (method, at, form.clone(), "invalidSyntax")));
    }
    for (method, at, body, scim_type) in refused {
        scim.expect_error((400, scim_type), method, at, body).await;
    }
    for filter in ["externalId eq 123", "active eq \"True\""] {
        scim.expect_error((400, "invalidFilter"), "GET", &filter_path("Users", filter), Value::Null).await;
    }
    assert_eq!(scim.get(&at).await, ada);
}

/// The JSON parser rounds these numbers, so the digits cannot be converted to a string.
async fn numbers_beyond_64_bits_are_refused_with_a_reason(scim: Scim) {
    let body = format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"ada\",\"title\":7019840000000000000000}}");
    let request =
        scim.client.request(reqwest::Method::POST, "/scim/v2/Users").body("application/scim+json", body);
    let error = request.send().await.expect(400).json();
    let detail = "title is an integer beyond 64 bits, which would be rounded: send it as a string";
    assert!(text(&error["detail"]).starts_with(detail), "{error}");
}

async fn an_error_in_an_extension_names_its_urn(scim: Scim) {
    const URN: &str = "urn:x:y:User";
    let deep = (0..12).fold(json!(1), |inner, _| json!({ "a": inner }));
    let ada = scim.create_user("ada").await;
    let poets = scim.create_group("Poets", &[]).await;
    let operation = |value: Value| patch_op(json!([{"op": "add", "value": value}]));
    for (method, at, body) in [
        ("POST", "/Users", json!({"userName": "bob", (URN): deep})),
        ("PUT", &path(&ada), json!({"userName": "ada", (URN): deep})),
        ("PATCH", &path(&ada), operation(json!({(URN): deep}))),
        ("POST", "/Groups", json!({"displayName": "x", (URN): deep})),
        ("PATCH", &path(&poets), operation(json!({(URN): deep}))),
    ] {
        let detail = scim.expect_error((400, "invalidValue"), method, at, body).await;
        assert!(
            detail.starts_with("urn:x:y:User (an object) must be nested at most 8 levels deep"),
            "{detail}"
        );
    }
}

#[test]
fn the_log_notes_deviations_in_messages() {
    run_with(Engine::Sqlite, &[("ROSTER_LOG_FORMAT", "json")], async |api| {
        let scim = Scim { client: api.client.clone(), api, adds_schemas: false };
        let ada = scim.create_user("ada").await;
        let operation =
            json!({"op": "replace", "path": "title", "value": "hidden-value", "comment": "hidden-value"});
        let search = |members: Value| message("SearchRequest", members);
        let user = json!({"schemas": [USER], "userName": "bob"});
        let patch = json!([{"op": "add", "path": "emails[primary eq \"true\"].value", "value": "b@x"}]);
        let flattened =
            json!({"schemas": [USER], "userName": "eve", "name.givenName": "E", (USER): {"title": "t"}});
        let inside = json!({"op": "add", "value": {(USER): {"title": "t"}}});
        let filter = filter_path("Users", "active eq \"True\" and externalId eq 123");
        for (n, (method, at, body, notes)) in [
            ("POST", "/Users", json!({"userName": "cy"}), "no-value schemas"),
            ("POST", "/Users", json!({"schemas": USER, "userName": "dan"}), "converted schemas"),
            (
                "PATCH",
                &path(&ada),
                patch_op(operation.clone()),
                "unknown-attribute comment, converted Operations",
            ),
            ("PATCH", &path(&ada), patch_op(patch), "converted emails.primary"),
            (
                "POST",
                "/.search",
                search(json!({"count": "1", "colour": 1})),
                "unknown-attribute colour, converted count",
            ),
            ("GET", &filter, Value::Null, "converted active, converted externalId"),
            (
                "GET",
                "/Users?attributes=emails%5Btype%20eq%20%22work%22%5D.value",
                Value::Null,
                "converted emails",
            ),
            ("POST", "/Users", flattened, &format!("converted name.givenName, converted {USER}")),
            ("PATCH", &path(&ada), patch_op(json!([inside])), &format!("converted {USER}")),
            (
                "POST",
                "/Bulk",
                json!({"Operations": [], "failOnErrors": 0, "id": 1}),
                "unknown-attribute id, no-value failOnErrors, no-value schemas",
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("deviation-{n}");
            let response = scim.send_with(method, at, &body, &[("x-request-id", &id)]).await;
            assert!(response.code() < 300, "{}", response.text());
            assert_eq!(logged_notes(&scim, &id), notes, "{method} {at} {body}");
        }
        let request =
            scim.client.request(reqwest::Method::POST, "/scim/v2/Users").header("x-request-id", "bare-1");
        request.body_without_content_type(user.to_string()).send().await.expect(201);
        assert_eq!(logged_notes(&scim, "bare-1"), "no-value content-type");
        assert!(!scim.api.server.log().contains("hidden-value"));
    });
}

fn logged_notes(scim: &Scim, id: &str) -> String {
    let line = scim.api.server.wait_for_log(id, Duration::from_secs(10));
    let line: Value = serde_json::from_str(&line).expect("a JSON line");
    line["scim_notes"].as_str().unwrap_or_default().to_owned()
}
