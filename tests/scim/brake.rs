//! The brake: the limit on the deactivations and deletions by a connection.

use crate::scim::client::{Scim, patch_op, path, tokens_path};
use crate::support::api::{count_with_status, send_concurrently, text};
use crate::support::http::{Client, Request, Response};
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    the_limit_is_exact_under_concurrent_requests
    each_kind_of_removal_counts_once
    requests_that_remove_nothing_are_not_counted
    everything_else_continues_while_a_connection_is_held
    bulk_operations_are_refused_one_by_one
    the_limit_is_a_percentage_of_the_users_of_the_connection
    deleted_users_do_not_lower_the_limit
    restored_users_belong_to_the_connection_and_count_once
    the_users_of_a_replaced_connection_count
    removals_that_are_older_than_the_period_do_not_count
    connections_and_keys_without_a_brake_are_not_limited
    a_removal_for_a_deleted_connection_is_unauthorized
}

/// Creates a connection with this brake and a token. The returned [`Scim`] sends the token.
pub(crate) async fn braked(scim: Scim, brake: Value) -> (Value, Scim) {
    let body = json!({ "name": "Okta", "brake": brake });
    let connection = scim.api.client.post("/connections", &body).send().await.expect(201).json();
    let client = with_token(&scim.api.client, &connection).await;
    (connection, Scim { client, ..scim })
}

async fn with_token(admin: &Client, connection: &Value) -> Client {
    let token = admin.post(&tokens_path(connection), &json!({})).send().await.expect(201).json();
    admin.with_key(text(&token["secret"]))
}

/// A brake that permits this number of removals.
pub(crate) fn only(users: i64) -> Value {
    json!({ "users": users, "percent": 0 })
}

/// The current state of a connection, without the summary of its requests.
pub(crate) async fn read(scim: &Scim, connection: &Value) -> Value {
    let at = format!("/connections/{}", text(&connection["id"]));
    let mut read = scim.api.client.get(&at).send().await.expect(200).json();
    read.as_object_mut().expect("the response is an object").remove("requests");
    read
}

/// Creates users with one bulk request, with an externalId if `kind` is not empty. Returns their paths.
pub(crate) async fn create_users(scim: &Scim, kind: &str, count: usize) -> Vec<String> {
    let create = |number: usize| {
        let mut data = json!({ "userName": format!("{kind}{number}") });
        if !kind.is_empty() {
            data["externalId"] = json!(format!("{kind}{number}"));
        }
        json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data })
    };
    let operations: Vec<_> = (0..count).map(create).collect();
    let results = scim.call(200, "POST", "/Bulk", json!({ "Operations": operations })).await;
    let results = results["Operations"].as_array().cloned().expect("the response has operations");
    let path = |result: &Value| {
        assert_eq!(result["status"], "201", "{result}");
        format!("/Users/{}", text(&result["location"]).rsplit('/').next().expect("the location has an id"))
    };
    results.iter().map(path).collect()
}

pub(crate) fn deactivate(scim: &Scim, path: &str) -> Request {
    let body = patch_op(json!([{ "op": "replace", "path": "active", "value": false }]));
    send(scim, Method::PATCH, path, &body)
}

fn send(scim: &Scim, method: Method, path: &str, body: &Value) -> Request {
    let request = scim.client.request(method, &format!("/scim/v2{path}"));
    request.body("application/scim+json", body.to_string())
}

/// Deactivates users one after another, and returns the statuses.
pub(crate) async fn deactivate_all(scim: &Scim, paths: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in paths {
        statuses.push(deactivate(scim, path).send().await.code());
    }
    statuses
}

/// The types of the changes to connections so far.
pub(crate) async fn connection_changes(scim: &Scim) -> Vec<Value> {
    let feed = scim.api.client.get("/changes?resource=connection&limit=500").send().await.expect(200).json();
    feed["items"].as_array().cloned().expect("the page has items")
}

/// Checks that a response is a refusal, and returns its detail.
#[track_caller]
pub(crate) fn assert_refused(response: &Response) -> String {
    assert_eq!((response.code(), response.header("retry-after")), (429, Some("300")), "{}", response.text());
    let error = response.json();
    assert_eq!((&error["status"], error.get("scimType")), (&json!("429"), None));
    text(&error["detail"]).to_owned()
}

async fn the_limit_is_exact_under_concurrent_requests(scim: Scim) {
    let (connection, scim) = braked(scim, json!({ "users": 20, "percent": 10, "hours": 24 })).await;
    let paths = create_users(&scim, "u", 240).await;
    let responses = send_concurrently(90, |index| {
        let path = &paths[index];
        // Without the externalId, which is therefore removed.
        let name = json!({ "userName": format!("u{index}"), "active": false });
        match index % 3 {
            0 => deactivate(&scim, path),
            1 => scim.client.request(Method::PUT, &format!("/scim/v2{path}")).json(&name),
            _ => scim.client.delete(&format!("/scim/v2{path}")),
        }
    })
    .await;
    let refused = count_with_status(&responses, 429);
    let removed = count_with_status(&responses, 200) + count_with_status(&responses, 204);
    // Ten percent of 240 users.
    assert_eq!((removed, refused), (24, 66));
    for response in responses.iter().filter(|response| response.code() == 429) {
        let detail = assert_refused(response);
        assert!(detail.contains("24 users and groups within the last 24 hours"), "{detail}");
        assert!(detail.contains("the larger of 20 and 10 percent of its 240 users"), "{detail}");
    }
    let inactive = scim.get("/Users?filter=active%20eq%20false&count=0").await["totalResults"].clone();
    let total = scim.get("/Users?count=0").await["totalResults"].clone();
    let removed = inactive.as_i64().zip(total.as_i64()).map(|(inactive, total)| 240 - total + inactive);
    assert_eq!(removed, Some(24));
    let held = read(&scim, &connection).await;
    assert_eq!((&held["held"]["count"], &held["version"]), (&json!(24), &json!(2)));
    let changes = connection_changes(&scim).await;
    let held_changes: Vec<_> = changes.iter().filter(|change| change["type"] == "connection.held").collect();
    let [change] = held_changes[..] else { panic!("{changes:#?}") };
    assert_eq!(change["actor"], json!({ "type": "connection", "id": connection["id"] }));
    assert_eq!(
        (&change["before"], &change["after"]),
        (&json!({ "held": null }), &json!({ "held": held["held"] }))
    );
    assert_eq!((&change["version"], &change["time"]), (&json!(2), &held["updatedAt"]));
}

async fn each_kind_of_removal_counts_once(scim: Scim) {
    let (connection, scim) = braked(scim, only(6)).await;
    let paths = create_users(&scim, "u", 6).await;
    let group = scim.create_group("Poets", &[]).await;
    deactivate(&scim, &paths[0]).send().await.expect(200);
    let replaced = json!({ "userName": "u1", "active": false });
    scim.call(200, "PUT", &paths[1], replaced).await;
    scim.call(204, "DELETE", &paths[2], Value::Null).await;
    scim.call(204, "DELETE", &path(&group), Value::Null).await;
    // The deletion of an inactive user counts too.
    scim.call(204, "DELETE", &paths[0], Value::Null).await;
    let deletion = json!({ "Operations": [{ "method": "DELETE", "path": paths[3] }] });
    let results = scim.call(200, "POST", "/Bulk", deletion).await;
    assert_eq!(results["Operations"][0]["status"], "204");
    assert_eq!(read(&scim, &connection).await["held"], Value::Null);
    let detail = assert_refused(&deactivate(&scim, &paths[4]).send().await);
    assert!(detail.contains("has deactivated or deleted 6 users and groups"), "{detail}");
    let group = scim.create_group("Painters", &[]).await;
    assert_refused(&send(&scim, Method::DELETE, &path(&group), &Value::Null).send().await);
    assert_eq!(scim.get(&paths[4]).await["active"], true);
    assert_eq!(read(&scim, &connection).await["held"]["count"], 6);
}

async fn requests_that_remove_nothing_are_not_counted(scim: Scim) {
    let (connection, scim) = braked(scim, only(2)).await;
    let paths = create_users(&scim, "u", 4).await;
    let ada = json!({ "value": paths[0].trim_start_matches("/Users/") });
    let group = scim.create("/Groups", json!({ "displayName": "Poets", "members": [ada] })).await;
    scim.create("/Users", json!({ "userName": "left", "active": false })).await;
    deactivate(&scim, &paths[0]).send().await.expect(200);
    for _ in 0..3 {
        // No-ops, errors, and requests that remove only members.
        deactivate(&scim, &paths[0]).send().await.expect(200);
        scim.call(404, "DELETE", &format!("/Users/{}", uuid::Uuid::now_v7()), Value::Null).await;
        let request = deactivate(&scim, &paths[1]).header("if-match", "W/\"9\"");
        request.send().await.expect(412);
        let delete = scim.client.delete(&format!("/scim/v2{}", paths[1])).header("if-match", "W/\"9\"");
        delete.send().await.expect(412);
        let taken = json!([{ "op": "replace", "value": { "active": false, "userName": "u2" } }]);
        scim.call(409, "PATCH", &paths[1], patch_op(taken)).await;
        let invalid = json!([{ "op": "replace", "value": { "active": false } }, { "op": "remove" }]);
        scim.call(400, "PATCH", &paths[1], patch_op(invalid)).await;
        scim.patch(204, &path(&group), json!([{ "op": "remove", "path": "members" }])).await;
        scim.patch(204, &path(&group), json!([{ "op": "add", "path": "members", "value": [ada] }])).await;
        let same = json!({ "userName": "u0", "externalId": "u0", "active": false });
        scim.call(200, "PUT", &paths[0], same).await;
    }
    assert_eq!(deactivate_all(&scim, &paths[1..]).await, [200, 429, 429]);
    assert_eq!(read(&scim, &connection).await["held"]["count"], 2);
    // Neither are they refused while the connection is held.
    deactivate(&scim, &paths[0]).send().await.expect(200);
    scim.call(404, "DELETE", &format!("/Users/{}", uuid::Uuid::now_v7()), Value::Null).await;
}

async fn everything_else_continues_while_a_connection_is_held(scim: Scim) {
    let (connection, scim) = braked(scim, only(1)).await;
    let paths = create_users(&scim, "u", 3).await;
    assert_eq!(deactivate_all(&scim, &paths).await, [200, 429, 429]);
    let bob = scim.create("/Users", json!({ "userName": "bob", "externalId": "bob" })).await;
    scim.patch(200, &path(&bob), json!([{ "op": "replace", "path": "title", "value": "x" }])).await;
    scim.patch(200, &paths[0], json!([{ "op": "replace", "path": "active", "value": true }])).await;
    let group = scim.create_group("Poets", &[&bob]).await;
    scim.patch(204, &path(&group), json!([{ "op": "remove", "path": "members" }])).await;
    scim.patch(204, &path(&group), json!([{ "op": "replace", "path": "displayName", "value": "x" }])).await;
    scim.call(200, "PUT", &path(&bob), json!({ "userName": "bob", "title": "y" })).await;
    assert_eq!(scim.get("/Users").await["totalResults"], 4);
    assert_refused(&deactivate(&scim, &paths[0]).send().await);
    // Only this connection is held.
    let scim = Scim { client: scim.api.client.clone(), ..scim };
    deactivate(&scim, &paths[1]).send().await.expect(200);
    scim.call(204, "DELETE", &paths[2], Value::Null).await;
    assert_eq!(read(&scim, &connection).await["held"]["count"], 1);
}

async fn bulk_operations_are_refused_one_by_one(scim: Scim) {
    let (_, scim) = braked(scim, only(2)).await;
    let paths = create_users(&scim, "u", 5).await;
    let deactivation = patch_op(json!([{ "op": "replace", "value": { "active": false } }]));
    let mut operations: Vec<_> =
        paths.iter().map(|path| json!({ "method": "DELETE", "path": path })).collect();
    operations[1] = json!({ "method": "PATCH", "path": paths[1], "data": deactivation });
    operations.insert(
        3,
        json!({ "method": "POST", "path": "/Users", "bulkId": "b", "data": { "userName": "bob" } }),
    );
    let run = async |fail_on_errors: usize| {
        let body = json!({ "failOnErrors": fail_on_errors, "Operations": operations });
        let response = scim.call(200, "POST", "/Bulk", body).await;
        response["Operations"].as_array().cloned().expect("the response has operations")
    };
    let results = run(100).await;
    let statuses: Vec<_> = results.iter().map(|result| text(&result["status"])).collect();
    assert_eq!(statuses, ["204", "200", "429", "201", "429", "429"], "{results:#?}");
    let refused = &results[2]["response"];
    assert_eq!(refused["status"], "429");
    assert!(text(&refused["detail"]).contains("has deactivated or deleted 2 users"), "{refused}");
    let results = run(1).await;
    assert_eq!(results.len(), 1, "the deletion of a missing user fails: {results:#?}");
}

async fn the_limit_is_a_percentage_of_the_users_of_the_connection(scim: Scim) {
    let admin = scim.api.client.clone();
    let (_, other) = braked(scim, Value::Null).await;
    create_users(&other, "other", 40).await;
    let scim = Scim { client: admin.clone(), ..other };
    let body = json!({ "name": "Entra", "brake": { "users": 1, "percent": 50 } });
    let connection = admin.post("/connections", &body).send().await.expect(201).json();
    let scim = Scim { client: with_token(&admin, &connection).await, ..scim };
    let mut paths = create_users(&scim, "u", 6).await;
    // Created by the connection, without an externalId and with one that is set later.
    paths.extend(create_users(&scim, "", 3).await);
    let linked = json!([{ "op": "add", "path": "externalId", "value": "linked" }]);
    scim.patch(200, &paths[8], linked).await;
    // Created by somebody else: it belongs to the connection once this sets an externalId.
    let native = scim.api.create_named("native").await;
    let native = format!("/Users/{}", text(&native["id"]));
    scim.patch(200, &native, json!([{ "op": "add", "path": "externalId", "value": "n" }])).await;
    // Half of 10 users.
    assert_eq!(deactivate_all(&scim, &paths).await, [200, 200, 200, 200, 200, 429, 429, 429, 429]);
    let held = read(&scim, &connection).await["held"].clone();
    assert!(text(&held["reason"]).contains("50 percent of its 10 users"), "{held}");
}

async fn deleted_users_do_not_lower_the_limit(scim: Scim) {
    let (connection, scim) = braked(scim, json!({ "users": 2, "percent": 50 })).await;
    let mut paths = create_users(&scim, "u", 8).await;
    paths.extend(create_users(&scim, "", 4).await);
    let foreign = scim.api.create_named("foreign").await;
    paths.insert(1, format!("/Users/{}", text(&foreign["id"])));
    let mut statuses = Vec::new();
    for path in paths.iter().rev() {
        statuses.push(send(&scim, Method::DELETE, path, &Value::Null).send().await.code());
    }
    // Half of 12 users.
    assert_eq!(statuses, [[204; 6].as_slice(), &[429; 7]].concat());
    let held = read(&scim, &connection).await["held"].clone();
    assert!(text(&held["reason"]).contains("50 percent of its 12 users"), "{held}");
}

async fn restored_users_belong_to_the_connection_and_count_once(scim: Scim) {
    let (connection, scim) = braked(scim, json!({ "users": 0, "percent": 50 })).await;
    let mut paths = create_users(&scim, "u", 6).await;
    paths.extend(create_users(&scim, "", 6).await);
    // Each second one has an externalId.
    let delete_all = async || {
        let order =
            [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11].map(|index| paths.get(index).expect("there are 12 users"));
        let mut statuses = Vec::new();
        for path in order {
            statuses.push(send(&scim, Method::DELETE, path, &Value::Null).send().await.code());
        }
        statuses
    };
    let restore = async || {
        let mut restored = 0;
        for path in &paths {
            let at = path.replace("/Users/", "/users/") + "/restore";
            restored += usize::from(scim.api.client.post(&at, &json!({})).send().await.code() == 200);
        }
        restored
    };
    let release = format!("/connections/{}/release", text(&connection["id"]));
    let release =
        async |allow| scim.api.client.post(&release, &json!({ "allow": allow })).send().await.expect(200);
    let half = [[204; 6].as_slice(), &[429; 6]].concat();
    assert_eq!((delete_all().await, restore().await), (half.clone(), 6));
    // The earlier deletions still count, but the users that were restored are among the 12.
    release(json!(0)).await;
    assert_eq!(delete_all().await, [429; 12]);
    let held = read(&scim, &connection).await["held"].clone();
    assert!(text(&held["reason"]).contains("50 percent of its 12 users"), "{held}");
    release(Value::Null).await;
    assert_eq!((delete_all().await, restore().await), (half, 6));
}

async fn the_users_of_a_replaced_connection_count(scim: Scim) {
    let admin = scim.api.client.clone();
    let (old, scim) = braked(scim, only(0)).await;
    let mut paths = create_users(&scim, "u", 3).await;
    paths.extend(create_users(&scim, "", 3).await);
    assert_eq!(deactivate_all(&scim, &paths[..1]).await, [429]);
    let body = json!({ "name": "New", "replaces": old["id"], "brake": { "users": 0, "percent": 50 } });
    let new = admin.post("/connections", &body).send().await.expect(201).json();
    assert_eq!(new["held"], Value::Null, "the hold is that of the old connection");
    let scim = Scim { client: with_token(&admin, &new).await, ..scim };
    assert_eq!(deactivate_all(&scim, &paths).await, [200, 200, 200, 429, 429, 429]);
}

async fn removals_that_are_older_than_the_period_do_not_count(scim: Scim) {
    let brake = json!({ "users": 3, "percent": 0, "hours": 2 });
    let (connection, scim) = braked(scim, brake).await;
    let paths = create_users(&scim, "u", 9).await;
    let mut sql = scim.api.sql();
    let mut age = |minutes: i64| {
        let micros = minutes * 60_000_000;
        sql.execute(&format!("UPDATE connection_removals SET time = -(time - {micros})"));
        sql.execute("UPDATE connection_removals SET time = -time");
    };
    assert_eq!(deactivate_all(&scim, &paths[..1]).await, [200]);
    age(119);
    assert_eq!(deactivate_all(&scim, &paths[1..3]).await, [200, 200]);
    age(2);
    // The first one no longer counts.
    assert_eq!(deactivate_all(&scim, &paths[3..5]).await, [200, 429]);
    // A hold does not end by itself.
    age(300);
    assert_eq!(deactivate_all(&scim, &paths[4..5]).await, [429]);
    let held = read(&scim, &connection).await["held"].clone();
    assert_eq!(held["count"], 3);
    assert!(text(&held["reason"]).contains("within the last 2 hours"), "{held}");
}

async fn connections_and_keys_without_a_brake_are_not_limited(scim: Scim) {
    let (connection, braked) = braked(scim, only(0)).await;
    let paths = create_users(&braked, "u", 30).await;
    let scim = Scim { client: braked.api.client.clone(), ..braked };
    assert_eq!(deactivate_all(&scim, &paths[..3]).await, [200; 3]);
    let free = json!({ "name": "Free", "brake": null });
    let free = scim.api.client.post("/connections", &free).send().await.expect(201).json();
    assert_eq!(free["brake"], Value::Null);
    let scim = Scim { client: with_token(&scim.api.client, &free).await, ..scim };
    assert_eq!(deactivate_all(&scim, &paths[3..]).await, [200; 27]);
    let rows = scim.api.sql().number("SELECT count(*) AS number FROM connection_removals");
    assert_eq!((rows, &read(&scim, &connection).await["held"]), (0, &Value::Null));
}

async fn a_removal_for_a_deleted_connection_is_unauthorized(scim: Scim) {
    let (_, scim) = braked(scim, only(9)).await;
    let paths = create_users(&scim, "u", 1).await;
    // The server still holds the token in memory, like another server on which the connection was not deleted.
    scim.api.sql().execute("DELETE FROM connections");
    let refused = deactivate(&scim, &paths[0]).send().await;
    assert_eq!(
        (refused.code(), refused.header("www-authenticate").is_some()),
        (401, true),
        "{}",
        refused.text()
    );
}
