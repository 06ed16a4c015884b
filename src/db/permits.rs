//! Permits to hold large results in memory. They limit how many results of a class are in memory, from before they are
//! read until their responses have been built.

use super::{Class, DbError};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permits of one class.
pub(super) struct Permits {
    available: Arc<Semaphore>,
    /// The places in the queue of requests that wait for a permit.
    queue: Semaphore,
}

/// A permit to hold a large result in memory until this value is dropped.
#[derive(Debug)]
pub struct Permit {
    class: Class,
    _permit: OwnedSemaphorePermit,
}

impl Permit {
    /// Whether the permit suffices for a result of this class. A permit for a scan also permits reading a page.
    pub(super) fn suffices(&self, class: Class) -> bool {
        self.class == class || (self.class, class) == (Class::Scan, Class::Page)
    }
}

impl Permits {
    pub(super) fn new(permits: usize, queue: usize) -> Self {
        Self { available: Arc::new(Semaphore::new(permits)), queue: Semaphore::new(queue) }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self, class: Class, deadline: Instant) -> Result<Permit, DbError> {
        let available = self.available.clone();
        let permit = match available.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _place = self.queue.try_acquire().map_err(|_| DbError::Overloaded)?;
                let waited = tokio::time::timeout_at(deadline.into(), available.acquire_owned()).await;
                waited.map_err(|_| DbError::DeadlinePassed)?.map_err(|_| DbError::Stopping)?
            }
        };
        Ok(Permit { class, _permit: permit })
    }
}
