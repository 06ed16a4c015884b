//! The operations of the database, each a message with named inputs. Together they are all that the storage can do.

pub mod changes;
pub mod connections;
pub mod error;
pub mod groups;
pub mod health;
pub mod idempotency;
pub mod keys;
pub mod listing;
pub mod members;
pub mod records;
pub mod resource;
pub mod tenants;
pub mod users;
pub mod write_then_read;

pub use error::OpError;

/// The results of a batch.
type Results<T> = crate::db::Results<T, OpError>;

/// The maximum number of calls in a batch. A larger batch would gain little and delay the results of its first calls.
const MAX_BATCH: usize = 200;

/// The maximum number of ids in one statement: few enough that no engine prefers to scan the table, whatever its statistics.
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

impl<T> Page<T> {
    /// A page of the first `limit` items. One item more shows that another page follows.
    fn of(mut items: Vec<T>, limit: usize, total: Option<i64>) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more, total }
    }
}
