//! Users found by an index: a few candidates, of which those are listed that fulfil the whole filter.

use super::{Calls, PLACE_COLUMNS, PlaceRow, Query, UsersPage};
use crate::db::filter_sql::{Lookup, Table, Way};
use crate::db::rows::{USER_COLUMNS, UserRow};
use crate::db::sql::Fragment;
use crate::db::types::Uid;
use crate::db::{Class, Connection, DbError, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::sort::Position;
use crate::domain::user::User;
use crate::on_engine;
use crate::ops::users::store::name_managers;
use crate::schema::{user_emails, user_external_ids, users};
use diesel::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many candidates an index may give: with more of them, a page is soon found by reading in order.
const CANDIDATES: usize = 2_000;
/// How many ways to candidates are tried: as many as there are attributes with an index.
const WAYS: usize = 8;
/// How many users are looked up by their ids at once: few enough that no statistics can make an engine think that it
/// would be better to read all.
const AT_ONCE: usize = 100;
/// How long a search may look among candidates while lists wait for it.
const PATIENCE: Duration = Duration::from_millis(50);

/// Reads a page of users that an index finds; nothing when no index finds few enough.
#[derive(Debug)]
pub struct Search {
    /// What is asked for.
    pub query: Arc<Query>,
    /// The ways to find candidates.
    pub ways: Vec<Way>,
}

/// What a search gave.
#[derive(Debug)]
pub enum Found {
    /// The page.
    Page(UsersPage),
    /// Candidates of whom it takes long to tell whether they fulfil the filter.
    Candidates(Vec<Uuid>),
}

impl Operation for Search {
    type Output = Option<Found>;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Found>, DbError> {
        let Self { query, ways } = self;
        for way in ways.iter().take(WAYS) {
            let Some(ids) = candidates(tx, query.tenant, way)? else { continue };
            let Some(places) = query.places_soon(tx.connection(), &ids)? else {
                return Ok(Some(Found::Candidates(ids)));
            };
            return query.page_of(tx, places).map(|page| Some(Found::Page(page)));
        }
        Ok(None)
    }
}

/// Looks among candidates where nobody waits for it but scans.
pub(super) async fn sift(
    calls: &mut Calls<'_>,
    query: &Arc<Query>,
    ids: &[Uuid],
) -> Result<UsersPage, DbError> {
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
pub struct Sift {
    /// What is asked for.
    pub query: Arc<Query>,
    /// The candidates.
    pub ids: Vec<Uuid>,
}

impl Operation for Sift {
    type Output = Vec<Position>;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Position>, DbError> {
        Ok(self.query.places(tx.connection(), &self.ids)?)
    }
}

/// Reads a page of the users at these places.
#[derive(Debug)]
pub struct Pick {
    /// What is asked for.
    pub query: Arc<Query>,
    /// The places of all that fulfil the filter.
    pub places: Vec<Position>,
}

impl Operation for Pick {
    type Output = UsersPage;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<UsersPage, DbError> {
        self.query.page_of(tx, self.places.clone())
    }
}

impl Query {
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
        let query = users::table.filter(self.one_of(connection, ids)).select(PLACE_COLUMNS);
        let rows: Vec<PlaceRow> = on_engine!(connection, c => query.load(c))?;
        Ok(rows.into_iter().map(|row| row.place(self.sort.by)).collect())
    }

    /// A page of the users at these places. Sorted here: an engine that is asked for an order may read all users in that
    /// order and look whether they are candidates.
    fn page_of(&self, tx: &mut Tx<'_>, mut places: Vec<Position>) -> Result<UsersPage, DbError> {
        let total = self.total.then(|| i64::try_from(places.len()).unwrap_or(i64::MAX));
        places
            .retain(|place| self.after.as_ref().is_none_or(|after| self.sort.compare(place, after).is_gt()));
        places.sort_unstable_by(|one, other| self.sort.compare(one, other));
        let more = places.len() > self.limit;
        places.truncate(self.limit);
        let ids: Vec<_> = places.iter().map(|place| place.id).collect();
        let mut users = self.of_ids(tx.connection(), &ids)?;
        users.sort_by_cached_key(|user| ids.iter().position(|id| *id == user.id));
        name_managers(tx, users.iter_mut().map(|user| (self.tenant, user)))?;
        Ok(UsersPage { users, next: places.pop().filter(|_| more), total })
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

    /// The condition that a user is one of these and fulfils the filter, which it may not any more.
    fn one_of(&self, connection: &Connection, ids: &[Uuid]) -> Fragment {
        let mut condition = Fragment::default();
        condition.sql("users.tenant_id = ").value(Value::Id(self.tenant));
        condition.sql(" AND users.id").is_one_of(ids);
        condition.also(&self.matches(connection));
        condition
    }
}

/// The ids that lookups find together, in their order; nothing when they are too many. Of several lookups in one state of
/// the database: who goes from the one to the other meanwhile would be in neither.
fn candidates(tx: &mut Tx<'_>, tenant: Uuid, way: &Way) -> Result<Option<Vec<Uuid>>, DbError> {
    let find = |tx: &mut Tx<'_>| {
        let mut ids = BTreeSet::new();
        for lookup in way {
            let found = ids_of(tx.connection(), tenant, lookup)?;
            // A user with several e-mails may be found more than once: what was cut off shows in what was found.
            let all = found.len() <= CANDIDATES;
            ids.extend(found);
            if !all || ids.len() > CANDIDATES {
                return Ok(None);
            }
        }
        Ok(Some(ids.into_iter().collect()))
    };
    if way.len() > 1 { tx.in_snapshot(find) } else { find(tx) }
}

/// The first ids in a stretch of an index.
fn ids_of(connection: &mut Connection, tenant: Uuid, lookup: &Lookup) -> QueryResult<Vec<Uuid>> {
    let (tenant, condition, order) = (Uid(tenant), lookup.condition.clone(), lookup.order());
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
