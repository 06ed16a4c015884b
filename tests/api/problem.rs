//! Checks of error responses.

use crate::support::api::path;
use crate::support::http::{Client, Request, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The members of every problem document.
const MEMBERS: [&str; 6] = ["type", "title", "status", "detail", "code", "requestId"];

/// Checks that a response is a problem document (RFC 9457) with this status and code, and returns its body.
#[track_caller]
pub(crate) fn assert_problem(response: &Response, status: u16, code: &str) -> Value {
    // All 409 and 422 errors list fields, except this one and those that `assert_state_conflict` checks.
    let fields = matches!(status, 409 | 422) && code != "idempotency-key-reused";
    check_problem(response, status, code, if fields { &["errors"] } else { &[] })
}

/// Checks that a response is 401 and names the expected scheme.
#[track_caller]
pub(crate) fn assert_unauthorized(response: &Response) {
    assert_problem(response, 401, "unauthorized");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
}

/// Checks that a response is 409 because of the state of the resource, so it lists no fields.
#[track_caller]
pub(crate) fn assert_state_conflict(response: &Response) {
    check_problem(response, 409, "conflict", &[]);
}

/// Checks that a response is 410, and returns its body with the revisions that are available.
#[track_caller]
pub(crate) fn gone_problem(response: &Response) -> Value {
    check_problem(response, 410, "gone", &["earliest", "head", "epoch"])
}

/// Checks that a response is a problem document with exactly these additional members, and returns its body.
#[track_caller]
fn check_problem(response: &Response, status: u16, code: &str, additional: &[&str]) -> Value {
    assert_eq!(response.code(), status, "{:?} {}", response.headers, response.text());
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{}", response.text());
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert!(response.header("cache-control").is_some(), "{:?}", response.headers);
    assert!(status == 412 || response.header("etag").is_none(), "{:?}", response.headers);
    let body = response.json();
    // A conflict also names the other resource, where it is known.
    let members = body.as_object().expect("a problem is an object").keys();
    let members: BTreeSet<_> = members.filter(|name| *name != "existingId").collect();
    let expected: Vec<_> = MEMBERS.iter().chain(additional).map(|name| (*name).to_owned()).collect();
    assert_eq!(members, expected.iter().collect(), "{body}");
    assert_eq!(body["type"], "about:blank", "{body}");
    assert_eq!(body["title"], json!(response.status.canonical_reason()), "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    assert_eq!(body["requestId"].as_str(), response.header("x-request-id"), "{body}");
    body
}

/// Checks that a response is 422, and returns the sorted pointers and codes of its invalid fields.
#[track_caller]
pub(crate) fn invalid_fields(response: &Response) -> Vec<(String, String)> {
    let body = assert_problem(response, 422, "invalid");
    let part = |error: &Value, name: &str| error[name].as_str().expect("the value is a string").to_owned();
    let errors = body["errors"].as_array().expect("errors is a list");
    for error in errors {
        assert_eq!(error.as_object().map(|members| members.len()), Some(3), "{error}");
        assert!(!part(error, "detail").is_empty(), "{error}");
    }
    let mut errors: Vec<_> = errors.iter().map(|e| (part(e, "pointer"), part(e, "code"))).collect();
    errors.sort();
    errors
}

/// Checks that a response is 422 for exactly these fields and codes.
#[track_caller]
pub(crate) fn assert_invalid(response: &Response, expected: &[(&str, &str)]) {
    let mut expected: Vec<_> =
        expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect();
    expected.sort();
    assert_eq!(invalid_fields(response), expected, "{}", response.text());
}

/// Checks that a response is 409 because the value of an attribute is taken.
#[track_caller]
pub(crate) fn assert_taken(response: &Response, attribute: &str) {
    let body = assert_problem(response, 409, "conflict");
    assert!(body["detail"].as_str().is_some_and(|detail| detail.contains(attribute)), "{body}");
    let errors = body["errors"].as_array().expect("errors is a list");
    assert_eq!(errors.len(), 1, "{body}");
    assert_eq!(
        (&errors[0]["pointer"], &errors[0]["code"]),
        (&json!(format!("/{attribute}")), &json!("taken"))
    );
}

/// Checks that a response is 409 because the value of an attribute belongs to this resource.
#[track_caller]
pub(crate) fn assert_taken_by(response: &Response, attribute: &str, owner: &Value) {
    assert_taken(response, attribute);
    assert_eq!(response.json()["existingId"], owner["id"], "{}", response.text());
}

/// Checks that a response is 409 because values are not unique. Returns the listed conflicts and the number of all.
#[track_caller]
pub(crate) fn assert_not_unique(response: &Response) -> (Value, u64) {
    let body = check_problem(response, 409, "conflict", &["conflicts", "conflictCount"]);
    (body["conflicts"].clone(), body["conflictCount"].as_u64().expect("the value is a number"))
}

/// Checks that all responses with status 409 report a conflict on the attribute.
#[track_caller]
pub(crate) fn assert_conflicts(responses: &[Response], attribute: &str) {
    for response in responses.iter().filter(|response| response.code() == 409) {
        assert_taken(response, attribute);
    }
}

/// Checks that a response is 422 for exactly these sorted fields, with any code.
#[track_caller]
pub(crate) fn assert_invalid_fields(response: &Response, expected: &[&str]) {
    let mut found: Vec<_> = invalid_fields(response).into_iter().map(|(pointer, _)| pointer).collect();
    found.dedup();
    assert_eq!(found, expected, "{}", response.text());
}

/// Checks that GET of a path rejects each query string as an invalid parameter.
pub(crate) async fn check_queries_rejected(client: &Client, path: &str, queries: &[&str]) {
    for query in queries {
        assert_problem(&client.get(&format!("{path}?{query}")).send().await, 400, "invalid-parameter");
    }
}

/// Checks that all writes of users, one of which exists, reject each query string as an invalid parameter.
pub(crate) async fn check_user_writes_reject(client: &Client, user: &Value, queries: &[&str]) {
    let body = json!({ "userName": "grace" });
    for query in queries {
        let target = format!("{}?{query}", path(user));
        let requests = [
            client.post(&format!("/users?{query}"), &body),
            client.put(&target, &body),
            client.patch(&target, &body),
            client.delete(&target),
        ];
        assert_all_rejected(&requests, 400, "invalid-parameter").await;
    }
}

/// Checks that each request fails with this status and code.
pub(crate) async fn assert_all_rejected(requests: &[Request], status: u16, code: &str) {
    for request in requests {
        assert_problem(&request.send().await, status, code);
    }
}

/// Checks the preconditions that every resource supports, on a resource with version 1 that `patch` would change.
pub(crate) async fn check_preconditions(client: &Client, target: &str, patch: &Value) {
    for stale in ["\"2\"", "W/\"1\"", "\"\""] {
        let requests = [client.patch(target, patch), client.delete(target), client.get(target)];
        let requests = requests.map(|request| request.header("if-match", stale));
        assert_all_rejected(&requests, 412, "precondition-failed").await;
    }
    for current in ["*", "\"1\"", "W/\"1\""] {
        let request = client.patch(target, patch).header("if-none-match", current);
        assert_problem(&request.send().await, 412, "precondition-failed");
        let unchanged = client.get(target).header("if-none-match", current).send().await.expect(304);
        assert_eq!((unchanged.text().as_str(), unchanged.header("etag")), ("", Some("\"1\"")));
    }
    for malformed in ["1", "x"] {
        let request = client.patch(target, patch).header("if-match", malformed);
        assert_problem(&request.send().await, 400, "invalid-header");
    }
}
