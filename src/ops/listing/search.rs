//! Finds matching resources through an index, which provides a few candidates that are then checked against the whole
//! filter.

use super::execution::Execution;
use super::{ListPage, Query};
use crate::db::budget::Budget;
use crate::db::filter_sql::{AccessPath, IndexRange};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::sort::Position;
use crate::ops::resource::Resource;
use crate::ops::{IDS_PER_STATEMENT, OpError, PAGE_BYTES};
use diesel::QueryResult;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The maximum number of candidates. If an index provides more, a scan in list order fills a page quickly.
const MAX_CANDIDATES: usize = 2_000;
/// The maximum number of access paths to try.
const MAX_PATHS: usize = 8;
/// How long a search may check candidates while other page reads wait for its actor.
const MAX_CHECK_TIME: Duration = Duration::from_millis(50);

/// Reads a page of the resources that an index finds. Returns `None` if no index provides few enough candidates.
#[derive(Debug)]
pub(super) struct Search<R> {
    pub(super) query: Arc<Query<R>>,
    pub(super) paths: Vec<AccessPath>,
}

/// The result of a search.
#[derive(Debug)]
pub(super) enum SearchResult<R> {
    Page(ListPage<R>),
    /// Candidates that take too long to check within an operation of class [`Class::Page`].
    Candidates(Vec<Uuid>),
}

impl<R: Resource> Operation for Search<R> {
    type Output = Option<SearchResult<R>>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        for path in self.paths.iter().take(MAX_PATHS) {
            let Some(ids) = candidates(tx, self.query.tenant, path)? else { continue };
            let Some(positions) = self.query.check_quickly(tx, &ids)? else {
                return Ok(Some(SearchResult::Candidates(ids)));
            };
            return self.query.page_at(tx, positions).map(|page| Some(SearchResult::Page(page)));
        }
        Ok(None)
    }
}

/// Checks candidates in operations of class [`Class::Scan`], so that page reads do not wait for them, and reads the page.
pub(super) async fn check_candidates<R: Resource>(
    execution: &mut Execution<'_>,
    query: &Arc<Query<R>>,
    candidates: &[Uuid],
) -> Result<ListPage<R>, OpError> {
    let mut positions = Vec::new();
    let mut rest = candidates;
    execution.window = 1;
    while !rest.is_empty() {
        execution.check_time()?;
        let (chunk, remaining) = rest.split_at(execution.window.min(rest.len()).min(IDS_PER_STATEMENT));
        let (query, ids) = (query.clone(), chunk.to_vec());
        positions.extend(execution.scan_window(move |tx| Ok(query.check(tx, &ids)?)).await?);
        rest = remaining;
    }
    read_page(execution, query, positions).await
}

/// Reads the page of the resources at these positions, which are those of all matching resources, in any order.
pub(super) async fn read_page<R: Resource>(
    execution: &Execution<'_>,
    query: &Arc<Query<R>>,
    positions: Vec<Position>,
) -> Result<ListPage<R>, OpError> {
    let query = query.clone();
    execution.scan(move |tx| query.page_at(tx, positions.clone())).await
}

impl<R: Resource> Query<R> {
    /// The positions of the candidates that match the filter, in any order. `None` if the check takes too long.
    fn check_quickly(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Option<Vec<Position>>> {
        let until = Instant::now() + MAX_CHECK_TIME;
        let mut positions = Vec::with_capacity(ids.len());
        let (mut rest, mut size) = (ids, 1);
        while !rest.is_empty() {
            if Instant::now() >= until {
                return Ok(None);
            }
            let (chunk, remaining) = rest.split_at(size.min(rest.len()));
            positions.extend(self.check(connection, chunk)?);
            (rest, size) = (remaining, (size * 10).min(IDS_PER_STATEMENT));
        }
        Ok(Some(positions))
    }

    /// The positions of the candidates that match the filter, in any order.
    fn check(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<Position>> {
        let condition = self.matches_one_of(connection, ids);
        self.positions(connection, &condition)
    }

    /// The page of the resources at these positions. They are sorted here, because an engine might read all rows in list
    /// order and compare each with the candidates.
    fn page_at(&self, tx: &mut Tx<'_>, mut positions: Vec<Position>) -> Result<ListPage<R>, OpError> {
        let total = self.total.then(|| i64::try_from(positions.len()).unwrap_or(i64::MAX));
        positions.retain(|position| self.is_after_cursor(position));
        positions.sort_unstable_by(|one, other| self.sort.compare(one, other));
        positions.drain(..self.skip.unwrap_or(0).min(positions.len()));
        let more = positions.len() > self.limit;
        positions.truncate(self.limit);
        let ids: Vec<_> = positions.iter().map(|position| position.id).collect();
        let (mut items, read) = self.load_matching(tx, &ids)?;
        let more = more || read < ids.len();
        positions.truncate(read);
        let next = positions.last().filter(|_| more).cloned();
        items.sort_by_cached_key(|item| ids.iter().position(|id| *id == item.id()));
        R::fill_computed(tx, items.iter_mut().map(|item| (self.tenant, item)))?;
        // A resource that was deleted, or no longer matches, since its id was read is not on the page.
        positions.retain(|position| items.iter().any(|item| item.id() == position.id));
        Ok(ListPage { items, positions, next, total })
    }

    /// The resources with these ids that still match the filter, in any order. Once they fill a page, the remaining ids are
    /// not read. Also returns the number of ids that were read.
    fn load_matching(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<(Vec<R>, usize)> {
        let (mut items, mut size, mut read) = (Vec::with_capacity(ids.len()), Budget::unlimited(), 0);
        for ids in ids.chunks(IDS_PER_STATEMENT) {
            let condition = self.matches_one_of(connection, ids);
            let statement = self.select(&Fragment::of(R::TABLE.row), &condition);
            items.extend(R::load(connection, statement, Some(ids.len()), &mut size)?);
            read += ids.len();
            if size.spent() >= PAGE_BYTES {
                break;
            }
        }
        Ok((items, read))
    }

    /// The condition that a resource has one of these ids and matches the filter.
    fn matches_one_of(&self, connection: &Connection, ids: &[Uuid]) -> Fragment {
        let mut condition = Fragment::of(R::TABLE.id);
        condition.is_one_of(ids).and_condition(&self.matches(connection));
        condition
    }
}

/// The ids in the ranges of an access path, in order. `None` if there are too many. Several ranges are read in one
/// snapshot, so that a resource that moves from one to another is not missed.
fn candidates(tx: &mut Tx<'_>, tenant: Uuid, path: &AccessPath) -> Result<Option<Vec<Uuid>>, OpError> {
    let find = |tx: &mut Tx<'_>| {
        let mut ids = BTreeSet::new();
        for range in path {
            let found = ids_in_range(tx, tenant, range)?;
            // A resource with several values can occur several times, so the limit applies to the occurrences.
            let is_complete = found.len() <= MAX_CANDIDATES;
            ids.extend(found);
            if !is_complete || ids.len() > MAX_CANDIDATES {
                return Ok(None);
            }
        }
        Ok(Some(ids.into_iter().collect()))
    };
    if path.len() > 1 { tx.in_snapshot(find) } else { find(tx) }
}

/// The first ids in a range of an index. The ORDER BY forces the engine to use the index.
fn ids_in_range(connection: &mut Connection, tenant: Uuid, range: &IndexRange) -> QueryResult<Vec<Uuid>> {
    let IndexRange { column, condition, .. } = range;
    let mut statement = Fragment::of("SELECT ");
    statement.sql(column.id).sql(" FROM ").sql(column.table);
    statement.sql(" WHERE ").sql(column.tenant).sql(" = ").value(Value::Id(tenant)).and_condition(condition);
    statement.sql(" ORDER BY ").sql(column.key);
    let ids: Vec<Uid> = connection.load_first(Statement::<Id>::of(statement), MAX_CANDIDATES + 1)?;
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}
