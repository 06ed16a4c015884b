//! Finds matching resources by reading rows in list order, one window per call.

use super::execution::Execution;
use super::{ListPage, Query};
use crate::db::budget::Budget;
use crate::db::sql::{Fragment, Statement};
use crate::db::{Connection, DbError, Tx, filter_sql, sort_sql};
use crate::domain::filter::{Filter, Value};
use crate::domain::sort::{Position, Segment, Sort};
use crate::ops::resource::Resource;
use crate::ops::{OpError, PAGE_BYTES};
use diesel::QueryResult;
use diesel::sql_types::BigInt;
use std::sync::Arc;

/// Reads windows until the page is full. The page is shorter if the query runs out of time or the database is overloaded,
/// but its cursor always makes progress.
pub(super) async fn scan<R: Resource>(
    execution: &mut Execution<'_>,
    query: &Arc<Query<R>>,
) -> Result<ListPage<R>, OpError> {
    let mut page = ListPage::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let (mut skip, mut budget) = (query.skip.unwrap_or(0), Budget::of(PAGE_BYTES));
    // The position that the scan has reached, after which the next page starts.
    let mut reached = None;
    for mut segment in query.sort.segments(query.after.clone()) {
        loop {
            if page.items.len() == query.limit || budget.is_spent() {
                return Ok(ListPage { next: reached, ..page });
            }
            if reached.is_some() && execution.is_out_of_time() {
                return short_page(execution, query, page, reached);
            }
            let wanted = skip.saturating_add(query.limit - page.items.len());
            // If all resources of a window are skipped, the window does not count towards the size of the page.
            let of_window = if skip > 0 { Budget::of(PAGE_BYTES) } else { budget };
            let (items, end, spent) = match read_window(execution, query, &segment, wanted, of_window).await {
                Err(OpError::Database(DbError::Overloaded | DbError::DeadlinePassed))
                    if reached.is_some() =>
                {
                    return short_page(execution, query, page, reached);
                }
                window => window?,
            };
            let last = items.last().map(|item| query.sort.position(item));
            let skipped = skip.min(items.len());
            skip -= skipped;
            if skipped < items.len() {
                budget.spend(spent.spent() - of_window.spent());
            }
            page.items.extend(items.into_iter().skip(skipped));
            page.positions
                .extend(query.positions_of(page.items.get(page.positions.len()..).unwrap_or_default()));
            reached = end.clone().or(last).or(reached);
            match end {
                Some(end) => segment.after = Some(end),
                None => break,
            }
        }
    }
    Ok(page)
}

/// A page that is short because the query is out of time or the database is overloaded. With index-based paging,
/// clients would take it for the last page, so it is an error there.
fn short_page<R>(
    execution: &Execution<'_>,
    query: &Query<R>,
    page: ListPage<R>,
    next: Option<Position>,
) -> Result<ListPage<R>, OpError> {
    if query.skip.is_some() { Err(execution.timeout_error()) } else { Ok(ListPage { next, ..page }) }
}

/// The matching resources of a window, the position where the read ended (`None` at the end of the segment), and the
/// remaining budget.
type Window<R> = (Vec<R>, Option<Position>, Budget);

/// Reads a window. If its statement times out, reads a window of one row instead.
async fn read_window<R: Resource>(
    execution: &mut Execution<'_>,
    query: &Arc<Query<R>>,
    segment: &Segment,
    limit: usize,
    budget: Budget,
) -> Result<Window<R>, OpError> {
    loop {
        let (query, segment, rows) = (query.clone(), segment.clone(), execution.window);
        let step = move |tx: &mut Tx<'_>| query.window(tx, &segment, rows, limit, budget);
        match execution.scan_window(step).await {
            Err(OpError::Database(DbError::Busy(_))) if rows > 1 => execution.window = 1,
            window => return window,
        }
    }
}

/// Counts the resources that match the filter.
pub(super) async fn count<R: Resource>(
    execution: &mut Execution<'_>,
    query: &Arc<Query<R>>,
) -> Result<i64, OpError> {
    let (mut total, mut after) = (0, None);
    loop {
        let (query, rows) = (query.clone(), execution.window);
        let step = move |tx: &mut Tx<'_>| query.count_window(tx, after.clone(), rows);
        let (count, end) = execution.scan_window(step).await?;
        total += count;
        if end.is_none() {
            return Ok(total);
        }
        execution.check_time()?;
        after = end;
    }
}

impl<R: Resource> Query<R> {
    /// Reads up to `limit` matching resources from a window of `rows` rows, until the budget is spent.
    fn window(
        &self,
        tx: &mut Tx<'_>,
        segment: &Segment,
        rows: usize,
        limit: usize,
        mut budget: Budget,
    ) -> Result<Window<R>, OpError> {
        let mut end = self.window_end(tx, segment, rows)?;
        let window = Segment { through: end.clone(), ..segment.clone() };
        let mut items = self.items(tx, &window, 0, limit.saturating_add(1), &mut budget)?;
        if items.len() > limit || budget.is_spent() {
            items.truncate(limit);
            end = items.last().map(|item| self.sort.position(item));
        }
        R::fill_computed(tx, items.iter_mut().map(|item| (self.tenant, item)))?;
        Ok((items, end, budget))
    }

    /// Counts the matching resources in a window of `rows` rows in id order. Also returns the position where the window
    /// ends, unless that is the end of the list.
    fn count_window(
        &self,
        tx: &mut Tx<'_>,
        after: Option<Position>,
        rows: usize,
    ) -> Result<(i64, Option<Position>), OpError> {
        let (mut condition, end) = self.matches_in_window(tx, after, rows)?;
        condition.unprepared();
        let statement = self.select(&Fragment::of("COUNT(*)"), &condition);
        let count = tx.load(Statement::<BigInt>::of(statement))?.pop().unwrap_or(0);
        Ok((count, end))
    }

    /// The condition that a resource matches the filter and is in a window of `rows` rows in id order, with the position
    /// where the window ends.
    pub(super) fn matches_in_window(
        &self,
        connection: &mut Connection,
        after: Option<Position>,
        rows: usize,
    ) -> QueryResult<(Fragment, Option<Position>)> {
        let segment = Segment { sort: Sort::default(), missing: false, after, through: None };
        let end = self.window_end(connection, &segment, rows)?;
        let window = Segment { through: end.clone(), ..segment };
        let mut condition = sort_sql::condition(&window, R::TABLE);
        condition.and_condition(&self.matches(connection));
        Ok((condition, end))
    }

    /// The position of the last row of the next window. `None` if the segment ends before that row.
    fn window_end(
        &self,
        connection: &mut Connection,
        segment: &Segment,
        rows: usize,
    ) -> QueryResult<Option<Position>> {
        let (table, by) = (R::TABLE, segment.sort.by);
        let mut condition = sort_sql::condition(segment, table);
        for part in self.filter.iter().flat_map(Filter::conjuncts) {
            if let Some(bounds) = filter_sql::bounds(part, by, table, connection.dialect(), &self.source) {
                condition.and_condition(&bounds).unprepared();
            }
        }
        let columns = sort_sql::position(by, table, connection.dialect(), &self.source);
        let mut statement = self.select(&columns, &condition);
        statement.sql(" ORDER BY ").append(&sort_sql::order(segment, table));
        let offset = i64::try_from(rows).unwrap_or(i64::MAX) - 1;
        statement.sql(" LIMIT 1 OFFSET ").value(Value::Integer(offset));
        Ok(super::load_positions(connection, statement, by)?.pop())
    }
}
