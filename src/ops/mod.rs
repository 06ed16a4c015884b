//! The operations of the database, each a message with named inputs. Together they define what the storage can do.

mod by_tenant;
pub mod changes;
pub mod connections;
pub mod digests;
pub mod error;
pub mod export;
pub mod groups;
pub mod health;
pub mod history;
pub mod idempotency;
pub mod import;
pub mod keys;
pub mod leases;
pub mod listing;
pub mod members;
pub mod old_changes;
pub mod records;
pub mod requests;
pub mod resource;
pub mod restore;
pub mod revert;
pub mod tenants;
pub mod upsert;
pub mod users;
pub mod write_then_read;

pub use error::OpError;

use uuid::Uuid;

/// The results of a batch.
type Results<T> = crate::db::Results<T, OpError>;

/// The results of a batch, or `None` if it did not run.
type OptionalResults<T> = crate::db::OptionalResults<T, OpError>;

/// The maximum number of calls in a batch. A larger batch would gain little and delay the results of its first calls.
const MAX_BATCH: usize = 200;

/// The maximum size of a page, in bytes. Operations stop reading documents when their total size reaches it, and a
/// response contains only as many items as fit, but always the first one.
pub const PAGE_BYTES: usize = 4_000_000;

/// The size of the chunks in which long lists of ids are looked up: few enough ids that no engine prefers to scan the
/// table, whatever its statistics.
const IDS_PER_STATEMENT: usize = 100;

/// A page of a list in id order.
#[derive(Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
    /// The number of all items, if requested.
    pub total: Option<i64>,
}

/// Selects a page of a list in id order.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery {
    /// The id of the last item on the previous page.
    pub after: Option<Uuid>,
    /// The maximum number of items.
    pub limit: usize,
    /// Whether to count all items.
    pub total: bool,
}

impl PageQuery {
    /// The id after which the page starts.
    fn start(self) -> Uuid {
        self.after.unwrap_or(Uuid::nil())
    }

    /// The number of items to read. One item more than requested shows whether another page follows.
    fn read_limit(self) -> usize {
        self.limit.saturating_add(1)
    }

    /// The page of the items that were read.
    fn page<T>(self, mut items: Vec<T>, total: Option<i64>) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        Page { items, more, total }
    }
}
