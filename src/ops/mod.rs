//! Everything that can be asked of the database, each a message: reading this folder tells what the storage can do.

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

/// The results of a batch of operations.
type Results<T> = crate::db::Results<T, OpError>;

/// How many calls are carried out together. More of them would gain little, and the last would wait for the first.
const MAX_BATCH: usize = 200;

/// How many rows are looked up by their ids at once: few enough that no statistics can make an engine think that it would
/// be better to read all.
const AT_ONCE: usize = 100;

/// A page of resources in the order of their ids.
#[derive(Debug)]
pub struct Page<T> {
    /// The resources.
    pub items: Vec<T>,
    /// Whether more follow.
    pub more: bool,
    /// How many there are, when that was asked.
    pub total: Option<i64>,
}

impl<T> Page<T> {
    /// A page of at most `limit` out of the rows that were read, one of which more tells that more follow.
    fn of(mut items: Vec<T>, limit: usize, total: Option<i64>) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more, total }
    }
}
