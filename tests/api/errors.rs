//! Errors that all endpoints share. Each response is a complete problem document (RFC 9457).

use crate::api::fixture::full_user;
use crate::api::problem::assert_problem;
use crate::support::api::{Api, path, text};
use crate::support::http::{Client, Response};
use crate::support::raw::{raw_request, send_raw};
use crate::support::table::section;
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    unsupported_methods_return_405_with_allow
    options_lists_the_methods
    unknown_paths_return_404
    paths_with_dot_segments_return_404
    asterisk_targets_return_404
    charset_parameters_can_be_quoted
    unsupported_media_types_return_415
    json_media_types_are_accepted
    unacceptable_accept_headers_return_406
    accept_headers_that_include_json_are_accepted
    malformed_json_returns_400
    duplicate_members_are_rejected
    oversized_bodies_return_413
    request_ids_are_accepted_or_generated
    errors_leak_no_internals_and_change_nothing
}

/// Media types and `Accept` headers.
const TABLE: &str = include_str!("errors.txt");

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("the method is valid")
}

async fn unsupported_methods_return_405_with_allow(api: Api) {
    let user = api.create_named("ada").await;
    let (one, missing) = (path(&user), format!("/users/{}", uuid::Uuid::now_v7()));
    let on_list = ["PATCH", "DELETE", "TRACE", "PURGE", "get", "PROPFIND", "QUERY"];
    let on_one = ["POST", "TRACE", "LINK", "Get", "patch"];
    for (target, methods, allow) in [
        ("/users", &on_list[..], "GET, HEAD, POST, PUT, OPTIONS"),
        (&one, &on_one[..], "GET, HEAD, PATCH, PUT, DELETE, OPTIONS"),
        (&missing, &on_one[..], "GET, HEAD, PATCH, PUT, DELETE, OPTIONS"),
    ] {
        for name in methods {
            let response = api.client.request(method(name), target).send().await;
            assert_problem(&response, 405, "method-not-allowed");
            assert_eq!(allowed(&response), sorted(allow), "{name} {target}");
        }
    }
    let with_body = api.client.patch("/users", &json!({ "userName": "grace" })).send().await;
    assert_problem(&with_body, 405, "method-not-allowed");
    assert_eq!(api.page("").await["items"], json!([user]));
}

fn sorted(list: &str) -> Vec<String> {
    let mut names: Vec<_> = list.split(", ").map(str::to_owned).collect();
    names.sort();
    names
}

#[track_caller]
fn allowed(response: &Response) -> Vec<String> {
    sorted(response.header("allow").expect("the response has the header"))
}

async fn options_lists_the_methods(api: Api) {
    let user = api.create_named("ada").await;
    let one = path(&user);
    for (target, allow) in [
        ("/users", "GET, HEAD, POST, PUT, OPTIONS"),
        ("/users?limit=x", "GET, HEAD, POST, PUT, OPTIONS"),
        (one.as_str(), "GET, HEAD, PATCH, PUT, DELETE, OPTIONS"),
    ] {
        let response = api.client.request(Method::OPTIONS, target).send().await.expect(204);
        assert_eq!(allowed(&response), sorted(allow), "{target}");
        assert_eq!((response.text().as_str(), response.header("content-type")), ("", None));
        assert!(response.header("x-request-id").is_some());
        // CORS is not supported.
        assert!(response.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    }
    let preflight = api.client.request(Method::OPTIONS, "/users").header("origin", "https://evil.example");
    let preflight = preflight.header("access-control-request-method", "POST").send().await;
    assert!(preflight.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

async fn unknown_paths_return_404(api: Api) {
    for target in ["/nothing", "/user", "/Users", "/USERS", "/users/x/y", "/favicon.ico", "/index.html"] {
        for name in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"] {
            let response = api.client.request(method(name), target).send().await;
            assert_problem(&response, 404, "not-found");
        }
        let head = api.client.request(Method::HEAD, target).send().await.expect(404);
        assert_eq!(head.text(), "");
    }
}

async fn paths_with_dot_segments_return_404(api: Api) {
    let user = api.create_named("ada").await;
    let id = text(&user["id"]);
    for target in [
        &format!("/users/./{id}"),
        &format!("/x/../users/{id}"),
        "/users/..",
        "/users/../users",
        "/./users",
        &format!("/users%2F{id}"),
        "/users%2f",
        "/users%00",
        "/users/%2e%2e",
        "/%2e%2e/users",
        "/users\\x",
        "/users;a=b",
        &format!("/users/{id};v=1"),
        &format!("/users/{id}%20"),
        &format!("/users/%20{id}"),
        &format!("/users/{id}.json"),
        "/users/%F0%9F%98%80",
        "/%",
        "/%zz",
        "/users/%",
        "/users/%c0%af",
        "/users/{id}",
        "/users/*",
    ] {
        let response = send_raw(api.address(), &raw_request("GET", target));
        response.assert_problem(404, "not-found");
    }
    // A percent-encoded letter is equivalent to the letter.
    let encoded = format!("/users/%{:02X}{}", id.as_bytes()[0], &id[1..]);
    assert_eq!(send_raw(api.address(), &raw_request("GET", &encoded)).json(), user);
    assert_eq!(send_raw(api.address(), &raw_request("GET", &path(&user))).json(), user);
}

async fn asterisk_targets_return_404(api: Api) {
    for method in ["GET", "OPTIONS", "DELETE"] {
        let response = send_raw(api.address(), &raw_request(method, "*"));
        response.assert_problem(404, "not-found");
        assert!(response.header("x-request-id").is_some(), "{response:?}");
        let anonymous = send_raw(api.address(), &format!("{method} * HTTP/1.1\r\nHost: roster\r\n\r\n"));
        anonymous.assert_problem(401, "unauthorized");
    }
}

/// Sends POST, PUT and PATCH of a valid body with a media type.
async fn send_with_media_type(api: &Api, user: &Value, media_type: Option<&str>) -> [Response; 3] {
    let body = json!({ "userName": "new" }).to_string();
    let one = path(user);
    let send = async |name: &str, target: &str| {
        let request = api.client.request(method(name), target);
        let request = match media_type {
            Some(media_type) => request.body(media_type, body.clone()),
            None => request.body_without_content_type(body.clone()),
        };
        request.send().await
    };
    [send("POST", "/users").await, send("PUT", &one).await, send("PATCH", &one).await]
}

async fn unsupported_media_types_return_415(api: Api) {
    let user = api.create_named("ada").await;
    let unsupported = section(TABLE, "unsupported_media_types").into_iter().map(|(media_type, _)| media_type);
    for media_type in unsupported.chain([""]) {
        let [post, put, patch] = send_with_media_type(&api, &user, Some(media_type)).await;
        for response in [&post, &put, &patch] {
            assert_problem(response, 415, "unsupported-media-type");
        }
        assert_eq!(post.header("accept-post"), Some("application/json"), "{media_type}");
        assert_eq!(
            sorted(patch.header("accept-patch").expect("Accept-Patch")),
            PATCH_MEDIA_TYPES,
            "{media_type}"
        );
    }
    for response in send_with_media_type(&api, &user, None).await {
        assert_problem(&response, 415, "unsupported-media-type");
    }
    let [post, put, patch] = send_with_media_type(&api, &user, Some("application/merge-patch+json")).await;
    assert_problem(&post, 415, "unsupported-media-type");
    assert_problem(&put, 415, "unsupported-media-type");
    patch.expect(200);
}

const PATCH_MEDIA_TYPES: [&str; 2] = ["application/json", "application/merge-patch+json"];

async fn json_media_types_are_accepted(api: Api) {
    let user = api.create_named("ada").await;
    for (media_type, _) in section(TABLE, "json_media_types") {
        let [post, put, patch] = send_with_media_type(&api, &user, Some(media_type)).await;
        assert_eq!((post.code(), put.code(), patch.code()), (201, 409, 409), "{media_type} {}", post.text());
        let created = post.json();
        api.client.delete(&path(&created)).send().await.expect(204);
    }
}

async fn charset_parameters_can_be_quoted(api: Api) {
    // These equal application/json;charset=utf-8 (RFC 9110, sections 5.6.6 and 8.3.1).
    for (index, media_type) in [
        "application/json; charset=\"utf-8\"",
        "application/json ; charset=utf-8",
        "application/json;Charset=\"UTF-8\"",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "userName": index.to_string() }).to_string();
        api.client.request(Method::POST, "/users").body(media_type, body).send().await.expect(201);
    }
}

async fn unacceptable_accept_headers_return_406(api: Api) {
    let user = api.create_named("ada").await;
    let one = path(&user);
    for (accept, _) in section(TABLE, "unacceptable_accept_headers") {
        let body = json!({ "userName": "ada", "title": "x" });
        for request in [
            api.client.get("/users"),
            api.client.get(&one),
            api.client.post("/users", &json!({ "userName": "grace" })),
            api.client.put(&one, &body),
            api.client.patch(&one, &body),
            api.client.delete(&one),
        ] {
            assert_problem(&request.accept(accept).send().await, 406, "not-acceptable");
        }
    }
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn accept_headers_that_include_json_are_accepted(api: Api) {
    let user = api.create_named("ada").await;
    for (accept, _) in section(TABLE, "accept_headers_that_include_json") {
        let response = api.client.get(&path(&user)).accept(accept).send().await.expect(200);
        assert_eq!(response.header("content-type"), Some("application/json"), "{accept}");
    }
    let lines = api.client.get(&path(&user)).accept("text/html").accept("application/json");
    lines.send().await.expect(200);
    let none = send_raw(api.address(), &raw_request("GET", "/users"));
    assert_eq!(none.status, 200, "{none:?}");
}

async fn malformed_json_returns_400(api: Api) {
    let user = api.create_named("ada").await;
    let (name, one) = (r#"{"userName":"grace","#, path(&user));
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "{}}",
        "{} {}",
        "{'userName':'grace'}",
        r#"{"userName":"grace",}"#,
        "[1,]",
        "NaN",
        "nul",
        "\u{feff}{}",
        r#"{"userName":"\ud800"}"#,
        r#"{"userName":"\udc00\ud800"}"#,
        r#"{"userName":"\ud83dx"}"#,
        "// x\n{}",
        r#"{"custom":{"\ud800":1},"userName":"grace"}"#,
        "{\"userName\":\"gr\nace\"}",
        r#"{"userName":"\x"}"#,
        "userName=grace",
        r#"{"userName":"grace","custom":{"n":01}}"#,
        r#"{"userName":"grace","custom":{"n":.5}}"#,
        "{\"a\":\u{7f}}",
        r#"{"userName":"grace","custom":{"n":+1}}"#,
        r#"{"userName":"grace","custom":{"n":Infinity}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(b"{\"userName\":\"gr\xffce\"}".to_vec());
    bodies.push(b"{\"userName\":\"\xed\xa0\x80\"}".to_vec());
    bodies.push(b"{\"userName\":\"\xc0\xaf\"}".to_vec());
    bodies.push([name.as_bytes(), br#""custom":{""#, b"\xf8", br#"":1}}"#].concat());
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes());
    bodies.push("{\"a\":".repeat(50_000).into_bytes());
    for body in bodies {
        for (name, target) in [("POST", "/users"), ("PUT", one.as_str()), ("PATCH", &one)] {
            let response =
                api.client.request(method(name), target).body("application/json", body.clone()).send().await;
            let body = assert_problem(&response, 400, "malformed-body");
            assert!(body["detail"].to_string().len() < 500, "{body}");
        }
    }
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn duplicate_members_are_rejected(api: Api) {
    let user = api.create_named("ada").await;
    let one = path(&user);
    for body in [
        r#"{"userName":"x","userName":"x"}"#,
        r#"{"userName":"x","user\u004eame":"y"}"#,
        r#"{"userName":"x","custom":{"a":1,"a":1}}"#,
        r#"{"userName":"x","custom":{"a":[{"b":null,"b":2}]}}"#,
        r#"{"userName":"x","name":{"givenName":"a","givenName":null}}"#,
        r#"{"userName":"x","emails":[{"value":"a@b","value":"c@d"}]}"#,
        r#"{"userName":"x","version":1,"version":2}"#,
    ] {
        for (name, target) in [("POST", "/users"), ("PUT", one.as_str()), ("PATCH", &one)] {
            let response =
                api.client.request(method(name), target).body("application/json", body).send().await;
            assert_problem(&response, 400, "malformed-body");
        }
    }
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn oversized_bodies_return_413(api: Api) {
    let user = api.create_named("ada").await;
    let padded = |length: usize| {
        let mut body = json!({ "userName": "grace" }).to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let post = api.client.request(Method::POST, "/users");
    post.body("application/json", padded(1_048_576)).send().await.expect(201);
    for (name, target) in [("POST", "/users"), ("PUT", &path(&user)), ("PATCH", &path(&user))] {
        let request = api.client.request(method(name), target).body("application/json", padded(1_048_577));
        assert_problem(&request.send().await, 413, "body-too-large");
    }
    let small = Api::start(api.engine, &[("ROSTER_BODY_LIMIT", "1024")]);
    let post = |length| small.client.request(Method::POST, "/users").body("application/json", padded(length));
    assert_problem(&post(1_025).send().await, 413, "body-too-large");
    post(1_024).send().await.expect(201);
}

async fn request_ids_are_accepted_or_generated(api: Api) {
    let long = "x".repeat(128);
    let get = async |target: &str, id: &str| api.client.get(target).header("x-request-id", id).send().await;
    for id in ["a", "0190-abc", "!~\"#$%&'()*+,/:;<=>?@[]^_`{|}", &long] {
        for (target, status) in [("/users", 200), ("/livez", 200), ("/nothing", 404), ("/users?x", 400)] {
            assert_eq!(get(target, id).await.expect(status).header("x-request-id"), Some(id));
        }
        let create = api.client.post("/users", &json!({})).header("x-request-id", id).send().await;
        assert_eq!(assert_problem(&create, 422, "invalid")["requestId"], id);
        let anonymous = Client::anonymous(&api.server).get("/users").header("x-request-id", id).send().await;
        assert_eq!(assert_problem(&anonymous, 401, "unauthorized")["requestId"], id);
    }
    let too_long = "x".repeat(129);
    let mut generated = Vec::new();
    for id in ["", "a b", " a\tb", "é", &too_long] {
        let response = get("/users", id).await.expect(200);
        generated.push(response.header("x-request-id").expect("the response has the header").to_owned());
    }
    generated.push(
        api.client
            .get("/users")
            .send()
            .await
            .header("x-request-id")
            .expect("the response has the header")
            .to_owned(),
    );
    for id in &generated {
        assert!((1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
    }
    generated.sort();
    generated.dedup();
    assert_eq!(generated.len(), 6, "{generated:?}");
}

async fn errors_leak_no_internals_and_change_nothing(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let invalid = json!({ "userName": "ada", "title": "secret-7f3a", "foo": 1 });
    let responses = [
        api.client.put(&path(&user), &invalid).send().await,
        api.client.patch(&path(&user), &invalid).send().await,
        api.client.post("/users", &invalid).send().await,
        api.client.post("/users", &json!({ "userName": "ada", "title": "secret-7f3a" })).send().await,
    ];
    for response in responses {
        for internal in
            ["secret-7f3a", "diesel", "sqlite", "postgres", "UNIQUE", "users_user_name", "src/", "panic"]
        {
            assert!(!response.text().contains(internal), "{internal} in {}", response.text());
        }
    }
    assert_eq!(api.page("?include=total").await, json!({ "items": [user], "total": 1 }));
}
