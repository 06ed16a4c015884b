//! Projections: `attributes=` and `excludedAttributes=`.

use crate::api::callers::check_head;
use crate::api::fixture::full_user;
use crate::api::problem::{assert_problem, check_user_writes_reject};
use crate::api::query::users_target;
use crate::support::api::{Api, path, text};
use crate::support::percent_encoded;
use serde_json::{Value, json};

engine_tests! {
    attributes_selects_whole_attributes
    attributes_selects_sub_attributes
    attributes_selects_sub_attributes_of_lists
    excluded_attributes_removes_whole_attributes
    excluded_attributes_removes_sub_attributes
    the_id_is_always_returned
    absent_values_keep_their_shape
    names_ignore_case_and_can_have_a_schema_urn
    keys_of_custom_are_case_sensitive
    external_ids_can_be_projected_by_source
    extensions_can_be_projected
    members_of_extensions_can_be_projected
    extension_urns_can_contain_dots
    the_manager_name_is_computed_only_if_selected
    projections_apply_to_every_page
    etags_identify_the_whole_user
    head_accepts_projections
    attributes_and_excluded_attributes_are_exclusive
    unknown_names_are_rejected
    empty_names_are_rejected
    repeated_and_misspelled_parameters_are_rejected
    writes_reject_projections
}

/// A target with a projection parameter.
fn projected(target: &str, name: &str, value: &str) -> String {
    format!("{target}?{name}={}", percent_encoded(value))
}

/// Returns a projected user, which must be the same in the list.
async fn get_projected(api: &Api, user: &Value, name: &str, value: &str) -> Value {
    let single = api.client.get(&projected(&path(user), name, value)).send().await;
    assert_eq!(single.code(), 200, "{name}={value}: {}", single.text());
    let list = api.client.get(&projected("/users", name, value)).send().await.expect(200).json();
    let items = list["items"].as_array().expect("the value is a list");
    let found = items.iter().find(|item| item["id"] == user["id"]).expect("the user is in the list");
    assert_eq!(found, &single.json(), "{name}={value}");
    found.clone()
}

/// Checks that `attributes=` selects these members and the id.
async fn check(api: &Api, user: &Value, attributes: &str, expected: Value) {
    let mut expected = expected;
    expected["id"] = user["id"].clone();
    assert_eq!(get_projected(api, user, "attributes", attributes).await, expected, "{attributes}");
}

/// Checks that `excludedAttributes=` removes exactly these members.
async fn check_without(api: &Api, user: &Value, excluded: &str, pointers: &[&str]) {
    let mut expected = user.clone();
    for pointer in pointers {
        remove(&mut expected, pointer);
    }
    assert_eq!(get_projected(api, user, "excludedAttributes", excluded).await, expected, "{excluded}");
}

/// Removes a member, which must exist.
#[track_caller]
fn remove(value: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').expect("the pointer contains a slash");
    let members = value.pointer_mut(parent).and_then(Value::as_object_mut);
    let removed = members.and_then(|members| members.remove(name));
    assert!(removed.is_some(), "nothing at {pointer}");
}

async fn attributes_selects_whole_attributes(api: Api) {
    let user = api.create(&full_user("ada")).await;
    api.create_named("other").await;
    for name in user.as_object().expect("the value is an object").keys() {
        check(&api, &user, name, json!({ name: user[name] })).await;
    }
    let some = json!({ "userName": "ada", "emails": user["emails"], "version": 1 });
    for list in ["userName,emails,version", "userName, emails ,version", " version , emails,userName "] {
        check(&api, &user, list, some.clone()).await;
    }
    check(&api, &user, "userName,userName,id", json!({ "userName": "ada" })).await;
    // A plus sign means a space.
    let response = api.client.get(&format!("{}?attributes=userName,+title", path(&user))).send().await;
    let expected = json!({ "id": user["id"], "userName": "ada", "title": "Tour Guide" });
    assert_eq!(response.expect(200).json(), expected);
}

async fn attributes_selects_sub_attributes(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let cases = [
        ("name.familyName", json!({ "name": { "familyName": "Jensen" } })),
        (
            "name.familyName,name.givenName",
            json!({ "name": { "familyName": "Jensen", "givenName": "Barbara" } }),
        ),
        ("name,name.familyName", json!({ "name": user["name"] })),
        ("name.familyName,name", json!({ "name": user["name"] })),
        ("enterprise.department", json!({ "enterprise": { "department": "Tour Operations" } })),
        (
            "enterprise.manager.value,title",
            json!({
                "enterprise": { "manager": { "value": user["enterprise"]["manager"]["value"] } },
                "title": "Tour Guide",
            }),
        ),
        ("enterprise.manager", json!({ "enterprise": { "manager": user["enterprise"]["manager"] } })),
        ("enterprise", json!({ "enterprise": user["enterprise"] })),
    ];
    for (attributes, expected) in cases {
        check(&api, &user, attributes, expected).await;
    }
}

async fn attributes_selects_sub_attributes_of_lists(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let emails = |names: &[&str]| {
        let of = |email: &Value| {
            names.iter().map(|name| ((*name).to_owned(), email[name].clone())).collect::<Value>()
        };
        json!({ "emails": user["emails"].as_array().expect("the value is a list").iter().map(of).collect::<Vec<_>>() })
    };
    check(&api, &user, "emails.value", emails(&["value"])).await;
    check(&api, &user, "emails.value,emails.type", emails(&["value", "type"])).await;
    check(&api, &user, "emails.primary", emails(&["primary"])).await;
    check(&api, &user, "emails.type,emails", emails(&["value", "type", "display", "primary"])).await;
    let countries = json!({ "addresses": [{ "country": "USA" }, { "country": "USA" }] });
    check(&api, &user, "addresses.country", countries).await;
    check(
        &api,
        &user,
        "x509Certificates.display",
        json!({ "x509Certificates": [{ "display": "One" }, { "display": "Other" }] }),
    )
    .await;
}

async fn excluded_attributes_removes_whole_attributes(api: Api) {
    let user = api.create(&full_user("ada")).await;
    for name in user.as_object().expect("the value is an object").keys().filter(|name| *name != "id") {
        check_without(&api, &user, name, &[&format!("/{name}")]).await;
    }
    for list in ["emails,custom,userName", " emails, custom ,userName"] {
        check_without(&api, &user, list, &["/emails", "/custom", "/userName"]).await;
    }
}

async fn excluded_attributes_removes_sub_attributes(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let cases: [(&str, &[&str]); 8] = [
        ("name.familyName", &["/name/familyName"]),
        ("name.familyName,name.givenName", &["/name/familyName", "/name/givenName"]),
        ("name,name.familyName", &["/name"]),
        ("enterprise.manager", &["/enterprise/manager"]),
        ("enterprise.manager.displayName", &["/enterprise/manager/displayName"]),
        ("emails.value", &["/emails/0/value", "/emails/1/value"]),
        (
            "emails.display,emails.type",
            &["/emails/0/display", "/emails/1/display", "/emails/0/type", "/emails/1/type"],
        ),
        ("custom.badge,extensions", &["/custom/badge", "/extensions"]),
    ];
    for (excluded, pointers) in cases {
        check_without(&api, &user, excluded, pointers).await;
    }
}

async fn the_id_is_always_returned(api: Api) {
    let user = api.create(&full_user("ada")).await;
    check(&api, &user, "id", json!({})).await;
    check(&api, &user, "ID", json!({})).await;
    check_without(&api, &user, "id", &[]).await;
    check_without(&api, &user, "id,userName", &["/userName"]).await;
    check_without(&api, &user, "Id", &[]).await;
}

async fn absent_values_keep_their_shape(api: Api) {
    let user = api.create_named("ada").await;
    let cases = [
        ("title", json!({ "title": null })),
        ("name.familyName", json!({ "name": { "familyName": null } })),
        ("emails", json!({ "emails": [] })),
        ("emails.value", json!({ "emails": [] })),
        ("enterprise.manager", json!({ "enterprise": { "manager": null } })),
        ("enterprise.manager.value", json!({ "enterprise": { "manager": null } })),
        ("custom", json!({ "custom": {} })),
        ("extensions", json!({ "extensions": {} })),
        ("externalIds", json!({ "externalIds": {} })),
        ("externalId", json!({ "externalId": null })),
    ];
    for (attributes, expected) in cases {
        check(&api, &user, attributes, expected).await;
    }
    check_without(&api, &user, "enterprise.manager.value,emails.value,title", &["/title"]).await;
}

async fn names_ignore_case_and_can_have_a_schema_urn(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let name = json!({ "userName": "ada" });
    let department = json!({ "enterprise": { "department": "Tour Operations" } });
    let cases = [
        ("USERNAME".to_owned(), &name),
        ("username".to_owned(), &name),
        (format!("{core}:userName"), &name),
        (format!("{}:USERNAME", core.to_uppercase()), &name),
        ("Enterprise.DEPARTMENT".to_owned(), &department),
        (format!("{enterprise}:department"), &department),
        (format!("{}:department", enterprise.to_lowercase()), &department),
    ];
    for (attributes, expected) in cases {
        check(&api, &user, &attributes, expected.clone()).await;
    }
    let family = json!({ "name": { "familyName": "Jensen" } });
    check(&api, &user, &format!("{core}:name.familyName"), family.clone()).await;
    check(&api, &user, "NAME.FAMILYNAME", family).await;
    check_without(
        &api,
        &user,
        &format!("EMAILS.Value,{enterprise}:manager"),
        &["/emails/0/value", "/emails/1/value", "/enterprise/manager"],
    )
    .await;
}

async fn keys_of_custom_are_case_sensitive(api: Api) {
    let custom = json!({
        "badge": 7, "Badge": "other", "deep": { "a": { "b": 1, "c": null }, "d": 2 }, "list": [1, 2], "none": null,
    });
    let user = api.create(&json!({ "userName": "ada", "custom": custom })).await;
    let cases = [
        ("custom.badge", json!({ "badge": 7 })),
        ("custom.Badge", json!({ "Badge": "other" })),
        ("CUSTOM.badge", json!({ "badge": 7 })),
        ("custom.badge,custom.Badge", json!({ "badge": 7, "Badge": "other" })),
        ("custom.deep", json!({ "deep": { "a": { "b": 1, "c": null }, "d": 2 } })),
        ("custom.deep.a", json!({ "deep": { "a": { "b": 1, "c": null } } })),
        ("custom.deep.a.b,custom.deep.d", json!({ "deep": { "a": { "b": 1 }, "d": 2 } })),
        ("custom.list", json!({ "list": [1, 2] })),
        ("custom.none", json!({ "none": null })),
        // Unknown keys are not an error, because other users can have them.
        ("custom.BADGE", json!({})),
        ("custom.absent", json!({})),
        ("custom.absent.inside", json!({})),
    ];
    for (attributes, expected) in cases {
        check(&api, &user, attributes, json!({ "custom": expected })).await;
    }
    check_without(&api, &user, "custom.badge", &["/custom/badge"]).await;
    check_without(&api, &user, "custom.deep.a.b,custom.none", &["/custom/deep/a/b", "/custom/none"]).await;
    check_without(&api, &user, "custom.BADGE,custom.absent,custom.deep.A,custom.badge.inside", &[]).await;
}

async fn external_ids_can_be_projected_by_source(api: Api) {
    let user = api.create(&full_user("ada")).await;
    check(&api, &user, "externalIds", json!({ "externalIds": { "native": "ada-701984" } })).await;
    check(&api, &user, "externalIds.native", json!({ "externalIds": { "native": "ada-701984" } })).await;
    check(&api, &user, "externalIds.other", json!({ "externalIds": {} })).await;
    check_without(&api, &user, "externalIds.native", &["/externalIds/native"]).await;
    check_without(&api, &user, "externalIds", &["/externalIds"]).await;
    check_without(&api, &user, "externalId", &["/externalId"]).await;
}

/// The URN of an extension, with dots as in SCIM.
const BADGE: &str = "urn:example:params:scim:schemas:badge:1.0:User";

async fn extensions_can_be_projected(api: Api) {
    let user = api.create(&full_user("ada")).await;
    assert_eq!(user["extensions"][BADGE]["colour"], "red");
    check(&api, &user, "extensions", json!({ "extensions": user["extensions"] })).await;
    check(&api, &user, "extensions,userName", json!({ "extensions": user["extensions"], "userName": "ada" }))
        .await;
    check_without(&api, &user, "extensions", &["/extensions"]).await;
}

async fn members_of_extensions_can_be_projected(api: Api) {
    let both =
        json!({ "urn:example:badge": { "colour": "red", "size": 3 }, "urn:example:other": { "x": [1] } });
    let user = api.create(&json!({ "userName": "ada", "extensions": both })).await;
    let with_extensions = |extensions: Value| json!({ "extensions": extensions });
    let colour = with_extensions(json!({ "urn:example:badge": { "colour": "red" } }));
    check(&api, &user, "extensions.urn:example:badge.colour", colour).await;
    let other = with_extensions(json!({ "urn:example:other": { "x": [1] } }));
    check(&api, &user, "extensions.urn:example:other", other).await;
    check_without(&api, &user, "extensions.urn:example:other", &["/extensions/urn:example:other"]).await;
    check_without(&api, &user, "extensions.urn:example:badge.size", &["/extensions/urn:example:badge/size"])
        .await;
}

async fn extension_urns_can_contain_dots(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let whole = format!("extensions.{BADGE}");
    check(&api, &user, &whole, json!({ "extensions": { BADGE: user["extensions"][BADGE] } })).await;
    check(&api, &user, &format!("{whole}.colour"), json!({ "extensions": { BADGE: { "colour": "red" } } }))
        .await;
    check_without(&api, &user, &whole, &[&format!("/extensions/{BADGE}")]).await;
    check_without(&api, &user, &format!("{whole}.colour"), &[&format!("/extensions/{BADGE}/colour")]).await;
}

async fn the_manager_name_is_computed_only_if_selected(api: Api) {
    let boss = api.create(&json!({ "userName": "boss", "displayName": "The Boss" })).await;
    let manager = json!({ "value": boss["id"] });
    let user = api.create(&json!({ "userName": "ada", "enterprise": { "manager": manager } })).await;
    let named = json!({ "value": boss["id"], "displayName": "The Boss" });
    check(&api, &user, "enterprise.manager", json!({ "enterprise": { "manager": named } })).await;
    check(
        &api,
        &user,
        "enterprise.manager.displayName",
        json!({ "enterprise": { "manager": { "displayName": "The Boss" } } }),
    )
    .await;
    check(&api, &user, "enterprise.manager.value", json!({ "enterprise": { "manager": manager } })).await;
    check(&api, &user, "userName", json!({ "userName": "ada" })).await;
    check_without(&api, &user, "enterprise.manager.displayName", &["/enterprise/manager/displayName"]).await;
}

async fn projections_apply_to_every_page(api: Api) {
    let mut expected = Vec::new();
    for index in 0..5 {
        let body = json!({ "userName": format!("u{index}"), "emails": [{ "value": format!("u{index}@x") }] });
        let user = api.create(&body).await;
        expected.push(json!({ "id": user["id"], "emails": [{ "value": format!("u{index}@x") }] }));
    }
    for extra in
        [&[][..], &[("filter", "emails pr")], &[("sort", "userName"), ("filter", r#"userName sw "u""#)]]
    {
        let query = [&[("attributes", "emails.value"), ("limit", "2")], extra].concat();
        assert_eq!(crate::api::query::list_users(&api.client, &query).await, expected, "{extra:?}");
    }
    let total = api.page("?attributes=id&include=total&limit=1").await;
    assert_eq!((&total["total"], &total["items"]), (&json!(5), &json!([{ "id": expected[0]["id"] }])));
}

async fn etags_identify_the_whole_user(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let target = projected(&path(&user), "attributes", "userName");
    let response = api.client.get(&target).send().await.expect(200);
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    assert_eq!(response.header("content-encoding"), None);
    let again = api.client.get(&target).header("if-none-match", "\"1\"").send().await.expect(304);
    assert_eq!((again.text().as_str(), again.header("etag")), ("", Some("\"1\"")));
    // A change of an attribute that is not selected changes the ETag as well.
    api.patch(&user, &json!({ "title": "new" })).await;
    let response = api.client.get(&target).header("if-none-match", "\"1\"").send().await.expect(200);
    assert_eq!(response.header("etag"), Some("\"2\""));
    assert_eq!(response.json(), json!({ "id": user["id"], "userName": "ada" }));
    let stale = api.client.get(&target).header("if-match", "\"1\"").send().await;
    assert_problem(&stale, 412, "precondition-failed");
    assert_problem(
        &api.client.get(&projected("/users/none", "attributes", "userName")).send().await,
        404,
        "not-found",
    );
}

async fn head_accepts_projections(api: Api) {
    let user = api.create(&full_user("ada")).await;
    for target in [path(&user), "/users".to_owned()] {
        for (name, value, status) in [
            ("attributes", "userName", 200),
            ("excludedAttributes", "emails", 200),
            ("attributes", "foo", 400),
        ] {
            check_head(&api.client, &projected(&target, name, value), status).await;
        }
    }
}

/// Checks that a query is rejected for a user and for the list, and returns the details.
async fn check_rejected(api: &Api, user: &Value, query: &str) -> Vec<String> {
    let mut details = Vec::new();
    for target in [path(user), "/users".to_owned()] {
        let response = api.client.get(&format!("{target}?{query}")).send().await;
        assert_eq!(response.code(), 400, "{query}: {}", response.text());
        let body = assert_problem(&response, 400, "invalid-parameter");
        details.push(text(&body["detail"]).to_owned());
    }
    details
}

async fn attributes_and_excluded_attributes_are_exclusive(api: Api) {
    let user = api.create_named("ada").await;
    let query = ["attributes=userName&excludedAttributes=title", "excludedAttributes=id&attributes=id"];
    for query in query {
        check_rejected(&api, &user, query).await;
    }
}

async fn unknown_names_are_rejected(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let unknown = [
        "foo",
        "password",
        "user_name",
        "department",
        "name.foo",
        "userName.value",
        "emails.foo",
        "emails.0",
        "emails.value.x",
        "enterprise.foo",
        "enterprise.manager.foo",
        "urn:example:x:y",
        "urn:ietf:params:scim:schemas:core:2.0:User:department",
        "customs",
        "emails[type eq \"work\"]",
        "user name",
        "*",
        "é",
    ];
    for name in unknown {
        for (parameter, list) in [
            ("attributes", name.to_owned()),
            ("excludedAttributes", name.to_owned()),
            ("attributes", format!("userName, {name}")),
        ] {
            let query = format!("{parameter}={}", percent_encoded(&list));
            let details = check_rejected(&api, &user, &query).await;
            assert!(details.iter().all(|detail| detail.contains(name)), "{name}: {details:?}");
        }
    }
}

async fn empty_names_are_rejected(api: Api) {
    let user = api.create_named("ada").await;
    for value in ["", "%20", ",", "userName,", ",userName", "userName,,title", "userName,+,title"] {
        for parameter in ["attributes", "excludedAttributes"] {
            check_rejected(&api, &user, &format!("{parameter}={value}")).await;
        }
    }
    for value in [".", "name.", ".familyName", "name..familyName"] {
        check_rejected(&api, &user, &format!("attributes={value}")).await;
    }
}

async fn repeated_and_misspelled_parameters_are_rejected(api: Api) {
    let user = api.create_named("ada").await;
    for query in [
        "attributes=userName&attributes=title",
        "attributes=userName&attributes=userName",
        "excludedAttributes=title&excludedAttributes=title",
        "Attributes=userName",
        "excludedattributes=userName",
        "fields=userName",
    ] {
        check_rejected(&api, &user, query).await;
    }
}

async fn writes_reject_projections(api: Api) {
    let user = api.create_named("ada").await;
    let invalid = ["attributes=userName", "excludedAttributes=title", "attributes="];
    check_user_writes_reject(&api.client, &user, &invalid).await;
    let page = api.client.get(&users_target(&[("limit", "5")])).send().await.expect(200).json();
    assert_eq!(page["items"], json!([user]));
}
