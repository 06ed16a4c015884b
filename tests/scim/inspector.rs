//! The inspector: the recorded requests of a connection.

use crate::api::problem::{assert_problem, check_queries_rejected};
use crate::api::query::{follow_links, items};
use crate::scim::client::{Scim, connect, patch_op, path, tokens_path};
use crate::support::api::{Api, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

engine_tests! {
    requests_are_recorded_with_their_bodies_revisions_and_notes
    rejections_are_explained
    requests_with_unusable_tokens_are_recorded
    passwords_are_not_recorded
    large_and_invalid_bodies_are_recorded_in_part
    the_operations_of_a_bulk_request_are_explained
    requests_are_filtered
    the_requests_of_a_user_are_found
    pages_are_linked_by_cursors
    a_connection_shows_a_summary
    only_the_requests_of_connections_are_recorded
    deleting_a_connection_deletes_its_requests
    deleting_a_tenant_deletes_its_requests
    waiting_requests_are_recorded_at_shutdown
    recording_can_be_disabled
}

/// The time limit for the recording of a request.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection with a client that uses its token.
pub(crate) struct Connected {
    pub(crate) scim: Scim,
    pub(crate) admin: Client,
    pub(crate) connection: Value,
}

pub(crate) async fn connected(scim: Scim) -> Connected {
    let (connection, client) = connect(&scim, "Okta", "lenient").await;
    let admin = scim.api.client.clone();
    Connected { scim: Scim { client, ..scim }, admin, connection }
}

impl Connected {
    pub(crate) fn path(&self) -> String {
        format!("/connections/{}", text(&self.connection["id"]))
    }

    /// A page of the recorded requests.
    pub(crate) async fn page(&self, query: &str) -> Value {
        let target = format!("{}/requests{query}", self.path());
        self.admin.get(&target).send().await.expect(200).json()
    }

    /// The first page of the recorded requests, once it has this many.
    pub(crate) async fn requests(&self, query: &str, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let page = self.page(query).await;
            if items(&page).len() >= count {
                assert_eq!(items(&page).len(), count, "{page}");
                return items(&page).to_vec();
            }
            assert!(began.elapsed() < LIMIT, "{count} requests were not recorded: {page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The paths and queries of the requests that match a query.
    async fn targets(&self, query: &str) -> Vec<String> {
        let page = self.page(query).await;
        let target = |request: &Value| {
            let query = request["query"].as_str().map(|query| format!("?{query}"));
            format!("{} {}{}", text(&request["method"]), text(&request["path"]), query.unwrap_or_default())
        };
        items(&page).iter().map(target).collect()
    }
}

pub(crate) fn codes(request: &Value) -> Vec<&str> {
    let notes = request["notes"].as_array().expect("the request has notes");
    notes.iter().map(|note| text(&note["code"])).collect()
}

async fn requests_are_recorded_with_their_bodies_revisions_and_notes(scim: Scim) {
    let all = connected(scim).await;
    let body = json!({ "userName": "ada", "active": "True", "colour": "red", "groups": [{ "value": "x" }] });
    let created =
        all.scim.send_with("POST", "/Users?x=1", &body, &[("x-request-id", "the-request")]).await.expect(201);
    let changes = all.admin.get("/changes?type=user.created").send().await.expect(200).json();
    let [request] = &all.requests("", 1).await[..] else { panic!("there is one request") };
    let expected = json!({
        "id": request["id"], "time": request["time"], "method": "POST", "path": "/scim/v2/Users", "query": "x=1",
        "status": 201, "durationMs": request["durationMs"], "requestId": "the-request",
        "resource": "user", "resourceId": created.json()["id"],
        "request": body, "requestBytes": body.to_string().len(),
        "response": created.json(), "responseBytes": created.bytes.len(),
        "revisions": [changes["items"][0]["revision"]], "revisionCount": 1,
        "notes": request["notes"], "plan": null, "erased": false,
    });
    assert_eq!(*request, expected);
    assert!(request["durationMs"].as_f64().is_some_and(|duration| (0.0..60_000.0).contains(&duration)));
    assert!(text(&request["time"]) <= text(&changes["items"][0]["time"]), "{request}");
    assert_eq!(codes(request), ["unknown-attribute", "read-only", "no-value", "converted"]);
    assert_eq!(
        request["notes"][0],
        json!({
            "code": "unknown-attribute",
            "detail": "No schema defines `colour`, so it was ignored.",
            "section": "RFC 7644, section 3.12",
            "hint": request["notes"][0]["hint"],
        })
    );
    assert!(text(&request["notes"][3]["hint"]).contains("aadOptscim062020"), "{request}");
    // A write that changes nothing has no revisions.
    let patch = json!([{ "op": "replace", "path": "active", "value": true }]);
    all.scim.patch(200, &path(&created.json()), patch).await;
    let requests = all.requests("", 2).await;
    assert_eq!((&requests[0]["method"], &requests[0]["revisions"]), (&json!("PATCH"), &json!([])));
    assert_eq!((&requests[0]["notes"], &requests[1]), (&json!([]), request));
}

async fn rejections_are_explained(scim: Scim) {
    let all = connected(scim).await;
    let ada = all.scim.create_user("ada").await;
    let taken =
        all.scim.expect_error((409, "uniqueness"), "POST", "/Users", json!({ "userName": "Ada" })).await;
    all.scim.expect_error((400, "invalidFilter"), "GET", "/Users?filter=colour%20eq%201", Value::Null).await;
    all.scim.expect_error((404, ""), "GET", &format!("/Users/{}", Uuid::now_v7()), Value::Null).await;
    all.scim.expect_error((501, ""), "GET", "/Me", Value::Null).await;
    let clears = json!([{ "op": "remove", "path": "userName" }]);
    all.scim.expect_error((400, "mutability"), "PATCH", &path(&ada), patch_op(clears)).await;
    let mut requests = all.requests("", 6).await;
    requests.reverse();
    let expected = [
        (201, vec![]),
        (409, vec!["uniqueness"]),
        (400, vec!["invalid-filter"]),
        (404, vec!["not-found"]),
        (501, vec!["not-implemented"]),
        (400, vec!["mutability"]),
    ];
    for (request, (status, codes_of_notes)) in requests.iter().zip(expected) {
        let codes: Vec<_> = codes(request).into_iter().filter(|code| *code != "no-value").collect();
        assert_eq!((&request["status"], codes), (&json!(status), codes_of_notes), "{request}");
    }
    let note = &requests[1]["notes"][0];
    assert!(taken.starts_with(text(&note["detail"]).trim_end_matches('.')), "{note} {taken}");
    assert_eq!(note["section"], "RFC 7644, section 3.3");
    assert!(text(&note["hint"]).contains("Match"), "{note}");
    assert_eq!(
        (&requests[1]["response"]["scimType"], &requests[1]["revisions"]),
        (&json!("uniqueness"), &json!([]))
    );
}

async fn requests_with_unusable_tokens_are_recorded(scim: Scim) {
    let all = connected(scim).await;
    let token = all.admin.post(&tokens_path(&all.connection), &json!({})).send().await.expect(201).json();
    let expired = format!(
        "UPDATE connection_tokens SET expires_at = 1 WHERE created_at = ({})",
        "SELECT max(created_at) FROM connection_tokens"
    );
    all.scim.api.sql().execute(&expired);
    all.admin.with_key(text(&token["secret"])).get("/scim/v2/Users").send().await.expect(401);
    all.scim.client.get("/users").send().await.expect(401);
    all.scim.client.get("/me").send().await.expect(200);
    let requests = all.requests("", 3).await;
    let summary: Vec<_> = requests
        .iter()
        .map(|request| (text(&request["path"]), request["status"].as_u64(), codes(request)))
        .collect();
    assert_eq!(
        summary,
        [
            ("/me", Some(200), vec![]),
            ("/users", Some(401), vec!["unauthorized"]),
            ("/scim/v2/Users", Some(401), vec!["unauthorized"]),
        ]
    );
    assert!(!requests.iter().any(|request| request.to_string().contains(text(&token["secret"]))));
}

async fn passwords_are_not_recorded(scim: Scim) {
    const SECRET: &str = "hunter2-7f3a9c";
    let all = connected(scim).await;
    let ada = all.scim.create("/Users", json!({ "userName": "ada", "PassWord": SECRET })).await;
    let data = json!({ "userName": "bob", "password": SECRET });
    for (method, target, body) in [
        ("PATCH", path(&ada), patch_op(json!([{ "op": "add", "value": SECRET, "path": "password" }]))),
        (
            "PATCH",
            path(&ada),
            patch_op(json!([{ "op": "add", "value": json!({ "password": SECRET }).to_string() }])),
        ),
        ("PUT", path(&ada), json!({ "userName": "ada", "password": { "value": SECRET } })),
        (
            "POST",
            "/Bulk".to_owned(),
            json!({ "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": data }] }),
        ),
        ("POST", "/Users/.search".to_owned(), json!({ "filter": format!("password eq \"{SECRET}\"") })),
        (
            "GET",
            format!("/Users?filter={}", percent_encoded(&format!("password eq \"{SECRET}\""))),
            Value::Null,
        ),
    ] {
        all.scim.send(method, &target, &body).await;
    }
    let cut_off = format!("{{\"password\":\"{SECRET}\",");
    let request = all.scim.client.request(Method::POST, "/scim/v2/Users");
    request.body("application/scim+json", cut_off).send().await.expect(400);
    let requests = all.requests("", 8).await;
    for request in &requests {
        assert!(!request.to_string().contains(SECRET), "{request}");
    }
    assert_eq!(
        (&requests[0]["request"], &requests[7]["request"]["PassWord"]),
        (&Value::Null, &json!("[removed]"))
    );
    assert_eq!(requests[7]["request"]["userName"], "ada");
    let stored = format!(
        "SELECT count(*) AS number FROM requests WHERE request LIKE '%{SECRET}%' OR response LIKE '%{SECRET}%' \
         OR query LIKE '%{SECRET}%' OR CAST(details AS text) LIKE '%{SECRET}%'"
    );
    assert_eq!(all.scim.api.sql().number(&stored), 0);
}

async fn large_and_invalid_bodies_are_recorded_in_part(scim: Scim) {
    let all = connected(scim).await;
    let members: Vec<_> = (0..500).map(|_| json!({ "value": Uuid::now_v7() })).collect();
    let large = json!({ "displayName": "Poets", "members": members });
    all.scim.expect_error((400, "invalidValue"), "POST", "/Groups", large.clone()).await;
    let nested = "[".repeat(5_000) + &"]".repeat(5_000);
    for body in [nested.clone(), "{\"userName\":\"\u{0}ada".to_owned(), "userName=ada".to_owned()] {
        let request = all.scim.client.request(Method::POST, "/scim/v2/Users");
        request.body("application/scim+json", body).send().await.expect(400);
    }
    let requests = all.requests("", 4).await;
    assert_eq!(requests[2]["request"], nested);
    assert_eq!(requests[0]["request"], "userName=ada");
    assert_eq!(requests[1]["request"], "{\"userName\":\"\u{fffd}ada");
    let recorded = text(&requests[3]["request"]);
    assert_eq!((recorded.len(), &requests[3]["requestBytes"]), (16 * 1024, &json!(large.to_string().len())));
    assert!(large.to_string().starts_with(recorded), "{recorded}");
}

async fn the_operations_of_a_bulk_request_are_explained(scim: Scim) {
    let all = connected(scim).await;
    let user = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name } });
    let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": {
        "displayName": "Poets", "members": [{ "value": "bulkId:ada" }],
    } });
    let body = json!({ "Operations": [user("ada"), user("ADA"), group] });
    let response = all.scim.call(200, "POST", "/Bulk", body).await;
    let [request] = &all.requests("", 1).await[..] else { panic!("there is one request") };
    assert_eq!((&request["response"], &request["status"]), (&response, &json!(200)));
    let feed = all.admin.get("/changes?type=user.created,group.created,member.added").send().await;
    let feed = feed.expect(200).json();
    let revisions: Vec<_> = items(&feed).iter().map(|change| change["revision"].clone()).collect();
    assert_eq!((revisions.len(), &request["revisions"]), (3, &json!(revisions)), "{request}");
    assert_eq!(request["revisionCount"], 3);
    let rejected = items_with_code(request, "uniqueness");
    assert_eq!(rejected.len(), 1, "{request}");
    assert!(rejected[0].starts_with("Operations[1]: "), "{rejected:?}");
    let id = text(&response["Operations"][2]["location"]).rsplit('/').next().unwrap_or_default();
    assert_eq!(all.page(&format!("?resource={id}&status=2xx")).await["items"], json!([request]));
    assert_eq!(all.page("?user=ADA&note=uniqueness").await["items"], json!([request]));
}

fn items_with_code<'r>(request: &'r Value, code: &str) -> Vec<&'r str> {
    let notes = request["notes"].as_array().into_iter().flatten();
    notes.filter(|note| note["code"] == code).map(|note| text(&note["detail"])).collect()
}

async fn requests_are_filtered(scim: Scim) {
    let all = connected(scim).await;
    let ada = all.scim.create("/Users", json!({ "schemas": [], "userName": "ada", "active": "True" })).await;
    all.scim.call(409, "POST", "/Users", json!({ "userName": "ada" })).await;
    all.scim.get("/Groups?count=1").await;
    all.scim.get(&path(&ada)).await;
    all.scim.call(404, "GET", "/Groups/x", Value::Null).await;
    let requests = all.requests("", 5).await;
    let (first, last) = (text(&requests[4]["time"]), text(&requests[0]["time"]));
    let id = text(&ada["id"]);
    let (create, list, get, unknown) = (
        "POST /scim/v2/Users",
        "GET /scim/v2/Groups?count=1",
        &*format!("GET /scim/v2/Users/{id}"),
        "GET /scim/v2/Groups/x",
    );
    for (query, expected) in [
        ("status=4xx", vec![unknown, create]),
        ("status=404", vec![unknown]),
        ("status=5xx", vec![]),
        ("status=201&note=converted", vec![create]),
        ("note=uniqueness", vec![create]),
        ("note=too-many", vec![]),
        ("resource=user", vec![get, create, create]),
        ("resource=group", vec![unknown, list]),
        (&format!("resource={id}"), vec![get, create]),
        (&format!("resource={}", Uuid::now_v7()), vec![]),
        (&format!("since={first}"), vec![unknown, get, list, create, create]),
        (&format!("since={last}"), vec![unknown]),
        (&format!("until={last}"), vec![get, list, create, create]),
        (&format!("since={first}&until={first}"), vec![]),
        ("since=2999-01-01T00:00:00Z", vec![]),
        ("until=2001-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(all.targets(&format!("?{query}")).await, expected, "{query}");
    }
    let target = format!("{}/requests", all.path());
    let invalid = [
        "status=4",
        "status=6xx",
        "status=4XX",
        "resource=key",
        "resource=",
        "user=",
        "since=now",
        "note=x",
        "until=1",
        "include=total",
        "sort=id",
        "filter=x",
    ];
    check_queries_rejected(&all.admin, &target, &invalid).await;
    let missing = format!("/connections/{}/requests", Uuid::now_v7());
    assert_problem(&all.admin.get(&missing).send().await, 404, "not-found");
}

async fn the_requests_of_a_user_are_found(scim: Scim) {
    let all = connected(scim).await;
    all.scim.get(&format!("/Users?filter={}", percent_encoded("UserName eq \"ADA@x.example\""))).await;
    let ada = all.scim.create_user("ada@x.example").await;
    let bob = all.scim.create_user("bob").await;
    all.scim.create_group("Poets", &[&ada]).await;
    all.scim.get(&path(&bob)).await;
    all.scim
        .patch(200, &path(&ada), json!([{ "op": "replace", "path": "userName", "value": "Countess" }]))
        .await;
    all.scim.call(204, "DELETE", &path(&bob), Value::Null).await;
    all.requests("", 7).await;
    let methods = async |user: &str| {
        let page = all.page(&format!("?user={}", percent_encoded(user))).await;
        items(&page).iter().map(|item| text(&item["method"]).to_owned()).collect::<Vec<_>>()
    };
    let of_ada = ["PATCH", "POST", "POST", "GET"];
    for (user, expected) in [
        // The name that the user no longer has, the one that it has, and the id.
        ("Ada@X.example", &["POST", "GET"][..]),
        ("countess", &["PATCH", "POST", "POST"]),
        (text(&ada["id"]), &["PATCH", "POST", "POST"]),
        ("bob", &["GET", "POST"]),
        (text(&bob["id"]), &["DELETE", "GET", "POST"]),
        ("nobody", &[]),
    ] {
        assert_eq!(methods(user).await, expected, "{user}");
    }
    // Requests from before the creation are found by the name while the user has it.
    all.scim
        .patch(200, &path(&ada), json!([{ "op": "replace", "path": "userName", "value": "ada@x.example" }]))
        .await;
    all.requests("", 8).await;
    assert_eq!(methods(text(&ada["id"])).await[1..], of_ada);
}

async fn pages_are_linked_by_cursors(scim: Scim) {
    let all = connected(scim).await;
    for number in 0..7 {
        all.scim.get(&format!("/Users?count={number}")).await;
        all.scim.call(404, "GET", "/Users/x", Value::Null).await;
    }
    let expected = all.requests("", 14).await;
    let target = format!("{}/requests?limit=5", all.path());
    let pages = follow_links(&all.admin, &target).await;
    let sizes: Vec<_> = pages.iter().map(|page| items(page).len()).collect();
    assert_eq!(sizes, [5, 5, 4]);
    assert_eq!(pages.iter().flat_map(items).cloned().collect::<Vec<_>>(), expected);
    let ids: Vec<_> = expected.iter().map(|request| text(&request["id"])).collect();
    assert!(ids.is_sorted_by(|one, next| one > next), "{ids:?}");
    let pages = follow_links(&all.admin, &format!("{target}&status=404")).await;
    assert_eq!(pages.iter().map(|page| items(page).len()).collect::<Vec<_>>(), [5, 2]);
    // A cursor is bound to its filter and its connection.
    let cursor = text(&pages[0]["nextCursor"]);
    let body = json!({ "name": "Entra" });
    let other = all.admin.post("/connections", &body).send().await.expect(201).json();
    let other = format!("/connections/{}/requests?limit=5&status=404", text(&other["id"]));
    for target in [target.clone(), format!("{target}&status=4xx"), other] {
        let response = all.admin.get(&format!("{target}&cursor={cursor}")).send().await;
        assert_problem(&response, 400, "invalid-cursor");
    }
}

async fn a_connection_shows_a_summary(scim: Scim) {
    let all = connected(scim).await;
    let summary = async || {
        let connection = all.admin.get(&all.path()).send().await.expect(200);
        assert_eq!(connection.header("etag"), Some("\"1\""));
        connection.json()["requests"].clone()
    };
    assert_eq!(summary().await, json!({ "lastAt": null, "errorsLastHour": {}, "errorsLastDay": {} }));
    all.scim.create("/Users", json!({ "userName": "ada", "active": "True" })).await;
    for _ in 0..3 {
        all.scim.call(409, "POST", "/Users", json!({ "userName": "ada", "colour": 1 })).await;
    }
    all.scim.call(404, "GET", "/Users/x", Value::Null).await;
    let operation =
        json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": { "userName": "ada" } });
    all.scim.call(200, "POST", "/Bulk", json!({ "Operations": [operation] })).await;
    let requests = all.requests("", 6).await;
    let counts = json!({ "not-found": 1, "uniqueness": 4 });
    let expected =
        json!({ "lastAt": requests[0]["time"], "errorsLastHour": counts, "errorsLastDay": counts });
    assert_eq!(summary().await, expected);
    // The requests become older by two hours.
    all.scim.api.sql().execute("UPDATE requests SET time = time - 7200000000");
    assert_eq!(summary().await["errorsLastHour"], json!({}));
    assert_eq!(summary().await["errorsLastDay"], counts);
    // The summary is not part of the connection's version, and can be sent back.
    let whole = all.admin.get(&all.path()).header("if-none-match", "\"1\"").send().await.expect(200).json();
    let sent_back = all.admin.patch(&all.path(), &whole).send().await.expect(200).json();
    assert_eq!((&sent_back["version"], sent_back.get("requests")), (&json!(1), None));
}

async fn only_the_requests_of_connections_are_recorded(scim: Scim) {
    let all = connected(scim).await;
    all.admin.get("/scim/v2/Users").send().await.expect(200);
    all.admin.get("/users").send().await.expect(200);
    all.admin.get("/scim/v2/ServiceProviderConfig").send().await.expect(200);
    all.scim.get("/Users").await;
    all.requests("", 1).await;
    assert_eq!(all.scim.api.sql().number("SELECT count(*) AS number FROM requests"), 1);
}

async fn deleting_a_connection_deletes_its_requests(scim: Scim) {
    let all = connected(scim).await;
    for _ in 0..5 {
        all.scim.get("/Users").await;
    }
    all.requests("", 5).await;
    all.scim.get("/Users").await;
    all.admin.delete(&all.path()).send().await.expect(204);
    all.admin.get(&format!("{}/requests", all.path())).send().await.expect(404);
    // The background task begins with this after the start.
    let api = all.scim.api.restart_gracefully();
    api.sql().wait_for_number("SELECT count(*) AS number FROM requests", 0, LIMIT);
}

async fn deleting_a_tenant_deletes_its_requests(scim: Scim) {
    let admin = scim.api.client.clone();
    let tenant = admin.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201).json();
    let connection = admin
        .in_tenant("acme")
        .post("/connections", &json!({ "name": "Okta" }))
        .send()
        .await
        .expect(201)
        .json();
    let token =
        admin.in_tenant("acme").post(&tokens_path(&connection), &json!({})).send().await.expect(201).json();
    admin.with_key(text(&token["secret"])).get("/scim/v2/Users").send().await.expect(200);
    let count = "SELECT count(*) AS number FROM requests";
    scim.api.sql().wait_for_number(count, 1, LIMIT);
    // Only the tenant's own administrators see them.
    let target = format!("/connections/{}/requests", text(&connection["id"]));
    admin.get(&target).send().await.expect(404);
    admin.in_tenant("acme").get(&target).send().await.expect(200);
    admin.delete(&format!("/tenants/{}", text(&tenant["id"]))).send().await;
    let api = scim.api.restart_gracefully();
    api.sql().wait_for_number(count, 0, LIMIT);
}

async fn waiting_requests_are_recorded_at_shutdown(scim: Scim) {
    let all = connected(scim).await;
    for _ in 0..50 {
        all.scim.get("/Users?count=0").await;
    }
    let api = all.scim.api.restart_gracefully();
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM requests"), 50);
}

async fn recording_can_be_disabled(scim: Scim) {
    let api = Api::start(scim.api.engine, &[("ROSTER_INSPECTOR", "false")]);
    let all = connected(Scim { client: api.client.clone(), api, adds_schemas: false }).await;
    all.scim.create_user("ada").await;
    let api = all.scim.api.restart_gracefully();
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM requests"), 0);
}
