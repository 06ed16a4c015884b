//! Resources found by reading them in the order of the list, a window a call.

use super::{Calls, ListPage, Places, Query, place};
use crate::db::sort_sql;
use crate::db::sql::{Fragment, Statement};
use crate::db::{Class, Connection, DbError, Operation, Tx, filter_sql};
use crate::domain::filter::{Filter, Test, Value};
use crate::domain::sort::{Position, Segment, Sort};
use crate::ops::OpError;
use crate::ops::resource::Resource;
use diesel::QueryResult;
use diesel::sql_types::BigInt;
use std::sync::Arc;

/// Reads until the page is full. Ends with a short one when the time is over or the database has no room, but never
/// where it began.
pub(super) async fn scan<R: Resource>(
    calls: &mut Calls<'_>,
    query: &Arc<Query<R>>,
) -> Result<ListPage<R>, OpError> {
    let mut page = ListPage::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let mut skip = query.skip.unwrap_or(0);
    // How far it got, which is where a next page would go on.
    let mut place = None;
    for mut segment in query.sort.segments(query.after.clone()) {
        loop {
            if page.items.len() == query.limit {
                return Ok(ListPage { next: place, ..page });
            }
            if place.is_some() && calls.are_over() {
                return short(calls, query, page, place);
            }
            let wanted = skip.saturating_add(query.limit - page.items.len());
            let seen = match window(calls, query, &segment, wanted).await {
                Err(OpError::Database(DbError::Overloaded | DbError::DeadlinePassed)) if place.is_some() => {
                    return short(calls, query, page, place);
                }
                seen => seen?,
            };
            let last = seen.items.last().map(|item| query.sort.position(item));
            let skipped = skip.min(seen.items.len());
            skip -= skipped;
            page.items.extend(seen.items.into_iter().skip(skipped));
            place = seen.next.clone().or(last).or(place);
            match seen.next {
                Some(next) => segment.after = Some(next),
                None => break,
            }
        }
    }
    Ok(page)
}

/// A page that is short because the time is over. Who counts resources would take it for the rest of the list.
fn short<R>(
    calls: &Calls<'_>,
    query: &Query<R>,
    page: ListPage<R>,
    next: Option<Position>,
) -> Result<ListPage<R>, OpError> {
    if query.skip.is_some() { Err(calls.too_long()) } else { Ok(ListPage { next, ..page }) }
}

/// A window, or, when the database gives it up, the smallest one.
async fn window<R: Resource>(
    calls: &mut Calls<'_>,
    query: &Arc<Query<R>>,
    segment: &Segment,
    limit: usize,
) -> Result<Seen<R>, OpError> {
    let rows = calls.at_once;
    let mut window = Window { query: query.clone(), segment: segment.clone(), rows, limit };
    match calls.look(window.clone()).await {
        Err(OpError::Database(DbError::Busy(_))) if rows > 1 => {
            (window.rows, calls.at_once) = (1, 1);
            calls.look(window).await
        }
        seen => seen,
    }
}

/// Counts what the filter finds.
pub(super) async fn count<R: Resource>(calls: &mut Calls<'_>, query: &Arc<Query<R>>) -> Result<i64, OpError> {
    let mut after = None;
    let mut total = 0;
    loop {
        let counted = calls.look(Count { query: query.clone(), after, rows: calls.at_once }).await?;
        total += counted.found;
        after = match counted.next {
            Some(_) if calls.are_over() => return Err(calls.too_long()),
            Some(place) => Some(place),
            None => return Ok(total),
        };
    }
}

/// Reads those of the next resources in the order of the list that the filter finds.
#[derive(Clone, Debug)]
pub struct Window<R> {
    /// What is asked for.
    pub query: Arc<Query<R>>,
    /// What is left of the list.
    pub segment: Segment,
    /// How many resources to look at.
    pub rows: usize,
    /// At most so many to find.
    pub limit: usize,
}

/// What a window showed.
#[derive(Debug)]
pub struct Seen<R> {
    /// The resources that were found.
    pub items: Vec<R>,
    /// The place up to which was read; none at the end of the segment.
    pub next: Option<Position>,
}

impl<R: Resource> Operation for Window<R> {
    type Output = Seen<R>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Seen<R>, OpError> {
        let Self { query, segment, rows, limit } = self;
        let mut next = query.end_of_window(tx, segment, *rows)?;
        let window = Segment { through: next.clone(), ..segment.clone() };
        let mut items = query.items(tx, &window, 0, limit.saturating_add(1))?;
        if items.len() > *limit {
            items.truncate(*limit);
            next = items.last().map(|item| query.sort.position(item));
        }
        R::complete(tx, items.iter_mut().map(|item| (query.tenant, item)))?;
        Ok(Seen { items, next })
    }
}

/// Counts those of the next resources in the order of their ids that the filter finds.
#[derive(Debug)]
pub struct Count<R> {
    /// What is asked for.
    pub query: Arc<Query<R>>,
    /// Behind this place.
    pub after: Option<Position>,
    /// How many resources to look at.
    pub rows: usize,
}

/// How many resources a window holds that the filter finds.
#[derive(Debug)]
pub struct Counted {
    /// So many.
    pub found: i64,
    /// The place up to which was counted; none at the end.
    pub next: Option<Position>,
}

impl<R: Resource> Operation for Count<R> {
    type Output = Counted;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Counted, OpError> {
        let Self { query, after, rows } = self;
        let segment = Segment { sort: Sort::default(), missing: false, after: after.clone(), through: None };
        let next = query.end_of_window(tx, &segment, *rows)?;
        let mut condition = sort_sql::condition(&Segment { through: next.clone(), ..segment }, R::TABLE);
        condition.and_condition(&query.matches(tx)).unprepared();
        let statement = query.select(&Fragment::of("COUNT(*)"), &condition);
        let found = tx.load(Statement::<BigInt>::of(statement))?.pop().unwrap_or(0);
        Ok(Counted { found, next })
    }
}

impl<R: Resource> Query<R> {
    /// The place of the last resource of the next window; none when the segment ends before.
    pub(super) fn end_of_window(
        &self,
        connection: &mut Connection,
        segment: &Segment,
        rows: usize,
    ) -> QueryResult<Option<Position>> {
        let (table, by) = (R::TABLE, segment.sort.by);
        let mut condition = sort_sql::condition(segment, table);
        for part in self.filter.iter().flat_map(Filter::conjuncts) {
            // What the filter says of the order itself bounds the reading.
            if matches!(part, Filter::Is(path, Test::Equal(_) | Test::Within(..)) if *path == by.path()) {
                let matches = filter_sql::matches(part, table, connection.dialect(), &self.source);
                condition.and_condition(&matches).unprepared();
            }
        }
        let mut statement =
            self.select(&sort_sql::place(by, table, connection.dialect(), &self.source), &condition);
        statement.sql(" ORDER BY ").append(&sort_sql::order(segment, table));
        let before_last = i64::try_from(rows).unwrap_or(i64::MAX) - 1;
        statement.sql(" LIMIT 1 OFFSET ").value(Value::Integer(before_last));
        let last = connection.load(Places::of(statement))?.pop();
        Ok(last.map(|row| place(row, by)))
    }
}
