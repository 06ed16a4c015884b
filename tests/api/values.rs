//! Limits and equality of attribute values.

use crate::api::fixture::{full_user, with_field};
use crate::api::problem::{assert_invalid, assert_taken};
use crate::support::api::{Api, path};
use crate::support::http::Response;
use serde_json::{Value, json};

engine_tests! {
    user_names_are_unique_by_folded_form
    similar_names_are_distinct
    external_ids_are_unique_and_case_sensitive
    values_are_returned_as_sent
    names_are_limited_to_256_characters
    names_are_limited_in_folded_length
    emails_are_validated
    lists_are_limited_to_100_elements
    custom_is_limited_in_size
    custom_is_limited_in_depth
    users_are_limited_in_size
    nul_is_rejected_everywhere
    patches_are_subject_to_the_same_limits
    custom_and_extensions_are_returned_unchanged
}

async fn post(api: &Api, body: &Value) -> Response {
    api.client.post("/users", body).send().await
}

/// Pairs of equivalent names.
const EQUIVALENT_NAMES: [(&str, &str); 10] = [
    ("ada", "ADA"),
    ("STRASSE", "straße"),
    ("Straẞe", "strasse"),
    ("e\u{301}va", "\u{c9}VA"),
    ("\u{212b}", "a\u{30a}"),
    ("ΜΆΪΟΣ", "μάϊος"),
    ("σς", "ΣΣ"),
    ("ﬀ", "FF"),
    ("\u{1e9b}\u{323}", "ſ\u{323}\u{307}"),
    ("\u{1f80}", "\u{1f88}"),
];

async fn user_names_are_unique_by_folded_form(api: Api) {
    for (index, (one, same)) in EQUIVALENT_NAMES.into_iter().enumerate() {
        let user = api.create_named(one).await;
        assert_eq!(user["userName"], one);
        assert_taken(&post(&api, &json!({ "userName": same })).await, "userName");
        let other = api.create_named(&format!("other-{index}")).await;
        let patch = api.client.patch(&path(&other), &json!({ "userName": same })).send().await;
        assert_taken(&patch, "userName");
        let renamed = api.patch(&user, &json!({ "userName": same })).await;
        assert_eq!((&renamed["userName"], &renamed["version"]), (&json!(same), &json!(2)));
        api.client.delete(&path(&user)).send().await.expect(204);
        let again = api.create_named(one).await;
        api.client.delete(&path(&again)).send().await.expect(204);
    }
}

async fn similar_names_are_distinct(api: Api) {
    let names = [
        "ada",
        " ada",
        "ada ",
        "a da",
        "adä",
        "ıda",
        "ida",
        "a\u{200b}da",
        "ada\u{301}",
        "２",
        "2",
        "ß",
        "s",
        "ada'",
        "ada\"",
        "ada%",
        "ada_",
        "ad\\a",
        "%",
        "_",
        "ada;--",
        "ada\n",
        "🦀",
        "null",
        "undefined",
        "\u{202e}ada",
    ];
    for name in names {
        let user = api.create_named(name).await;
        assert_eq!(api.read(&user).await["userName"], name);
    }
    assert_eq!(api.page("?include=total").await["total"], names.len());
}

async fn external_ids_are_unique_and_case_sensitive(api: Api) {
    let user = api.create(&json!({ "userName": "a", "externalId": "X-1" })).await;
    let body = json!({ "userName": "b", "externalId": "x-1" });
    assert_eq!(api.create(&body).await["externalIds"], json!({ "native": "x-1" }));
    assert_taken(&post(&api, &json!({ "userName": "c", "externalId": "X-1" })).await, "externalId");
    // Users without an externalId do not conflict.
    api.create_named("d").await;
    api.create_named("e").await;
    api.patch(&user, &json!({ "externalId": null })).await;
    api.create(&json!({ "userName": "c", "externalId": "X-1" })).await;
}

async fn values_are_returned_as_sent(api: Api) {
    let special = "  E\u{301}\u{200d}ﬀ\u{fffd}\u{10ffff}\u{7f}\u{85}\u{2028}\r\n\t\"\\/\u{1}\u{feff}🦀 ";
    let mut body = full_user("Ada");
    for name in ["displayName", "nickName", "title", "profileUrl", "locale", "externalId"] {
        body[name] = json!(special);
    }
    body["userName"] = json!(special);
    body["custom"] = json!({ special: special, "": "", "a.b": 1, "$ref": 2, "__proto__": 3 });
    body["emails"][0]["display"] = json!(special);
    body["emails"][0]["value"] = json!("Ada+Tag@EXAMPLE.com");
    let user = api.create(&body).await;
    for name in body.as_object().expect("the value is an object").keys() {
        assert_eq!(user[name], body[name], "{name}");
    }
    assert_eq!(api.read(&user).await, user);
    assert_eq!(api.replace(&user, &body).await, user);
}

async fn names_are_limited_to_256_characters(api: Api) {
    for (index, letter) in ["x", "é", "🦀"].into_iter().enumerate() {
        let (longest, too_long) = (letter.repeat(256), letter.repeat(257));
        for name in ["userName", "externalId", "displayName"] {
            let body = with_field(&json!({ "userName": format!("{name}-{index}") }), name, json!(too_long));
            assert_invalid(&post(&api, &body).await, &[(format!("/{name}").as_str(), "too-long")]);
            let body = with_field(&json!({ "userName": format!("{name}-{index}") }), name, json!(longest));
            assert_eq!(api.create(&body).await[name], json!(longest));
        }
    }
}

async fn names_are_limited_in_folded_length(api: Api) {
    // This character has three bytes, and five after case folding.
    let expanding = "\u{1fb7}";
    let (longest, too_long) = (format!("{}xxxx", expanding.repeat(204)), expanding.repeat(205));
    for name in ["userName", "externalId", "displayName"] {
        let body = with_field(&json!({ "userName": format!("of-{name}") }), name, json!(too_long));
        assert_invalid(&post(&api, &body).await, &[(format!("/{name}").as_str(), "too-long")]);
        let body = with_field(&json!({ "userName": format!("of-{name}") }), name, json!(longest));
        assert_eq!(api.create(&body).await[name], json!(longest));
    }
    let email = json!({ "userName": "e", "emails": [{ "value": format!("{}@x", expanding.repeat(205)) }] });
    assert_invalid(&post(&api, &email).await, &[("/emails/0/value", "too-long")]);
}

async fn emails_are_validated(api: Api) {
    let (longest, too_long) = (format!("{}@x", "a".repeat(252)), format!("{}@x", "a".repeat(253)));
    for (value, code) in [
        ("ada", "invalid-email"),
        ("@", "invalid-email"),
        ("ada@", "invalid-email"),
        ("@example.com", "invalid-email"),
        ("a@b@c", "invalid-email"),
        ("a@@c", "invalid-email"),
        ("a\u{7}@b", "invalid-email"),
        ("a@b\n", "invalid-email"),
        ("a\u{85}@b", "invalid-email"),
        ("", "blank"),
        ("  ", "blank"),
        (&too_long, "too-long"),
        (&format!("{}@x", "a".repeat(400)), "too-long"),
    ] {
        let body = json!({ "userName": "ada", "emails": [{ "value": "ok@x" }, { "value": value }] });
        assert_invalid(&post(&api, &body).await, &[("/emails/1/value", code)]);
    }
    let valid =
        ["a@b", "ADA@Example.COM", "\"a b\"@x", "ada+tag@x", "é@ü.example", "a@[::1]", "a'b@x", &longest];
    for (index, value) in valid.into_iter().enumerate() {
        let body = json!({ "userName": format!("u{index}"), "emails": [{ "value": value }] });
        assert_eq!(api.create(&body).await["emails"][0]["value"], value);
    }
}

async fn lists_are_limited_to_100_elements(api: Api) {
    let lists =
        ["emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"];
    for list in lists {
        let value = |index: usize| match list {
            "addresses" => json!({ "country": index.to_string() }),
            _ => json!({ "value": format!("{index}@x") }),
        };
        let values = |count: usize| (0..count).map(value).collect::<Vec<_>>();
        let body = json!({ "userName": list, list: values(101) });
        assert_invalid(&post(&api, &body).await, &[(format!("/{list}").as_str(), "too-many")]);
        let user = api.create(&json!({ "userName": list, list: values(100) })).await;
        assert_eq!(user[list].as_array().map(Vec::len), Some(100));
        assert_eq!(api.read(&user).await, user);
    }
}

async fn custom_is_limited_in_size(api: Api) {
    let custom = |bytes: usize| json!({ "x": "é".repeat((bytes - 8) / 2) });
    assert_eq!(custom(16_384).to_string().len(), 16_384);
    let body = json!({ "userName": "ada", "custom": custom(16_386) });
    assert_invalid(&post(&api, &body).await, &[("/custom", "too-large")]);
    let user = api.create(&json!({ "userName": "ada", "custom": custom(16_384) })).await;
    assert_eq!(user["custom"], custom(16_384));
    let patch = json!({ "custom": { "y": 1 } });
    let response = api.client.patch(&path(&user), &patch).send().await;
    assert_invalid(&response, &[("/custom", "too-large")]);
    assert_eq!(api.read(&user).await, user);
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({}), |inner, at| if at % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) })
}

async fn custom_is_limited_in_depth(api: Api) {
    let custom = |depth: usize| json!({ "a": nested(depth - 1) });
    for (depth, name) in [(9, "a"), (20, "b"), (100, "c")] {
        let body = json!({ "userName": name, "custom": custom(depth) });
        assert_invalid(&post(&api, &body).await, &[("/custom", "too-deep")]);
    }
    let user = api.create(&json!({ "userName": "ada", "custom": custom(8) })).await;
    assert_eq!(user["custom"], custom(8));
    let patch = json!({ "custom": { "a": nested(8) } });
    assert_invalid(&api.client.patch(&path(&user), &patch).send().await, &[("/custom", "too-deep")]);
}

async fn users_are_limited_in_size(api: Api) {
    let body = |bytes: usize| json!({ "userName": "ada", "title": "x".repeat(bytes) });
    assert_invalid(&post(&api, &body(65_536)).await, &[("", "too-large")]);
    let user = api.create(&body(65_000)).await;
    assert_eq!(api.read(&user).await["title"], body(65_000)["title"]);
    let patch = json!({ "nickName": "x".repeat(1_000) });
    assert_invalid(&api.client.patch(&path(&user), &patch).send().await, &[("", "too-large")]);
    assert_eq!(api.read(&user).await, user);
}

async fn nul_is_rejected_everywhere(api: Api) {
    let user = api.create_named("ada").await;
    for (pointer, body) in [
        ("/userName", json!({ "userName": "a\0" })),
        ("/displayName", json!({ "displayName": "\0" })),
        ("/name/familyName", json!({ "name": { "familyName": "a\0b" } })),
        ("/emails/1/value", json!({ "emails": [{ "value": "a@b" }, { "value": "a\0@b" }] })),
        ("/addresses/0/type", json!({ "addresses": [{ "type": "\0" }] })),
        ("/enterprise/manager/value", json!({ "enterprise": { "manager": { "value": "\0" } } })),
        ("/custom/a/0", json!({ "custom": { "a": ["\0"] } })),
        ("/custom", json!({ "custom": { "a\0": 1 } })),
        ("/custom/a/b", json!({ "custom": { "a": { "b": { "\0": null } } } })),
        ("/extensions/urn:x:y/a", json!({ "extensions": { "urn:x:y": { "a": "\0" } } })),
        ("/extensions", json!({ "extensions": { "urn:x:y\0": {} } })),
    ] {
        let mut complete = with_field(&json!({ "userName": "grace" }), "userName", json!("grace"));
        complete
            .as_object_mut()
            .expect("the value is an object")
            .extend(body.as_object().expect("the value is an object").clone());
        assert_invalid(&post(&api, &complete).await, &[(pointer, "unstorable")]);
        assert_invalid(&api.client.put(&path(&user), &complete).send().await, &[(pointer, "unstorable")]);
        assert_invalid(&api.client.patch(&path(&user), &body).send().await, &[(pointer, "unstorable")]);
    }
    let several = json!({ "userName": "grace", "title": "\0", "emails": 5 });
    assert_invalid(&post(&api, &several).await, &[("/emails", "wrong-type"), ("/title", "unstorable")]);
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn patches_are_subject_to_the_same_limits(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let long = "x".repeat(257);
    let many: Vec<_> = (0..101).map(|index| json!({ "value": format!("{index}@x") })).collect();
    for (patch, pointer, code) in [
        (json!({ "userName": long }), "/userName", "too-long"),
        (json!({ "displayName": long }), "/displayName", "too-long"),
        (json!({ "externalId": long }), "/externalId", "too-long"),
        (json!({ "emails": many }), "/emails", "too-many"),
        (json!({ "emails": [{ "value": "x" }] }), "/emails/0/value", "invalid-email"),
        (json!({ "extensions": { "urn:x:y": { "a": nested(8) } } }), "/extensions/urn:x:y", "too-deep"),
    ] {
        let response = api.client.patch(&path(&user), &patch).send().await;
        assert_invalid(&response, &[(pointer, code)]);
    }
    assert_eq!(api.read(&user).await, user);
}

async fn custom_and_extensions_are_returned_unchanged(api: Api) {
    let json_values = json!({
        "null": null, "nulls": [null, { "a": null }], "empty": [{}, [], ""], "bools": [true, false],
        "text": "\u{1}\u{1f}\u{7f}\"\\", "numbers": [0, -1, 1.5, -0.25], "same": [1, 1, 1],
        "order": [3, 1, 2], "$serde_json::private::Number": "1", "$serde_json::private::RawValue": "{}",
    });
    let user = api.create(&json!({ "userName": "ada", "custom": json_values })).await;
    assert_eq!(user["custom"], json_values);
    assert_eq!(api.read(&user).await["custom"], json_values);
    let other = api.create_named("grace").await;
    let body =
        json!({ "userName": "grace", "custom": json_values, "extensions": { "urn:x:y": json_values } });
    let replaced = api.replace(&other, &body).await;
    assert_eq!((&replaced["custom"], &replaced["extensions"]["urn:x:y"]), (&json_values, &json_values));
    assert_eq!(api.replace(&other, &body).await, replaced);
    assert_eq!(api.page("").await["items"], json!([user, replaced]));
}
