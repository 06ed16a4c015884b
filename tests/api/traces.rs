//! Traces (W3C Trace Context): every change that a request makes has the id of its trace.

use crate::api::feed_helpers::follow;
use crate::api::group_helpers::{
    create_named_group, create_users, group_path, member_path, members_path, user_ids_body,
};
use crate::api::imports;
use crate::support::api::{Api, path, send_concurrently, text};
use crate::support::http::{Request, Response};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

engine_tests! {
    native_writes_record_the_trace
    scim_writes_record_the_trace
    imports_record_the_trace
    each_call_of_a_batch_records_its_own_trace
    changes_without_a_valid_traceparent_have_no_trace
}

/// The trace id with this number.
fn trace(number: u64) -> String {
    format!("{:032x}", 0xace_0000 + number)
}

/// Adds a valid `traceparent` of that trace.
fn traced(request: Request, number: u64) -> Request {
    request.header("traceparent", &format!("00-{}-b7ad6b7169203331-01", trace(number)))
}

/// The traces of a server's changes.
struct Traces<'a> {
    api: &'a Api,
    /// The number of traces and of changes so far.
    sent: u64,
    seen: usize,
}

impl Traces<'_> {
    /// Sends a request with a new trace, and checks that it has made this many changes, which all have the trace.
    async fn check(&mut self, changes: usize, status: u16, request: Request) -> Response {
        self.sent += 1;
        let response = traced(request, self.sent).send().await.expect(status);
        let all = follow(&self.api.client, 0, "").await;
        let new: Vec<_> = all[self.seen..].iter().map(|row| row["traceId"].clone()).collect();
        assert_eq!(new, vec![json!(trace(self.sent)); changes], "{:?}", &all[self.seen..]);
        self.seen = all.len();
        response
    }
}

impl Api {
    fn traces(&self) -> Traces<'_> {
        Traces { api: self, sent: 0, seen: 0 }
    }
}

async fn native_writes_record_the_trace(api: Api) {
    let (client, mut traces) = (&api.client, api.traces());
    let create = |name: &str| client.post("/users", &json!({ "userName": name }));
    let ada = traces.check(1, 201, create("ada")).await.json();
    let bob = traces.check(1, 201, create("bob").header("idempotency-key", "1")).await.json();
    traces.check(1, 200, client.patch(&path(&ada), &json!({ "title": "x" }))).await;
    traces.check(0, 200, client.patch(&path(&ada), &json!({ "title": "x" }))).await;
    traces.check(1, 200, client.put(&path(&ada), &json!({ "userName": "ada" }))).await;
    let group = traces.check(1, 201, client.post("/groups", &json!({ "displayName": "a" }))).await.json();
    traces.check(2, 204, client.post(&members_path(&group), &user_ids_body([&ada, &bob]))).await;
    traces.check(1, 204, client.delete(&member_path(&group, &bob))).await;
    traces.check(1, 204, client.put(&member_path(&group, &bob), &json!({}))).await;
    traces.check(2, 204, client.delete(&path(&ada))).await;
    traces.check(1, 204, client.delete(&group_path(&group))).await;
    traces.check(2, 204, client.delete(&format!("{}?erase=true", path(&bob)))).await;
    traces.check(1, 201, client.post("/keys", &json!({ "role": "reader" }))).await;
    traces.check(1, 201, client.post("/tenants", &json!({ "name": "acme" }))).await;
}

async fn scim_writes_record_the_trace(api: Api) {
    let mut traces = api.traces();
    let scim = |method: Method, path: &str, body: Value| {
        api.client.request(method, &format!("/scim/v2{path}")).body("application/scim+json", body.to_string())
    };
    let user =
        |name: &str| json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
    let ada = traces.check(1, 201, scim(Method::POST, "/Users", user("ada"))).await.json();
    let id = text(&ada["id"]);
    let operations = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    traces
        .check(1, 200, scim(Method::PATCH, &format!("/Users/{id}"), json!({ "Operations": operations })))
        .await;
    let group = json!({ "displayName": "a", "members": [{ "value": id }] });
    traces.check(2, 201, scim(Method::POST, "/Groups", group)).await;
    let bulk = json!({ "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "b", "data": user("bob") },
        { "method": "DELETE", "path": format!("/Users/{id}") },
    ] });
    traces.check(3, 200, scim(Method::POST, "/Bulk", bulk)).await;
}

async fn imports_record_the_trace(api: Api) {
    let lines: String = (0..50).map(|n| json!({ "userName": format!("u{n}") }).to_string() + "\n").collect();
    let import = imports::request(&api.client, "?match=userName", imports::NDJSON, lines);
    api.traces().check(50, 200, import).await;
}

async fn each_call_of_a_batch_records_its_own_trace(api: Api) {
    let users = create_users(&api.client, 16).await;
    let group = create_named_group(&api.client, "a").await;
    let before = follow(&api.client, 0, "").await.len();
    let created = send_concurrently(64, |number| {
        traced(api.client.post("/users", &json!({ "userName": format!("c{number}") })), number as u64)
    });
    let added = send_concurrently(16, |number| {
        traced(api.client.put(&member_path(&group, &users[number]), &json!({})), 100 + number as u64)
    });
    for response in created.await.into_iter().chain(added.await) {
        assert!(response.status.is_success(), "{}", response.text());
    }
    for row in &follow(&api.client, 0, "").await[before..] {
        let number = match text(&row["type"]) {
            "user.created" => text(&row["after"]["userName"])[1..].parse().expect("the name has a number"),
            _ => {
                let index = users.iter().position(|user| user["id"] == row["userId"]).expect("a known user");
                100 + index as u64
            }
        };
        assert_eq!(row["traceId"], trace(number), "{row}");
    }
}

async fn changes_without_a_valid_traceparent_have_no_trace(api: Api) {
    let valid = format!("00-{}-b7ad6b7169203331-01", trace(1));
    let create = |number: usize| api.client.post("/users", &json!({ "userName": format!("u{number}") }));
    create(0).send().await.expect(201);
    let invalid = ["", "x", &valid.to_uppercase(), &valid.replace("00-", "ff-"), &valid[..54]];
    for (number, traceparent) in invalid.into_iter().enumerate() {
        create(number + 1).header("traceparent", traceparent).send().await.expect(201);
    }
    create(100).header("traceparent", &valid).header("traceparent", &valid).send().await.expect(201);
    let rows = follow(&api.client, 0, "").await;
    assert_eq!(rows.len(), invalid.len() + 2);
    let names: BTreeSet<_> = rows.iter().flat_map(|row| row.as_object().expect("an object").keys()).collect();
    assert!(!names.iter().any(|name| *name == "traceId"), "{names:?}");
}
