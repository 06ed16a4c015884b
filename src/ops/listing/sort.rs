//! Lists resources in an order without an index. Scans all rows in id order, one window per call, and keeps the positions
//! that the page needs.

use super::execution::Execution;
use super::{ListPage, Query, search};
use crate::db::Tx;
use crate::domain::sort::Position;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use std::sync::Arc;

/// The maximum number of the position at which a page ends, so that a large `startIndex` does not fill the memory.
const MAX_POSITIONS: usize = 100_000;

/// Lists resources and counts all that match.
///
/// # Errors
/// [`OpError::Uncountable`] if the page does not end within the first 100,000 resources, of which there are more, or if the
/// query is out of time.
pub(super) async fn sort<R: Resource>(
    execution: &mut Execution<'_>,
    query: &Arc<Query<R>>,
) -> Result<ListPage<R>, OpError> {
    let (mut positions, mut total, mut after) = (Vec::new(), 0, None);
    loop {
        let (scanned, rows) = (query.clone(), execution.window);
        let step = move |tx: &mut Tx<'_>| scanned.window_positions(tx, after.clone(), rows);
        let (found, end) = execution.scan_window(step).await?;
        total += i64::try_from(found.len()).unwrap_or(i64::MAX);
        positions.extend(found);
        query.keep_first(&mut positions)?;
        if end.is_none() {
            break;
        }
        execution.check_time()?;
        after = end;
    }
    let page = search::read_page(execution, query, positions).await?;
    Ok(ListPage { total: query.total.then_some(total), ..page })
}

impl<R: Resource> Query<R> {
    /// The list positions of the matching resources in a window of `rows` rows in id order. Also returns the position
    /// where the window ends, unless that is the end of the list.
    fn window_positions(
        &self,
        tx: &mut Tx<'_>,
        after: Option<Position>,
        rows: usize,
    ) -> Result<(Vec<Position>, Option<Position>), OpError> {
        let (condition, end) = self.matches_in_window(tx, after, rows)?;
        Ok((self.positions(tx, &condition)?, end))
    }

    /// Discards the positions before the cursor and, once there are many, those after the page. Fails if the page and the
    /// skipped positions before it are too many.
    fn keep_first(&self, positions: &mut Vec<Position>) -> Result<(), OpError> {
        let needed = self.skip.unwrap_or(0).saturating_add(self.limit + 1);
        positions.retain(|position| self.is_after_cursor(position));
        if positions.len() / 2 > needed {
            positions.select_nth_unstable_by(needed, |one, other| self.sort.compare(one, other));
            positions.truncate(needed);
        }
        if needed.min(positions.len()) > MAX_POSITIONS { Err(OpError::Uncountable) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sort::Sort;
    use crate::domain::user::User;
    use std::marker::PhantomData;
    use uuid::Uuid;

    /// The number of positions that remain of the first `count`.
    fn kept(skip: usize, count: usize) -> Result<usize, OpError> {
        let (tenant, filter, sort, after, source) = (Uuid::nil(), None, Sort::default(), None, "".into());
        let (skip, limit, total, max_groups, of) = (Some(skip), 10, true, None, PhantomData::<User>);
        let query = Query { tenant, filter, sort, after, skip, limit, total, max_groups, source, of };
        let mut positions: Vec<_> =
            (0..count).map(|n| Position { key: None, id: Uuid::from_u128(n as u128) }).collect();
        query.keep_first(&mut positions).map(|()| positions.len())
    }

    #[test]
    fn a_page_far_from_the_start_is_refused_only_if_there_are_that_many_matches() {
        assert_eq!(kept(5, 40), Ok(16));
        assert_eq!(kept(MAX_POSITIONS - 11, 250_000), Ok(MAX_POSITIONS));
        assert_eq!(kept(MAX_POSITIONS - 10, 150_000), Err(OpError::Uncountable));
        for skip in [MAX_POSITIONS, usize::MAX] {
            assert_eq!(kept(skip, MAX_POSITIONS), Ok(MAX_POSITIONS));
            assert_eq!(kept(skip, MAX_POSITIONS + 1), Err(OpError::Uncountable));
        }
    }
}
