//! Authentication and the tenant of a request.

use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, path};
use crate::support::http::{Client, Request};
use crate::support::raw;
use crate::support::server::ADMIN_KEY;
use reqwest::Method;
use serde_json::json;

engine_tests! {
    authentication_precedes_every_other_check
    every_request_requires_a_key
    only_the_exact_key_is_accepted
    the_scheme_ignores_case
    several_credentials_are_rejected
    an_unknown_tenant_returns_404
    without_a_configured_key_every_key_is_rejected
}

async fn authentication_precedes_every_other_check(api: Api) {
    let anonymous = Client::anonymous(&api.server);
    for target in ["/nothing", "/users/x", "/users/", "/users?x=1", "/users?limit=0", "/metrics", "/livez/x"]
    {
        assert_unauthorized(&anonymous.get(target).send().await);
    }
    for request in [
        anonymous.post("/users", &json!([])),
        anonymous.get("/users").header("accept", "text/html"),
        anonymous.get("/users").header("roster-tenant", "unknown"),
        anonymous.request(Method::POST, "/users").body("text/plain", "x"),
        anonymous.request(Method::PATCH, "/users"),
    ] {
        assert_unauthorized(&request.send().await);
    }
}

async fn every_request_requires_a_key(api: Api) {
    let user = api.create_named("ada").await;
    let anonymous = Client::anonymous(&api.server);
    let body = json!({ "userName": "grace" });
    let requests = [
        anonymous.get("/users"),
        anonymous.post("/users", &body),
        anonymous.get(&path(&user)),
        anonymous.put(&path(&user), &body),
        anonymous.patch(&path(&user), &body),
        anonymous.delete(&path(&user)),
        anonymous.request(Method::OPTIONS, "/users"),
        anonymous.request(Method::TRACE, "/users"),
    ];
    for request in requests {
        assert_unauthorized(&request.send().await);
    }
    let head = anonymous.request(Method::HEAD, "/users").send().await.expect(401);
    assert_eq!((head.header("www-authenticate"), head.text().as_str()), (Some("Bearer"), ""));
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn only_the_exact_key_is_accepted(api: Api) {
    let long = format!("{ADMIN_KEY}x");
    let spaced = format!("{} {}", &ADMIN_KEY[..10], &ADMIN_KEY[10..]);
    let upper = ADMIN_KEY.to_uppercase();
    let invalid = ["x", "", &ADMIN_KEY[1..], &ADMIN_KEY[..ADMIN_KEY.len() - 1], &long, &spaced, &upper];
    for key in invalid {
        assert_unauthorized(&Client::new_with_key(&api.server, key).get("/users").send().await);
    }
    let request_with =
        |value: &str| Client::anonymous(&api.server).get("/users").header("authorization", value);
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dGVzdDp0ZXN0",
        "Token x",
        ADMIN_KEY,
        "é",
        &format!("Basic {ADMIN_KEY}"),
        &format!("Bearer{ADMIN_KEY}"),
        &format!("Bearer:{ADMIN_KEY}"),
        &format!("Bearer \"{ADMIN_KEY}\""),
        &format!("Bearer {ADMIN_KEY}, Bearer {ADMIN_KEY}"),
        &format!("Bearer Bearer {ADMIN_KEY}"),
    ] {
        assert_unauthorized(&request_with(value).send().await);
    }
    let other_headers = [("x-api-key", ADMIN_KEY.to_owned()), ("cookie", format!("key={ADMIN_KEY}"))];
    for (name, value) in other_headers {
        let request = Client::anonymous(&api.server).get("/users").header(name, &value);
        assert_unauthorized(&request.send().await);
    }
}

async fn the_scheme_ignores_case(api: Api) {
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        let value = format!("{scheme} {ADMIN_KEY}");
        let request = Client::anonymous(&api.server).get("/users").header("authorization", &value);
        request.send().await.expect(200);
    }
}

async fn several_credentials_are_rejected(api: Api) {
    let valid = format!("Bearer {ADMIN_KEY}");
    let request = || Client::anonymous(&api.server).get("/users");
    let both = |one: &str, other: &str| -> Request {
        request().header("authorization", one).header("authorization", other)
    };
    for request in [both(&valid, &valid), both(&valid, "Bearer x"), both("Basic eDp5", &valid)] {
        assert_unauthorized(&request.send().await);
    }
    let head = raw::request_head("GET", "/users");
    let twice = raw::send_raw(api.address(), &format!("{head}authorization: Bearer x\r\n\r\n"));
    twice.assert_problem(401, "unauthorized");
}

async fn an_unknown_tenant_returns_404(api: Api) {
    let user = api.create_named("ada").await;
    let list_in = |tenant: &str| api.client.get("/users").header("roster-tenant", tenant);
    assert_eq!(list_in("default").send().await.expect(200).json()["items"], json!([user]));
    for tenant in ["acme", "Default", "", "default,acme", "00000000-0000-7000-8000-000000000001", "é", "%"] {
        assert_problem(&list_in(tenant).send().await, 404, "not-found");
        let create =
            api.client.post("/users", &json!({ "userName": "grace" })).header("roster-tenant", tenant);
        assert_problem(&create.send().await, 404, "not-found");
        let delete = api.client.delete(&path(&user)).header("roster-tenant", tenant).send().await;
        assert_problem(&delete, 404, "not-found");
    }
    assert_eq!(api.page("").await["items"], json!([user]));
}

async fn without_a_configured_key_every_key_is_rejected(mut api: Api) {
    // A SQLite file has only one server.
    api.server.kill();
    let server =
        crate::support::server::Server::builder(&api.database_url()).unset("ROSTER_ADMIN_KEY").start();
    for client in [Client::new(&server), Client::new_with_key(&server, ""), Client::anonymous(&server)] {
        assert_unauthorized(&client.get("/users").send().await);
        client.get("/livez").send().await.expect(200);
    }
}
