//! Users listed: in an order, from a place on, those that a filter finds.
//!
//! Without a filter an index gives a page. With one, an indexed part of it that few users fulfil gives candidates; where
//! there is none, users are read in the order of the list, a window at a time, so that neither a connection nor the
//! lane is held for long and a page can end, short, when its time is over.

use super::name_managers;
use crate::db::filter_sql::{self, Lookup, Table};
use crate::db::rows::{USER_COLUMNS, UserRow};
use crate::db::sort_sql;
use crate::db::sql::Fragment;
use crate::db::types::Uid;
use crate::db::{Class, Connection, Database, DbError, Operation, Tx};
use crate::domain::NATIVE_SOURCE;
use crate::domain::change::Origin;
use crate::domain::filter::{Filter, Value};
use crate::domain::sort::{Position, Sort, SortBy, Stretch};
use crate::domain::user::User;
use crate::on_engine;
use crate::schema::{user_emails, user_external_ids, users};
use diesel::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many candidates an index may give: with more of them, a page is soon found by reading in order.
const CANDIDATES: usize = 2_000;
/// How many ways to candidates are tried.
const WAYS: usize = 4;
/// How many users are looked up by their ids at once: few enough that no statistics can make an engine think that it
/// would be better to read all.
const AT_ONCE: usize = 100;
/// How many at first, which tells whether the filter is too slow for more.
const FIRST: usize = 10;
/// How long candidates may take before it is given up to look among them.
const SEARCH_WITHIN: Duration = Duration::from_millis(250);

/// Which users are asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// In this tenant.
    pub tenant: Uuid,
    /// That fulfil this filter.
    pub filter: Option<Filter>,
    /// In this order.
    pub sort: Sort,
    /// Behind this place; from the start without it.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: usize,
    /// Whether all that the filter finds are to be counted.
    pub total: bool,
}

/// A page of users.
#[derive(Debug, Default)]
pub struct UsersPage {
    /// The users.
    pub users: Vec<User>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Position>,
    /// How many users the whole list has, when that was asked.
    pub total: Option<i64>,
}

/// Lists users.
///
/// # Errors
/// [`DbError::TooMany`] when the filter's users cannot be counted within half of the deadline.
pub async fn list(database: &Database, origin: &Origin, query: Query) -> Result<UsersPage, DbError> {
    let query = Arc::new(query);
    let Some(filter) = &query.filter else {
        return database.call(origin, Page(query)).await;
    };
    let ways = filter_sql::lookups(filter, NATIVE_SOURCE);
    if !ways.is_empty()
        && let Some(page) = database.call(origin, Search { query: query.clone(), ways }).await?
    {
        return Ok(page);
    }
    let total = if query.total { Some(count(database, origin, &query).await?) } else { None };
    Ok(UsersPage { total, ..scan(database, origin, &query).await? })
}

/// How many users are read at once: few at first and more for as long as they are read fast, so that whatever the
/// filter costs for each, a window is read in a time that others can wait for.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rows: i64,
    until: Instant,
}

impl Pace {
    fn new(database: &Database) -> Self {
        Self { rows: 20, until: Instant::now() + database.deadline() / 2 }
    }

    fn adapt(&mut self, took: Duration) {
        if took < Duration::from_millis(20) {
            self.rows = (self.rows * 2).min(4_000);
        } else if took > Duration::from_millis(60) {
            self.rows = (self.rows / 2).max(5);
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Reads in the order of the list until the page is full. Ends with a short one when the time is over or the database
/// has no room, but never where it began.
async fn scan(database: &Database, origin: &Origin, query: &Arc<Query>) -> Result<UsersPage, DbError> {
    let mut pace = Pace::new(database);
    let mut page = UsersPage::default();
    for mut stretch in query.sort.stretches(query.after.clone()) {
        if page.users.len() == query.limit {
            page.next = page.users.last().map(|user| query.sort.position(user));
            break;
        }
        loop {
            let limit = query.limit - page.users.len();
            let window = Window { query: query.clone(), stretch: stretch.clone(), rows: pace.rows, limit };
            let seen = match database.call(origin, window).await {
                Err(DbError::Overloaded | DbError::DeadlinePassed) if page.next.is_some() => return Ok(page),
                seen => seen?,
            };
            pace.adapt(seen.took);
            page.users.extend(seen.users);
            page.next = seen.next;
            match &page.next {
                Some(_) if page.users.len() == query.limit || pace.is_over() => return Ok(page),
                Some(place) => stretch.after = Some(place.clone()),
                None => break,
            }
        }
    }
    Ok(page)
}

async fn count(database: &Database, origin: &Origin, query: &Arc<Query>) -> Result<i64, DbError> {
    let mut pace = Pace::new(database);
    let mut after = None;
    let mut total = 0;
    loop {
        let count = Count { query: query.clone(), after, rows: pace.rows };
        let counted = database.call(origin, count).await?;
        pace.adapt(counted.took);
        total += counted.users;
        after = match counted.next {
            Some(_) if pace.is_over() => return Err(DbError::TooMany),
            Some(place) => Some(place),
            None => return Ok(total),
        };
    }
}

/// Reads a page of all users.
#[derive(Debug)]
pub struct Page(pub Arc<Query>);

impl Operation for Page {
    type Output = UsersPage;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<UsersPage, DbError> {
        let Self(query) = self;
        let page = query.page(tx)?;
        let total = query.total.then(|| users_of(tx.connection(), query.tenant)).transpose()?;
        Ok(UsersPage { total, ..page })
    }
}

/// Reads a page of users that an index finds; nothing when no index finds few enough, or when it takes too long to look
/// which of them fulfil the filter.
#[derive(Debug)]
pub struct Search {
    /// What is asked for.
    pub query: Arc<Query>,
    /// The ways to find candidates.
    pub ways: Vec<Vec<Lookup>>,
}

impl Operation for Search {
    type Output = Option<UsersPage>;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<UsersPage>, DbError> {
        let Self { query, ways } = self;
        for way in ways.iter().take(WAYS) {
            if let Some(ids) = candidates(tx.connection(), query.tenant, way)? {
                return query.page_of(tx, &ids);
            }
        }
        Ok(None)
    }
}

/// Reads those of the next users in the order of the list that the filter finds.
#[derive(Debug)]
pub struct Window {
    /// What is asked for.
    pub query: Arc<Query>,
    /// What is left of the list.
    pub stretch: Stretch,
    /// How many users to read.
    pub rows: i64,
    /// At most so many.
    pub limit: usize,
}

/// What a window showed.
#[derive(Debug)]
pub struct Seen {
    /// The users that were found.
    pub users: Vec<User>,
    /// The place up to which was read; none at the end of the stretch.
    pub next: Option<Position>,
    /// How long it took.
    pub took: Duration,
}

impl Operation for Window {
    type Output = Seen;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Seen, DbError> {
        let Self { query, stretch, rows, limit } = self;
        let begun = Instant::now();
        let mut next = query.end_of_window(tx.connection(), stretch, *rows)?;
        let window = Stretch { upto: next.clone(), ..stretch.clone() };
        let mut users = query.users(tx.connection(), &window, limit + 1)?;
        if users.len() > *limit {
            users.truncate(*limit);
            next = users.last().map(|user| query.sort.position(user));
        }
        name_managers(tx, query.tenant, &mut users)?;
        Ok(Seen { users, next, took: begun.elapsed() })
    }
}

/// Counts those of the next users in the order of their ids that the filter finds.
#[derive(Debug)]
pub struct Count {
    /// What is asked for.
    pub query: Arc<Query>,
    /// Behind this place.
    pub after: Option<Position>,
    /// How many users to read.
    pub rows: i64,
}

/// How many users a window holds that the filter finds.
#[derive(Debug)]
pub struct Counted {
    /// So many.
    pub users: i64,
    /// The place up to which was counted; none at the end.
    pub next: Option<Position>,
    /// How long it took.
    pub took: Duration,
}

impl Operation for Count {
    type Output = Counted;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Counted, DbError> {
        let Self { query, after, rows } = self;
        let begun = Instant::now();
        let by_id = Query { sort: Sort::default(), ..Query::clone(query) };
        let stretch = Stretch { sort: by_id.sort, missing: false, after: after.clone(), upto: None };
        let next = by_id.end_of_window(tx.connection(), &stretch, *rows)?;
        let mut condition = sort_sql::condition(&Stretch { upto: next.clone(), ..stretch });
        condition.also(&query.matches(tx.connection())).is_one_of_many();
        let users = query.count(tx.connection(), condition)?;
        Ok(Counted { users, next, took: begun.elapsed() })
    }
}

impl Query {
    /// A page of all users.
    fn page(&self, tx: &mut Tx<'_>) -> Result<UsersPage, DbError> {
        let mut users = Vec::new();
        for stretch in self.sort.stretches(self.after.clone()) {
            // One more than asked tells whether there is a next page.
            let missing = self.limit + 1 - users.len();
            users.extend(self.users(tx.connection(), &stretch, missing)?);
            if users.len() > self.limit {
                break;
            }
        }
        let more = users.len() > self.limit;
        users.truncate(self.limit);
        name_managers(tx, self.tenant, &mut users)?;
        let next = users.last().filter(|_| more).map(|user| self.sort.position(user));
        Ok(UsersPage { users, next, total: None })
    }

    /// A page of those of the candidates that fulfil the filter, which they may not any more. Sorted here: an engine
    /// that is asked for an order may read all users in that order and look whether they are candidates.
    fn page_of(&self, tx: &mut Tx<'_>, candidates: &[Uuid]) -> Result<Option<UsersPage>, DbError> {
        let Some(mut places) = self.places(tx.connection(), candidates)? else { return Ok(None) };
        let total = self.total.then(|| i64::try_from(places.len()).unwrap_or(i64::MAX));
        places
            .retain(|place| self.after.as_ref().is_none_or(|after| self.sort.compare(place, after).is_gt()));
        places.sort_unstable_by(|one, other| self.sort.compare(one, other));
        let more = places.len() > self.limit;
        places.truncate(self.limit);
        let ids: Vec<_> = places.iter().map(|place| place.id).collect();
        let mut users = self.of_ids(tx.connection(), &ids)?;
        users.sort_by_cached_key(|user| ids.iter().position(|id| *id == user.id));
        name_managers(tx, self.tenant, &mut users)?;
        Ok(Some(UsersPage { users, next: places.pop().filter(|_| more), total }))
    }

    /// The places of those of the candidates that fulfil the filter, in no order; nothing when that takes too long.
    fn places(&self, connection: &mut Connection, candidates: &[Uuid]) -> QueryResult<Option<Vec<Position>>> {
        let columns =
            (users::id, users::user_name_key, users::display_name_key, users::created_at, users::updated_at);
        let until = Instant::now() + SEARCH_WITHIN;
        let mut places = Vec::with_capacity(candidates.len());
        let (mut rest, mut at_once) = (candidates, FIRST);
        while !rest.is_empty() && Instant::now() < until {
            let (ids, behind) = rest.split_at(at_once.min(rest.len()));
            let query = users::table.filter(self.one_of(connection, ids)).select(columns);
            let rows: Vec<PlaceRow> = on_engine!(connection, c => query.load(c))?;
            places.extend(rows.into_iter().map(|row| row.place(self.sort.by)));
            (rest, at_once) = (behind, AT_ONCE);
        }
        Ok(rest.is_empty().then_some(places))
    }

    /// Those of a page's users that still fulfil the filter, in no order.
    fn of_ids(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<User>> {
        let mut users = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let query = users::table.filter(self.one_of(connection, ids)).select(USER_COLUMNS);
            let rows: Vec<UserRow> = on_engine!(connection, c => query.load(c))?;
            users.extend(rows.into_iter().map(User::from));
        }
        Ok(users)
    }

    /// The condition that a user is one of these and fulfils the filter.
    fn one_of(&self, connection: &Connection, ids: &[Uuid]) -> Fragment {
        let mut condition = Fragment::default();
        condition.sql("users.tenant_id = ").value(Value::Id(self.tenant));
        condition.sql(" AND users.id").is_one_of(ids);
        condition.also(&self.matches(connection));
        condition
    }

    /// The first users of a stretch that fulfil the filter. SQLite prepares a statement with a bound LIMIT anew each
    /// time, so there the reading just stops.
    fn users(&self, connection: &mut Connection, stretch: &Stretch, limit: usize) -> QueryResult<Vec<User>> {
        let mut condition = sort_sql::condition(stretch);
        if self.filter.is_some() {
            condition.also(&self.matches(connection)).is_one_of_many();
        }
        let query = users::table
            .filter(users::tenant_id.eq(Uid(self.tenant)).and(condition))
            .order(sort_sql::order(stretch))
            .select(USER_COLUMNS);
        let rows: Vec<UserRow> = match connection {
            Connection::Postgres(c) => query.limit(i64::try_from(limit).unwrap_or(i64::MAX)).load(c)?,
            Connection::Sqlite(c) => query.load_iter(c)?.take(limit).collect::<QueryResult<_>>()?,
        };
        Ok(rows.into_iter().map(User::from).collect())
    }

    /// The place of the last user of the next window; none when the stretch ends before.
    fn end_of_window(
        &self,
        connection: &mut Connection,
        stretch: &Stretch,
        rows: i64,
    ) -> QueryResult<Option<Position>> {
        let mut condition = sort_sql::condition(stretch);
        let by = stretch.sort.by.to_string();
        for part in self.filter.iter().flat_map(Filter::conjuncts) {
            // What the filter says of the order itself bounds the reading.
            if matches!(part, Filter::Is(path, _) if *path == [by.as_str()]) {
                condition.also(&filter_sql::matches(part, connection.dialect(), NATIVE_SOURCE));
                condition.is_one_of_many();
            }
        }
        let last = users::table
            .filter(users::tenant_id.eq(Uid(self.tenant)).and(condition))
            .order(sort_sql::order(stretch))
            .select(USER_COLUMNS)
            .offset(rows - 1)
            .limit(1);
        let last: Option<UserRow> = on_engine!(connection, c => last.get_result(c).optional())?;
        Ok(last.map(|row| stretch.sort.position(&User::from(row))))
    }

    fn matches(&self, connection: &Connection) -> Fragment {
        match &self.filter {
            Some(filter) => filter_sql::matches(filter, connection.dialect(), NATIVE_SOURCE),
            None => Fragment::truth(),
        }
    }

    fn count(&self, connection: &mut Connection, condition: Fragment) -> QueryResult<i64> {
        let query = users::table.filter(users::tenant_id.eq(Uid(self.tenant)).and(condition)).count();
        on_engine!(connection, c => query.get_result(c))
    }
}

/// What decides a user's place in any order.
#[derive(Queryable)]
struct PlaceRow {
    id: Uid,
    user_name_key: String,
    display_name_key: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl PlaceRow {
    fn place(self, by: SortBy) -> Position {
        let key = match by {
            SortBy::Id => None,
            SortBy::UserName => Some(Value::Text(self.user_name_key)),
            SortBy::DisplayName => self.display_name_key.map(Value::Text),
            SortBy::CreatedAt => Some(Value::Integer(self.created_at)),
            SortBy::UpdatedAt => Some(Value::Integer(self.updated_at)),
        };
        Position { key, id: self.id.0 }
    }
}

/// The ids that lookups find together; nothing when they are too many.
fn candidates(
    connection: &mut Connection,
    tenant: Uuid,
    lookups: &[Lookup],
) -> QueryResult<Option<Vec<Uuid>>> {
    let mut ids = Vec::new();
    for lookup in lookups {
        ids.extend(ids_of(connection, tenant, lookup)?);
        if ids.len() > CANDIDATES {
            return Ok(None);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

/// The first ids in a stretch of an index.
fn ids_of(connection: &mut Connection, tenant: Uuid, lookup: &Lookup) -> QueryResult<Vec<Uuid>> {
    let (tenant, Lookup { condition, order, .. }) = (Uid(tenant), lookup.clone());
    /// The statements differ in their tables only, which are types.
    macro_rules! first {
        ($table:ident, $id:ident) => {{
            let query = $table::table
                .filter($table::tenant_id.eq(tenant).and(condition))
                .order(order)
                .select($table::$id);
            match connection {
                Connection::Postgres(c) => query.limit(CANDIDATES as i64 + 1).load::<Uid>(c)?,
                Connection::Sqlite(c) => {
                    query.load_iter::<Uid, _>(c)?.take(CANDIDATES + 1).collect::<QueryResult<_>>()?
                }
            }
        }};
    }
    let ids: Vec<Uid> = match lookup.table {
        Table::Users => first!(users, id),
        Table::Emails => first!(user_emails, user_id),
        Table::ExternalIds => first!(user_external_ids, user_id),
    };
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}

/// How many users a tenant has: its head row counts them.
fn users_of(connection: &mut Connection, tenant: Uuid) -> QueryResult<i64> {
    use crate::schema::heads;
    let query = heads::table.find(Uid(tenant)).select(heads::users);
    on_engine!(connection, c => query.get_result(c))
}
