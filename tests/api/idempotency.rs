//! `Idempotency-Key` on `POST /users`.

use crate::api::fixture::full_user;
use crate::api::problem::{assert_invalid, assert_problem, assert_taken};
use crate::support::api::{Api, path, text};
use crate::support::http::{Request, Response};
use crate::support::sql::Sql;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;

engine_tests! {
    a_retry_returns_the_first_response
    a_retry_has_its_own_request_id
    a_different_key_is_a_different_request
    a_different_body_is_rejected
    equivalent_bodies_are_the_same_request
    valid_keys_are_accepted
    invalid_keys_are_rejected
    several_keys_are_rejected
    a_conflict_is_not_recorded
    a_validation_error_is_not_recorded
    a_request_rejected_before_its_body_is_not_recorded
    minimal_responses_are_replayed_unchanged
    full_responses_are_replayed_unchanged
    other_methods_ignore_the_header
    other_paths_ignore_the_header
    later_changes_do_not_affect_a_replay
    keys_survive_a_kill
    keys_expire_after_a_day
    keys_are_valid_for_almost_a_day
}

/// A creation with an idempotency key.
fn create_with_key(api: &Api, key: &str, body: &Value) -> Request {
    api.client.post("/users", body).header("idempotency-key", key)
}

/// Checks that a creation was executed, not replayed, and returns the response.
#[track_caller]
fn assert_created(response: Response) -> Response {
    let response = response.expect(201);
    assert_eq!(response.header("idempotency-replayed"), None, "{:?}", response.headers);
    response
}

/// Checks that a response replays the first one. Only its date, request id and `Idempotency-Replayed` can differ.
#[track_caller]
fn assert_replayed(response: &Response, first: &Response) {
    assert_eq!(response.code(), first.code(), "{}", response.text());
    assert_eq!(response.header("idempotency-replayed"), Some("true"), "{:?}", response.headers);
    assert_eq!(response.text(), first.text());
    let headers = |response: &Response| {
        let mut headers = response.headers.clone();
        for own in ["date", "x-request-id", "idempotency-replayed"] {
            headers.remove(own);
        }
        headers
    };
    assert_eq!(headers(response), headers(first));
}

fn sql(api: &Api) -> Sql {
    Sql::open(&api.database_url())
}

/// Number of users, changes and recorded responses in the database.
fn row_counts(api: &Api) -> (i64, i64, i64) {
    let mut sql = sql(api);
    let mut count = |table: &str| sql.number(&format!("SELECT count(*) AS number FROM {table}"));
    (count("users"), count("changes"), count("idempotency"))
}

async fn a_retry_returns_the_first_response(api: Api) {
    let body = full_user("ada");
    let first = assert_created(create_with_key(&api, "key-1", &body).send().await);
    let user = first.json();
    assert_eq!(first.header("location"), Some(path(&user).as_str()));
    assert_eq!(first.header("etag"), Some("\"1\""));
    for _ in 0..3 {
        assert_replayed(&create_with_key(&api, "key-1", &body).send().await, &first);
    }
    assert_eq!(api.page("?include=total").await, json!({ "items": [user], "total": 1 }));
    assert_eq!(row_counts(&api), (1, 1, 1));
    // The same body without the key is a different request.
    assert_problem(&api.client.post("/users", &body).send().await, 409, "conflict");
    assert_eq!(row_counts(&api), (1, 1, 1));
}

async fn a_retry_has_its_own_request_id(api: Api) {
    let body = json!({ "userName": "ada" });
    let first = create_with_key(&api, "k", &body).header("x-request-id", "first").send().await;
    assert_eq!(assert_created(first.clone()).header("x-request-id"), Some("first"));
    let second = create_with_key(&api, "k", &body).header("x-request-id", "second").send().await;
    assert_replayed(&second, &first);
    assert_eq!(second.header("x-request-id"), Some("second"));
    let third = create_with_key(&api, "k", &body).send().await;
    assert_replayed(&third, &first);
    let id = third.header("x-request-id").expect("the response has the header");
    assert!(!["first", "second", ""].contains(&id), "{id}");
    // The change names the request that caused it.
    assert_eq!(sql(&api).lines("SELECT request_id AS line FROM changes"), ["first"]);
}

async fn a_different_key_is_a_different_request(api: Api) {
    let body = |name: &str| json!({ "userName": name });
    for (index, key) in ["key", "KEY", "key1", "\"key\"", "key;", "%6bey"].into_iter().enumerate() {
        assert_created(create_with_key(&api, key, &body(&format!("u{index}"))).send().await);
    }
    assert_taken(&create_with_key(&api, "other", &body("u0")).send().await, "userName");
    assert_eq!(row_counts(&api), (6, 6, 6));
}

async fn a_different_body_is_rejected(api: Api) {
    let body = json!({ "userName": "ada", "custom": { "a": [1, 2] } });
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    let others = [
        json!({ "userName": "grace" }),
        json!({ "userName": "ada" }),
        json!({ "userName": "Ada", "custom": { "a": [1, 2] } }),
        json!({ "userName": "ada", "custom": { "a": [2, 1] } }),
        json!({ "userName": "ada", "custom": { "a": [1, "2"] } }),
        json!({ "userName": "ada", "custom": { "A": [1, 2] } }),
        json!({ "userName": "ada", "custom": { "a": [1, 2] }, "title": "x" }),
    ];
    for other in &others {
        let body =
            assert_problem(&create_with_key(&api, "k", other).send().await, 422, "idempotency-key-reused");
        assert!(text(&body["detail"]).to_lowercase().contains("idempotency-key"), "{body}");
    }
    assert_eq!(row_counts(&api), (1, 1, 1));
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
}

async fn equivalent_bodies_are_the_same_request(api: Api) {
    let post = |body: &str| {
        let request = api.client.request(Method::POST, "/users").body("application/json", body.to_owned());
        request.header("idempotency-key", "k")
    };
    let body = r#"{"userName":"adé","name":{"givenName":"A","familyName":"B"},"custom":{"x":1,"y":[{"a":1,"b":2}]}}"#;
    let first = assert_created(post(body).send().await);
    let spellings = [
        r#"{ "userName" : "adé", "name": { "givenName": "A", "familyName": "B" }, "custom": { "x": 1, "y": [ { "a": 1, "b": 2 } ] } }"#,
        r#"{"custom":{"y":[{"b":2,"a":1}],"x":1},"name":{"familyName":"B","givenName":"A"},"userName":"adé"}"#,
        "\n\t {\"userName\":\"ad\\u00e9\",\r\n\"name\":{\"givenName\":\"\\u0041\",\"familyName\":\"B\"},\"custom\":{\"x\":1,\"y\":[{\"a\":1,\"b\":2}]}}\n",
    ];
    for spelling in spellings {
        assert_replayed(&post(spelling).send().await, &first);
    }
    // Media type parameters and compression are not part of the comparison.
    let typed = api.client.request(Method::POST, "/users").header("idempotency-key", "k");
    assert_replayed(&typed.body("application/json; charset=utf-8", body).send().await, &first);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body.as_bytes()).expect("writing to memory succeeds");
    let packed = api.client.request(Method::POST, "/users").header("idempotency-key", "k");
    let packed = packed.header("content-encoding", "gzip");
    let packed = packed.body("application/json", encoder.finish().expect("writing to memory succeeds"));
    assert_replayed(&packed.send().await, &first);
    assert_eq!(row_counts(&api), (1, 1, 1));
}

async fn valid_keys_are_accepted(api: Api) {
    let visible: String = ('!'..='~').collect();
    let long = "k".repeat(255);
    let keys = ["x", "0", "!", "~", "a,b", "\"quoted\"", "'", "\\", "null", &visible, &long];
    for (index, key) in keys.into_iter().enumerate() {
        let body = json!({ "userName": format!("u{index}") });
        let first = assert_created(create_with_key(&api, key, &body).send().await);
        assert_replayed(&create_with_key(&api, key, &body).send().await, &first);
    }
    let count = i64::try_from(keys.len()).expect("the number is small");
    assert_eq!(row_counts(&api), (count, count, count));
}

async fn invalid_keys_are_rejected(api: Api) {
    let body = json!({ "userName": "ada" });
    for key in ["", "a b", "a\tb", "é", "ключ", "🔑", "a\u{a0}b", &"k".repeat(256), &"k".repeat(3_000)]
    {
        let response = create_with_key(&api, key, &body).send().await;
        let problem = assert_problem(&response, 400, "invalid-header");
        assert!(text(&problem["detail"]).to_lowercase().contains("idempotency-key"), "{problem}");
    }
    assert_eq!(row_counts(&api), (0, 0, 0));
}

async fn several_keys_are_rejected(api: Api) {
    let body = json!({ "userName": "ada" });
    for (one, other) in [("a", "b"), ("a", "a"), ("a", "")] {
        let response = create_with_key(&api, one, &body).header("idempotency-key", other).send().await;
        assert_problem(&response, 400, "invalid-header");
    }
    assert_eq!(row_counts(&api), (0, 0, 0));
    assert_created(create_with_key(&api, "a", &body).send().await);
}

async fn a_conflict_is_not_recorded(api: Api) {
    let user = api.create_named("ada").await;
    let body = json!({ "userName": "ADA" });
    for _ in 0..2 {
        assert_taken(&create_with_key(&api, "k", &body).send().await, "userName");
    }
    assert_eq!(row_counts(&api), (1, 1, 0));
    api.client.delete(&path(&user)).send().await.expect(204);
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    // A failed request does not bind the key to its body.
    assert_taken(&create_with_key(&api, "l", &body).send().await, "userName");
    assert_created(create_with_key(&api, "l", &json!({ "userName": "grace" })).send().await);
    assert_eq!(row_counts(&api), (2, 4, 2));
}

async fn a_validation_error_is_not_recorded(api: Api) {
    let invalid = json!({ "userName": "", "foo": 1 });
    for _ in 0..2 {
        let response = create_with_key(&api, "k", &invalid).send().await;
        assert_invalid(&response, &[("/userName", "blank"), ("/foo", "unknown-field")]);
    }
    let body = json!({ "userName": "ada" });
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    assert_eq!(row_counts(&api), (1, 1, 1));
    // The key is bound now, and this body is both different and invalid.
    let response = create_with_key(&api, "k", &invalid).send().await.expect(422);
    assert!(
        matches!(text(&response.json()["code"]), "idempotency-key-reused" | "invalid"),
        "{}",
        response.text()
    );
}

async fn a_request_rejected_before_its_body_is_not_recorded(api: Api) {
    let post = |target: &str| api.client.request(Method::POST, target).header("idempotency-key", "k");
    let valid = json!({ "userName": "ada" });
    assert_problem(&post("/users").body("application/json", "{").send().await, 400, "malformed-body");
    assert_problem(&post("/users").body("text/plain", "{}").send().await, 415, "unsupported-media-type");
    assert_problem(&post("/users?foo=1").json(&valid).send().await, 400, "invalid-parameter");
    assert_problem(&post("/users").json(&valid).accept("text/html").send().await, 406, "not-acceptable");
    let anonymous = crate::support::http::Client::anonymous(&api.server);
    let unauthorized = anonymous.post("/users", &valid).header("idempotency-key", "k").send().await;
    assert_problem(&unauthorized, 401, "unauthorized");
    assert_eq!(row_counts(&api), (0, 0, 0));
    let first = assert_created(post("/users").json(&valid).send().await);
    // The same requests still fail.
    let unauthorized = anonymous.post("/users", &valid).header("idempotency-key", "k").send().await;
    assert_problem(&unauthorized, 401, "unauthorized");
    assert_problem(&post("/users").body("application/json", "{").send().await, 400, "malformed-body");
    assert_replayed(&post("/users").json(&valid).send().await, &first);
}

async fn minimal_responses_are_replayed_unchanged(api: Api) {
    let body = json!({ "userName": "ada" });
    let minimal = || create_with_key(&api, "k", &body).header("prefer", "return=minimal");
    let first = assert_created(minimal().send().await);
    assert_eq!(first.text(), "");
    assert_eq!(first.header("preference-applied"), Some("return=minimal"));
    assert_eq!(first.header("etag"), Some("\"1\""));
    assert_replayed(&minimal().send().await, &first);
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    let location = first.header("location").expect("the response has the header");
    assert_eq!(api.client.get(location).send().await.expect(200).json()["userName"], "ada");
    assert_eq!(row_counts(&api), (1, 1, 1));
}

async fn full_responses_are_replayed_unchanged(api: Api) {
    let body = json!({ "userName": "ada" });
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    let minimal = create_with_key(&api, "k", &body).header("prefer", "return=minimal");
    assert_replayed(&minimal.send().await, &first);
}

async fn other_methods_ignore_the_header(api: Api) {
    let user = api.create_named("ada").await;
    let target = path(&user);
    for key in ["k", "", "a b", "é"] {
        let with = |request: Request| request.header("idempotency-key", key);
        for title in ["x", "y"] {
            let patch = json!({ "title": format!("{title}{key}") });
            let response = with(api.client.patch(&target, &patch)).send().await.expect(200);
            assert_eq!(
                (&response.json()["title"], response.header("idempotency-replayed")),
                (&patch["title"], None)
            );
            let put = json!({ "userName": "ada", "nickName": format!("{title}{key}") });
            let response = with(api.client.put(&target, &put)).send().await.expect(200);
            assert_eq!(
                (&response.json()["nickName"], response.header("idempotency-replayed")),
                (&put["nickName"], None)
            );
            let response = with(api.client.get(&target)).send().await.expect(200);
            assert_eq!(response.header("idempotency-replayed"), None);
            with(api.client.get("/users")).send().await.expect(200);
            with(api.client.request(Method::OPTIONS, "/users")).send().await.expect(204);
        }
    }
    assert_eq!(row_counts(&api).2, 0);
    let delete = api.client.delete(&target).header("idempotency-key", "k");
    delete.send().await.expect(204);
    assert_problem(&delete.send().await, 404, "not-found");
    // The keys of those requests are unused for POST.
    assert_created(create_with_key(&api, "k", &json!({ "userName": "ada" })).send().await);
}

async fn other_paths_ignore_the_header(api: Api) {
    let body = json!({ "userName": "ada" });
    for key in ["k", "", "a b"] {
        for _ in 0..2 {
            let unknown = api.client.post("/unknown", &body).header("idempotency-key", key).send().await;
            assert_problem(&unknown, 404, "not-found");
            let probe = api.client.get("/readyz").header("idempotency-key", key).send().await;
            assert_eq!(probe.expect(200).header("idempotency-replayed"), None);
            let invalid = api.client.post("/livez", &body).header("idempotency-key", key).send().await;
            assert_problem(&invalid, 405, "method-not-allowed");
        }
    }
    assert_eq!(row_counts(&api), (0, 0, 0));
}

async fn later_changes_do_not_affect_a_replay(api: Api) {
    let body = json!({ "userName": "ada", "title": "first" });
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    let user = first.json();
    let changed = api.patch(&user, &json!({ "userName": "grace", "title": "second" })).await;
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    assert_eq!(api.page("").await["items"], json!([changed]));
    let other = api.create_named("ada").await;
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    api.client.delete(&path(&user)).send().await.expect(204);
    api.client.delete(&path(&other)).send().await.expect(204);
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
    assert_problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
}

async fn keys_survive_a_kill(api: Api) {
    let (one, two) = (full_user("ada"), json!({ "userName": "grace" }));
    let first = assert_created(create_with_key(&api, "k", &one).send().await);
    let minimal =
        assert_created(create_with_key(&api, "m", &two).header("prefer", "return=minimal").send().await);
    let api = api.restart();
    assert_replayed(&create_with_key(&api, "k", &one).send().await, &first);
    assert_replayed(&create_with_key(&api, "m", &two).send().await, &minimal);
    assert_problem(&create_with_key(&api, "k", &two).send().await, 422, "idempotency-key-reused");
    assert_eq!(row_counts(&api), (2, 2, 2));
}

/// Moves all recorded responses back by a day and a microsecond.
const MORE_THAN_A_DAY: &str = "UPDATE idempotency SET created_at = created_at - 86400000001";

async fn keys_expire_after_a_day(api: Api) {
    let body = json!({ "userName": "ada" });
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    sql(&api).execute(MORE_THAN_A_DAY);
    // The retry is a new request, and its name is taken.
    assert_taken(&create_with_key(&api, "k", &body).send().await, "userName");
    api.client.delete(&path(&first.json())).send().await.expect(204);
    let second = assert_created(create_with_key(&api, "k", &body).send().await);
    assert_ne!(second.json()["id"], first.json()["id"]);
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &second);
    sql(&api).execute(MORE_THAN_A_DAY);
    // Once the key has expired, it accepts another body, even after a restart.
    let api = api.restart();
    let grace = json!({ "userName": "grace" });
    let third = assert_created(create_with_key(&api, "k", &grace).send().await);
    assert_replayed(&create_with_key(&api, "k", &grace).send().await, &third);
    assert_eq!(sql(&api).number("SELECT count(*) AS number FROM users"), 2);
}

async fn keys_are_valid_for_almost_a_day(api: Api) {
    let body = json!({ "userName": "ada" });
    let first = assert_created(create_with_key(&api, "k", &body).send().await);
    // The remaining minute is longer than this test takes.
    sql(&api).execute("UPDATE idempotency SET created_at = created_at - 86340000000");
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    let api = api.restart();
    assert_replayed(&create_with_key(&api, "k", &body).send().await, &first);
    assert_problem(
        &create_with_key(&api, "k", &json!({ "userName": "b" })).send().await,
        422,
        "idempotency-key-reused",
    );
}
