//! Runs an import batch by batch, and reports its results.

use super::resources::taken;
use super::{Apply, Difference, Options, Outcome, ReadHead};
use crate::db::{Database, DbError};
use crate::domain::fields::FieldError;
use crate::domain::import::{Content, Line};
use crate::domain::origin::Origin;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// An import in progress.
pub struct Importer {
    database: Database,
    /// The origin of the batches. It has no deadline, so that each batch has its own.
    origin: Origin,
    tenant: Uuid,
    options: Options,
    totals: Totals,
    reports: Vec<Report>,
    /// The number of the last line that was applied or refused.
    last_line: u64,
    /// Whether the first line of an export was read, but not the last one.
    is_open: bool,
    /// The users and groups that a plan would create, at most [`MAX_PLANNED`].
    planned: HashSet<Uuid>,
}

/// The number of lines with each result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Totals {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused: u64,
}

/// The last line of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The number of lines with each result.
    #[serde(flatten)]
    pub totals: Totals,
    /// The newest revision: after the last batch, or before the first one of a plan.
    pub head: i64,
}

/// The result of a line: its errors or, in a plan, its change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The number of the line.
    pub line: u64,
    /// The result.
    #[serde(flatten)]
    pub result: LineResult,
}

/// The result of a line. docs/import-and-export.md describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum LineResult {
    Refused { errors: Vec<FieldError> },
    Created { action: &'static str, id: Option<Uuid> },
    MemberAdded { action: &'static str, group_id: Uuid, user_id: Uuid },
    Updated { action: &'static str, id: Uuid, before: Map<String, Value>, after: Map<String, Value> },
}

/// The maximum number of resources that a plan remembers, to accept their members. It limits the memory of the plan to about
/// 40 MB.
const MAX_PLANNED: usize = 1_000_000;

/// The pause before a batch is sent again because too many other calls are waiting, and the maximum number of attempts.
const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 100;

impl Importer {
    /// An import on behalf of `origin`.
    #[must_use]
    pub fn new(database: Database, origin: Origin, tenant: Uuid, options: Options, totals: Totals) -> Self {
        let origin = Origin { deadline: None, bulk: true, ..origin };
        let (reports, planned) = (Vec::new(), HashSet::new());
        Self { database, origin, tenant, options, totals, reports, last_line: 0, is_open: false, planned }
    }

    /// The newest revision and the epoch of the tenant.
    ///
    /// # Errors
    /// [`OpError::Database`].
    pub async fn head(&self) -> Result<(i64, Uuid), OpError> {
        self.database.call(&self.origin, ReadHead { tenant: self.tenant }).await
    }

    /// The number of lines with each result so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The number of the last line that was applied or refused.
    #[must_use]
    pub fn last_line(&self) -> u64 {
        self.last_line
    }

    /// Takes the results of the lines since the last call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Applies the next batch.
    ///
    /// # Errors
    /// An error that ends the import. [`Self::last_line`] then is the last line before the first one that was not applied.
    pub async fn apply(&mut self, lines: Vec<Line>, now: Timestamp) -> Result<(), OpError> {
        let lines: Arc<[Line]> = lines.into();
        let mut ranges: Vec<_> = std::iter::once(0..lines.len()).collect();
        let mut refused = Vec::new();
        while let Some(range) = ranges.pop() {
            match self.call(&lines, range.clone(), &refused, now).await {
                Ok(outcomes) => self.count(&lines, range, outcomes),
                // The commit checks the values that the tenant requires to be unique. Halving finds the lines with an error.
                Err(OpError::Conflict { .. }) if range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    ranges.extend([middle..range.end, range.start..middle]);
                }
                Err(OpError::Conflict { attribute, .. }) => {
                    refused.push(range.start);
                    self.count(&lines, range, vec![Outcome::Refused(vec![taken(attribute)])]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Notes lines that an earlier attempt has applied.
    pub fn skip(&mut self, lines: &[Line]) {
        for line in lines {
            self.follow(line);
        }
    }

    /// Ends the import. Reports an export that has no last line as truncated.
    pub fn finish(&mut self) {
        if self.is_open {
            let detail = "the export is incomplete, because its last line is missing";
            let errors = vec![FieldError::new("", "truncated", detail)];
            self.totals.refused += 1;
            self.reports.push(Report { line: self.last_line + 1, result: LineResult::Refused { errors } });
        }
    }

    async fn call(
        &self,
        lines: &Arc<[Line]>,
        Range { start, end }: Range<usize>,
        refused: &[usize],
        now: Timestamp,
    ) -> Result<Vec<Outcome>, OpError> {
        // A plan has rolled back the lines before the range, with which those of the range may conflict.
        let first = if self.options.plan { 0 } else { start };
        let mut attempt = 1;
        loop {
            let (tenant, options, random) = (self.tenant, self.options, Uuid::new_v4 as fn() -> Uuid);
            let (lines, range, without) = (lines.clone(), first..end, refused.to_vec());
            let apply = Apply { tenant, options, lines, range, without, random, now };
            match self.database.call(&self.origin, apply).await {
                // The queue is full. Retrying later lets other requests go first.
                Err(OpError::Database(DbError::Overloaded)) if attempt < ATTEMPTS => attempt += 1,
                result => return Ok(result?.split_off(start - first)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn count(&mut self, lines: &[Line], range: Range<usize>, outcomes: Vec<Outcome>) {
        for (line, outcome) in lines.get(range).unwrap_or_default().iter().zip(outcomes) {
            self.follow(line);
            if let Ok(Content::Head | Content::End) = line.content {
                continue;
            }
            let outcome = self.with_planned(line, outcome);
            match &outcome {
                Outcome::Created(_) => self.totals.created += 1,
                Outcome::Updated(..) => self.totals.updated += 1,
                Outcome::Unchanged => self.totals.unchanged += 1,
                Outcome::Refused(_) => self.totals.refused += 1,
            }
            self.report(line, outcome);
        }
    }

    fn follow(&mut self, line: &Line) {
        self.last_line = line.number;
        match line.content {
            Ok(Content::Head) => self.is_open = true,
            Ok(Content::End) => self.is_open = false,
            _ => {}
        }
    }

    /// The result in a plan, whose earlier batches were rolled back: a member can belong to a user and a group that they
    /// would create.
    fn with_planned(&mut self, line: &Line, outcome: Outcome) -> Outcome {
        match (&line.content, &outcome) {
            (_, Outcome::Created(Some(id))) if self.options.plan && self.planned.len() < MAX_PLANNED => {
                self.planned.insert(*id);
            }
            (Ok(Content::Member { group, user }), Outcome::Refused(errors)) => {
                let missing = |error: &FieldError| if error.code == "unknown-user" { user } else { group };
                if errors.iter().all(|error| self.planned.contains(missing(error))) {
                    return Outcome::Created(None);
                }
            }
            _ => {}
        }
        outcome
    }

    fn report(&mut self, Line { number: line, content, .. }: &Line, outcome: Outcome) {
        let result = match (outcome, content) {
            (Outcome::Refused(errors), _) => LineResult::Refused { errors },
            _ if !self.options.plan => return,
            (Outcome::Created(None), Ok(Content::Member { group, user })) => {
                LineResult::MemberAdded { action: "create", group_id: *group, user_id: *user }
            }
            (Outcome::Created(id), content) => {
                LineResult::Created { action: "create", id: id.filter(|id| has_id(content, *id)) }
            }
            (Outcome::Updated(id, difference), _) => {
                let Difference { before, after } = *difference;
                LineResult::Updated { action: "update", id, before, after }
            }
            (Outcome::Unchanged, _) => return,
        };
        self.reports.push(Report { line: *line, result });
    }
}

/// Whether a line contains the id of its new resource. A plan does not know any other id.
fn has_id(content: &Result<Content, Vec<FieldError>>, id: Uuid) -> bool {
    matches!(content, Ok(Content::User(values) | Content::Group(values)) if values.id == Some(id))
}
