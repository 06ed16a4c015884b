//! Helpers that query the list of users.

use crate::support::api::{Api, text};
use crate::support::http::Client;
use crate::support::percent_encoded;
use serde_json::Value;

/// A list with more pages is assumed never to end.
const MAX_PAGES: usize = 20_000;

/// The target of a list of users with these parameters.
pub(crate) fn users_target(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    format!("/users?{}", pairs.join("&"))
}

/// Reads all pages of a list by following the cursors.
pub(crate) async fn list_pages(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let first = users_target(parameters);
    let (mut pages, mut target) = (Vec::new(), first.clone());
    while pages.len() < MAX_PAGES {
        let response = client.get(&target).send().await;
        assert_eq!(response.code(), 200, "{target}: {}", response.text());
        let page = response.json();
        let next = page.get("nextCursor").map(|cursor| text(cursor).to_owned());
        pages.push(page);
        let Some(cursor) = next else { return pages };
        target = format!("{first}&cursor={cursor}");
    }
    panic!("{first} has more than {MAX_PAGES} pages");
}

/// Lists all users that match a query, over all pages.
pub(crate) async fn list_users(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let pages = list_pages(client, parameters).await;
    pages.iter().flat_map(items).cloned().collect()
}

/// The items of a page.
#[track_caller]
pub(crate) fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap_or_else(|| panic!("no items: {page}"))
}

/// The names of users.
pub(crate) fn names(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| text(&user["userName"])).collect()
}

/// The names of the users that match a filter, in creation order, separated by spaces.
pub(crate) async fn matching_names(api: &Api, filter: &str) -> String {
    let users = list_users(&api.client, &[("filter", filter)]).await;
    names(&users).join(" ")
}

/// Checks which users match each filter, and that the total agrees.
pub(crate) async fn check_filters(api: &Api, cases: &[(&str, &str)]) {
    for &(filter, expected) in cases {
        assert_eq!(matching_names(api, filter).await, expected, "{filter}");
        let target = users_target(&[("filter", filter), ("include", "total"), ("limit", "1")]);
        let page = api.client.get(&target).send().await.expect(200).json();
        assert_eq!(page["total"], expected.split_terminator(' ').count(), "{filter}");
    }
}

/// A string literal in a filter.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
