//! The size of pages: at most 4 MB, and at least one item.

use crate::api::callers::get;
use crate::api::group_helpers::{add_members, create_group, create_users};
use crate::api::query::{items, users_target};
use crate::support::api::{Api, path, send_concurrently, text};
use serde_json::{Value, json};

engine_tests! {
    pages_of_users_are_limited
    pages_of_a_users_groups_are_limited
    pages_of_changes_are_limited
    scim_pages_are_limited
    groups_do_not_shorten_scim_pages_by_index
}

/// The maximum size of a page, in bytes.
const MAX: usize = 4_000_000;
const COUNT: usize = 90;

/// Creates users with documents of about 55 KB, whose native representations are larger.
async fn create_large_users(api: &Api) -> Vec<Value> {
    let values: Vec<_> = (0..100).map(|n| json!({ "value": n.to_string() })).collect();
    let title = "x".repeat(35_000);
    let addresses: Vec<_> = (0..100).map(|n| json!({ "locality": n.to_string() })).collect();
    let body = |index: usize| {
        json!({
            "userName": format!("u{index:02}"), "title": title, "addresses": addresses, "phoneNumbers": values,
            "ims": values, "roles": values, "entitlements": values, "photos": values,
        })
    };
    let bodies: Vec<_> = (0..COUNT).map(body).collect();
    let created = send_concurrently(COUNT, |index| api.client.post("/users", &bodies[index])).await;
    let mut users: Vec<_> = created.into_iter().map(|response| response.expect(201).json()).collect();
    users.sort_by_key(|user| text(&user["id"]).to_owned());
    users
}

/// Reads all pages of a list, the first of which is short, and returns the items.
async fn walk(api: &Api, target: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let response = api.client.get(&format!("{target}{cursor}")).send().await.expect(200);
        assert!(response.text().len() <= MAX, "{target}: {}", response.text().len());
        let page = response.json();
        let is_first = found.is_empty();
        assert!(!items(&page).is_empty(), "{target}");
        found.extend(items(&page).to_vec());
        let Some(next) = page["nextCursor"].as_str() else {
            assert!(!is_first, "{target} has only one page");
            return found;
        };
        assert!(!is_first || response.text().len() > MAX / 10 * 8, "{target}: the page is too short");
        cursor = format!("&cursor={next}");
    }
}

async fn pages_of_users_are_limited(api: Api) {
    let users = create_large_users(&api).await;
    let mut by_name = users.clone();
    by_name.sort_by_key(|user| text(&user["userName"]).to_owned());
    for (filter, sort) in [
        (None, "id"),
        (None, "-userName"),
        (Some("title sw \"x\""), "userName"),
        (Some("active eq true"), "-userName"),
        (Some("userName sw \"u\""), "id"),
    ] {
        let mut query = vec![("limit", "500"), ("include", "total"), ("sort", sort)];
        query.extend(filter.map(|filter| ("filter", filter)));
        let mut expected = if sort == "id" { users.clone() } else { by_name.clone() };
        if sort.starts_with('-') {
            expected.reverse();
        }
        let found = walk(&api, &users_target(&query)).await;
        assert!(found == expected, "{query:?}: {} of {COUNT} users", found.len());
    }
}

async fn pages_of_a_users_groups_are_limited(api: Api) {
    let user = api.create_named("ada").await;
    let mut groups = Vec::new();
    for index in 0..70 {
        let text = "x".repeat(60_000);
        let body =
            json!({ "displayName": format!("g{index}"), "extensions": { "urn:x:large": { "text": text } } });
        let group = create_group(&api.client, &body).await;
        add_members(&api.client, &group, std::slice::from_ref(&user)).await;
        groups.push(group["id"].clone());
    }
    let found = walk(&api, &format!("{}/groups?limit=500", path(&user))).await;
    assert_eq!(found.into_iter().map(|group| group["id"].clone()).collect::<Vec<_>>(), groups);
    let found = walk(&api, "/groups?limit=500").await;
    assert_eq!(found.into_iter().map(|group| group["id"].clone()).collect::<Vec<_>>(), groups);
}

async fn pages_of_changes_are_limited(api: Api) {
    let users = create_large_users(&api).await;
    let titles = |n: usize| json!({ "title": format!("{n}{}", "x".repeat(20_000)) });
    for n in 0..120 {
        api.client.patch(&path(&users[0]), &titles(n)).send().await.expect(200);
    }
    for (query, count) in
        [(String::new(), COUNT + 120), (format!("&resource={}", text(&users[0]["id"])), 121)]
    {
        let (mut revisions, mut after) = (Vec::new(), 0);
        loop {
            let response =
                api.client.get(&format!("/changes?limit=500&after={after}{query}")).send().await.expect(200);
            assert!(response.text().len() <= MAX, "{}", response.text().len());
            let page = response.json();
            let found: Vec<_> = items(&page)
                .iter()
                .map(|row| row["revision"].as_i64().expect("the value is a number"))
                .collect();
            let is_short = page["next"] != page["head"];
            assert!(!is_short || found.last() == page["next"].as_i64().as_ref(), "{page}");
            revisions.extend(found);
            after = page["next"].as_i64().expect("the value is a number");
            if !is_short {
                break;
            }
        }
        assert!(revisions.is_sorted() && revisions.len() == count, "{query}: {revisions:?}");
        let first = get(&api.client, &format!("/changes?limit=500{query}")).await;
        assert!(items(&first).len() < count, "the first page is short");
    }
}

async fn scim_pages_are_limited(api: Api) {
    let users = create_large_users(&api).await;
    let ids: Vec<_> = users.iter().map(|user| user["id"].clone()).collect();
    for query in ["", "&filter=title%20pr", "&sortBy=roles"] {
        let (mut found, mut short) = (Vec::new(), 0);
        while found.len() < COUNT {
            let target = format!("/scim/v2/Users?count=500&startIndex={}{query}", found.len() + 1);
            let response = api.client.get(&target).send().await.expect(200);
            assert!(response.text().len() <= MAX, "{}", response.text().len());
            let page = response.json();
            let resources = page["Resources"].as_array().expect("the response has Resources");
            assert_eq!(
                (&page["itemsPerPage"], &page["totalResults"]),
                (&json!(resources.len()), &json!(COUNT))
            );
            short += usize::from(resources.len() < COUNT - found.len());
            found.extend(resources.iter().map(|user| user["id"].clone()));
        }
        assert!(found == ids && short > 0, "{query}: {} users, {short} short pages", found.len());
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let target = format!("/scim/v2/Users?count=500&cursor={cursor}{query}");
            let response = api.client.get(&target).send().await.expect(200);
            assert!(response.text().len() <= MAX, "{}", response.text().len());
            let page = response.json();
            found.extend(
                page["Resources"]
                    .as_array()
                    .expect("the response has Resources")
                    .iter()
                    .map(|user| user["id"].clone()),
            );
            let Some(next) = page["nextCursor"].as_str() else { break };
            next.clone_into(&mut cursor);
        }
        assert!(found == ids && !cursor.is_empty(), "{query}: {} users", found.len());
    }
    create_group(&api.client, &json!({ "displayName": "Poets" })).await;
    let (mut found, mut start) = (0, 1);
    while found <= COUNT {
        let search = json!({ "count": 500, "startIndex": start });
        let page = api.client.post("/scim/v2/.search", &search).send().await.expect(200).json();
        found += page["Resources"].as_array().expect("the response has Resources").len();
        assert!(page["itemsPerPage"].as_u64() > Some(0), "{page}");
        start = found + 1;
    }
    assert_eq!(found, COUNT + 1);
}

/// The groups of the users on a page are larger than the limit, which applies only to pages by cursor.
async fn groups_do_not_shorten_scim_pages_by_index(api: Api) {
    let users = create_users(&api.client, 70).await;
    let display_name = "\u{20ac}".repeat(250);
    for _ in 0..70 {
        let group = create_group(&api.client, &json!({ "displayName": display_name })).await;
        add_members(&api.client, &group, &users).await;
    }
    let page = async |query| {
        let response = api.client.get(&format!("/scim/v2/Users?{query}")).send().await.expect(200);
        (response.json()["itemsPerPage"].clone(), response.text().len())
    };
    let (count, size) = page("startIndex=1").await;
    assert!(count == 70 && size > MAX, "{count} users, {size} bytes");
    let (count, size) = page("cursor=").await;
    assert!(count.as_u64() < Some(70) && size <= MAX, "{count} users, {size} bytes");
}
