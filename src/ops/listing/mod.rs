//! Lists the resources that match a filter, in an order, from a position.
//!
//! - Without a filter, an index provides the page.
//! - A filter on a unique value finds at most one resource, as a lookup by id does ([`unique`]).
//! - For other filters, the most selective indexed condition provides candidates (`search`).
//! - If no index provides few enough candidates, rows are scanned in list order (`scan`), one window per call. No call
//!   occupies an actor for long, and a query that runs out of time returns a short page.
//! - In an order without an index, all rows are scanned in id order (`sort`).

mod execution;
mod scan;
mod search;
mod sort;
pub mod unique;

use super::resource::{Form, Resource};
use crate::db::budget::Budget;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Database, Operation, Permit, Tx};
use crate::db::{filter_sql, sort_sql};
use crate::domain::Source;
use crate::domain::filter::{Filter, Value};
use crate::domain::origin::Origin;
use crate::domain::schema::SortBy;
use crate::domain::sort::{Position, Segment, Sort, Sorted};
use crate::ops::members::{FEW_GROUPS, GroupsOf, WithGroups};
use crate::ops::{OpError, PAGE_BYTES};
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Nullable, Text};
use execution::Execution;
use search::{Search, SearchResult};
use std::convert::identity;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;
pub use unique::{FindOwner, FindUnique};
use uuid::Uuid;

/// A list query.
#[derive(Clone, Debug)]
pub struct Query<R> {
    /// The tenant of the resources.
    pub tenant: Uuid,
    /// The filter; `None` matches all resources.
    pub filter: Option<Filter>,
    /// The order.
    pub sort: Sort,
    /// The position after which the page starts; `None` starts at the first resource.
    pub after: Option<Position>,
    /// The number of results to skip, for index-based paging. The cost grows with the number. Apart from the last page, a
    /// page is short only if its resources or their groups would be too large, never because time runs out.
    pub skip: Option<usize>,
    /// The maximum number of resources on the page.
    pub limit: usize,
    /// Whether to count all matching resources.
    pub total: bool,
    /// If the groups of users are to be read: their maximum total number. If the users of a page are in more groups, the
    /// page is shortened.
    pub max_groups: Option<usize>,
    /// The source of the externalIds to which the filter refers.
    pub source: Source,
    /// The type of the resources.
    pub of: PhantomData<R>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPage<R> {
    /// The resources.
    pub items: Vec<R>,
    /// The position of each resource.
    pub positions: Vec<Position>,
    /// The position after which the next page starts; `None` on the last page.
    pub next: Option<Position>,
    /// The number of all matching resources, if requested.
    pub total: Option<i64>,
}

impl<R> Default for ListPage<R> {
    fn default() -> Self {
        Self { items: Vec::new(), positions: Vec::new(), next: None, total: None }
    }
}

impl<R> ListPage<R> {
    /// Removes the resources after the first `count`. The next page starts with the removed resources.
    pub fn truncate(&mut self, count: usize) {
        if count < self.items.len() {
            self.items.truncate(count);
            self.positions.truncate(count);
            self.next = self.positions.last().cloned();
        }
    }

    /// Makes the next page start after the resource with this id.
    pub fn end_after(&mut self, id: Uuid) {
        self.next = self.positions.iter().find(|position| position.id == id).cloned();
    }
}

/// Lists resources. Unless `permit` already suffices, it is set to the permit to hold the page in memory.
///
/// # Errors
/// [`OpError::Uncountable`] if the matching resources cannot be counted or sorted within half of the deadline.
/// [`OpError::TooManyGroups`] if the first user of the page is in too many groups.
pub async fn list<R: Resource>(
    database: &Database,
    origin: &Origin,
    query: Query<R>,
    permit: &mut Option<Permit>,
) -> Result<ListPage<R>, OpError> {
    let query = Arc::new(query);
    let mut page = match FindUnique::for_query(&query) {
        Some(find) => find_unique(database, origin, &query, find).await?,
        None => read_page(database, origin, &query, permit).await?,
    };
    if let Some(max_groups) = query.max_groups
        && page.items.iter_mut().filter_map(R::user_groups).any(|(_, groups)| groups.is_none())
    {
        *permit = Some(database.permit(origin, Class::Page, permit.take()).await?);
        let users = page.items.iter().map(R::id).collect();
        let groups = database.call(origin, GroupsOf { tenant: query.tenant, users, max_groups }).await?;
        if groups.is_empty() {
            return Err(OpError::TooManyGroups);
        }
        page.truncate(groups.len());
        let users = page.items.iter_mut().filter_map(R::user_groups);
        users.zip(groups).for_each(|((_, of_user), groups)| *of_user = Some(groups));
    }
    Ok(page)
}

async fn find_unique<R: Resource>(
    database: &Database,
    origin: &Origin,
    query: &Query<R>,
    find: FindUnique<R>,
) -> Result<ListPage<R>, OpError> {
    let found = match query.max_groups {
        Some(max_groups) => {
            let max_groups = max_groups.min(FEW_GROUPS);
            let find = WithGroups { tenant: query.tenant, operation: find, max_groups };
            database.call(origin, find).await?
        }
        None => database.call(origin, find).await?,
    };
    let total = query.total.then_some(i64::from(found.is_some()));
    let items: Vec<_> = found.into_iter().skip(query.skip.unwrap_or(0)).take(query.limit).collect();
    let positions = query.positions_of(&items);
    Ok(ListPage { items, positions, next: None, total })
}

async fn read_page<R: Resource>(
    database: &Database,
    origin: &Origin,
    query: &Arc<Query<R>>,
    permit: &mut Option<Permit>,
) -> Result<ListPage<R>, OpError> {
    let arrived = Instant::now();
    *permit = Some(database.permit(origin, Class::Page, permit.take()).await?);
    if query.filter.is_none() && query.sort.by.is_indexed() {
        return database.call(origin, ReadPage { query: query.clone(), convert: identity }).await;
    }
    let mut execution = Execution::start(database, origin, arrived);
    let found = match search(&execution, query).await? {
        Some(SearchResult::Page(page)) => return Ok(page),
        Some(SearchResult::Candidates(ids)) => Some(ids),
        None => None,
    };
    // A scan can take seconds, and page reads must not wait for it.
    *permit = Some(database.permit(origin, Class::Scan, permit.take()).await?);
    match found {
        Some(ids) => search::check_candidates(&mut execution, query, &ids).await,
        None if query.sort.by.is_indexed() => count_and_scan(&mut execution, query).await,
        None => sort::sort(&mut execution, query).await,
    }
}

async fn search<R: Resource>(
    execution: &Execution<'_>,
    query: &Arc<Query<R>>,
) -> Result<Option<SearchResult<R>>, OpError> {
    let Some(filter) = &query.filter else { return Ok(None) };
    let paths = filter_sql::access_paths(filter, R::TABLE, &query.source);
    if paths.is_empty() {
        return Ok(None);
    }
    execution.call(Search { query: query.clone(), paths }).await
}

async fn count_and_scan<R: Resource>(
    execution: &mut Execution<'_>,
    query: &Arc<Query<R>>,
) -> Result<ListPage<R>, OpError> {
    let total = if query.total { Some(scan::count(execution, query).await?) } else { None };
    if let Some((total, skip)) = total.zip(query.skip)
        && i64::try_from(skip).unwrap_or(i64::MAX) >= total
    {
        // The page is empty, so no row needs to be read.
        return Ok(ListPage { total: Some(total), ..ListPage::default() });
    }
    Ok(ListPage { total, ..scan::scan(execution, query).await? })
}

/// Lists all resources in another form, in an order that has an index ([`Query::is_plain`]), and converts the page. The
/// conversion runs in the thread of the database actor, because that of a large page would delay other requests. See
/// [`list`].
///
/// # Errors
/// [`OpError::Database`].
pub async fn list_plain<F: Form, T: Send + 'static>(
    database: &Database,
    origin: &Origin,
    query: Query<F::Resource>,
    permit: &mut Option<Permit>,
    convert: fn(ListPage<F>) -> T,
) -> Result<T, OpError> {
    *permit = Some(database.permit(origin, Class::Page, permit.take()).await?);
    database.call(origin, ReadPage { query: Arc::new(query), convert }).await
}

/// Reads a page of all resources, in an order that has an index, and converts it.
#[derive(Debug)]
struct ReadPage<F: Form, T> {
    query: Arc<Query<F::Resource>>,
    convert: fn(ListPage<F>) -> T,
}

impl<F: Form, T: Send + 'static> Operation for ReadPage<F, T> {
    type Output = T;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<T, OpError> {
        self.read(tx).map(self.convert)
    }
}

impl<F: Form, T> ReadPage<F, T> {
    fn read(&self, tx: &mut Tx<'_>) -> Result<ListPage<F>, OpError> {
        let query = &self.query;
        let (mut items, mut budget) = (Vec::new(), Budget::of(PAGE_BYTES));
        let mut skip = query.skip.unwrap_or(0);
        for segment in query.sort.segments(query.after.clone()) {
            // One resource more than requested shows whether another page follows.
            let wanted = query.limit + 1 - items.len();
            let found = query.items::<F>(tx, &segment, skip, wanted, &mut budget)?;
            if found.is_empty() && skip > 0 {
                skip = skip.saturating_sub(query.count(tx, &segment)?);
            } else {
                skip = 0;
            }
            items.extend(found);
            if items.len() > query.limit || budget.is_spent() {
                break;
            }
        }
        let more = items.len() > query.limit || budget.is_spent();
        items.truncate(query.limit);
        F::fill_computed(tx, items.iter_mut().map(|item| (query.tenant, item)))?;
        let positions = query.positions_of(&items);
        let next = positions.last().filter(|_| more).cloned();
        let total = query.total.then(|| count_all::<F::Resource>(tx, query.tenant)).transpose()?;
        Ok(ListPage { items, positions, next, total })
    }
}

impl<R: Resource> Query<R> {
    /// Whether the query lists all resources, without their groups, in an order that has an index.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.filter.is_none() && self.max_groups.is_none() && self.sort.by.is_indexed()
    }

    /// The matching resources of a segment, at most `limit`, after skipping `skip` of them, until the budget is spent.
    fn items<F: Form<Resource = R>>(
        &self,
        connection: &mut Connection,
        segment: &Segment,
        skip: usize,
        limit: usize,
        budget: &mut Budget,
    ) -> QueryResult<Vec<F>> {
        let mut condition = sort_sql::condition(segment, R::TABLE);
        if self.filter.is_some() {
            condition.and_condition(&self.matches(connection)).unprepared();
        }
        let mut statement = self.select(&Fragment::of(R::TABLE.row), &condition);
        statement.sql(" ORDER BY ").append(&sort_sql::order(segment, R::TABLE));
        if skip == 0 {
            return R::load(connection, statement, Some(limit), budget);
        }
        let number = |count| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        statement.sql(" LIMIT ").value(number(limit)).sql(" OFFSET ").value(number(skip));
        R::load(connection, statement, None, budget)
    }

    /// The positions of resources in an order that has an index.
    fn positions_of(&self, items: &[impl Sorted]) -> Vec<Position> {
        items.iter().map(|item| self.sort.position(item)).collect()
    }

    /// The number of resources in a segment.
    fn count(&self, connection: &mut Connection, segment: &Segment) -> QueryResult<usize> {
        let statement = self.select(&Fragment::of("COUNT(*)"), &sort_sql::condition(segment, R::TABLE));
        let count: Option<i64> = connection.load(Statement::<BigInt>::of(statement))?.pop();
        Ok(count.and_then(|count| count.try_into().ok()).unwrap_or(0))
    }

    /// The list positions of the rows that fulfil a condition, in any order.
    fn positions(&self, connection: &mut Connection, condition: &Fragment) -> QueryResult<Vec<Position>> {
        let columns = sort_sql::position(self.sort.by, R::TABLE, connection.dialect(), &self.source);
        load_positions(connection, self.select(&columns, condition), self.sort.by)
    }

    /// Selects columns of the tenant's rows that fulfil a condition.
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

    fn is_after_cursor(&self, position: &Position) -> bool {
        self.after.as_ref().is_none_or(|after| self.sort.compare(position, after).is_gt())
    }
}

/// The maximum length, in characters, of a key from a column without an index. A cursor contains the key and must fit
/// into a URL.
const MAX_KEY_LENGTH: usize = 256;

/// Loads positions in an order: the id, a text and a number of each row.
fn load_positions(
    connection: &mut Connection,
    statement: Fragment,
    by: SortBy,
) -> QueryResult<Vec<Position>> {
    let position = |(Uid(id), text, number): (Uid, Option<String>, i64)| {
        let key = match by {
            SortBy::Id => None,
            SortBy::UserName | SortBy::DisplayName => text.map(Value::Text),
            SortBy::Other(_) | SortBy::Element(_) => {
                text.map(|text| Value::Text(text.chars().take(MAX_KEY_LENGTH).collect()))
            }
            SortBy::CreatedAt | SortBy::UpdatedAt => Some(Value::Integer(number)),
        };
        Position { key, id }
    };
    let rows = connection.load(Statement::<(Id, Nullable<Text>, BigInt)>::of(statement))?;
    Ok(rows.into_iter().map(position).collect())
}

/// The number of a tenant's resources, which its head row counts.
fn count_all<R: Resource>(connection: &mut Connection, tenant: Uuid) -> Result<i64, OpError> {
    let mut statement = Fragment::of("SELECT heads.");
    statement.sql(R::TABLE.name).sql(" FROM heads WHERE heads.tenant_id = ");
    statement.value(Value::Id(tenant));
    connection.load(Statement::<BigInt>::of(statement))?.pop().ok_or(OpError::NotFound)
}
