//! Limits of lists that apply only to a large number of rows, which the tests insert with SQL.

use crate::api::problem::assert_problem;
use crate::scim::client::{Scim, names, path};
use crate::support::api::{Api, Engine};
use serde_json::{Value, json};

engine_tests! {
    users_in_too_many_groups_shorten_the_page
    an_unindexed_sort_is_limited_to_100_000_positions
}

/// A server whose deadline is too long to affect a test, with three users and this many groups. Ada is in one of them.
async fn start(engine: Engine, groups: usize) -> Scim {
    let api = Api::start(engine, &[("ROSTER_REQUEST_DEADLINE", "60s")]);
    let scim = Scim { client: api.client.clone(), api, adds_schemas: false };
    let ada = scim.create_user("ada").await;
    scim.create_user("bob").await;
    scim.create_user("eve").await;
    scim.create_group("g", &[&ada]).await;
    let id = match engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    scim.api.sql().execute(&format!(
        "INSERT INTO groups (tenant_id, id, display_name, display_name_key, document, folded, member_count, version, \
         created_at, updated_at) \
         WITH RECURSIVE s (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s WHERE n < {groups}) \
         SELECT tenant_id, {id}, display_name, display_name_key, document, folded, member_count, version, \
         created_at, updated_at FROM groups CROSS JOIN s; \
         UPDATE heads SET groups = {groups}"
    ));
    scim
}

/// Bob is in more groups than a response may contain, so the page ends before him. With index paging, the groups do not
/// count towards the 4 MB of a page.
async fn users_in_too_many_groups_shorten_the_page(scim: Scim) {
    let scim = start(scim.api.engine, 100_001).await;
    let mut sql = scim.api.sql();
    if scim.api.engine == Engine::Postgres {
        // Checking the foreign keys would take most of the time.
        sql.execute("SET session_replication_role = replica");
    }
    sql.execute(
        "INSERT INTO members (tenant_id, group_id, user_id, added_at) \
         SELECT groups.tenant_id, groups.id, users.id, 0 FROM groups CROSS JOIN users WHERE user_name = 'bob'",
    );
    let page = scim.get("/Users").await;
    let shown = (&page["totalResults"], &page["itemsPerPage"], names(&page));
    assert_eq!(shown, (&json!(3), &json!(1), vec!["ada".to_owned()]));
    scim.expect_error((400, "tooMany"), "GET", "/Users?startIndex=2", Value::Null).await;

    // Bob cannot be read with all groups, but he can be deactivated.
    let bob = scim.get("/Users?filter=userName%20eq%20%22bob%22&excludedAttributes=groups").await;
    let bob = path(&bob["Resources"][0]);
    scim.expect_error((400, "tooMany"), "GET", &bob, Value::Null).await;
    let native = bob.replace("/Users", "/users");
    let response = scim.api.client.get(&format!("{native}?include=groups")).send().await;
    assert_problem(&response, 400, "uncountable");
    let deactivate = json!([{"op": "replace", "path": "active", "value": false}]);
    let left = scim.patch(200, &bob, deactivate.clone()).await;
    assert_eq!((&left["active"], left.get("groups")), (&json!(false), None));

    // So many groups are not read together with the user.
    sql.execute(
        "DELETE FROM members WHERE group_id NOT IN (SELECT DISTINCT group_id FROM members ORDER BY group_id LIMIT 1001)",
    );
    let found = scim.get("/Users?filter=userName%20eq%20%22bob%22").await;
    for user in [&found["Resources"][0], &scim.get(&bob).await, &scim.patch(200, &bob, deactivate).await] {
        assert_eq!(user["groups"].as_array().map(Vec::len), Some(1001), "{}", user["userName"]);
    }
}

async fn an_unindexed_sort_is_limited_to_100_000_positions(scim: Scim) {
    let scim = start(scim.api.engine, 100_001).await;
    let page = "/Groups?sortBy=externalId&count=1&startIndex=100000&excludedAttributes=members";
    let detail = scim.expect_error((400, "tooMany"), "GET", page, Value::Null).await;
    assert!(detail.contains("sort"), "{detail}");
}
