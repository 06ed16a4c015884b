//! Resources found by an index: a few candidates, of which those are listed that fulfil the whole filter.

use super::{Calls, ListPage, Places, Query, place};
use crate::db::filter_sql::{AccessPath, IndexRange};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::sort::Position;
use crate::ops::AT_ONCE;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use diesel::QueryResult;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many candidates an index may give: with more of them, a page is soon found by reading in order.
const CANDIDATES: usize = 2_000;
/// How many access_paths to candidates are tried: as many as there are attributes with an index.
const WAYS: usize = 8;
/// How long a search may look among candidates while lists wait for it.
const PATIENCE: Duration = Duration::from_millis(50);

/// Reads a page of resources that an index finds; nothing when no index finds few enough.
#[derive(Debug)]
pub struct Search<R> {
    /// What is asked for.
    pub query: Arc<Query<R>>,
    /// The access_paths to find candidates.
    pub access_paths: Vec<AccessPath>,
}

/// What a search gave.
#[derive(Debug)]
pub enum Found<R> {
    /// The page.
    Page(ListPage<R>),
    /// Candidates of which it takes long to tell whether they fulfil the filter.
    Candidates(Vec<Uuid>),
}

impl<R: Resource> Operation for Search<R> {
    type Output = Option<Found<R>>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Found<R>>, OpError> {
        let Self { query, access_paths } = self;
        for path in access_paths.iter().take(WAYS) {
            let Some(ids) = candidates(tx, query.tenant, path)? else { continue };
            let Some(places) = query.places_soon(tx, &ids)? else {
                return Ok(Some(Found::Candidates(ids)));
            };
            return query.page_of(tx, places).map(|page| Some(Found::Page(page)));
        }
        Ok(None)
    }
}

/// Looks among candidates where nobody waits for it but scans.
pub(super) async fn sift<R: Resource>(
    calls: &mut Calls<'_>,
    query: &Arc<Query<R>>,
    ids: &[Uuid],
) -> Result<ListPage<R>, OpError> {
    let mut places = Vec::new();
    let mut rest = ids;
    calls.at_once = 1;
    while !rest.is_empty() {
        if calls.are_over() {
            return Err(calls.too_long());
        }
        let (ids, behind) = rest.split_at(calls.at_once.min(rest.len()).min(AT_ONCE));
        places.extend(calls.look(Sift { query: query.clone(), ids: ids.to_vec() }).await?);
        rest = behind;
    }
    calls.make(Pick { query: query.clone(), places }).await
}

/// Finds the places of those of the candidates that fulfil the filter.
#[derive(Debug)]
pub struct Sift<R> {
    /// What is asked for.
    pub query: Arc<Query<R>>,
    /// The candidates.
    pub ids: Vec<Uuid>,
}

impl<R: Resource> Operation for Sift<R> {
    type Output = Vec<Position>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Position>, OpError> {
        Ok(self.query.places(tx, &self.ids)?)
    }
}

/// Reads a page of the resources at these places.
#[derive(Debug)]
pub struct Pick<R> {
    /// What is asked for.
    pub query: Arc<Query<R>>,
    /// The places of all that fulfil the filter.
    pub places: Vec<Position>,
}

impl<R: Resource> Operation for Pick<R> {
    type Output = ListPage<R>;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<ListPage<R>, OpError> {
        self.query.page_of(tx, self.places.clone())
    }
}

impl<R: Resource> Query<R> {
    /// The places of those of the candidates that fulfil the filter, in no order; nothing when that takes long.
    fn places_soon(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Option<Vec<Position>>> {
        let until = Instant::now() + PATIENCE;
        let mut places = Vec::with_capacity(ids.len());
        let (mut rest, mut at_once) = (ids, 1);
        while !rest.is_empty() {
            if Instant::now() >= until {
                return Ok(None);
            }
            let (ids, behind) = rest.split_at(at_once.min(rest.len()));
            places.extend(self.places(connection, ids)?);
            (rest, at_once) = (behind, (at_once * 10).min(AT_ONCE));
        }
        Ok(Some(places))
    }

    fn places(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<Position>> {
        let statement = self.select(&self.place(connection), &self.one_of(connection, ids));
        let rows = connection.load(Places::of(statement))?;
        Ok(rows.into_iter().map(|row| place(row, self.sort.by)).collect())
    }

    /// A page of the resources at these places. Sorted here: an engine that is asked for an order may read all rows in
    /// that order and look whether they are candidates.
    fn page_of(&self, tx: &mut Tx<'_>, mut places: Vec<Position>) -> Result<ListPage<R>, OpError> {
        let total = self.total.then(|| i64::try_from(places.len()).unwrap_or(i64::MAX));
        places.retain(|place| self.is_behind(place));
        places.sort_unstable_by(|one, other| self.sort.compare(one, other));
        places.drain(..self.skip.unwrap_or(0).min(places.len()));
        let more = places.len() > self.limit;
        places.truncate(self.limit);
        let ids: Vec<_> = places.iter().map(|place| place.id).collect();
        let mut items = self.of_ids(tx, &ids)?;
        items.sort_by_cached_key(|item| ids.iter().position(|id| *id == item.id()));
        R::complete(tx, items.iter_mut().map(|item| (self.tenant, item)))?;
        Ok(ListPage { items, next: places.pop().filter(|_| more), total })
    }

    /// Those of a page's resources that still fulfil the filter, in no order.
    fn of_ids(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<R>> {
        let mut items = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let statement = self.select(&Fragment::of(R::TABLE.row), &self.one_of(connection, ids));
            items.extend(R::load(connection, statement, None)?);
        }
        Ok(items)
    }

    /// The condition that a resource is one of these and fulfils the filter, which it may not any more.
    fn one_of(&self, connection: &Connection, ids: &[Uuid]) -> Fragment {
        let mut condition = Fragment::of(R::TABLE.id);
        condition.is_one_of(ids);
        condition.and_condition(&self.matches(connection));
        condition
    }
}

/// The ids that lookups find together, in their order; nothing when they are too many. Of several lookups in one state of
/// the database: what goes from the one to the other meanwhile would be in neither.
fn candidates(tx: &mut Tx<'_>, tenant: Uuid, path: &AccessPath) -> Result<Option<Vec<Uuid>>, OpError> {
    let find = |tx: &mut Tx<'_>| {
        let mut ids = BTreeSet::new();
        for lookup in path {
            let found = ids_of(tx, tenant, lookup)?;
            // A resource with several values may be found more than once: what was cut off shows in what was found.
            let all = found.len() <= CANDIDATES;
            ids.extend(found);
            if !all || ids.len() > CANDIDATES {
                return Ok(None);
            }
        }
        Ok(Some(ids.into_iter().collect()))
    };
    if path.len() > 1 { tx.in_snapshot(find) } else { find(tx) }
}

/// The first ids in a stretch of an index, whose order is asked for so that no plan but the index can give it.
fn ids_of(connection: &mut Connection, tenant: Uuid, lookup: &IndexRange) -> QueryResult<Vec<Uuid>> {
    let IndexRange { at, condition, .. } = lookup;
    let mut statement = Fragment::of("SELECT ");
    statement.sql(at.id).sql(" FROM ").sql(at.table);
    statement.sql(" WHERE ").sql(at.tenant).sql(" = ").value(Value::Id(tenant)).and_condition(condition);
    statement.sql(" ORDER BY ").sql(at.key);
    let ids: Vec<Uid> = connection.load_first(Statement::<Id>::of(statement), CANDIDATES + 1)?;
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}
