//! Queries of the list of users, and what they find.

use crate::support::api::{Api, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use serde_json::Value;

/// No walk here is longer: one that is does not end.
const MOST_PAGES: usize = 20_000;

/// The target of a list of users with these parameters.
pub(crate) fn users_target(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    format!("/users?{}", pairs.join("&"))
}

/// The pages from the first to the last, by their cursors.
pub(crate) async fn list_pages(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let first = users_target(parameters);
    let (mut pages, mut target) = (Vec::new(), first.clone());
    while pages.len() < MOST_PAGES {
        let response = client.get(&target).send().await;
        assert_eq!(response.code(), 200, "{target}: {}", response.text());
        let page = response.json();
        let next = page.get("nextCursor").map(|cursor| text(cursor).to_owned());
        pages.push(page);
        let Some(cursor) = next else { return pages };
        target = format!("{first}&cursor={cursor}");
    }
    panic!("{first} has no end");
}

/// All users that a query finds.
pub(crate) async fn list_users(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let pages = list_pages(client, parameters).await;
    pages.iter().flat_map(items).cloned().collect()
}

/// The users of a page.
#[track_caller]
pub(crate) fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap_or_else(|| panic!("no items: {page}"))
}

/// The names of users, in their order.
pub(crate) fn names(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| text(&user["userName"])).collect()
}

/// The names of the users that a filter finds, in the order of their creation, with a space between.
pub(crate) async fn matching_names(api: &Api, filter: &str) -> String {
    let users = list_users(&api.client, &[("filter", filter)]).await;
    names(&users).join(" ")
}

/// Checks what each of some filters finds, and that the total agrees.
pub(crate) async fn check_filters(api: &Api, cases: &[(&str, &str)]) {
    for &(filter, expected) in cases {
        assert_eq!(matching_names(api, filter).await, expected, "{filter}");
        let target = users_target(&[("filter", filter), ("include", "total"), ("limit", "1")]);
        let page = api.client.get(&target).send().await.expect(200).json();
        assert_eq!(page["total"], expected.split_terminator(' ').count(), "{filter}");
    }
}

/// A string as filters write it.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
