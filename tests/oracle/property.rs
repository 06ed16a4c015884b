//! The server finds what the oracle finds, whatever is asked.

use crate::oracle::Settings;
use crate::oracle::filter::paths;
use crate::oracle::people::{By, People, Person, Sort};
use crate::oracle::population::{self, bodies};
use crate::oracle::question::Question;
use crate::oracle::runner::{check, each};
use crate::oracle::source::Source;
use crate::oracle::walk::{Asked, Walked, walk};
use crate::oracle::{generate, grid};
use crate::support::api::Api;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// How many users a failure shows.
const SHOWN: usize = 5;

/// What one filter found.
#[derive(Clone, Copy, Debug)]
struct Found {
    users: usize,
    pages: usize,
    short: usize,
}

/// Fills the server and asks it at random.
pub(crate) async fn at_random(api: Api, settings: Settings) {
    let asked = filled(&api, settings).await;
    let began = Instant::now();
    let strategy = generate::questions(Arc::new(Source::new(Arc::clone(&asked.people))));
    let found = check(&strategy, settings, |question| ask(asked.clone(), question)).await;
    report(&api, settings, &found, began);
    let telling = found.iter().filter(|found| (1..settings.users).contains(&found.users)).count();
    assert!(telling * 2 > found.len(), "most filters find nobody or everybody: {telling}");
}

/// Fills the server and asks it for everything that there is.
pub(crate) async fn one_by_one(api: Api, settings: Settings) {
    let asked = filled(&api, settings).await;
    let began = Instant::now();
    let questions = grid::questions(&asked.people);
    let found = each(questions, |question| ask(asked.clone(), question)).await;
    report(&api, settings, &found, began);
}

async fn filled(api: &Api, settings: Settings) -> Asked {
    let people = population::create(api, &bodies(settings), settings.seed).await;
    Asked { client: api.client.clone(), people: Arc::new(people) }
}

fn report(api: &Api, settings: Settings, found: &[Found], began: Instant) {
    let sum = |of: fn(&Found) -> usize| found.iter().map(of).sum::<usize>();
    let (pages, short) = (sum(|found| found.pages), sum(|found| found.short));
    println!(
        "{:?}: {} filters of {} users over {pages} pages, {short} of them short, in {:.1?}",
        api.engine,
        found.len(),
        settings.users,
        began.elapsed(),
    );
}

async fn ask(asked: Asked, question: Question) -> Result<Found, String> {
    let sort = question.sort.unwrap_or(Sort { by: By::Id, descending: false });
    let expected = asked.people.found(&question.filter, sort);
    let limit = question.limit(expected.len());
    let result = walk(&asked, &question, limit).await.and_then(|walked| {
        match difference(&asked.people, &question, &expected, &walked) {
            None => Ok(Found { users: expected.len(), pages: walked.pages, short: walked.short }),
            Some(difference) => Err(difference),
        }
    });
    result.map_err(|error| {
        let plain = Question { style: 0, ..question.clone() }.printed().text;
        let (text, target) = (question.printed().text, question.target(limit));
        format!("filter  {text}\nplain   {plain}\nasked   {target}\n{error}")
    })
}

/// How what came differs from what was expected.
fn difference(people: &People, question: &Question, expected: &[&Person], walked: &Walked) -> Option<String> {
    let ids: Vec<_> = expected.iter().map(|person| person.id.as_str()).collect();
    if walked.ids == ids {
        let total = walked.totals.iter().find(|total| **total != json!(ids.len()))?;
        return Some(format!("total {total}, but the oracle and the pages have {}", ids.len()));
    }
    let (ours, theirs): (BTreeSet<&str>, BTreeSet<&str>) =
        (ids.iter().copied().collect(), walked.ids.iter().map(String::as_str).collect());
    if ours != theirs {
        let missing = show(people, question, ours.difference(&theirs));
        let surplus = show(people, question, theirs.difference(&ours));
        return Some(format!(
            "only the oracle finds, of {}:{missing}\nonly the server finds, of {}:{surplus}",
            ours.len(),
            theirs.len()
        ));
    }
    if walked.ids.len() > ids.len() {
        return Some(format!("{} users came as {}", ids.len(), walked.ids.len()));
    }
    let at = ids.iter().zip(&walked.ids).position(|(ours, theirs)| ours != theirs)?;
    let other = show(people, question, [ids[at], walked.ids[at].as_str()].iter());
    Some(format!("another order from place {at}; there should be the first of these:{other}"))
}

/// A few users with what a question asks about.
fn show<'i>(people: &People, question: &Question, ids: impl Iterator<Item = &'i &'i str>) -> String {
    let mut paths = paths(&question.filter);
    paths.extend(question.sort.map(|sort| vec![sort.by.name().to_owned()]));
    let mut text = String::new();
    let ids: Vec<_> = ids.collect();
    for id in ids.iter().take(SHOWN) {
        text.push_str(&format!("\n  {id}"));
        let person = people.with_id(id).expect("only known users are compared");
        for path in &paths {
            text.push_str(&format!("\n    {} = {}", path.join("."), shown(&person.shown, path)));
        }
    }
    if ids.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", ids.len() - SHOWN));
    }
    text
}

/// What a user shows at a path, through lists.
fn shown(value: &Value, path: &[String]) -> Value {
    match (value, path) {
        (Value::Array(items), [_, ..]) => items.iter().map(|item| shown(item, path)).collect(),
        (_, [name, rest @ ..]) => shown(&value[name], rest),
        (value, []) => value.clone(),
    }
}
