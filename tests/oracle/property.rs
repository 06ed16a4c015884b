//! The server finds the same users as the oracle.

use crate::oracle::Settings;
use crate::oracle::filter::paths;
use crate::oracle::pages::{Listed, Server, read_pages};
use crate::oracle::population::{self, bodies};
use crate::oracle::request::Request;
use crate::oracle::runner::{check, each};
use crate::oracle::source::Source;
use crate::oracle::users::{Sort, SortKey, User, Users};
use crate::oracle::{generate, grid};
use crate::support::api::Api;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Number of users that a failure shows.
const SHOWN: usize = 5;

/// The result of one filter.
#[derive(Clone, Copy, Debug)]
struct Found {
    users: usize,
    pages: usize,
    short: usize,
}

/// Creates users and sends random filters.
pub(crate) async fn check_random(api: Api, settings: Settings) {
    let server = create_users(&api, settings).await;
    let start = Instant::now();
    let strategy = generate::requests(Arc::new(Source::new(Arc::clone(&server.users))));
    let found = check(&strategy, settings, |request| send(server.clone(), request)).await;
    report(&api, settings, &found, start);
    let selective = found.iter().filter(|found| (1..settings.users).contains(&found.users)).count();
    assert!(selective * 2 > found.len(), "only {selective} filters find some users but not all");
}

/// Creates users and sends a filter for every attribute, operator and operand.
pub(crate) async fn check_each(api: Api, settings: Settings) {
    let server = create_users(&api, settings).await;
    let start = Instant::now();
    let requests = grid::requests(&server.users);
    let found = each(requests, |request| send(server.clone(), request)).await;
    report(&api, settings, &found, start);
}

async fn create_users(api: &Api, settings: Settings) -> Server {
    let users = population::create(api, &bodies(settings), settings.seed).await;
    Server { client: api.client.clone(), users: Arc::new(users) }
}

fn report(api: &Api, settings: Settings, found: &[Found], start: Instant) {
    let sum = |of: fn(&Found) -> usize| found.iter().map(of).sum::<usize>();
    let (pages, short) = (sum(|found| found.pages), sum(|found| found.short));
    println!(
        "{:?}: {} filters on {} users, {pages} pages ({short} of them short), in {:.1?}",
        api.engine,
        found.len(),
        settings.users,
        start.elapsed(),
    );
}

async fn send(server: Server, request: Request) -> Result<Found, String> {
    let sort = request.sort.unwrap_or(Sort { by: SortKey::Id, descending: false });
    let expected = server.users.found(&request.filter, sort);
    let limit = request.limit(expected.len());
    let result = read_pages(&server, &request, limit).await.and_then(|listed| {
        match difference(&server.users, &request, &expected, &listed) {
            None => Ok(Found { users: expected.len(), pages: listed.pages, short: listed.short }),
            Some(difference) => Err(difference),
        }
    });
    result.map_err(|error| {
        let plain = Request { style: 0, ..request.clone() }.printed().text;
        let (text, target) = (request.printed().text, request.target(limit));
        format!("filter  {text}\nplain   {plain}\nsent    {target}\n{error}")
    })
}

/// The first difference between the listed and the expected users.
fn difference(users: &Users, request: &Request, expected: &[&User], listed: &Listed) -> Option<String> {
    let ids: Vec<_> = expected.iter().map(|user| user.id.as_str()).collect();
    if listed.ids == ids {
        let total = listed.totals.iter().find(|total| **total != json!(ids.len()))?;
        return Some(format!("the total is {total}, but the oracle and the pages have {} users", ids.len()));
    }
    let (ours, theirs): (BTreeSet<&str>, BTreeSet<&str>) =
        (ids.iter().copied().collect(), listed.ids.iter().map(String::as_str).collect());
    if ours != theirs {
        let missing = show(users, request, ours.difference(&theirs));
        let surplus = show(users, request, theirs.difference(&ours));
        return Some(format!(
            "only the oracle finds (of {}):{missing}\nonly the server finds (of {}):{surplus}",
            ours.len(),
            theirs.len()
        ));
    }
    if listed.ids.len() > ids.len() {
        return Some(format!("{} users are listed as {}", ids.len(), listed.ids.len()));
    }
    let at = ids.iter().zip(&listed.ids).position(|(ours, theirs)| ours != theirs)?;
    let other = show(users, request, [ids[at], listed.ids[at].as_str()].iter());
    Some(format!(
        "the order differs from position {at} on; the first of these users is expected there:{other}"
    ))
}

/// The values of some users that a request refers to.
fn show<'i>(users: &Users, request: &Request, ids: impl Iterator<Item = &'i &'i str>) -> String {
    let mut paths = paths(&request.filter);
    paths.extend(request.sort.map(|sort| vec![sort.by.name().to_owned()]));
    let mut text = String::new();
    let ids: Vec<_> = ids.collect();
    for id in ids.iter().take(SHOWN) {
        text.push_str(&format!("\n  {id}"));
        let user = users.with_id(id).expect("the user exists");
        for path in &paths {
            text.push_str(&format!("\n    {} = {}", path.join("."), shown(&user.shown, path)));
        }
    }
    if ids.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", ids.len() - SHOWN));
    }
    text
}

/// The values of a user at a path, including those in lists.
fn shown(value: &Value, path: &[String]) -> Value {
    match (value, path) {
        (Value::Array(items), [_, ..]) => items.iter().map(|item| shown(item, path)).collect(),
        (_, [name, rest @ ..]) => shown(&value[name], rest),
        (value, []) => value.clone(),
    }
}
