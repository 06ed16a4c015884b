//! Helpers that query the list of users.

use crate::support::api::{Api, text};
use crate::support::http::{Client, Response};
use crate::support::percent_encoded;
use serde_json::Value;

/// A list with more pages is assumed never to end.
const MAX_PAGES: usize = 20_000;

/// The target of a list with these parameters.
pub(crate) fn list_target(path: &str, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// The target of a list of users with these parameters.
pub(crate) fn users_target(parameters: &[(&str, &str)]) -> String {
    list_target("/users", parameters)
}

/// Reads all pages of a list by following the cursors.
pub(crate) async fn list_pages(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
    let first = list_target(path, parameters);
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

/// Reads all pages of a list by following its links, which must be present exactly if a page has a cursor.
pub(crate) async fn follow_links(client: &Client, target: &str) -> Vec<Value> {
    let (mut pages, mut target) = (Vec::new(), target.to_owned());
    loop {
        let response = client.get(&target).send().await;
        assert_eq!(response.code(), 200, "{target}: {}", response.text());
        let page = response.json();
        let link = response.header("link");
        assert_eq!(link.is_some(), page.get("nextCursor").is_some(), "{page}");
        let next = link.map(|link| link_target(link).to_owned());
        if let Some(next) = &next {
            assert_eq!(next.split('?').next(), target.split('?').next(), "{next}");
            assert!(next.contains(text(&page["nextCursor"])), "{next}");
        }
        pages.push(page);
        let Some(next) = next else { return pages };
        target = next;
    }
}

/// The target of a `Link` header to the next page (RFC 8288).
#[track_caller]
fn link_target(link: &str) -> &str {
    let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    let target = target.unwrap_or_else(|| panic!("not a link to the next page: {link}"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    assert!(target.bytes().all(allowed), "not a URI (RFC 3986): {target}");
    target
}

/// Lists all resources that match a query, over all pages.
pub(crate) async fn list_all(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
    let pages = list_pages(client, path, parameters).await;
    pages.iter().flat_map(items).cloned().collect()
}

/// Lists all users that match a query, over all pages.
pub(crate) async fn list_users(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    list_all(client, "/users", parameters).await
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

/// The response to a list of users with a filter.
pub(crate) async fn list_filtered(api: &Api, filter: &str) -> Response {
    api.client.get(&users_target(&[("filter", filter)])).send().await
}

/// The names of the users that match a filter, in creation order, separated by spaces.
pub(crate) async fn matching_names(api: &Api, filter: &str) -> String {
    let users = list_users(&api.client, &[("filter", filter)]).await;
    names(&users).join(" ")
}

/// Checks which users match each filter, and that the total agrees.
pub(crate) async fn check_filters(api: &Api, cases: &[(impl AsRef<str>, &str)]) {
    for (filter, expected) in cases {
        let filter = filter.as_ref();
        assert_eq!(matching_names(api, filter).await, *expected, "{filter}");
        let target = users_target(&[("filter", filter), ("include", "total"), ("limit", "1")]);
        let page = api.client.get(&target).send().await.expect(200).json();
        assert_eq!(page["total"], expected.split_terminator(' ').count(), "{filter}");
    }
}

/// A string literal in a filter.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
