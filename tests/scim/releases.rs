//! The settings of a connection's brake, and its releases.

use crate::scim::brake::{
    assert_refused, braked, connection_changes, create_users, deactivate, deactivate_all, only, read,
};
use crate::scim::client::{Scim, path};
use crate::support::api::{send_concurrently, text};
use crate::support::http::Response;
use serde_json::{Value, json};

engine_tests! {
    connections_have_a_brake_by_default
    brakes_are_patched
    invalid_brakes_are_rejected
    an_allowance_permits_exactly_its_number
    a_provider_that_retries_finishes_its_sync
    a_release_without_a_number_restarts_the_period
    a_connection_that_is_not_held_can_be_released
    a_hold_survives_a_restart
    changes_of_the_brake_do_not_end_a_hold
    releases_are_conditional
    counts_are_deleted_with_their_connection_and_tenant
}

async fn release(scim: &Scim, connection: &Value, allow: Value) -> Value {
    send_release(scim, connection, &json!({ "allow": allow })).await.expect(200).json()
}

async fn send_release(scim: &Scim, connection: &Value, body: &Value) -> Response {
    scim.api.client.post(&at(connection, "/release"), body).send().await
}

fn at(connection: &Value, suffix: &str) -> String {
    format!("/connections/{}{suffix}", text(&connection["id"]))
}

async fn connections_have_a_brake_by_default(scim: Scim) {
    let admin = &scim.api.client;
    let default = json!({ "users": 20, "percent": 10, "hours": 24 });
    for (body, expected) in [
        (json!({ "name": "a" }), default.clone()),
        (json!({ "name": "b", "brake": {} }), default.clone()),
        (json!({ "name": "c", "brake": { "hours": 1 } }), json!({ "users": 20, "percent": 10, "hours": 1 })),
        (json!({ "name": "d", "brake": null }), Value::Null),
    ] {
        let created = admin.post("/connections", &body).send().await.expect(201).json();
        assert_eq!((&created["brake"], created.get("held")), (&expected, Some(&Value::Null)), "{body}");
        assert_eq!(read(&scim, &created).await, created);
        let change = connection_changes(&scim).await.pop().expect("there are changes");
        assert_eq!(change["after"]["brake"], expected);
    }
    // A connection of an earlier release.
    let (columns, mut sql) = ("tenant_id, profile, version, created_at, updated_at", scim.api.sql());
    sql.execute(&format!(
        "INSERT INTO connections (id, name, {columns}) SELECT (SELECT id FROM tenants WHERE name = 'default'), 'old', \
         {columns} FROM connections WHERE name = 'd'"
    ));
    let filter = "/connections?filter=name%20eq%20%22old%22";
    let old = admin.get(filter).send().await.expect(200).json()["items"][0].clone();
    assert_eq!((&old["brake"], &old["held"]), (&default, &Value::Null));
}

async fn brakes_are_patched(scim: Scim) {
    let (connection, scim) = braked(scim, json!({ "users": 1 })).await;
    let patch = async |body: &Value| {
        scim.api.client.patch(&at(&connection, ""), body).send().await.expect(200).json()
    };
    let patched = patch(&json!({ "brake": { "percent": 5 } })).await;
    let expected = json!({ "users": 1, "percent": 5, "hours": 24 });
    assert_eq!((&patched["brake"], &patched["version"]), (&expected, &json!(2)));
    assert_eq!(patch(&patched).await, patched, "a connection can be sent back");
    assert_eq!(patch(&json!({ "name": "x" })).await["brake"], expected);
    assert_eq!(patch(&json!({ "brake": null })).await["brake"], Value::Null);
    assert_eq!(patch(&json!({ "profile": "strict" })).await["brake"], Value::Null);
    let again = json!({ "users": 7, "percent": 10, "hours": 24 });
    assert_eq!(patch(&json!({ "brake": { "users": 7 } })).await["brake"], again);
    let changes = connection_changes(&scim).await;
    let last = changes.last().expect("there are changes");
    assert_eq!(
        (&last["type"], &last["before"], &last["after"]),
        (&json!("connection.updated"), &json!({ "brake": null }), &json!({ "brake": again }),)
    );
}

async fn invalid_brakes_are_rejected(scim: Scim) {
    let (connection, scim) = braked(scim, Value::Null).await;
    for (body, pointer, code) in [
        (json!({ "brake": 20 }), "/brake", "wrong-type"),
        (json!({ "brake": { "users": -1 } }), "/brake/users", "out-of-range"),
        (json!({ "brake": { "users": 1.5 } }), "/brake/users", "wrong-type"),
        (json!({ "brake": { "percent": 101 } }), "/brake/percent", "out-of-range"),
        (json!({ "brake": { "hours": 0 } }), "/brake/hours", "out-of-range"),
        (json!({ "brake": { "hours": 721 } }), "/brake/hours", "out-of-range"),
        (json!({ "brake": { "days": 1 } }), "/brake/days", "unknown-field"),
    ] {
        let patched = scim.api.client.patch(&at(&connection, ""), &body).send().await.expect(422).json();
        let mut created = body.clone();
        created["name"] = json!("new");
        let created = scim.api.client.post("/connections", &created).send().await.expect(422).json();
        for problem in [patched, created] {
            let error = &problem["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{body}");
        }
    }
    for (body, code) in [
        (json!({ "allow": -1 }), "out-of-range"),
        (json!({ "allow": 1_000_001 }), "out-of-range"),
        (json!({ "allow": "all" }), "wrong-type"),
        (json!({ "users": 1 }), "unknown-field"),
    ] {
        let problem = send_release(&scim, &connection, &body).await.expect(422).json();
        assert_eq!(problem["errors"][0]["code"], code);
    }
}

async fn an_allowance_permits_exactly_its_number(scim: Scim) {
    let (connection, scim) = braked(scim, only(2)).await;
    let paths = create_users(&scim, "u", 9).await;
    assert_eq!(deactivate_all(&scim, &paths[..3]).await, [200, 200, 429]);
    let released = release(&scim, &connection, json!(3)).await;
    assert_eq!((&released["held"], &released["version"]), (&Value::Null, &json!(3)));
    assert_eq!(read(&scim, &connection).await, released);
    assert_eq!(deactivate_all(&scim, &paths[2..]).await, [200, 200, 200, 429, 429, 429, 429]);
    let held = read(&scim, &connection).await;
    assert_eq!((&held["held"]["count"], &held["version"]), (&json!(5), &json!(4)));
    // A later release replaces what is left of an earlier one.
    release(&scim, &connection, json!(9)).await;
    release(&scim, &connection, json!(1)).await;
    assert_eq!(deactivate_all(&scim, &paths[5..]).await, [200, 429, 429, 429]);
    release(&scim, &connection, json!(0)).await;
    assert_eq!(deactivate_all(&scim, &paths[6..7]).await, [429]);
    let changes = connection_changes(&scim).await;
    let types: Vec<_> = changes.iter().skip(2).map(|change| text(&change["type"])).collect();
    let expected = ["held", "released", "held", "released", "released", "held", "released", "held"];
    assert_eq!(types, expected.map(|kind| format!("connection.{kind}")));
    let first = &changes[3];
    assert_eq!(first["actor"]["type"], "admin");
    assert_eq!(first["before"]["held"], changes[2]["after"]["held"]);
    assert_eq!(first["after"], json!({ "held": null, "allow": 3 }));
}

/// The provider sends each refused request again until it succeeds.
async fn a_provider_that_retries_finishes_its_sync(scim: Scim) {
    let (connection, scim) = braked(scim, json!({ "users": 5, "percent": 10 })).await;
    let mut left = create_users(&scim, "u", 60).await;
    let mut rounds = 0;
    while !left.is_empty() {
        let responses = send_concurrently(left.len(), |index| deactivate(&scim, &left[index])).await;
        let refused = responses.iter().filter(|response| response.code() == 429).count();
        assert_eq!(refused + responses.iter().filter(|response| response.code() == 200).count(), left.len());
        let inactive = scim.get("/Users?filter=active%20eq%20false&attributes=id&count=500").await;
        left.retain(|path| !inactive.to_string().contains(path.trim_start_matches("/Users/")));
        assert_eq!(refused, left.len());
        rounds += 1;
        if rounds == 1 {
            assert_eq!(refused, 54, "ten percent of 60 users");
            release(&scim, &connection, json!(refused)).await;
        }
    }
    assert_eq!(rounds, 2);
    assert_eq!(read(&scim, &connection).await["held"], Value::Null);
}

async fn a_release_without_a_number_restarts_the_period(scim: Scim) {
    let (connection, scim) = braked(scim, only(2)).await;
    let paths = create_users(&scim, "u", 8).await;
    for users in paths.chunks(2) {
        assert_eq!(deactivate_all(&scim, users).await, [200, 200]);
        let group = scim.create_group("Poets", &[]).await;
        scim.call(429, "DELETE", &path(&group), Value::Null).await;
        assert_eq!(read(&scim, &connection).await["held"]["count"], 2);
        let released = release(&scim, &connection, Value::Null).await;
        assert_eq!(released["held"], Value::Null);
    }
    let last = connection_changes(&scim).await.pop().expect("there are changes");
    assert_eq!(last["after"], json!({ "held": null, "allow": null }));
}

async fn a_connection_that_is_not_held_can_be_released(scim: Scim) {
    let (connection, scim) = braked(scim, only(1)).await;
    let paths = create_users(&scim, "u", 6).await;
    let released = release(&scim, &connection, json!(3)).await;
    assert_eq!((&released["held"], &released["version"]), (&Value::Null, &json!(2)));
    assert_eq!(deactivate_all(&scim, &paths[..4]).await, [200, 200, 200, 429]);
    release(&scim, &connection, Value::Null).await;
    assert_eq!(deactivate_all(&scim, &paths[3..]).await, [200, 429, 429]);
}

async fn a_hold_survives_a_restart(scim: Scim) {
    let (connection, scim) = braked(scim, only(1)).await;
    let paths = create_users(&scim, "u", 4).await;
    assert_eq!(deactivate_all(&scim, &paths[..2]).await, [200, 429]);
    let before = read(&scim, &connection).await;
    let scim = restart(scim);
    assert_eq!(read(&scim, &before).await["held"], before["held"]);
    assert_refused(&deactivate(&scim, &paths[1]).send().await);
    release(&scim, &connection, json!(1)).await;
    let scim = restart(scim);
    assert_eq!(deactivate_all(&scim, &paths[1..]).await, [200, 429, 429]);
}

/// Restarts the server. The token remains the same.
fn restart(scim: Scim) -> Scim {
    let api = scim.api.restart_gracefully();
    let client = scim.client.at(&api.server.address().to_string());
    Scim { client, api, ..scim }
}

async fn changes_of_the_brake_do_not_end_a_hold(scim: Scim) {
    let (connection, scim) = braked(scim, only(1)).await;
    let paths = create_users(&scim, "u", 6).await;
    assert_eq!(deactivate_all(&scim, &paths[..2]).await, [200, 429]);
    let held = read(&scim, &connection).await["held"].clone();
    for brake in [json!({ "users": 100 }), Value::Null] {
        let body = json!({ "brake": brake, "held": null });
        let patched = scim.api.client.patch(&at(&connection, ""), &body).send().await.expect(200).json();
        assert_eq!(patched["held"], held);
        assert_eq!(deactivate_all(&scim, &paths[1..2]).await, [429]);
    }
    let find = "/connections?filter=held%20pr";
    let found = scim.api.client.get(find).send().await.expect(200).json();
    assert_eq!(found["items"][0]["id"], connection["id"]);
    release(&scim, &connection, Value::Null).await;
    assert_eq!(scim.api.client.get(find).send().await.expect(200).json()["items"], json!([]));
    assert_eq!(deactivate_all(&scim, &paths[1..]).await, [200; 5]);
}

async fn releases_are_conditional(scim: Scim) {
    let (connection, scim) = braked(scim, only(0)).await;
    let admin = &scim.api.client;
    let release = || admin.post(&at(&connection, "/release"), &json!({ "allow": 1 }));
    release().header("if-match", "\"7\"").send().await.expect(412);
    let released = release().header("if-match", "\"1\"").send().await.expect(200);
    assert_eq!((released.header("etag"), &released.json()["version"]), (Some("\"2\""), &json!(2)));
    let minimal = release().header("prefer", "return=minimal").send().await.expect(204);
    assert_eq!((minimal.header("etag"), minimal.text().as_str()), (Some("\"3\""), ""));
    let unknown = format!("/connections/{}/release", uuid::Uuid::now_v7());
    admin.post(&unknown, &json!({})).send().await.expect(404);
    // The token of a connection cannot release it.
    scim.client.post(&at(&connection, "/release"), &json!({})).send().await.expect(401);
}

async fn counts_are_deleted_with_their_connection_and_tenant(scim: Scim) {
    let admin = scim.api.client.clone();
    let removals = "SELECT count(*) AS number FROM connection_removals";
    let users = "SELECT count(*) AS number FROM connection_users";
    let (connection, scim) = braked(scim, only(9)).await;
    let paths = create_users(&scim, "", 3).await;
    assert_eq!(deactivate_all(&scim, &paths).await, [200; 3]);
    let mut sql = scim.api.sql();
    assert_eq!((sql.number(removals), sql.number(users)), (3, 3));
    admin.delete(&at(&connection, "")).send().await.expect(204);
    assert_eq!((sql.number(removals), sql.number(users)), (0, 3));
    let tenant = admin.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201).json();
    let mut scim = scim;
    scim.api.client = admin.in_tenant("acme");
    let (_, scim) = braked(scim, only(9)).await;
    for path in create_users(&scim, "", 2).await {
        scim.call(204, "DELETE", &path, Value::Null).await;
    }
    assert_eq!((sql.number(removals), sql.number(users)), (2, 3));
    admin.delete(&format!("/tenants/{}", text(&tenant["id"]))).send().await.expect(204);
    assert_eq!(sql.number(removals), 0);
}
