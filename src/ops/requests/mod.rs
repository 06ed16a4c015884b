//! Operations on the recorded requests of connections.

mod erase;
mod list;
mod record;
mod retention;
mod rows;
mod summary;

pub use erase::{BeginSearch, EraseRequests, FindRequests, Found, Position};
pub(crate) use erase::{Search, has_requests, lock_connections, mark_time};
pub use list::{Filter, List, RequestPage, ResourceFilter, StatusFilter, UserFilter};
pub use record::Record;
pub use retention::{DeleteOld, KEPT, Next};
pub use summary::{Summarize, Summary};
