//! Listing users: `GET /users`.

use crate::api::fixture::full_user;
use crate::api::problem::{assert_problem, check_queries_rejected, check_user_writes_reject};
use crate::api::query::follow_links;
use crate::support::api::{Api, path, send_concurrently, text};
use crate::support::percent_encoded;
use serde_json::{Value, json};

engine_tests! {
    an_empty_list_has_no_link_and_no_etag
    users_are_listed_in_creation_order
    items_are_complete_users
    pages_are_linked_by_cursors
    the_link_header_points_to_the_next_page
    limits_are_validated
    large_limits_are_capped
    the_total_is_exact
    invalid_cursors_are_rejected
    cursors_stay_valid_after_a_deletion_and_a_restart
    unknown_parameters_are_rejected
}

fn names(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .expect("the value is a list")
        .iter()
        .map(|user| text(&user["userName"]))
        .collect()
}

async fn create_users(api: &Api, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|index| format!("user-{:02}", (index * 37) % 100)).collect();
    for name in &names {
        api.create_named(name).await;
    }
    names
}

async fn an_empty_list_has_no_link_and_no_etag(api: Api) {
    let response = api.client.get("/users").send().await.expect(200);
    assert_eq!(response.json(), json!({ "items": [] }));
    assert_eq!(response.header("link"), None);
    assert_eq!(response.header("etag"), None);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    assert_eq!(api.page("?include=total&limit=1").await, json!({ "items": [], "total": 0 }));
}

async fn users_are_listed_in_creation_order(api: Api) {
    let created = create_users(&api, 20).await;
    assert_eq!(names(&api.page("").await), created);
    let page = api.page("?limit=3").await;
    let third = page["items"][2].clone();
    api.patch(&third, &json!({ "userName": "aaa" })).await;
    assert_eq!(names(&api.page("?limit=3").await), [&created[0], &created[1], "aaa"]);
}

async fn items_are_complete_users(api: Api) {
    let users = [api.create(&full_user("ada")).await, api.create_named("grace").await];
    let users = [api.patch(&users[0], &json!({ "title": "Countess" })).await, users[1].clone()];
    assert_eq!(api.page("").await, json!({ "items": users }));
}

async fn pages_are_linked_by_cursors(api: Api) {
    let created = create_users(&api, 52).await;
    let first = api.page("").await;
    assert_eq!(names(&first), created[..50]);
    let cursor = text(&first["nextCursor"]);
    assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{cursor}");
    let last = api.page(&format!("?cursor={cursor}")).await;
    assert_eq!(names(&last), created[50..]);
    assert_eq!(last.get("nextCursor"), None);
    // A page that ends with the last user has no cursor.
    assert_eq!(api.page("?limit=52").await.get("nextCursor"), None);
    let all_but_one = api.page("?limit=51").await;
    let end = api.page(&format!("?limit=51&cursor={}", text(&all_but_one["nextCursor"]))).await;
    assert_eq!((names(&end), end.get("nextCursor")), (vec![created[51].as_str()], None));
}

async fn the_link_header_points_to_the_next_page(api: Api) {
    let created = create_users(&api, 7).await;
    let pages = follow_links(&api.client, "/users?limit=3&include=total").await;
    assert_eq!(pages.len(), 3);
    assert!(pages.iter().all(|page| page["total"] == 7), "{pages:?}");
    let seen: Vec<_> = pages.iter().flat_map(names).collect();
    assert_eq!(seen, created);
}

async fn limits_are_validated(api: Api) {
    create_users(&api, 4).await;
    for (limit, count) in [("1", 1), ("2", 2), ("4", 4), ("500", 4)] {
        assert_eq!(names(&api.page(&format!("?limit={limit}")).await).len(), count, "{limit}");
    }
    for limit in ["0", "-1", "abc", "", "1.5", "%2B5", "0x10", "1e2", "%201", "00", "٣", "-0"] {
        check_queries_rejected(&api.client, "/users", &[&format!("limit={limit}")]).await;
    }
    check_queries_rejected(&api.client, "/users", &["limit=2&limit=2"]).await;
}

async fn large_limits_are_capped(api: Api) {
    let client = api.client.clone();
    for round in 0..11 {
        let created = send_concurrently(46, |index| {
            client.post("/users", &json!({ "userName": format!("u-{round}-{index}") }))
        });
        assert!(created.await.iter().all(|response| response.code() == 201));
    }
    for limit in ["501", "506", "99999999999999999999", "18446744073709551616"] {
        let page = api.page(&format!("?limit={limit}")).await;
        assert_eq!(names(&page).len(), 500, "{limit}");
        let rest = api.page(&format!("?limit={limit}&cursor={}", text(&page["nextCursor"]))).await;
        assert_eq!((names(&rest).len(), rest.get("nextCursor")), (6, None));
    }
}

async fn the_total_is_exact(api: Api) {
    for count in 1..=5 {
        api.create_named(&format!("u{count}")).await;
        assert_eq!(api.page("?include=total&limit=2").await["total"], count);
    }
    let page = api.page("").await;
    assert_eq!(page.get("total"), None);
    for (deleted, user) in page["items"].as_array().expect("the value is a list").iter().enumerate() {
        api.client.delete(&path(user)).send().await.expect(204);
        api.client.delete(&path(user)).send().await.expect(404);
        assert_eq!(api.page("?include=total").await["total"], 4 - deleted);
    }
    // A failed creation is not counted.
    api.create_named("ada").await;
    api.client.post("/users", &json!({ "userName": "ADA" })).send().await.expect(409);
    assert_eq!(api.page("?include=total").await["total"], 1);
    check_queries_rejected(&api.client, "/users", &["include=members", "include="]).await;
}

async fn invalid_cursors_are_rejected(api: Api) {
    create_users(&api, 3).await;
    let page = api.page("?limit=1").await;
    let valid = text(&page["nextCursor"]);
    assert_eq!(names(&api.page(&format!("?cursor={valid}")).await).len(), 2);
    let damaged = (0..valid.len()).map(|at| {
        let mut bytes = valid.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("the bytes are ASCII")
    });
    let mut invalid: Vec<String> = damaged.collect();
    invalid.extend(["", "garbage", "0", "../..", "\0", "é", "%", "AAAA"].map(str::to_owned));
    invalid.extend([format!("{valid}="), format!("{valid}A"), format!(" {valid}"), valid[1..].to_owned()]);
    invalid.extend([text(&page["items"][0]["id"]).to_owned(), "A".repeat(5_000)]);
    for cursor in invalid {
        let target = format!("/users?cursor={}", percent_encoded(&cursor));
        assert_problem(&api.client.get(&target).send().await, 400, "invalid-cursor");
    }
}

async fn cursors_stay_valid_after_a_deletion_and_a_restart(api: Api) {
    let created = create_users(&api, 4).await;
    let page = api.page("?limit=2").await;
    api.client.delete(&path(&page["items"][1])).send().await.expect(204);
    let api = api.restart();
    let rest = api.page(&format!("?limit=2&cursor={}", text(&page["nextCursor"]))).await;
    assert_eq!(
        (names(&rest), rest.get("nextCursor")),
        (vec![created[2].as_str(), created[3].as_str()], None)
    );
}

async fn unknown_parameters_are_rejected(api: Api) {
    let user = api.create_named("ada").await;
    let one = path(&user);
    let unknown = ["foo=1", "foo", "Limit=1", "limit%5B%5D=1", "offset=0", "=1", "erased=true", "x=%FF"];
    check_queries_rejected(&api.client, "/users", &unknown).await;
    check_queries_rejected(&api.client, &one, &unknown).await;
    check_user_writes_reject(&api.client, &user, &unknown).await;
    let only_for_lists = ["limit=1", "cursor=x", "include=total", "filter=title%20pr", "sort=id"];
    check_queries_rejected(&api.client, &one, &only_for_lists).await;
    assert_eq!(api.page("?").await["items"], json!([user]));
}
