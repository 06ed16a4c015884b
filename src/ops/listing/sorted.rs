//! Resources in an order that no index has: all are read in the order of their ids, a window a call, and of their places
//! as many are kept as the page needs.

use super::{Calls, ListPage, Places, Query, place, search};
use crate::db::sort_sql;
use crate::db::sql::Fragment;
use crate::db::{Class, Operation, Tx};
use crate::domain::sort::{Position, Segment, Sort};
use crate::ops::OpError;
use crate::ops::resource::Resource;
use std::sync::Arc;

/// Lists resources, and counts them on the path.
pub(super) async fn sort<R: Resource>(
    calls: &mut Calls<'_>,
    query: &Arc<Query<R>>,
) -> Result<ListPage<R>, OpError> {
    let (mut places, mut total, mut after) = (Vec::new(), 0, None);
    loop {
        let window = Window { query: query.clone(), after, rows: calls.at_once };
        let seen = calls.look(window).await?;
        total += i64::try_from(seen.places.len()).unwrap_or(i64::MAX);
        places.extend(seen.places);
        query.keep_first(&mut places);
        after = match seen.next {
            Some(_) if calls.are_over() => return Err(calls.too_long()),
            Some(place) => Some(place),
            None => break,
        };
    }
    let page = calls.make(search::Pick { query: query.clone(), places }).await?;
    Ok(ListPage { total: query.total.then_some(total), ..page })
}

/// Finds the places of those of the next resources in the order of their ids that the filter finds.
#[derive(Debug)]
pub struct Window<R> {
    /// What is asked for.
    pub query: Arc<Query<R>>,
    /// Behind this place.
    pub after: Option<Position>,
    /// How many resources to look at.
    pub rows: usize,
}

/// What a window showed.
#[derive(Debug)]
pub struct Seen {
    /// The places that were found.
    pub places: Vec<Position>,
    /// The place up to which was read; none at the end.
    pub next: Option<Position>,
}

impl<R: Resource> Operation for Window<R> {
    type Output = Seen;
    type Error = OpError;
    const CLASS: Class = Class::Scan;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Seen, OpError> {
        let Self { query, after, rows } = self;
        let segment = Segment { sort: Sort::default(), missing: false, after: after.clone(), through: None };
        let next = query.end_of_window(tx, &segment, *rows)?;
        let mut condition = sort_sql::condition(&Segment { through: next.clone(), ..segment }, R::TABLE);
        condition.and_condition(&query.matches(tx));
        let columns: Fragment = query.place(tx);
        let rows = tx.load(Places::of(query.select(&columns, &condition)))?;
        let places = rows.into_iter().map(|row| place(row, query.sort.by)).collect();
        Ok(Seen { places, next })
    }
}

impl<R: Resource> Query<R> {
    /// Forgets places that the page has no use for, before they are many.
    fn keep_first(&self, places: &mut Vec<Position>) {
        let needed = self.skip.unwrap_or(0).saturating_add(self.limit + 1);
        places.retain(|place| self.is_behind(place));
        if places.len() / 2 > needed {
            places.select_nth_unstable_by(needed, |one, other| self.sort.compare(one, other));
            places.truncate(needed);
        }
    }
}
