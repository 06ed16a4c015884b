//! Runs a revert portion by portion.

use super::report::{AppliedPortion, Results, TargetConflict};
use super::selected::{items, portions};
use super::{Apply, CountMembers, Foreseen, Item, Plan, Portion, ReadSelected, ReadSpan, Report, Selected};
use crate::db::{Database, DbError, Operation};
use crate::domain::fields::FieldError;
use crate::domain::origin::Origin;
use crate::domain::revert::{Conflict, MAX_CHANGES, Outcome, Reason, Selection, Step};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::changes::Span;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
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
    /// The number of portions in a row that were not done because the database did not finish in time.
    late: usize,
    /// Whether a portion has been applied in a transaction that checked the newest revision.
    is_checked: bool,
    foreseen: Arc<Foreseen>,
    report: Report,
}

/// The number of revisions that one call examines.
const WINDOW: i64 = 50_000;

/// The pause before a call is sent again because too many other calls are waiting, and the maximum number of attempts.
const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 100;

/// The number of portions in a row that may be late. If more are, the database is overloaded, and the revert ends.
const MAX_LATE: usize = 20;

/// The output of [`Apply`].
type Applied = Option<(Results, Option<[i64; 2]>)>;

impl Reverter {
    /// Reads the changes of a selection. `portion` is the number of changes that one transaction undoes, usually
    /// [`PORTION`](super::PORTION).
    ///
    /// # Errors
    /// [`OpError::Invalid`] if the range ends after the newest revision or contains too many changes, and
    /// [`OpError::NotRetained`] if it begins before the retained changes.
    pub async fn open(
        database: Database,
        origin: Origin,
        tenant: Uuid,
        selection: Selection,
        portion: usize,
    ) -> Result<Self, OpError> {
        let origin = Origin { deadline: None, bulk: true, ..origin };
        let Span { head, .. } = span(&database, &origin, tenant, &selection).await?;
        let selected = select(&database, &origin, tenant, &selection).await?;
        let mut items = items(&selected);
        count_members(&database, &origin, tenant, &mut items).await?;
        let pending = portions(&items, portion).into_iter().rev().collect();
        let report = Report { head, changes: selected.len(), ..Report::default() };
        let (selection, items, foreseen) = (Arc::new(selection), items.into(), Arc::default());
        let (late, is_checked) = (0, false);
        Ok(Self { database, origin, tenant, selection, items, pending, late, is_checked, foreseen, report })
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
        match self.call(plan).await {
            Ok(Some((results, foreseen))) => {
                self.foreseen = Arc::new(foreseen);
                self.report.add(results);
            }
            Ok(None) => self.halve(range),
            Err(error) if is_late(&error) && range.len() > 1 => self.halve(range),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Applies the next portion in one transaction. Returns `false` if there is none. The first portion is applied only if no
    /// other write of the tenant has been committed since the revert began.
    ///
    /// # Errors
    /// An error that ends the revert. The portion was not applied, unless the error is [`DbError::OutcomeUnknown`].
    /// [`OpError::PreconditionFailed`] with the newest revision if this is the first portion and there was another write.
    pub async fn apply_next(&mut self, now: Timestamp) -> Result<bool, OpError> {
        let Some(range) = self.pending.pop() else { return Ok(false) };
        match self.apply(&range, now).await {
            Ok(Some((results, revisions))) => {
                self.is_checked = true;
                self.applied(range.len(), results, revisions);
            }
            Ok(None) => self.halve(range),
            // Some unique values are checked at the commit. Halving finds the item with the conflict.
            Err(OpError::Conflict { .. }) if range.len() > 1 => self.halve(range),
            Err(OpError::Conflict { attribute, existing, .. }) => {
                let conflict = Conflict::of(Some(attribute.to_owned()), Reason::Taken);
                let conflict = Conflict { existing_id: existing, ..conflict };
                self.applied(range.len(), self.unchanged(range.start, conflict), None);
            }
            Err(error) if is_late(&error) && self.late < MAX_LATE => {
                self.late += 1;
                if range.len() > 1 {
                    self.halve(range);
                } else {
                    let conflict = Conflict::of(None, Reason::Timeout);
                    self.applied(range.len(), self.unchanged(range.start, conflict), None);
                }
                return Ok(true);
            }
            Err(error) => {
                self.pending.push(range);
                return Err(error);
            }
        }
        self.late = 0;
        Ok(true)
    }

    /// Applies a portion. If it is a single item, a value that belongs to another resource by now is left alone, and the other
    /// values are reverted.
    async fn apply(&self, range: &Range<usize>, now: Timestamp) -> Result<Applied, OpError> {
        let mut portion = self.portion(range);
        loop {
            let apply = || {
                let remaining =
                    self.database.deadline(&self.origin).saturating_duration_since(Instant::now());
                let give_up = (range.len() > 1).then(|| Instant::now() + remaining / 2);
                let head = (!self.is_checked).then_some(self.report.head);
                Apply { portion: portion.clone(), now, head, give_up }
            };
            match self.call(apply).await {
                Err(OpError::Conflict { attribute, existing, .. })
                    if range.len() == 1
                        && portion.excluded.iter().all(|(excluded, _)| excluded != attribute) =>
                {
                    portion.excluded.push((attribute.to_owned(), existing));
                }
                result => return result,
            }
        }
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
        Portion { tenant: self.tenant, selection, items, range: range.clone(), excluded: Vec::new() }
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

    /// The results of a single item that is left alone.
    fn unchanged(&self, index: usize, conflict: Conflict) -> Results {
        let Some(Item { target, .. }) = self.items.get(index).copied() else { return Results::default() };
        let (outcome, attributes, reverts) = (Step::Unchanged, Vec::new(), [].into());
        Results {
            outcomes: vec![Outcome { target, outcome, attributes, reverts }],
            conflicts: vec![TargetConflict { target, conflict }],
        }
    }
}

/// Whether a portion was not applied because it takes too long.
fn is_late(error: &OpError) -> bool {
    matches!(error, OpError::Database(DbError::Busy(_) | DbError::DeadlinePassed))
}

/// Adds the members of the groups that are restored to the sizes of the items.
async fn count_members(
    database: &Database,
    origin: &Origin,
    tenant: Uuid,
    items: &mut [Item],
) -> Result<(), OpError> {
    let mut deleted: Vec<_> = items.iter_mut().filter(|item| item.deleted_group().is_some()).collect();
    for items in deleted.chunks_mut(CountMembers::MAX) {
        let groups = items.iter().filter_map(|item| item.deleted_group()).collect();
        let counts = database.call(origin, CountMembers { tenant, groups }).await?;
        for (item, count) in items.iter_mut().zip(counts) {
            item.changes += count;
        }
    }
    Ok(())
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
