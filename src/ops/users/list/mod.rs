//! Users listed: in an order, from a place on, those that a filter finds.
//!
//! Without a filter an index gives a page. One that names a user finds it like an id does ([`named`]). With any other, an
//! indexed part of it that few users fulfil gives candidates
//! ([`search`]); where there is none, users are read in the order of the list, a window at a time ([`scan`]), so that no
//! call holds its lane for long and a page can end, short, when its time is over.

pub mod named;
pub mod scan;
pub mod search;

use super::store::name_managers;
use crate::db::filter_sql::{self, Way};
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
use crate::schema::users;
use diesel::prelude::*;
use search::Found;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

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
/// [`DbError::Uncountable`] when what the filter finds cannot be counted, or sorted, within half of the deadline.
pub async fn list(database: &Database, origin: &Origin, query: Query) -> Result<UsersPage, DbError> {
    let query = Arc::new(query);
    let Some(filter) = &query.filter else {
        return database.call(origin, Page(query)).await;
    };
    if let Some(named) = named::Named::asked_for(&query, filter) {
        let users: Vec<_> = database.call(origin, named).await?.into_iter().collect();
        let total = query.total.then_some(users.len() as i64);
        return Ok(UsersPage { users, next: None, total });
    }
    let ways: Vec<Way> = filter_sql::ways(filter, NATIVE_SOURCE);
    let mut calls = Calls::begin(database, origin);
    let found = match ways.is_empty() {
        true => None,
        false => calls.make(search::Search { query: query.clone(), ways }).await?,
    };
    match found {
        Some(Found::Page(page)) => Ok(page),
        Some(Found::Candidates(ids)) => search::sift(&mut calls, &query, &ids).await,
        None => {
            let total = if query.total { Some(scan::count(&mut calls, &query).await?) } else { None };
            Ok(UsersPage { total, ..scan::scan(&mut calls, &query).await? })
        }
    }
}

/// The calls that make up one listing: one deadline for all, and how much each of them is to do.
struct Calls<'d> {
    database: &'d Database,
    origin: &'d Origin,
    begun: Instant,
    /// How many users the next call looks at: few at first and more for as long as they are looked at fast, so that
    /// whatever a filter costs for each, a call takes a time that others can wait for.
    at_once: usize,
    /// How long they took that looked at users, waiting not counted.
    worked: Duration,
}

/// How many users the first call looks at.
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

    async fn make<O: Operation>(&self, operation: O) -> Result<O::Output, DbError> {
        let deadline = self.begun + self.database.deadline();
        self.database.call_by(self.origin, operation, deadline).await
    }

    /// Makes a call that looks at as many users as it is told, and learns from how long it took.
    async fn look<O: Operation>(&mut self, operation: O) -> Result<O::Output, DbError> {
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
    fn too_long(&self) -> DbError {
        if self.worked * 2 < self.begun.elapsed() { DbError::Overloaded } else { DbError::Uncountable }
    }
}

/// An operation that says how long it took, waiting not counted.
struct Timed<O>(O);

impl<O: Operation> Operation for Timed<O> {
    type Output = (O::Output, Duration);
    const CLASS: Class = O::CLASS;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, DbError> {
        let begun = Instant::now();
        let output = self.0.run(tx)?;
        Ok((output, begun.elapsed()))
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
        let mut users = Vec::new();
        for stretch in query.sort.stretches(query.after.clone()) {
            // One more than asked tells whether there is a next page.
            let wanted = query.limit + 1 - users.len();
            users.extend(query.users(tx.connection(), &stretch, wanted)?);
            if users.len() > query.limit {
                break;
            }
        }
        let more = users.len() > query.limit;
        users.truncate(query.limit);
        name_managers(tx, users.iter_mut().map(|user| (query.tenant, user)))?;
        let next = users.last().filter(|_| more).map(|user| query.sort.position(user));
        let total = query.total.then(|| users_of(tx.connection(), query.tenant)).transpose()?;
        Ok(UsersPage { users, next, total })
    }
}

impl Query {
    /// The first users of a stretch that fulfil the filter. SQLite prepares a statement with a bound LIMIT anew each
    /// time, so there the reading just stops.
    fn users(&self, connection: &mut Connection, stretch: &Stretch, limit: usize) -> QueryResult<Vec<User>> {
        let mut condition = sort_sql::condition(stretch);
        if self.filter.is_some() {
            condition.also(&self.matches(connection)).unprepared();
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

    fn matches(&self, connection: &Connection) -> Fragment {
        match &self.filter {
            Some(filter) => filter_sql::matches(filter, connection.dialect(), NATIVE_SOURCE),
            None => Fragment::truth(),
        }
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

/// The columns of a [`PlaceRow`].
const PLACE_COLUMNS: (
    users::id,
    users::user_name_key,
    users::display_name_key,
    users::created_at,
    users::updated_at,
) = (users::id, users::user_name_key, users::display_name_key, users::created_at, users::updated_at);

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

/// How many users a tenant has: its head row counts them.
fn users_of(connection: &mut Connection, tenant: Uuid) -> QueryResult<i64> {
    use crate::schema::heads;
    let query = heads::table.find(Uid(tenant)).select(heads::users);
    on_engine!(connection, c => query.get_result(c))
}
