//! Resources listed: in an order, from a place on, those that a filter finds.
//!
//! Without a filter an index gives a page. One that names a resource finds it like an id does ([`unique`]). With any other,
//! an indexed part of it that few resources fulfil gives candidates ([`search`]); where there is none, resources are read in
//! the order of the list, a window at a time ([`scan`]), so that no call holds its lane for long and a page can end, short,
//! when its time is over. In an order that no index has, resources are read in that of their ids, all of them ([`sorted`]).

pub mod scan;
pub mod search;
pub mod sorted;
pub mod unique;

use super::resource::Resource;
use crate::db::filter_sql::{self, AccessPath};
use crate::db::sort_sql;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Database, DbError, Operation, Tx};
use crate::domain::Source;
use crate::domain::filter::{Filter, Value};
use crate::domain::origin::Origin;
use crate::domain::schema::SortBy;
use crate::domain::sort::{Position, Segment, Sort};
use crate::ops::OpError;
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Nullable, Text};
use search::Found;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Which resources are asked for.
#[derive(Clone, Debug)]
pub struct Query<R> {
    /// In this tenant.
    pub tenant: Uuid,
    /// That fulfil this filter.
    pub filter: Option<Filter>,
    /// In this order.
    pub sort: Sort,
    /// Behind this place; from the start without it.
    pub after: Option<Position>,
    /// Without so many of the first, for who counts resources: that costs as much as reading them, and no page is short but
    /// the last.
    pub skip: Option<usize>,
    /// At most so many.
    pub limit: usize,
    /// Whether all that the filter finds are to be counted.
    pub total: bool,
    /// By a caller of this source, whose externalIds are meant.
    pub source: Source,
    /// Of this type.
    pub of: PhantomData<R>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPage<R> {
    /// The resources.
    pub items: Vec<R>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Position>,
    /// How many resources the whole list has, when that was asked.
    pub total: Option<i64>,
}

impl<R> Default for ListPage<R> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None, total: None }
    }
}

/// Lists resources.
///
/// # Errors
/// [`OpError::Uncountable`] when what the filter finds cannot be counted, or sorted, within half of the deadline.
pub async fn list<R: Resource>(
    database: &Database,
    origin: &Origin,
    query: Query<R>,
) -> Result<ListPage<R>, OpError> {
    let query = Arc::new(query);
    if let Some(named) = unique::FindUnique::asked_for(&query) {
        let found: Vec<_> = database.call(origin, named).await?.into_iter().collect();
        let total = query.total.then_some(found.len() as i64);
        let items = found.into_iter().skip(query.skip.unwrap_or(0)).take(query.limit).collect();
        return Ok(ListPage { items, next: None, total });
    }
    let indexed = query.sort.by.is_indexed();
    if query.filter.is_none() && indexed {
        return database.call(origin, Page(query)).await;
    }
    let access_paths: Vec<AccessPath> = match &query.filter {
        Some(filter) => filter_sql::access_paths(filter, R::TABLE, &query.source),
        None => Vec::new(),
    };
    let mut calls = Calls::begin(database, origin);
    let found = match access_paths.is_empty() {
        true => None,
        false => calls.make(search::Search { query: query.clone(), access_paths }).await?,
    };
    match found {
        Some(Found::Page(page)) => Ok(page),
        Some(Found::Candidates(ids)) => search::sift(&mut calls, &query, &ids).await,
        None if !indexed => sorted::sort(&mut calls, &query).await,
        None => {
            let total = if query.total { Some(scan::count(&mut calls, &query).await?) } else { None };
            match total.zip(query.skip.map(i64::try_from)) {
                // All of them would be read to be left out.
                Some((total, skip)) if skip.is_ok_and(|skip| skip < total) => {}
                Some(_) => return Ok(ListPage { total, ..ListPage::default() }),
                None => {}
            }
            Ok(ListPage { total, ..scan::scan(&mut calls, &query).await? })
        }
    }
}

/// The calls that make up one listing: one deadline for all, and how much each of them is to do.
struct Calls<'d> {
    database: &'d Database,
    origin: &'d Origin,
    begun: Instant,
    /// How many resources the next call looks at: few at first and more for as long as they are looked at fast, so that
    /// whatever a filter costs for each, a call takes a time that others can wait for.
    at_once: usize,
    /// How long they took that looked at resources, waiting not counted.
    worked: Duration,
}

/// How many resources the first call looks at.
const FIRST: usize = 20;
/// How many a call looks at most.
const MOST: usize = 4_000;
/// Under which time the next call looks at twice as many, and over which at half, but not at fewer than at first: on a
/// machine that is slow with everything that would only make more calls.
const FAST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_millis(250);

impl<'d> Calls<'d> {
    fn begin(database: &'d Database, origin: &'d Origin) -> Self {
        Self { database, origin, begun: Instant::now(), at_once: FIRST, worked: Duration::ZERO }
    }

    async fn make<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        let deadline = self.begun + self.database.deadline();
        self.database.call_until(self.origin, operation, deadline).await
    }

    /// Makes a call that looks at as many resources as it is told, and learns from how long it took.
    async fn look<O: Operation>(&mut self, operation: O) -> Result<O::Output, O::Error> {
        let (output, took) = self.make(Timed(operation)).await?;
        self.worked += took;
        if took < FAST {
            self.at_once = (self.at_once * 2).min(MOST);
        } else if took > SLOW {
            self.at_once = (self.at_once / 2).max(self.at_once.min(FIRST));
        }
        Ok(output)
    }

    /// Whether to end with what there is: what the other half of the deadline is left for.
    fn are_over(&self) -> bool {
        self.begun.elapsed() >= self.database.deadline() / 2
    }

    /// Why it could not be done in time: the filter, or the others that were waited for.
    fn too_long(&self) -> OpError {
        if self.worked * 2 < self.begun.elapsed() { DbError::Overloaded.into() } else { OpError::Uncountable }
    }
}

/// An operation that says how long it took, waiting not counted.
struct Timed<O>(O);

impl<O: Operation> Operation for Timed<O> {
    type Output = (O::Output, Duration);
    type Error = O::Error;
    const CLASS: Class = O::CLASS;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, O::Error> {
        let begun = Instant::now();
        let output = self.0.run(tx)?;
        Ok((output, begun.elapsed()))
    }
}

/// Reads a page of all resources.
#[derive(Debug)]
pub struct Page<R>(pub Arc<Query<R>>);

impl<R: Resource> Operation for Page<R> {
    type Output = ListPage<R>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<ListPage<R>, OpError> {
        let Self(query) = self;
        let mut items = Vec::new();
        let mut skip = query.skip.unwrap_or(0);
        for segment in query.sort.segments(query.after.clone()) {
            // One more than asked tells whether there is a next page.
            let wanted = query.limit + 1 - items.len();
            let behind = query.items(tx, &segment, skip, wanted)?;
            if behind.is_empty() && skip > 0 {
                skip = skip.saturating_sub(query.count(tx, &segment)?);
            } else {
                skip = 0;
            }
            items.extend(behind);
            if items.len() > query.limit {
                break;
            }
        }
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        R::complete(tx, items.iter_mut().map(|item| (query.tenant, item)))?;
        let next = items.last().filter(|_| more).map(|item| query.sort.position(item));
        let total = query.total.then(|| total::<R>(tx, query.tenant)).transpose()?;
        Ok(ListPage { items, next, total })
    }
}

impl<R: Resource> Query<R> {
    /// The resources of a segment that fulfil the filter: so many, behind so many others.
    fn items(
        &self,
        connection: &mut Connection,
        segment: &Segment,
        skip: usize,
        limit: usize,
    ) -> QueryResult<Vec<R>> {
        let mut condition = sort_sql::condition(segment, R::TABLE);
        if self.filter.is_some() {
            condition.and_condition(&self.matches(connection)).unprepared();
        }
        let mut statement = self.select(&Fragment::of(R::TABLE.row), &condition);
        statement.sql(" ORDER BY ").append(&sort_sql::order(segment, R::TABLE));
        if skip == 0 {
            return R::load(connection, statement, Some(limit));
        }
        let number = |count| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        statement.sql(" LIMIT ").value(number(limit)).sql(" OFFSET ").value(number(skip));
        R::load(connection, statement, None)
    }

    /// How many resources a segment has.
    fn count(&self, connection: &mut Connection, segment: &Segment) -> QueryResult<usize> {
        let statement = self.select(&Fragment::of("COUNT(*)"), &sort_sql::condition(segment, R::TABLE));
        let count: Option<i64> = connection.load(Statement::<BigInt>::of(statement))?.pop();
        Ok(count.and_then(|count| count.try_into().ok()).unwrap_or(0))
    }

    /// Selects columns of the rows of the tenant that fulfil a condition.
    fn select(&self, columns: &Fragment, condition: &Fragment) -> Fragment {
        let mut statement = Fragment::of("SELECT ");
        statement.append(columns).sql(" FROM ").sql(R::TABLE.name);
        statement.sql(" WHERE ").sql(R::TABLE.tenant).sql(" = ").value(Value::Id(self.tenant));
        statement.and_condition(condition);
        statement
    }

    fn matches(&self, connection: &Connection) -> Fragment {
        match &self.filter {
            Some(filter) => filter_sql::matches(filter, R::TABLE, connection.dialect(), &self.source),
            None => Fragment::truth(),
        }
    }
}

/// What decides a resource's place in an order: its id, a text, a number.
type PlaceRow = (Uid, Option<String>, i64);

/// A statement that selects places.
type Places = Statement<(Id, Nullable<Text>, BigInt)>;

/// How many characters of a text that no index has decide on a place: a cursor holds them, and has to fit into a URL.
const DECISIVE: usize = 256;

fn place((Uid(id), text, number): PlaceRow, by: SortBy) -> Position {
    let key = match by {
        SortBy::Id => None,
        SortBy::UserName | SortBy::DisplayName => text.map(Value::Text),
        SortBy::Other(_) => text.map(|text| Value::Text(text.chars().take(DECISIVE).collect())),
        SortBy::CreatedAt | SortBy::UpdatedAt => Some(Value::Integer(number)),
    };
    Position { key, id }
}

impl<R: Resource> Query<R> {
    /// Whether a place is one of those that are asked for.
    fn is_behind(&self, place: &Position) -> bool {
        self.after.as_ref().is_none_or(|after| self.sort.compare(place, after).is_gt())
    }

    /// The columns of a place in the order of the list.
    fn place(&self, connection: &Connection) -> Fragment {
        sort_sql::place(self.sort.by, R::TABLE, connection.dialect(), &self.source)
    }
}

/// How many resources a tenant has: its head row counts them.
fn total<R: Resource>(connection: &mut Connection, tenant: Uuid) -> Result<i64, OpError> {
    let mut statement = Fragment::of("SELECT heads.");
    statement.sql(R::TABLE.name).sql(" FROM heads WHERE heads.tenant_id = ");
    statement.value(Value::Id(tenant));
    connection.load(Statement::<BigInt>::of(statement))?.pop().ok_or(OpError::NotFound)
}
