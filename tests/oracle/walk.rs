//! Walks through all pages of an answer.

use crate::oracle::people::People;
use crate::oracle::question::Question;
use crate::support::http::Client;
use crate::support::percent_encoded;
use serde_json::{Value, json};
use std::sync::Arc;

/// A walk of more pages is taken for one without an end.
const MOST_PAGES: usize = 1_000;

/// A server and whom it knows.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) client: Client,
    pub(crate) people: Arc<People>,
}

/// What came over all pages.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) ids: Vec<String>,
    /// What each page said of the count, where it was asked for.
    pub(crate) totals: Vec<Value>,
    pub(crate) pages: usize,
    /// Pages with fewer users than there was room for, and more to come.
    pub(crate) short: usize,
}

/// Follows `nextCursor` to the end.
///
/// # Errors
/// What is wrong with an answer, whatever the filter means.
pub(crate) async fn walk(asked: &Asked, question: &Question, limit: usize) -> Result<Walked, String> {
    let first = question.target(limit);
    let (mut walked, mut target) = (Walked::default(), first.clone());
    while walked.pages < MOST_PAGES {
        let page = asked.page(&target).await?;
        walked.take(&asked.people, question, limit, &page)?;
        let Some(next) = page.get("nextCursor") else { return Ok(walked) };
        let next = next.as_str().ok_or_else(|| format!("nextCursor is no string: {next}"))?;
        target = format!("{first}&cursor={}", percent_encoded(next));
    }
    Err(format!("no end after {MOST_PAGES} pages"))
}

impl Asked {
    async fn page(&self, target: &str) -> Result<Value, String> {
        let answer = self.client.get(target).try_send().await;
        let answer = answer.map_err(|error| format!("no answer: {error:?}"))?;
        match answer.code() {
            200 => Ok(answer.json()),
            other => Err(format!("{other} instead of 200: {}", answer.text())),
        }
    }
}

impl Walked {
    fn take(
        &mut self,
        people: &People,
        question: &Question,
        limit: usize,
        page: &Value,
    ) -> Result<(), String> {
        let items = page["items"].as_array().ok_or_else(|| format!("no items in {page}"))?;
        if items.len() > limit {
            return Err(format!("{} users on a page of at most {limit}", items.len()));
        }
        for item in items {
            let id = item["id"].as_str().ok_or_else(|| format!("no id in {item}"))?;
            let person = people.with_id(id).ok_or_else(|| format!("nobody is {item}"))?;
            let expected = if question.whole { person.shown.clone() } else { json!({ "id": id }) };
            if *item != expected {
                return Err(format!("shows   {item}\ninstead {expected}"));
            }
            self.ids.push(id.to_owned());
        }
        if question.total {
            self.totals.push(page["total"].clone());
        }
        self.pages += 1;
        self.short += usize::from(items.len() < limit && page.get("nextCursor").is_some());
        Ok(())
    }
}
