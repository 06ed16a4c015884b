//! Background tasks. Their work is bounded and ends when the server stops.

pub mod digests;
pub mod erasures;
pub mod followers;
pub mod held;
pub mod old_changes;
pub mod requests;
pub mod retention;
pub mod uses;

use crate::db::Database;
use crate::domain::origin::Origin;
use crate::http::State;
use crate::ops::health::PendingMigrations;
use crate::panics;
use actix_web::rt::task::JoinHandle;
use actix_web::web;
use std::time::Duration;

/// The pause between two checks for pending migrations.
const MIGRATION_PAUSE: Duration = Duration::from_secs(1);

/// The pause before a task that has panicked is started again.
const PANIC_PAUSE: Duration = Duration::from_secs(5);

/// Starts a task that runs once no migration of this release is pending. Until then, tables or columns may be missing. If
/// the task panics, it starts again.
pub fn start<F: Future<Output = ()>>(
    name: &'static str,
    state: &web::Data<State>,
    is_migrated: bool,
    task: impl Fn(web::Data<State>) -> F + 'static,
) -> JoinHandle<()> {
    let state = state.clone();
    actix_web::rt::spawn(async move {
        while !is_migrated && !has_all_migrations(&state.database).await {
            tokio::time::sleep(MIGRATION_PAUSE).await;
        }
        supervise(name, PANIC_PAUSE, || task(state.clone())).await;
    })
}

async fn has_all_migrations(database: &Database) -> bool {
    matches!(database.call(&Origin::server(), PendingMigrations).await, Ok(0))
}

/// Runs a task to its end. If it panics, it starts again after a pause. Otherwise, a defect would end its work until the
/// server is restarted, and only the log would show it.
async fn supervise<F: Future<Output = ()>>(name: &str, pause: Duration, task: impl Fn() -> F) {
    while let Err(panic) = panics::catch(task()).await {
        log::error!(task = name; "a background task panicked and starts again in {pause:?}: {panic}");
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::time::Instant;

    #[actix_web::test]
    async fn a_task_that_panics_starts_again_after_a_pause() {
        let (pause, starts, began) = (Duration::from_millis(50), Cell::new(0), Instant::now());
        let task = || async {
            starts.set(starts.get() + 1);
            tokio::task::yield_now().await;
            assert!(starts.get() > 2, "deliberate");
        };
        supervise("test", pause, task).await;
        assert_eq!(starts.get(), 3);
        assert!(began.elapsed() >= 2 * pause, "the task started again without a pause");
    }
}
