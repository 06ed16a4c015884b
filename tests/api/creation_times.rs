//! The ids of users and groups contain the time of creation, so filters on `createdAt` find users by id.

use crate::api::query::{check_filters, items, list_users, names};
use crate::support::api::{Api, text};
use roster::domain::id;
use roster::domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

engine_tests! {
    the_ids_of_new_resources_contain_created_at
    resources_of_a_bulk_request_are_listed_in_its_order
    filters_on_created_at_are_exact_if_the_id_contains_another_time
}

#[track_caller]
fn assert_created_at_in_id(resource: &Value) {
    let (id, time) = (text(&resource["id"]), text(&resource["createdAt"]));
    let id: Uuid = id.parse().expect("the id is a UUID");
    let time = Timestamp::parse(time).expect("the time has the format of RFC 3339");
    assert_eq!(id::created_at(time, id), id, "{resource}");
}

async fn the_ids_of_new_resources_contain_created_at(api: Api) {
    api.create_named("ada").await;
    api.client.post("/groups", &json!({"displayName": "a"})).send().await.expect(201);
    for path in ["/users", "/groups"] {
        let body = json!({"userName": "bob", "displayName": "b", "externalId": "e"});
        let body = if path == "/users" { body } else { json!({"displayName": "b", "externalId": "e"}) };
        api.client.put(&format!("{path}?match=externalId"), &body).send().await.expect(201);
    }
    api.client.post("/scim/v2/Users", &json!({"userName": "eve"})).send().await.expect(201);
    api.client.post("/scim/v2/Groups", &json!({"displayName": "c"})).send().await.expect(201);
    for (path, count) in [("/users", 3), ("/groups", 3)] {
        let page = api.client.get(path).send().await.expect(200).json();
        assert_eq!(items(&page).len(), count);
        items(&page).iter().for_each(assert_created_at_in_id);
    }
}

async fn resources_of_a_bulk_request_are_listed_in_its_order(api: Api) {
    let expected: Vec<_> = (0..20).map(|number| format!("user{}", number * 7 % 20)).collect();
    let post = |name| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}});
    let operations: Vec<_> = expected.iter().map(post).collect();
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let request = json!({"schemas": schemas, "Operations": operations});
    api.client.post("/scim/v2/Bulk", &request).send().await.expect(200);
    for sort in ["id", "createdAt"] {
        let users = list_users(&api.client, &[("sort", sort)]).await;
        assert_eq!(names(&users), expected, "{sort}");
        users.iter().for_each(assert_created_at_in_id);
    }
}

/// Earlier releases took the time in the id and `createdAt` one after the other.
async fn filters_on_created_at_are_exact_if_the_id_contains_another_time(api: Api) {
    for name in ["a", "b", "c", "d"] {
        api.create_named(name).await;
    }
    let mut sql = api.sql();
    let time = Timestamp::parse("2026-01-02T03:04:05.678901Z").map(i64::from).expect("the time is valid");
    // The id of `a` contains the time. The others differ from it, with almost the same `createdAt`.
    for (name, difference, created_at) in [("a", 0, 0), ("b", 200, 0), ("c", -290, 1), ("d", 290, -1)] {
        let id = id::created_at((time + difference * 1_000_000).into(), Uuid::new_v4()).simple().to_string();
        let id =
            if api.database_url().starts_with("postgres") { format!("'{id}'") } else { format!("x'{id}'") };
        let created_at = time + created_at;
        sql.execute(&format!(
            "UPDATE users SET id = {id}, created_at = {created_at} WHERE user_name = '{name}'"
        ));
    }
    let cases = [("eq", "a b"), ("ge", "c a b"), ("gt", "c"), ("le", "a b d"), ("lt", "d")]
        .map(|(operator, names)| (format!("createdAt {operator} \"2026-01-02T03:04:05.678901Z\""), names));
    check_filters(&api, &cases).await;
    let within =
        "createdAt ge \"2026-01-02T03:04:05.6789Z\" and createdAt lt \"2026-01-02T03:04:05.678901Z\"";
    check_filters(&api, &[(within, "d")]).await;
}
