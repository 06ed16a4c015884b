//! The response to invalid and almost valid filters is 200, or an error with a valid position.

use crate::oracle::Settings;
use crate::oracle::generate::requests;
use crate::oracle::population::{self, bodies};
use crate::oracle::runner::check;
use crate::oracle::source::Source;
use crate::support::api::Api;
use crate::support::http::{Client, Response};
use crate::support::percent_encoded;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::Arc;

/// Tokens of filters, and text that resembles them.
const TOKENS: &[&str] = &[
    "userName",
    "emails",
    "emails.value",
    "name",
    "active",
    "createdAt",
    "version",
    "custom",
    "password",
    "groups",
    "urn:ietf:params:scim:schemas:core:2.0:User:userName",
    "urn:ietf:params:scim:schemas:core:2.0:User:",
    "urn:",
    "eq",
    "ne",
    "co",
    "sw",
    "ew",
    "pr",
    "gt",
    "ge",
    "lt",
    "le",
    "and",
    "or",
    "not",
    "NOT",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"ada\"",
    "\"\"",
    "\"\\u00e9\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"2026-13-01T00:00:00Z\"",
    "true",
    "false",
    "null",
    "1",
    "-1",
    "1.5",
    "1e400",
    "9999999999999999999999",
    ".",
    ",",
    ":",
    ";",
    "-",
    "\\",
    "'",
    "%",
    "{",
    "}",
    "\0",
    "\n",
    "\t",
    "\u{a0}",
    "\u{feff}",
    "é",
    "🦀",
    "İ",
];

/// Few users, because their number does not matter here.
const USERS: usize = 24;

enum Outcome {
    Found,
    Refused,
}

/// Sends texts, most of which are not filters.
pub(crate) async fn check_responses(api: Api, settings: Settings) {
    let bodies = bodies(Settings { users: USERS, ..settings });
    let users = Arc::new(population::create(&api, &bodies, settings.seed).await);
    let strategy = texts(Arc::new(Source::new(users)));
    let outcomes = check(&strategy, settings, |text| {
        let client = api.client.clone();
        async move { send(&client, &text).await.map_err(|error| format!("filter {text:?}\n{error}")) }
    });
    let outcomes = outcomes.await;
    let found = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Found)).count();
    let refused = outcomes.len() - found;
    println!("{:?}: {found} valid filters, {refused} invalid ones", api.engine);
    // Both outcomes occurred often enough to be meaningful.
    assert!(found * 20 > outcomes.len() && refused * 2 > outcomes.len(), "{found} found, {refused} refused");
}

async fn send(client: &Client, text: &str) -> Result<Outcome, String> {
    let target = format!("/users?limit=1&filter={}", percent_encoded(text));
    let response = client.get(&target).try_send().await.map_err(|error| format!("no response: {error:?}"))?;
    match response.code() {
        200 => Ok(Outcome::Found),
        400 => refusal(text, &response).map(|()| Outcome::Refused),
        other => Err(format!("{other}: {}", response.text())),
    }
}

/// Checks that an error names a position within the text, or its end.
fn refusal(text: &str, response: &Response) -> Result<(), String> {
    let body = response.json();
    let (code, detail) = (body["code"].as_str(), body["detail"].as_str().unwrap_or_default());
    let length = text.chars().count();
    match (code, position(detail)) {
        (Some("invalid-parameter"), _) if text.is_empty() => Ok(()),
        (Some("invalid-filter"), Some(at)) if (1..=length + 1).contains(&at) => Ok(()),
        (Some("invalid-filter"), _) => {
            Err(format!("the error has no position within {length} characters: {body}"))
        }
        _ => Err(format!("unexpected code: {body}")),
    }
}

/// The number after the word "position".
fn position(detail: &str) -> Option<usize> {
    let (_, rest) = detail.split_once("position ")?;
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn texts(source: Arc<Source>) -> impl Strategy<Value = String> {
    let filters = requests(source).prop_map(|request| request.printed().text);
    prop_oneof![
        8 => (filters, vec(mutations(), 0..4)).prop_map(|(text, mutations)| mutated(text, &mutations)),
        4 => vec((select(TOKENS), any::<bool>()), 0..40).prop_map(joined),
        2 => "\\PC{0,80}",
        1 => vec(any::<char>(), 0..1200).prop_map(String::from_iter),
        1 => (select(TOKENS), 1_usize..5000).prop_map(|(token, times)| repeated(token, times)),
    ]
}

/// At most slightly longer than the limit of a filter.
fn repeated(token: &str, times: usize) -> String {
    token.repeat(times.min(4200 / token.len()))
}

fn joined(tokens: Vec<(&str, bool)>) -> String {
    tokens.iter().flat_map(|(token, space)| [*token, if *space { " " } else { "" }]).collect()
}

/// A typing error at one character.
#[derive(Clone, Copy, Debug)]
enum Typo {
    Deleted,
    Doubled,
    Swapped,
    Inserted(&'static str),
}

fn mutations() -> impl Strategy<Value = (Index, Typo)> {
    let typo = prop_oneof![
        3 => Just(Typo::Deleted),
        3 => Just(Typo::Doubled),
        3 => Just(Typo::Swapped),
        1 => select(TOKENS).prop_map(Typo::Inserted),
    ];
    (any::<Index>(), typo)
}

fn mutated(text: String, mutations: &[(Index, Typo)]) -> String {
    let mut chars: Vec<_> = text.chars().collect();
    for (at, typo) in mutations.iter().filter(|_| !text.is_empty()) {
        let at = at.index(chars.len().max(1)).min(chars.len().saturating_sub(1));
        match typo {
            _ if chars.is_empty() => {}
            Typo::Deleted => drop(chars.remove(at)),
            Typo::Doubled => chars.insert(at, chars[at]),
            Typo::Swapped if at > 0 => chars.swap(at - 1, at),
            Typo::Swapped => {}
            Typo::Inserted(token) => drop(chars.splice(at..at, token.chars())),
        }
    }
    chars.into_iter().collect()
}
