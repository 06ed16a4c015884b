//! Wakes the followers of `/changes` when another process has committed, or when their keys have changed.

use crate::http::State;
use actix_web::web;
use std::time::Duration;

/// The pause between two checks. Followers must be woken within 500 ms.
const PAUSE: Duration = Duration::from_millis(250);

/// Checks the followed tenants and the keys of their followers until the task is aborted. Does nothing while there are no
/// followers. The two do not wait for each other, because there can be thousands of keys.
pub async fn run(state: web::Data<State>) {
    tokio::join!(check_heads(&state), check_keys(&state));
}

async fn check_heads(state: &State) {
    let mut failing = false;
    loop {
        state.followers.any().await;
        tokio::time::sleep(PAUSE).await;
        let checked = state.followers.check_heads(&state.database).await;
        if let Err(error) = &checked
            && !failing
        {
            log::warn!("cannot check for changes by other servers: {error}");
        }
        failing = checked.is_err();
    }
}

async fn check_keys(state: &State) {
    loop {
        state.followers.any().await;
        tokio::time::sleep(PAUSE).await;
        state.followers.check_keys(state).await;
    }
}
