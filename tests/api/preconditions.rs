//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1).

use crate::api::problem::assert_problem;
use crate::support::api::{Api, path};
use crate::support::http::Response;
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    if_match_requires_the_current_version
    weak_and_unnormalized_tags_never_match
    current_tags_lists_and_asterisks_match
    malformed_tags_are_rejected
    if_none_match_returns_304_for_the_current_version
    if_match_applies_to_reads
    if_none_match_applies_to_writes
    preconditions_apply_to_deletions
    preconditions_on_a_missing_user_fail
    an_empty_change_keeps_the_etag
    a_failed_precondition_returns_the_current_etag
}

/// Sends PUT, PATCH and DELETE of a user with a header.
async fn writes(api: &Api, user: &Value, name: &str, value: &str) -> [Response; 3] {
    let target = path(user);
    let body = json!({ "userName": user["userName"], "title": value });
    [
        api.client.put(&target, &body).header(name, value).send().await,
        api.client.patch(&target, &body).header(name, value).send().await,
        api.client.delete(&target).header(name, value).send().await,
    ]
}

/// Checks that all writes of a user with each of these tags return 412 and change nothing.
async fn assert_writes_fail(api: &Api, user: &Value, header: &str, tags: &[&str]) {
    for tag in tags {
        for response in writes(api, user, header, tag).await {
            assert_problem(&response, 412, "precondition-failed");
        }
    }
    assert_eq!(api.read(user).await, *user);
}

async fn if_match_requires_the_current_version(api: Api) {
    let user = api.create_named("ada").await;
    let user = api.patch(&user, &json!({ "title": "2" })).await;
    assert_writes_fail(&api, &user, "if-match", &["\"1\"", "\"3\"", "\"0\"", "\"-2\""]).await;
    let put = api.client.put(&path(&user), &json!({ "userName": "ada" })).header("if-match", "\"2\"");
    assert_eq!(put.send().await.expect(200).header("etag"), Some("\"3\""));
    assert_problem(&put.send().await, 412, "precondition-failed");
    let patch = api.client.patch(&path(&user), &json!({ "title": "4" })).header("if-match", "\"3\"");
    assert_eq!(patch.send().await.expect(200).header("etag"), Some("\"4\""));
    assert_problem(&patch.send().await, 412, "precondition-failed");
}

async fn weak_and_unnormalized_tags_never_match(api: Api) {
    let user = api.create_named("ada").await;
    let tags =
        ["W/\"1\"", "\"01\"", "\"1 \"", "\" 1\"", "\"+1\"", "\"\"", "\"*\"", "\"W/1\"", "W/\"1\", \"2\""];
    assert_writes_fail(&api, &user, "if-match", &tags).await;
}

async fn current_tags_lists_and_asterisks_match(api: Api) {
    let user = api.create_named("ada").await;
    for tags in ["\"1\"", "*", " * ", "\"7\", \"1\"", "\"1\",\"7\"", "W/\"1\" ,\t\"1\"", "\"a,b\", \"1\""] {
        let patch = api.client.patch(&path(&user), &json!({})).header("if-match", tags);
        patch.send().await.expect(200);
    }
    let lines =
        api.client.patch(&path(&user), &json!({})).header("if-match", "\"9\"").header("if-match", "\"1\"");
    lines.send().await.expect(200);
}

async fn malformed_tags_are_rejected(api: Api) {
    let user = api.create_named("ada").await;
    let malformed = ["1", "\"1", "1\"", "w/\"1\"", "W/1", "\"1\" \"2\"", "\"1\";", "*, \"1\"", "'1'", "é"];
    for tag in malformed {
        for name in ["if-match", "if-none-match"] {
            for response in writes(&api, &user, name, tag).await {
                assert_problem(&response, 400, "invalid-header");
            }
            let read = api.client.get(&path(&user)).header(name, tag).send().await;
            assert_problem(&read, 400, "invalid-header");
        }
    }
    assert_eq!(api.read(&user).await, user);
}

async fn if_none_match_returns_304_for_the_current_version(api: Api) {
    let user = api.create_named("ada").await;
    let user = api.patch(&user, &json!({ "title": "2" })).await;
    let get = async |method: Method, tag: &str| {
        api.client.request(method, &path(&user)).header("if-none-match", tag).send().await
    };
    for tag in ["\"2\"", "W/\"2\"", "*", "\"1\", W/\"2\""] {
        for method in [Method::GET, Method::HEAD] {
            let response = get(method, tag).await.expect(304);
            assert_eq!(response.text(), "");
            assert_eq!(response.header("etag"), Some("\"2\""));
            assert_eq!(response.header("content-type"), None);
            assert_eq!(response.header("cache-control"), Some("private, no-cache"));
            assert!(response.header("x-request-id").is_some());
        }
    }
    for tag in ["\"1\"", "W/\"1\"", "\"3\"", "\"\""] {
        assert_eq!(get(Method::GET, tag).await.expect(200).json(), user);
    }
}

async fn if_match_applies_to_reads(api: Api) {
    let user = api.create_named("ada").await;
    let get = async |tag: &str| api.client.get(&path(&user)).header("if-match", tag).send().await;
    for tag in ["\"1\"", "*", "\"2\", \"1\""] {
        assert_eq!(get(tag).await.expect(200).json(), user);
    }
    for tag in ["\"2\"", "W/\"1\""] {
        assert_problem(&get(tag).await, 412, "precondition-failed");
    }
}

async fn if_none_match_applies_to_writes(api: Api) {
    let user = api.create_named("ada").await;
    assert_writes_fail(&api, &user, "if-none-match", &["\"1\"", "W/\"1\"", "*", "\"2\", \"1\""]).await;
    let patch = api.client.patch(&path(&user), &json!({ "title": "x" })).header("if-none-match", "\"7\"");
    assert_eq!(patch.send().await.expect(200).header("etag"), Some("\"2\""));
    // Both preconditions apply.
    let both = api.client.patch(&path(&user), &json!({ "title": "y" }));
    let both = both.header("if-match", "\"2\"").header("if-none-match", "\"2\"");
    assert_problem(&both.send().await, 412, "precondition-failed");
}

async fn preconditions_apply_to_deletions(api: Api) {
    for (name, tag) in [("a", "\"1\""), ("b", "*"), ("c", "\"3\", \"1\"")] {
        let user = api.create_named(name).await;
        api.client.delete(&path(&user)).header("if-match", tag).send().await.expect(204);
        assert_problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
    }
    let user = api.create_named("d").await;
    api.client.delete(&path(&user)).header("if-none-match", "\"7\"").send().await.expect(204);
}

async fn preconditions_on_a_missing_user_fail(api: Api) {
    let missing = api.create_named("ada").await;
    api.client.delete(&path(&missing)).send().await.expect(204);
    for tag in ["*", "\"1\""] {
        for name in ["if-match", "if-none-match"] {
            for response in writes(&api, &missing, name, tag).await {
                assert!(matches!(response.code(), 404 | 412), "{}", response.text());
                assert_problem(
                    &response,
                    response.code(),
                    if response.code() == 404 { "not-found" } else { "precondition-failed" },
                );
            }
        }
        let read = api.client.get(&path(&missing)).header("if-none-match", tag).send().await;
        assert_problem(&read, 404, "not-found");
    }
}

async fn an_empty_change_keeps_the_etag(api: Api) {
    let user = api.create_named("ada").await;
    for _ in 0..3 {
        let patch = api.client.patch(&path(&user), &json!({ "userName": "ada" })).header("if-match", "\"1\"");
        assert_eq!(patch.send().await.expect(200).json(), user);
    }
}

/// A client can then repeat the request without reading the resource, if it knows what it overwrites.
async fn a_failed_precondition_returns_the_current_etag(api: Api) {
    let user = api.patch(&api.create_named("ada").await, &json!({ "title": "2" })).await;
    let mut responses = writes(&api, &user, "if-match", "\"1\"").await.to_vec();
    responses.push(api.client.get(&path(&user)).header("if-match", "\"1\"").send().await);
    responses.extend(writes(&api, &user, "if-none-match", "*").await);
    let key = api.client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201).json();
    let key_path = format!("/keys/{}", key["id"].as_str().expect("the id is a string"));
    api.client.patch(&key_path, &json!({ "name": "2" })).send().await.expect(200);
    responses.push(api.client.delete(&key_path).header("if-match", "\"1\"").send().await);
    for response in &responses {
        let problem = assert_problem(response, 412, "precondition-failed");
        assert_eq!(response.header("etag"), Some("\"2\""), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("(2)")), "{problem}");
    }
}
