//! Runs a revert portion by portion.

use super::report::{AppliedPortion, Results, TargetConflict};
use super::selected::{items, portions};
use super::{Apply, Foreseen, Item, Plan, Portion, ReadSelected, ReadSpan, Report, Selected};
use crate::db::{Database, DbError, Operation};
use crate::domain::fields::FieldError;
use crate::domain::origin::Origin;
use crate::domain::revert::{Conflict, MAX_CHANGES, Outcome, Reason, Selection, Step};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::changes::Span;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A revert in progress.
pub struct Reverter {
    database: Database,
    /// The origin of the portions. It has no deadline, so that each portion has its own.
    origin: Origin,
    tenant: Uuid,
    selection: Arc<Selection>,
    items: Arc<[Item]>,
    /// The portions that have not been processed, the next one last.
    pending: Vec<Range<usize>>,
    foreseen: Arc<Foreseen>,
    report: Report,
}

/// The number of revisions that one call examines.
const WINDOW: i64 = 50_000;

/// The pause before a call is sent again because too many other calls are waiting, and the maximum number of attempts.
const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 100;

impl Reverter {
    /// Reads the changes of a selection.
    ///
    /// # Errors
    /// [`OpError::Invalid`] if the range ends after the newest revision or contains too many changes, and
    /// [`OpError::NotRetained`] if it begins before the retained changes.
    pub async fn open(
        database: Database,
        origin: Origin,
        tenant: Uuid,
        selection: Selection,
    ) -> Result<Self, OpError> {
        let origin = Origin { deadline: None, bulk: true, ..origin };
        let Span { head, .. } = span(&database, &origin, tenant, &selection).await?;
        let selected = select(&database, &origin, tenant, &selection).await?;
        let items = items(&selected);
        let pending = portions(&items).into_iter().rev().collect();
        let report = Report { head, changes: selected.len(), ..Report::default() };
        let (selection, items) = (Arc::new(selection), items.into());
        Ok(Self { database, origin, tenant, selection, items, pending, foreseen: Arc::default(), report })
    }

    /// The newest revision when the revert began.
    #[must_use]
    pub fn head(&self) -> i64 {
        self.report.head
    }

    /// Plans the next portion. Returns `false` if there is none.
    ///
    /// # Errors
    /// An error that ends the plan.
    pub async fn plan_next(&mut self) -> Result<bool, OpError> {
        let Some(range) = self.pending.pop() else { return Ok(false) };
        let plan = || Plan { portion: self.portion(&range), foreseen: self.foreseen.clone() };
        match self.call(plan).await? {
            Some((results, foreseen)) => {
                self.foreseen = Arc::new(foreseen);
                self.report.add(results);
            }
            None => self.halve(range),
        }
        Ok(true)
    }

    /// Applies the next portion in one transaction. Returns `false` if there is none.
    ///
    /// # Errors
    /// An error that ends the revert. The portion was not applied, unless the error is [`DbError::OutcomeUnknown`].
    pub async fn apply_next(&mut self, now: Timestamp) -> Result<bool, OpError> {
        let Some(range) = self.pending.pop() else { return Ok(false) };
        let applied = self.call(|| Apply { portion: self.portion(&range), now }).await;
        match applied {
            Ok(Some((results, revisions))) => self.applied(range.len(), results, revisions),
            Ok(None) => self.halve(range),
            // Some unique values are checked at the commit. Halving finds the item with the conflict.
            Err(OpError::Conflict { .. }) if range.len() > 1 => self.halve(range),
            Err(OpError::Conflict { attribute, existing, .. }) => {
                let results = self.taken(range.start, attribute, existing);
                self.applied(range.len(), results, None);
            }
            Err(error) => {
                self.pending.push(range);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Whether a portion has been applied.
    #[must_use]
    pub fn has_applied(&self) -> bool {
        self.report.portions.is_some()
    }

    /// The results. `applied` is whether they are those of a revert and not of a plan.
    #[must_use]
    pub fn finish(mut self, applied: bool) -> Report {
        if applied {
            self.report.portions.get_or_insert_default();
            self.report.pending = Some(self.pending.iter().map(Range::len).sum());
        }
        self.report
    }

    fn portion(&self, range: &Range<usize>) -> Portion {
        let (selection, items) = (self.selection.clone(), self.items.clone());
        Portion { tenant: self.tenant, selection, items, range: range.clone() }
    }

    async fn call<O: Operation<Error = OpError>>(
        &self,
        operation: impl Fn() -> O,
    ) -> Result<O::Output, OpError> {
        for _ in 1..ATTEMPTS {
            match self.database.call(&self.origin, operation()).await {
                // The queue is full. Retrying later lets other requests go first.
                Err(OpError::Database(DbError::Overloaded)) => tokio::time::sleep(PAUSE).await,
                result => return result,
            }
        }
        self.database.call(&self.origin, operation()).await
    }

    fn halve(&mut self, range: Range<usize>) {
        let middle = range.start + range.len() / 2;
        self.pending.extend([middle..range.end, range.start..middle]);
    }

    fn applied(&mut self, items: usize, results: Results, revisions: Option<[i64; 2]>) {
        if let Some([_, last]) = revisions {
            self.report.head = last;
        }
        self.report.add(results);
        self.report.portions.get_or_insert_default().push(AppliedPortion { items, revisions });
    }

    /// The results of a single item whose value belongs to another resource.
    fn taken(&self, index: usize, attribute: &str, existing: Option<Uuid>) -> Results {
        let Some(Item { target, .. }) = self.items.get(index).copied() else { return Results::default() };
        let (outcome, attributes, reverts) = (Step::Unchanged, Vec::new(), [].into());
        let conflict = Conflict::of(Some(attribute.to_owned()), Reason::Taken);
        let conflict = Conflict { existing_id: existing, ..conflict };
        Results {
            outcomes: vec![Outcome { target, outcome, attributes, reverts }],
            conflicts: vec![TargetConflict { target, conflict }],
        }
    }
}

/// Reads the changes of a selection, in the order of revisions.
async fn select(
    database: &Database,
    origin: &Origin,
    tenant: Uuid,
    selection: &Selection,
) -> Result<Vec<Selected>, OpError> {
    let (mut selected, mut until) = (Vec::new(), selection.until);
    while until > selection.after {
        let after = selection.after.max(until.saturating_sub(WINDOW));
        let selection = Selection { after, until, actor: selection.actor.clone() };
        selected.extend(database.call(origin, ReadSelected { tenant, selection }).await?);
        if let Some(Selected { revision, .. }) = selected.get(MAX_CHANGES) {
            let detail = format!(
                "must be greater, because the range contains more than 10,000 changes of the actor; the last 10,000 are after \
                 revision {revision}"
            );
            return Err(OpError::Invalid(vec![FieldError::new("/after", "too-many", detail)]));
        }
        until = after;
    }
    selected.reverse();
    Ok(selected)
}

/// The range of the history, which must contain the selection.
async fn span(
    database: &Database,
    origin: &Origin,
    tenant: Uuid,
    selection: &Selection,
) -> Result<Span, OpError> {
    let span = database.call(origin, ReadSpan { tenant }).await?;
    if selection.until > span.head {
        let detail = format!("must not be later than the newest revision, which is {}", span.head);
        return Err(OpError::Invalid(vec![FieldError::new("/until", "invalid-range", detail)]));
    }
    if selection.after < span.earliest - 1 {
        return Err(OpError::NotRetained(span));
    }
    Ok(span)
}
