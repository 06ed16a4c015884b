//! `If-Match` and `If-None-Match` (RFC 9110, section 13).

use crate::api::problem::problem;
use crate::support::api::{Api, path};
use crate::support::http::Answer;
use reqwest::Method;
use serde_json::{Value, json};

both_engines! {
    a_write_needs_the_version_it_names
    tags_that_never_match
    tags_that_match
    what_is_no_tag_is_refused
    a_reader_is_spared_what_it_has
    a_reader_may_insist_on_a_version
    a_writer_may_insist_on_news
    a_deletion_has_conditions_too
    conditions_of_what_is_not_there
    a_change_of_nothing_keeps_the_tag
}

/// PUT, PATCH and DELETE of a user with a header.
async fn writes(api: &Api, user: &Value, name: &str, value: &str) -> [Answer; 3] {
    let target = path(user);
    let body = json!({ "userName": user["userName"], "title": value });
    [
        api.client.put(&target, &body).header(name, value).send().await,
        api.client.patch(&target, &body).header(name, value).send().await,
        api.client.delete(&target).header(name, value).send().await,
    ]
}

async fn a_write_needs_the_version_it_names(api: Api) {
    let user = api.named("ada").await;
    let user = api.patch(&user, &json!({ "title": "2" })).await;
    for stale in ["\"1\"", "\"3\"", "\"0\"", "\"-2\""] {
        for answer in writes(&api, &user, "if-match", stale).await {
            problem(&answer, 412, "precondition-failed");
        }
    }
    assert_eq!(api.read(&user).await, user);
    let put = api.client.put(&path(&user), &json!({ "userName": "ada" })).header("if-match", "\"2\"");
    assert_eq!(put.send().await.expect(200).header("etag"), Some("\"3\""));
    problem(&put.send().await, 412, "precondition-failed");
    let patch = api.client.patch(&path(&user), &json!({ "title": "4" })).header("if-match", "\"3\"");
    assert_eq!(patch.send().await.expect(200).header("etag"), Some("\"4\""));
    problem(&patch.send().await, 412, "precondition-failed");
}

async fn tags_that_never_match(api: Api) {
    let user = api.named("ada").await;
    let tags =
        ["W/\"1\"", "\"01\"", "\"1 \"", "\" 1\"", "\"+1\"", "\"\"", "\"*\"", "\"W/1\"", "W/\"1\", \"2\""];
    for tag in tags {
        for answer in writes(&api, &user, "if-match", tag).await {
            problem(&answer, 412, "precondition-failed");
        }
    }
    assert_eq!(api.read(&user).await, user);
}

async fn tags_that_match(api: Api) {
    let user = api.named("ada").await;
    for tags in ["\"1\"", "*", " * ", "\"7\", \"1\"", "\"1\",\"7\"", "W/\"1\" ,\t\"1\"", "\"a,b\", \"1\""] {
        let patch = api.client.patch(&path(&user), &json!({})).header("if-match", tags);
        patch.send().await.expect(200);
    }
    let lines =
        api.client.patch(&path(&user), &json!({})).header("if-match", "\"9\"").header("if-match", "\"1\"");
    lines.send().await.expect(200);
}

async fn what_is_no_tag_is_refused(api: Api) {
    let user = api.named("ada").await;
    let malformed = ["1", "\"1", "1\"", "w/\"1\"", "W/1", "\"1\" \"2\"", "\"1\";", "*, \"1\"", "'1'", "é"];
    for tag in malformed {
        for name in ["if-match", "if-none-match"] {
            for answer in writes(&api, &user, name, tag).await {
                problem(&answer, 400, "invalid-header");
            }
            let read = api.client.get(&path(&user)).header(name, tag).send().await;
            problem(&read, 400, "invalid-header");
        }
    }
    assert_eq!(api.read(&user).await, user);
}

async fn a_reader_is_spared_what_it_has(api: Api) {
    let user = api.named("ada").await;
    let user = api.patch(&user, &json!({ "title": "2" })).await;
    let get = async |method: Method, tag: &str| {
        api.client.request(method, &path(&user)).header("if-none-match", tag).send().await
    };
    for tag in ["\"2\"", "W/\"2\"", "*", "\"1\", W/\"2\""] {
        for method in [Method::GET, Method::HEAD] {
            let answer = get(method, tag).await.expect(304);
            assert_eq!(answer.text(), "");
            assert_eq!(answer.header("etag"), Some("\"2\""));
            assert_eq!(answer.header("content-type"), None);
            assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
            assert!(answer.header("x-request-id").is_some());
        }
    }
    for tag in ["\"1\"", "W/\"1\"", "\"3\"", "\"\""] {
        assert_eq!(get(Method::GET, tag).await.expect(200).json(), user);
    }
}

async fn a_reader_may_insist_on_a_version(api: Api) {
    let user = api.named("ada").await;
    let get = async |tag: &str| api.client.get(&path(&user)).header("if-match", tag).send().await;
    for tag in ["\"1\"", "*", "\"2\", \"1\""] {
        assert_eq!(get(tag).await.expect(200).json(), user);
    }
    for tag in ["\"2\"", "W/\"1\""] {
        problem(&get(tag).await, 412, "precondition-failed");
    }
}

async fn a_writer_may_insist_on_news(api: Api) {
    let user = api.named("ada").await;
    for tag in ["\"1\"", "W/\"1\"", "*", "\"2\", \"1\""] {
        for answer in writes(&api, &user, "if-none-match", tag).await {
            problem(&answer, 412, "precondition-failed");
        }
    }
    assert_eq!(api.read(&user).await, user);
    let patch = api.client.patch(&path(&user), &json!({ "title": "x" })).header("if-none-match", "\"7\"");
    assert_eq!(patch.send().await.expect(200).header("etag"), Some("\"2\""));
    // Both must hold.
    let both = api.client.patch(&path(&user), &json!({ "title": "y" }));
    let both = both.header("if-match", "\"2\"").header("if-none-match", "\"2\"");
    problem(&both.send().await, 412, "precondition-failed");
}

async fn a_deletion_has_conditions_too(api: Api) {
    for (name, tag) in [("a", "\"1\""), ("b", "*"), ("c", "\"3\", \"1\"")] {
        let user = api.named(name).await;
        api.client.delete(&path(&user)).header("if-match", tag).send().await.expect(204);
        problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
    }
    let user = api.named("d").await;
    api.client.delete(&path(&user)).header("if-none-match", "\"7\"").send().await.expect(204);
}

async fn conditions_of_what_is_not_there(api: Api) {
    let gone = api.named("ada").await;
    api.client.delete(&path(&gone)).send().await.expect(204);
    for tag in ["*", "\"1\""] {
        for name in ["if-match", "if-none-match"] {
            for answer in writes(&api, &gone, name, tag).await {
                assert!(matches!(answer.code(), 404 | 412), "{}", answer.text());
                problem(
                    &answer,
                    answer.code(),
                    if answer.code() == 404 { "not-found" } else { "precondition-failed" },
                );
            }
        }
        let read = api.client.get(&path(&gone)).header("if-none-match", tag).send().await;
        problem(&read, 404, "not-found");
    }
}

async fn a_change_of_nothing_keeps_the_tag(api: Api) {
    let user = api.named("ada").await;
    for _ in 0..3 {
        let patch = api.client.patch(&path(&user), &json!({ "userName": "ada" })).header("if-match", "\"1\"");
        assert_eq!(patch.send().await.expect(200).json(), user);
    }
}
