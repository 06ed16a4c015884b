//! Duplicate and trailing slashes in paths.

use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, run_with, text};
use crate::support::http::Client;
use crate::support::raw::{raw_request, send_raw};
use serde_json::json;
use std::time::Duration;

engine_tests! {
    duplicate_and_trailing_slashes_are_ignored
    paths_with_extra_slashes_need_a_key
    percent_encoded_slashes_are_part_of_a_segment
}

async fn duplicate_and_trailing_slashes_are_ignored(api: Api) {
    let ada = api.create_named("ada").await;
    let id = text(&ada["id"]);
    for path in [format!("/users/{id}/"), format!("//users//{id}"), format!("/users///{id}//")] {
        assert_eq!(api.client.get(&path).send().await.expect(200).json(), ada, "{path}");
    }
    let grace = api.client.post("/users/", &json!({ "userName": "grace" })).send().await.expect(201);
    assert_eq!(grace.header("location"), Some(format!("/users/{}", text(&grace.json()["id"])).as_str()));
    let page = api.client.get("//users/?limit=1").send().await.expect(200);
    let link = page.header("link").expect("the page has a link to the next one");
    assert!(link.starts_with("</users?limit=1&cursor="), "{link}");
    for path in ["//", "/livez/", "//readyz", "/docs/", "/openapi.json/", "/changes/", "/scim/v2//Users/"] {
        api.client.get(path).send().await.expect(200);
    }
    assert_eq!(send_raw(api.address(), &raw_request("GET", "//users//?limit=1")).status, 200);
    assert_problem(&api.client.get("/nothing/").send().await, 404, "not-found");
    let response = api.client.delete("/users/").send().await;
    assert_problem(&response, 405, "method-not-allowed");
}

async fn paths_with_extra_slashes_need_a_key(api: Api) {
    let anonymous = Client::anonymous(&api.server);
    for path in ["//users", "/users/", "//scim/v2/Users/", "/scim//v2/", "//changes"] {
        let response = anonymous.get(path).send().await;
        assert_eq!(response.code(), 401, "{path}: {}", response.text());
    }
    assert_unauthorized(&anonymous.get("//users//").send().await);
    anonymous.get("/scim/v2//ServiceProviderConfig/").send().await.expect(200);
}

async fn percent_encoded_slashes_are_part_of_a_segment(api: Api) {
    let ada = api.create_named("ada").await;
    for path in [format!("/users%2F{}", text(&ada["id"])), format!("/users/{}%2F", text(&ada["id"]))] {
        assert_problem(&api.client.get(&path).send().await, 404, "not-found");
    }
}

#[test]
fn the_log_names_the_route_without_extra_slashes() {
    run_with(crate::support::api::Engine::Sqlite, &[("ROSTER_LOG_FORMAT", "json")], async |api| {
        api.client.get("//users//").header("x-request-id", "slashes-1").send().await.expect(200);
        let line = api.server.wait_for_log("slashes-1", Duration::from_secs(10));
        assert!(line.contains("\"route\":\"/users\""), "{line}");
    });
}
