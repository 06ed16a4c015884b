//! Users found by reading them in the order of the list, a window a call.

use super::{Calls, PLACE_COLUMNS, PlaceRow, Query, UsersPage};
use crate::db::sort_sql;
use crate::db::types::Uid;
use crate::db::{Class, Connection, DbError, Operation, Tx, filter_sql};
use crate::domain::NATIVE_SOURCE;
use crate::domain::filter::{Filter, Test};
use crate::domain::sort::{Position, Sort, Stretch};
use crate::domain::user::User;
use crate::on_engine;
use crate::ops::users::store::name_managers;
use crate::schema::users;
use diesel::prelude::*;
use std::sync::Arc;

/// Reads until the page is full. Ends with a short one when the time is over or the database has no room, but never
/// where it began.
pub(super) async fn scan(calls: &mut Calls<'_>, query: &Arc<Query>) -> Result<UsersPage, DbError> {
    let mut page = UsersPage::default();
    // How far it got, which is where a next page would go on.
    let mut place = None;
    for mut stretch in query.sort.stretches(query.after.clone()) {
        loop {
            if place.is_some() && (page.users.len() == query.limit || calls.are_over()) {
                return Ok(UsersPage { next: place, ..page });
            }
            let seen = match window(calls, query, &stretch, query.limit - page.users.len()).await {
                Err(DbError::Overloaded | DbError::DeadlinePassed) if place.is_some() => {
                    return Ok(UsersPage { next: place, ..page });
                }
                seen => seen?,
            };
            let last = seen.users.last().map(|user| query.sort.position(user));
            page.users.extend(seen.users);
            place = seen.next.clone().or(last).or(place);
            match seen.next {
                Some(next) => stretch.after = Some(next),
                None => break,
            }
        }
    }
    Ok(page)
}

/// A window, or, when the database gives it up, the smallest one.
async fn window(
    calls: &mut Calls<'_>,
    query: &Arc<Query>,
    stretch: &Stretch,
    limit: usize,
) -> Result<Seen, DbError> {
    let rows = calls.at_once;
    let mut window = Window { query: query.clone(), stretch: stretch.clone(), rows, limit };
    match calls.look(window.clone()).await {
        Err(DbError::Busy(_)) if rows > 1 => {
            (window.rows, calls.at_once) = (1, 1);
            calls.look(window).await
        }
        seen => seen,
    }
}

/// Counts what the filter finds.
pub(super) async fn count(calls: &mut Calls<'_>, query: &Arc<Query>) -> Result<i64, DbError> {
    let mut after = None;
    let mut total = 0;
    loop {
        let counted = calls.look(Count { query: query.clone(), after, rows: calls.at_once }).await?;
        total += counted.users;
        after = match counted.next {
            Some(_) if calls.are_over() => return Err(calls.too_long()),
            Some(place) => Some(place),
            None => return Ok(total),
        };
    }
}

/// Reads those of the next users in the order of the list that the filter finds.
#[derive(Clone, Debug)]
pub struct Window {
    /// What is asked for.
    pub query: Arc<Query>,
    /// What is left of the list.
    pub stretch: Stretch,
    /// How many users to look at.
    pub rows: usize,
    /// At most so many to find.
    pub limit: usize,
}

/// What a window showed.
#[derive(Debug)]
pub struct Seen {
    /// The users that were found.
    pub users: Vec<User>,
    /// The place up to which was read; none at the end of the stretch.
    pub next: Option<Position>,
}

impl Operation for Window {
    type Output = Seen;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Seen, DbError> {
        let Self { query, stretch, rows, limit } = self;
        let mut next = query.end_of_window(tx.connection(), stretch, *rows)?;
        let window = Stretch { upto: next.clone(), ..stretch.clone() };
        let mut users = query.users(tx.connection(), &window, limit + 1)?;
        if users.len() > *limit {
            users.truncate(*limit);
            next = users.last().map(|user| query.sort.position(user));
        }
        name_managers(tx, users.iter_mut().map(|user| (query.tenant, user)))?;
        Ok(Seen { users, next })
    }
}

/// Counts those of the next users in the order of their ids that the filter finds.
#[derive(Debug)]
pub struct Count {
    /// What is asked for.
    pub query: Arc<Query>,
    /// Behind this place.
    pub after: Option<Position>,
    /// How many users to look at.
    pub rows: usize,
}

/// How many users a window holds that the filter finds.
#[derive(Debug)]
pub struct Counted {
    /// So many.
    pub users: i64,
    /// The place up to which was counted; none at the end.
    pub next: Option<Position>,
}

impl Operation for Count {
    type Output = Counted;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Counted, DbError> {
        let Self { query, after, rows } = self;
        let stretch = Stretch { sort: Sort::default(), missing: false, after: after.clone(), upto: None };
        let next = query.end_of_window(tx.connection(), &stretch, *rows)?;
        let mut condition = sort_sql::condition(&Stretch { upto: next.clone(), ..stretch });
        condition.also(&query.matches(tx.connection())).unprepared();
        let count = users::table.filter(users::tenant_id.eq(Uid(query.tenant)).and(condition)).count();
        let users = on_engine!(tx.connection(), c => count.get_result(c))?;
        Ok(Counted { users, next })
    }
}

impl Query {
    /// The place of the last user of the next window; none when the stretch ends before.
    fn end_of_window(
        &self,
        connection: &mut Connection,
        stretch: &Stretch,
        rows: usize,
    ) -> QueryResult<Option<Position>> {
        let mut condition = sort_sql::condition(stretch);
        let by = stretch.sort.by.to_string();
        for part in self.filter.iter().flat_map(Filter::conjuncts) {
            // What the filter says of the order itself bounds the reading.
            if matches!(part, Filter::Is(path, Test::Equal(_) | Test::Within(..)) if *path == [by.as_str()]) {
                condition.also(&filter_sql::matches(part, connection.dialect(), NATIVE_SOURCE)).unprepared();
            }
        }
        let last = users::table
            .filter(users::tenant_id.eq(Uid(self.tenant)).and(condition))
            .order(sort_sql::order(stretch))
            .select(PLACE_COLUMNS)
            .offset(i64::try_from(rows).unwrap_or(i64::MAX) - 1)
            .limit(1);
        let last: Option<PlaceRow> = on_engine!(connection, c => last.get_result(c).optional())?;
        Ok(last.map(|row| row.place(stretch.sort.by)))
    }
}
