//! Item 54: `/Me` and `/Bulk`.

use crate::scim::client::{ENTERPRISE, ERROR, Scim, path};
use crate::support::api::text;
use serde_json::{Value, json};

both_profiles! {
    i54_me_is_nobody
    i54_references_lead_forward_and_in_circles
    i54_paths_lead_forward_too
    i54_operations_fail_one_by_one
    i54_bulk_has_limits
}

async fn i54_me_is_nobody(scim: Scim) {
    for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
        scim.refuses((501, ""), method, "/Me", Value::Null).await;
    }
}

fn bulk(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

async fn carried_out(scim: &Scim, request: Value) -> Vec<Value> {
    let answer = scim.gives(200, "POST", "/Bulk", request).await;
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    answer["Operations"].as_array().cloned().expect("Operations")
}

async fn i54_references_lead_forward_and_in_circles(scim: Scim) {
    let manager = |of: &str| json!({"manager": {"value": format!("bulkId:{of}")}});
    let answers = carried_out(&scim, bulk(json!([
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
    let statuses: Vec<_> = answers.iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["201", "201", "201", "204", "204"], "{answers:?}");
    assert_eq!(
        (&answers[0]["bulkId"], &answers[0]["version"], &answers[3]["version"]),
        (&json!("g"), &json!("W/\"1\""), &json!("W/\"2\""))
    );
    let id = |n: usize| text(&answers[n]["location"]).rsplit('/').next().expect("an id").to_owned();
    let poets = scim.get(&format!("/Groups/{}", id(0))).await;
    assert_eq!(scim.members(&poets).await, [id(2)]);
    let bob = scim.get(&format!("/Users/{}", id(2))).await;
    assert_eq!(bob[ENTERPRISE]["manager"], json!({"value": id(1)}), "who is not there any more");
}

async fn i54_paths_lead_forward_too(scim: Scim) {
    let several = "members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]";
    let answers = carried_out(&scim, bulk(json!([
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [
            {"op": "remove", "path": several}, {"op": "replace", "path": "displayName", "value": "\"bulkId\" a"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
            "displayName": "Poets", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}, {"value": "bulkId:c"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob"}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": {"userName": "cy"}},
    ])))
    .await;
    let statuses: Vec<_> = answers.iter().map(|one| text(&one["status"])).collect();
    assert_eq!(statuses, ["204", "201", "201", "201", "201"], "{answers:?}");
    let id = |n: usize| text(&answers[n]["location"]).rsplit('/').next().expect("an id").to_owned();
    let poets = scim.get(&format!("/Groups/{}", id(1))).await;
    assert_eq!((scim.members(&poets).await, &poets["displayName"]), (vec![id(4)], &json!("\"bulkId\" a")));
}

async fn i54_operations_fail_one_by_one(scim: Scim) {
    let ada = scim.user("ada").await;
    let operations = json!([
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "ADA"}},
        {"method": "POST", "path": "/Groups", "bulkId": "2", "data": {"displayName": "x", "members": [{"value": "bulkId:1"}]}},
        {"method": "PUT", "path": path(&ada), "version": "W/\"7\"", "data": {"userName": "ada"}},
        {"method": "GET", "path": path(&ada)},
        {"method": "POST", "path": "/Devices", "bulkId": "3", "data": {}},
        {"method": "POST", "path": "/Users", "bulkId": "4", "data": {"userName": "bob"}},
    ]);
    let answers = carried_out(&scim, bulk(operations.clone())).await;
    let told: Vec<_> = answers
        .iter()
        .map(|one| (text(&one["status"]), one["response"]["scimType"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [("409", "uniqueness"), ("400", "invalidValue"), ("412", ""), ("405", ""), ("404", ""), ("201", "")]
    );
    assert_eq!(answers[0]["response"]["schemas"], json!([ERROR]));
    assert_eq!(answers[0].get("location"), None);
    assert_eq!(answers[2]["location"], ada["meta"]["location"]);
    assert_eq!(scim.found("Users", "userName pr").await, ["ada", "bob"]);
    let mut request = bulk(operations);
    request["failOnErrors"] = json!(2);
    let answers = carried_out(&scim, request).await;
    assert_eq!(answers.len(), 2, "the rest is left");
}

async fn i54_bulk_has_limits(scim: Scim) {
    let config = scim.get("/ServiceProviderConfig").await;
    assert_eq!(config["bulk"], json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1048576}));
    let delete = json!({"method": "DELETE", "path": "/Users/x"});
    scim.refuses((413, ""), "POST", "/Bulk", bulk(json!(vec![delete; 1001]))).await;
    let large =
        json!({"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "x".repeat(1 << 20)}});
    scim.refuses((413, ""), "POST", "/Bulk", bulk(json!([large]))).await;
    for request in [
        json!([]),
        json!({"Operations": {}}),
        bulk(json!([{"method": "POST", "path": "/Users", "data": {}}])),
        bulk(json!([{"path": "/Users"}])),
        json!({"Operations": [], "failOnErrors": 0}),
    ] {
        scim.refuses((400, "invalidSyntax"), "POST", "/Bulk", request).await;
    }
}
