//! Periodically stores the times at which keys were last used.

use crate::http::State;
use actix_web::web;
use std::time::Duration;

/// The longest time that a use is held only in memory.
const INTERVAL: Duration = Duration::from_secs(30);

/// Stores the collected uses periodically until the task is aborted.
pub async fn run(state: web::Data<State>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        write(&state).await;
    }
}

/// Stores the collected uses.
pub async fn write(state: &State) {
    if let Err(error) = state.credentials.write_uses().await {
        log::warn!("cannot store the times at which keys were last used: {error}");
    }
}
