//! Lists resources in an order without an index. Scans all rows in id order, one window per call, and keeps the positions
//! that the page needs.

use super::execution::Execution;
use super::{ListPage, Query, search};
use crate::db::Tx;
use crate::domain::sort::Position;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use std::sync::Arc;

/// Lists resources and counts all that match.
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
        query.keep_first(&mut positions);
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

    /// Discards the positions before the cursor and, once there are many, those after the page.
    fn keep_first(&self, positions: &mut Vec<Position>) {
        let needed = self.skip.unwrap_or(0).saturating_add(self.limit + 1);
        positions.retain(|position| self.is_after_cursor(position));
        if positions.len() / 2 > needed {
            positions.select_nth_unstable_by(needed, |one, other| self.sort.compare(one, other));
            positions.truncate(needed);
        }
    }
}
