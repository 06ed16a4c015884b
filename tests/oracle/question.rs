//! A filter and how its answer is to come.

use crate::oracle::filter::Filter;
use crate::oracle::people::Sort;
use crate::oracle::print::{Printed, print};
use crate::support::percent_encoded;

/// The most users that a page may have, docs/api.md.
const MOST: usize = 500;

/// What is asked of the server.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) filter: Filter,
    /// How the filter is spelled; 0 is plain.
    pub(crate) style: u64,
    pub(crate) sort: Option<Sort>,
    /// Into how many pages the answer is cut, and how many more or fewer users than that a page may have.
    pub(crate) pages: usize,
    pub(crate) slack: isize,
    /// Whether the count is asked for.
    pub(crate) total: bool,
    /// Whether whole users are asked for, or only their ids.
    pub(crate) whole: bool,
}

impl Question {
    pub(crate) fn printed(&self) -> Printed {
        print(&self.filter, self.style)
    }

    /// The `limit` with which an answer of so many users takes about as many pages as wanted. Without slack the last
    /// page is often just full.
    pub(crate) fn limit(&self, users: usize) -> usize {
        users.div_ceil(self.pages).saturating_add_signed(self.slack).clamp(1, MOST)
    }

    /// The path and query of its first page.
    pub(crate) fn target(&self, limit: usize) -> String {
        let mut target = format!("/users?limit={limit}&filter={}", percent_encoded(&self.printed().text));
        if let Some(Sort { by, descending }) = self.sort {
            let sign = if descending { "-" } else { "" };
            target.push_str(&format!("&sort={sign}{}", by.name()));
        }
        if self.total {
            target.push_str("&include=total");
        }
        if !self.whole {
            target.push_str("&attributes=id");
        }
        target
    }
}
