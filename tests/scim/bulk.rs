//! `/Me` and `/Bulk` (RFC 7644, sections 3.11 and 3.7).

use crate::scim::client::{ENTERPRISE, ERROR, Scim, connect, filter_path, path, tokens_path};
use crate::support::api::{Api, text};
use crate::support::http::Client;
use roster::domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

profile_tests! {
    me_returns_501
    bulk_ids_resolve_forward_and_circular_references
    bulk_ids_in_paths_resolve_forward_references
    failed_bulk_operations_do_not_affect_the_others
    only_members_and_managers_refer_to_other_operations
    bulk_paths_may_have_extra_slashes
    bulk_accepts_fail_on_errors_0
    a_bulk_post_without_a_bulk_id_fails_alone
    bulk_enforces_limits_and_rejects_malformed_requests
}

engine_tests! {
    bulk_operations_after_a_revocation_are_refused
    bulk_operations_after_an_expiry_are_refused
    bulk_operations_after_a_token_is_revoked_are_refused
    bulk_operations_after_a_connection_is_deleted_are_refused
    bulk_operations_after_a_role_change_are_refused
    bulk_operations_share_the_deadline_of_the_request
}

async fn me_returns_501(scim: Scim) {
    for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
        scim.expect_error((501, ""), method, "/Me", Value::Null).await;
    }
}

fn bulk(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

/// Sends a bulk request and returns the results of its operations.
async fn run_bulk(scim: &Scim, request: Value) -> Vec<Value> {
    let response = scim.call(200, "POST", "/Bulk", request).await;
    assert_eq!(response["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    response["Operations"].as_array().cloned().expect("the response has Operations")
}

async fn bulk_ids_resolve_forward_and_circular_references(scim: Scim) {
    let manager = |of: &str| json!({"manager": {"value": format!("bulkId:{of}")}});
    let results = run_bulk(&scim, bulk(json!([
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
            "displayName": "Poets", "members": [{"type": "User", "value": "bulkId:a"}]}},
        {"method": "post", "path": "/users", "bulkId": "a", "data": {"userName": "ada", (ENTERPRISE): manager("b")}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob", (ENTERPRISE): manager("a")}},
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [
            {"op": "add", "path": "members", "value": [{"value": "bulkId:b"}]},
            {"op": "remove", "path": "members[value eq \"bulkId:a\"]"},
        ]}},
        {"method": "DELETE", "path": "/Users/bulkId:a", "version": "W/\"1\""},
    ])))
    .await;
    let statuses: Vec<_> = results.iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["201", "201", "201", "204", "204"], "{results:?}");
    assert_eq!(
        (&results[0]["bulkId"], &results[0]["version"], &results[3]["version"]),
        (&json!("g"), &json!("W/\"1\""), &json!("W/\"2\""))
    );
    let id = |n: usize| {
        text(&results[n]["location"]).rsplit('/').next().expect("the location ends with an id").to_owned()
    };
    let poets = scim.get(&format!("/Groups/{}", id(0))).await;
    assert_eq!(scim.members(&poets).await, [id(2)]);
    let bob = scim.get(&format!("/Users/{}", id(2))).await;
    assert_eq!(bob[ENTERPRISE]["manager"], json!({"value": id(1)}), "the manager no longer exists");
}

async fn bulk_ids_in_paths_resolve_forward_references(scim: Scim) {
    let several = "members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]";
    let results = run_bulk(&scim, bulk(json!([
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [
            {"op": "remove", "path": several}, {"op": "replace", "path": "displayName", "value": "\"bulkId\" a"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
            "displayName": "Poets", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}, {"value": "bulkId:c"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob"}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": {"userName": "cy"}},
    ])))
    .await;
    let statuses: Vec<_> = results.iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["204", "201", "201", "201", "201"], "{results:?}");
    let id = |n: usize| {
        text(&results[n]["location"]).rsplit('/').next().expect("the location ends with an id").to_owned()
    };
    let poets = scim.get(&format!("/Groups/{}", id(1))).await;
    assert_eq!((scim.members(&poets).await, &poets["displayName"]), (vec![id(4)], &json!("\"bulkId\" a")));
}

async fn only_members_and_managers_refer_to_other_operations(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let group = |name: &str, member: Value| json!({"displayName": name, "members": [member]});
    let results = run_bulk(&scim, bulk(json!([
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data":
            group("bulkId:zzz", json!({"value": "bulkId:b", "display": "bulkId:zzz", "$ref": "bulkId:zzz"}))},
        {"method": "POST", "path": "/Groups", "bulkId": "h", "data": group("h", json!({"$ref": "bulkId:b"}))},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {
            "userName": "bob", "title": "bulkId: the plan", "nickName": "the \"bulkId:zzz\"",
            "emails": [{"value": "b@x", "display": "bulkId:zzz"}], "urn:x:y:User": {"manager": "bulkId:zzz"}}},
        {"method": "PATCH", "path": path(&ada), "data": {"Operations": [
            {"op": "add", "path": "title", "value": "bulkId:zzz"}, {"op": "add", "path": "manager", "value": "bulkId:b"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "i", "data": group("i", json!({"value": "bulkId:zzz"}))},
    ])))
    .await;
    let statuses: Vec<_> = results.iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["201", "201", "201", "200", "400"], "{results:?}");
    let bob = text(&results[2]["location"]).rsplit('/').next().expect("an id");
    let ada = scim.get(&path(&ada)).await;
    assert_eq!((&ada["title"], &ada[ENTERPRISE]["manager"]["value"]), (&json!("bulkId:zzz"), &json!(bob)));
    assert_eq!(scim.get(&format!("/Users/{bob}")).await["title"], "bulkId: the plan");
    for name in ["bulkId:zzz", "h"] {
        let group = scim.get(&filter_path("Groups", &format!("displayName eq \"{name}\""))).await;
        assert_eq!(group["Resources"][0]["members"][0]["value"], bob, "{name}");
    }
}

async fn failed_bulk_operations_do_not_affect_the_others(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let operations = json!([
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "ADA"}},
        {"method": "POST", "path": "/Groups", "bulkId": "2", "data": {"displayName": "x", "members": [{"value": "bulkId:1"}]}},
        {"method": "PUT", "path": path(&ada), "version": "W/\"7\"", "data": {"userName": "ada"}},
        {"method": "GET", "path": path(&ada)},
        {"method": "POST", "path": "/Devices", "bulkId": "3", "data": {}},
        {"method": "POST", "path": "/Users", "bulkId": "4", "data": {"userName": "bob"}},
    ]);
    let results = run_bulk(&scim, bulk(operations.clone())).await;
    let errors: Vec<_> = results
        .iter()
        .map(|one| (text(&one["status"]), one["response"]["scimType"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        errors,
        [("409", "uniqueness"), ("400", "invalidValue"), ("412", ""), ("405", ""), ("404", ""), ("201", "")]
    );
    assert_eq!(results[0]["response"]["schemas"], json!([ERROR]));
    assert_eq!(results[0].get("location"), None);
    assert_eq!(results[2]["location"], ada["meta"]["location"]);
    assert_eq!(scim.find("Users", "userName pr").await, ["ada", "bob"]);
    let mut request = bulk(operations);
    request["failOnErrors"] = json!(2);
    let results = run_bulk(&scim, request).await;
    assert_eq!(results.len(), 2, "the request stops after two errors");
}

async fn bulk_paths_may_have_extra_slashes(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let results = run_bulk(
        &scim,
        bulk(json!([
            {"method": "POST", "path": "//users/", "bulkId": "1", "data": {"userName": "bob"}},
            {"method": "DELETE", "path": format!("/{}/", path(&ada))},
        ])),
    )
    .await;
    assert_eq!((&results[0]["status"], &results[1]["status"]), (&json!("201"), &json!("204")), "{results:?}");
}

/// The lenient profile treats 0 as absent. In the strict profile, the first error ends the request.
async fn bulk_accepts_fail_on_errors_0(scim: Scim) {
    let mut request = bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": ""}},
        {"method": "POST", "path": "/Users", "bulkId": "2", "data": {"userName": "bob"}},
    ]));
    request["failOnErrors"] = json!(0);
    let results = run_bulk(&scim, request).await;
    let statuses: Vec<_> = results.iter().map(|one| text(&one["status"])).collect();
    let expected = if scim.adds_schemas { vec!["400"] } else { vec!["400", "201"] };
    assert_eq!(statuses, expected);
    assert!(text(&results[0]["response"]["detail"]).contains("Request id: "), "{results:?}");
}

async fn a_bulk_post_without_a_bulk_id_fails_alone(scim: Scim) {
    let results = run_bulk(
        &scim,
        bulk(json!([
            {"method": "POST", "path": "/Users", "data": {"userName": "ada"}},
            {"method": "POST", "path": "/Users", "bulkId": "", "data": {"userName": "ada"}},
            {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "bob"}},
        ])),
    )
    .await;
    let statuses: Vec<_> = results.iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["400", "400", "201"], "{results:?}");
    assert!(text(&results[0]["response"]["detail"]).contains("bulkId"), "{results:?}");
    assert_eq!(scim.find("Users", "userName pr").await, ["bob"]);
}

async fn bulk_enforces_limits_and_rejects_malformed_requests(scim: Scim) {
    let config = scim.get("/ServiceProviderConfig").await;
    assert_eq!(config["bulk"], json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1048576}));
    let delete = json!({"method": "DELETE", "path": "/Users/x"});
    scim.expect_error((413, ""), "POST", "/Bulk", bulk(json!(vec![delete; 1001]))).await;
    let large =
        json!({"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "x".repeat(1 << 20)}});
    scim.expect_error((413, ""), "POST", "/Bulk", bulk(json!([large]))).await;
    for request in [
        json!([]),
        json!({"Operations": {}}),
        bulk(json!([{"path": "/Users"}])),
        json!({"Operations": [], "failOnErrors": -1}),
    ] {
        scim.expect_error((400, "invalidSyntax"), "POST", "/Bulk", request).await;
    }
}

async fn bulk_operations_after_a_revocation_are_refused(scim: Scim) {
    let (key, client) = create_writer_key(&scim).await;
    let revoke = scim.api.client.delete(&key);
    interrupt_bulk(&scim, &client, "401", async || drop(revoke.send().await.expect(204))).await;
}

async fn bulk_operations_after_an_expiry_are_refused(scim: Scim) {
    let (key, client) = create_writer_key(&scim).await;
    let expire = async || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_micros();
        let end = Timestamp::from(i64::try_from(now).expect("the time is in range") + 50_000).to_string();
        scim.api.client.patch(&key, &json!({"expiresAt": end})).send().await.expect(200);
        while client.get("/me").send().await.code() != 401 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    interrupt_bulk(&scim, &client, "401", expire).await;
}

async fn bulk_operations_after_a_token_is_revoked_are_refused(scim: Scim) {
    let (connection, client) = connect(&scim, "Okta", "lenient").await;
    let tokens = tokens_path(&connection);
    let token = scim.api.client.get(&tokens).send().await.expect(200).json()["items"][0]["id"].clone();
    let revoke = scim.api.client.delete(&format!("{tokens}/{}", text(&token)));
    interrupt_bulk(&scim, &client, "401", async || drop(revoke.send().await.expect(204))).await;
}

async fn bulk_operations_after_a_connection_is_deleted_are_refused(scim: Scim) {
    let (connection, client) = connect(&scim, "Okta", "lenient").await;
    let delete = scim.api.client.delete(&format!("/connections/{}", text(&connection["id"])));
    interrupt_bulk(&scim, &client, "401", async || drop(delete.send().await.expect(204))).await;
}

async fn bulk_operations_after_a_role_change_are_refused(scim: Scim) {
    let (key, client) = create_writer_key(&scim).await;
    let lower = scim.api.client.patch(&key, &json!({"role": "reader"}));
    interrupt_bulk(&scim, &client, "403", async || drop(lower.send().await.expect(200))).await;
}

/// Creates a key. Returns its path and a client that uses it.
async fn create_writer_key(scim: &Scim) -> (String, Client) {
    let key = scim.api.client.post("/keys", &json!({"role": "writer"})).send().await.expect(201).json();
    (format!("/keys/{}", text(&key["id"])), scim.api.client.with_key(text(&key["secret"])))
}

/// Changes the client's key or token while it runs a bulk request, and checks that all later operations have this status.
async fn interrupt_bulk(scim: &Scim, client: &Client, status: &str, change: impl AsyncFnOnce()) {
    const OPERATIONS: usize = 1_000;
    let create = |n: usize| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": {"userName": n.to_string()}});
    let request = bulk((0..OPERATIONS).map(create).collect());
    let admin = &scim.api.client;
    let request = client.post("/scim/v2/Bulk", &request);
    let running = tokio::spawn(async move { request.send().await.expect(200).json() });
    while scim.api.page("").await["items"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    change().await;
    let head = admin.get("/changes?limit=1").send().await.expect(200).json()["head"].clone();
    let response = running.await.expect("the request does not panic");
    let results = response["Operations"].as_array().expect("the response has Operations");
    let refused =
        results.iter().position(|one| one["status"] != "201").expect("the request outlasts the change");
    assert_eq!(results.len(), OPERATIONS);
    assert!(results[refused..].iter().all(|one| one["status"] == status), "{:?}", results[refused]);
    let later = admin.get(&format!("/changes?after={head}")).send().await.expect(200).json();
    let later = later["items"].as_array().expect("the page has items");
    assert!(
        later.len() <= 1,
        "only the operation that was already running can still be committed: {later:?}"
    );
}

/// Each operation waits for the lock for half of the deadline, so only the first ones start.
async fn bulk_operations_share_the_deadline_of_the_request(scim: Scim) {
    let api = Api::start(scim.api.engine, &[("ROSTER_REQUEST_DEADLINE", "500ms")]);
    let scim = Scim { client: api.client.clone(), api, ..scim };
    let ada = scim.create_user("ada").await;
    let lock = scim.api.lock(text(&ada["id"]));
    let patch = json!([{"op": "add", "path": "title", "value": "x"}]);
    let patch = json!({"method": "PATCH", "path": path(&ada), "data": {"Operations": patch}});
    let results = run_bulk(&scim, bulk(json!(vec![patch; 20]))).await;
    lock.release();
    let detail = "The deadline passed before the request was processed. Nothing was done; retry later.";
    let not_started = results.iter().filter(|one| text(&one["response"]["detail"]).starts_with(detail));
    assert!(not_started.clone().all(|one| one["status"] == "503"));
    // On PostgreSQL, each operation that starts waits for the lock during a part of the remaining time.
    assert!(not_started.count() >= 8, "{results:?}");
}
