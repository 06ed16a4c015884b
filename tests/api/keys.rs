//! Creating, reading, patching, deleting and listing keys.

use crate::api::callers::{client_with_key, create_key, get, key_path};
use crate::api::fixture::with_field;
use crate::api::problem::{
    assert_all_rejected, assert_invalid, assert_invalid_fields, assert_problem, assert_state_conflict,
    check_preconditions, check_queries_rejected,
};
use crate::api::query::{follow_links, items};
use crate::support::api::{Api, text};
use crate::support::http::Response;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

engine_tests! {
    a_key_needs_only_a_role
    every_attribute_is_returned
    secrets_have_a_fixed_format_and_are_unique
    only_the_creation_response_contains_the_secret
    a_returned_key_can_be_sent_back
    server_assigned_fields_are_ignored
    fields_are_validated
    patches_are_validated
    a_patch_changes_only_named_fields
    an_empty_patch_changes_nothing
    preconditions_apply
    minimal_responses_have_no_body
    a_revoked_key_stays_listed
    a_revoked_key_cannot_be_changed
    malformed_and_oversized_bodies_are_rejected
    keys_are_listed_in_creation_order
    pages_are_linked_by_cursors
    unknown_parameters_are_rejected
    creations_ignore_idempotency_keys
}

/// A created key as GET returns it.
fn without_secret(created: &Value) -> Value {
    let mut key = created.clone();
    key.as_object_mut().expect("a key is an object").remove("secret").expect("the key has a secret");
    key
}

async fn a_key_needs_only_a_role(api: Api) {
    for role in ["reader", "writer", "admin", "operator"] {
        let response = api.client.post("/keys", &json!({ "role": role })).send().await.expect(201);
        let key = response.json();
        let expected = json!({
            "id": key["id"], "name": null, "role": role, "expiresAt": null, "createdAt": key["createdAt"],
            "lastUsedAt": null, "revokedAt": null, "secret": key["secret"],
        });
        assert_eq!(key, expected);
        assert_eq!(response.header("location"), Some(key_path(&key).as_str()));
        assert_eq!(response.header("etag"), Some("\"1\""));
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(text(&key["createdAt"]).len(), "2026-01-02T03:04:05.678901Z".len());
        let found = api.client.get(&key_path(&key)).send().await.expect(200);
        assert_eq!(found.json(), without_secret(&key));
        assert_eq!(found.header("etag"), Some("\"1\""));
        assert_eq!(found.header("cache-control"), Some("private, no-cache"));
    }
}

async fn every_attribute_is_returned(api: Api) {
    let long = "ж".repeat(256);
    for name in ["ci", "CI of the 2nd floor, \"left\" – 🔑", "a\nb", &long] {
        let key = create_key(&api.client, &json!({ "role": "writer", "name": name })).await;
        assert_eq!((&key["name"], &key["role"]), (&json!(name), &json!("writer")));
        assert_eq!(get(&api.client, &key_path(&key)).await, without_secret(&key));
    }
    // Times are returned in UTC with six fractional digits.
    for (sent, returned) in [
        ("2040-01-02T03:04:05Z", "2040-01-02T03:04:05.000000Z"),
        ("2040-01-02T03:04:05.678901+00:00", "2040-01-02T03:04:05.678901Z"),
        ("2040-01-02T03:04:05+02:30", "2040-01-02T00:34:05.000000Z"),
        ("2039-12-31T23:00:00.5-01:00", "2040-01-01T00:00:00.500000Z"),
        // A time without an offset is in UTC.
        ("2040-01-02T03:04:05.5", "2040-01-02T03:04:05.500000Z"),
    ] {
        let key = create_key(&api.client, &json!({ "role": "reader", "expiresAt": sent })).await;
        assert_eq!(key["expiresAt"], returned, "{sent}");
        assert_eq!(get(&api.client, &key_path(&key)).await, without_secret(&key));
    }
}

async fn secrets_have_a_fixed_format_and_are_unique(api: Api) {
    let mut secrets = BTreeSet::new();
    for _ in 0..50 {
        let key = create_key(&api.client, &json!({ "role": "reader" })).await;
        let secret = text(&key["secret"]);
        let rest = secret.strip_prefix(&format!("rst_{}_", text(&key["id"])));
        let rest = rest.unwrap_or_else(|| panic!("{secret} does not contain {}", key["id"]));
        assert_eq!(rest.len(), 43 + 6, "{secret}");
        assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{secret}");
        assert!(secrets.insert(rest[..43].to_owned()), "{secret} is not unique");
    }
    // 50 secrets of 43 characters use nearly all of 62 characters, and many different ones in each position.
    let all: BTreeSet<char> = secrets.iter().flat_map(|secret| secret.chars()).collect();
    assert!(all.len() > 55, "{all:?}");
    for position in 0..43 {
        let found: BTreeSet<_> = secrets.iter().map(|secret| secret.as_bytes()[position]).collect();
        assert!(found.len() > 10, "only {found:?} at position {position}");
    }
}

async fn only_the_creation_response_contains_the_secret(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "admin" })).await;
    let target = key_path(&key);
    let responses = [
        api.client.get(&target).send().await.expect(200),
        client_with_key(&api.client, &key).get(&target).send().await.expect(200),
        api.client.get("/keys").send().await.expect(200),
        api.client.patch(&target, &json!({ "name": "x" })).send().await.expect(200),
        api.client.patch(&target, &key).send().await.expect(200),
        api.client.delete(&target).send().await.expect(204),
    ];
    let (_, secret) = text(&key["secret"]).rsplit_once('_').expect("the secret contains an underscore");
    for response in responses {
        assert!(
            !response.text().contains(secret) && !response.text().contains("\"secret\""),
            "{}",
            response.text()
        );
    }
}

async fn a_returned_key_can_be_sent_back(api: Api) {
    let body = json!({ "role": "writer", "name": "ci", "expiresAt": "2040-01-01T00:00:00Z" });
    let key = create_key(&api.client, &body).await;
    let again = create_key(&api.client, &key).await;
    assert_ne!((&again["id"], &again["secret"]), (&key["id"], &key["secret"]));
    assert_eq!(writable_fields(&again), writable_fields(&key));
    let response = api.client.patch(&key_path(&key), &key).send().await.expect(200);
    assert_eq!((response.json(), response.header("etag")), (without_secret(&key), Some("\"1\"")));
}

/// The fields of a key that a caller can set.
fn writable_fields(key: &Value) -> [&Value; 3] {
    ["name", "role", "expiresAt"].map(|name| &key[name])
}

async fn server_assigned_fields_are_ignored(api: Api) {
    let assigned = json!({ "id": 7, "createdAt": "x", "lastUsedAt": [], "revokedAt": 1, "secret": { "a": 1 }, "role": "reader" });
    let key = create_key(&api.client, &assigned).await;
    assert_eq!((&key["lastUsedAt"], text(&key["id"]).len()), (&Value::Null, 36));
    let patch =
        json!({ "createdAt": null, "lastUsedAt": "2020-01-01T00:00:00Z", "secret": "x", "name": "ci" });
    let patched = api.client.patch(&key_path(&key), &patch).send().await.expect(200).json();
    assert_eq!(patched, with_field(&without_secret(&key), "name", json!("ci")));
    client_with_key(&api.client, &key).get("/users").send().await.expect(200);
}

async fn fields_are_validated(api: Api) {
    let post = async |body: Value| api.client.post("/keys", &body).send().await;
    let before = get(&api.client, "/keys?include=total").await;
    assert_invalid(&post(json!({})).await, &[("/role", "required")]);
    assert_invalid(&post(json!({ "role": null })).await, &[("/role", "required")]);
    let all = json!({ "role": 1, "name": [], "expiresAt": true, "tenant": "x", "Role": "reader" });
    let errors = [
        ("/role", "wrong-type"),
        ("/name", "wrong-type"),
        ("/expiresAt", "wrong-type"),
        ("/tenant", "unknown-field"),
        ("/Role", "unknown-field"),
    ];
    assert_invalid(&post(all).await, &errors);
    for role in ["", "Reader", "READER", "root", "reader ", "reader,writer", "\0", "nobody"] {
        assert_invalid_fields(&post(json!({ "role": role })).await, &["/role"]);
    }
    for time in MALFORMED_TIMES {
        assert_invalid_fields(&post(json!({ "role": "reader", "expiresAt": time })).await, &["/expiresAt"]);
    }
    for time in PAST_TIMES {
        let body = json!({ "role": "reader", "expiresAt": time });
        assert_invalid(&post(body).await, &[("/expiresAt", "in-the-past")]);
    }
    let long = json!({ "role": "reader", "name": "x".repeat(257) });
    assert_invalid(&post(long).await, &[("/name", "too-long")]);
    assert_invalid_fields(&post(json!({ "role": "reader", "name": "a\0b" })).await, &["/name"]);
    for body in [json!([]), json!("reader"), json!(null), json!(1)] {
        assert_invalid(&post(body).await, &[("", "wrong-type")]);
    }
    for field in ["version", "updatedAt", "tenantId", "hash", "role/", "expires", ""] {
        let response = post(json!({ "role": "reader", field: 1 })).await;
        assert_invalid(&response, &[(&format!("/{}", field.replace('/', "~1")), "unknown-field")]);
    }
    assert_eq!(get(&api.client, "/keys?include=total").await, before, "a key was created");
}

const MALFORMED_TIMES: [&str; 9] = [
    "",
    "never",
    "2040-01-01",
    "2040-13-01T00:00:00Z",
    "2040-02-30T00:00:00Z",
    "2040-01-01T25:00:00Z",
    "90d",
    "2208988800",
    "2040-01-01T00:00:00+2:00",
];

const PAST_TIMES: [&str; 2] = ["1970-01-01T00:00:00Z", "2020-06-01T12:00:00+05:30"];

async fn patches_are_validated(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader", "name": "ci" })).await;
    let patch = async |body: Value| api.client.patch(&key_path(&key), &body).send().await;
    assert_invalid(&patch(json!({ "role": null })).await, &[("/role", "required")]);
    assert_invalid_fields(&patch(json!({ "role": "root" })).await, &["/role"]);
    assert_invalid(&patch(json!({ "name": "x".repeat(257) })).await, &[("/name", "too-long")]);
    assert_invalid(&patch(json!({ "name": 1 })).await, &[("/name", "wrong-type")]);
    for time in MALFORMED_TIMES {
        assert_invalid_fields(&patch(json!({ "expiresAt": time })).await, &["/expiresAt"]);
    }
    for time in PAST_TIMES {
        assert_invalid(&patch(json!({ "expiresAt": time })).await, &[("/expiresAt", "in-the-past")]);
    }
    for value in [json!(1), json!(null), json!({})] {
        assert_invalid(&patch(json!({ "foo": value })).await, &[("/foo", "unknown-field")]);
    }
    let both = patch(json!({ "foo": 1, "role": "root", "expiresAt": 5 })).await;
    assert_invalid_fields(&both, &["/expiresAt", "/foo", "/role"]);
    assert_invalid(&patch(json!([])).await, &[("", "wrong-type")]);
    let found = api.client.get(&key_path(&key)).send().await.expect(200);
    assert_eq!((found.json(), found.header("etag")), (without_secret(&key), Some("\"1\"")));
}

async fn a_patch_changes_only_named_fields(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader", "name": "ci" })).await;
    let mut expected = without_secret(&key);
    for (version, (name, sent, returned)) in [
        ("name", json!("cd"), json!("cd")),
        ("role", json!("writer"), json!("writer")),
        ("expiresAt", json!("2040-01-01T02:00:00+02:00"), json!("2040-01-01T00:00:00.000000Z")),
        ("expiresAt", json!(null), json!(null)),
        ("name", json!(null), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let response = api.client.patch(&key_path(&key), &json!({ name: sent })).send().await.expect(200);
        expected[name] = returned;
        let tag = format!("\"{}\"", version + 2);
        assert_eq!((response.json(), response.header("etag")), (expected.clone(), Some(tag.as_str())));
        assert_eq!(response.header("cache-control"), Some("private, no-cache"));
        let found = api.client.get(&key_path(&key)).send().await.expect(200);
        assert_eq!((found.json(), found.header("etag")), (expected.clone(), Some(tag.as_str())));
        // The secret does not change.
        client_with_key(&api.client, &key).get("/users").send().await.expect(200);
    }
}

async fn an_empty_patch_changes_nothing(api: Api) {
    let body = json!({ "role": "reader", "name": "ci", "expiresAt": "2040-01-01T00:00:00Z" });
    let key = create_key(&api.client, &body).await;
    let same_time = json!({ "expiresAt": "2040-01-01T01:00:00+01:00" });
    for patch in [json!({}), body, same_time, json!({ "name": "ci" })] {
        let response = api.client.patch(&key_path(&key), &patch).send().await.expect(200);
        assert_eq!((response.json(), response.header("etag")), (without_secret(&key), Some("\"1\"")));
    }
    let rows = get(&api.client, &format!("/changes?resource={}", text(&key["id"]))).await;
    assert_eq!(rows["items"].as_array().map(Vec::len), Some(1), "{rows}");
}

async fn preconditions_apply(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let target = key_path(&key);
    let patch = |name: &str| api.client.patch(&target, &json!({ "name": name }));
    check_preconditions(&api.client, &target, &json!({ "name": "x" })).await;
    let patched = patch("x").header("if-match", "\"1\"").send().await.expect(200);
    assert_eq!(patched.header("etag"), Some("\"2\""));
    let changed = api.client.get(&target).header("if-none-match", "\"1\"").send().await.expect(200);
    assert_eq!(changed.json()["name"], "x");
    assert_problem(&patch("y").header("if-match", "\"1\"").send().await, 412, "precondition-failed");
    client_with_key(&api.client, &key).get("/users").send().await.expect(200);
    api.client.delete(&target).header("if-match", "\"2\"").send().await.expect(204);
}

async fn minimal_responses_have_no_body(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let patch = api.client.patch(&key_path(&key), &json!({ "name": "x" })).header("prefer", "return=minimal");
    let response = patch.send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", Some("\"2\"")));
    assert_eq!(response.header("preference-applied"), Some("return=minimal"));
    assert_eq!(get(&api.client, &key_path(&key)).await["name"], "x");
}

async fn a_revoked_key_stays_listed(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let other = create_key(&api.client, &json!({ "role": "reader" })).await;
    let target = key_path(&key);
    let response = api.client.delete(&target).send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", None));
    let found = api.client.get(&target).send().await.expect(200);
    let revoked = with_field(&without_secret(&key), "revokedAt", found.json()["revokedAt"].clone());
    assert_eq!((found.json(), found.header("etag")), (revoked.clone(), Some("\"2\"")));
    assert!(text(&revoked["revokedAt"]) > text(&key["createdAt"]), "{revoked}");
    // Revoking the key again has no effect.
    let feed = get(&api.client, "/changes").await;
    for _ in 0..2 {
        api.client.delete(&target).send().await.expect(204);
        assert_problem(
            &api.client.delete(&target).header("if-match", "\"1\"").send().await,
            412,
            "precondition-failed",
        );
    }
    assert_eq!(get(&api.client, "/changes").await["items"], feed["items"]);
    assert_eq!(get(&api.client, "/keys").await, json!({ "items": [revoked, without_secret(&other)] }));
}

async fn a_revoked_key_cannot_be_changed(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let target = key_path(&key);
    api.client.delete(&target).send().await.expect(204);
    let revoked = get(&api.client, &target).await;
    for patch in
        [json!({ "name": "x" }), json!({ "role": "admin" }), json!({ "expiresAt": "2040-01-01T00:00:00Z" })]
    {
        assert_state_conflict(&api.client.patch(&target, &patch).send().await);
    }
    // `revokedAt` is read-only.
    api.client.patch(&target, &json!({ "revokedAt": null })).send().await.expect(200);
    assert_eq!(get(&api.client, &target).await, revoked);
}

async fn malformed_and_oversized_bodies_are_rejected(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let target = key_path(&key);
    for (method, target) in [(Method::POST, "/keys"), (Method::PATCH, target.as_str())] {
        let send = async |media_type: &str, body: &str| -> Response {
            api.client.request(method.clone(), target).body(media_type, body.to_owned()).send().await
        };
        let typed = send("text/plain", r#"{"role":"reader"}"#).await;
        assert_problem(&typed, 415, "unsupported-media-type");
        let accepted = if method == Method::POST { "accept-post" } else { "accept-patch" };
        assert!(typed.header(accepted).is_some_and(|types| types.contains("json")), "{:?}", typed.headers);
        for body in ["", "{", r#"{"role":"reader","role":"writer"}"#, r#"{"role":"reader"}x"#] {
            assert_problem(&send("application/json", body).await, 400, "malformed-body");
        }
        let unacceptable = api.client.request(method.clone(), target).json(&json!({ "role": "reader" }));
        assert_problem(&unacceptable.accept("text/html").send().await, 406, "not-acceptable");
        let large = format!(r#"{{"role":"reader"}}{}"#, " ".repeat(1_048_576));
        assert_problem(&send("application/json", &large).await, 413, "body-too-large");
    }
    assert_eq!(get(&api.client, "/keys").await, json!({ "items": [without_secret(&key)] }));
}

async fn create_keys(api: &Api, count: usize) -> Vec<Value> {
    let mut keys = Vec::new();
    for index in 0..count {
        let body = json!({ "role": "reader", "name": format!("k{}", (index * 37) % 100) });
        keys.push(without_secret(&create_key(&api.client, &body).await));
    }
    keys
}

async fn keys_are_listed_in_creation_order(api: Api) {
    let empty = api.client.get("/keys").send().await.expect(200);
    assert_eq!((empty.json(), empty.header("link")), (json!({ "items": [] }), None));
    assert_eq!(empty.header("cache-control"), Some("private, no-cache"));
    let mut keys = create_keys(&api, 12).await;
    api.client.patch(&key_path(&keys[3]), &json!({ "name": "aaa" })).send().await.expect(200);
    keys[3]["name"] = json!("aaa");
    assert_eq!(get(&api.client, "/keys").await, json!({ "items": keys }));
    api.client.delete(&key_path(&keys[5])).send().await.expect(204);
    keys[5]["revokedAt"] = get(&api.client, &key_path(&keys[5])).await["revokedAt"].clone();
    assert_eq!(get(&api.client, "/keys?include=total").await, json!({ "items": keys, "total": 12 }));
}

async fn pages_are_linked_by_cursors(api: Api) {
    let keys = create_keys(&api, 52).await;
    let first = get(&api.client, "/keys").await;
    assert_eq!(first["items"], json!(keys[..50]));
    let pages = follow_links(&api.client, "/keys?limit=20&include=total").await;
    assert_eq!(pages.len(), 3);
    assert!(pages.iter().all(|page| page["total"] == 52), "{pages:?}");
    let seen: Vec<_> = pages.iter().flat_map(items).cloned().collect();
    assert_eq!(seen, keys);
    // A cursor continues after its key even if that key was deleted.
    let page = get(&api.client, "/keys?limit=1").await;
    api.client.delete(&key_path(&keys[0])).send().await.expect(204);
    let next = get(&api.client, &format!("/keys?limit=1&cursor={}", text(&page["nextCursor"]))).await;
    assert_eq!(next["items"], json!([keys[1]]));
    // Cursors of other lists are rejected.
    for index in 0..2 {
        api.create_named(&format!("u{index}")).await;
    }
    let users = text(&get(&api.client, "/users?limit=1").await["nextCursor"]).to_owned();
    let swapped = [("/keys", users.as_str()), ("/users", text(&page["nextCursor"])), ("/keys", "x")];
    for (list, cursor) in swapped {
        let response = api.client.get(&format!("{list}?cursor={cursor}")).send().await;
        assert_problem(&response, 400, "invalid-cursor");
    }
}

async fn unknown_parameters_are_rejected(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let one = key_path(&key);
    let invalid = [
        "filter=role%20eq%20%22reader%22",
        "sort=id",
        "sort=name",
        "attributes=name",
        "excludedAttributes=name",
        "limit=0",
        "limit=x",
        "limit=-1",
        "include=secret",
        "foo=1",
        "after=1",
        "limit=1&limit=1",
    ];
    check_queries_rejected(&api.client, "/keys", &invalid).await;
    for query in ["attributes=name", "limit=1", "erase=true", "include=secret", "foo"] {
        let target = format!("{one}?{query}");
        let body = json!({ "role": "reader" });
        let requests = [
            api.client.get(&target),
            api.client.patch(&target, &body),
            api.client.delete(&target),
            api.client.post(&format!("/keys?{query}"), &body),
        ];
        assert_all_rejected(&requests, 400, "invalid-parameter").await;
    }
    assert_eq!(get(&api.client, "/keys?limit=1000").await, json!({ "items": [without_secret(&key)] }));
}

async fn creations_ignore_idempotency_keys(api: Api) {
    let mut ids = BTreeSet::new();
    for idempotency_key in ["k", "k", "", "a b"] {
        let post = api.client.post("/keys", &json!({ "role": "reader" }));
        let response = post.header("idempotency-key", idempotency_key).send().await.expect(201);
        assert_eq!(response.header("idempotency-replayed"), None);
        ids.insert(text(&response.json()["id"]).to_owned());
    }
    assert_eq!(ids.len(), 4);
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM idempotency"), 0);
}
