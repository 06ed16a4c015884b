//! Connections with the mode `dry`: their requests are answered as those of live connections, but change nothing.

use crate::scim::brake::{braked, create_users, deactivate_all, only, read};
use crate::scim::client::{Scim, USER, connect, patch_op, path};
use crate::scim::inspector::{Connected, connected};
use crate::scim::inspector_completeness::wait_for_requests;
use crate::support::api::{Engine, send_concurrently, text};
use crate::support::exports;
use crate::support::http::Response;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

engine_tests! {
    dry_requests_are_answered_like_live_ones_and_change_nothing
    dry_bulk_operations_are_answered_like_live_ones_unless_they_refer_to_each_other
    a_dry_request_does_not_store_its_response
    dry_and_live_writes_at_the_same_time_do_not_affect_each_other
    the_inspector_records_the_plan_of_a_dry_request
    the_removals_of_a_dry_connection_do_not_count
    a_bulk_request_ends_when_its_connection_becomes_dry
    a_removal_that_waits_is_refused_when_its_connection_becomes_dry
    the_mode_is_shown_changed_and_filtered
    invalid_modes_are_rejected
}

impl Connected {
    async fn set_mode(&self, mode: &str) {
        let patch = self.admin.patch(&self.path(), &json!({ "mode": mode }));
        assert_eq!(patch.send().await.expect(200).json()["mode"], mode);
    }

    /// Everything that a client can read: users, groups, members, versions and the head of the history.
    async fn state(&self) -> Vec<Value> {
        exports::lines(&self.admin, "").await
    }

    /// Sends a request in the mode dry and then in the mode live. The responses must be equal, and only the latter may
    /// change anything. Returns the body of the latter.
    async fn send_twice(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Value {
        self.set_mode("dry").await;
        let before = self.state().await;
        let dry = self.scim.send_with(method, path, &body, headers).await;
        assert_eq!(self.state().await, before, "{method} {path} {body}");
        self.set_mode("live").await;
        let live = self.scim.send_with(method, path, &body, headers).await;
        assert_eq!(comparable(&dry), comparable(&live), "{method} {path} {body}");
        assert_eq!([&dry, &live].map(|response| response.header("roster-dry-run")), [Some("true"), None]);
        if live.bytes.is_empty() { Value::Null } else { live.json() }
    }
}

/// The status, the ETag, and the body without values that differ between two requests or two creations.
fn comparable(response: &Response) -> (u16, Option<&str>, Value) {
    let mut body = if response.bytes.is_empty() { Value::Null } else { response.json() };
    remove_variable(&mut body);
    (response.code(), response.header("etag"), body)
}

fn remove_variable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(remove_variable),
        Value::Object(map) => {
            for name in ["id", "created", "lastModified", "location"] {
                map.remove(name);
            }
            if let Some(detail) = map.get("detail").and_then(Value::as_str) {
                let detail = detail.split(" Request id: ").next().unwrap_or_default().to_owned();
                map.insert("detail".to_owned(), detail.into());
            }
            map.values_mut().for_each(remove_variable);
        }
        _ => {}
    }
}

async fn dry_requests_are_answered_like_live_ones_and_change_nothing(scim: Scim) {
    let okta = connected(scim).await;
    let send = async |method, path: &str, body| okta.send_twice(method, path, body, &[]).await;
    let ada = json!({ "userName": "ada", "externalId": "1", "emails": [{ "value": "ada@example.com" }] });
    let ada = send("POST", "/Users", ada).await;
    send("POST", "/Users", json!({ "userName": "ADA" })).await;
    send("POST", "/Users", json!({ "userName": "", "active": "x" })).await;
    let grace = send("POST", "/Users", json!({ "userName": "grace", "active": false, "unknown": 1 })).await;
    let user = path(&ada);
    send("GET", &user, Value::Null).await;
    send("PUT", &user, json!({ "userName": "ada", "title": "Countess", "externalId": "1" })).await;
    send("PATCH", &user, patch_op(json!([{ "op": "replace", "path": "title", "value": "Lady" }]))).await;
    send("PATCH", &user, patch_op(json!([{ "op": "replace", "path": "title", "value": "Lady" }]))).await;
    send("PATCH", &user, patch_op(json!([{ "op": "replace", "path": "unknown", "value": "x" }]))).await;
    let stale = [("if-match", "W/\"1\"")];
    okta.send_twice("PUT", &user, json!({ "userName": "ada" }), &stale).await;
    let members = json!([{ "value": ada["id"] }]);
    let group = send("POST", "/Groups", json!({ "displayName": "Engines", "members": members })).await;
    let group = path(&group);
    let with_members = format!("{group}?attributes=members");
    let added = json!([{ "op": "add", "path": "members", "value": [{ "value": grace["id"] }] }]);
    send("PATCH", &with_members, patch_op(added)).await;
    let unknown = json!([{ "op": "add", "path": "members", "value": [{ "value": group }] }]);
    send("PATCH", &with_members, patch_op(unknown)).await;
    send("PATCH", &group, patch_op(json!([{ "op": "remove", "path": "members" }]))).await;
    send("PUT", &group, json!({ "displayName": "Engineers", "members": members })).await;
    send("PATCH", &user, patch_op(json!([{ "op": "replace", "value": { "active": false } }]))).await;
    for resource in [&user, &group, &user] {
        send("DELETE", resource, Value::Null).await;
    }
}

async fn dry_bulk_operations_are_answered_like_live_ones_unless_they_refer_to_each_other(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let okta = connected(scim).await;
    let title = patch_op(json!([{ "op": "replace", "path": "title", "value": "Lady" }]));
    let create = |bulk_id: &str, name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": { "userName": name } });
    let operations = json!([
        create("a", "grace"),
        create("b", "ada"),
        { "method": "PATCH", "path": path(&ada), "data": title },
        { "method": "DELETE", "path": path(&ada) },
    ]);
    let result = okta.send_twice("POST", "/Bulk", json!({ "Operations": operations }), &[]).await;
    let statuses = |result: &Value| {
        let statuses = result["Operations"].as_array().expect("there are results").iter();
        statuses.map(|operation| text(&operation["status"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&result), ["201", "409", "200", "204"]);
    // The user that the first operation would create does not exist for the second one.
    let group = json!({ "displayName": "Engines", "members": [{ "value": "bulkId:a" }] });
    let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": group });
    let operations = json!({ "Operations": [create("a", "joan"), group] });
    okta.set_mode("dry").await;
    assert_eq!(statuses(&okta.scim.call(200, "POST", "/Bulk", operations).await), ["201", "400"]);
}

async fn a_dry_request_does_not_store_its_response(scim: Scim) {
    let okta = connected(scim).await;
    let key = [("idempotency-key", "k")];
    let ada = json!({ "userName": "ada" });
    let live = okta.send_twice("POST", "/Users", ada.clone(), &key).await;
    // A response that a live request has stored is replayed.
    okta.set_mode("dry").await;
    let replayed = okta.scim.send_with("POST", "/Users", &ada, &key).await;
    assert_eq!((replayed.header("idempotency-replayed"), replayed.json()), (Some("true"), live));
}

async fn dry_and_live_writes_at_the_same_time_do_not_affect_each_other(scim: Scim) {
    let okta = connected(scim).await;
    okta.set_mode("dry").await;
    let live = &okta.admin;
    let create = |index: usize| {
        let client = if index.is_multiple_of(2) { live } else { &okta.scim.client };
        let body = json!({ "schemas": [USER], "userName": format!("user {index}") });
        client.request(Method::POST, "/scim/v2/Users").body("application/scim+json", body.to_string())
    };
    for response in send_concurrently(200, create).await {
        response.expect(201);
    }
    let lines = okta.state().await;
    let mut names: Vec<_> = lines.iter().filter_map(|line| line["after"]["userName"].as_str()).collect();
    names.sort_unstable();
    let mut expected: Vec<_> = (0..200).step_by(2).map(|index| format!("user {index}")).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let feed = live.get("/changes?type=user.created&limit=500").send().await.expect(200).json();
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(100));
}

async fn the_inspector_records_the_plan_of_a_dry_request(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let okta = connected(scim).await;
    okta.set_mode("dry").await;
    let title = json!([{ "op": "replace", "path": "title", "value": "Lady" }]);
    okta.scim.patch(200, &path(&ada), title.clone()).await;
    okta.set_mode("live").await;
    okta.scim.patch(200, &path(&ada), title).await;
    let [live, dry] = &okta.requests("", 2).await[..] else { panic!("there are two requests") };
    let change = json!({
        "type": "user.updated",
        "resource": "user",
        "id": ada["id"],
        "version": 2,
        "before": { "title": null },
        "after": { "title": "Lady" },
    });
    let plan = json!({ "changes": [change], "others": 0 });
    assert_eq!((&dry["plan"], &dry["revisionCount"]), (&plan, &json!(0)));
    assert_eq!((&live["plan"], &live["revisionCount"]), (&Value::Null, &json!(1)));
}

async fn the_removals_of_a_dry_connection_do_not_count(scim: Scim) {
    let admin = scim.api.client.clone();
    let (connection, scim) = braked(scim, only(1)).await;
    let connection_path = format!("/connections/{}", text(&connection["id"]));
    let set_mode = async |mode: &str| {
        admin.patch(&connection_path, &json!({ "mode": mode })).send().await.expect(200);
    };
    let users = create_users(&scim, "Users", 3).await;
    set_mode("dry").await;
    assert_eq!(deactivate_all(&scim, &users).await, [200; 3]);
    set_mode("live").await;
    assert_eq!(deactivate_all(&scim, &users[..1]).await, [200]);
    // A limit that has been reached refuses dry requests too, but they do not hold the connection.
    set_mode("dry").await;
    assert_eq!(deactivate_all(&scim, &users[1..2]).await, [429]);
    assert_eq!(read(&scim, &connection).await["held"], Value::Null);
    set_mode("live").await;
    assert_eq!(deactivate_all(&scim, &users[1..2]).await, [429]);
    assert_eq!(read(&scim, &connection).await["held"]["count"], 1);
}

async fn a_bulk_request_ends_when_its_connection_becomes_dry(scim: Scim) {
    let okta = connected(scim).await;
    let create = |number: usize| json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": { "userName": format!("u{number}") } });
    let operations: Vec<_> = (0..1_000).map(create).collect();
    let count = "SELECT count(*) AS number FROM users";
    let body =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    let request = okta.scim.client.request(Method::POST, "/scim/v2/Bulk");
    let request = request.body("application/scim+json", body.to_string());
    let bulk = tokio::spawn(async move { request.send().await });
    let mut sql = okta.scim.api.sql();
    while sql.number(count) == 0 {
        assert!(!bulk.is_finished(), "no user was created");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    okta.set_mode("dry").await;
    let response = bulk.await.expect("the request does not panic").expect(200).json();
    let results = response["Operations"].as_array().expect("there are results");
    let written = results.iter().filter(|operation| operation["status"] == "201").count();
    assert!((1..1_000).contains(&written), "{written}");
    for refused in &results[written..] {
        assert_eq!(refused["status"], "503", "{refused}");
        assert!(text(&refused["response"]["detail"]).contains("has become `dry`"), "{refused}");
    }
    assert_eq!(usize::try_from(sql.number(count)), Ok(written));
    // It was live when it was authenticated.
    assert_eq!(response.get("roster-dry-run"), None);
}

async fn a_removal_that_waits_is_refused_when_its_connection_becomes_dry(scim: Scim) {
    let admin = scim.api.client.clone();
    let (connection, scim) = braked(scim, only(10)).await;
    let users = create_users(&scim, "Users", 1).await;
    let id = users[0].rsplit('/').next().unwrap_or_default();
    let at = format!("/connections/{}", text(&connection["id"]));
    let mut lock = scim.api.lock(id);
    let request = scim.client.request(Method::DELETE, &format!("/scim/v2{}", users[0]));
    let delete = tokio::spawn(async move { request.send().await });
    wait_for_requests(&admin, 1).await;
    lock.wait_for_waiter();
    let request = admin.patch(&at, &json!({ "mode": "dry" }));
    let patch = tokio::spawn(async move { request.send().await });
    if scim.api.engine == Engine::Postgres {
        patch.await.expect("the request does not panic").expect(200);
        lock.release();
        delete.await.expect("the request does not panic").expect(503);
        scim.get(&users[0]).await;
        return;
    }
    // On SQLite, both wait for the lock of the database.
    lock.release();
    patch.await.expect("the request does not panic").expect(200);
    let status = delete.await.expect("the request does not panic").code();
    let exists = admin.get(&format!("/users/{id}")).send().await.code();
    assert!([(204, 404), (503, 200)].contains(&(status, exists)), "{status} {exists}");
}

async fn the_mode_is_shown_changed_and_filtered(scim: Scim) {
    let admin = &scim.api.client;
    let body = json!({ "name": "Entra", "mode": "dry" });
    let entra = admin.post("/connections", &body).send().await.expect(201).json();
    assert_eq!(entra["mode"], "dry");
    let (okta, _) = connect(&scim, "Okta", "lenient").await;
    assert_eq!(okta["mode"], "live");
    let dry = admin.get("/connections?filter=mode%20eq%20%22DRY%22").send().await.expect(200).json();
    assert_eq!(dry["items"], json!([entra]));
    let path = format!("/connections/{}", text(&entra["id"]));
    let renamed = admin.patch(&path, &json!({ "name": "Entra ID" })).send().await.expect(200).json();
    assert_eq!(renamed["mode"], "dry");
    // A merge patch with null removes the value, so the mode is the default again.
    let live = admin.patch(&path, &json!({ "mode": null })).send().await.expect(200).json();
    assert_eq!(live["mode"], "live");
    let feed = admin.get("/changes?type=connection.updated").send().await.expect(200).json();
    assert_eq!(
        (&feed["items"][1]["before"], &feed["items"][1]["after"]),
        (&json!({"mode": "dry"}), &json!({"mode": "live"}))
    );
}

async fn invalid_modes_are_rejected(scim: Scim) {
    for mode in [json!("Dry"), json!(""), json!(true), json!("test")] {
        let body = json!({ "name": "Okta", "mode": mode });
        let problem = scim.api.client.post("/connections", &body).send().await.expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], "/mode", "{mode}");
    }
}
