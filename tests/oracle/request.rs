//! A request for a list with a filter.

use crate::oracle::filter::Filter;
use crate::oracle::print::{Printed, print};
use crate::oracle::users::Sort;
use crate::support::percent_encoded;

/// The largest page size (docs/api.md).
const MAX_LIMIT: usize = 500;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) filter: Filter,
    /// The spelling of the filter. 0 is plain.
    pub(crate) style: u64,
    pub(crate) sort: Option<Sort>,
    /// The number of pages of the result, and a number of users to add to the page size.
    pub(crate) pages: usize,
    pub(crate) slack: isize,
    /// Whether to request the total.
    pub(crate) total: bool,
    /// Whether to request complete users instead of only their ids.
    pub(crate) complete: bool,
}

impl Request {
    pub(crate) fn printed(&self) -> Printed {
        print(&self.filter, self.style)
    }

    /// The `limit` that divides this many users into about `pages` pages. Without slack, the last page is often exactly full.
    pub(crate) fn limit(&self, users: usize) -> usize {
        users.div_ceil(self.pages).saturating_add_signed(self.slack).clamp(1, MAX_LIMIT)
    }

    /// The path and query of the first page.
    pub(crate) fn target(&self, limit: usize) -> String {
        let mut target = format!("/users?limit={limit}&filter={}", percent_encoded(&self.printed().text));
        if let Some(Sort { by, descending }) = self.sort {
            let sign = if descending { "-" } else { "" };
            target.push_str(&format!("&sort={sign}{}", by.name()));
        }
        if self.total {
            target.push_str("&include=total");
        }
        if !self.complete {
            target.push_str("&attributes=id");
        }
        target
    }
}
